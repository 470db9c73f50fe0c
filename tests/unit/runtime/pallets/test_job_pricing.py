"""Pricing: charges round up, and prices move within their bounds."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import u128
from runtime.pallets.jobs import pricing
from runtime.pallets.jobs.types import Params, Tier, Urgency

PARAMS = Params()
AMOUNT = st.integers(0, 10**24)
URGENCIES: dict[Urgency, Fraction] = {
    Urgency.Routine: Fraction(1),
    Urgency.Urgent: Fraction(5, 4),
    Urgency.Emergency: Fraction(3, 2),
}


@given(st.integers(0, 10**12), st.integers(1, 4_096))
def test_begun_units_of_work_are_whole(macs: int, items: int) -> None:
    assert pricing.work_of(macs, items) == ceil(Fraction(macs * items, 10**9))


@pytest.mark.parametrize(
    ("macs", "committed", "items", "paid"),
    [
        # VGG16 of 240 x 240: 17.6 GMAC and 17.5 MB an item.
        (17_600_000_000, 17_500_000, 1, 19),
        (17_600_000_000, 17_500_000, 100, 1_872),
        # A U-Net of one axis: 4.1 GMAC and 24.6 MB an item.
        (4_100_000_000, 24_600_000, 1, 6),
        (4_100_000_000, 24_600_000, 1_000, 5_675),
        (936_000_000, 1_000_000, 1, 1),
        (936_000_001, 1_000_000, 1, 2),
    ],
)
def test_a_byte_of_leaves_is_paid_like_64_multiplications(
    macs: int, committed: int, items: int, paid: int
) -> None:
    assert pricing.work_of(pricing.priced_macs(macs, committed), items) == paid
    assert pricing.priced_macs(macs, 0) == macs


@given(st.integers(0, 10**9), AMOUNT, st.sampled_from(Urgency), st.integers(0, 10**12))
def test_a_price_is_work_by_urgency_and_data(
    work: int, base: int, urgency: Urgency, data: int
) -> None:
    exact = ceil(work * base * URGENCIES[urgency]) + ceil(Fraction(data, 1 << 20)) * 10**13
    price = pricing.price_of(work, base, urgency, data, PARAMS)
    assert price == max(exact, 10**15)


@given(AMOUNT, st.integers(1, 4_096), st.data())
def test_a_verifier_gets_half_again_what_half_the_work_costs(
    price: int, items: int, data: st.DataObject
) -> None:
    sample_count = data.draw(st.integers(1, items))
    fee = pricing.fee_of(price, items, sample_count, PARAMS)
    assert fee == max(10**15, ceil(Fraction(3 * price * sample_count, 4 * items)))


@given(AMOUNT)
def test_a_deposit_is_two_percent(price: int) -> None:
    assert pricing.deposit_of(price) == ceil(Fraction(price, 50))


@pytest.mark.parametrize(("tier", "verification"), [(Tier.Open, 35), (Tier.Confidential, 0)])
def test_all_that_is_held_adds_up(tier: Tier, verification: int) -> None:
    quote = pricing.quote(3, 1_000, 7, 5, tier)
    assert (quote.price, quote.verification, quote.deposit) == (1_000, verification, 20)
    assert quote.total == 1_020 + verification
    assert isinstance(quote.price, u128)


@given(AMOUNT, st.integers(0, 10**12), st.integers(-1, 10**12), AMOUNT, AMOUNT)
def test_a_price_moves_little_and_stays_within_its_bounds(
    base: int, sold: int, offered: int, one: int, other: int
) -> None:
    least, most = sorted((one, other))
    if offered <= 0:
        assert pricing.moved(base, sold, offered, least, most) == base
        return
    after = pricing.moved(base, sold, offered, least, most)
    assert least <= after <= most
    free = pricing.moved(base, sold, offered, 0, 10**40)
    assert base - base * 875 // 10_000 - 1 <= free <= base + base * 375 // 10_000
    used = Fraction(sold, offered)
    assert free >= base if used >= Fraction(7, 10) else free <= base
