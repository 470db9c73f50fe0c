"""Types of TierStaking: tiers, stakes, and their benefits."""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum, IntFlag
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.meaning import BASIS_POINTS, SPAN_MS
from btt_chain.scale import Bounded, Compact, TypeName, path, u8, u32, u64, u128, u256
from runtime.frame.aliases import Balance, ChainMoment

MAX_STAKES: Final = 32
"""Maximum number of open stakes of one account."""
TIER_COUNT: Final = 5

StakeId = Annotated[u32, TypeName("StakeId")]
TierIndex = Annotated[u8, TypeName("TierIndex")]
ServiceId = Annotated[u32, TypeName("ServiceId")]
EraIndex = Annotated[u32, TypeName("EraIndex")]
QuarterIndex = Annotated[u32, TypeName("QuarterIndex")]


class Benefit(IntFlag):
    """Benefits of a stake besides its reward, as bits of `Tier.benefits`."""

    PRIORITY = 1
    """The staker's compute jobs have priority."""
    DISCOUNT = 2
    """Transaction fees are 20 % lower."""
    VOTE = 4
    """The stake votes with 1.5 times its weight."""
    SPECIAL = 8
    """The staker has access to special services."""


@path("pallet_tier_staking::Tier", params={"Balance": u128})
@dataclass(slots=True)
class Tier:
    """The terms of new stakes of a tier. Rates in hundredths of a percent."""

    days: u32
    """Lock duration of the stake, in days."""
    reward_bps: Annotated[u32, BASIS_POINTS]
    """Reward for 365 days, as a part of the principal."""
    minimum: Balance
    """Minimum principal, in planck."""
    burn_bps: Annotated[u32, BASIS_POINTS]
    """Part of each reward that is destroyed."""
    benefits: u8
    """Benefits, as a sum: 1 compute priority, 2 fee discount, 4 more votes, 8 special services."""


TierTable = Bounded[list[Tier], TIER_COUNT]


@path("pallet_tier_staking::Stake", params={"Balance": u128})
@dataclass(slots=True)
class Stake:
    """A stake, with the terms at its opening. Times in ms since genesis."""

    amount: Annotated[Compact[u128], TypeName("Balance")]
    """Principal on hold, in planck."""
    tier: u8
    opened: ChainMoment
    term_end: ChainMoment
    """Time from which the stake can be withdrawn, and earns nothing more."""
    commit: Annotated[Compact[u128], TypeName("Balance")]
    """Reward for the whole term before burns, reserved in the pool, in planck."""
    gross_claimed: Annotated[Compact[u128], TypeName("Balance")]
    """Part of `commit` claimed so far, before burns."""
    acc_snapshot: u256
    """Value of the dividend accumulator at the last payment of the stake's dividends."""
    bps: Annotated[u32, BASIS_POINTS]
    """Reward rate; below the tier's rate if the pool could not reserve as much."""
    burn_bps: Annotated[u32, BASIS_POINTS]
    """Part of each reward that is destroyed."""


@path("pallet_tier_staking::Position", params={"Balance": u128})
@dataclass(slots=True)
class Position:
    """The part of a stake that determines its benefits. Times in ms since genesis."""

    id: Annotated[u32, TypeName("StakeId")]
    tier: u8
    benefits: u8
    since: ChainMoment
    """Start of the warm-up; benefits begin when it is over."""
    until: ChainMoment
    """End of the term."""
    amount: Annotated[Compact[u128], TypeName("Balance")]


@path("pallet_tier_staking::Holdings", params={"Balance": u128})
@dataclass(slots=True)
class Holdings:
    """All open stakes of an account in one record, to be read at once."""

    commit: Annotated[Compact[u128], TypeName("Balance")] = u128(0)
    """Sum of their `commit`, in planck."""
    positions: Annotated[
        Bounded[list[Position], MAX_STAKES], TypeName("BoundedVec<Position, MaxStakes>")
    ] = field(default_factory=list)


@path("pallet_tier_staking::Window")
@dataclass(slots=True)
class Window:
    """Times at which an account's stakes have a benefit. Times in ms since genesis."""

    warm_until: ChainMoment
    """Last end of the stakes that had completed the warm-up when this was written."""
    since: ChainMoment
    """First end of a warm-up among the other stakes."""
    until: ChainMoment
    """Last end of those other stakes."""

    def covers(self, now: int) -> bool:
        """Return True if one of the stakes has the benefit at `now`."""
        return now < self.warm_until or self.since <= now < self.until


@path("pallet_tier_staking::Benefits")
@dataclass(frozen=True, slots=True)
class Benefits:
    """Current benefits of an account's stakes."""

    priority: bool
    """True if the account's compute jobs have priority."""
    discount_bps: Annotated[u32, BASIS_POINTS]
    """Discount on transaction fees, in basis points."""
    vote_bps: Annotated[u32, BASIS_POINTS]
    """Vote weight of stakes with more votes, in basis points."""
    special: bool
    """True if the account has access to special services."""


@path("pallet_tier_staking::StakedMoney", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class StakedMoney:
    """Staked money, in planck, by vote weight."""

    long: Balance
    """Stakes that vote with 1.5 times their weight."""
    short: Balance
    """All other stakes."""


@path("pallet_tier_staking::PoolState", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class PoolState:
    """The reward pool, in planck. The sum of both is its balance."""

    free: Balance
    """Amount available for new stakes."""
    committed: Balance
    """Rewards reserved for open stakes and not claimed."""


@path("pallet_tier_staking::StakeQuote", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class StakeQuote:
    """The reward that a stake would earn in its term if it were opened now, in planck."""

    term_ms: Annotated[u64, SPAN_MS]
    reward_bps: Annotated[u32, BASIS_POINTS]
    """Reward for 365 days, in hundredths of a percent of the principal."""
    reduced: bool
    """True if the pool or the cap of an account does not cover the tier's own rate."""
    gross: Balance
    burned: Balance
    """Part of `gross` that is destroyed."""
    net: Balance


@path("pallet_tier_staking::PremiumService", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class PremiumService:
    """Terms on which access to a premium service is sold."""

    min_tier: u8
    """Shortest tier of a stake that entitles to it."""
    price: Balance
    """Price of a month of 30 days, in planck."""


@path("pallet_tier_staking::PremiumAccess")
@dataclass(frozen=True, slots=True)
class PremiumAccess:
    """Access of an account to a premium service."""

    until: ChainMoment
    """End of the access, in ms since genesis."""
    min_tier: u8
    """Shortest tier of a stake with which it can be used."""


@path("pallet_tier_staking::PremiumView", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class PremiumView:
    """A premium service, and what an account has of it."""

    service: u32
    min_tier: u8
    price: Balance
    """Price of a month of 30 days, in planck."""
    entitled: bool
    """True if the account has an active stake of the tier or a longer one."""
    until: ChainMoment
    """End of the bought access, in ms since genesis; 0: none was bought."""
    has_access: bool
    """True if the account can use the service now."""


class Contribution(IntEnum):
    """Contributions of a staker besides staking."""

    Vote = 0
    Referral = 1
    Credential = 2


@path("pallet_tier_staking::ContributionPoints", params={"Balance": u128})
@dataclass(slots=True)
class ContributionPoints:
    """Counted contributions of an account in a quarter, and their points."""

    votes: u32 = u32(0)
    referrals: u32 = u32(0)
    credentials: u32 = u32(0)
    points: u32 = u32(0)
    """Sum of the points of all of them."""
    bound: Balance = u128(0)
    """Maximum that the points of referrals and credentials add to the payment, in planck."""


@path("pallet_tier_staking::Quarter", params={"Balance": u128})
@dataclass(slots=True)
class Quarter:
    """Contributions of all stakers in a quarter, and the budget shared among them."""

    points: u64
    budget: Balance
    """Set by the first contribution of the quarter, in planck."""


@path("pallet_tier_staking::ContributionView", params={"Balance": u128})
@dataclass(slots=True)
class ContributionView:
    """Contributions of an account in the current quarter, and payments for earlier ones."""

    quarter: u32
    """The current quarter, counted from genesis."""
    counts: bool
    """True if contributions of the account count now: judged identity, and an active stake."""
    mine: ContributionPoints
    points: u64
    """Points of all stakers in this quarter."""
    budget: Balance
    """Amount shared among them, in planck."""
    claimable: list[tuple[u32, u128]]
    """Quarters that can be claimed, of the last eight, with the planck that each pays."""
