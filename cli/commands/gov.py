"""`btt-chain gov`: propose, vote, delegate, elect, and see how the four chambers stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from cli.common import show
from cli.common.accounts import AccountError, read_account
from cli.common.amount import AmountError, Currency
from cli.common.errors import Mistyped, NotFound, Refused, hint
from cli.common.options import Group, connection_options, examples, json_option
from cli.common.sending import Sending
from cli.common.working import properties, short, signer_of, signer_options, work_chain

if TYPE_CHECKING:
    from btt_chain.compute.chain import Included, RpcChain
    from btt_chain.crypto.keypair import KeyPair
    from btt_chain.scale import u16
    from btt_chain.scale.portable import Plain
    from cli.common.chain import Chain as StateAt
    from runtime.governance_api import PollView, ReferendumView, TrackView
    from runtime.pallets.chambers import ChamberView, ElectionView, StateView
    from runtime.pallets.referenda import Referenda

    Refunded = Referenda.SubmissionDepositRefunded | Referenda.DecisionDepositRefunded

PAGE: Final = 100
"""Referenda that are listed: the most a node tells at once."""
WIDTH: Final = 40
"""Signs of a bar."""
AYE, NAY, HERE, AWAY = "█", "▒", "░", "·"
CHAMBERS: Final = ("institutions", "compute", "holders", "community")
WHOLE: Final = 7_000
BILLION: Final = 10**9
SEAT: Final = 10**9
WORK: Final = Currency("units of work", 6)

index_argument = click.argument("index", metavar="NUMBER", type=click.IntRange(0, 2**32 - 1))


@click.group(cls=Group)
def gov() -> None:
    """Propose, vote, delegate, elect, and see how the four chambers stand.

    A vote locks what it counts with until a week of decisions after the end. Institutions, compute,
    holders and community each have a weight; one ballot counts in every chamber of its account.
    """


# ---- looking


@examples("btt-chain gov status", "btt-chain gov status 3")
@gov.command()
@click.argument("index", metavar="[NUMBER]", type=click.IntRange(0, 2**32 - 1), required=False)
@connection_options
@json_option
def status(index: int | None, url: str, timeout: float, as_json: bool) -> None:
    """List referenda, or show one with the four chambers' tally."""
    from cli.common.chain import run

    run(_list(url, timeout, as_json) if index is None else _show(index, url, timeout, as_json))


async def _list(url: str, timeout: float, as_json: bool) -> None:
    from btt_chain.scale import u32
    from cli.common.chain import Chain

    async with work_chain(url, timeout) as chain:
        views: list[ReferendumView] = await chain.api("GovernanceApi_referenda", None, u32(PAGE))
        names, slot_ms = await _track_names(chain), chain.slot_ms
    if as_json:
        show.document([_facts(view, names) for view in views])
        return
    if not views:
        show.note("nothing was ever proposed; `btt-chain gov propose --help` tells how")
        return
    async with Chain.open(url, timeout) as decoder:
        now = await _now(decoder)
        show.table(
            [">number", "track", "stage", "call", ">next or last change"],
            [
                [
                    str(int(view.index)),
                    _track_of(view, names),
                    _stage_of(view),
                    _call_of(view, decoder),
                    when(int(view.at), now, slot_ms),
                ]
                for view in views
            ],
        )
    if len(views) == PAGE:
        show.note(f"only the last {PAGE} are shown; `btt-chain gov status NUMBER` shows any")


async def _show(index: int, url: str, timeout: float, as_json: bool) -> None:
    from btt_chain.primitives.ss58 import encode
    from btt_chain.scale import u32
    from cli.common.chain import Chain

    async with work_chain(url, timeout) as chain:
        view: ReferendumView | None = await chain.api("GovernanceApi_referendum", u32(index))
        if view is None:
            raise NotFound(f"there is no referendum {index}; `btt-chain gov status` lists them")
        poll: PollView | None = await chain.api("ChambersApi_tally", u32(index))
        names, slot_ms = await _track_names(chain), chain.slot_ms
    if as_json:
        show.document(_facts(view, names) | {"tally": None if poll is None else tally_facts(poll)})
        return
    fields = {"referendum": str(index), "track": _track_of(view, names), "stage": view.stage.name}
    async with Chain.open(url, timeout) as decoder:
        if view.proposer is not None:
            fields["proposed by"] = encode(view.proposer, decoder.catalogue.prefix)
        if view.call is not None:
            shown = decoder.catalogue.decode_call(view.call)
            fields["call"] = (
                f"{shown.name}({', '.join(f'{n}: {v}' for n, v in shown.shown.items())})"
            )
        elif view.proposal is not None:
            fields["call"] = f"0x{view.proposal.hex()}, whose text is not here, or is no call"
        told = when(int(view.at), await _now(decoder), slot_ms)
    if view.track is None:
        fields["ended"] = f"{told}, in slot {int(view.at)}"
        fields["deposits"] = f"`btt-chain gov refund {index}` gives back what is left of them"
    else:
        if not view.has_deposit:
            fields["deposit"] = f"missing: `btt-chain gov deposit {index}` places it"
        fields["next step"] = f"{told}, in slot {int(view.at)}"
    show.record(fields)
    if poll is not None:
        click.echo()
        for line in picture(poll):
            click.echo(line)


@examples("btt-chain gov tracks")
@gov.command()
@connection_options
@json_option
def tracks(url: str, timeout: float, as_json: bool) -> None:
    """Show the kinds of referenda and their rules."""
    from cli.common.chain import run

    async def ask() -> tuple[list[TrackView], Currency]:
        currency, _ = await properties(url, timeout)
        async with work_chain(url, timeout) as chain:
            return await chain.api("GovernanceApi_tracks"), currency

    views, currency = run(ask())
    if as_json:
        show.document(
            [
                {
                    "id": int(view.id),
                    "name": view.name,
                    "deciding": int(view.deciding),
                    "most": int(view.max_deciding),
                    "queued": int(view.queued),
                    "deposit": str(int(view.decision_deposit)),
                    "slots": {
                        "prepare": int(view.prepare),
                        "decide": int(view.decide),
                        "confirm": int(view.confirm),
                        "enact": int(view.enact),
                    },
                    "approval": int(view.approval),
                    "participation": int(view.participation),
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
                str(int(view.id)),
                view.name,
                *(str(int(part)) for part in (view.prepare, view.decide, view.confirm, view.enact)),
                percent(int(view.approval), BILLION),
                percent(int(view.participation), BILLION),
                currency.format(int(view.decision_deposit)),
                f"{int(view.deciding)} of {int(view.max_deciding)}",
            ]
            for view in views
        ],
        title="periods in slots",
    )  # fmt: skip


@examples("btt-chain gov chambers", "btt-chain gov chambers --year 2027")
@gov.command()
@click.option("--year", type=click.IntRange(2025, 2**32 - 1), help="Weights of another year.")
@connection_options
@json_option
def chambers(year: int | None, url: str, timeout: float, as_json: bool) -> None:
    """Show the chambers: weights, electorates, and who has a seat."""
    from btt_chain.primitives.ss58 import encode
    from btt_chain.scale import u32
    from cli.common.chain import run

    async def ask() -> tuple[StateView, list[int], Currency, int]:
        currency, prefix = await properties(url, timeout)
        async with work_chain(url, timeout) as chain:
            state: StateView = await chain.api("ChambersApi_state")
            weights = await chain.api("ChambersApi_weights", u32(year or int(state.year)))
            return state, weights, currency, prefix

    state, weights, currency, prefix = run(ask())
    named = dict(zip(CHAMBERS, weights, strict=True))
    totals = [int(total) for total in state.electorates]
    if as_json:
        show.document(
            {
                "mode": state.mode,
                "year": year or int(state.year),
                "weights": {name: int(weight) for name, weight in named.items()},
                "electorates": dict(zip(named, map(str, totals), strict=True)),
                "institutions": _seats_facts(state.institutions, prefix),
                "representatives": _seats_facts(state.representatives, prefix),
            }
        )
        return
    show.table(
        ["chamber", ">weight", ">electorate"],
        [
            [name, percent(int(weight), WHOLE), power(name, total, currency)]
            for (name, weight), total in zip(named.items(), totals, strict=True)
        ],
        title=f"year {year or int(state.year)}, weights {state.mode.lower()}",
    )
    for title, seats in (
        ("institutions", state.institutions),
        ("representatives", state.representatives),
    ):
        if seats:
            rows = [[encode(one.who, prefix), currency.format(int(one.amount))] for one in seats]
            show.table(["account", ">BTT"], rows, title=title)


@examples("btt-chain gov power //Alice", "btt-chain gov power //Alice 500BTT --json")
@gov.command("power")
@click.argument("who", metavar="ACCOUNT")
@click.argument("amount", required=False)
@connection_options
@json_option
def power_(who: str, amount: str | None, url: str, timeout: float, as_json: bool) -> None:
    """Show what an account votes with in each chamber if it votes with AMOUNT, or with all."""
    from btt_chain.primitives.account import AccountId
    from btt_chain.scale import u128
    from cli.common.chain import run

    async def ask() -> tuple[list[int], Currency]:
        currency, prefix = await properties(url, timeout)
        account = AccountId(_account(who, prefix))
        locked = None if amount is None else u128(_planck(currency, amount))
        async with work_chain(url, timeout) as chain:
            return await chain.api("ChambersApi_power", account, locked), currency

    powers, currency = run(ask())
    named = dict(zip(CHAMBERS, map(int, powers), strict=True))
    if as_json:
        show.document({name: str(part) for name, part in named.items()})
        return
    show.record({name: power(name, part, currency) for name, part in named.items()})


@examples("btt-chain gov elections")
@gov.command()
@connection_options
@json_option
def elections(url: str, timeout: float, as_json: bool) -> None:
    """Show who stands for the community's seats, and who sits."""
    from btt_chain.primitives.ss58 import encode
    from cli.common.chain import Chain, run

    async def ask() -> tuple[ElectionView, Currency, int, str]:
        async with Chain.open(url, timeout) as state:
            now, named = await _now(state), state.catalogue
        async with work_chain(url, timeout) as chain:
            found: ElectionView = await chain.api("ChambersApi_election")
            ends = when(int(found.ends), now, chain.slot_ms)
        return found, named.currency, named.prefix, ends

    view, currency, prefix, ends = run(ask())
    if as_json:
        show.document(
            {
                "election": int(view.number),
                "ends": int(view.ends),
                "seats": int(view.seats),
                "candidates": _seats_facts(view.candidates, prefix),
                "representatives": _seats_facts(view.representatives, prefix),
            }
        )
        return
    show.record(
        {
            "election": f"{int(view.number)}, ends {ends}, in slot {int(view.ends)}",
            "seats": f"{int(view.seats)}, {len(view.representatives)} taken",
        }
    )
    for title, seats in (
        ("candidates", view.candidates),
        ("representatives", view.representatives),
    ):
        if seats:
            rows = [[encode(one.who, prefix), currency.format(int(one.amount))] for one in seats]
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
@signer_options
@connection_options
@json_option
def propose(
    name: str, arguments: tuple[str, ...], track: str, after: int, no_deposit: bool, url: str,
    timeout: float, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Propose a call that a track decides about, for a deposit.

    Arguments are written as for `tx call`. A long call is noted as a preimage first.
    """
    from btt_chain.compute.chain import ChainError
    from btt_chain.scale import u32
    from cli.common.chain import Chain, run
    from runtime.pallets.referenda import Referenda
    from runtime.pallets.scheduler import After

    pair = signer_of(options)

    async def work() -> None:
        async with Chain.open(url, timeout) as encoder:
            raw = encoder.catalogue.encode_call(name, arguments)
        async with work_chain(url, timeout) as chain:
            id = await _track(chain, track)
            sent = await chain.submit(
                "Referenda", "submit", signer=pair, proposal_origin=_origin(id),
                proposal=await _bounded(chain, pair, raw), enactment_moment=After(u32(after)),
            )  # fmt: skip
            events = (event for event in sent.events if isinstance(event, Referenda.Submitted))
            index = next(events).index
            if not no_deposit:
                try:
                    await chain.submit(
                        "Referenda", "place_decision_deposit", signer=pair, index=index
                    )
                except ChainError as error:
                    raise Refused(
                        f"referendum {int(index)} is submitted, but its deposit for the decision "
                        f"is not placed ({error}); `btt-chain gov deposit {int(index)}` places it"
                    ) from None
        if as_json:
            show.document({"referendum": int(index), "block": "0x" + sent.block.hex()})
        else:
            show.good(f"referendum {int(index)}; `btt-chain gov status {int(index)}` shows it")

    run(work())


@examples("btt-chain gov deposit 3 --from //Bob")
@gov.command()
@index_argument
@signer_options
@connection_options
@json_option
def deposit(index: int, url: str, timeout: float, as_json: bool, **options: Any) -> None:
    """Place the deposit without which nothing is decided. It comes back."""
    from btt_chain.scale import u32

    _submit(
        "Referenda", "place_decision_deposit", {"index": u32(index)}, "placed",
        url, timeout, as_json, options,
    )  # fmt: skip


@examples("btt-chain gov refund 3 --from //Alice")
@gov.command()
@index_argument
@signer_options
@connection_options
@json_option
def refund(index: int, url: str, timeout: float, as_json: bool, **options: Any) -> None:
    """Give the deposits of a referendum that is over back to who placed them.

    Anybody may. Those of one that was killed are lost.
    """
    from btt_chain.primitives.ss58 import encode
    from cli.common.chain import run

    pair = signer_of(options)

    async def work() -> None:
        currency, prefix = await properties(url, timeout)
        async with work_chain(url, timeout) as chain:
            returned = await _refund(chain, index, pair)
        paid = [(encode(one.who, prefix), int(one.amount)) for one in returned]
        if as_json:
            show.document([{"account": who, "planck": str(amount)} for who, amount in paid])
            return
        for who, amount in paid:
            show.good(f"{currency.format(amount)} went back to {who}")

    run(work())


async def _refund(chain: RpcChain, index: int, pair: KeyPair) -> list[Refunded]:
    """What went back. NotFound, Refused and DispatchRefused if there is nothing."""
    from btt_chain.compute.chain import DispatchRefused
    from btt_chain.scale import u32
    from runtime.pallets.referenda import Referenda

    view: ReferendumView | None = await chain.api("GovernanceApi_referendum", u32(index))
    if view is None:
        raise NotFound(f"there is no referendum {index}; `btt-chain gov status` lists them")
    if view.track is not None:
        raise Refused(f"referendum {index} is not over; its deposits stay until it is")
    kinds = Referenda.SubmissionDepositRefunded, Referenda.DecisionDepositRefunded
    returned: list[Refunded] = []
    refusal: DispatchRefused | None = None
    for call in ("refund_submission_deposit", "refund_decision_deposit"):
        try:
            sent = await chain.submit("Referenda", call, signer=pair, index=u32(index))
        except DispatchRefused as error:
            refusal = error  # the other one may be there all the same
        else:
            returned += [event for event in sent.events if isinstance(event, kinds)]
    if refusal is not None and not returned:
        raise refusal
    return returned


@examples(
    "btt-chain gov vote 3 aye 500BTT --from //Alice",
    "btt-chain gov vote 3 abstain 20BTT --from //Bob",
)
@gov.command(cls=Sending)
@index_argument
@click.argument("side", type=click.Choice(("aye", "nay", "abstain")))
@click.argument("amount")
@signer_options
@connection_options
@json_option
def vote(
    index: int, side: str, amount: str, url: str, timeout: float, as_json: bool, **options: Any
) -> None:
    """Vote with AMOUNT, or change your vote; what is put in stays locked.

    Vesting money counts for institutions only: a holder who has some votes with that and the
    rest together. Leave something for fees.
    """
    from btt_chain.scale import u32, u128
    from cli.common.chain import run
    from runtime.pallets.conviction_voting import SplitAbstain, Standard, vote_of

    planck = u128(_planck(run(properties(url, timeout))[0], amount))
    choice = (
        SplitAbstain(u128(0), u128(0), planck)
        if side == "abstain"
        else Standard(vote_of(aye=side == "aye"), planck)
    )
    _submit(
        "ConvictionVoting", "vote", {"poll_index": u32(index), "vote": choice}, "voted",
        url, timeout, as_json, options,
    )  # fmt: skip


@examples(
    "btt-chain gov unvote 3 --from //Alice",
    "btt-chain gov unvote 3 small_spender --from //Alice",
)
@gov.command()
@index_argument
@click.argument("track", required=False)
@signer_options
@connection_options
@json_option
def unvote(
    index: int, track: str | None, url: str, timeout: float, as_json: bool, **options: Any
) -> None:
    """Take a vote back; after the end its money stays locked for a week of decisions.

    After the end name the TRACK, too: the chain has forgotten it. Your votes are shown by
    `btt-chain query storage ConvictionVoting.VotingFor ACCOUNT`.
    """
    from btt_chain.scale import u32

    class_ = None if track is None else _class(track, url, timeout)
    _submit(
        "ConvictionVoting", "remove_vote", {"class": class_, "index": u32(index)}, "taken back",
        url, timeout, as_json, options,
    )  # fmt: skip


@examples("btt-chain gov delegate grants //Bob 100BTT --from //Alice")
@gov.command(cls=Sending)
@click.argument("track")
@click.argument("to")
@click.argument("amount")
@signer_options
@connection_options
@json_option
def delegate(
    track: str, to: str, amount: str, url: str, timeout: float, as_json: bool, **options: Any
) -> None:
    """Let another vote with AMOUNT of yours in a track, as it likes. Among holders only."""
    from btt_chain.scale import u128
    from cli.common.chain import run
    from runtime.pallets.conviction_voting import Conviction

    currency, prefix = run(properties(url, timeout))
    args = {
        "class": _class(track, url, timeout),
        "to": _address(to, prefix),
        "conviction": Conviction.Locked1x,
        "balance": u128(_planck(currency, amount)),
    }
    _submit("ConvictionVoting", "delegate", args, "delegated", url, timeout, as_json, options)


@examples("btt-chain gov undelegate grants --from //Alice")
@gov.command()
@click.argument("track")
@signer_options
@connection_options
@json_option
def undelegate(track: str, url: str, timeout: float, as_json: bool, **options: Any) -> None:
    """Vote yourself again in a track; what was lent stays locked for a week of decisions."""
    _submit(
        "ConvictionVoting", "undelegate", {"class": _class(track, url, timeout)},
        "you vote yourself again", url, timeout, as_json, options,
    )  # fmt: skip


@examples("btt-chain gov unlock grants --from //Alice")
@gov.command()
@click.argument("track")
@signer_options
@connection_options
@json_option
def unlock(track: str, url: str, timeout: float, as_json: bool, **options: Any) -> None:
    """Free what your votes in a track need locked no more, and tell what stays locked."""
    from btt_chain.primitives.account import AccountId, Id
    from btt_chain.scale import u16
    from cli.common.chain import Chain, run

    pair = signer_of(options)

    async def work() -> None:
        async with work_chain(url, timeout) as chain:
            id = await _track(chain, track)
            sent = await chain.submit(
                "ConvictionVoting", "unlock", signer=pair, target=Id(AccountId(pair.account_id)),
                **{"class": u16(id)},
            )  # fmt: skip
        async with Chain.open(url, timeout) as state:
            _, locks = await state.storage(
                "ConvictionVoting.ClassLocksFor", "0x" + pair.account_id.hex()
            )
            currency = state.catalogue.currency
        left = _locked_by(id, locks)
        if as_json:
            show.document({"track": id, "locked": str(left), "block": "0x" + sent.block.hex()})
            return
        show.good(f"{currency.format(left) if left else 'nothing'} stays locked by this track")

    run(work())


# ---- elections


@examples("btt-chain gov stand --from //Bob")
@gov.command()
@signer_options
@connection_options
@json_option
def stand(url: str, timeout: float, as_json: bool, **options: Any) -> None:
    """Stand for a seat of the community, for a deposit. Needs a judged identity."""
    _submit("Chambers", "submit_candidacy", {}, "you stand", url, timeout, as_json, options)


@examples("btt-chain gov leave --from //Bob")
@gov.command()
@signer_options
@connection_options
@json_option
def leave(url: str, timeout: float, as_json: bool, **options: Any) -> None:
    """Stand no more; or, if you do not stand, leave your seat."""
    _submit("Chambers", "withdraw_candidacy", {}, "you left", url, timeout, as_json, options)


@examples("btt-chain gov elect 100BTT //Bob //Charlie --from //Alice")
@gov.command(cls=Sending)
@click.argument("amount")
@click.argument("names", nargs=-1, required=True, metavar="CANDIDATE...")
@signer_options
@connection_options
@json_option
def elect(
    amount: str, names: tuple[str, ...], url: str, timeout: float, as_json: bool, **options: Any
) -> None:
    """Back up to ten candidates, each with all of AMOUNT; it stays locked until `unelect`."""
    from btt_chain.primitives.account import AccountId
    from btt_chain.scale import u128
    from cli.common.chain import run

    currency, prefix = run(properties(url, timeout))
    args = {
        "candidates": [AccountId(_account(name, prefix)) for name in names],
        "value": u128(_planck(currency, amount)),
    }
    _submit("Chambers", "vote_representative", args, "backed", url, timeout, as_json, options)


@examples("btt-chain gov unelect --from //Alice")
@gov.command()
@signer_options
@connection_options
@json_option
def unelect(url: str, timeout: float, as_json: bool, **options: Any) -> None:
    """Back nobody any more; your money is free at once."""
    _submit("Chambers", "remove_rep_vote", {}, "taken back", url, timeout, as_json, options)


# ---- what people see


def picture(poll: PollView) -> list[str]:
    """The four chambers' tally as bars: what is in favour, against, abstains, and stayed away."""
    rows = [_chamber_row(chamber) for chamber in poll.chambers]
    ayes = sum(int(one.weighed_ayes) for one in poll.chambers)
    nays = sum(int(one.weighed_nays) for one in poll.chambers)
    there = sum(int(one.weight) for one in poll.chambers if one.takes_part) * BILLION
    whole = WHOLE * BILLION
    frozen = "frozen" if poll.frozen else "as of the first vote"
    needed = (
        percent(int(poll.approval_needed), BILLION),
        percent(int(poll.participation_needed), BILLION),
    )
    return [
        f"weights of {int(poll.year)}, {frozen}; {AYE} aye {NAY} nay {HERE} abstains {AWAY} away",
        *rows,
        f"{'together':<13} {'':>6}  {bar(ayes, nays, there - ayes - nays, whole)}",
        f"ayes   {percent(int(poll.approval), BILLION):>7}, needed: more than {needed[0]}",
        f"weight {percent(int(poll.participation), BILLION):>7}, needed: {needed[1]}",
        "would be approved as it stands" if poll.passing else "would be rejected as it stands",
    ]


def _chamber_row(one: ChamberView) -> str:
    votes = int(one.ayes), int(one.nays), int(one.abstains)
    here, electorate = sum(votes), int(one.electorate)
    drawn = bar(*votes, max(here, electorate))
    turnout = f"{percent(here, max(1, here, electorate))} here"
    note = turnout if one.takes_part else f"{turnout}, too few to count"
    return f"{one.name:<13} {percent(int(one.weight), WHOLE):>6}  {drawn}  {note}"


def bar(ayes: int, nays: int, abstains: int, whole: int) -> str:
    """A bar of `WIDTH` signs; whatever is there has at least what it is due, rounded down."""
    if not whole:
        return AWAY * WIDTH
    ends = [part * WIDTH // whole for part in (ayes, ayes + nays, ayes + nays + abstains)]
    drawn = AYE * ends[0] + NAY * (ends[1] - ends[0]) + HERE * (ends[2] - ends[1])
    return drawn.ljust(WIDTH, AWAY)


def when(slot: int, now: int, slot_ms: int) -> str:
    """How far a slot is from now, in the largest unit of which there are two."""
    seconds = abs(slot - now) * slot_ms // 1_000
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            text = f"{seconds // length} {unit}"
            break
    else:
        text = f"{seconds} s"
    return f"in {text}" if slot > now else f"{text} ago"


def percent(part: int, whole: int) -> str:
    """A part of a whole, rounded down to a tenth of a percent."""
    tenths = part * 1_000 // whole
    return f"{tenths // 10}.{tenths % 10}%"


def power(name: str, amount: int, currency: Currency) -> str:
    """The power of a chamber in a unit that people know."""
    match name:
        case "compute":
            return WORK.format(amount)
        case "community":
            return f"{amount // SEAT} seats"
        case "holders":
            return f"{currency.format(amount // 2)} (long stakes half as much again)"
        case _:
            return currency.format(amount)


def tally_facts(poll: PollView) -> dict[str, object]:
    """A tally for programs."""
    return {
        "year": int(poll.year),
        "frozen": poll.frozen,
        "approval": int(poll.approval),
        "approvalNeeded": int(poll.approval_needed),
        "participation": int(poll.participation),
        "participationNeeded": int(poll.participation_needed),
        "passing": poll.passing,
        "chambers": {
            one.name: {
                "weight": int(one.weight),
                "electorate": str(int(one.electorate)),
                "ayes": str(int(one.ayes)),
                "nays": str(int(one.nays)),
                "abstains": str(int(one.abstains)),
                "takesPart": one.takes_part,
            }
            for one in poll.chambers
        },
    }


def _facts(view: ReferendumView, names: dict[int, str]) -> dict[str, object]:
    return {
        "referendum": int(view.index),
        "stage": view.stage.name,
        "track": None if view.track is None else _track_of(view, names),
        "slot": int(view.at),
        "deposit": view.has_deposit,
        "proposal": None if view.proposal is None else "0x" + view.proposal.hex(),
    }


def _seats_facts(seats: list[Any], prefix: int) -> list[dict[str, str]]:
    from btt_chain.primitives.ss58 import encode

    return [{"account": encode(one.who, prefix), "planck": str(int(one.amount))} for one in seats]


# ---- steps


async def _track_names(chain: RpcChain) -> dict[int, str]:
    tracks: list[TrackView] = await chain.api("GovernanceApi_tracks")
    return {int(view.id): view.name for view in tracks}


def _stage_of(view: ReferendumView) -> str:
    waits = view.track is not None and not view.has_deposit
    return view.stage.name + (", no deposit" if waits else "")


def _call_of(view: ReferendumView, chain: StateAt) -> str:
    """What a referendum is about, in a word; where the call is not at hand, its hash."""
    if view.call is not None:
        return chain.catalogue.decode_call(view.call).name
    return "-" if view.proposal is None else short("0x" + view.proposal.hex())


async def _now(chain: StateAt) -> int:
    """The time of a chain, in slots since its first block."""
    slots = [await chain.storage(f"Babe.{name}") for name in ("CurrentSlot", "GenesisSlot")]
    current, genesis = (int(str(value)) for _, value in slots)
    return current - genesis


def _track_of(view: ReferendumView, names: dict[int, str]) -> str:
    return "-" if view.track is None else names.get(int(view.track), str(int(view.track)))


async def _track(chain: RpcChain, text: str) -> int:
    """The number of a track, given or named. NotFound if there is none."""
    names = await _track_names(chain)
    for number, name in names.items():
        if text in (name, str(number)):
            return number
    raise NotFound(f"there is no track {text!r}; {hint(text, list(names.values()))}")


def _locked_by(track: int, locks: Plain) -> int:
    """The planck that a track locks, of what `ConvictionVoting.ClassLocksFor` holds."""
    for row in locks if isinstance(locks, list) else []:
        if isinstance(row, list) and row[0] == track:
            return int(str(row[1]))
    return 0


def _class(track: str, url: str, timeout: float) -> u16:
    from btt_chain.scale import u16
    from cli.common.chain import run

    async def ask() -> int:
        async with work_chain(url, timeout) as chain:
            return await _track(chain, track)

    return u16(run(ask()))


def _origin(track: int) -> object:
    from runtime.pallets.origins import Decision, DecisionOrigin, RawRoot, SystemOrigin
    from runtime.pallets.referenda import ROOT_TRACK

    return SystemOrigin(RawRoot()) if track == ROOT_TRACK else DecisionOrigin(Decision(track))


async def _bounded(chain: RpcChain, pair: KeyPair, raw: bytes) -> object:
    """The call as it is proposed; a long one is noted as a preimage."""
    from btt_chain.compute.chain import DispatchRefused
    from btt_chain.crypto.hashing import blake2_256
    from btt_chain.primitives.digest import H256
    from btt_chain.scale import u32
    from runtime.pallets.preimage import MAX_INLINE, Inline, Lookup

    if len(raw) <= MAX_INLINE:
        return Inline(raw)
    try:
        await chain.submit("Preimage", "note_preimage", signer=pair, bytes=raw)
    except DispatchRefused as error:
        if error.name != "Preimage.AlreadyNoted":  # whoever noted it: it is there
            raise
    return Lookup(H256(blake2_256(raw)), u32(len(raw)))


def _submit(
    pallet: str, call: str, args: dict[str, object], done: str, url: str, timeout: float,
    as_json: bool, options: dict[str, Any],
) -> None:  # fmt: skip
    """Sign and send a call, and say what came of it."""
    from cli.common.chain import run

    pair = signer_of(options)

    async def work() -> Included:
        async with work_chain(url, timeout) as chain:
            return await chain.submit(pallet, call, signer=pair, **args)

    sent = run(work())
    if as_json:
        show.document({"done": done, "block": "0x" + sent.block.hex()})
    else:
        show.good(f"{done}, in block 0x{sent.block.hex()}")


def _planck(currency: Currency, amount: str) -> int:
    try:
        return currency.parse(amount)
    except AmountError as error:
        raise Mistyped(str(error)) from None


def _account(text: str, prefix: int) -> bytes:
    try:
        return read_account(text, prefix)
    except AccountError as error:
        raise Mistyped(str(error)) from None


def _address(text: str, prefix: int) -> object:
    from btt_chain.primitives.account import AccountId, Id

    return Id(AccountId(_account(text, prefix)))
