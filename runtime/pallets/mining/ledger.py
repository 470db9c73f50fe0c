"""The ledger of the emission: which part of the mining pool is in which state.

Invariant, to the planck: `paid + owed + unallocated + unemitted == allocated`.
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame import Component, Value
from runtime.frame.traits import Payer
from runtime.pallets.mining import errors, events
from runtime.pallets.mining.types import PoolBalance


class EmissionLedger(Component):
    """Sums of the emission in planck, and all payments from the pool."""

    _pool: AccountId
    _currency: PoolBalance
    _payer: Payer

    allocated = Value(u128, default=u128(0))
    """The pool at genesis, in planck."""
    unemitted = Value(u128, default=u128(0))
    """Emission of the current era and all later ones, in planck."""
    owed = Value(u128, default=u128(0))
    """Emission that can be claimed, in planck."""
    paid = Value(u128, default=u128(0))
    """Amount paid from the pool, in planck."""
    unallocated = Value(u128, default=u128(0))
    """Unallocated emission: emitted and not earned, in planck."""
    unallocated_spent = Value(u128, default=u128(0))
    """Cost of the chain's own jobs in the current era, in planck."""

    def fund(self) -> None:
        """Take the pool's balance as the allocation, at genesis."""
        pool = self._currency.total(self._pool)
        self.allocated.value = self.unemitted.value = pool

    def emit(self, amount: int, owed: int) -> None:
        """Emit an amount: `owed` of it can be claimed, the rest is unallocated."""
        self.unemitted.value -= amount
        self.owed.value += owed
        self.unallocated.value += amount - owed

    def pay(self, who: AccountId, reward: int, released: int) -> None:
        """Pay `reward` out of the owed amount `released`; the rest becomes unallocated."""
        if reward:
            self._payer.pay(self._pool, who, u128(reward), discretionary=False)
        self.owed.value -= released
        self.paid.value += reward
        self.unallocated.value += released - reward

    def expire(self, amount: u128) -> None:
        """Make an owed amount unallocated."""
        self.owed.value -= amount
        self.unallocated.value += amount

    def room(self, limit: int) -> int:
        """Return the part of an era's limit that the chain's own jobs have not cost yet."""
        return limit - int(self.unallocated_spent.value)

    def spend(self, to: AccountId, amount: u128, limit: int) -> None:
        """Pay unallocated emission for a job of the chain, within the limit of the era.

        Raises UnallocatedLimitReached, UnallocatedExhausted, or the errors of the payment.
        """
        if amount > self.room(limit):
            raise errors.UnallocatedLimitReached
        if amount > self.unallocated.value:
            raise errors.UnallocatedExhausted
        self._payer.pay(self._pool, to, amount, discretionary=False)

        self.unallocated.value -= amount
        self.paid.value += amount
        self.unallocated_spent.value += amount
        self.deposit(events.UnallocatedSpent(to, amount))
