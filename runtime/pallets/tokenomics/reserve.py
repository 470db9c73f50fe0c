"""The reserve: its signatories spend what a referendum unlocks, until an expiry."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.primitives.digest import H256
from btt_chain.scale import u64, u128
from runtime.accounts import RESERVE
from runtime.frame import BadOrigin, Component, Value
from runtime.frame.traits import Clock
from runtime.pallets.tokenomics import errors, events
from runtime.pallets.tokenomics.ledger import PoolLedger
from runtime.pallets.tokenomics.payments import Payments
from runtime.pallets.tokenomics.types import ReserveUnlock


class ReserveFund(Component):
    """The reserve's signatories, and the amount that they may spend."""

    ledger: PoolLedger
    payments: Payments
    clock: Clock

    reserve = Value(AccountId)
    """The account that spends the reserve: a multisig of its signatories."""
    reserve_unlock = Value(ReserveUnlock)
    """The unlocked amount of the reserve."""

    def unlock(self, cap: u128, expiry: u64) -> None:
        """Unlock `cap` planck until slot `expiry`. Raises ExpiryPassed and CapExceeded."""
        if cap and expiry <= self.clock.now():
            raise errors.ExpiryPassed
        entry = self.ledger.entry(RESERVE)
        if int(entry.released) + int(cap) > int(entry.allocated):
            raise errors.CapExceeded
        self.reserve_unlock.value = ReserveUnlock(cap, expiry)
        self.deposit(events.ReserveUnlocked(cap, expiry))

    def spend(
        self, who: AccountId, amount: u128, beneficiary: MultiAddress, reason_hash: H256
    ) -> None:
        """Pay `beneficiary` within the unlocked amount.

        Raises BadOrigin for others than the signatories, ReserveLocked, CapExceeded, and errors of
        the payment.
        """
        if who != self.reserve.get():
            raise BadOrigin
        unlock = self.reserve_unlock.get()
        if unlock is None or unlock.expiry <= self.clock.now():
            raise errors.ReserveLocked
        if int(unlock.spent) + int(amount) > int(unlock.cap):
            raise errors.CapExceeded
        to = self.payments.payee(RESERVE, beneficiary)
        self.payments.pay(RESERVE, to, amount, discretionary=False)
        unlock.spent += amount
        self.reserve_unlock.value = unlock
        self.deposit(events.ReserveSpent(amount, to, reason_hash))
