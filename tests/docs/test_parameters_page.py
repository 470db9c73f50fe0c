"""The page of parameters names calls and events that exist, and no setter is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from btt_chain.scale import u64
from runtime import BttRuntime
from runtime.frame import Event
from runtime.params import RuntimeParams

PAGE = Path(__file__).parents[2] / "docs" / "governance.md"
OWN = ("System", "Balances", "Utility", "Timestamp", "Proxy")
"""Pallets whose setters do not set parameters but code, balances or time."""
BY_ACCOUNTS = {
    "Identity": ("set_identity", "set_subs", "set_fee", "set_account_id", "set_fields"),
    "Models": ("set_endpoints", "set_licence"),
    "PayFi": ("set_card", "set_own_policy"),
    "Providers": ("set_availability",),
    "Referenda": ("set_metadata",),
    "Scheduler": ("set_retry", "set_retry_named"),
    "Session": ("set_keys",),
    "Sudo": ("set_key",),
}


@pytest.fixture(scope="module")
def runtime() -> BttRuntime:
    return BttRuntime(RuntimeParams(u64(6_000)))


def rows() -> list[tuple[list[str], list[str]]]:
    """Return the calls and events of each row."""
    chapter = PAGE.read_text().split("## Parameters")[1].split("\n## ")[0]
    found = []
    for line in chapter.splitlines():
        cells = line.split("|")
        if len(cells) == 6 and "`" in line:
            found.append((named(cells[2]), named(cells[4])))
    return found


def named(cell: str) -> list[str]:
    return re.findall(r"`(\w+\.\w+)`", cell)


def test_each_parameter_has_a_call_and_an_event_that_exist(runtime: BttRuntime) -> None:
    assert len(rows()) > 10
    for calls, events in rows():
        assert len(calls) == len(events)
        for call in calls:
            pallet, _, name = call.partition(".")
            assert name in {one.name for one in runtime.pallet_named(pallet).CALLS.values()}, call
        for event in events:
            pallet, _, name = event.partition(".")
            kinds: list[type[Event]] = list(runtime.pallet_named(pallet).EVENTS.values())
            assert name in {kind.__name__ for kind in kinds}, event


def test_every_setter_is_on_the_page_on_governance(runtime: BttRuntime) -> None:
    listed = {call for calls, _ in rows() for call in calls}
    setters = {
        f"{pallet.name}.{one.name}"
        for pallet in runtime.pallets.values()
        for one in pallet.CALLS.values()
        if one.name.startswith("set_")
        and pallet.name not in OWN
        and one.name not in BY_ACCOUNTS.get(pallet.name, ())
    }
    assert setters <= listed, (
        f"{sorted(setters - listed)}: add rows to the table of parameters in docs/governance.md, "
        "or list the calls in BY_ACCOUNTS of this test if any account may make them"
    )
