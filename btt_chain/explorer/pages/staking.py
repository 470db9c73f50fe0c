"""Pages of staking, with a calculator of rewards, and of vesting, with a curve for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, NotRequired, TypedDict

from btt_chain.client.amount import AmountError
from btt_chain.explorer import apis
from btt_chain.explorer.apis import ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import Clock, slot_clock, time_of_slot
from btt_chain.explorer.pages.forms import BadRequest, number_of
from btt_chain.explorer.pictures.svg import share
from btt_chain.present.visible import shown
from btt_chain.primitives.meaning import FLAT
from btt_chain.scale import u32, u128
from runtime.pallets.tier_staking.api import StakingApi
from runtime.pallets.tier_staking.types import PoolState, StakeQuote, Tier
from runtime.pallets.tokenomics.types import Allocation, ContractualRow, RowKind
from runtime.schedules import Schedule, vested

DAY_MS: Final = 86_400_000
YEAR_MS: Final = 31_557_600_000
"""The year of the schedules: 365.25 days."""
BPS: Final = 100
"""Hundredths of a percent, in millionths."""
CURVE_YEARS: Final = 10
"""Years from genesis that a vesting curve shows at most."""

BENEFITS: Final = {
    1: "compute jobs first", 2: "lower fees", 4: "more votes", 8: "special services",
}  # fmt: skip
"""Benefits of a tier by their bits."""


class TierRow(TypedDict):
    """A tier by its number; rates in millionths, benefits in words."""

    record: Annotated[Tier, FLAT]
    tier: int
    reward: int
    burn: int
    benefits: list[str]


class PoolRow(TypedDict):
    """The reward pool; its promised share in millionths."""

    pool: Annotated[PoolState, FLAT]
    share: int


class Typed(TypedDict):
    """The fields of the calculator, as they were typed."""

    amount: str
    tier: str


class Offer(TypedDict):
    """The rewards that the chain would promise to a stake now; the rate in millionths."""

    isPossible: bool
    planck: str
    quote: NotRequired[Annotated[StakeQuote, FLAT]]
    reward: NotRequired[int]
    days: NotRequired[int]
    isReduced: NotRequired[bool]


class StakingPage(TypedDict):
    """The tiers, the reward pool, and the reward of a stake of an amount."""

    at: int
    tiers: list[TierRow]
    pool: PoolRow
    staked: str
    typed: Typed
    offer: Offer | None


async def staking_page(context: Context, amount: str | None, tier: str | None) -> StakingPage:
    """Return the tiers, the reward pool, and the reward of a stake of an amount."""
    tiers = await apis.stored(context, list[Tier], "TierStaking.CurrentTiers") or []
    pool = await ask(context, StakingApi.pool)
    staked = await apis.stored(context, u128, "TierStaking.TotalStaked")
    return {
        "at": context.index.final()[0],
        "tiers": [_tier(at, terms) for at, terms in enumerate(tiers)],
        "pool": {
            "pool": pool,
            "share": share(pool.committed, int(pool.free) + int(pool.committed)),
        },
        "staked": str(int(staked or 0)),
        "typed": {"amount": amount or "", "tier": tier or "0"},
        "offer": await _offer(context, amount, tier or "0"),
    }


def _tier(at: int, terms: Tier) -> TierRow:
    return {
        "record": terms,
        "tier": at,
        "reward": int(terms.reward_bps) * BPS,
        "burn": int(terms.burn_bps) * BPS,
        "benefits": [name for bit, name in BENEFITS.items() if int(terms.benefits) & bit],
    }


async def _offer(context: Context, amount: str | None, tier: str) -> Offer | None:
    """Return the rewards that the chain would promise to a stake now; None without an amount."""
    if not amount:
        return None
    number = number_of(tier)
    if number is None or number > 255:
        raise BadRequest(f"{shown(tier)} is not a tier: they are counted from 0")
    currency = context.data.currency
    try:
        # In a form, a bare number is one of whole units.
        planck = currency.parse(amount + currency.symbol if amount[-1:].isdigit() else amount)
    except AmountError as error:
        raise BadRequest(shown(str(error), 200)) from None
    quote = await ask(context, StakingApi.quote, u128(planck), u32(number))
    if quote is None:
        return {"isPossible": False, "planck": str(planck)}
    return {
        "isPossible": True,
        "planck": str(planck),
        "quote": quote,
        "reward": int(quote.reward_bps) * BPS,
        "days": int(quote.term_ms) // DAY_MS,
        "isReduced": quote.reduced,
    }


# ---- vesting


@dataclass(frozen=True, slots=True)
class Allocated:
    """A row of the allocation by its name, with the schedules of the accounts that hold it."""

    name: str
    amount: int
    is_immediate: bool
    schedules: list[tuple[int, int, int]]
    """Start, length and cliff of each."""

    def fits(self, row: ContractualRow) -> bool:
        """Return True if a contractual row has this amount, and is released in this way."""
        return (int(row.amount), int(row.length) == 0) == (self.amount, self.is_immediate)


class Times(TypedDict):
    """The dates of a schedule, in milliseconds since 1970."""

    start: int | None
    cliff: int | None
    end: int | None


class ReleasedRow(TypedDict):
    """The amount that is released by a year, counted from genesis."""

    year: int
    released: str


class VestingRow(TypedDict):
    """A row of the allocation that a contract releases; the share in millionths."""

    row: Annotated[ContractualRow, FLAT]
    name: str | None
    end: int
    times: Times
    released: str
    share: int
    years: list[ReleasedRow]


class VestingPage(TypedDict):
    """The rows of the allocation that contracts release, each with its curve."""

    at: int
    clock: Clock | None
    rows: list[VestingRow]


async def vesting_page(context: Context) -> VestingPage:
    """Return the rows of the allocation that contracts release, each with its curve."""
    rows = await apis.stored(context, list[ContractualRow], "Tokenomics.ContractualRows") or []
    names = names_of(rows, await _allocated(context))
    clock = await slot_clock(context)
    return {
        "at": context.index.final()[0],
        "clock": clock,
        "rows": [_row(row, name, clock) for row, name in zip(rows, names, strict=True)],
    }


async def _allocated(context: Context) -> list[Allocated]:
    """Return the rows of the allocation that contracts release, in the order of their names."""
    allocated = []
    for name, row in await apis.entries(context, Allocation, "Tokenomics.Allocations"):
        if row.kind in {RowKind.Linear, RowKind.Immediate}:
            is_immediate = row.kind is RowKind.Immediate
            # All accounts of a row have its schedule.
            schedules = [
                (int(schedule.start), int(schedule.length), int(schedule.cliff))
                for account in ([] if is_immediate else row.accounts[:1])
                for schedule in await apis.stored(
                    context, list[Schedule], "Vesting.SchedulesExt", context.data.address(account)
                ) or []
            ]  # fmt: skip
            words = apis.words(name)
            allocated.append(Allocated(words, int(row.amount), is_immediate, schedules))
    return sorted(allocated, key=lambda row: row.name)


def names_of(rows: Sequence[ContractualRow], allocated: Sequence[Allocated]) -> list[str | None]:
    """Return the name of each contractual row: of the allocation with its amount and schedule.

    Where the schedules do not decide, because they were paid out or merged, all names with the
    amount that are left.
    """
    left, names = [*allocated], list[str | None]()
    for row in rows:
        times = int(row.start), int(row.length), int(row.cliff)
        exact = next((each for each in left if each.fits(row) and times in each.schedules), None)
        if exact is not None:
            left.remove(exact)
        names.append(None if exact is None else exact.name)
    for at, row in enumerate(rows):
        if names[at] is None:
            names[at] = ", ".join(each.name for each in left if each.fits(row)) or None
    return names


def _row(row: ContractualRow, name: str | None, clock: Clock | None) -> VestingRow:
    amount, start = int(row.amount), int(row.start)
    length, cliff = int(row.length), int(row.cliff)
    end, now = start + length, clock["slot"] if clock else 0
    slots = YEAR_MS // max(clock["slotMs"], 1) if clock else 1
    years = min(max(-(-end // slots), 1), CURVE_YEARS)
    released = vested(amount, start, length, cliff, now)
    return {
        "row": row,
        "name": None if name is None else shown(name),
        "end": end,
        "times": {
            "start": time_of_slot(clock, start), "cliff": time_of_slot(clock, cliff),
            "end": time_of_slot(clock, end),
        },
        "released": str(released),
        "share": share(released, amount),
        "years": [
            {"year": year, "released": str(vested(amount, start, length, cliff, year * slots))}
            for year in range(years + 1)
        ],
    }  # fmt: skip
