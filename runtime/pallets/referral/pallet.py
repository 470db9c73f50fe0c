"""Referral: rewards for winning new users of the chain.

A referrer refers an account that is new to the chain; the account accepts. From then on its fees
count. Three milestones of the referee are rewarded: an attested implementation, paid jobs, and
money spent. At most half of what the referee's fees lost, less what mining and dividends return, is
paid. The other half is more than the work of these jobs earns by blocks, so an owner of referrer,
referee, provider, verifier and validator at once always loses.

| state of an account | call | next state |
|---|---|---|
| new | `refer`: the referrer's deposit is put on hold | offered |
| offered | `withdraw` by the referrer: the deposit is released | new |
| offered | `accept` | referred |
| referred | `claim`, any number of times | referred |
| referred | `claim` once all is paid and 100 BTT of fees are left: deposit released | complete |

A complete referral is a contribution of its referrer as a staker. Its points earn no more than the
referral did not pay of this half, so that they do not pay for a referral of oneself either.

Invariant: the amount paid for a referee is at most `returnable` of its usage, and at most the sum
of the rewards when it was paid. (docs/referral.md)
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated

from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName, u32, u64, u128
from runtime.frame import (
    Const,
    DoubleMap,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    ReasonOf,
    Value,
    call,
    ensure_root,
)
from runtime.frame.aliases import AccountIdLookupOf
from runtime.frame.traits import Clock, Operators, Payer
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import lookup
from runtime.pallets.jobs.types import JobFees
from runtime.pallets.referral import errors, events, weights
from runtime.pallets.referral.formulas import is_complete, payable, remainder
from runtime.pallets.referral.types import (
    Contributions,
    MerchantFees,
    Quota,
    Referee,
    Register,
    Terms,
)


class Referral(Pallet, events=events, errors=errors):
    """Rewards for winning new users. Amounts in planck, times in slots."""

    # ---- constants

    year: Const[u64]
    """Length of a year of the limits, in slots."""
    deposit_of_offer: Const[u128]
    """Amount on hold from `refer` until all milestones are paid, or the referral is withdrawn."""

    # ---- dependencies

    pool: AccountId
    """The account that rewards are paid from."""
    currency: Balances
    payer: Payer
    clock: Clock
    operators: Operators
    registers: Sequence[Register]
    """Accounts that use the chain already, as requesters, providers, facilities and merchants."""
    merchant_fees: MerchantFees
    contributions: Contributions
    foundation: Value[AccountId]
    """The Foundation's account, which attests implementations."""
    technical: OriginCheck = ensure_root
    """Origin that attests implementations besides the Foundation."""
    params_origin: OriginCheck = ensure_root
    """Origin that sets the terms."""

    # ---- storage

    offers = DoubleMap(AccountId, AccountId, u128)
    """Deposits of referrals that were not accepted, by referee and referrer."""
    referees = Map(AccountId, Referee)
    """Accounts that accepted a referral."""
    by_operator = Map(AccountId, AccountId)
    """The referee of an operator: of all its accounts, one can be referred."""
    quotas = Map(AccountId, Quota)
    """Referrals in the last year that a referrer's operator had any, by operator."""
    terms = Value(Terms, default=Terms())
    """Milestones, rewards and limits."""

    # ---- hold reasons

    class HoldReason(IntEnum):
        """Reasons for which money is on hold."""

        ReferralDeposit = 0
        """Deposit of a referral."""

    reason = ReasonOf(HoldReason.ReferralDeposit)
    """The reason of deposits in Balances."""

    # ---- calls

    @call(0, weight=weights.REFER)
    def refer(self, origin: Origin, referee: AccountIdLookupOf) -> None:
        """Refer an account that is new to the chain; a deposit is put on hold.

        The account has to accept. The deposit is released by `withdraw` before that, or when all
        milestones are paid.
        """
        referrer, who = origin.signed(), lookup(referee)
        self.currency.ensure_not_pool(who)
        self._ensure_eligible(who, referrer)
        if (who, referrer) in self.offers:
            raise errors.AlreadyOffered
        deposit = self.deposit_of_offer
        self.currency.hold(self.reason, referrer, deposit)
        self.offers[who, referrer] = deposit
        self.deposit(events.Referred(who, referrer, deposit))

    @call(1, weight=weights.ACCEPT)
    def accept(self, origin: Origin, referrer: AccountIdLookupOf) -> None:
        """Accept a referral. Fees that the caller pays from now on count for the referrer."""
        who, by = origin.signed(), lookup(referrer)
        deposit = self.offers.get((who, by))
        if deposit is None:
            raise errors.NoOffer
        self._ensure_eligible(who, by)
        operator = self.operators.operator_of(by)
        quota = self.quota_of(operator)
        if quota.referees >= self.terms.peek().referees:
            raise errors.TooManyReferees

        quota.referees += 1
        self.quotas[operator] = quota
        del self.offers[who, by]
        self.by_operator[self.operators.operator_of(who)] = who
        referee = Referee(by, u64(self.clock.now()), deposit)
        referee.usage.merchant_fees = self.merchant_fees.fees_of(who)
        self.referees[who] = referee
        self.deposit(events.Accepted(who, by))

    @call(2, weight=weights.ATTEST_IMPLEMENTATION)
    def attest_implementation(self, origin: Origin, referee: AccountIdLookupOf) -> None:
        """Attest that a referee has implemented the chain in its work.

        Origin: the Foundation, or the Technical track.
        """
        if origin.account is None or origin.account != self.foundation.get():
            self.technical(origin)
        who = lookup(referee)
        found = self._expect(who)
        if found.implemented:
            raise errors.AlreadyAttested
        found.implemented = True
        self.referees[who] = found
        self.deposit(events.ImplementationAttested(who))

    @call(3, weight=weights.CLAIM)
    def claim(self, origin: Origin, referee: AccountIdLookupOf) -> None:
        """Pay the referrer what is payable for a referee. Any account may call it.

        The referral is complete once all rewards are paid and enough of the fees is left.
        """
        origin.signed()
        who = lookup(referee)
        found = self.counted(who, self._expect(who))
        terms = self.terms.peek()
        due = payable(terms, found)
        if found.complete or not (due or is_complete(terms, found)):
            raise errors.NothingToClaim
        operator = self.operators.operator_of(found.referrer)
        if due:
            self._pay(who, found, operator, due)
        if is_complete(terms, found):
            self._complete(who, found, operator)
        self.referees[who] = found

    @call(4, weight=weights.WITHDRAW)
    def withdraw(self, origin: Origin, referee: AccountIdLookupOf) -> None:
        """Withdraw a referral that was not accepted; the deposit is released."""
        referrer, who = origin.signed(), lookup(referee)
        deposit = self.offers.get((who, referrer))
        if deposit is None:
            raise errors.NoOffer
        del self.offers[who, referrer]
        self.currency.release(self.reason, referrer, deposit)
        self.deposit(events.Withdrawn(who, referrer))

    @call(5, weight=weights.SET_TERMS)
    def set_terms(
        self, origin: Origin, terms: Annotated[Terms, TypeName("Terms<BalanceOf<T>>")]
    ) -> None:
        """Set milestones, rewards and limits, for all referees. Origin: parameters."""
        self.params_origin(origin)
        if not terms.in_bounds:
            raise errors.TermsOutOfBounds
        self.terms.value = terms
        self.deposit(events.TermsSet(terms))

    # ---- public interface

    def count_job(self, requester: AccountId, fees: JobFees) -> None:
        """Count a paid job; nothing happens unless its requester is a referee."""
        found = self.referees.get(requester)
        if found is None:
            return
        usage = found.usage
        usage.jobs += 1
        usage.spent += fees.price
        usage.lost += fees.lost
        usage.mining += fees.mining
        # No more than is left of the fees: what is returnable never falls.
        usage.dividends += min(fees.dividends, fees.lost - fees.mining)
        self.referees[requester] = found

    def counted(self, who: AccountId, referee: Referee) -> Referee:
        """Count the fees that a referee paid as a merchant since they were last counted."""
        usage, fees = referee.usage, self.merchant_fees.fees_of(who)
        # A merchant that closed and registered again begins from zero.
        before = usage.merchant_fees if fees >= usage.merchant_fees else u128(0)
        usage.spent += fees - before
        usage.lost += fees - before
        usage.merchant_fees = fees
        return referee

    def get(self, who: AccountId) -> Referee | None:
        """Return a referee with all fees counted; None if the account is none."""
        found = self.referees.get(who)
        return None if found is None else self.counted(who, found)

    def quota_of(self, operator: AccountId) -> Quota:
        """Return the referrals of an operator in the current year."""
        year = u32(self.clock.now() // int(self.year))
        found = self.quotas.get(operator)
        return found if found is not None and found.year == year else Quota(year)

    # ---- internals

    def _expect(self, who: AccountId) -> Referee:
        found = self.referees.get(who)
        if found is None:
            raise errors.UnknownReferral
        return found

    def _ensure_eligible(self, referee: AccountId, referrer: AccountId) -> None:
        """Raise SameOperator, AlreadyReferred or NotNew for a referee that may not be one."""
        operator = self.operators.operator_of(referee)
        if operator == self.operators.operator_of(referrer):
            raise errors.SameOperator
        if referee in self.referees or operator in self.by_operator:
            raise errors.AlreadyReferred
        if any(referee in register for register in self.registers):
            raise errors.NotNew

    def _pay(self, who: AccountId, found: Referee, operator: AccountId, due: int) -> None:
        """Pay the referrer as much of `due` as the year allows. Raises YearlyLimitReached."""
        quota = self.quota_of(operator)
        amount = u128(min(due, max(0, int(self.terms.peek().yearly) - int(quota.paid))))
        if not amount:
            raise errors.YearlyLimitReached
        self.payer.pay(self.pool, found.referrer, amount, discretionary=True)
        quota.paid += amount
        self.quotas[operator] = quota
        found.paid += amount
        self.deposit(events.ReferralPaid(who, found.referrer, amount))

    def _complete(self, who: AccountId, found: Referee, operator: AccountId) -> None:
        """Release the deposit of a complete referral, and count it as a contribution."""
        self.currency.release(self.reason, found.referrer, found.deposit)
        found.deposit = u128(0)
        found.complete = True
        # Sub-accounts cannot contribute; their operator can.
        self.contributions.count_referral(operator, u128(remainder(found)))
        self.deposit(events.Completed(who, found.referrer))
