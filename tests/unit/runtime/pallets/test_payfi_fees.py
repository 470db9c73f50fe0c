"""Fees to the planck; and what a merchant cannot gain by splitting or buying volume.

* P5, volume bought by payments to oneself: `test_buying_volume_never_pays`,
  `test_volume_is_never_bought_with_profit_payment_by_payment`
* P6, a payment in parts against the higher burn: `test_a_payment_in_parts_never_costs_less`,
  `test_parts_save_at_most_half_a_percent_of_the_fee_from_burning`
* P22, units near the maximum, prices near zero: `test_amounts_at_the_ends_of_their_range`
"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btt_chain.scale import u16, u32, u128
from runtime.constants import BTT
from runtime.pallets.payfi.fees import DECIMALS, fee_of, gross_of, legs_of, standard_bps, terms_of
from runtime.pallets.payfi.types import Legs, Rates, Terms
from runtime.splits import BPS

FULL = 100_000 * int(BTT)
THRESHOLD = 10_000 * int(BTT)
RATES = Rates()
ONE = int(BTT)
DISCOUNT = 2_000
amounts = st.integers(1, 10**26)


def evenly(least: int, most: int) -> st.SearchStrategy[int]:
    """Return amounts that lie evenly between two; of a wide range, integers are mostly small."""
    places, rest = st.integers(0, 1_000), st.integers(0, 2)
    return st.builds(lambda at, more: min(most, least + (most - least) * at // 1_000 + more),
                     places, rest)  # fmt: skip


volumes = evenly(0, 2 * FULL)


def terms(volume: int = 0, *, conversion: bool = False, plan: int = 0, discount: int = 0) -> Terms:
    currency = b"CNY" if conversion else b"BTT"
    return terms_of(
        RATES, plan=plan, currency=currency, volume=volume, full=FULL, discount=discount
    )


@pytest.mark.parametrize(
    ("gross", "of", "std", "parts", "net"),
    [
        (1, terms(), 80, (1, 0, 1, 0, 0), 0),
        (2, terms(), 80, (1, 0, 1, 0, 0), 1),
        (
            125 * ONE,
            terms(conversion=True),
            80,
            (
                1_937_500_000_000_000_000,
                9_687_500_000_000_000,
                963_906_250_000_000_001,
                642_604_166_666_666_666,
                321_302_083_333_333_333,
            ),
            123_062_500_000_000_000_000,
        ),
        (
            10_000 * ONE,
            terms(50_000 * ONE, plan=1),
            65,
            (
                90 * ONE,
                900_000_000_000_000_000,
                44_550_000_000_000_000_000,
                29_700_000_000_000_000_000,
                14_850_000_000_000_000_000,
            ),
            9_910 * ONE,
        ),
        (
            100_000 * ONE,
            terms(FULL, conversion=True, plan=1, discount=DISCOUNT),
            50,
            (1_200 * ONE, 12 * ONE, 594 * ONE, 396 * ONE, 198 * ONE),
            98_800 * ONE,
        ),
        (
            333_333_333_333_333_333_333,
            terms(1, conversion=True, plan=1),
            80,
            (
                6_000_000_000_000_000_001,
                30_600_000_000_000_000,
                2_984_700_000_000_000_001,
                1_989_800_000_000_000_000,
                994_900_000_000_000_000,
            ),
            327_333_333_333_333_333_332,
        ),
    ],
)
def test_golden_fees(gross: int, of: Terms, std: int, parts: tuple[int, ...], net: int) -> None:
    legs = legs_of(gross, of, THRESHOLD)
    assert of.standard == std
    assert (legs.fee, legs.burn, legs.development, legs.foundation, legs.reserve) == parts
    assert legs.net == net


def test_the_rate_falls_from_the_first_planck_of_volume_to_the_full_volume() -> None:
    assert standard_bps(RATES, 0, FULL) == 80
    assert standard_bps(RATES, FULL // 30 - 1, FULL) == 80
    assert standard_bps(RATES, FULL // 30 + 1, FULL) == 79
    assert standard_bps(RATES, FULL - 1, FULL) == 51
    assert standard_bps(RATES, FULL, FULL) == 50
    assert standard_bps(RATES, 10 * FULL, FULL) == 50


@given(gross=amounts, volume=volumes, plan=st.booleans(), conversion=st.booleans())
def test_the_parts_add_up_and_rates_stay_in_the_documents_corridor(
    gross: int, volume: int, plan: bool, conversion: bool
) -> None:
    of = terms(volume, conversion=conversion, plan=int(plan))
    legs = legs_of(gross, of, THRESHOLD)
    assert legs.net + legs.fee == gross
    assert 50 <= of.standard <= 80
    rate = int(of.standard) + int(of.conversion) + int(of.analytics)
    assert gross * rate <= legs.fee * BPS < gross * rate + 3 * BPS
    assert legs.fee * 50 // BPS <= legs.burn <= legs.fee * 100 // BPS
    assert legs.foundation == (legs.fee - legs.burn) * 2 // 6


@given(real=evenly(0, FULL - 1), bought=evenly(1, FULL), discount=st.sampled_from((0, DISCOUNT)))
@example(real=0, bought=FULL, discount=0)
@example(real=FULL - 1, bought=1, discount=DISCOUNT)
def test_buying_volume_never_pays(real: int, bought: int, discount: int) -> None:
    """Even if all volume is bought at the lowest rate of all, before anything real is sold.

    For 30 days of real volume one must have bought in those 30 days; the rate then is that of both.
    """
    bare = fee_of(real, terms(real, discount=discount)) if real else 0
    with_bought = fee_of(real, terms(real + bought, discount=discount)) if real else 0
    cost = fee_of(bought, terms(FULL, discount=discount))
    # Rates are whole basis points: at a border one planck of volume is worth a hundredth percent
    # of all real volume. It falls below that border again without the next planck.
    step = int(fee_of(real, Terms(u16(1), u16(0), u16(0), u16(discount)))) if real else 0
    assert bare - with_bought <= cost + step


@given(
    sales=st.lists(st.tuples(evenly(1, FULL // 2), st.booleans()), min_size=1, max_size=40),
    discount=st.sampled_from((0, DISCOUNT)),
)
def test_volume_is_never_bought_with_profit_payment_by_payment(
    sales: list[tuple[int, bool]], discount: int
) -> None:
    """A merchant that mixes payments to itself into its sales, in any order, pays more fees."""

    def fees(kept: list[tuple[int, bool]]) -> int:
        volume, paid = 0, 0
        for gross, _ in kept:
            paid += int(fee_of(gross, terms(volume, discount=discount)))
            volume += gross
        return paid

    honest = [sale for sale in sales if not sale[1]]
    step = sum(gross for gross, own in sales if not own) // BPS + len(sales)
    assert fees(sales) + step >= fees(honest)


@given(gross=st.integers(2, 10**25), cuts=st.lists(st.integers(1, 10**6), min_size=2, max_size=10))
def test_a_payment_in_parts_never_costs_less(gross: int, cuts: list[int]) -> None:
    for of in (terms(), terms(conversion=True, plan=1), terms(plan=1, discount=DISCOUNT)):
        parts = divided(gross, cuts)
        assert sum(int(fee_of(part, of)) for part in parts) >= fee_of(gross, of)


@given(
    # Parts below the value from which the burned part is at its maximum, of a whole above it.
    gross=st.one_of(evenly(THRESHOLD // 2, 10 * THRESHOLD), st.integers(2, 10**25)),
    cuts=st.lists(st.integers(1, 10**6), min_size=2, max_size=10),
)
@example(gross=THRESHOLD, cuts=[1] * 10)
def test_parts_save_at_most_half_a_percent_of_the_fee_from_burning(
    gross: int, cuts: list[int]
) -> None:
    whole = legs_of(gross, terms(), THRESHOLD)
    burned = sum(int(legs_of(part, terms(), THRESHOLD).burn) for part in divided(gross, cuts))
    assert int(whole.burn) - burned <= whole.fee * 50 // BPS + len(cuts)


def divided(gross: int, cuts: list[int]) -> list[int]:
    """Divide an amount in the ratio of `cuts`."""
    parts = [gross * cut // sum(cuts) for cut in cuts]
    return [*parts[:-1], gross - sum(parts[:-1])]


# ---- prices


@pytest.mark.parametrize(
    ("units", "currency", "price", "gross"),
    [
        (5_000, b"CNY", 4 * 10**17, 125 * ONE),
        (1, b"CNY", 4 * 10**17, ONE // 40),
        (1, b"JPY", 10 * ONE, ONE // 10),
        (300, b"USD", 3 * ONE, ONE),
        (100, b"USD", 3 * ONE, 333_333_333_333_333_334),
        (1, b"EUR", u128.MAX, 1),
        (0, b"EUR", 1, 0),
    ],
)
def test_amounts_in_other_currencies_round_up(
    units: int, currency: bytes, price: int, gross: int
) -> None:
    assert gross_of(units, currency, price) == gross


@given(units=st.integers(0, u128.MAX), price=st.integers(1, u128.MAX))
@example(units=u128.MAX, price=1)
@example(units=1, price=u128.MAX)
def test_amounts_at_the_ends_of_their_range(units: int, price: int) -> None:
    for currency, decimals in DECIMALS.items():
        gross = gross_of(units, currency, price)
        worth = gross * price * 10**decimals
        assert worth >= units * 10**36 > worth - price * 10**decimals or not units


def test_currencies_have_the_minor_units_of_iso_4217() -> None:
    assert DECIMALS == {b"BTT": 18, b"CNY": 2, b"EUR": 2, b"HKD": 2, b"JPY": 0, b"USD": 2}


# ---- rates


@pytest.mark.parametrize(
    ("rates", "word"),
    [
        (Rates(low=u16(49)), "standard"),
        (Rates(high=u16(81)), "standard"),
        (Rates(low=u16(71), high=u16(70)), "standard"),
        (Rates(conversion=u16(76)), "conversion"),
        (Rates(analytics=u16(26)), "analytics"),
        (Rates(full_volume_parts=u32(20)), "full volume"),
        (Rates(full_volume_parts=u32(2_101)), "full volume"),
        (Rates(bond=100 * BTT - 1), "bond"),
        (Rates(bond=10_000 * BTT + 1), "bond"),
        (Rates(unjudged_payment=u128(1)), "limits"),
        (Rates(unjudged_day=u128(BTT)), "limits"),
        (Rates(unjudged_day=100_000 * BTT + 1), "limits"),
    ],
)
def test_rates_have_bounds(rates: Rates, word: str) -> None:
    assert RATES.problem() is None
    assert word in (rates.problem() or "")


def test_legs_add_and_subtract_part_by_part() -> None:
    one, other = legs_of(10**20, terms(), THRESHOLD), legs_of(10**19, terms(), THRESHOLD)
    assert one.plus(other).minus(other) == one
    assert one.plus(other).net == one.net + other.net
    assert Legs().fee == Legs().net == 0
