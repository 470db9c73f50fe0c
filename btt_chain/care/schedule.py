"""The wallet's rule of redemption: which vouchers go together, with which account, and when.

Vouchers of month m count from the end of the closing days of month m + 1. The wallet redeems each
in a slot of the rest of that month, chosen at random when the voucher is collected: the time of an
appointment says nothing about it, nor does the minute in which a timer starts the wallet.

Amounts need a rule, too. The facility has the sum of each patient's points, and a sum is nearly a
name. So each voucher is redeemed alone and for an account of its own: the chain shows
only single denominations. One account for all points of a facility (`together`) is convenient, and
lets the facility find its patient by the sum; the wallet has one only when it is asked to.

A run of the wallet looks one hour ahead and makes one call at most: two calls of one moment would
show that their accounts belong together. It waits for the slot of its call. Vouchers whose slot
passed while the wallet was not running get another one at random: one of them in the next hour, the
others in the next seven days. Slots are kept in the wallet, so a wait that was interrupted goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Generic, Protocol, TypeVar

from btt_chain.lazyclass import dataclass

MAX_CALL_POINTS: Final = 500
"""Maximum points of one call."""
MAX_CALL_VOUCHERS: Final = 64
CLOSE_DAYS: Final = 3
"""Days of the next month in which facilities close a month."""
MONTH_DAYS: Final = 30
DAY_HOURS: Final = 24
POSTPONED_DAYS: Final = 7
"""Days in which vouchers get another slot that were due at the same time."""

Below = Callable[[int], int]
"""Return a uniform random number below another."""


class Redeemable(Protocol):
    """A voucher of the wallet, as far as the rule needs it."""

    @property
    def points(self) -> int:
        """Its points."""

    @property
    def account(self) -> int:
        """Number of the account that it is redeemed for."""


class Scheduled(Redeemable, Protocol):
    """A voucher with its slot."""

    @property
    def month(self) -> int:
        """Number of its month."""

    @property
    def due(self) -> int:
        """Slot in which it is redeemed."""


Voucher = TypeVar("Voucher", bound=Redeemable)
Held = TypeVar("Held", bound=Scheduled)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The months of a chain, in slots."""

    day_slots: int

    @property
    def hour_slots(self) -> int:
        """Slots of an hour: the last hour of a day is longer if they do not divide it."""
        return max(1, self.day_slots // DAY_HOURS)

    def day(self, slot: int) -> int:
        """Return the day of a slot, counted from genesis."""
        return slot // self.day_slots

    def month(self, slot: int) -> int:
        """Return the month of a slot."""
        return self.day(slot) // MONTH_DAYS

    def window(self, month: int) -> range:
        """Return the first slots of the hours in which vouchers of a month are redeemed."""
        first = ((month + 1) * MONTH_DAYS + CLOSE_DAYS) * self.day_slots
        last = (month + 2) * MONTH_DAYS * self.day_slots
        return range(first, last, self.hour_slots)

    def next_hour(self, now: int, below: Below) -> int:
        """Return a random slot of the hour that begins now."""
        return now + 1 + below(self.hour_slots)

    def next_week(self, now: int, below: Below) -> int:
        """Return a random slot of seven days, from the end of the hour that begins now."""
        return now + 1 + self.hour_slots + below(POSTPONED_DAYS * self.day_slots)


def due_slot(calendar: Calendar, month: int, now: int, below: Below) -> int:
    """Return the slot in which a voucher of a month is redeemed: a random one of the window.

    A voucher that is collected late gets one of the rest of the window, or of the next window.
    """
    window = calendar.window(month)
    passed = max(0, (now - window.start) // window.step + 1)
    rest = window[passed:] or calendar.window(calendar.month(now))
    return rest[below(len(rest))] + below(calendar.hour_slots)


@dataclass(frozen=True, slots=True)
class Run(Generic[Held]):
    """The part of a wallet's vouchers that one run redeems."""

    call: Sequence[Held]
    """Vouchers of one call; empty if none is due within an hour."""
    due: int | None
    """Slot of the call, or of the first one of a later run; None if no voucher waits."""
    moved: Sequence[tuple[Sequence[Held], int]]
    """Vouchers whose slot has passed, with their new ones."""


def one_run(held: Sequence[Held], calendar: Calendar, now: int, below: Below) -> Run[Held]:
    """Return the call that a run which starts now waits for, and the new slots of missed vouchers.

    A call that waits already keeps its slot: starting the wallet again and again changes nothing.
    """
    missed = list(calls_by_month([each for each in held if each.due <= now], below))
    moved: list[tuple[Sequence[Held], int]] = []
    if missed:
        first = missed.pop(below(len(missed)))
        moved.append((first, calendar.next_hour(now, below)))
        moved += [(call, calendar.next_week(now, below)) for call in missed]
    waiting = [(slot, each) for vouchers, slot in moved for each in vouchers]
    waiting += [(each.due, each) for each in held if each.due > now]
    if not waiting:
        return Run((), None, moved)
    due = min(slot for slot, _ in waiting)
    call = _first([each for slot, each in waiting if slot == due])
    return Run(call if due <= now + calendar.hour_slots else (), due, moved)


def _first(due: Sequence[Held]) -> list[Held]:
    """Return the call for vouchers of one slot, whatever their order.

    It is of one month and one account. The others are missed, and get another slot.
    """
    first = min((int(each.month), each.account) for each in due)
    same = [each for each in due if (int(each.month), each.account) == first]
    return _split(sorted(same, key=lambda each: each.points))[0]


def calls_by_month(due: Iterable[Held], below: Below) -> Iterator[list[Held]]:
    """Return the calls that redeem some vouchers, of one month and one account each."""
    of_month: dict[int, list[Held]] = {}
    for each in due:
        of_month.setdefault(int(each.month), []).append(each)
    for month in sorted(of_month):
        yield from calls(of_month[month], lambda order: _shuffle(order, below))


def _shuffle(order: list[Held], below: Below) -> None:
    for place in range(len(order) - 1, 0, -1):
        other = below(place + 1)
        order[place], order[other] = order[other], order[place]


def calls(due: Iterable[Voucher], shuffled: Callable[[list[Voucher]], None]) -> list[list[Voucher]]:
    """Return the calls that redeem some vouchers: one account each, within the limits of a call.

    The order is random, so that calls of one evening do not show their order in the wallet.
    """
    by_account: dict[int, list[Voucher]] = {}
    in_order = list(due)
    shuffled(in_order)
    for voucher in in_order:
        by_account.setdefault(voucher.account, []).append(voucher)
    made: list[list[Voucher]] = []
    for vouchers in by_account.values():
        made += _split(vouchers)
    return made


def _split(vouchers: Sequence[Voucher]) -> list[list[Voucher]]:
    found: list[list[Voucher]] = []
    points = 0
    for voucher in vouchers:
        full = not found or len(found[-1]) == MAX_CALL_VOUCHERS
        if full or points + voucher.points > MAX_CALL_POINTS:
            found.append([])
            points = 0
        found[-1].append(voucher)
        points += voucher.points
    return found
