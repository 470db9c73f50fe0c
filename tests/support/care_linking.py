"""Attacks that link redemptions to patients: pure functions over what the attacker has.

The strongest attacker is the facility itself: it has each patient, the time of each appointment
and the
points, and it sees on the chain when which account redeemed how much. It sorts accounts and
vouchers into classes that time and amount allow it to distinguish, and matches at random within a
class. Chance is what it has without time and amount: it knows how many accounts each patient has,
and assigns all of them at random. Shares are expected values, so they hardly vary.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from btt_chain.care.schedule import Calendar, calls, due_slot
from btt_chain.primitives.point_voucher import denominate


@dataclass(frozen=True)
class Appointment:
    """An activity, as the facility knows it."""

    patient: int
    slot: int
    points: int


@dataclass(frozen=True)
class Redemption:
    """A call, as the chain shows it; `patient` is the truth, which the attacker does not have."""

    patient: int
    account: tuple[int, int]
    slot: int
    points: int


@dataclass(frozen=True)
class Coin:
    """A voucher of the simulation."""

    patient: int
    account: int
    points: int
    due: int


def month_of_appointments(
    patients: int, rng: random.Random, calendar: Calendar, month: int = 2
) -> list[Appointment]:
    """Appointments of a month: one to four a patient, of the points of a few rules."""
    first = month * 30 * calendar.day_slots
    length = 30 * calendar.day_slots
    return [
        Appointment(patient, first + rng.randrange(length), rng.choice((12, 20, 31, 40, 55, 137)))
        for patient in range(patients)
        for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))
    ]


def redeemed(
    appointments: Iterable[Appointment], calendar: Calendar, rng: random.Random, *,
    together: bool = False,
    month: int = 2,
) -> list[Redemption]:  # fmt: skip
    """Redeem the vouchers of appointments by the wallet's rule."""
    coins: dict[int, list[Coin]] = defaultdict(list)
    for appointment in appointments:
        for denomination in denominate(appointment.points):
            mine = coins[appointment.patient]
            number = 0 if together else len(mine)
            due = due_slot(calendar, month, appointment.slot, rng.randrange)
            mine.append(Coin(appointment.patient, number, denomination.points, due))
    found: list[Redemption] = []
    for patient, mine in coins.items():
        for due in sorted({coin.due for coin in mine}):
            now = [coin for coin in mine if coin.due == due]
            found += [
                Redemption(patient, (patient, call[0].account), due, sum(c.points for c in call))
                for call in calls(now, rng.shuffle)
            ]
    rng.shuffle(found)
    return found


# ---- the attacker

Account = list[Redemption]
Wanted = dict[Hashable, Counter[int]]
"""For each class, how many accounts of it each patient must have."""


def accounts_of(redemptions: Sequence[Redemption]) -> list[Account]:
    """Return the redemptions of each account: these the chain links."""
    found: dict[tuple[int, int], Account] = defaultdict(list)
    for each in redemptions:
        found[each.account].append(each)
    return list(found.values())


def matched(
    accounts: Sequence[Account], wanted: Wanted, class_of: Callable[[Account], Hashable]
) -> float:
    """Return the expected share of accounts that are matched to their patient."""
    sizes = {name: places.total() for name, places in wanted.items()}
    right = 0.0
    for account in accounts:
        name = class_of(account)
        if name in sizes:
            right += wanted[name][account[0].patient] / sizes[name]
    return right / len(accounts)


def by_chance(accounts: Sequence[Account]) -> float:
    """Return the share without time and amount."""
    return matched(
        accounts, {None: Counter(account[0].patient for account in accounts)}, lambda _: None
    )


def by_amount(
    accounts: Sequence[Account], appointments: Iterable[Appointment], *, together: bool
) -> float:
    """Return the share of an attacker who uses amounts."""
    wanted: Wanted = defaultdict(Counter)
    for patient, amounts in amounts_of(appointments, together=together).items():
        for amount in amounts:
            wanted[amount][patient] += 1
    return matched(accounts, wanted, total)


def by_time(
    accounts: Sequence[Account],
    appointments: Iterable[Appointment],
    calendar: Calendar,
    *,
    amounts: bool,
) -> float:
    """Return the best share of attackers who suppose some days from appointment to redemption.

    With `amounts` they look at the amount of each redemption, too.
    """
    coins = [
        (appointment.patient, calendar.day(appointment.slot), denomination.points)
        for appointment in appointments
        for denomination in denominate(appointment.points)
    ]

    def share(lag: int) -> float:
        wanted: Wanted = defaultdict(Counter)
        for patient, day, points in coins:
            wanted[day + lag, points if amounts else 0][patient] += 1

        def class_of(account: Account) -> Hashable:
            first = min(each.slot for each in account)
            return calendar.day(first), total(account) if amounts else 0

        return matched(accounts, wanted, class_of)

    return max(share(lag) for lag in LAGS)


LAGS = range(12, 51, 6)
"""Days from an appointment to its redemption that the attackers try."""


def total(account: Account) -> int:
    """Return the points that an account redeemed."""
    return sum(each.points for each in account)


def amounts_of(
    appointments: Iterable[Appointment], *, together: bool = False
) -> dict[int, list[int]]:
    """Return the amounts of the accounts of each patient, known from its appointments."""
    found: dict[int, list[int]] = defaultdict(list)
    for appointment in appointments:
        found[appointment.patient] += [each.points for each in denominate(appointment.points)]
    if together:
        return {patient: [sum(amounts)] for patient, amounts in found.items()}
    return dict(found)


def by_minute(found: Sequence[Redemption], hour: int) -> float:
    """Return how much better than chance another account of a patient is found by the minute.

    The attacker has public data only. It takes the redemptions of the same place within an hour.
    """
    of_phase: dict[int, list[int]] = defaultdict(list)
    for each in found:
        of_phase[each.slot % hour].append(each.patient)
    hits = pairs = 0
    for patients in of_phase.values():
        pairs += len(patients) * (len(patients) - 1)
        hits += sum(count * (count - 1) for count in Counter(patients).values())
    owners = Counter(each.patient for each in found)
    chance = sum(count * (count - 1) for count in owners.values())
    return (hits / pairs) / (chance / (len(found) * (len(found) - 1)))


def by_timer(found: Sequence[Redemption], hour: int, rng: random.Random) -> list[Redemption]:
    """Return redemptions as hourly timers would make them if the wallet did not wait."""
    phases = phases_of(found, hour, rng)
    return [
        replace(each, slot=each.slot + (phases[each.patient] - each.slot) % hour) for each in found
    ]


def by_run_after_a_pause(
    found: Sequence[Redemption], calendar: Calendar, rng: random.Random
) -> list[Redemption]:
    """Return redemptions whose slots all passed before the timer of their wallet ran again."""
    phases = phases_of(found, calendar.hour_slots, rng)
    made = []
    for each in found:
        run = each.slot + (phases[each.patient] - each.slot) % calendar.hour_slots
        made.append(replace(each, slot=calendar.next_hour(run, rng.randrange)))
    return made


def phases_of(found: Sequence[Redemption], hour: int, rng: random.Random) -> dict[int, int]:
    """Return the slot of an hour in which the timer of each patient runs."""
    return {patient: rng.randrange(hour) for patient in dict.fromkeys(e.patient for e in found)}
