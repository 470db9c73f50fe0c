"""Events of TierStaking."""

from __future__ import annotations

from typing import Annotated

from btt_chain.scale import TypeName, u32
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, ChainMoment
from runtime.pallets.tier_staking.types import (
    EraIndex,
    PremiumService,
    QuarterIndex,
    ServiceId,
    StakeId,
    Tier,
    TierIndex,
)


class Staked(Event, index=0):
    """A stake was opened; `commit` is its reward for the whole term, before burns."""

    who: AccountIdOf
    id: StakeId
    amount: BalanceOf
    tier: TierIndex
    commit: BalanceOf


class RewardPaid(Event, index=1):
    """The reward of a stake was paid: `gross` is the sum of `burned` and `paid`."""

    who: AccountIdOf
    id: StakeId
    gross: BalanceOf
    burned: BalanceOf
    paid: BalanceOf


class Unstaked(Event, index=2):
    """A stake was closed after its term; the principal was released."""

    who: AccountIdOf
    id: StakeId
    amount: BalanceOf


class ForceUnstaked(Event, index=3):
    """Root closed a stake early; `forfeited` is the reward that it loses."""

    who: AccountIdOf
    id: StakeId
    amount: BalanceOf
    forfeited: BalanceOf


class Extended(Event, index=4):
    """A stake began a new term; `commit` is its reward for that term, before burns."""

    who: AccountIdOf
    id: StakeId
    tier: TierIndex
    commit: BalanceOf


class DividendDistributed(Event, index=5):
    """The stakers' share of an era's compute fees was distributed, with earlier remainders."""

    era: EraIndex
    amount: BalanceOf


class DividendPaid(Event, index=6):
    """Dividends of a stake were paid."""

    who: AccountIdOf
    id: StakeId
    amount: BalanceOf


class ContributionPaid(Event, index=7):
    """An account was paid for its contributions in a quarter."""

    who: AccountIdOf
    quarter: QuarterIndex
    amount: BalanceOf


class PremiumBought(Event, index=8):
    """A staker bought access to a premium service; `burned` is part of the price."""

    who: AccountIdOf
    service: ServiceId
    until: ChainMoment
    price: BalanceOf
    burned: BalanceOf


class PoolToppedUp(Event, index=9):
    """An account gave money to the reward pool."""

    who: AccountIdOf
    amount: BalanceOf


class TierSet(Event, index=10):
    """The terms of new stakes of a tier were changed; open stakes keep theirs."""

    tier: TierIndex
    terms: Annotated[Tier, TypeName("Tier<BalanceOf<T>>")]


class DividendShareSet(Event, index=11):
    """The stakers' share of compute fees was changed, from the current era on."""

    bps: u32


class PremiumSet(Event, index=12):
    """The terms of a premium service were set; None: it is not sold any more."""

    service: ServiceId
    terms: Annotated[PremiumService | None, TypeName("Option<PremiumService<BalanceOf<T>>>")]


class ContributionBudgetSet(Event, index=13):
    """The budget of quarters without a contribution so far was changed."""

    amount: BalanceOf
