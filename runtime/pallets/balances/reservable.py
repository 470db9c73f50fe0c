"""Reserves, named or not, which always count towards locks; locks and freezes.

Source: `ReservableCurrency` and `NamedReservableCurrency` of frame_support.
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.scale import u32, u128
from runtime.frame import Component, Map, Reason
from runtime.frame.traits import Reasons
from runtime.pallets.balances import errors, events
from runtime.pallets.balances.formulas import amount_of, lock_level, references, sum_of, with_amount
from runtime.pallets.balances.fungible import Fungible
from runtime.pallets.balances.hold import FungibleHold
from runtime.pallets.balances.packed import reserved_in
from runtime.pallets.balances.types import (
    BalanceLock,
    Freeze,
    Freezes,
    Locks,
    ReserveData,
    Reserves,
)


class ReservableCurrency(Component):
    """Reserves of accounts: returnable deposits."""

    fungible: Fungible
    existential_deposit: u128
    fungible_hold: FungibleHold
    reserves: Map[AccountId, Reserves]
    max_reserves: u32

    def setup(self) -> None:
        """Keep the map of accounts, which every call here reads."""
        self.account = self.fungible.account

    # ---- public interface: unnamed reserves

    def reserve(self, who: AccountId, amount: u128) -> None:
        """Reserve free balance, locked or not.

        Raises InsufficientBalance; ConsumerRemaining if too little would stay free.
        """
        if not amount:
            return
        info = self.account[who]
        if info.data.free < amount:
            raise errors.InsufficientBalance
        self._change_reserved(who, reserved=amount, free=-amount, info=info)
        self.deposit(events.Reserved(who, amount))

    def unreserve(self, who: AccountId, amount: u128) -> u128:
        """Release up to `amount` of the unnamed reserve; return the missing part of `amount`."""
        actual = min(amount, self._unnamed_reserve(who))
        self._free_reserved(who, actual)
        return amount - actual

    # ---- public interface: named reserves

    def reserved_named(self, name: bytes, who: AccountId) -> u128:
        """Return the amount of `who` reserved under `name`."""
        return amount_of(self.reserves[who], name)

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        """Reserve under a name of eight bytes. Raises like `reserve`, and TooManyReserves."""
        if not amount:
            return
        reserves = self.reserves[who]
        named = amount_of(reserves, name)
        if not named and len(reserves) >= self.max_reserves:
            raise errors.TooManyReserves
        self.reserve(who, amount)
        self._set_named(who, reserves, ReserveData(name, named + amount))

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Release up to `amount` reserved under `name`; return the missing part of `amount`."""
        reserves = self.reserves[who]
        named = amount_of(reserves, name)
        actual = min(amount, named)
        self._set_named(who, reserves, ReserveData(name, named - actual))
        self._free_reserved(who, actual)
        return amount - actual

    def slash_reserved_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Move up to `amount` reserved under `name` to the treasury; return the missing part."""
        reserves = self.reserves[who]
        named = amount_of(reserves, name)
        actual = min(amount, named)
        self._set_named(who, reserves, ReserveData(name, named - actual))
        self._forfeit_reserved(who, actual)
        return amount - actual

    # ---- internals

    def _unnamed_reserve(self, who: AccountId) -> u128:
        """Return the reserved balance that is neither on hold nor named."""
        named = self.fungible_hold.total_held(who) + sum_of(self.reserves[who])
        raw = self.account.raw(who)
        return u128((0 if raw is None else reserved_in(raw)) - named)

    def _change_reserved(
        self, who: AccountId, *, reserved: int, free: int = 0, info: AccountInfo | None = None
    ) -> None:
        """Add `reserved` to the offsetting reserve and `free` to the free balance.

        `info` is the record of `who` if the caller has read it.
        """
        info = self.account[who] if info is None else info
        before = references(info.data, self.existential_deposit)
        info.data.reserved += reserved
        info.data.free += free
        self.fungible.settle(who, info, before)

    def _free_reserved(self, who: AccountId, amount: u128) -> None:
        if amount:
            self._change_reserved(who, reserved=-amount, free=amount)
            self.deposit(events.Unreserved(who, amount))

    def _forfeit_reserved(self, who: AccountId, amount: u128) -> None:
        if amount:
            self._change_reserved(who, reserved=-amount)
            self.deposit(events.Slashed(who, amount))
            self.fungible.credit(self.fungible.treasury, amount)

    def _set_named(self, who: AccountId, reserves: list[ReserveData], entry: ReserveData) -> None:
        changed = sorted(with_amount(reserves, entry), key=lambda known: known.id)
        if changed:
            self.reserves[who] = changed
        else:
            del self.reserves[who]


class LockableCurrency(Component):
    """Locks and freezes: amounts that must not leave an account. The greatest of them counts.

    Source: `LockableCurrency` and `fungible::freeze` of frame_support.
    """

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
