"""Stateless formulas of stakes: rewards, rates and terms in whole numbers.

Times are in ms since genesis, amounts in planck, rates in hundredths of a percent for 365 days.
Sources: the tokenomics document, "Staking Reward Structure" (tiers) and "Staking Burns"; rates of
the burns and bounds are this chain's own choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from btt_chain.scale import u8, u32, u64, u128
from runtime.constants import BTT, DAY_MS, MONTH_MS
from runtime.pallets.tier_staking.types import TIER_COUNT, Benefit, Position, Stake, Tier, Window
from runtime.splits import BPS, mul_div

YEAR365_MS: Final = 365 * DAY_MS
"""The year of reward rates, in ms."""
QUARTER_MS: Final = 3 * MONTH_MS
WARM_UP_MS: Final = DAY_MS
"""Duration until a stake has benefits other than its reward, in ms."""
ONE: Final = 10**18
"""One planck per staked planck, in units of the dividend accumulator."""
MIN_DAYS, MAX_DAYS = 2, 3_650
"""Bounds of a term, in days. The minimum is two warm-ups: `window_of` relies on that."""
MIN_MINIMUM: Final = BTT
"""Lower bound of a tier's minimum stake, so that the stored record has a price."""

PRIORITY, DISCOUNT, VOTE, SPECIAL = (
    int(benefit) for benefit in (Benefit.PRIORITY, Benefit.DISCOUNT, Benefit.VOTE, Benefit.SPECIAL)
)
ALL_BENEFITS: Final = PRIORITY | DISCOUNT | VOTE | SPECIAL


def tier(days: int, reward_bps: int, minimum: int, burn_bps: int, benefits: int) -> Tier:
    """Return a tier; `minimum` in BTT."""
    return Tier(u32(days), u32(reward_bps), minimum * BTT, u32(burn_bps), u8(benefits))


TIERS: Final = [
    tier(30, 300, 1_000, 0, 0),
    tier(90, 500, 5_000, 0, PRIORITY),
    tier(180, 800, 10_000, 0, PRIORITY | DISCOUNT),
    tier(365, 1_200, 50_000, 500, PRIORITY | DISCOUNT | VOTE),
    tier(1_095, 1_800, 100_000, 1_000, ALL_BENEFITS),
]
"""The tiers of the documents: each has the benefits of shorter ones, and more."""


def accrued(amount: int, bps: int, elapsed: int) -> u128:
    """Return the reward of `amount` for `elapsed` ms, rounded down, not compounded."""
    return mul_div(int(amount) * int(bps), elapsed, BPS * YEAR365_MS)


def affordable_bps(amount: int, term: int, available: int) -> int:
    """Return the greatest rate at which a stake earns at most `available` in its `term`."""
    return int(available) * BPS * YEAR365_MS // (int(amount) * int(term))


def term_ms(terms: Tier) -> int:
    """Return the lock duration of a tier, in ms."""
    return int(terms.days) * DAY_MS


def elapsed(stake: Stake, now: int) -> int:
    """Return the part of a stake's term that has passed at `now`, in ms."""
    return min(now, int(stake.term_end)) - int(stake.opened)


def is_warm(position: Position, now: int, warm_up: int) -> bool:
    """Return True if a stake has completed its warm-up."""
    return int(position.since) + warm_up <= now


def window_of(positions: Sequence[Position], benefit: int, now: int, warm_up: int) -> Window | None:
    """Return the times from `now` on at which `positions` have `benefit`; None if never.

    Stakes in warm-up were all opened within the last warm-up, and each lasts at least two of them:
    from the end of the first warm-up until the end of the last stake there is no gap.
    """
    good = [one for one in positions if one.benefits & benefit and now < one.until]
    if not good:
        return None
    warm = [one for one in good if is_warm(one, now, warm_up)]
    fresh = [one for one in good if not is_warm(one, now, warm_up)]
    return Window(
        warm_until=max((one.until for one in warm), default=u64(0)),
        since=min((one.since for one in fresh), default=u64(0)) + warm_up,
        until=max((one.until for one in fresh), default=u64(0)),
    )


def are_in_order(tiers: Sequence[Tier]) -> bool:
    """Return True if all tiers are within bounds, and longer tiers are no worse than shorter ones.

    That is: a minimum at least as great, at least as much reward after the burn, and every benefit
    of the shorter tiers. Otherwise no rational staker would choose the longer tier.
    """
    within = all(
        MIN_DAYS <= one.days <= MAX_DAYS
        and one.reward_bps <= BPS
        and one.burn_bps <= BPS
        and one.minimum >= MIN_MINIMUM
        and one.benefits <= ALL_BENEFITS
        for one in tiers
    )
    return (
        within
        and len(tiers) == TIER_COUNT
        and all(
            shorter.days < longer.days
            and shorter.minimum <= longer.minimum
            and net(shorter) <= net(longer)
            and int(shorter.benefits) & int(longer.benefits) == shorter.benefits
            for shorter, longer in pairwise(tiers)
        )
    )


def net(terms: Tier) -> int:
    """Return a tier's rate after the burn, in units of 10^-8 (a basis point of a basis point)."""
    return int(terms.reward_bps) * (BPS - int(terms.burn_bps))
