"""Locks and freezes: amounts that must not leave an account.

Source: `LockableCurrency` and `fungible::freeze` of frame_support.
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.frame import Component, Map, Reason
from runtime.frame.traits import Reasons
from runtime.pallets.balances import errors, events
from runtime.pallets.balances.formulas import lock_level, references, with_amount
from runtime.pallets.balances.fungible import Fungible
from runtime.pallets.balances.hold import FungibleHold
from runtime.pallets.balances.types import BalanceLock, Freeze, Freezes, Locks


class LockableCurrency(Component):
    """Locks and freezes of accounts. They overlap: the greatest counts."""

    fungible: Fungible
    existential_deposit: u128
    fungible_hold: FungibleHold
    locks: Map[AccountId, Locks]
    freezes: Map[AccountId, Freezes]
    max_freezes: u32

    def setup(self) -> None:
        """Keep the map of accounts, which every call here reads."""
        self.account = self.fungible.account

    # ---- public interface: queries

    def lockable(self, who: AccountId) -> u128:
        """Return the amount of `who` that a lock can cover: all but stakes and escrows."""
        firm = self.fungible_hold.not_offsetting(who)
        return u128(int(self.fungible.total(who)) - firm)

    # ---- public interface: locks

    def set_lock(self, id: bytes, who: AccountId, amount: u128, reasons: Reasons) -> None:
        """Set the lock `id` to `amount`; zero removes it."""
        self._set_locks(who, with_amount(self.locks[who], BalanceLock(id, amount, reasons)))

    def remove_lock(self, id: bytes, who: AccountId) -> None:
        """Remove the lock `id`."""
        self.set_lock(id, who, u128(0), Reasons.All)

    # ---- public interface: freezes

    def set_freeze(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Set the freeze for `reason` to `amount`; zero removes it. Raises TooManyFreezes."""
        freezes = with_amount(self.freezes[who], Freeze(reason, amount))
        if len(freezes) > self.max_freezes:
            raise errors.TooManyFreezes
        change = self._refreeze(who, self.locks[who], freezes)
        if freezes:
            self.freezes[who] = freezes
        else:
            del self.freezes[who]
        if change > 0:
            self.deposit(events.Frozen(who, u128(change)))
        elif change < 0:
            self.deposit(events.Thawed(who, u128(-change)))

    def thaw(self, reason: Reason, who: AccountId) -> None:
        """Remove the freeze for `reason`."""
        self.set_freeze(reason, who, u128(0))

    # ---- internals

    def _set_locks(self, who: AccountId, locks: list[BalanceLock]) -> None:
        change = self._refreeze(who, locks, self.freezes[who])
        if locks:
            self.locks[who] = locks
        else:
            del self.locks[who]
        if change > 0:
            self.deposit(events.Locked(who, u128(change)))
        elif change < 0:
            self.deposit(events.Unlocked(who, u128(-change)))

    def _refreeze(self, who: AccountId, locks: list[BalanceLock], freezes: list[Freeze]) -> int:
        """Apply `locks` and `freezes` to the account's data; return the change of its lock."""
        info = self.account[who]
        data = info.data
        before = references(data, self.existential_deposit)
        firm = self.fungible_hold.not_offsetting(who)
        old = int(data.frozen) - firm if data.frozen else 0
        new = lock_level(locks, freezes)
        if new != old:
            data.frozen = u128(new + firm if new else 0)
            self.fungible.settle(who, info, before)
        return new - old
