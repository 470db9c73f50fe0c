"""What a committee's votes come to: a function of the votes alone."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from btt_chain.work import ids
from runtime.pallets.receipts.types import Missing, Receipt, Seat, Valid, Wrong, WrongEdge


class Ruling(Enum):
    """What follows from the votes of those who voted."""

    STANDS = "stands"
    """Enough found it valid, nobody wrong, and nobody missed anything that these did not get."""
    DISPUTED = "disputed"
    """Somebody found it wrong and has to prove that."""
    WITHHELD = "withheld"
    """More than half did not get what they asked for."""
    MISSED = "missed"
    """Somebody did not: whatever the others say, all have to look at that."""
    UNDECIDED = "undecided"
    """Too few votes: others have to look at it."""


def rule(receipt: Receipt, quorum: int) -> Ruling:
    """Rule on the votes on a receipt; empty seats count towards nothing.

    A valid vote counts if it is of a round after all in which something was missed. A provider
    that serves all but what is wrong would be paid else: who asks for that misses it, and who
    does not ask finds nothing.
    """
    seats = receipt.seats
    if found_wrong(seats):
        return Ruling.DISPUTED
    missing = found_missing(seats)
    if 2 * len(missing) > max(len(seats), quorum):
        return Ruling.WITHHELD
    if missing:
        return Ruling.MISSED
    if sum(has_seen(receipt, seat) for seat in found_valid(seats)) >= quorum:
        return Ruling.STANDS
    return Ruling.UNDECIDED


def found_valid(seats: Sequence[Seat]) -> list[Seat]:
    """Return the seats that found the receipt valid."""
    return [seat for seat in seats if isinstance(seat.verdict, Valid)]


def found_wrong(seats: Sequence[Seat]) -> list[Seat]:
    """Return the seats that found it wrong."""
    return [seat for seat in seats if isinstance(seat.verdict, Wrong | WrongEdge)]


def found_missing(seats: Sequence[Seat]) -> list[Seat]:
    """Return the seats that did not get a leaf."""
    return [seat for seat in seats if isinstance(seat.verdict, Missing)]


def has_seen(receipt: Receipt, seat: Seat) -> bool:
    """Tell whether a seat looks at all that anybody missed."""
    return all(round < seat.round for round, _ in receipt.missed)


def missed_before(receipt: Receipt, seat: Seat) -> list[int]:
    """Return what was missed before a seat's round: it looks at that besides what it drew."""
    return sorted({int(item) for round, item in receipt.missed if round < seat.round})


def seen_by(receipt: Receipt, seat: Seat, items: int, looked_at: int) -> list[int]:
    """Return the items that a seat looked at, ascending, once its luck is revealed."""
    return ids.sample(seat.rho, items, looked_at, missed_before(receipt, seat))


def overlooked(receipt: Receipt, item: int, items: int, looked_at: int) -> list[Seat]:
    """Return the seats that looked at an item and found it valid."""
    return [
        seat
        for seat in found_valid(receipt.seats)
        if item in seen_by(receipt, seat, items, looked_at)
    ]
