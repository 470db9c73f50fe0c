"""Bonds: money on hold that is unbonded in parts, each of which can be withdrawn after a delay.

A ledger has an active part and the parts being unbonded, oldest first. Slashes take the active part
first, then the latest unbonded ones; so unbonding does not save money from a slash.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.scale import Compact, TypeName, path, u32, u128


@path("btt_runtime::UnlockChunk", params={"Balance": u128})
@dataclass(slots=True)
class UnlockChunk:
    """A part of a bond that is being unbonded."""

    value: Annotated[Compact[u128], TypeName("Balance")]
    due: Annotated[Compact[u32], TypeName("u32")]
    """Era or session from which it can be withdrawn; the pallet says which of them it counts."""


class BondLedger(Protocol):
    """The record of a bond, in planck; pallets add fields of their own."""

    active: u128
    unlocking: list[UnlockChunk]


def unlocking_total(ledger: BondLedger) -> int:
    """Return the amount that is being unbonded, in planck."""
    return sum(int(chunk.value) for chunk in ledger.unlocking)


def has_room(ledger: BondLedger, due: int, max_chunks: int) -> bool:
    """Return True if a further part that can be withdrawn from `due` on fits into the ledger."""
    unlocking = ledger.unlocking
    return len(unlocking) < max_chunks or (bool(unlocking) and unlocking[-1].due == due)


def unbond(ledger: BondLedger, amount: u128, due: u32) -> None:
    """Move `amount` planck from the active part to those being unbonded; needs `has_room`."""
    ledger.active -= amount
    add_chunk(ledger, amount, due)


def add_chunk(ledger: BondLedger, amount: u128, due: u32) -> None:
    """Add a part that was taken out of the active one; check `has_room` before.

    Parts of one `due` become one chunk.
    """
    if ledger.unlocking and ledger.unlocking[-1].due == due:
        ledger.unlocking[-1].value += amount
    else:
        ledger.unlocking.append(UnlockChunk(amount, due))


def withdraw(ledger: BondLedger, now: int) -> u128:
    """Remove the chunks that are due; return their sum in planck, which the caller releases."""
    kept = [chunk for chunk in ledger.unlocking if chunk.due > now]
    before = unlocking_total(ledger)
    ledger.unlocking = kept
    return u128(before - unlocking_total(ledger))


def take(ledger: BondLedger, amount: int) -> None:
    """Take up to `amount` planck out: of the active part, then of the latest unbonded ones."""
    part = min(amount, int(ledger.active))
    ledger.active -= part
    amount -= part
    for chunk in reversed(ledger.unlocking):
        part = min(amount, int(chunk.value))
        chunk.value -= part
        amount -= part
    ledger.unlocking = [chunk for chunk in ledger.unlocking if chunk.value]
