"""Pages of governance: the chambers, referenda, and the votes of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypedDict

from btt_chain.client.errors import ClientError
from btt_chain.explorer import apis
from btt_chain.explorer.apis import PERBILL, PERMILLION, ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import Clock, slot_clock
from btt_chain.explorer.pages.forms import PAGE, index_of
from btt_chain.explorer.pictures.svg import share
from btt_chain.explorer.pictures.tally import Counted, Side
from btt_chain.present.visible import PAGE_LENGTH, shown
from btt_chain.primitives.meaning import FLAT
from btt_chain.scale import u32
from runtime.pallets.chambers.api import ChambersApi, PollView
from runtime.pallets.chambers.types import ChamberView, StateView
from runtime.pallets.referenda.api import GovernanceApi, ReferendumView, TrackView

WHOLE: Final = 7_000
"""Sum of the weights of all chambers."""
CHAMBERS: Final = ("institutions", "compute", "holders", "community")

STAGES: Final = {
    "Preparing": "It waits for its decision deposit, or for the end of the preparation.",
    "Queued": "It waits for room in its track.",
    "Deciding": "It is being voted on.",
    "Confirming": "It passes, and must go on passing.",
    "Approved": "It was approved.",
    "Rejected": "It was rejected.",
    "Cancelled": "It was cancelled.",
    "TimedOut": "Its decision deposit was not placed in time.",
    "Killed": "It was killed; its deposits were burned.",
}
"""Stages of a referendum in words."""
OPEN: Final = ("Preparing", "Queued", "Deciding", "Confirming")


class ChamberRow(TypedDict):
    """A chamber with its weight; the share in millionths."""

    name: str
    weight: int
    share: int
    electorate: str
    members: int | None


class TrackRow(TypedDict):
    """A track of referenda; thresholds in millionths."""

    track: Annotated[TrackView, FLAT]
    approval: int
    participation: int


class ReferendumRow(TypedDict):
    """A referendum, its call by name if it is known."""

    referendum: Annotated[ReferendumView, FLAT]
    isOpen: bool
    at: int | None
    track: str | None
    trackId: int | None
    call: str | None
    arguments: list[Argument]
    bytes: int | None


class Argument(TypedDict):
    """An argument of a call."""

    name: str
    shown: str


class Power(TypedDict):
    """The votes of a chamber, in its unit."""

    ayes: str
    nays: str
    abstains: str


class VoteRow(TypedDict):
    """A chamber's votes; shares in millionths, powers in its unit."""

    chamber: Annotated[ChamberView, FLAT]
    name: str
    takesPart: bool
    share: int
    ayes: int
    nays: int
    turnout: int
    power: Power


class PollRow(TypedDict):
    """The votes of a referendum; shares in millionths."""

    poll: Annotated[PollView, FLAT]
    participation: int
    participationNeeded: int
    approval: int
    approvalNeeded: int
    chambers: list[VoteRow]


class GovernancePage(TypedDict):
    """The chambers, the tracks and the referenda, the newest first."""

    at: int
    clock: Clock | None
    year: int
    chambers: list[ChamberRow]
    tracks: list[TrackRow]
    referenda: list[ReferendumRow]
    next: int | None


class ReferendumPage(ReferendumRow):
    """A referendum with its votes by chamber, if it has any."""

    finalAt: int
    clock: Clock | None
    poll: PollRow | None


async def governance_page(context: Context, below: str | None) -> GovernancePage:
    """Return the chambers, the tracks and the referenda, the newest first."""
    before = index_of(below, "a referendum") if below else None
    state = await ask(context, ChambersApi.state)
    tracks = await ask(context, GovernanceApi.tracks)
    referenda = await ask(context, GovernanceApi.referenda, before, u32(PAGE + 1))
    return {
        "at": context.index.final()[0],
        "clock": await slot_clock(context),
        "year": int(state.year),
        "chambers": chamber_rows(state),
        "tracks": [
            {
                "track": track,
                "approval": _millionths(track.approval),
                "participation": _millionths(track.participation),
            }
            for track in tracks
        ],
        "referenda": [_referendum(context, row, tracks) for row in referenda[:PAGE]],
        "next": int(referenda[PAGE - 1].index) if len(referenda) > PAGE else None,
    }


def chamber_rows(state: StateView) -> list[ChamberRow]:
    """Return the chambers with their weights."""
    members = {"institutions": len(state.institutions), "community": len(state.representatives)}
    # A node may send fewer, or more: `zip` ends with the shortest.
    rows = zip(CHAMBERS, state.weights, state.electorates, strict=False)
    return [
        {
            "name": name,
            "weight": int(weight),
            "share": share(weight, WHOLE),
            "electorate": str(int(electorate)),
            "members": members.get(name),
        }
        for name, weight, electorate in rows
    ]


def _referendum(
    context: Context, referendum: ReferendumView, tracks: Sequence[TrackView]
) -> ReferendumRow:
    track = next((track.name for track in tracks if track.id == referendum.track), None)
    name, arguments = _call(context, referendum.call)
    return {
        "referendum": referendum,
        "isOpen": referendum.stage.name in OPEN,
        "at": int(referendum.at) or None,
        "track": None if track is None else shown(track),
        "trackId": None if referendum.track is None else int(referendum.track),
        "call": name,
        "arguments": arguments,
        "bytes": None if referendum.call is None else len(referendum.call),
    }


def _call(context: Context, call: bytes | None) -> tuple[str | None, list[Argument]]:
    """Return a call by name with its arguments; None if it is not known or is not a call."""
    metadata = context.data.latest()
    if metadata is None or call is None:
        return None, []
    try:
        view = metadata.decoder.call(call)
    except ClientError:
        return None, []
    return view.name, [
        {"name": name, "shown": shown(text, PAGE_LENGTH)} for name, text in view.shown.items()
    ]


async def referendum_page(context: Context, text: str) -> ReferendumPage:
    """Return a referendum with its votes by chamber, if it has any."""
    index = index_of(text, "a referendum")
    missing = f"There is no referendum {index}."
    referendum = await apis.find(context, GovernanceApi.referendum, index, missing=missing)
    tracks = await ask(context, GovernanceApi.tracks)
    poll = await ask(context, ChambersApi.tally, index)
    return {
        **_referendum(context, referendum, tracks),
        "finalAt": context.index.final()[0],
        "clock": await slot_clock(context),
        "poll": None if poll is None else _poll(poll),
    }


def _poll(poll: PollView) -> PollRow:
    return {
        "poll": poll,
        "participation": _millionths(poll.participation),
        "participationNeeded": _millionths(poll.participation_needed),
        "approval": _millionths(poll.approval),
        "approvalNeeded": _millionths(poll.approval_needed),
        "chambers": [_votes(chamber) for chamber in poll.chambers],
    }


def _votes(chamber: ChamberView) -> VoteRow:
    ayes, nays, abstains = int(chamber.ayes), int(chamber.nays), int(chamber.abstains)
    return {
        "chamber": chamber,
        "name": chamber.name,
        "takesPart": chamber.takes_part,
        "share": share(chamber.weight, WHOLE),
        "ayes": share(chamber.weighed_ayes, WHOLE * PERBILL),
        "nays": share(chamber.weighed_nays, WHOLE * PERBILL),
        "turnout": min(share(ayes + nays + abstains, chamber.electorate), PERMILLION),
        "power": {"ayes": str(ayes), "nays": str(nays), "abstains": str(abstains)},
    }


def counted(poll: PollRow) -> Counted:
    """Return the numbers of the picture from those of the page."""
    sides = [
        Side(row["name"], row["share"], row["ayes"], row["nays"], row["takesPart"])
        for row in poll["chambers"]
    ]
    return Counted(
        sides,
        poll["participation"],
        poll["participationNeeded"],
        poll["approval"],
        poll["approvalNeeded"],
        any(side.ayes + side.nays for side in sides),
    )


def _millionths(billionths: int) -> int:
    return int(billionths) * PERMILLION // PERBILL
