"""The page of the chambers: weights by year, members, and the election of representatives."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, TypedDict

from btt_chain.explorer.apis import ask, ask_each
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import Clock, slot_clock, time_of_slot
from btt_chain.explorer.pages.governance import CHAMBERS, WHOLE, ChamberRow, chamber_rows
from btt_chain.explorer.pictures.svg import share
from btt_chain.explorer.pictures.weights import YearRow
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import FLAT
from btt_chain.scale import u32
from runtime.pallets.chambers.api import ChambersApi
from runtime.pallets.chambers.types import ElectionView, SeatView

FIRST_YEAR: Final = 2025
YEARS: Final = 10
"""Number of years whose weights are shown."""
MAX_MEMBERS: Final = 100


class MemberRow(TypedDict):
    """A member or candidate."""

    seat: Annotated[SeatView, FLAT]
    account: AccountId


class ElectionRow(TypedDict):
    """The election of representatives."""

    election: Annotated[ElectionView, FLAT]
    time: int | None
    candidates: list[MemberRow]


class ChambersPage(TypedDict):
    """The chambers with their weights by year, their members, and the election."""

    at: int
    clock: Clock | None
    year: int
    mode: str
    chambers: list[ChamberRow]
    names: list[str]
    years: list[YearRow]
    institutions: list[MemberRow]
    representatives: list[MemberRow]
    election: ElectionRow


async def chambers_page(context: Context) -> ChambersPage:
    """Return the chambers with their weights by year, their members, and the election."""
    state = await ask(context, ChambersApi.state)
    election, clock = await asyncio.gather(ask(context, ChambersApi.election), slot_clock(context))
    years = [u32(FIRST_YEAR + n) for n in range(YEARS)]
    weights = await ask_each(context, ChambersApi.weights, years)
    return {
        "at": context.index.final()[0],
        "clock": clock,
        "year": int(state.year),
        "mode": state.mode,
        "chambers": chamber_rows(state),
        "names": [*CHAMBERS],
        "years": _changes([
            {"year": int(year), "shares": [share(weight, WHOLE) for weight in row]}
            for year, row in zip(years, weights, strict=True)
        ]),
        "institutions": _members(state.institutions),
        "representatives": _members(state.representatives),
        "election": {
            "election": election,
            "time": time_of_slot(clock, election.ends),
            "candidates": _members(election.candidates),
        },
    }  # fmt: skip


def _changes(rows: list[YearRow]) -> list[YearRow]:
    """Return the years up to the last one with other weights than the year before."""
    last = max(
        (at for at in range(1, len(rows)) if rows[at]["shares"] != rows[at - 1]["shares"]),
        default=0,
    )
    return rows[: last + 1]


def _members(seats: list[SeatView]) -> list[MemberRow]:
    return [{"seat": seat, "account": seat.who} for seat in seats[:MAX_MEMBERS]]
