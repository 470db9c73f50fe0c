"""The money of disputed payments: out of a batch, to the payer, and what is left to the merchant.

Before the settlement the disputed amount stays in the pool account and leaves its batch; the rest
of the payment settles in time. After the settlement the merchant's bond pays.
"""

from __future__ import annotations

from btt_chain.scale import u128
from runtime.frame import Component
from runtime.pallets.payfi import errors
from runtime.pallets.payfi.dispute_types import Dispute
from runtime.pallets.payfi.merchants import Merchants
from runtime.pallets.payfi.payments import Payments
from runtime.pallets.payfi.settlement import Settlement
from runtime.pallets.payfi.types import NOTHING, Legs, Payment, PaymentState
from runtime.pallets.payfi.volumes import Volumes


class DisputedMoney(Component):
    """Movements of money by disputes; the caller stores the payment."""

    payments: Payments
    merchants: Merchants
    settlement: Settlement
    volumes: Volumes

    # ---- public interface

    def take_out(self, payment: Payment, amount: u128) -> None:
        """Take a disputed amount out of the payment's batch; the rest of the payment stays there.

        Otherwise a dispute about one planck would hold all of the merchant's money.
        """
        old, rest = payment.legs, payment.legs.gross - amount
        payment.legs = self._legs(rest, payment)
        if rest:
            self.settlement.change(payment.bucket, payment.merchant, old, payment.legs)
        else:
            self.settlement.remove(payment.bucket, payment.merchant, old)

    def pay(self, payment: Payment, dispute: Dispute, to_payer: u128) -> u128:
        """Pay both sides at the end of a dispute; return what the payer got."""
        paid = self._pay_late if dispute.late else self._pay_pending
        return paid(payment, dispute, to_payer)

    # ---- internals

    def _pay_pending(self, payment: Payment, dispute: Dispute, to_payer: u128) -> u128:
        """Pay out of the pool account: the payer at once, and the rest to the merchant.

        The rest joins the part of the payment that was not disputed, if that still waits.
        Otherwise it is paid at once, with a fee of its own.
        """
        merchant, before = payment.merchant, payment.legs
        self.merchants.close_dispute(merchant, NOTHING, payment.payer, NOTHING)
        if to_payer:
            self.settlement.give_back(payment.payer, to_payer)
            self.volumes.returned(merchant, to_payer)
        rest = dispute.amount - to_payer
        payment.returned += to_payer
        if before.gross and self.settlement.is_pending(payment.bucket, merchant):
            payment.legs = self._legs(before.gross + rest, payment)
            self.settlement.change(payment.bucket, merchant, before, payment.legs)
            payment.state = PaymentState.Pending
            return to_payer
        if rest:
            legs = self._legs(rest, payment)
            payment.legs = before.plus(legs)
            self.settlement.settle_rest(merchant, legs, count=0 if before.gross else 1)
        is_empty = not payment.legs.gross
        payment.state = PaymentState.Returned if is_empty else PaymentState.Settled
        return to_payer

    def _pay_late(self, payment: Payment, dispute: Dispute, to_payer: u128) -> u128:
        """Pay out of the merchant's bond, as far as other disputes do not claim it."""
        merchant = payment.merchant
        available = dispute.reserved + self.merchants.free_bond(merchant)
        paid = min(to_payer, available)
        uncovered = dispute.amount - dispute.reserved
        self.merchants.close_dispute(
            merchant, dispute.reserved, payment.payer, paid, uncovered=uncovered
        )
        payment.refunded += paid
        payment.state = PaymentState.Settled
        if paid:
            self.volumes.refunded(merchant, paid)
        return paid

    def _legs(self, amount: u128, payment: Payment) -> Legs:
        """Return the legs of a part of a payment; one that is too small for a fee has none."""
        if not amount:
            return Legs()
        try:
            return self.payments.legs(int(amount), payment.terms)
        except errors.NothingLeft:
            return Legs(amount)
