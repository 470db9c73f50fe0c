"""The wallet's rule of redemption, and attacks that link redemptions to patients (C6)."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from btt_chain.care.schedule import MAX_CALL_POINTS, MAX_CALL_VOUCHERS, Calendar, calls, due_slot
from btt_chain.primitives.point_voucher import denominate
from support.care_linking import (
    Redemption,
    accounts_of,
    by_amount,
    by_chance,
    by_time,
    redeemed,
    town,
)
from support.care_programs import CALENDAR

LIMIT = 1.5
PATIENTS = 10_000


@dataclass(frozen=True)
class Coin:
    account: int
    points: int


def test_vouchers_are_redeemed_after_the_closing_days_of_the_next_month() -> None:
    day = CALENDAR.day_slots
    window = CALENDAR.window(2)
    assert (window[0], window.stop, len(window)) == (93 * day, 120 * day, 27 * 24)
    assert CALENDAR.month(89 * day) == 2
    assert due_slot(CALENDAR, 2, 70 * day, lambda _below: 0) == window[0]
    assert due_slot(CALENDAR, 2, 70 * day, lambda below: below - 1) == window[-1]


def test_a_late_voucher_gets_an_hour_that_has_not_passed() -> None:
    day = CALENDAR.day_slots
    assert due_slot(CALENDAR, 2, 119 * day, lambda below: below - 1) == 120 * day - 10
    later = due_slot(CALENDAR, 2, 200 * day, lambda _below: 0)
    assert later == CALENDAR.window(6)[0] > 200 * day


def test_days_shorter_than_a_day_of_hours_still_have_hours() -> None:
    assert Calendar(day_slots=6).hour_slots == 1
    assert len(Calendar(day_slots=6).window(0)) == 27 * 6


@given(st.lists(st.builds(Coin, st.integers(0, 3), st.sampled_from((1, 5, 25, 100))), max_size=200))
def test_each_call_is_of_one_account_and_within_the_limits(coins: list[Coin]) -> None:
    made = calls(coins, random.Random(1).shuffle)
    assert sum(len(call) for call in made) == len(coins)
    assert Counter(coin for call in made for coin in call) == Counter(coins)
    for call in made:
        assert len({coin.account for coin in call}) == 1
        assert len(call) <= MAX_CALL_VOUCHERS
        assert sum(coin.points for coin in call) <= MAX_CALL_POINTS


def test_hours_are_uniform_and_independent_of_the_appointment() -> None:
    rng = random.Random(3)
    appointments = town(2_000, rng, CALENDAR)
    found = redeemed(appointments, CALENDAR, rng)
    hours = Counter(CALENDAR.day(each.slot) for each in found)
    assert set(hours) == set(range(93, 120))
    assert max(hours.values()) < 1.25 * len(found) / 27


def test_the_facility_cannot_link_redemptions_to_its_patients() -> None:
    """C6: 10^4 patients; the best matcher by time and by amount finds at most 1.5 x chance."""
    rng = random.Random(1)
    appointments = town(PATIENTS, rng, CALENDAR)
    accounts = accounts_of(redeemed(appointments, CALENDAR, rng))
    chance = by_chance(accounts)
    found = (
        by_amount(accounts, appointments, together=False),
        by_time(accounts, appointments, CALENDAR, amounts=False),
        by_time(accounts, appointments, CALENDAR, amounts=True),
    )
    print([f"{share / chance:.2f}" for share in found])
    assert max(found) <= LIMIT * chance


def test_one_account_for_a_facility_s_points_would_be_linked() -> None:
    """The attack works where there is something to find: sums of points are nearly names."""
    rng = random.Random(1)
    appointments = town(PATIENTS, rng, CALENDAR)
    accounts = accounts_of(redeemed(appointments, CALENDAR, rng, together=True))
    found = by_amount(accounts, appointments, together=True)
    assert found > 20 * by_chance(accounts)


def test_redeeming_by_the_time_of_the_appointment_would_be_linked() -> None:
    rng = random.Random(1)
    appointments = town(2_000, rng, CALENDAR)
    prompt = [
        [
            Redemption(
                appointment.patient,
                (appointment.patient, n),
                appointment.slot + 30 * CALENDAR.day_slots,
                each,
            )
        ]
        for appointment in appointments
        for n, each in enumerate(
            denomination.points for denomination in denominate(appointment.points)
        )
    ]
    assert by_time(prompt, appointments, CALENDAR, amounts=False) > 10 * by_chance(prompt)
