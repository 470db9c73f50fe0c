"""Fees: each part of a split goes to its recipient."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.accounts import DEVELOPMENT_FUND, OPERATIONS, TREASURY
from runtime.frame import Component, Reason, TokenError, TokenErrorKind, Value
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.tokenomics.dividends import Dividends
from runtime.pallets.tokenomics.payments import Payments
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import ComputeSplit, PlatformSplit


class FeeDistribution(Component):
    """Distribution of fees, from free balance or from money on hold."""

    currency: Balances
    payments: Payments
    dividends: Dividends
    foundation: Value[AccountId]

    def take(
        self,
        who: AccountId,
        split: ComputeSplit | PlatformSplit,
        reason: BurnReason,
        earners: Sequence[tuple[AccountId, u128]] = (),
    ) -> None:
        """Take the parts of a fee from `who`, and transfer each to its recipient.

        `earners` are the recipients of the contributors' or voters' part, with amounts; without any
        the caller moves that part itself. Everything is taken at once, so that an account that ends
        with this payment ends after it. A part too small to create an account goes to the treasury.
        Raises TokenError if `who` cannot spend the sum; ValueError if the earners' amounts do not
        add up to their part.
        """
        earned = sum(int(part) for _, part in earners)
        if earners and earned != split.earned:
            raise ValueError(f"earners get {earned} planck of a leg of {split.earned}")
        kept = sum(map(int, (split.burn, split.development, split.foundation, split.reserve)))
        self.currency.fungible.withdraw(who, u128(kept + earned))
        # The burn goes through the development fund: from there any amount can be burned.
        self.currency.credit(DEVELOPMENT_FUND, split.burn + split.development)
        self.currency.credit(self.foundation.get() or TREASURY, split.foundation)
        self.currency.credit(OPERATIONS, split.reserve)
        for earner, part in earners:
            self.currency.credit(earner, part)
        if split.burn:
            self.currency.fungible.burn_from(DEVELOPMENT_FUND, split.burn)
            self.payments.count_burned(who, split.burn, reason)
        if isinstance(split, ComputeSplit):
            self.dividends.add_inflow(split.development)

    def take_held(
        self,
        reason: Reason,
        who: AccountId,
        split: ComputeSplit | PlatformSplit,
        why: BurnReason,
        earners: Sequence[tuple[AccountId, u128]],
    ) -> None:
        """Take the parts of a fee out of what `who` has on hold, despite locks.

        Like `take`, but `earners` must be given. Raises TokenError if less is on hold; ValueError
        if the earners' amounts do not add up.
        """
        earned = sum(int(part) for _, part in earners)
        if earned != split.earned:
            raise ValueError(f"earners get {earned} planck of a leg of {split.earned}")
        self.payments.destroy_held(reason, who, split.burn, why, force=True)
        legs = (
            (DEVELOPMENT_FUND, split.development),
            (self.foundation.get() or TREASURY, split.foundation),
            (OPERATIONS, split.reserve),
        )
        for to, part in (*legs, *earners):
            self.pay_held(reason, who, to, part)
        if isinstance(split, ComputeSplit):
            self.dividends.add_inflow(split.development)

    def pay_held(self, reason: Reason, who: AccountId, to: AccountId, amount: u128) -> None:
        """Pay `to` out of what `who` has on hold.

        The part that a lock relies on is destroyed instead: otherwise an owner could free locked
        money by losing it to another own account. Amounts too small to create an account go to the
        treasury. Raises TokenError if less is on hold.
        """
        locked = u128(max(0, int(amount) - int(self.currency.unlocked(reason, who))))
        if amount <= self.currency.held(reason, who):
            self.payments.destroy_held(reason, who, locked, BurnReason.Slash, force=True)
            amount = amount - locked
        pay = self.currency.transfer_on_hold
        try:
            pay(reason, who, to, amount, on_hold=False, force=True)
        except TokenError as error:
            if error.kind is not TokenErrorKind.CannotCreate:
                raise
            pay(reason, who, TREASURY, amount, on_hold=False, force=True)
