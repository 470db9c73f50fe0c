"""Payments, fees and burns of money, counted by pool and by reason."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.scale import u128
from runtime.accounts import DEVELOPMENT_FUND, OPERATIONS, STAKING, TREASURY
from runtime.frame import Component, Map, Reason, TokenError, TokenErrorKind, Value
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import is_pool, lookup
from runtime.pallets.tokenomics import errors, events
from runtime.pallets.tokenomics.dividends import Dividends
from runtime.pallets.tokenomics.ledger import ALL_POOLS, OPEN_TO_GIFTS, PoolLedger, id_of
from runtime.pallets.tokenomics.releases import ReleaseControl
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import ComputeSplit, PlatformSplit


class Payments(Component):
    """Payments out of pools, and burns."""

    ledger: PoolLedger
    releases: ReleaseControl
    dividends: Dividends
    currency: Balances
    burned_by: Map[BurnReason, u128]

    def available(self, pool: AccountId) -> u128:
        """Return the amount that can be paid out of a pool.

        For the development fund this excludes the amount set aside for stakers, and the income of
        this era, a part of which will be set aside.
        """
        balance = self.currency.reducible_balance(pool)
        if pool != DEVELOPMENT_FUND:
            return balance
        return u128(max(0, int(balance) - self.dividends.promised()))

    def payee(self, pool: AccountId, beneficiary: MultiAddress) -> AccountId:
        """Return the payee of a payment by a pool; PoolClosed if it is a pool that cannot spend it.

        A payment to the pool itself is refused: it would move nothing, but be counted.
        """
        to = lookup(beneficiary)
        if is_pool(to) and (to == pool or to not in (*OPEN_TO_GIFTS, STAKING)):
            raise errors.PoolClosed
        return to

    def pay(self, pool: AccountId, to: AccountId, amount: u128, *, discretionary: bool) -> None:
        """Pay out of a pool. All payments of pools except the treasury's use this function.

        Raises PoolExhausted, errors of the transfer (TokenError), and if `discretionary` Paused and
        ReleaseCeilingReached. Other releases may exceed the ceiling and emit an event.
        """
        if amount:
            self._pay(pool, [to], amount, discretionary=discretionary)

    def pay_each(self, pool: AccountId, to: Sequence[AccountId], amount: u128) -> None:
        """Pay an amount to each of several accounts out of a pool; it is not discretionary.

        The sum is counted once. Raises PoolExhausted, errors of the transfer (TokenError).
        """
        if amount and to:
            self._pay(pool, to, amount, discretionary=False)

    def _pay(
        self, pool: AccountId, to: Sequence[AccountId], amount: u128, *, discretionary: bool
    ) -> None:
        total = u128(int(amount) * len(to))
        if total > self.available(pool):
            raise errors.PoolExhausted
        counted = self.ledger.from_genesis_funds(pool, total)
        if discretionary:
            self.releases.ensure_not_paused()
            self.releases.ensure_below_ceiling(counted)
        for each in to:
            self.currency.transfer(pool, each, amount)
        self.ledger.count_paid(pool, total)
        self.releases.count(counted)
        for each in to:
            self.deposit(events.PoolReleased(id_of(pool), amount, each))

    def destroy(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        """Destroy money of a pool or other account, and count it under `reason`.

        Raises PoolExhausted for pools, TokenError for others.
        """
        if not amount:
            return
        of_pool = who in ALL_POOLS
        if of_pool and amount > self.available(who):
            raise errors.PoolExhausted
        self.currency.fungible.burn_from(who, amount)
        if of_pool:
            self.ledger.count_burned(who, amount)
        self.count_burned(who, amount, reason)

    def destroy_held(
        self, reason: Reason, who: AccountId, amount: u128, why: BurnReason, *, force: bool = False
    ) -> None:
        """Destroy what `who` has on hold, and count it under `why`.

        `force` includes money that a lock relies on. Raises TokenError if less is on hold.
        """
        if not amount:
            return
        self.currency.fungible_hold.burn_held(reason, who, amount, force=force)
        self.count_burned(who, amount, why)

    def count_burned(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        """Count a burn under `reason`."""
        self.burned_by[reason] += amount
        self.deposit(events.TokensBurned(who, amount, reason))


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
