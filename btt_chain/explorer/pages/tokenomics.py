"""The page of the money: supply, allocation, pools, burns, and releases by year."""

from __future__ import annotations

from typing import Final

from btt_chain.explorer import apis
from btt_chain.explorer.apis import Record, ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import slot_clock
from btt_chain.explorer.pages.forms import Fields, Json, NoSuchPage, account_json
from btt_chain.explorer.pictures.steps import Step
from btt_chain.explorer.pictures.svg import share
from btt_chain.scale.portable import Plain

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


async def tokenomics_page(context: Context) -> Fields:
    """Return the supply and where it is: by row of the allocation, pool, burn and year."""
    supply = apis.record(await ask(context, "TokenomicsApi.supply"))
    genesis = apis.number(supply, "genesis")
    return {
        "at": context.index.final()[0],
        "clock": await slot_clock(context),
        "supply": {
            name: str(apis.number(supply, name))
            for name in ("genesis", "issuance", "burned", "circulating", "locked", "staked")
        },
        "allocation": _allocation(await apis.entries(context, "Tokenomics.Allocations"), genesis),
        "pools": [
            _pool(context, each) for each in apis.records(await ask(context, "TokenomicsApi.pools"))
        ],
        "burned": _burned(await ask(context, "TokenomicsApi.burned")),
        "milestoneBurns": await _milestone_burns(context),
        "years": await _years(context),
        "emission": await _emission(context),
    }


def _allocation(rows: list[tuple[list[Plain], Plain]], genesis: int) -> list[Json]:
    """Return the rows of the allocation, the largest first."""
    found = [(apis.words(key[0] if key else None), apis.record(value)) for key, value in rows]
    found.sort(key=lambda row: (-apis.number(row[1], "amount"), row[0]))
    return [
        {
            "name": name,
            "kind": apis.text(row, "kind"),
            "amount": str(apis.number(row, "amount")),
            "share": share(apis.number(row, "amount"), genesis),
        }
        for name, row in found
    ]


def _pool(context: Context, each: Record) -> Fields:
    allocated, released = apis.number(each, "allocated"), apis.number(each, "released")
    burned = apis.number(each, "burned")
    return {
        "account": account_json(context.data, apis.account(context, each.get("account"))),
        "allocated": str(allocated),
        "released": str(released),
        "burned": str(burned),
        "balance": str(apis.number(each, "balance")),
        "spent": share(released + burned, allocated),
    }


def _burned(rows: Plain) -> list[Json]:
    found: list[Json] = []
    for row in apis.items(rows):
        reason, amount = apis.pair(row)
        found.append({"reason": str(reason), "amount": str(amount)})
    return found


async def _milestone_burns(context: Context) -> list[Json]:
    """Return the burns at milestones, with the number of hospitals that some wait for."""
    rows = await apis.entries(context, "Tokenomics.MilestoneBurns")
    found: list[Fields] = []
    needed: dict[str, int] = {}
    counted: int | None = None
    try:
        count = apis.record(await ask(context, "FacilitiesApi.count"))
    except NoSuchPage:
        pass  # a chain without facilities
    else:
        counted = apis.number(count, "counted")
        for burn in apis.records(count.get("burns")):
            needed[apis.text(burn, "id")] = apis.number(burn, "hospitals")
    for key, value in rows:
        row, name = apis.record(value), str(key[0] if key else "?")
        executed = row.get("executed_at")
        found.append(
            {
                "id": name,
                "amount": str(apis.number(row, "amount")),
                "executedAt": executed if isinstance(executed, int) else None,
                "hospitals": counted if name in needed else None,
                "needed": needed.get(name),
            }
        )
    order = list(BURNS)
    found.sort(key=lambda each: order.index(name) if (name := str(each["id"])) in order else 99)
    return [*found]


async def _years(context: Context) -> list[Json]:
    """Return the releases by year; the last row covers all later years."""
    answers = await apis.ask_each(
        context, "TokenomicsApi.release", [FIRST_YEAR + n for n in range(YEARS)]
    )
    found: dict[int, Json] = {}
    for row in map(apis.record, answers):
        names = ("table", "contractual", "mining", "discretionary", "ceiling", "headroom")
        found[apis.number(row, "year")] = {
            "year": apis.number(row, "year"),
            **{name: str(apis.number(row, name)) for name in names},
        }
    return [found[year] for year in sorted(found)]


async def _emission(context: Context) -> Json:
    """Return the state of the emission for useful work; None on a chain without it."""
    try:
        found = apis.record(await ask(context, "MiningApi.emission"))
    except NoSuchPage:
        return None
    names = ("pool", "unemitted", "owed", "paid", "unallocated", "budget")
    return {
        "era": apis.number(found, "era"),
        **{name: str(apis.number(found, name)) for name in names},
    }


def year_steps(years: list[Fields], name: str) -> list[Step]:
    """Return one column of the table as steps of a curve; the last covers all later years."""
    found = [Step(str(each["year"]), int(str(each[name]))) for each in years]
    return [*found[:-1], *(Step(f"{last.name}+", last.value) for last in found[-1:])]
