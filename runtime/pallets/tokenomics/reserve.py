"""The reserve, which its signatories spend until an expiry, and the seat at the treasury."""

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
from runtime.pallets.tokenomics.releases import ReleaseControl
from runtime.pallets.tokenomics.types import ReserveUnlock, TreasurySeat


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


class Stewardship(Component):
    """The Foundation's seat at the treasury: in the first year it approves payments, up to a limit.

    The documents 002 and 004 have the treasury "initially managed by the Foundation with
    progressive transition to community governance". Their treasury holds what their tables give to
    no holder. The Foundation may approve 1 % of that in a spend period, for a year at most: less in
    all than the institutions' part of the votes in that year, which is 70 %. Referenda may spend
    beside it, may revoke what it approved before it is paid, and may end the seat.
    """

    releases: ReleaseControl
    clock: Clock
    foundation: Value[AccountId]

    treasury_seat = Value(TreasurySeat)
    """The Foundation's seat at the treasury; none where the document gives it none."""

    def limit_of(self, who: AccountId) -> u128:
        """Return the most that `who` may approve in one spend period, in planck.

        Raises BadOrigin for others than the Foundation and after its time; Paused.
        """
        seat = self.treasury_seat.get()
        if seat is None or who != self.foundation.get() or self.clock.now() >= seat.until:
            raise BadOrigin
        self.releases.ensure_not_paused()
        return seat.limit

    def end(self) -> None:
        """End the seat before its time. Raises NoSeat."""
        if self.treasury_seat.get() is None:
            raise errors.NoSeat
        self.treasury_seat.kill()
        self.deposit(events.TreasurySeatEnded())
