"""The limits of a card: payment, day, category and expiry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.pallets.payfi.limits import (
    VOUCHER_DAYS,
    Bounds,
    Breach,
    Charge,
    Spent,
    breach,
    charged,
    given_back,
    spent_on,
)

DAY = 60_000
NOW = 10 * DAY + 5
BOUNDS = Bounds(payment=100, day=250, categories=(8062,), expires_ms=20 * DAY)
CHARGE = Charge(amount=100, category=8062, expires_ms=11 * DAY)
NOTHING = Spent(0, 0)


def refusal(bounds: Bounds = BOUNDS, spent: Spent = NOTHING, charge: Charge = CHARGE) -> object:
    return breach(bounds, spent, charge, NOW, DAY)


def test_a_payment_at_its_limits_is_accepted() -> None:
    assert refusal() is None
    assert refusal(spent=Spent(10, 150)) is None


@pytest.mark.parametrize(
    ("charge", "expected"),
    [
        (CHARGE._replace(amount=101), Breach.PAYMENT),
        (CHARGE._replace(category=5411), Breach.CATEGORY),
        (CHARGE._replace(expires_ms=NOW), Breach.EXPIRED),
        (CHARGE._replace(expires_ms=NOW + VOUCHER_DAYS * DAY + 1), Breach.EXPIRED),
        (CHARGE._replace(expires_ms=NOW + VOUCHER_DAYS * DAY), None),
        (CHARGE._replace(expires_ms=NOW + 1), None),
    ],
)
def test_each_limit_refuses_what_exceeds_it(charge: Charge, expected: Breach | None) -> None:
    assert refusal(charge=charge) is expected


def test_an_expired_card_pays_nothing() -> None:
    assert refusal(BOUNDS._replace(expires_ms=NOW)) is Breach.EXPIRED
    assert refusal(BOUNDS._replace(expires_ms=NOW + 1)) is None


def test_a_card_without_categories_pays_any_merchant() -> None:
    assert refusal(BOUNDS._replace(categories=()), charge=CHARGE._replace(category=1)) is None


def test_the_limit_of_a_day_counts_this_day_only() -> None:
    assert refusal(spent=Spent(10, 151)) is Breach.DAY
    assert refusal(spent=Spent(9, 250)) is None
    assert spent_on(Spent(9, 250), 10) == 0


def test_released_money_comes_back_to_the_limit_on_the_same_day_only() -> None:
    spent = charged(NOTHING, 200, 10)
    assert given_back(spent, 150, charged_on=10, day=10) == Spent(10, 50)
    assert given_back(spent, 150, charged_on=10, day=11) == spent
    later = charged(spent, 70, 11)
    assert later == Spent(11, 70)
    assert given_back(later, 200, charged_on=10, day=11) == later


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 120), st.booleans()), max_size=40))
def test_no_day_exceeds_its_limit(steps: list[tuple[int, int, bool]]) -> None:
    day, spent, open_, used = 10, NOTHING, list[tuple[int, int]](), dict[int, int]()
    for gap, amount, release in steps:
        day += gap
        if release and open_:
            at, held = open_.pop()
            spent = given_back(spent, held, charged_on=at, day=day)
            used[at] -= held if at == day else 0
        elif (
            breach(
                BOUNDS,
                spent,
                CHARGE._replace(amount=amount, expires_ms=day * DAY + 9),
                day * DAY,
                DAY,
            )
            is None
            or day >= 20
        ):
            if day >= 20:
                return
            spent = charged(spent, amount, day)
            open_.append((day, amount))
            used[day] = used.get(day, 0) + amount
        assert spent_on(spent, day) == used.get(day, 0) <= BOUNDS.day
