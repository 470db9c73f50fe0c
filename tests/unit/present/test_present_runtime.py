"""Every type that the runtime stores has a rule, for each of its values."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from random import Random
from types import SimpleNamespace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.client.amount import Currency
from btt_chain.present import Context, rule_of
from btt_chain.scale import u64, u128
from btt_chain.scale.hints import hints_of
from runtime.frame.items import TypedItem
from runtime.pallets.asset_registry import events as asset_events
from runtime.pallets.asset_registry.types import AssetInfo, BuyBack
from runtime.pallets.tier_staking.events import PremiumBought
from runtime.table import BttRuntime
from support.json_schema import conform
from support.tiers import amount
from support.values import Values

CHAIN: Final = Context(currency=Currency(), slot_ms=6_000, genesis_ms=1_764_547_200_000)
WITHOUT: Final = {"Events", "Freezes", "Holds", "IdentityOf", "SuperOf"}
"""Items whose types have a codec of their own in place of a structure."""
TAGS: Final = {"code", "dd", "dl", "dt", "li", "table", "tbody", "td", "th", "thead", "tr", "ul"}
NAMELESS: Final = SimpleNamespace(name=lambda _: None, link=str, words=str)
SEEDS: Final = st.integers(min_value=0, max_value=2**32)

pytestmark = pytest.mark.hypothesis


def kinds() -> Iterator[tuple[str, object]]:
    """Yield the name and the type of each item that pallets and their parts declare."""
    assert BttRuntime.__module__ in sys.modules  # imports all pallets
    for name, module in sorted(sys.modules.items()):
        for kind in vars(module).values() if name.startswith("runtime.pallets.") else ():
            if isinstance(kind, type) and kind.__module__ == name:
                for item in vars(kind).values():
                    if isinstance(item, TypedItem):
                        yield item.name, item._kind


KINDS: Final = list(kinds())


class Tags(HTMLParser):
    """The tags of a fragment, and the attributes that they have."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_only_types_without_a_structure_have_no_rule() -> None:
    without = set()
    for name, kind in KINDS:
        try:
            rule_of(kind)
        except TypeError:
            without.add(name)
    assert without == WITHOUT
    assert len(KINDS) > 200


@settings(max_examples=amount(4, 100), deadline=None)
@given(SEEDS)
def test_the_json_of_a_stored_value_is_read_again(seed: int) -> None:
    for name, kind in KINDS:
        if name not in WITHOUT:
            value = Values(Random(seed)).of(kind)
            document = json.loads(json.dumps(rule_of(kind).json(value, CHAIN)))
            assert rule_of(kind).read(document, CHAIN) == value, name
            conform(document, rule_of(kind).schema(CHAIN), name)
            on_site = replace(CHAIN, site=NAMELESS)
            conform(rule_of(kind).json(value, on_site), rule_of(kind).schema(on_site), name)
            if isinstance(document, dict):
                assert rule_of(kind).parse(json.dumps(document), CHAIN) == value, name


@settings(max_examples=amount(4, 100), deadline=None)
@given(SEEDS)
def test_any_value_has_a_text_a_cell_and_escaped_html(seed: int) -> None:
    # Without the no-break space, which is visible and yet not printable for Python.
    hostile = bytes({*range(256)} - {0xA0}) + 32 * b"<>&\"'"
    for name, kind in KINDS:
        if name not in WITHOUT:
            value = Values(Random(seed), alphabet=hostile).of(kind)
            form = rule_of(kind)
            assert form.text(value, CHAIN).isprintable(), name
            assert form.cell(value, CHAIN).isprintable(), name
            json.dumps(form.json(value, CHAIN))
            tags = Tags()
            tags.feed(form.html(value, CHAIN))
            assert tags.tags <= TAGS, name
            assert not tags.open, name
            assert not tags.attributes, name


@pytest.mark.parametrize(
    "kind",
    [
        AssetInfo, BuyBack, asset_events.AssetRegistered, asset_events.AssetIssued,
        asset_events.BuyBackOffered, asset_events.BoughtBack,
    ],
)  # fmt: skip
def test_units_of_an_asset_are_not_an_amount_of_money(kind: type) -> None:
    assert rule_of(hints_of(kind)["units"]).text(u128(1_000), CHAIN) == "1_000"


def test_access_to_a_premium_service_ends_at_a_time_of_the_chain() -> None:
    until = rule_of(hints_of(PremiumBought)["until"])
    assert until.text(u64(86_400_000), CHAIN) == "2025-12-02 00:00 UTC"
