"""`btt-chain gov milestones`, `object` and what belongs to them: objections to milestones."""

from __future__ import annotations

import click

from btt_chain.scale import u32
from cli.commands.gov_calls import address_of, slot_now, submit_call
from cli.commands.gov_view import percent, when
from cli.common import show
from cli.common.errors import NotFound
from cli.common.options import examples, query_options
from cli.common.sending import SendingCommand, call_options
from cli.common.session import run
from cli.common.types import kebab
from cli.common.working import planck, properties, view_chain
from runtime.apis.governance import ChambersApi, MilestoneView
from runtime.splits import BPS

programme_argument = click.argument("programme", type=click.IntRange(0, 2**32 - 1))
milestone_argument = click.argument("milestone", type=click.IntRange(0, 2**32 - 1))


@examples("btt-chain gov milestones 0", "btt-chain gov milestones 0 --json")
@click.command()
@programme_argument
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
                "" if view.until is None else objections(view),
                "yes" if view.counts else "",
            ]
            for index, view in enumerate(found)
        ],
    )


@examples("btt-chain gov object 0 3 500BTT --from //Bob")
@click.command("object", cls=SendingCommand)
@programme_argument
@milestone_argument
@click.argument("amount")
@call_options
def object_(
    programme: int, milestone: int, amount: str, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Object with AMOUNT to a milestone that the Foundation attested.

    It counts as a vote with AMOUNT does, which stays locked until the milestone is decided.
    """
    value = planck(run(properties(url, timeout))[0], amount)
    args: dict[str, object] = {"programme": programme, "index": milestone}
    args["value"] = value
    submit_call("Chambers", "object_to_milestone", args, "objected", url, timeout, as_json, options)


@examples("btt-chain gov withdraw-objection 0 3 --from //Bob")
@click.command()
@programme_argument
@milestone_argument
@call_options
def withdraw_objection(
    programme: int, milestone: int, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Withdraw your objection to a milestone; its money is free at once."""
    args: dict[str, object] = {"programme": programme, "index": milestone}
    submit_call("Chambers", "withdraw_objection", args, "withdrawn", url, timeout, as_json, options)


@examples("btt-chain gov unlock-objections //Bob --from //Bob")
@click.command()
@click.argument("who", metavar="ACCOUNT")
@call_options
def unlock_objections(who: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Free what an account's objections to decided milestones lock."""
    _, prefix = run(properties(url, timeout))
    args = {"target": address_of(who, prefix)}
    submit_call("Chambers", "unlock_objections", args, "unlocked", url, timeout, as_json, options)


COMMANDS = (milestones, object_, withdraw_objection, unlock_objections)


def objections(view: MilestoneView) -> str:
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
