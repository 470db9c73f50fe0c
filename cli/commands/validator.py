"""`btt-chain validator`: join the validators, see how one does, change its keys, leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from btt_chain.client.chain import Chain, read_header
from btt_chain.client.errors import RpcError
from btt_chain.client.jsonrpc import Json
from btt_chain.client.views import ViewClient, shaped
from btt_chain.client.wire import list_of, member
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe import NoPreDigest, pre_digest
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.scale import u128
from btt_chain.scale.portable import Plain
from cli.common import show
from cli.common.calls import Named, one_call, report
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.key_state import KEY_TYPES, KeyReport, key_reports
from cli.common.options import Group
from cli.common.sending import Sender
from cli.common.trying import waiting_before
from cli.common.validators import (
    Validator,
    few_text,
    joining,
    leaving,
    owner_of,
    read_offences,
    read_sessions,
    read_validator,
    seat_text,
)
from cli.common.working import account
from cli.declared import program, query
from cli.parameters import Input
from runtime.frame.aliases import Balance

BLOCKS_COUNTED: Final = 200
"""Maximum number of blocks of the session of which `status` counts the authors."""


validator = Group(
    "validator",
    help="""Make and finalize blocks, with a bond that answers for it.

    --url is the validator's own node: its session keys are made there. --from is the stash, whose
    money is bonded. Every command can be repeated: it goes on where it stopped.
    """,
)


# ---- join


@program(
    validator, "btt-chain validator join --from stash.txt --bond 10_000BTT",
    "btt-chain validator join --from //Eve --url ws://127.0.0.1:9948",
)  # fmt: skip
async def join(
    chain: ViewClient,
    sender: Sender,
    bond: Annotated[
        Balance | None,
        Input("AMOUNT", "Bond at least this much. [default: the minimum of the chain]"),
    ],
) -> None:
    """Become a candidate: make session keys in the node, register them, bond, ask to validate.

    The node must be in sync and have the keys. What is done already is left as it is. All calls are
    one transaction. Keys of an earlier attempt that came to nothing are used, instead of new ones.
    A validator that was removed for absence comes back by this command, too.
    """
    node = chain.chain
    wanted, stash = None if bond is None else int(bond), sender.account
    await check_nothing_waits(node, sender)
    before = await read_validator(node, stash)
    check_join(node, before, wanted)
    missing = joining(before, wanted)
    if not missing.needs_keys and not await has_keys(node, before.raw_keys):
        raise Refused(
            "the account has registered session keys that this node does not have: connect to the "
            "node that has them, or make new ones here with `btt-chain validator rotate`"
        )
    if missing.is_done:
        _print_joined(before, sender.as_json, "nothing is missing")
        return
    names = [*(["Session.set_keys"] if missing.needs_keys else [])]
    names += [name for name, _ in missing.calls]
    if sender.is_dry_run and missing.needs_keys:
        _print_plan(names, sender.as_json)
        return
    await check_node(node)
    await check_sync(node)
    calls = list(missing.calls)
    if missing.needs_keys:
        calls.insert(0, await unused_keys(node, stash) or await new_keys(node, stash))
    await sender.send_call(node, one_call(node, calls))
    _print_joined(await read_validator(node, stash), sender.as_json, *names)
    few = few_text(int(str(await node.storage("Authorities.CounterForCandidates"))))
    if few and not sender.as_json:
        show.note(few)


def check_join(chain: Chain, state: Validator, bond: int | None) -> None:
    """Check that a stash may become a candidate. Refused with the reason."""
    money = chain.metadata.currency.format
    if bond is not None and bond < state.minimum_bond:
        raise Refused(f"a validator bonds {money(state.minimum_bond)} at least")
    if state.is_barred:
        raise Refused(seat_text(state))


async def check_node(chain: Chain) -> None:
    """Check that the node would use session keys. Refused if it does not validate."""
    roles = await chain.connection.call("system_nodeRoles")
    if not (isinstance(roles, list) and "Authority" in roles):
        raise Refused(
            f"the node at {chain.connection.url} does not validate: start it with --validator, "
            "then repeat this command"
        )


async def check_sync(chain: Chain) -> None:
    """Check that the node is in sync: one that is not makes no blocks. Refused otherwise."""
    health = await chain.connection.call("system_health")
    if not isinstance(health, dict) or health.get("isSyncing") is not False:
        raise Refused(
            f"the node at {chain.connection.url} is not in sync yet: repeat this command when it "
            "is; `btt-chain doctor` says how it does"
        )


async def check_nothing_waits(chain: Chain, sender: Sender) -> None:
    """Refuse to go on while a transaction of the signer is in the pool: it may be the same."""
    if sender.is_forced or sender.signing.nonce is not None:
        return
    signer = sender.signing.pair.account_id
    waiting = await waiting_before(chain, signer, await chain.transactions.nonce(signer))
    if waiting:
        raise Refused(
            f"{show.counted(waiting, 'transaction')} of this account wait{'s' * (waiting == 1)} in "
            "the pool: repeat this command when they are in a block"
        )


async def has_keys(chain: Chain, keys: bytes) -> bool:
    """Return True if the node has all of a set of session keys."""
    answer: Json = await chain.connection.call("author_hasSessionKeys", to_hex(keys))
    return answer is True


async def unused_keys(chain: Chain, stash: bytes) -> Named | None:
    """Return the call that registers keys which an attempt has left in the node; None without.

    These have signed nothing, and no account has registered them.
    """
    try:
        found = await chain.connection.call("author_unusedKeys")
    except RpcError as error:
        if error.is_unknown_method:  # an older release, or a node of Substrate's own
            return None
        raise
    keys = b""
    for kind in KEY_TYPES:
        free = [
            public for public in map(str, list_of(member(found, kind)))
            if await owner_of(chain, kind, public) is None
        ]  # fmt: skip
        if not free:
            return None
        keys += from_hex(free[-1])
    proof = await chain.connection.call("author_proveUnusedKeys", to_hex(keys), to_hex(stash))
    return registration(chain, to_hex(keys), proof)


async def new_keys(chain: Chain, stash: bytes) -> Named:
    """Make session keys in the node; return the call that registers them, with their proof."""
    made = await chain.connection.call("author_rotateKeysWithOwner", to_hex(stash))
    keys, proof = (made.get("keys"), made.get("proof")) if isinstance(made, dict) else (None, None)
    return registration(chain, keys, proof)


def registration(chain: Chain, keys: Json, proof: Json) -> Named:
    """Return the call that registers session keys. Refused if they are none."""
    if not isinstance(keys, str) or not isinstance(proof, str) or len(keys) != 2 + 2 * 64:
        raise Refused(f"{chain.connection.url} did not answer with session keys and a proof")
    parts: dict[str, Plain] = {"babe": keys[:66], "grandpa": "0x" + keys[66:]}
    return "Session.set_keys", {"keys": parts, "proof": proof}


def _print_plan(names: Sequence[str], as_json: bool) -> None:
    """Print which calls would be sent: a dry run makes no keys in the node."""
    if as_json:
        show.document({"calls": list(names)})
    else:
        show.record({"would send": list(names)})
        show.note("a dry run makes no keys in the node, so the calls were not tried")


def _print_joined(state: Validator, as_json: bool, *done: str) -> None:
    if as_json:
        show.document({"done": list(done), **document(state)})
        return
    show.record({"done": list(done), "now": seat_text(state)})
    if state.place is None:
        show.note("see how it goes on: btt-chain validator status; keep the node running")


# ---- status


@program(validator, "btt-chain validator status", "btt-chain validator status //Bob --json")
async def status(
    chain: ViewClient, as_json: bool, who: Annotated[AccountId | None, Input("STASH")]
) -> None:
    """Show a validator: its seat, keys, blocks, votes, bond, offences, and the next session.

    Without STASH that of the session keys of the node.
    """
    node = chain.chain
    reports = await _reports(node)
    state = await read_validator(node, await _stash_of(node, reports) if who is None else who)
    here = None if state.keys is None else await _are_here(node, state.raw_keys)
    blocks, counted = await _blocks(node, state)
    voted = await _votes(node, state)
    offences = await read_offences(node, state.address)
    if as_json:
        show.document(
            {**document(state), "keysHere": here, "blocks": blocks, "ofBlocks": counted,
             "votes": voted, "offences": offences,
             "signing": [{"type": report.kind, "publicKey": report.public, "state": report.state}
                         for report in _registered(state, reports)]}
        )  # fmt: skip
        return
    money, sessions = chain.currency.format, state.sessions
    bond = f"{money(state.active)}, at least {money(state.minimum_bond)} is needed"
    fields: dict[str, str | list[str]] = {
        "stash": state.address,
        "seat": seat_text(state),
        "keys": _keys_text(state, here),
        "signing": [f"{report.kind}: {report.text}" for report in _registered(state, reports)],
        "bond": [bond, *(
            f"{money(value)} unbonding, free {sessions.when(due)}"
            for value, due in state.unlocking
        )],
        "blocks": "-" if blocks is None else f"{blocks} of the last {counted} of this session",
        "votes": {None: "-", True: "seen in the last rounds", False: "missing"}[voted],
        "offences": f"{offences} reported lately" if offences else "none",
        "next session": f"{sessions.index + 1}, {sessions.when(sessions.index + 1)}",
    }  # fmt: skip
    show.record({name: value for name, value in fields.items() if value})


def document(state: Validator) -> dict[str, object]:
    """Return a validator as JSON; amounts in planck, times in ms."""
    sessions = state.sessions
    return {
        "stash": state.address,
        "active": state.place is not None,
        "queued": state.is_queued,
        "candidate": state.is_candidate,
        "disabled": state.is_disabled,
        "keys": state.keys,
        "bond": str(state.active),
        "unlocking": [{"amount": str(value), "session": due} for value, due in state.unlocking],
        "minimumBond": str(state.minimum_bond),
        "barredUntil": state.barred_until or None,
        "session": sessions.index,
        "nextSeats": sessions.next_seats,
        "nextSessionInMs": sessions.ms_until(sessions.index + 1),
    }


def _keys_text(state: Validator, here: bool | None) -> str:
    if state.keys is None:
        return "none registered"
    place = {True: "on this node", False: "NOT on this node", None: "the node does not say where"}
    return f"registered, {place[here]}"


async def _reports(chain: Chain) -> Sequence[KeyReport]:
    """Return the node's report on its session keys."""
    return await key_reports(chain.connection) or ()


def _registered(state: Validator, reports: Sequence[KeyReport]) -> list[KeyReport]:
    """Return the reports of the keys that a stash has registered."""
    known = set((state.keys or {}).values())
    return [each for each in reports if each.public in known]


async def _stash_of(chain: Chain, reports: Sequence[KeyReport]) -> bytes:
    """Return the account of the node's session keys. NotFound, Mistyped if there are several."""
    owners = {await owner_of(chain, each.kind, each.public) for each in reports} - {None}
    if not owners:
        raise NotFound(
            f"no account has registered session keys of the node at {chain.connection.url}; name "
            "the stash, or begin with `btt-chain validator join`"
        )
    if len(owners) > 1:
        raise Mistyped(f"name one of the stashes of this node: {', '.join(map(str, owners))}")
    return account(str(owners.pop()), chain.metadata.prefix)


async def _are_here(chain: Chain, keys: bytes) -> bool | None:
    """Return True if the node has keys; None if it does not answer that to this connection."""
    try:
        return await has_keys(chain, keys)
    except RpcError:
        return None


async def _blocks(chain: Chain, state: Validator) -> tuple[int | None, int]:
    """Return how many blocks of this session a validator made, of how many that were looked at."""
    start = await chain.storage("Babe.EpochStart")
    if state.place is None or not isinstance(start, list):
        return None, 0
    best = (await chain.best()).number
    numbers = range(max(int(str(start[1])), best - BLOCKS_COUNTED + 1, 1), best + 1)
    made = counted = 0
    for number in numbers:
        hash = await chain.connection.call("chain_getBlockHash", number)
        header = read_header(await chain.connection.call("chain_getHeader", hash))
        try:
            claim = pre_digest(header.digest.logs).claim
        except NoPreDigest:
            continue
        counted += 1
        made += int(claim.authority_index) == state.place
    return made, counted


async def _votes(chain: Chain, state: Validator) -> bool | None:
    """Return True if votes of a validator were seen in the last rounds; None if unknown."""
    if state.place is None or state.keys is None:
        return None
    try:
        answer = await chain.connection.call("grandpa_roundState")
    except RpcError:
        return None
    key = ss58.encode(from_hex(state.keys["grandpa"]))
    rounds = list_of(member(answer, "background"))
    if not rounds:
        return None
    return any(
        key not in list_of(member(member(each, stage), "missing"))
        for each in rounds
        for stage in ("prevotes", "precommits")
    )


# ---- list


@dataclass(frozen=True, slots=True)
class ListedValidator:
    """A validator, or a candidate."""

    stash: AccountId
    bond: Balance | None
    active: bool
    queued: bool
    candidate: bool


@query(
    validator, "btt-chain validator list",
    columns={
        "stash": "stash", "bond": "bond", "this session": "active", "next session": "queued",
        "candidate": "candidate",
    },
)  # fmt: skip
async def list_(chain: ViewClient) -> list[ListedValidator]:
    """List the validators and candidates with their bonds, the greatest first."""
    active = await chain.storage(list[AccountId], "Session.Validators") or []
    queued = await chain.storage(list[tuple[AccountId, object]], "Session.QueuedKeys") or []
    bonds = {
        shaped(AccountId, keys[0]): u128(int(str(bond)))
        async for keys, bond in chain.chain.entries("Authorities.Candidates")
    }
    soon = {stash for stash, _ in queued}
    sessions = await read_sessions(chain.chain)
    show.note(f"session {sessions.index}; the next begins {sessions.when(sessions.index + 1)}")
    rows = [
        ListedValidator(stash, bonds.get(stash), stash in active, stash in soon, stash in bonds)
        for stash in {*active, *soon, *bonds}
    ]
    return sorted(rows, key=lambda row: (-int(row.bond or 0), row.stash))


# ---- rotate


@program(validator, "btt-chain validator rotate --from stash.txt")
async def rotate(chain: ViewClient, sender: Sender) -> None:
    """Make new session keys in the node, and register them in the place of the present ones.

    The present keys sign for two more sessions: the node that has them must run until then.
    """
    node = chain.chain
    state = await read_validator(node, sender.account)
    if state.keys is None:
        raise NotFound(
            f"{state.address} has no session keys: begin with `btt-chain validator join`"
        )
    await check_nothing_waits(node, sender)
    await check_node(node)
    if sender.is_dry_run:
        _print_plan(["Session.set_keys"], sender.as_json)
        return
    # Unused keys may be those of an earlier rotation, which were to go.
    name, arguments = await new_keys(node, sender.account)
    done = await sender.send_call(node, node.compose(name, **arguments))
    sessions = await read_sessions(node)
    session = sessions.index + 2
    report(
        done, sender.as_json,
        f"The new keys sign from session {session} on, {sessions.when(session)}; keep the node "
        "with the old ones running until then.",
        keys=arguments["keys"], session=session,
    )  # fmt: skip


# ---- leave


@program(validator, "btt-chain validator leave --from stash.txt")
async def leave(chain: ViewClient, sender: Sender) -> None:
    """Stop validating, and get the bond back: repeat it until it says that all is done.

    It ends the candidacy and unbonds everything, withdraws what is free when the unbonding is over,
    and removes the session keys last. Keep the node running as long as it validates.
    """
    node = chain.chain
    stash = sender.account
    await check_nothing_waits(node, sender)
    stage = leaving(await read_validator(node, stash))
    if stage.calls:
        await sender.send_call(node, one_call(node, stage.calls))
    state = await read_validator(node, stash)
    next_ = leaving(state).next_session
    sent = [name for name, _ in stage.calls]
    is_done = next_ is None and not leaving(state).calls
    if sender.as_json:
        show.document({"done": sent, "nextSession": next_, "left": is_done, **document(state)})
        return
    show.record({"sent": sent or ["nothing"]})
    if is_done:
        show.good("The account is no longer a validator, and nothing of it is bonded.")
        return
    if state.place is not None or state.is_queued:
        show.note("it validates until a session without it begins: keep the node running")
    if next_ is not None:
        when = state.sessions.when(next_)
        show.note(f"come back in session {next_}, {when}, and repeat this command")
