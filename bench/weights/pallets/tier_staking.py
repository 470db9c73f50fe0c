"""Benchmarks of TierStaking: accounts with the maximum number of stakes."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.state import BLOCK, MONEY, Bench, address
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, OPERATIONS, REFERRAL
from runtime.constants import BTT, DAY_MS
from runtime.pallets.tier_staking.premium import MAX_SERVICES
from runtime.pallets.tier_staking.types import (
    MAX_STAKES,
    ContributionPoints,
    PremiumService,
    Quarter,
)

AMOUNT = u128(100_000 * BTT)
SERVICE = u32(1)
PRICE = u128(50 * BTT)


def staker(b: Bench, stakes: int = MAX_STAKES) -> AccountId:
    """Return an account with that many stakes of the shortest tier."""
    b.runtime.tokenomics.dividends.compute_inflow.value = u128(1_000 * BTT)
    b.endow(DEVELOPMENT_FUND)
    who = b.account(0, 100 * MONEY)
    for _ in range(stakes):
        b.does(who, "TierStaking", "stake", amount=AMOUNT, tier=u8(0), min_reward=None)
    return who


def later(b: Bench, days: int) -> None:
    """Let days pass, and credit the stakers with their part of the income."""
    slots = days * DAY_MS // int(b.params.slot_ms)
    b.at(BLOCK + slots)
    b.runtime.tier_staking.on_initialize(BLOCK)


def last(b: Bench) -> u64:
    """Return the number of the newest stake."""
    return u64(int(b.runtime.tier_staking.ledger.next_id.value) - 1)


@benchmark("TierStaking.stake")
def stake(b: Bench) -> Case:
    """Open the last stake that fits."""
    who = staker(b, MAX_STAKES - 1)
    return b.signed(who, "TierStaking", "stake", amount=AMOUNT, tier=u8(0), min_reward=None)


@benchmark("TierStaking.claim")
def claim(b: Bench) -> Case:
    """Claim a reward."""
    who = staker(b)
    later(b, 20)
    return b.signed(who, "TierStaking", "claim", id=last(b))


@benchmark("TierStaking.unstake")
def unstake(b: Bench) -> Case:
    """Close the last of all stakes, with all due payments."""
    who = staker(b)
    later(b, 2_000)
    return b.signed(who, "TierStaking", "unstake", id=last(b))


@benchmark("TierStaking.force_unstake")
def force_unstake(b: Bench) -> Case:
    """Close a stake before the end of its term."""
    who = staker(b)
    later(b, 20)
    return b.root("TierStaking", "force_unstake", who=address(who), id=last(b))


@benchmark("TierStaking.extend")
def extend(b: Bench) -> Case:
    """Begin a longer term with the last of all stakes."""
    who = staker(b)
    later(b, 20)
    return b.signed(who, "TierStaking", "extend", id=last(b), tier=u8(2))


@benchmark("TierStaking.claim_dividend")
def claim_dividend(b: Bench) -> Case:
    """Claim a share of the fees."""
    who = staker(b)
    later(b, 20)
    return b.signed(who, "TierStaking", "claim_dividend", id=last(b))


@benchmark("TierStaking.claim_contribution")
def claim_contribution(b: Bench) -> Case:
    """Claim the contributions of a quarter."""
    who, pallet = staker(b), b.runtime.tier_staking
    pallet.contributions.contrib_points[u32(0), who] = ContributionPoints(u32(20), points=u32(20))
    pallet.contributions.quarters[u32(0)] = Quarter(u64(40), u128(10 * BTT))
    b.endow(REFERRAL)
    later(b, 120)
    return b.signed(who, "TierStaking", "claim_contribution", quarter=u32(0))


@benchmark("TierStaking.buy_premium")
def buy_premium(b: Bench) -> Case:
    """Buy access for which only the last of all stakes qualifies, for the first time."""
    who, pallet = staker(b, MAX_STAKES - 1), b.runtime.tier_staking
    b.does(who, "TierStaking", "stake", amount=AMOUNT, tier=u8(1), min_reward=None)
    pallet.premium.premium_services[SERVICE] = PremiumService(u8(1), PRICE)
    b.endow(OPERATIONS)
    later(b, 5)
    return b.signed(
        who, "TierStaking", "buy_premium", service=SERVICE, months=u8(1), max_price=PRICE
    )


@benchmark("TierStaking.top_up")
def top_up(b: Bench) -> Case:
    """Add to the pool."""
    return b.signed(b.account(0), "TierStaking", "top_up", amount=AMOUNT)


@benchmark("TierStaking.set_tier")
def set_tier(b: Bench) -> Case:
    """Set the terms of a tier to their present values."""
    terms = b.runtime.tier_staking.tier_terms.current_tiers.value[0]
    return b.root("TierStaking", "set_tier", tier=u8(0), terms=terms)


@benchmark("TierStaking.set_dividend_bps")
def set_dividend_bps(b: Bench) -> Case:
    """Set the dividend's share."""
    return b.root("TierStaking", "set_dividend_bps", bps=u32(100))


@benchmark("TierStaking.set_premium")
def set_premium(b: Bench) -> Case:
    """Put the last service on sale that fits."""
    services = b.runtime.tier_staking.premium.premium_services
    for number in range(MAX_SERVICES - 2):  # priority for jobs is there
        services[u32(100 + number)] = PremiumService(u8(0), PRICE)
    terms = PremiumService(u8(0), PRICE)
    return b.root("TierStaking", "set_premium", service=SERVICE, terms=terms)


@benchmark("TierStaking.set_contribution_budget")
def set_contribution_budget(b: Bench) -> Case:
    """Set the contribution budget."""
    return b.root("TierStaking", "set_contribution_budget", amount=AMOUNT)


@benchmark("TierStaking.feed")
def feed(b: Bench) -> Case:
    """Distribute the income at the end of an era."""
    staker(b, 1)
    later(b, 5)
    pallet = b.runtime.tier_staking
    b.runtime.tokenomics.dividends.compute_inflow.value = u128(1_000 * BTT)
    pallet.era.value = u32(int(pallet.era.value) - 1)
    return Case(run=lambda: pallet.on_initialize(BLOCK))
