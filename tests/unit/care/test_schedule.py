"""The wallet's rule of redemption, and attacks that link redemptions to patients (C6)."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import example, given
from hypothesis import strategies as st

from btt_chain.care.schedule import (
    MAX_CALL_POINTS,
    MAX_CALL_VOUCHERS,
    Calendar,
    Run,
    calls,
    due_slot,
    one_run,
)
from btt_chain.primitives.point_voucher import denominate
from support.care_linking import (
    Redemption,
    accounts_of,
    by_amount,
    by_chance,
    by_minute,
    by_run_after_a_pause,
    by_time,
    by_timer,
    month_of_appointments,
    redeemed,
)
from support.care_programs import CALENDAR

LIMIT = 1.5
PATIENTS = 10_000


@dataclass(frozen=True)
class Coin:
    account: int
    points: int
    due: int = 0
    month: int = 2


def test_vouchers_are_redeemed_after_the_closing_days_of_the_next_month() -> None:
    day = CALENDAR.day_slots
    window = CALENDAR.window(2)
    assert (window[0], window.stop, len(window)) == (93 * day, 120 * day, 27 * 24)
    assert CALENDAR.month(89 * day) == 2
    assert due_slot(CALENDAR, 2, 70 * day, lambda _below: 0) == window[0]
    assert due_slot(CALENDAR, 2, 70 * day, lambda below: below - 1) == window.stop - 1


def test_a_late_voucher_gets_a_slot_that_has_not_passed() -> None:
    day = CALENDAR.day_slots
    assert due_slot(CALENDAR, 2, 119 * day, lambda below: below - 1) == 120 * day - 1
    assert due_slot(CALENDAR, 2, 120 * day - 15, lambda _below: 0) == 120 * day - 10
    later = due_slot(CALENDAR, 2, 200 * day, lambda _below: 0)
    assert later == CALENDAR.window(6)[0] > 200 * day


@given(st.integers(0, 40), st.integers(0, 2**32))
def test_vouchers_that_are_overdue_are_redeemed_one_at_a_time(count: int, seed: int) -> None:
    """C6: a wallet that was off for weeks shows none of its accounts beside another one."""
    rng, day, hour = random.Random(seed), CALENDAR.day_slots, CALENDAR.hour_slots
    waiting = {number: Coin(number, 1, 93 * day) for number in range(count)}
    now, seen = 110 * day, list[int]()
    while waiting:
        run = one_run(list(waiting.values()), CALENDAR, now, rng.randrange)
        assert len(run.call) <= 1
        assert len([slot for _, slot in run.moved if slot <= now + hour]) <= 1
        for vouchers, slot in run.moved:
            assert now < slot <= now + hour + 7 * day
            waiting |= {coin.account: replace(coin, due=slot) for coin in vouchers}
        for coin in run.call:
            assert run.due is not None
            assert now < run.due <= now + hour
            seen.append(run.due)
            del waiting[coin.account]
        now += hour
    assert len(seen) == len(set(seen)) == count
    # Vouchers that got the same hour are missed by the run that makes the call of the first one.
    assert not seen or seen[-1] < 110 * day + 40 * day


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 500)), min_size=1, max_size=8),
    st.integers(0, 2**32),
)
@example([(0, 106), (1, 0)], 270)  # one that waits and one that is moved, to the same slot
@example([(0, 0), (0, 0)], 0)  # two of one account
def test_a_run_that_begins_again_waits_for_the_same_slot(
    held: list[tuple[int, int]], seed: int
) -> None:
    """C6: stopping the wallet until a time suits an observer changes no time."""
    rng, now = random.Random(seed), 100
    coins = [Coin(account, 1 + at, slot) for at, (account, slot) in enumerate(held)]
    first = one_run(coins, CALENDAR, now, rng.randrange)
    slots = {coin.points: slot for call, slot in first.moved for coin in call}
    kept = [replace(coin, due=slots.get(coin.points, coin.due)) for coin in coins]
    for later in range(now, now if first.due is None else first.due):
        again = one_run(kept, CALENDAR, later, rng.randrange)
        assert (again.due, again.moved) == (first.due, [])
        if first.call:
            assert [coin.points for coin in again.call] == [coin.points for coin in first.call]


def test_nothing_is_due_in_an_empty_wallet_and_far_vouchers_only_have_a_time() -> None:
    assert one_run(list[Coin](), CALENDAR, 5, lambda _below: 0) == Run((), None, [])
    far = [Coin(0, 25, 900), Coin(1, 5, 16)]
    assert one_run(far, CALENDAR, 5, lambda _below: 0) == Run((), 16, [])
    assert one_run(far, CALENDAR, 6, lambda _below: 0) == Run([far[1]], 16, [])


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
    appointments = month_of_appointments(2_000, rng, CALENDAR)
    found = redeemed(appointments, CALENDAR, rng)
    hours = Counter(CALENDAR.day(each.slot) for each in found)
    assert set(hours) == set(range(93, 120))
    assert max(hours.values()) < 1.25 * len(found) / 27


def test_the_facility_cannot_link_redemptions_to_its_patients() -> None:
    """C6: 10^4 patients; the best matcher by time and by amount finds at most 1.5 x chance."""
    rng = random.Random(1)
    appointments = month_of_appointments(PATIENTS, rng, CALENDAR)
    accounts = accounts_of(redeemed(appointments, CALENDAR, rng))
    chance = by_chance(accounts)
    found = (
        by_amount(accounts, appointments, together=False),
        by_time(accounts, appointments, CALENDAR, amounts=False),
        by_time(accounts, appointments, CALENDAR, amounts=True),
    )
    print([f"{share / chance:.2f}" for share in found])
    assert max(found) <= LIMIT * chance


def test_the_minute_of_a_timer_links_accounts_and_the_wallet_s_wait_does_not() -> None:
    """C6: why `points redeem` waits for a slot of its own; any reader sees the chain's times."""
    rng, calendar = random.Random(1), Calendar(day_slots=24 * 600)
    found = redeemed(month_of_appointments(2_000, rng, calendar), calendar, rng)
    hour = calendar.hour_slots
    without = by_minute(by_timer(found, hour, rng), hour)
    waiting = by_minute(found, hour)
    missed = by_minute(by_run_after_a_pause(found, calendar, rng), hour)
    print(f"by the minute: {without:.0f} x chance; {waiting:.2f} as it is, {missed:.2f} if missed")
    assert without > 100
    assert max(waiting, missed) <= LIMIT


def test_one_account_for_a_facility_s_points_would_be_linked() -> None:
    """The attack works where there is something to find: sums of points are nearly names."""
    rng = random.Random(1)
    appointments = month_of_appointments(2_000, rng, CALENDAR)
    accounts = accounts_of(redeemed(appointments, CALENDAR, rng, together=True))
    found = by_amount(accounts, appointments, together=True)
    assert found > 20 * by_chance(accounts)


def test_redeeming_by_the_time_of_the_appointment_would_be_linked() -> None:
    rng = random.Random(1)
    appointments = month_of_appointments(2_000, rng, CALENDAR)
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
