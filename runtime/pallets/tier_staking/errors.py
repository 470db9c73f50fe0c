"""Errors of TierStaking."""

from __future__ import annotations

from runtime.frame import Error


class BelowMinimum(Error, index=0):
    """The amount is below the tier's minimum; stake more, or choose a shorter tier."""


class UnknownTier(Error, index=1):
    """The tier does not exist; tiers are numbered from 0."""


class RewardPoolExhausted(Error, index=2):
    """The pool cannot reserve the full reward; stake less, or name a minimum reward."""


class RewardBelowMin(Error, index=3):
    """The reward would be below your minimum; name a smaller one, or wait for a top-up."""


class StillLocked(Error, index=4):
    """The term is not over; claim rewards now, and unstake when it has ended."""


class NotOwner(Error, index=5):
    """Your account has no open stake of this number; look them up under `stakes`."""


class LockedFundsNotStakable(Error, index=6):
    """Locked or vesting money cannot be staked; stake transferable money, or `vest` first."""


class CommitCapExceeded(Error, index=7):
    """The rewards of your stakes would exceed the cap of an account; stake less, or name a
    minimum reward.
    """


class TooManyStakes(Error, index=8):
    """The account has the maximum number of open stakes; close one whose term is over first."""


class NothingToClaim(Error, index=9):
    """Nothing is due now; try again later, or check whether it was paid before."""


class NotLonger(Error, index=10):
    """The new term would not end after the present one; choose a longer tier."""


class InvalidTerms(Error, index=11):
    """The tiers are out of bounds, or a longer tier would be worse than a shorter one."""


class InvalidShare(Error, index=12):
    """The share exceeds its maximum of 10,000 hundredths of a percent."""


class QuarterNotOver(Error, index=13):
    """The quarter is not over; claim its contributions afterwards."""


class UnknownService(Error, index=14):
    """The premium service does not exist; look services up under `premium_services`."""


class NotEntitled(Error, index=15):
    """No stake gives access to this service; a stake counts from a day old to its end."""


class BadMonths(Error, index=16):
    """Access is bought for one month or more, and for twelve months ahead at most."""


class PriceAboveMax(Error, index=17):
    """The service costs more than `max_price`; look the price up under `premium_services`."""


class TooManyServices(Error, index=18):
    """There are 64 premium services already; end the sale of one first."""
