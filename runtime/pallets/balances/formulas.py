"""Rules of one account's balance, as functions of the stored data.

An account's balance is `free + reserved`. A part may not be spent although it is free:

* the *lock* is the greatest of all locks and freezes;
* reserved money of the *offsetting* kind (returnable deposits, bonds) counts towards the lock, any
  other (stakes that earn, escrows) does not;
* so the owner may spend `free - max(0, lock - offsetting)`.

Wallets compute `free - max(0, frozen - reserved)`. Both agree because `frozen` is stored as `lock +
reserved that does not offset`, or zero where there is no lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from btt_chain.primitives.account import AccountData, AccountInfo
from btt_chain.scale import u128
from runtime.frame.traits import Reasons
from runtime.pallets.balances.types import BalanceLock, Freeze, Hold, ReserveData

E = TypeVar("E", BalanceLock, Freeze, Hold, ReserveData)


class References(NamedTuple):
    """References that an account's balance implies."""

    blank: bool
    """The account has no balance at all."""
    provides: bool
    """The free balance provides for the account: it reaches the existential deposit."""
    consumes: bool
    """Reserved or locked balance keeps the account from being removed."""


def references(data: AccountData, existential_deposit: int) -> References:
    """Return the references that the balance of an account implies."""
    consumes = bool(data.reserved or data.frozen)
    return References(not (data.free or consumes), data.free >= existential_deposit, consumes)


def may_lose_provider(info: AccountInfo) -> bool:
    """Return True if the account may lose its balance's provider reference."""
    return not info.consumers or info.providers > 1


def untouchable(data: AccountData) -> int:
    """Return the part of the free balance that locks cover."""
    return max(0, int(data.frozen) - int(data.reserved))


def not_needed_by_locks(data: AccountData) -> u128:
    """Return the offsetting reserve that no lock needs."""
    if not data.frozen:
        return data.reserved
    return u128(max(0, int(data.free) + int(data.reserved) - int(data.frozen)))


def lock_level(locks: Sequence[BalanceLock], freezes: Sequence[Freeze]) -> int:
    """Return the amount that must stay in the account. Locks and freezes overlap."""
    return max(
        max((int(lock.amount) for lock in locks), default=0),
        max((int(freeze.amount) for freeze in freezes), default=0),
    )


def fee_lock_level(locks: Sequence[BalanceLock], freezes: Sequence[Freeze]) -> int:
    """Return the amount that may not be spent even on transaction fees."""
    return lock_level([lock for lock in locks if lock.reasons is not Reasons.Misc], freezes)


def amount_of(entries: Sequence[E], key: object) -> u128:
    """Return the amount under `key`; zero if there is none."""
    return next((entry.amount for entry in entries if entry.id == key), u128(0))


def with_amount(entries: Sequence[E], entry: E) -> list[E]:
    """Return the entries with `entry` instead of the one of its id; zero amounts are removed."""
    changed = [entry if known.id == entry.id else known for known in entries]
    if all(known.id != entry.id for known in entries):
        changed.append(entry)
    return [kept for kept in changed if kept.amount]


def sum_of(entries: Sequence[E]) -> int:
    """Return the sum of all amounts."""
    return sum(int(entry.amount) for entry in entries)
