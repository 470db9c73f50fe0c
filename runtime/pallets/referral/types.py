"""Types of Referral. Amounts are in planck, times in slots since genesis."""

from __future__ import annotations

from dataclasses import field
from typing import Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import path, u32, u128
from runtime.constants import BTT
from runtime.frame.aliases import Account, Balance, SlotOf

MAX_JOBS: Final = 1_000_000
MAX_SPENT: Final = 1_000_000 * BTT
MAX_REWARD: Final = 10_000 * BTT
MAX_REFEREES: Final = 1_000
"""Bounds of the terms that governance may set."""


@path("pallet_referral::Terms", params={"Balance": u128})
@dataclass(slots=True)
class Terms:
    """Milestones of a referee, what the referrer earns by them, and limits."""

    implementation: Balance = u128(50 * BTT)
    """Reward for an attested implementation."""
    usage: Balance = u128(100 * BTT)
    """Reward for `jobs` paid jobs."""
    spending: Balance = u128(250 * BTT)
    """Reward for `spent` planck spent."""
    jobs: u32 = u32(100)
    spent: Balance = u128(1_000 * BTT)
    referees: u32 = u32(20)
    """Maximum number of referees that an operator may win in a year."""
    yearly: Balance = u128(8_000 * BTT)
    """Maximum amount that an operator may earn in a year."""

    @property
    def whole(self) -> int:
        """Sum of the three rewards."""
        return int(self.implementation) + int(self.usage) + int(self.spending)

    @property
    def in_bounds(self) -> bool:
        """True if governance may set these terms."""
        return (
            self.whole <= MAX_REWARD
            and 1 <= self.jobs <= MAX_JOBS
            and BTT <= self.spent <= MAX_SPENT
            and 1 <= self.referees <= MAX_REFEREES
            and self.yearly <= MAX_REFEREES * MAX_REWARD
        )


@path("pallet_referral::Usage", params={"Balance": u128})
@dataclass(slots=True)
class Usage:
    """Fees that a referee paid since it accepted the referral, and what of them comes back."""

    jobs: u32 = u32(0)
    """Number of its jobs that were paid."""
    spent: Balance = u128(0)
    """Sum of the prices of these jobs, and of its fees as a merchant."""
    lost: Balance = u128(0)
    """Burned, or received by the development fund, the Foundation and the reserve."""
    mining: Balance = u128(0)
    """Maximum of the emission that the receipts of these jobs can earn."""
    dividends: Balance = u128(0)
    """Stakers' share of what the development fund received."""
    merchant_fees: Balance = u128(0)
    """Fees of the referee as a merchant that were counted, by `Volume.fees` of PayFi."""


@path("pallet_referral::Referee", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Referee:
    """An account that accepted a referral."""

    referrer: Account
    since: SlotOf
    """Slot in which the referee accepted."""
    deposit: Balance
    """Amount of the referrer on hold, until the referral is complete."""
    implemented: bool = False
    """True if the implementation was attested."""
    usage: Usage = field(default_factory=Usage)
    paid: Balance = u128(0)
    """Amount paid to the referrer."""
    complete: bool = False
    """True if all rewards were paid and the referral counted as a contribution."""


@path("pallet_referral::Quota", params={"Balance": u128})
@dataclass(slots=True)
class Quota:
    """Referrals of a referrer's operator in a year of the chain."""

    year: u32 = u32(0)
    """Number of the year, counted from genesis."""
    referees: u32 = u32(0)
    """Number of referees that accepted in it."""
    paid: Balance = u128(0)
    """Amount paid in it."""


class Register(Protocol):
    """Accounts in the storage of another pallet."""

    def __contains__(self, key: AccountId) -> bool:
        """Return True if the account is known."""


class MerchantFees(Protocol):
    """Fees of merchants; `Volumes` of PayFi implements it."""

    def fees_of(self, who: AccountId) -> u128:
        """Return the fees of all settled payments of a merchant; 0 for others."""


class Contributions(Protocol):
    """Contributions of stakers; TierStaking implements it."""

    def count_referral(self, who: AccountId, bound: u128) -> None:
        """Count a complete referral, whose points earn at most `bound` planck."""
