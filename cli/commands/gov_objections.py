"""`btt-chain gov milestones`, `object` and what belongs to them: objections to milestones."""

from __future__ import annotations

from btt_chain.client.views import ViewClient
from btt_chain.present import Context
from btt_chain.scale import u32
from cli.commands.gov_view import percent
from cli.common.errors import NotFound
from cli.common.options import Group
from cli.declared import Input, query, send
from runtime.pallets.chambers.api import ChambersApi, MilestoneView
from runtime.pallets.chambers.pallet import Chambers

objections = Group("objections")
"""Commands that `btt-chain gov` has."""


def weight_of(view: MilestoneView, _: Context) -> str:
    """Return the weight of the objections, and the weight that stops the milestone."""
    whole = int(view.needed) * 10
    return f"{percent(view.objected, whole)} of {percent(view.needed, whole)}"


@query(
    objections, "btt-chain gov milestones 0", "btt-chain gov milestones 0 --json", key="index",
    columns={
        "milestone": "index", "part": "milestone.bps", "state": "milestone.status",
        "window ends": "until", ">objections": weight_of, "counts": "counts",
    },
)  # fmt: skip
async def milestones(chain: ViewClient, programme: u32) -> list[tuple[u32, MilestoneView]]:
    """Show the milestones of a programme of the Foundation, and who objects to them.

    An attested milestone counts after its window, unless members with 10 % of the chambers'
    weights object.
    """
    views = await chain.api(ChambersApi.milestones, programme)
    if not views:
        raise NotFound(f"there is no programme {programme}; they are numbered from 0")
    return [(u32(index), view) for index, view in enumerate(views)]


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
