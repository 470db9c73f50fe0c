"""What a committee's votes come to: a function of the votes alone."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from btt_chain.work import ids
from runtime.pallets.receipts.types import Missing, Seat, Valid, Wrong, WrongEdge


class Ruling(Enum):
    """What follows from the votes of those who voted."""

    STANDS = "stands"
    """Enough found it valid, and nobody wrong."""
    DISPUTED = "disputed"
    """Somebody found it wrong and has to prove that."""
    WITHHELD = "withheld"
    """More than half did not get what they asked for."""
    UNDECIDED = "undecided"
    """Too few votes: others have to look at it."""


def rule(seats: Sequence[Seat], quorum: int) -> Ruling:
    """Rule on the votes in `seats`; empty seats count towards nothing."""
    if found_wrong(seats):
        return Ruling.DISPUTED
    if len(found_valid(seats)) >= quorum:
        return Ruling.STANDS
    missing = [seat for seat in seats if isinstance(seat.verdict, Missing)]
    if 2 * len(missing) > max(len(seats), quorum):
        return Ruling.WITHHELD
    return Ruling.UNDECIDED


def found_valid(seats: Sequence[Seat]) -> list[Seat]:
    """Return the seats that found the receipt valid."""
    return [seat for seat in seats if isinstance(seat.verdict, Valid)]


def found_wrong(seats: Sequence[Seat]) -> list[Seat]:
    """Return the seats that found it wrong."""
    return [seat for seat in seats if isinstance(seat.verdict, Wrong | WrongEdge)]


def overlooked(seats: Sequence[Seat], item: int, items: int, looked_at: int) -> list[Seat]:
    """Return the seats that looked at an item and found it valid."""
    return [seat for seat in found_valid(seats) if item in ids.sample(seat.rho, items, looked_at)]
