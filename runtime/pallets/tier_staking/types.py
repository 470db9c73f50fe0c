"""What TierStaking stores and tells: tiers, stakes, and what they are good for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Annotated, Final

from btt_chain.scale import Bounded, Compact, TypeName, path, u8, u32, u64, u128, u256

MAX_STAKES: Final = 32
"""How many stakes one account may have open."""
TIER_COUNT: Final = 5


class Perk(IntFlag):
    """What a stake is good for besides its reward, as bits of `Tier.perks`."""

    PRIORITY = 1
    """Compute jobs of the staker go first."""
    DISCOUNT = 2
    """Transaction fees are a fifth less."""
    VOTE = 4
    """The stake votes with one and a half times its weight."""
    SPECIAL = 8
    """Special services are open to the staker."""


@path("pallet_tier_staking::Tier", params={"Balance": u128})
@dataclass(slots=True)
class Tier:
    """The terms of new stakes of a tier. Rates in hundredths of a percent."""

    days: Annotated[u32, TypeName("u32")]
    """How long the stake is locked, in days."""
    reward_bps: Annotated[u32, TypeName("u32")]
    """What it earns in 365 days, of the principal."""
    minimum: Annotated[u128, TypeName("Balance")]
    """The least principal, in planck."""
    burn_bps: Annotated[u32, TypeName("u32")]
    """What part of each reward is destroyed."""
    perks: Annotated[u8, TypeName("u8")]
    """1 compute priority, 2 fee discount, 4 more votes, 8 special services; added up."""


TierTable = Bounded[list[Tier], TIER_COUNT]


@path("pallet_tier_staking::Stake", params={"Balance": u128})
@dataclass(slots=True)
class Stake:
    """A stake, with the terms it was opened under. Times in ms since genesis."""

    amount: Annotated[Compact[u128], TypeName("Balance")]
    """The principal, in planck; it is on hold."""
    tier: Annotated[u8, TypeName("u8")]
    opened: Annotated[u64, TypeName("Moment")]
    term_end: Annotated[u64, TypeName("Moment")]
    """From then on it can be withdrawn, and earns nothing more."""
    commit: Annotated[Compact[u128], TypeName("Balance")]
    """What it earns until the end of its term, burned part included; reserved in the pool."""
    gross_claimed: Annotated[Compact[u128], TypeName("Balance")]
    """What of that has been claimed, burned part included."""
    acc_snapshot: Annotated[u256, TypeName("u256")]
    """The dividend accumulator when the stake's dividends were last paid."""
    bps: Annotated[u32, TypeName("u32")]
    """Its rate; less than the tier's if the pool could not reserve as much."""
    burn_bps: Annotated[u32, TypeName("u32")]
    """What part of each reward is destroyed."""


@path("pallet_tier_staking::Position", params={"Balance": u128})
@dataclass(slots=True)
class Position:
    """What of a stake must be known to tell what it is good for. Times in ms since genesis."""

    id: Annotated[u32, TypeName("StakeId")]
    tier: Annotated[u8, TypeName("u8")]
    perks: Annotated[u8, TypeName("u8")]
    since: Annotated[u64, TypeName("Moment")]
    """When it began to warm up: it is good for something a day later."""
    until: Annotated[u64, TypeName("Moment")]
    """The end of its term."""
    amount: Annotated[Compact[u128], TypeName("Balance")]


@path("pallet_tier_staking::Holdings", params={"Balance": u128})
@dataclass(slots=True)
class Holdings:
    """All open stakes of an account in one record, so that asking for them is one read."""

    commit: Annotated[Compact[u128], TypeName("Balance")] = u128(0)
    """What the pool reserved for them when they were opened, in planck."""
    positions: Annotated[
        Bounded[list[Position], MAX_STAKES], TypeName("BoundedVec<Position, MaxStakes>")
    ] = field(default_factory=list)


@path("pallet_tier_staking::Window")
@dataclass(slots=True)
class Window:
    """When the stakes of an account are good for something. Times in ms since genesis."""

    warm_until: Annotated[u64, TypeName("Moment")]
    """Until then for sure: the last end of those that were warm when this was written."""
    since: Annotated[u64, TypeName("Moment")]
    """When the first of those is warm that were not."""
    until: Annotated[u64, TypeName("Moment")]
    """The last end of those."""

    def covers(self, now: int) -> bool:
        """Tell whether one of the stakes counts at `now`."""
        return now < self.warm_until or self.since <= now < self.until


@path("pallet_tier_staking::Benefits")
@dataclass(frozen=True, slots=True)
class Benefits:
    """What an account's stakes are good for now."""

    priority: bool
    """Its compute jobs go first."""
    discount_bps: u32
    """What part of a fee it does not pay."""
    vote_bps: u32
    """How much its stakes with more votes count; 10,000 is once."""
    special: bool
    """Special services are open to it."""


@path("pallet_tier_staking::StakedMoney", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class StakedMoney:
    """Staked money, in planck, by how it votes."""

    long: Annotated[u128, TypeName("Balance")]
    """What votes with one and a half times its weight: a year or longer."""
    short: Annotated[u128, TypeName("Balance")]
    """All other."""


@path("pallet_tier_staking::PoolState", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class PoolState:
    """The reward pool, in planck. Both together are its balance, always."""

    free: Annotated[u128, TypeName("Balance")]
    """What new stakes can be promised."""
    committed: Annotated[u128, TypeName("Balance")]
    """What open stakes were promised and have not claimed."""


class Contribution(IntEnum):
    """How a staker contributes besides staking."""

    Vote = 0
    Referral = 1
    Credential = 2


@path("pallet_tier_staking::ContributionPoints")
@dataclass(slots=True)
class ContributionPoints:
    """What an account contributed in a quarter."""

    votes: Annotated[u32, TypeName("u32")] = u32(0)
    """Votes that counted."""
    points: Annotated[u32, TypeName("u32")] = u32(0)
    """All points, those of the votes included."""


@path("pallet_tier_staking::Quarter", params={"Balance": u128})
@dataclass(slots=True)
class Quarter:
    """What all stakers contributed in a quarter, and what is shared among them."""

    points: Annotated[u64, TypeName("u64")]
    budget: Annotated[u128, TypeName("Balance")]
    """Fixed with the quarter's first point."""
