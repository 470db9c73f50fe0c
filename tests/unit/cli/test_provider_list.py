"""Words of `provider list` about a provider."""

from __future__ import annotations

from btt_chain.present import Context
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u128
from cli.commands.provider import Seen, last_seen, load, takes_jobs
from runtime.pallets.jobs.views import ProviderView
from runtime.pallets.providers.types import ProviderInfo, ProviderKind


def seen(*, chilled: bool = False, age: int = 0, busy: int = 0) -> Seen:
    who, key, era = AccountId(bytes(32)), bytes(32), 20
    info = ProviderInfo(ProviderKind.Home, None, [u16(0)], u32(2), key, key, b"")
    view = ProviderView(
        who, None, info, u128(1_000), u128(10), u128(0), capacity=u32(2), busy=u32(busy),
        last_heartbeat=u32(era - age), chilled=chilled, lost=u128(0),
    )  # fmt: skip
    return Seen(view, u32(era), u32(1))


def test_a_provider_that_is_silent_or_full_is_not_shown_as_one_that_takes_jobs() -> None:
    def takes(*, chilled: bool = False, age: int = 0, busy: int = 0) -> str:
        return takes_jobs(seen(chilled=chilled, age=age, busy=busy), Context())

    assert takes() == takes(age=1, busy=1) == "yes"
    assert takes(age=9) == "no: no heartbeat for 9 eras"
    assert takes(busy=2) == "no: it has all that it takes"
    assert takes(chilled=True, age=9).startswith("no: it was chilled")


def test_load_and_heartbeat_are_texts() -> None:
    assert load(seen(busy=1), Context()) == "1 of 2"
    assert [last_seen(seen(age=age), Context()) for age in (0, 1, 3)] == [
        "in this era", "1 era ago", "3 eras ago",
    ]  # fmt: skip
