"""Result of a committee's votes, computed from the votes alone."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from btt_chain.work import ids
from runtime.pallets.receipts.types import Missing, Receipt, Seat, Valid, Wrong, WrongEdge


class Ruling(Enum):
    """Result of the revealed votes."""

    STANDS = "stands"
    """A quorum of valid votes covers all missed items; no vote reports an error or a miss."""
    DISPUTED = "disputed"
    """At least one verifier reported an error and must prove it."""
    WITHHELD = "withheld"
    """More than half of the seats reported a missing leaf."""
    MISSED = "missed"
    """At least one verifier reported a missing leaf: another round must check its item."""
    UNDECIDED = "undecided"
    """Too few valid votes: other verifiers must check the receipt."""


def rule(receipt: Receipt, quorum: int) -> Ruling:
    """Return the result of the votes on a receipt; seats without a verdict count for nothing.

    A valid vote counts only if its round is later than every round in which an item was missed.
    Otherwise a provider that serves everything except the wrong leaves would be paid: verifiers
    that request these report them as missing, and the others find no error.
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
    """Return the seats that reported an error."""
    return [seat for seat in seats if isinstance(seat.verdict, Wrong | WrongEdge)]


def found_missing(seats: Sequence[Seat]) -> list[Seat]:
    """Return the seats that reported a missing leaf."""
    return [seat for seat in seats if isinstance(seat.verdict, Missing)]


def has_seen(receipt: Receipt, seat: Seat) -> bool:
    """Return True if a seat's round is later than all rounds with missed items."""
    return all(round < seat.round for round, _ in receipt.missed)


def missed_before(receipt: Receipt, seat: Seat) -> list[int]:
    """Return the items missed before a seat's round, which it checks besides its own sample."""
    return sorted({int(item) for round, item in receipt.missed if round < seat.round})


def seen_by(receipt: Receipt, seat: Seat, items: int, sample_count: int) -> list[int]:
    """Return the items that a seat checked, ascending, once its randomness is revealed."""
    return ids.sample(seat.rho, items, sample_count, missed_before(receipt, seat))


def overlooked(receipt: Receipt, item: int, items: int, sample_count: int) -> list[Seat]:
    """Return the seats that checked an item and found it valid."""
    return [
        seat
        for seat in found_valid(receipt.seats)
        if item in seen_by(receipt, seat, items, sample_count)
    ]
