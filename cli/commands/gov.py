"""`btt-chain gov`: propose, vote, delegate, elect, and show the state of the four chambers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import click

from btt_chain.client.amount import Currency
from btt_chain.client.errors import ClientError, DispatchFailed
from btt_chain.client.transactions import Call
from btt_chain.client.views import event_of, events_of
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u32, u128
from cli.commands.gov_calls import (
    address_of,
    bounded_call,
    caller_of,
    check_decision,
    locked_by,
    remove_vote,
    report_sent,
    slot_now,
    submit_call,
    track_class,
    track_number,
)
from cli.commands.gov_objections import COMMANDS
from cli.commands.gov_status import print_referenda, print_referendum
from cli.commands.gov_view import (
    BILLION,
    CHAMBERS,
    percent,
    power,
    seats_facts,
    when,
)
from cli.common import show
from cli.common.errors import NotFound, Refused
from cli.common.options import Group, examples, query_options
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import run
from cli.common.working import account, planck, properties, view_chain
from runtime.apis.governance import ChambersApi, GovernanceApi, TrackView
from runtime.pallets.chambers import ElectionView, StateView
from runtime.pallets.chambers.formulas import WHOLE
from runtime.pallets.conviction_voting import Conviction, vote_of
from runtime.pallets.referenda import events

if TYPE_CHECKING:
    from btt_chain.client.views import ViewClient

Refunded: TypeAlias = events.SubmissionDepositRefunded | events.DecisionDepositRefunded
REFUNDS: Final[dict[str, type[Refunded]]] = {
    "refund_submission_deposit": events.SubmissionDepositRefunded,
    "refund_decision_deposit": events.DecisionDepositRefunded,
}
"""Calls that give deposits back, with their events."""

index_argument = click.argument("index", metavar="NUMBER", type=click.IntRange(0, 2**32 - 1))


@click.group(cls=Group)
def gov() -> None:
    """Propose, vote, delegate, elect, and see how the four chambers stand.

    A vote locks what it counts with until a week of decisions after the end. Institutions, compute,
    holders and community each have a weight; one ballot counts in every chamber of its account.
    """


# ---- queries


@examples("btt-chain gov status", "btt-chain gov status 3")
@gov.command()
@click.argument("index", metavar="[NUMBER]", type=click.IntRange(0, 2**32 - 1), required=False)
@query_options
def status(index: int | None, url: str, timeout: float, as_json: bool) -> None:
    """List referenda, or show one with the four chambers' tally."""
    run(
        print_referenda(url, timeout, as_json)
        if index is None
        else print_referendum(index, url, timeout, as_json)
    )


@examples("btt-chain gov tracks")
@gov.command()
@query_options
def tracks(url: str, timeout: float, as_json: bool) -> None:
    """Show the kinds of referenda and their rules."""

    async def ask() -> tuple[list[TrackView], Currency]:
        async with view_chain(url, timeout) as chain:
            currency = chain.currency
            return await chain.api(GovernanceApi.tracks), currency

    views, currency = run(ask())
    if as_json:
        show.document(
            [
                {
                    "id": view.id,
                    "name": view.name,
                    "deciding": view.deciding,
                    "most": view.max_deciding,
                    "queued": view.queued,
                    "deposit": str(view.decision_deposit),
                    "slots": {
                        "prepare": view.prepare,
                        "decide": view.decide,
                        "confirm": view.confirm,
                        "enact": view.enact,
                    },
                    "approval": view.approval,
                    "participation": view.participation,
                }
                for view in views
            ]
        )
        return
    show.table(
        [
            ">track", "name", ">prepare", ">decide", ">confirm", ">enact", ">ayes above",
            ">weight here", ">deposit", ">deciding",
        ],
        [
            [
                str(view.id),
                view.name,
                *(str(int(part)) for part in (view.prepare, view.decide, view.confirm, view.enact)),
                percent(view.approval, BILLION),
                percent(view.participation, BILLION),
                currency.format(view.decision_deposit),
                f"{view.deciding} of {view.max_deciding}",
            ]
            for view in views
        ],
        title="periods in slots",
    )  # fmt: skip


@examples("btt-chain gov chambers", "btt-chain gov chambers --year 2027")
@gov.command()
@click.option("--year", type=click.IntRange(2025, 2**32 - 1), help="Weights of another year.")
@query_options
def chambers(year: int | None, url: str, timeout: float, as_json: bool) -> None:
    """Show the chambers: weights, electorates, and who has a seat."""

    async def ask() -> tuple[StateView, list[u32], Currency, int]:
        async with view_chain(url, timeout) as chain:
            currency, prefix = chain.currency, chain.prefix
            state = await chain.api(ChambersApi.state)
            weights = await chain.api(ChambersApi.weights, u32(year or state.year))
            return state, weights, currency, prefix

    state, weights, currency, prefix = run(ask())
    named = dict(zip(CHAMBERS, weights, strict=True))
    totals = [int(total) for total in state.electorates]
    if as_json:
        show.document(
            {
                "mode": state.mode,
                "year": year or state.year,
                "weights": {name: int(weight) for name, weight in named.items()},
                "electorates": dict(zip(named, map(str, totals), strict=True)),
                "institutions": seats_facts(state.institutions, prefix),
                "representatives": seats_facts(state.representatives, prefix),
            }
        )
        return
    show.table(
        ["chamber", ">weight", ">electorate"],
        [
            [name, percent(int(weight), WHOLE), power(name, total, currency)]
            for (name, weight), total in zip(named.items(), totals, strict=True)
        ],
        title=f"year {year or state.year}, weights {state.mode.lower()}",
    )
    for title, seats in (
        ("institutions", state.institutions),
        ("representatives", state.representatives),
    ):
        if seats:
            rows = [[encode(one.who, prefix), currency.format(one.amount)] for one in seats]
            show.table(["account", ">BTT"], rows, title=title)


@examples("btt-chain gov power //Alice", "btt-chain gov power //Alice 500BTT --json")
@gov.command("power")
@click.argument("who", metavar="ACCOUNT")
@click.argument("amount", required=False)
@query_options
def power_(who: str, amount: str | None, url: str, timeout: float, as_json: bool) -> None:
    """Show what an account votes with in each chamber if it votes with AMOUNT, or with all."""

    async def ask() -> tuple[list[u128], Currency]:
        currency, prefix = await properties(url, timeout)
        voter = AccountId(account(who, prefix))
        locked = None if amount is None else u128(planck(currency, amount))
        async with view_chain(url, timeout) as chain:
            return await chain.api(ChambersApi.power, voter, locked), currency

    powers, currency = run(ask())
    named = dict(zip(CHAMBERS, map(int, powers), strict=True))
    if as_json:
        show.document({name: str(part) for name, part in named.items()})
        return
    show.record({name: power(name, part, currency) for name, part in named.items()})


@examples("btt-chain gov elections")
@gov.command()
@query_options
def elections(url: str, timeout: float, as_json: bool) -> None:
    """Show who stands for the community's seats, and who sits."""

    async def ask() -> tuple[ElectionView, Currency, int, str]:
        async with view_chain(url, timeout) as chain:
            found = await chain.api(ChambersApi.election)
            ends = when(found.ends, await slot_now(chain.chain), chain.slot_ms)
            return found, chain.currency, chain.prefix, ends

    view, currency, prefix, ends = run(ask())
    if as_json:
        show.document(
            {
                "election": view.number,
                "ends": view.ends,
                "seats": view.seats,
                "candidates": seats_facts(view.candidates, prefix),
                "representatives": seats_facts(view.representatives, prefix),
            }
        )
        return
    show.record(
        {
            "election": f"{view.number}, ends {ends}, in slot {view.ends}",
            "seats": f"{view.seats}, {len(view.representatives)} taken",
        }
    )
    for title, seats in (
        ("candidates", view.candidates),
        ("representatives", view.representatives),
    ):
        if seats:
            rows = [[encode(one.who, prefix), currency.format(one.amount)] for one in seats]
            show.table(["account", ">backed by"], rows, title=title)


# ---- referenda


@examples(
    "btt-chain gov propose Treasury.spend_local 400BTT //Bob --track small_spender --from //Alice",
)
@gov.command()
@click.argument("name", metavar="PALLET.CALL")
@click.argument("arguments", nargs=-1, metavar="[ARG|NAME=ARG]...")
@click.option("--track", required=True, help="Who is to make the call: see `gov tracks`.")
@click.option(
    "--after",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Slots from the approval to the call; the track has a least number.",
)
@click.option("--no-deposit", is_flag=True, help="Leave the deposit for the decision to others.")
@call_options
def propose(
    name: str, arguments: tuple[str, ...], track: str, after: int, no_deposit: bool, url: str,
    timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Propose a call that a track decides about, for a deposit.

    Arguments are written as for `tx call`. A long call is noted as a preimage first.
    """
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            raw = chain.chain.metadata.arguments.encode_call(name, arguments)
            id = await track_number(chain, track)
            await check_decision(chain.chain, sender, id, Call(raw))
            sent = await sender.send(
                chain, "Referenda", "submit", proposal_origin=caller_of(id),
                proposal=await bounded_call(chain, sender, raw), enactment_moment={"After": after},
            )  # fmt: skip
            index = int(event_of(sent, "Referenda.Submitted", events.Submitted).index)
            if not no_deposit:
                try:
                    await sender.send(chain, "Referenda", "place_decision_deposit", index=index)
                except ClientError as error:
                    raise Refused(
                        f"referendum {index} is submitted, but its deposit for the decision "
                        f"is not placed ({error}); `btt-chain gov deposit {index}` places it"
                    ) from None
        if as_json:
            show.document({"referendum": index, "block": "0x" + sent.block.hex()})
        else:
            show.good(f"referendum {index}; `btt-chain gov status {index}` shows it")

    run(work())


@examples("btt-chain gov deposit 3 --from //Bob")
@gov.command()
@index_argument
@call_options
def deposit(index: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Place the deposit without which nothing is decided. It comes back."""
    submit_call(
        "Referenda", "place_decision_deposit", {"index": index}, "placed",
        url, timeout, as_json, options,
    )  # fmt: skip


@examples("btt-chain gov refund 3 --from //Alice")
@gov.command()
@index_argument
@call_options
def refund(index: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Give the deposits of a referendum that is over back to the accounts that placed them.

    Any account may. Those of one that was killed are lost.
    """
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            currency, prefix = chain.currency, chain.prefix
            returned = await _refund(chain, index, sender)
        paid = [(encode(one.who, prefix), one.amount) for one in returned]
        if as_json:
            show.document([{"account": who, "planck": str(amount)} for who, amount in paid])
            return
        for who, amount in paid:
            show.good(f"{currency.format(amount)} went back to {who}")

    run(work())


async def _refund(chain: ViewClient, index: int, sender: Sender) -> list[Refunded]:
    """Return the refunds. NotFound, Refused and DispatchFailed if there are none."""
    view = await chain.api(GovernanceApi.referendum, u32(index))
    if view is None:
        raise NotFound(f"there is no referendum {index}; `btt-chain gov status` lists them")
    if view.track is not None:
        raise Refused(f"referendum {index} is not over; its deposits stay until it is")
    returned: list[Refunded] = []
    refusal: DispatchFailed | None = None
    for call, event in REFUNDS.items():
        try:
            sent = await sender.send(chain, "Referenda", call, index=index)
        except DispatchFailed as error:
            refusal = error  # the other one may be available all the same
        else:
            returned += events_of(sent, f"Referenda.{event.NAME}", event)
    if refusal is not None and not returned:
        raise refusal
    return returned


@examples(
    "btt-chain gov vote 3 aye 500BTT --from //Alice",
    "btt-chain gov vote 3 abstain 20BTT --from //Bob",
)
@gov.command(cls=SendingCommand)
@index_argument
@click.argument("side", type=click.Choice(("aye", "nay", "abstain")))
@click.argument("amount")
@call_options
def vote(
    index: int, side: str, amount: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Vote with AMOUNT, or change your vote; what is put in stays locked.

    Vesting money counts for institutions only: a holder who has some votes with that and the
    rest together. Leave something for fees.
    """
    stake = planck(run(properties(url, timeout))[0], amount)
    choice = (
        {"SplitAbstain": {"aye": 0, "nay": 0, "abstain": stake}}
        if side == "abstain"
        else {"Standard": {"vote": vote_of(aye=side == "aye"), "balance": stake}}
    )
    submit_call(
        "ConvictionVoting", "vote", {"poll_index": index, "vote": choice}, "voted",
        url, timeout, as_json, options,
    )  # fmt: skip


@examples(
    "btt-chain gov unvote 3 --from //Alice",
    "btt-chain gov unvote 3 small_spender --from //Alice",
)
@gov.command()
@index_argument
@click.argument("track", required=False)
@call_options
def unvote(
    index: int, track: str | None, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Take a vote back; after the end its money stays locked for a week of decisions.

    Without a TRACK it is that of your vote on the referendum.
    """
    sender = Sender.of(options, as_json)
    sent = run(remove_vote(index, track, sender, url, timeout))
    report_sent(sent, "taken back", as_json=as_json)


@examples("btt-chain gov delegate grants //Bob 100BTT --from //Alice")
@gov.command(cls=SendingCommand)
@click.argument("track")
@click.argument("to")
@click.argument("amount")
@call_options
def delegate(
    track: str, to: str, amount: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Let another vote with AMOUNT of yours in a track, as it likes. Among holders only."""
    currency, prefix = run(properties(url, timeout))
    args = {
        "class": track_class(track, url, timeout),
        "to": address_of(to, prefix),
        "conviction": Conviction.Locked1x,
        "balance": planck(currency, amount),
    }
    submit_call("ConvictionVoting", "delegate", args, "delegated", url, timeout, as_json, options)


@examples("btt-chain gov undelegate grants --from //Alice")
@gov.command()
@click.argument("track")
@call_options
def undelegate(track: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Vote yourself again in a track; what was delegated stays locked for a week of decisions."""
    submit_call(
        "ConvictionVoting", "undelegate", {"class": track_class(track, url, timeout)},
        "you vote yourself again", url, timeout, as_json, options,
    )  # fmt: skip


@examples("btt-chain gov unlock grants --from //Alice")
@gov.command()
@click.argument("track")
@call_options
def unlock(track: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Free what your votes in a track need locked no more, and show what stays locked."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            id = await track_number(chain, track)
            sent = await sender.send(
                chain, "ConvictionVoting", "unlock", target=Id(AccountId(sender.account)),
                **{"class": id},
            )  # fmt: skip
            locks = await chain.chain.storage(
                "ConvictionVoting.ClassLocksFor", "0x" + sender.account.hex()
            )
            currency = chain.currency
        left = locked_by(id, locks)
        if as_json:
            show.document({"track": id, "locked": str(left), "block": "0x" + sent.block.hex()})
            return
        show.good(f"{currency.format(left) if left else 'nothing'} stays locked by this track")

    run(work())


# ---- elections


@examples("btt-chain gov stand --from //Bob")
@gov.command()
@call_options
def stand(url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Stand for a seat of the community, for a deposit. Needs a judged identity."""
    submit_call("Chambers", "submit_candidacy", {}, "you stand", url, timeout, as_json, options)


@examples("btt-chain gov leave --from //Bob")
@gov.command()
@call_options
def leave(url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Stand no more; or, if you do not stand, leave your seat."""
    submit_call("Chambers", "withdraw_candidacy", {}, "you left", url, timeout, as_json, options)


@examples("btt-chain gov elect 100BTT //Bob //Charlie --from //Alice")
@gov.command(cls=SendingCommand)
@click.argument("amount")
@click.argument("names", nargs=-1, required=True, metavar="CANDIDATE...")
@call_options
def elect(
    amount: str, names: tuple[str, ...], url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Back up to ten candidates, each with all of AMOUNT; it stays locked until `unelect`."""
    currency, prefix = run(properties(url, timeout))
    args = {
        "candidates": [AccountId(account(name, prefix)) for name in names],
        "value": planck(currency, amount),
    }
    submit_call("Chambers", "vote_representative", args, "backed", url, timeout, as_json, options)


@examples("btt-chain gov unelect --from //Alice")
@gov.command()
@call_options
def unelect(url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Withdraw your backing; your money is free at once."""
    submit_call("Chambers", "remove_rep_vote", {}, "taken back", url, timeout, as_json, options)


for command in COMMANDS:
    gov.add_command(command)
