"""Pages of governance: the chambers, referenda, and the votes of one."""

from __future__ import annotations

from typing import Final

from btt_chain.client.errors import ClientError
from btt_chain.client.wire import to_bytes
from btt_chain.explorer import apis
from btt_chain.explorer.apis import PERBILL, PERMILLION, Record, ask
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.clock import slot_clock
from btt_chain.explorer.pages.forms import (
    PAGE,
    Fields,
    Json,
    account_json,
    index_of,
)
from btt_chain.explorer.pictures.svg import share
from btt_chain.explorer.pictures.tally import Counted, Side
from btt_chain.present.visible import PAGE_LENGTH, shown
from btt_chain.scale.portable import Plain

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


async def governance_page(context: Context, below: str | None) -> Fields:
    """Return the chambers, the tracks and the referenda, the newest first."""
    before: Plain = None
    if below:
        before = index_of(below, "a referendum")
    state = apis.record(await ask(context, "ChambersApi.state"))
    tracks = await _tracks(context)
    found = apis.records(await ask(context, "GovernanceApi.referenda", before, PAGE + 1))
    last = found[PAGE - 1] if len(found) > PAGE else None
    return {
        "at": context.index.final()[0],
        "clock": await slot_clock(context),
        "year": apis.number(state, "year"),
        "chambers": chambers_json(state),
        "tracks": [_track(each) for each in tracks.values()],
        "referenda": [_referendum(context, each, tracks) for each in found[:PAGE]],
        "next": None if last is None else apis.number(last, "index"),
    }


async def _tracks(context: Context) -> dict[int, Record]:
    found = apis.records(await ask(context, "GovernanceApi.tracks"))
    return {apis.number(each, "id"): each for each in found}


def chambers_json(state: Record) -> list[Json]:
    """Return the chambers with their weights. Raises NodeGone."""
    members = {
        "institutions": len(apis.items(state.get("institutions"))),
        "community": len(apis.items(state.get("representatives"))),
    }
    # A node may send fewer, or more: `zip` ends with the shortest.
    rows = zip(
        CHAMBERS,
        map(apis.whole, apis.items(state.get("weights"))),
        map(apis.whole, apis.items(state.get("electorates"))),
        strict=False,
    )
    return [
        {
            "name": name,
            "weight": weight,
            "share": share(weight, WHOLE),
            "electorate": str(electorate),
            "members": members.get(name),
        }
        for name, weight, electorate in rows
    ]


def _track(each: Record) -> Fields:
    return {
        "id": apis.number(each, "id"),
        "name": shown(apis.text(each, "name")),
        "deciding": apis.number(each, "deciding"),
        "maxDeciding": apis.number(each, "max_deciding"),
        "queued": apis.number(each, "queued"),
        "decisionDeposit": str(apis.number(each, "decision_deposit")),
        "approval": _millionths(apis.number(each, "approval")),
        "participation": _millionths(apis.number(each, "participation")),
    }


def _referendum(context: Context, each: Record, tracks: dict[int, Record]) -> Fields:
    """Return a referendum, its call by name if it is known."""
    stage, track, call = apis.text(each, "stage"), each.get("track"), each.get("call")
    rules = tracks.get(track) if isinstance(track, int) else None
    name, arguments = _call(context, call)
    return {
        "index": apis.number(each, "index"),
        "stage": stage,
        "isOpen": stage in OPEN,
        "at": apis.number(each, "at") or None,
        "track": None if rules is None else shown(apis.text(rules, "name")),
        "trackId": track if isinstance(track, int) else None,
        "proposer": account_json(context.data, apis.account(context, each.get("proposer"))),
        "hasDeposit": each.get("has_deposit") is True,
        "proposal": str(each["proposal"]) if each.get("proposal") else None,
        "call": name,
        "arguments": arguments,
        "bytes": len(call) // 2 - 1 if isinstance(call, str) else None,
    }


def _call(context: Context, call: Plain) -> tuple[str | None, list[Json]]:
    """Return a call by name with its arguments; None if it is not known or no call."""
    metadata = context.data.latest()
    if metadata is None or not isinstance(call, str):
        return None, []
    try:
        view = metadata.decoder.call(to_bytes(call))
    except ClientError:
        return None, []
    return view.name, [
        {"name": name, "shown": shown(text, PAGE_LENGTH)} for name, text in view.shown.items()
    ]


async def referendum_page(context: Context, text: str) -> Fields:
    """Return a referendum with its votes by chamber, if it has any."""
    index = index_of(text, "a referendum")
    missing = f"There is no referendum {index}."
    found = await apis.find(context, "GovernanceApi.referendum", index, missing=missing)
    tracks = await _tracks(context)
    poll = apis.optional(await ask(context, "ChambersApi.tally", index))
    return {
        **_referendum(context, found, tracks),
        "finalAt": context.index.final()[0],
        "clock": await slot_clock(context),
        "poll": None if poll is None else _poll(poll),
    }


def _poll(poll: Record) -> Fields:
    chambers = apis.records(poll.get("chambers"))
    return {
        "year": apis.number(poll, "year"),
        "frozen": poll.get("frozen") is True,
        "passing": poll.get("passing") is True,
        "participation": _millionths(apis.number(poll, "participation")),
        "participationNeeded": _millionths(apis.number(poll, "participation_needed")),
        "approval": _millionths(apis.number(poll, "approval")),
        "approvalNeeded": _millionths(apis.number(poll, "approval_needed")),
        "chambers": [_chamber(each) for each in chambers],
    }


def _chamber(each: Record) -> Fields:
    """Return a chamber's votes; shares in millionths, powers in its unit."""
    electorate, abstains = apis.number(each, "electorate"), apis.number(each, "abstains")
    ayes, nays = apis.number(each, "ayes"), apis.number(each, "nays")
    return {
        "name": apis.text(each, "name"),
        "weight": apis.number(each, "weight"),
        "share": share(apis.number(each, "weight"), WHOLE),
        "ayes": share(apis.number(each, "weighed_ayes"), WHOLE * PERBILL),
        "nays": share(apis.number(each, "weighed_nays"), WHOLE * PERBILL),
        "turnout": min(share(ayes + nays + abstains, electorate), PERMILLION),
        "takesPart": each.get("takes_part") is True,
        "electorate": str(electorate),
        "power": {"ayes": str(ayes), "nays": str(nays), "abstains": str(abstains)},
    }


def counted(poll: Fields) -> Counted:
    """Return the numbers of the picture from those of the page."""
    rows = poll.get("chambers")
    sides = [
        Side(
            apis.text(each, "name"),
            apis.number(each, "share"),
            apis.number(each, "ayes"),
            apis.number(each, "nays"),
            each.get("takesPart") is True,
        )
        for each in (rows if isinstance(rows, list) else [])
        if isinstance(each, dict)
    ]
    return Counted(
        sides,
        apis.number(poll, "participation"),
        apis.number(poll, "participationNeeded"),
        apis.number(poll, "approval"),
        apis.number(poll, "approvalNeeded"),
        any(side.ayes + side.nays for side in sides),
    )


def _millionths(billionths: int) -> int:
    return billionths * PERMILLION // PERBILL
