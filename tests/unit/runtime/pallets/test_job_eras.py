"""The prices of the classes of machines: each moves once in an era, one in a block."""

from __future__ import annotations

import pytest

from btt_chain.scale import u16, u32, u64, u128
from runtime import block_weights as block
from runtime.frame import ROOT
from runtime.pallets.jobs import weights
from runtime.pallets.jobs.types import Market as Prices
from runtime.pallets.models.types import ModelClass
from support.market import EPOCH, Market

CLASSES = 6


@pytest.fixture
def market() -> Market:
    """Return a market with six classes of machines that each sold more than all providers offer."""
    made = Market()
    for number in range(1, CLASSES):
        model_class = ModelClass(
            b"class %d" % number, u128(5_000), u128(1_000), u128(70_000), u32(5)
        )
        made.models.set_class(ROOT, u16(number), model_class)
    for number in range(CLASSES):
        base = made.jobs.prices.market(number).base
        made.jobs.prices.markets[u16(number)] = Prices(base, u64(10**12))
    return made


def moved(market: Market) -> list[int]:
    """Return the classes whose price was moved: what they sold counts from nothing again."""
    return [number for number in range(CLASSES) if market.jobs.prices.market(number).sold == 0]


def test_an_era_moves_the_price_of_one_class_in_a_block(market: Market) -> None:
    market.step(EPOCH)
    assert moved(market) == [0]
    for number in range(1, CLASSES):
        market.step()
        assert moved(market) == list(range(number + 1))
    assert market.jobs.prices.unmoved.value == []


def test_the_block_that_begins_an_era_weighs_one_class_and_not_all(market: Market) -> None:
    for number in range(CLASSES, 64):  # as many as there can be
        model_class = ModelClass(
            b"class %d" % number, u128(5_000), u128(1_000), u128(70_000), u32(5)
        )
        market.models.set_class(ROOT, u16(number), model_class)
    market.clock.slot += EPOCH
    weight = market.jobs.on_initialize(market.number)
    assert weight >= weights.LOOK + weights.move_price(3) + 64 * block.READ
    assert weight <= weights.LOOK + weights.move_price(3) + 64 * block.READ + 3 * block.WRITE
    assert len(market.jobs.prices.unmoved.value) == 63


def test_what_is_sold_counts_until_the_price_of_its_class_moves(market: Market) -> None:
    market.step(EPOCH)
    assert market.jobs.prices.market(0).sold == 0
    assert market.jobs.prices.market(1).sold == 10**12
    market.step()
    assert market.jobs.prices.market(1).sold == 0


def test_classes_that_an_era_with_few_blocks_left_come_first_in_the_next(market: Market) -> None:
    market.step(EPOCH)
    market.step()
    assert moved(market) == [0, 1]
    market.step(EPOCH)
    assert moved(market) == [0, 1, 2]
    market.run(3)
    assert moved(market) == [0, 1, 2, 3, 4, 5]
    assert market.jobs.prices.unmoved.value == [0, 1]
