"""The page of the money: supply, allocation, pools, burns, and releases by year."""

from __future__ import annotations

from typing import Annotated, Final, TypedDict

from btt_chain.explorer import apis
from btt_chain.explorer.apis import ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import Clock, slot_clock
from btt_chain.explorer.pages.forms import NoSuchPage
from btt_chain.explorer.pictures.svg import share
from btt_chain.primitives.meaning import FLAT
from btt_chain.scale import u32
from runtime.pallets.facilities.api import FacilitiesApi
from runtime.pallets.mining.api import MiningApi
from runtime.pallets.mining.types import Emission
from runtime.pallets.tokenomics.api import TokenomicsApi
from runtime.pallets.tokenomics.types import (
    Allocation,
    MilestoneBurn,
    PoolStatus,
    Supply,
    YearRelease,
)

FIRST_YEAR: Final = 2025
YEARS: Final = 12
"""Maximum number of years of the table; its last year covers all later ones."""

REASONS: Final = {
    "Compute": "fees of compute", "Asset": "fees of assets", "Payfi": "fees of payments",
    "Staking": "staking rewards", "Milestone": "milestones", "Slash": "penalties",
    "Voluntary": "burned by owners", "Premium": "premium services", "Records": "fees of records",
}  # fmt: skip
"""Reasons of burns in words."""
BURNS: Final = {
    "MainnetLaunch": "launch of the chain",
    "Hospitals100": "100 hospitals",
    "Hospitals1000": "1,000 hospitals",
    "CrossChain": "link to other chains",
}
"""Milestones with a burn in words."""
POOLS: Final = {
    "btt/mine": "rewards of useful work", "btt/stak": "staking rewards",
    "btt/hlth": "points of patients", "btt/refr": "referrals", "btt/grnt": "grants",
    "btt/ecos": "ecosystem", "btt/liqd": "liquidity", "btt/rsrv": "reserve",
    "btt/devf": "development", "btt/oprs": "operations",
    "btt/fnd1": "programmes of the Foundation", "btt/fnd2": "programmes of the Foundation",
    "btt/fnd3": "programmes of the Foundation", "btt/fnd4": "programmes of the Foundation",
    "py/trsry": "treasury",
}  # fmt: skip
"""Pools by the names of their accounts, in words."""
ROWS: Final = {
    "Linear": "slot by slot", "Milestone": "by milestones", "Mining": "for useful work",
    "Discretionary": "by referenda", "Immediate": "free from genesis",
    "Reserve": "by signatories after a referendum", "Treasury": "treasury",
}  # fmt: skip
"""Releases of rows of the allocation in words."""


class AllocationRow(TypedDict):
    """A row of the allocation; the share in millionths."""

    row: Annotated[Allocation, FLAT]
    name: str
    share: int


class PoolRow(TypedDict):
    """A pool; its spent part in millionths."""

    pool: Annotated[PoolStatus, FLAT]
    spent: int


class BurnRow(TypedDict):
    """The amount that was burned for a reason."""

    reason: str
    amount: str


class MilestoneRow(TypedDict):
    """The burn at a milestone, with the number of hospitals that it waits for."""

    burn: Annotated[MilestoneBurn, FLAT]
    id: str
    hospitals: int | None
    needed: int | None


class TokenomicsPage(TypedDict):
    """The supply and where it is: by row of the allocation, pool, burn and year."""

    at: int
    clock: Clock | None
    supply: Supply
    allocation: list[AllocationRow]
    pools: list[PoolRow]
    burned: list[BurnRow]
    milestoneBurns: list[MilestoneRow]
    years: list[YearRelease]
    emission: Emission | None


async def tokenomics_page(context: Context) -> TokenomicsPage:
    """Return the supply and where it is: by row of the allocation, pool, burn and year."""
    supply = await ask(context, TokenomicsApi.supply)
    pools = await ask(context, TokenomicsApi.pools)
    return {
        "at": context.index.final()[0],
        "clock": await slot_clock(context),
        "supply": supply,
        "allocation": await _allocation(context, supply.genesis),
        "pools": [
            {"pool": pool, "spent": share(int(pool.released) + int(pool.burned), pool.allocated)}
            for pool in pools
        ],
        "burned": [
            {"reason": reason.name, "amount": str(int(amount))}
            for reason, amount in await ask(context, TokenomicsApi.burned)
        ],
        "milestoneBurns": await _milestone_burns(context),
        "years": await _years(context),
        "emission": await _emission(context),
    }


async def _allocation(context: Context, genesis: int) -> list[AllocationRow]:
    """Return the rows of the allocation, the largest first."""
    rows: list[AllocationRow] = [
        {"row": row, "name": apis.words(name), "share": share(row.amount, genesis)}
        for name, row in await apis.entries(context, Allocation, "Tokenomics.Allocations")
    ]
    return sorted(rows, key=lambda row: (-int(row["row"].amount), row["name"]))


async def _milestone_burns(context: Context) -> list[MilestoneRow]:
    """Return the burns at milestones, with the number of hospitals that some wait for."""
    burns = await apis.entries(context, MilestoneBurn, "Tokenomics.MilestoneBurns")
    needed: dict[str, int] = {}
    counted: int | None = None
    try:
        count = await ask(context, FacilitiesApi.count)
    except NoSuchPage:
        pass  # a chain without facilities
    else:
        counted = int(count.counted)
        needed = {burn.id.name: int(burn.hospitals) for burn in count.burns}
    rows: list[MilestoneRow] = [
        {
            "burn": burn,
            "id": str(id),
            "hospitals": counted if str(id) in needed else None,
            "needed": needed.get(str(id)),
        }
        for id, burn in burns
    ]
    order = list(BURNS)
    return sorted(rows, key=lambda row: order.index(row["id"]) if row["id"] in order else 99)


async def _years(context: Context) -> list[YearRelease]:
    """Return the releases by year; the last row covers all later years."""
    years = [u32(FIRST_YEAR + n) for n in range(YEARS)]
    releases = await apis.ask_each(context, TokenomicsApi.release, years)
    by_year = {release.year: release for release in releases}
    return [by_year[year] for year in sorted(by_year)]


async def _emission(context: Context) -> Emission | None:
    """Return the state of the emission for useful work; None on a chain without it."""
    try:
        return await ask(context, MiningApi.emission)
    except NoSuchPage:
        return None
