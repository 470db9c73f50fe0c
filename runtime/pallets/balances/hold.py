"""Holds: money of an account that is set aside for a reason. Source: `fungible::hold`."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.scale import u128
from runtime.frame import Component, Map, Reason, TokenError, TokenErrorKind
from runtime.pallets.balances import events
from runtime.pallets.balances.formulas import (
    amount_of,
    not_needed_by_locks,
    references,
    sum_of,
    untouchable,
    with_amount,
)
from runtime.pallets.balances.fungible import Fungible
from runtime.pallets.balances.types import MAX_HOLDS, Hold, Holds


class FungibleHold(Component):
    """Holds on accounts. Holds for an offsetting reason count towards locks, others do not."""

    fungible: Fungible
    existential_deposit: u128
    holds: Map[AccountId, Holds]
    offsetting: tuple[Reason, ...]

    def setup(self) -> None:
        """Keep the map of accounts, which every call here reads."""
        self.account = self.fungible.account

    # ---- public interface: queries

    def held(self, reason: Reason, who: AccountId) -> u128:
        """Return the amount of `who` on hold for `reason`."""
        return amount_of(self.holds[who], reason)

    def unlocked(self, reason: Reason, who: AccountId) -> u128:
        """Return the amount on hold for `reason` that no lock needs."""
        held = self.held(reason, who)
        if reason not in self.offsetting:
            return held
        return min(held, not_needed_by_locks(self.account[who].data))

    def total_held(self, who: AccountId) -> int:
        """Return the sum of all holds of `who`."""
        return sum_of(self.holds[who])

    def not_offsetting(self, who: AccountId) -> int:
        """Return the sum of the holds of `who` that do not count towards locks."""
        return sum_of([hold for hold in self.holds[who] if hold.id not in self.offsetting])

    # ---- public interface: changes

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put `amount` of free balance on hold for `reason`, in addition to existing holds.

        Holds for an offsetting reason may use locked money, others not. Raises TokenError:
        FundsUnavailable, Frozen, CannotCreateHold (too many reasons).
        """
        if not amount:
            return
        info = self.account[who]
        self._ensure_can_hold(who, info, amount, offsets=reason in self.offsetting)
        self._ensure_room_for(reason, self.holds[who])
        self._change_held(reason, who, held=amount, free=-amount, info=info)
        self.deposit(events.Held(reason, who, amount))

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Release `amount` on hold for `reason`. Raises TokenError FundsUnavailable."""
        if not amount:
            return
        if self.held(reason, who) < amount:
            raise TokenError(TokenErrorKind.FundsUnavailable)
        self._change_held(reason, who, held=-amount, free=amount)
        self.deposit(events.Released(reason, who, amount))

    def transfer_on_hold(
        self,
        reason: Reason,
        source: AccountId,
        dest: AccountId,
        amount: u128,
        *,
        on_hold: bool,
        force: bool = False,
    ) -> None:
        """Transfer `amount` on hold to `dest`, free there or on hold for the same reason.

        `force` (slashing) takes even what a lock of the source needs. Raises TokenError:
        FundsUnavailable, Frozen, CannotCreate (too little to create `dest`), CannotCreateHold.
        """
        if not amount:
            return
        self._ensure_can_take_held(reason, source, amount, force=force)
        if source == dest:
            if not on_hold:
                self.release(reason, source, amount)
            return
        payee = self.account[dest]
        if not self.fungible.may_receive(dest, payee, amount):
            raise TokenError(TokenErrorKind.CannotCreate)
        if on_hold:
            if not payee.providers:
                raise TokenError(TokenErrorKind.CannotCreateHold)
            self._ensure_room_for(reason, self.holds[dest])
            self._change_held(reason, dest, held=amount)
        else:
            self.fungible.pay_in(dest, payee, amount)
        self._change_held(reason, source, held=-amount)
        self.deposit(events.TransferOnHold(reason, source, dest, amount))

    def burn_held(
        self, reason: Reason, who: AccountId, amount: u128, *, force: bool = False
    ) -> None:
        """Burn `amount` on hold for `reason`. Raises TokenError FundsUnavailable and Frozen.

        `force` (slashing) takes even what a lock of the account needs.
        """
        if not amount:
            return
        self._ensure_can_take_held(reason, who, amount, force=force)
        self._change_held(reason, who, held=-amount)
        self.fungible.count_burned(amount)
        self.deposit(events.BurnedHeld(reason, who, amount))

    # ---- internals

    def _ensure_can_hold(
        self, who: AccountId, info: AccountInfo, amount: u128, *, offsets: bool
    ) -> None:
        left = int(info.data.free) - int(amount)
        needed = info.providers == 1 and not self.fungible.is_exempt(who, info)
        if left < (self.existential_deposit if needed else 0):
            raise TokenError(TokenErrorKind.FundsUnavailable)
        if not offsets and left < untouchable(info.data):
            raise TokenError(TokenErrorKind.Frozen)

    def _ensure_room_for(self, reason: Reason, holds: list[Hold]) -> None:
        if len(holds) >= MAX_HOLDS and not amount_of(holds, reason):
            raise TokenError(TokenErrorKind.CannotCreateHold)

    def _ensure_can_take_held(
        self, reason: Reason, who: AccountId, amount: u128, *, force: bool
    ) -> None:
        if amount > self.held(reason, who):
            raise TokenError(TokenErrorKind.FundsUnavailable)
        if force or reason not in self.offsetting:
            return
        if amount > not_needed_by_locks(self.account[who].data):
            raise TokenError(TokenErrorKind.Frozen)

    def _change_held(
        self,
        reason: Reason,
        who: AccountId,
        *,
        held: int,
        free: int = 0,
        info: AccountInfo | None = None,
    ) -> None:
        """Add `held` to the hold for `reason` and `free` to the free balance.

        `info` is the record of `who` if the caller has read it.
        """
        info = self.account[who] if info is None else info
        data = info.data
        before = references(data, self.existential_deposit)
        data.free += free
        data.reserved += held
        if data.frozen and reason not in self.offsetting:
            data.frozen += held
        self.fungible.settle(who, info, before)
        holds = self.holds[who]
        changed = with_amount(holds, Hold(reason, amount_of(holds, reason) + held))
        if changed:
            self.holds[who] = changed
        else:
            del self.holds[who]
