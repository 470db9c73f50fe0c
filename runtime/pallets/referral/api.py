"""Runtime API of referrals. Amounts are in planck, times in slots since genesis."""

from __future__ import annotations

from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import path, u32, u128
from runtime.frame.aliases import Account, Balance
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.identity.pallet import Identity
from runtime.pallets.referral.formulas import payable, reached, returnable
from runtime.pallets.referral.pallet import Referral
from runtime.pallets.referral.types import Quota, Referee, Terms

PAGE: Final = 100
"""Maximum number of referees in one result."""


@path("btt_runtime::referral::RefereeView", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class RefereeView:
    """A referee, with what follows from its fees."""

    account: Account
    referee: Referee
    reached: Balance
    """Sum of the rewards whose milestones are reached."""
    returnable: Balance
    """Maximum that is paid in all for the fees so far."""
    payable: Balance
    """Amount that can be claimed now, apart from the limits of the year."""


@path("btt_runtime::referral::Offer", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class Offer:
    """A referral that was not accepted yet."""

    referee: Account
    referrer: Account
    deposit: Balance


@path("btt_runtime::referral::QuotaView", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class QuotaView:
    """Referrals of an account's operator in the current year."""

    operator: Account
    quota: Quota
    referees_left: u32
    amount_left: Balance


class ReferralApi(RuntimeApi, version=1):
    """Referrals and what they earn."""

    _referral = PalletOf(Referral)

    def terms(self) -> Terms:
        """Return milestones, rewards and limits."""
        return self._referral.terms.value

    def referee(self, account: AccountId) -> RefereeView | None:
        """Return a referee; None if the account accepted no referral."""
        found = self._referral.get(account)
        return None if found is None else self._view(account, found)

    def referees(self, after: AccountId | None, limit: u32) -> list[RefereeView]:
        """Return at most `PAGE` referees behind the account `after`, ordered by hashed keys."""
        rows = self._referral.referees.page(after, min(int(limit), PAGE))
        return [self._view(who, self._referral.counted(who, found)) for who, found in rows]

    def offers(self, account: AccountId) -> list[Offer]:
        """Return at most `PAGE` referrals of an account that it has not accepted."""
        offers = self._referral.offers
        return [
            Offer(account, referrer, offers[account, referrer])
            for referrer in offers.some_under(account, PAGE)
        ]

    def quota(self, account: AccountId) -> QuotaView:
        """Return the referrals of an account's operator in the current year."""
        terms = self._referral.terms.peek()
        operator = self._runtime.pallet(Identity).operator_of(account)
        quota = self._referral.quota_of(operator)
        return QuotaView(
            operator,
            quota,
            u32(max(0, int(terms.referees) - int(quota.referees))),
            u128(max(0, int(terms.yearly) - int(quota.paid))),
        )

    def _view(self, account: AccountId, found: Referee) -> RefereeView:
        terms = self._referral.terms.peek()
        return RefereeView(
            account,
            found,
            u128(reached(terms, found)),
            u128(returnable(found.usage)),
            u128(payable(terms, found)),
        )


REFERRAL_APIS = (ReferralApi,)
