"""Pages of staking, with a calculator of rewards, and of vesting, with a curve for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from btt_chain.client.amount import AmountError
from btt_chain.explorer import apis
from btt_chain.explorer.apis import Record, ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import slot_clock, time_of_slot
from btt_chain.explorer.pages.forms import BadRequest, Fields, Json, number_of
from btt_chain.explorer.pictures.steps import Step
from btt_chain.explorer.pictures.svg import share
from btt_chain.present.visible import shown

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


async def staking_page(context: Context, amount: str | None, tier: str | None) -> Fields:
    """Return the tiers, the reward pool, and what a stake of an amount would earn."""
    tiers = apis.records(await apis.stored(context, "TierStaking.CurrentTiers"))
    pool = apis.record(await ask(context, "StakingApi.pool"))
    free, committed = apis.number(pool, "free"), apis.number(pool, "committed")
    staked = apis.whole(await apis.stored(context, "TierStaking.TotalStaked"))
    return {
        "at": context.index.final()[0],
        "tiers": [_tier(at, each) for at, each in enumerate(tiers)],
        "pool": {
            "free": str(free),
            "committed": str(committed),
            "share": share(committed, free + committed),
        },
        "staked": str(staked),
        "typed": {"amount": amount or "", "tier": tier or "0"},
        "offer": await _offer(context, amount, tier or "0"),
    }


def _tier(at: int, each: Record) -> Fields:
    benefits = apis.number(each, "benefits")
    return {
        "tier": at,
        "days": apis.number(each, "days"),
        "reward": apis.number(each, "reward_bps") * BPS,
        "burn": apis.number(each, "burn_bps") * BPS,
        "minimum": str(apis.number(each, "minimum")),
        "benefits": [name for bit, name in BENEFITS.items() if benefits & bit],
    }


async def _offer(context: Context, amount: str | None, tier: str) -> Json:
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
    found = apis.optional(await ask(context, "StakingApi.quote", planck, number))
    if found is None:
        return {"isPossible": False, "planck": str(planck)}
    return {
        "isPossible": True,
        "planck": str(planck),
        "reward": apis.number(found, "reward_bps") * BPS,
        "days": apis.number(found, "term_ms") // DAY_MS,
        "isReduced": found.get("reduced") is True,
        **{name: str(apis.number(found, name)) for name in ("gross", "burned", "net")},
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

    def fits(self, row: Record) -> bool:
        """Return True if a contractual row has this amount, and is released in this way."""
        is_immediate = apis.number(row, "length") == 0
        return (apis.number(row, "amount"), is_immediate) == (self.amount, self.is_immediate)


async def vesting_page(context: Context) -> Fields:
    """Return the rows of the allocation that contracts release, each with its curve."""
    rows = apis.records(await apis.stored(context, "Tokenomics.ContractualRows"))
    names = names_of(rows, await _allocated(context))
    clock = await slot_clock(context)
    now = apis.number(clock, "slot") if isinstance(clock, dict) else 0
    slots = YEAR_MS // max(apis.number(clock, "slotMs"), 1) if isinstance(clock, dict) else 1
    return {
        "at": context.index.final()[0],
        "clock": clock,
        "rows": [
            _row(each, name, clock, now, slots) for each, name in zip(rows, names, strict=True)
        ],
    }


async def _allocated(context: Context) -> list[Allocated]:
    """Return the rows of the allocation that contracts release, in the order of their names."""
    found = []
    for key, value in await apis.entries(context, "Tokenomics.Allocations"):
        row = apis.record(value)
        kind = apis.text(row, "kind")
        if kind in {"Linear", "Immediate"}:
            # All accounts of a row have its schedule.
            held = apis.items(row.get("accounts"))[:1] if kind == "Linear" else []
            schedules = [
                (
                    apis.number(each, "start"),
                    apis.number(each, "length"),
                    apis.number(each, "cliff"),
                )
                for account in held
                for each in apis.records(
                    await apis.stored(context, "Vesting.SchedulesExt", account) or []
                )
            ]
            name = apis.words(key[0] if key else None)
            found.append(
                Allocated(name, apis.number(row, "amount"), kind == "Immediate", schedules)
            )
    return sorted(found, key=lambda each: each.name)


def _times(each: Record) -> tuple[int, int, int]:
    return apis.number(each, "start"), apis.number(each, "length"), apis.number(each, "cliff")


def names_of(rows: Sequence[Record], allocated: Sequence[Allocated]) -> list[str | None]:
    """Return the name of each contractual row: of the allocation with its amount and schedule.

    Where the schedules do not decide, because they were paid out or merged, all names with the
    amount that are left.
    """
    left, names = [*allocated], list[str | None]()
    for row in rows:
        times = _times(row)
        exact = next((each for each in left if each.fits(row) and times in each.schedules), None)
        if exact is not None:
            left.remove(exact)
        names.append(None if exact is None else exact.name)
    for at, row in enumerate(rows):
        if names[at] is None:
            names[at] = ", ".join(each.name for each in left if each.fits(row)) or None
    return names


def _row(each: Record, name: str | None, clock: Json, now: int, slots: int) -> Fields:
    amount, start = apis.number(each, "amount"), apis.number(each, "start")
    length, cliff = apis.number(each, "length"), apis.number(each, "cliff")
    end = start + length
    years = min(max(-(-end // slots), 1), CURVE_YEARS)
    return {
        "name": None if name is None else shown(name),
        "amount": str(amount),
        "start": start,
        "cliff": cliff,
        "end": end,
        "times": {
            "start": time_of_slot(clock, start), "cliff": time_of_slot(clock, cliff),
            "end": time_of_slot(clock, end),
        },
        "released": str(vested(amount, start, length, cliff, now)),
        "share": share(vested(amount, start, length, cliff, now), amount),
        "years": [
            {"year": year, "released": str(vested(amount, start, length, cliff, year * slots))}
            for year in range(years + 1)
        ],
    }  # fmt: skip


def vested(amount: int, start: int, length: int, cliff: int, slot: int) -> int:
    """Return the part of a row that its contract has released at a slot, rounded down.

    Nothing before the cliff; what has gathered since the start, at it; then slot by slot.
    """
    if slot < max(cliff, start):
        return 0
    passed = slot - start
    return amount if passed >= length else amount * passed // length


def vesting_steps(row: Fields) -> list[Step]:
    """Return the curve of a row from the numbers of its table."""
    years = row["years"]
    return [
        Step(str(each["year"]), int(str(each["released"])))
        for each in (years if isinstance(years, list) else [])
        if isinstance(each, dict)
    ]
