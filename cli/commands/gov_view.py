"""Text of `btt-chain gov`: bars, percentages, chambers and referenda."""

from __future__ import annotations

from typing import Final

import click

from btt_chain.client import amount
from btt_chain.client.paging import PAGE
from btt_chain.client.views import ViewClient
from btt_chain.present import rule
from btt_chain.present.context import Currency
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import hex_or_none, to_hex
from btt_chain.scale import u32
from cli.commands.gov_calls import track_names
from cli.common import show
from cli.common.errors import NotFound
from cli.parameters import context_of
from runtime.frame.aliases import SlotNumber
from runtime.pallets.chambers.api import ChambersApi, PollView
from runtime.pallets.chambers.formulas import WHOLE, Chamber
from runtime.pallets.chambers.types import SEAT_POWER, ChamberView
from runtime.pallets.referenda.api import GovernanceApi, ReferendumView

WIDTH: Final = 40
"""Characters of a bar."""
AYE: Final = "█"
NAY: Final = "▒"
HERE: Final = "░"
AWAY: Final = "·"
BILLION: Final = 10**9
WORK: Final = amount.Currency("units of work", 6)


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


def percent(part: int, whole: int) -> str:
    """Return a part of a whole, rounded down to a tenth of a percent."""
    tenths = int(part) * 1_000 // int(whole)
    return f"{tenths // 10}.{tenths % 10}%"


def power(chamber: Chamber, parts: int, currency: Currency) -> str:
    """Return the power of a chamber in a readable unit."""
    match chamber:
        case Chamber.Compute:
            return WORK.format(parts)
        case Chamber.Community:
            return show.counted(int(parts) // SEAT_POWER, "seat")
        case Chamber.Holders:
            return f"{currency.format(int(parts) // 2)} (long stakes half as much again)"
        case _:
            return currency.format(int(parts))


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
        "proposal": hex_or_none(view.proposal),
    }


def stage_of(view: ReferendumView) -> str:
    """Return the stage of a referendum in words."""
    waits = view.track is not None and not view.has_deposit
    return view.stage.name + (", no deposit" if waits else "")


def call_name(view: ReferendumView, chain: ViewClient) -> str:
    """Return the name of a referendum's call; its hash if the call is not available."""
    if view.call is not None:
        return chain.chain.metadata.decoder.call(view.call).name
    return "-" if view.proposal is None else to_hex(view.proposal)


def track_of(view: ReferendumView, names: dict[int, str]) -> str:
    """Return the name of a referendum's track, or its number."""
    return "-" if view.track is None else names.get(int(view.track), str(int(view.track)))


async def print_referenda(chain: ViewClient, as_json: bool) -> None:
    """Print all referenda."""
    views = await chain.api(GovernanceApi.referenda, None, u32(PAGE))
    names, context = await track_names(chain), await context_of(chain)
    if as_json:
        show.document([referendum_facts(view, names) for view in views])
        return
    if not views:
        show.note("there is no referendum; `btt-chain gov propose --help` says how")
        return
    slot = rule(SlotNumber)
    show.table(
        [">number", "track", "stage", "call", "next or last change"],
        [
            [str(view.index), track_of(view, names), stage_of(view), call_name(view, chain),
             slot.text(view.at, context)]
            for view in views
        ],
    )  # fmt: skip
    if len(views) == PAGE:
        show.note(f"only the last {PAGE} are shown; `btt-chain gov status NUMBER` shows any")


async def print_referendum(chain: ViewClient, index: u32, as_json: bool) -> None:
    """Print one referendum and the tally of its chambers. NotFound if there is none."""
    view = await chain.api(GovernanceApi.referendum, index)
    if view is None:
        raise NotFound(f"there is no referendum {index}; `btt-chain gov status` lists them")
    poll = await chain.api(ChambersApi.tally, index)
    names, context = await track_names(chain), await context_of(chain)
    if as_json:
        tally = None if poll is None else tally_facts(poll)
        show.document(referendum_facts(view, names) | {"tally": tally})
        return
    fields = {"referendum": str(index), "track": track_of(view, names), "stage": view.stage.name}
    if view.proposer is not None:
        fields["proposed by"] = rule(AccountId).text(view.proposer, context)
    if view.call is not None:
        fields["call"] = chain.chain.metadata.decoder.call(view.call).line
    elif view.proposal is not None:
        fields["call"] = f"{to_hex(view.proposal)}, whose text is not here, or is not a call"
    moment = rule(SlotNumber).text(view.at, context)
    if view.track is None:
        fields["ended"] = moment
        fields["deposits"] = f"`btt-chain gov refund {index}` gives back what is left of them"
    else:
        if not view.has_deposit:
            fields["deposit"] = f"missing: `btt-chain gov deposit {index}` places it"
        fields["next step"] = moment
    show.record(fields)
    if poll is not None:
        click.echo()
        for line in picture(poll):
            click.echo(line)
