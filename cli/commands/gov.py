"""`btt-chain gov`: propose, vote, delegate, elect, and show the state of the four chambers."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import Annotated, Final, TypeAlias

from btt_chain.client.errors import ClientError, DispatchFailed
from btt_chain.client.transactions import Call
from btt_chain.client.views import ViewClient, event_of, events_of
from btt_chain.present import Context, rule
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.meaning import ByMember
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u16, u32, u128
from cli.commands.gov_calls import (
    bounded_call,
    caller_of,
    check_decision,
    class_of_vote,
    track_number,
)
from cli.commands.gov_view import percent, power, print_referenda, print_referendum
from cli.common import show
from cli.common.calls import report
from cli.common.errors import NotFound, Refused
from cli.common.options import Group
from cli.common.sending import Sender
from cli.declared import Chosen, composed, program, query, send
from cli.parameters import Input
from runtime.frame.aliases import Balance, SlotNumber
from runtime.pallets.chambers.api import ChambersApi, MilestoneView
from runtime.pallets.chambers.formulas import WHOLE, Chamber
from runtime.pallets.chambers.pallet import Chambers
from runtime.pallets.chambers.types import ElectionView, SeatView, StateView
from runtime.pallets.conviction_voting.pallet import ConvictionVoting
from runtime.pallets.conviction_voting.types import Conviction, vote_of
from runtime.pallets.referenda import events
from runtime.pallets.referenda.api import GovernanceApi, TrackView
from runtime.pallets.referenda.pallet import Referenda

FIRST_YEAR: Final = 2025
"""First year with weights."""

Powers = Annotated[list[u128], ByMember(Chamber)]
Locks = list[tuple[u16, u128]]
Refunded: TypeAlias = events.SubmissionDepositRefunded | events.DecisionDepositRefunded
REFUNDS: Final[dict[str, type[Refunded]]] = {
    "refund_submission_deposit": events.SubmissionDepositRefunded,
    "refund_decision_deposit": events.DecisionDepositRefunded,
}
"""Calls that give deposits back, with their events."""

Number = Annotated[u32, Input("NUMBER")]


gov = Group(
    "gov",
    help="""Propose, vote, delegate, elect, and see how the four chambers stand.

    A vote locks what it counts with until a week of decisions after the end. Institutions, compute,
    holders and community each have a weight; one ballot counts in every chamber of its account.
    """,
)


# ---- queries


@program(gov, "btt-chain gov status", "btt-chain gov status 3")
async def status(
    chain: ViewClient, as_json: bool, index: Annotated[u32 | None, Input("NUMBER")]
) -> None:
    """List referenda, or show one with the four chambers' tally."""
    if index is None:
        await print_referenda(chain, as_json)
    else:
        await print_referendum(chain, index, as_json)


@query(
    gov, "btt-chain gov tracks",
    columns={
        "track": "id", "name": "name", "prepare": "prepare", "decide": "decide",
        "confirm": "confirm", "enact": "enact", "ayes above": "approval",
        "weight here": "participation", "deposit": "decision_deposit",
        ">deciding": lambda view, _: f"{view.deciding} of {view.max_deciding}",
    },
)  # fmt: skip
async def tracks(chain: ViewClient) -> list[TrackView]:
    """Show the kinds of referenda and their rules."""
    return await chain.api(GovernanceApi.tracks)


def print_seats(seats: list[SeatView], title: str, column: str, context: Context) -> None:
    """Print members or candidates with their amounts."""
    if seats:
        account, money = rule(AccountId), rule(Balance)
        rows = [[account.text(seat.who, context), money.text(seat.amount, context)]
                for seat in seats]  # fmt: skip
        show.table(["account", column], rows, title=title)


def print_chambers(state: StateView, context: Context) -> None:
    """Print the chambers, and the seats of two."""
    rows = zip(Chamber, state.weights, state.electorates, strict=True)
    show.table(
        ["chamber", ">weight", ">electorate"],
        [
            [chamber.name.lower(), percent(weight, WHOLE), power(chamber, total, context.currency)]
            for chamber, weight, total in rows
        ],
        title=f"year {state.year}, weights {state.mode.lower()}",
    )
    print_seats(state.institutions, "institutions", ">BTT", context)
    print_seats(state.representatives, "representatives", ">BTT", context)


@query(
    gov, "btt-chain gov chambers", "btt-chain gov chambers --year 2027", view=print_chambers
)  # fmt: skip
async def chambers(
    chain: ViewClient,
    year: Annotated[u32 | None, Input(help="Weights of another year.", least=FIRST_YEAR)],
) -> StateView:
    """Show the chambers: weights, electorates, and who has a seat."""
    state = await chain.api(ChambersApi.state)
    if year is None:
        return state
    return replace(state, year=year, weights=await chain.api(ChambersApi.weights, year))


def print_power(powers: Powers, context: Context) -> None:
    """Print the power in each chamber."""
    rows = zip(Chamber, powers, strict=True)
    show.record(
        {chamber.name.lower(): power(chamber, part, context.currency) for chamber, part in rows}
    )


@query(
    gov, "btt-chain gov power //Alice", "btt-chain gov power //Alice 500BTT --json",
    view=print_power,
)  # fmt: skip
async def power_(chain: ViewClient, account: AccountId, amount: Balance | None) -> Powers:
    """Show what an account votes with in each chamber if it votes with AMOUNT, or with all."""
    return await chain.api(ChambersApi.power, account, amount)


def print_election(view: ElectionView, context: Context) -> None:
    """Print an election, its candidates, and the seats."""
    show.record(
        {
            "election": f"{view.number}, ends {rule(SlotNumber).text(view.ends, context)}",
            "seats": f"{view.seats}, {len(view.representatives)} taken",
        }
    )
    print_seats(view.candidates, "candidates", ">backed by", context)
    print_seats(view.representatives, "representatives", ">backed by", context)


@query(gov, "btt-chain gov elections", view=print_election)
async def elections(chain: ViewClient) -> ElectionView:
    """Show who stands for the community's seats, and who sits."""
    return await chain.api(ChambersApi.election)


# ---- referenda


@program(
    gov,
    "btt-chain gov propose Treasury.spend_local 400BTT //Bob --track small_spender --from //Alice",
)  # fmt: skip
async def propose(
    chain: ViewClient,
    sender: Sender,
    name: Annotated[str, Input("PALLET.CALL")],
    arguments: Annotated[list[str], Input("[ARG|NAME=ARG]...", default="")],
    track: Annotated[str, Input(help="Who is to make the call: see `gov tracks`.")],
    after: Annotated[
        u32,
        Input(
            help="Slots from the approval to the call; the track has a least number.", default="0"
        ),
    ],
    no_deposit: Annotated[bool, Input(help="Leave the deposit for the decision to others.")],
) -> None:
    """Propose a call that a track decides about, for a deposit.

    Arguments are written as for `tx call`. A long call is noted as a preimage first.
    """
    raw = chain.chain.metadata.arguments.encode_call(name, arguments)
    number = await track_number(chain, track)
    await check_decision(chain.chain, sender, number, Call(raw))
    sent = await sender.send(
        chain, "Referenda", "submit", proposal_origin=caller_of(number),
        proposal=await bounded_call(chain, sender, raw), enactment_moment={"After": after},
    )  # fmt: skip
    index = int(event_of(sent, "Referenda.Submitted", events.Submitted).index)
    if not no_deposit:
        try:
            await sender.send(chain, "Referenda", "place_decision_deposit", index=index)
        except ClientError as error:
            raise Refused(
                f"referendum {index} is submitted, but its deposit for the decision is not placed "
                f"({error}); `btt-chain gov deposit {index}` places it"
            ) from None
    text = f"referendum {index}; `btt-chain gov status {index}` shows it"
    report(sent, sender.as_json, text, referendum=index)


send(
    gov, "deposit", Referenda.place_decision_deposit, "btt-chain gov deposit 3 --from //Bob",
    help="Place the deposit without which nothing is decided. It comes back.",
    inputs={"index": Input("NUMBER")}, done="placed, in block {block}",
)  # fmt: skip


@program(gov, "btt-chain gov refund 3 --from //Alice")
async def refund(chain: ViewClient, sender: Sender, index: Number) -> None:
    """Give the deposits of a referendum that is over back to the accounts that placed them.

    Any account may. Those of one that was killed are lost.
    """
    view = await chain.api(GovernanceApi.referendum, index)
    if view is None:
        raise NotFound(f"there is no referendum {index}; `btt-chain gov status` lists them")
    if view.track is not None:
        raise Refused(f"referendum {index} is not over; its deposits stay until it is")
    refunds: list[Refunded] = []
    refusal: DispatchFailed | None = None
    for call, event in REFUNDS.items():
        try:
            sent = await sender.send(chain, "Referenda", call, index=index)
        except DispatchFailed as error:
            refusal = error  # the other one may be available all the same
        else:
            refunds += events_of(sent, f"Referenda.{event.NAME}", event)
    if refusal is not None and not refunds:
        raise refusal
    paid = [(encode(refund.who, chain.prefix), refund.amount) for refund in refunds]
    if sender.as_json:
        show.document([{"account": who, "planck": str(amount)} for who, amount in paid])
        return
    for who, amount in paid:
        show.good(f"{chain.currency.format(amount)} went back to {who}")


class Choice(IntEnum):
    """The side of a vote."""

    Aye = 0
    Nay = 1
    Abstain = 2


@composed(
    gov, ConvictionVoting.vote,
    "btt-chain gov vote 3 aye 500BTT --from //Alice",
    "btt-chain gov vote 3 abstain 20BTT --from //Bob", done="voted, in block {block}",
)  # fmt: skip
def vote(index: Number, side: Choice, amount: Balance) -> dict[str, object]:
    """Vote with AMOUNT, or change your vote; what is put in stays locked.

    Vesting money counts for institutions only: a holder who has some votes with that and the
    rest together. Leave something for fees.
    """
    ballot = (
        {"SplitAbstain": {"aye": 0, "nay": 0, "abstain": amount}}
        if side is Choice.Abstain
        else {"Standard": {"vote": vote_of(aye=side is Choice.Aye), "balance": amount}}
    )
    return {"poll_index": index, "vote": ballot}


@composed(
    gov, ConvictionVoting.remove_vote,
    "btt-chain gov unvote 3 --from //Alice", "btt-chain gov unvote 3 small_spender --from //Alice",
    done="taken back, in block {block}",
)  # fmt: skip
async def unvote(chain: ViewClient, index: Number, track: str | None, sender: Sender) -> Chosen:
    """Take a vote back; after the end its money stays locked for a week of decisions.

    Without a TRACK it is that of your vote on the referendum.
    """
    if track is None:
        voter = bytes(sender.pair.account_id)
        track = str(await class_of_vote(chain.chain, voter, int(index)))
    return Chosen({"class": await track_number(chain, track), "index": index}, {"track": track})


@composed(
    gov, ConvictionVoting.delegate, "btt-chain gov delegate grants //Bob 100BTT --from //Alice",
    done="delegated, in block {block}",
)  # fmt: skip
async def delegate(
    chain: ViewClient, track: str, to: Annotated[AccountId, Input("TO")], amount: Balance
) -> dict[str, object]:
    """Let another vote with AMOUNT of yours in a track, as it likes. Among holders only."""
    number = await track_number(chain, track)
    return {"class": number, "to": Id(to), "conviction": Conviction.Locked1x, "balance": amount}


@composed(
    gov, ConvictionVoting.undelegate, "btt-chain gov undelegate grants --from //Alice",
    done="you vote yourself again, in block {block}",
)  # fmt: skip
async def undelegate(chain: ViewClient, track: str) -> dict[str, object]:
    """Vote yourself again in a track; what was delegated stays locked for a week of decisions."""
    return {"class": await track_number(chain, track)}


@program(gov, "btt-chain gov unlock grants --from //Alice")
async def unlock(chain: ViewClient, sender: Sender, track: str) -> None:
    """Free what your votes in a track need locked no more, and show what stays locked."""
    number, voter = await track_number(chain, track), AccountId(sender.account)
    call = {"class": number, "target": Id(voter)}
    sent = await sender.send(chain, "ConvictionVoting", "unlock", **call)
    locks = await chain.storage(Locks, "ConvictionVoting.ClassLocksFor", voter) or []
    left = next((int(amount) for locked, amount in locks if locked == number), 0)
    text = f"{chain.currency.format(left) if left else 'nothing'} stays locked by this track"
    report(sent, sender.as_json, text, track=number, locked=str(left))


# ---- elections


send(
    gov, "stand", Chambers.submit_candidacy, "btt-chain gov stand --from //Bob",
    help="Stand for a seat of the community, for a deposit. Needs a judged identity.",
    done="you stand, in block {block}",
)  # fmt: skip
send(
    gov, "leave", Chambers.withdraw_candidacy, "btt-chain gov leave --from //Bob",
    help="Stand no more; or, if you do not stand, leave your seat.",
    done="you left, in block {block}",
)  # fmt: skip
send(
    gov, "unelect", Chambers.remove_rep_vote, "btt-chain gov unelect --from //Alice",
    help="Withdraw your backing; your money is free at once.",
    done="taken back, in block {block}",
)  # fmt: skip


@composed(
    gov, Chambers.vote_representative,
    "btt-chain gov elect 100BTT //Bob //Charlie --from //Alice", done="backed, in block {block}",
)  # fmt: skip
def elect(
    amount: Balance, candidates: Annotated[list[AccountId], Input("CANDIDATE...")]
) -> dict[str, object]:
    """Back up to ten candidates, each with all of AMOUNT; it stays locked until `unelect`."""
    return {"candidates": candidates, "value": amount}


# ---- objections to milestones


def weight_of(view: MilestoneView, _: Context) -> str:
    """Return the weight of the objections, and the weight that stops the milestone."""
    whole = int(view.needed) * 10
    return f"{percent(view.objected, whole)} of {percent(view.needed, whole)}"


@query(
    gov, "btt-chain gov milestones 0", "btt-chain gov milestones 0 --json", key="index",
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
    gov, "object", Chambers.object_to_milestone,
    "btt-chain gov object 0 3 500BTT --from //Bob",
    help="""Object with AMOUNT to a milestone that the Foundation attested.

    It counts as a vote with AMOUNT does, which stays locked until the milestone is decided.
    """,
    inputs={"index": Input("MILESTONE"), "value": Input("AMOUNT")},
    done="objected, in block {block}",
)  # fmt: skip
send(
    gov, "withdraw-objection", Chambers.withdraw_objection,
    "btt-chain gov withdraw-objection 0 3 --from //Bob",
    help="Withdraw your objection to a milestone; its money is free at once.",
    inputs={"index": Input("MILESTONE")}, done="withdrawn, in block {block}",
)  # fmt: skip
send(
    gov, "unlock-objections", Chambers.unlock_objections,
    "btt-chain gov unlock-objections //Bob --from //Bob",
    help="Free what an account's objections to decided milestones lock.",
    done="unlocked, in block {block}",
)  # fmt: skip
