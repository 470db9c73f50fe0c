"""Views of referrals. Amounts are in planck, times in slots since genesis."""

from __future__ import annotations

from typing import Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId


@dataclass(frozen=True, slots=True)
class Terms:
    """Milestones of a referee, and what the referrer earns by them."""

    implementation: int
    usage: int
    spending: int
    jobs: int
    spent: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Fees that a referee paid, and what of them comes back."""

    jobs: int
    spent: int
    lost: int
    mining: int
    dividends: int


@dataclass(frozen=True, slots=True)
class Referee:
    """An account that accepted a referral."""

    referrer: AccountId
    since: int
    implemented: bool
    usage: Usage
    paid: int
    complete: bool


@dataclass(frozen=True, slots=True)
class RefereeView:
    """A referee, with what follows from its fees."""

    account: AccountId
    referee: Referee
    reached: int
    returnable: int
    payable: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A referral that was not accepted yet."""

    referrer: AccountId


@dataclass(frozen=True, slots=True)
class QuotaView:
    """Limits left to an account's operator in the current year."""

    referees_left: int
    amount_left: int


class ReferralApi(Protocol):
    """Referrals and what they earn."""

    def terms(self) -> Terms:
        """Return milestones, rewards and limits."""

    def referee(self, account: AccountId) -> RefereeView | None:
        """Return a referee; None if the account accepted no referral."""

    def referees(self, after: AccountId | None, limit: int) -> list[RefereeView]:
        """Return referees behind the account `after`."""

    def offers(self, account: AccountId) -> list[Offer]:
        """Return the referrals of an account that it has not accepted."""

    def quota(self, account: AccountId) -> QuotaView:
        """Return the referrals of an account's operator in the current year."""
