"""Text of `btt-chain gov`: bars, percentages, chambers and referenda."""

from __future__ import annotations

from typing import Final

from btt_chain.client.amount import Currency
from btt_chain.primitives.ss58 import encode
from cli.commands.gov_calls import track_of
from cli.common import show
from runtime.pallets.chambers.api import PollView
from runtime.pallets.chambers.formulas import WHOLE
from runtime.pallets.chambers.types import SEAT_POWER, ChamberView, SeatView
from runtime.pallets.referenda.api import ReferendumView

WIDTH: Final = 40
"""Characters of a bar."""


AYE: Final = "█"


NAY: Final = "▒"


HERE: Final = "░"


AWAY: Final = "·"


CHAMBERS: Final = ("institutions", "compute", "holders", "community")


BILLION: Final = 10**9


WORK: Final = Currency("units of work", 6)


def picture(poll: PollView) -> list[str]:
    """Return the four chambers' tally as bars: aye, nay, abstaining, and away."""
    rows = [_chamber_row(chamber) for chamber in poll.chambers]
    ayes = sum(int(one.weighed_ayes) for one in poll.chambers)
    nays = sum(int(one.weighed_nays) for one in poll.chambers)
    there = sum(int(one.weight) for one in poll.chambers if one.takes_part) * BILLION
    whole = WHOLE * BILLION
    frozen = "frozen" if poll.frozen else "as of the first vote"
    needed = (
        percent(poll.approval_needed, BILLION),
        percent(poll.participation_needed, BILLION),
    )
    return [
        f"weights of {poll.year}, {frozen}; {AYE} aye {NAY} nay {HERE} abstains {AWAY} away",
        *rows,
        f"{'together':<13} {'':>6}  {bar(ayes, nays, there - ayes - nays, whole)}",
        f"ayes   {percent(poll.approval, BILLION):>7}, needed: more than {needed[0]}",
        f"weight {percent(poll.participation, BILLION):>7}, needed: {needed[1]}",
        "would be approved as it stands" if poll.passing else "would be rejected as it stands",
    ]


def _chamber_row(one: ChamberView) -> str:
    votes = int(one.ayes), int(one.nays), int(one.abstains)
    here, electorate = sum(votes), int(one.electorate)
    picture_line = bar(*votes, max(here, electorate))
    turnout = f"{percent(here, max(1, here, electorate))} here"
    note = turnout if one.takes_part else f"{turnout}, too few to count"
    return f"{one.name:<13} {percent(one.weight, WHOLE):>6}  {picture_line}  {note}"


def bar(ayes: int, nays: int, abstains: int, whole: int) -> str:
    """Return a bar of `WIDTH` characters, with the parts' boundaries rounded down."""
    if not whole:
        return AWAY * WIDTH
    ends = [part * WIDTH // whole for part in (ayes, ayes + nays, ayes + nays + abstains)]
    picture_line = AYE * ends[0] + NAY * (ends[1] - ends[0]) + HERE * (ends[2] - ends[1])
    return picture_line.ljust(WIDTH, AWAY)


def when(slot: int, now: int, slot_ms: int) -> str:
    """Return the time from now to a slot, in the largest unit with at least two."""
    seconds = abs(int(slot) - now) * slot_ms // 1_000
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            text = f"{seconds // length} {unit}"
            break
    else:
        text = f"{seconds} s"
    return f"in {text}" if slot > now else f"{text} ago"


def percent(part: int, whole: int) -> str:
    """Return a part of a whole, rounded down to a tenth of a percent."""
    tenths = int(part) * 1_000 // int(whole)
    return f"{tenths // 10}.{tenths % 10}%"


def power(name: str, amount: int, currency: Currency) -> str:
    """Return the power of a chamber in a readable unit."""
    match name:
        case "compute":
            return WORK.format(amount)
        case "community":
            return show.counted(amount // SEAT_POWER, "seat")
        case "holders":
            return f"{currency.format(amount // 2)} (long stakes half as much again)"
        case _:
            return currency.format(amount)


def tally_facts(poll: PollView) -> dict[str, object]:
    """Return a tally as JSON."""
    return {
        "year": poll.year,
        "frozen": poll.frozen,
        "approval": poll.approval,
        "approvalNeeded": poll.approval_needed,
        "participation": poll.participation,
        "participationNeeded": poll.participation_needed,
        "passing": poll.passing,
        "chambers": {
            one.name: {
                "weight": one.weight,
                "electorate": str(one.electorate),
                "ayes": str(one.ayes),
                "nays": str(one.nays),
                "abstains": str(one.abstains),
                "takesPart": one.takes_part,
            }
            for one in poll.chambers
        },
    }


def referendum_facts(view: ReferendumView, names: dict[int, str]) -> dict[str, object]:
    """Return a referendum as JSON."""
    return {
        "referendum": view.index,
        "stage": view.stage.name,
        "track": None if view.track is None else track_of(view, names),
        "slot": view.at,
        "deposit": view.has_deposit,
        "proposal": None if view.proposal is None else "0x" + view.proposal.hex(),
    }


def seats_facts(seats: list[SeatView], prefix: int) -> list[dict[str, str]]:
    """Return the seats of a chamber as JSON."""
    return [{"account": encode(one.who, prefix), "planck": str(one.amount)} for one in seats]


def stage_of(view: ReferendumView) -> str:
    """Return the stage of a referendum in words."""
    waits = view.track is not None and not view.has_deposit
    return view.stage.name + (", no deposit" if waits else "")
