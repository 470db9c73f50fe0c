"""Payments of fees, to which locks may not apply."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.scale import u128
from runtime.frame import Component, Map, TokenError, TokenErrorKind
from runtime.pallets.balances import events
from runtime.pallets.balances.formulas import fee_lock_level, lock_level, untouchable
from runtime.pallets.balances.packed import charged
from runtime.pallets.balances.types import Freezes, Locks
from runtime.pallets.system.pallet import System


class FeePayments(Component):
    """Withdrawals of fees. They never remove an account."""

    locks: Map[AccountId, Locks]
    freezes: Map[AccountId, Freezes]
    existential_deposit: u128
    system: System

    def setup(self) -> None:
        """Keep the values that every transaction uses."""
        self.account = self.system.account
        self._least = int(self.existential_deposit)
        self._withdrawn = self.event_prefix(events.Withdraw)

    # ---- public interface

    def can_withdraw(self, who: AccountId, info: AccountInfo, amount: u128, tip: u128) -> bool:
        """Return True if `who` can pay the fee `amount`, with `tip` in it, and stay alive."""
        return amount <= self._fee_balance(who, info) and self._can_tip(info, tip)

    def withdraw(self, who: AccountId, info: AccountInfo, amount: u128, tip: u128) -> None:
        """Withdraw a fee, `tip` included, and store `info`; `credit` must follow.

        Locks that do not apply to fees (vesting) apply to the tip only: a tip is a gift to an
        account of the sender's choice, and locked money must not be given away. The account is
        never removed. Raises TokenError: FundsUnavailable; Frozen for a tip of locked money.
        """
        if amount > self._fee_balance(who, info):
            raise TokenError(TokenErrorKind.FundsUnavailable)
        if not self._can_tip(info, tip):
            raise TokenError(TokenErrorKind.Frozen)
        info.data.free -= amount
        self.account[who] = info
        self.deposit_raw(self._withdrawn + who + amount.to_bytes(16, "little"))

    def withdraw_first(self, who: AccountId, record: bytes, amount: u128) -> bool:
        """Return True if a fee, tip included, was withdrawn from the encoded record of `who`.

        Its nonce is counted up, too. If False, nothing is changed, as a part of the balance is
        frozen, or too little would be left: `withdraw` decides then.
        """
        plain = int(amount)
        paid = charged(record, plain, self._least)
        if paid is None:
            return False
        self.host.state.put(self.account.key(who), paid)
        self.deposit_raw(self._withdrawn + who + plain.to_bytes(16, "little"))
        return True

    # ---- internals

    def _can_tip(self, info: AccountInfo, tip: u128) -> bool:
        """Return True if `tip` is neither locked nor needed to keep the account alive."""
        if not tip:
            return True
        kept = max(untouchable(info.data), int(self.existential_deposit))
        return tip <= int(info.data.free) - kept

    def _fee_balance(self, who: AccountId, info: AccountInfo) -> int:
        """Return the balance for fees: free without the existential deposit and locks on fees."""
        data, kept = info.data, int(self.existential_deposit)
        if data.frozen:
            locks, freezes = self.locks[who], self.freezes[who]
            firm = int(data.frozen) - lock_level(locks, freezes)
            offsetting = int(data.reserved) - firm
            kept = max(kept, fee_lock_level(locks, freezes) - offsetting)
        return int(data.free) - kept
