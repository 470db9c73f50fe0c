"""`btt-chain gov milestones`, `object` and what belongs to them: objections to milestones."""

from __future__ import annotations

import click

from btt_chain.scale import u32
from cli.commands.gov_calls import slot_now
from cli.commands.gov_view import percent, when
from cli.common import show
from cli.common.errors import NotFound
from cli.common.options import Group, examples, query_options
from cli.common.session import run
from cli.common.types import kebab
from cli.common.working import view_chain
from cli.declared import Input, send
from runtime.apis.governance import ChambersApi, MilestoneView
from runtime.pallets.chambers import Chambers
from runtime.splits import BPS

objections = Group("objections")
"""Commands that `btt-chain gov` has."""


@examples("btt-chain gov milestones 0", "btt-chain gov milestones 0 --json")
@objections.command()
@click.argument("programme", type=click.IntRange(0, 2**32 - 1))
@query_options
def milestones(programme: int, url: str, timeout: float, as_json: bool) -> None:
    """Show the milestones of a programme of the Foundation, and who objects to them.

    An attested milestone counts after its window, unless members with 10 % of the chambers'
    weights object.
    """

    async def ask() -> tuple[list[MilestoneView], int, int]:
        async with view_chain(url, timeout) as chain:
            views = await chain.api(ChambersApi.milestones, u32(programme))
            return views, await slot_now(chain.chain), chain.slot_ms

    found, now, slot_ms = run(ask())
    if not found:
        raise NotFound(f"there is no programme {programme}; they are numbered from 0")
    if as_json:
        show.document([facts(index, view) for index, view in enumerate(found)])
        return
    show.table(
        [">milestone", ">part", "state", "window ends", ">objections", "counts"],
        [
            [
                str(index),
                percent(view.milestone.bps, BPS),
                kebab(view.milestone.status.name),
                "" if view.until is None else when(view.until, now, slot_ms),
                "" if view.until is None else weight_of(view),
                "yes" if view.counts else "",
            ]
            for index, view in enumerate(found)
        ],
    )


send(
    objections, "object", Chambers.object_to_milestone,
    "btt-chain gov object 0 3 500BTT --from //Bob",
    help="""Object with AMOUNT to a milestone that the Foundation attested.

    It counts as a vote with AMOUNT does, which stays locked until the milestone is decided.
    """,
    inputs={"index": Input("MILESTONE"), "value": Input("AMOUNT")},
    done="objected, in block {block}",
)  # fmt: skip
send(
    objections, "withdraw-objection", Chambers.withdraw_objection,
    "btt-chain gov withdraw-objection 0 3 --from //Bob",
    help="Withdraw your objection to a milestone; its money is free at once.",
    inputs={"index": Input("MILESTONE")}, done="withdrawn, in block {block}",
)  # fmt: skip
send(
    objections, "unlock-objections", Chambers.unlock_objections,
    "btt-chain gov unlock-objections //Bob --from //Bob",
    help="Free what an account's objections to decided milestones lock.",
    done="unlocked, in block {block}",
)  # fmt: skip


def weight_of(view: MilestoneView) -> str:
    """Return the weight of the objections, and what stops the milestone."""
    whole = int(view.needed) * 10
    return f"{percent(view.objected, whole)} of {percent(view.needed, whole)}"


def facts(index: int, view: MilestoneView) -> dict[str, object]:
    """Return a milestone as JSON."""
    return {
        "milestone": index,
        "bps": view.milestone.bps,
        "state": kebab(view.milestone.status.name),
        "description": "0x" + view.milestone.description.hex(),
        "evidence": "0x" + view.milestone.evidence.hex(),
        "since": view.milestone.since,
        "until": view.until,
        "counts": view.counts,
        "objected": str(view.objected),
        "needed": str(view.needed),
    }
