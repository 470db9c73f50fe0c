"""`btt-chain multisig`: accounts of several signers, and the calls that they approve together.

The order of signers, the place of the proposal and the weight of the call are this program's work.
A call is named by its number: the block and the extrinsic of its proposal.
"""

from __future__ import annotations

from typing import Annotated

import click

from btt_chain.client.chain import Chain
from btt_chain.client.transactions import Call
from btt_chain.client.views import ViewClient, plain
from btt_chain.crypto.hashing import blake2_256
from btt_chain.present.times import span
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import hex_or_none, to_hex
from btt_chain.primitives.ss58 import DEFAULT_PREFIX
from btt_chain.scale.portable import Plain
from btt_chain.wallet.entries import Entry, multisig_account
from cli.common import show
from cli.common.calls import report
from cli.common.errors import Mistyped, Refused
from cli.common.keys import network_options
from cli.common.multisigs import (
    Waiting,
    check_signer,
    multisig_named,
    operation_numbered,
    operations,
    others,
    weight_of,
)
from cli.common.options import (
    Command,
    Group,
    examples,
    json_option,
    wallet_option,
)
from cli.common.sending import Sender
from cli.common.session import call_given
from cli.common.signers import carrying
from cli.common.trying import failure_of, signed_by
from cli.common.wallets import names_of_accounts, wallet, wallet_errors
from cli.common.working import account
from cli.declared import program
from cli.parameters import Input
from runtime.pallets.multisig.pallet import MAX_SIGNATORIES

Name = Annotated[str, Input(check=multisig_named)]
Number = Annotated[str | None, Input("NUMBER")]
GivenCall = Annotated[
    str | None,
    Input("HEX|FILE", "The encoded call, if the chain has only its hash.", check=call_given),
]

multisig = Group(
    "multisig",
    help="""Decide together: an account of several signers, of whom some must agree.

    NAME is a multisig account of the wallet, which `create` adds. Each signer has it in a wallet of
    its own: the same signers and threshold give the same account everywhere.
    """,
)


def signers_arguments(command: Command) -> Command:
    """Add the signers and the threshold."""
    threshold = click.option(
        "--threshold", "-t", type=click.IntRange(2, MAX_SIGNATORIES), required=True,
        help="Number of signers that must approve.",
    )  # fmt: skip
    signers = click.argument("signers", nargs=-1, required=True, metavar="SIGNER SIGNER...")
    return signers(threshold(command))


@examples("btt-chain multisig address --threshold 2 //Alice //Bob //Charlie")
@multisig.command()
@signers_arguments
@network_options
@wallet_option
@json_option
def address(signers: tuple[str, ...], threshold: int, network: int, as_json: bool) -> None:
    """Show the address of a multisig account; no node is needed."""
    members = _members(signers)
    with wallet_errors():
        account = multisig_account(members, threshold)
    if as_json:
        show.document(
            {"address": ss58.encode(account, network), "account": to_hex(account),
             "threshold": threshold,
             "signers": [ss58.encode(each, network) for each in sorted(members)]}
        )  # fmt: skip
    else:
        click.echo(ss58.encode(account, network))


@examples("btt-chain multisig create treasury --threshold 2 alice bob 5FLSigC9...")
@multisig.command()
@click.argument("name")
@signers_arguments
@wallet_option
@json_option
def create(name: str, signers: tuple[str, ...], threshold: int, as_json: bool) -> None:
    """Add a multisig account to the wallet. Nothing is sent: such an account needs no setup."""
    with wallet_errors():
        entry = Entry.multisig(name, _members(signers), threshold)
        wallet().add(entry)
    shown = ss58.encode(entry.account)
    if as_json:
        show.document({"name": name, "address": shown, "threshold": threshold,
                       "signers": [ss58.encode(each) for each in entry.signers]})  # fmt: skip
        return
    show.record({"name": name, "address": shown, "needs": f"{threshold} of {len(entry.signers)}"})
    show.good(f"{name} is added")


@program(
    multisig,
    "btt-chain multisig propose treasury Balances.transfer_keep_alive bob 5BTT --from alice",
)  # fmt: skip
async def propose(
    chain: ViewClient,
    sender: Sender,
    name: Name,
    call_name: Annotated[str, Input("PALLET.CALL")],
    arguments: Annotated[list[str], Input("[ARG|NAME=ARG]...", default="")],
) -> None:
    """Propose a call as a multisig account, and approve it as the first signer.

    A deposit is reserved until the call is executed or cancelled.
    """
    node, entry = chain.chain, multisig_named(name)
    check_signer(entry, sender.account, node.metadata.address(sender.account))
    inner = Call(node.metadata.arguments.encode_call(call_name, arguments))
    digest = blake2_256(inner.raw)
    for waiting in await operations(node, entry):
        if waiting.call_hash == digest:
            raise Refused(f"this call waits already, as number {waiting.number}: approve that")
    call = await _approval(node, entry, sender, None, inner)
    show.note(
        f"{entry.threshold} of {len(entry.signers)} signers must approve; "
        f"{chain.currency.format(_deposit(node, entry))} is reserved until then."
    )
    failure = await failure_of(node, signed_by(entry.account), inner)
    if failure is not None:
        show.note(f"note: as things stand, {name} could not make this call: {failure}")
    with wallet_errors():
        wallet().remember_call(digest, inner.raw)
    sent = await sender.send_call(node, call)
    number = f"{sent.number}-{sent.index}"
    report(
        sent, sender.as_json,
        f"Proposed as number {number}: another signer approves it with "
        f"`btt-chain multisig approve {name} {number}`.",
        number=number, callHash=to_hex(digest), call=to_hex(inner.raw),
    )  # fmt: skip


@program(
    multisig, "btt-chain multisig pending treasury", "btt-chain multisig pending treasury --json"
)  # fmt: skip
async def pending(chain: ViewClient, as_json: bool, name: Name) -> None:
    """List the calls that wait for approvals, with their numbers."""
    node, entry = chain.chain, multisig_named(name)
    waiting = await operations(node, entry)
    if as_json:
        show.document([_facts(node, entry, call) for call in waiting])
    elif waiting:
        best = (await node.best()).number
        ages = [(best - int(call.operation.when.height)) * chain.slot_ms for call in waiting]
        show.table(
            ["number", "call", "approved by", ">missing", ">since", ">deposit"],
            [_row(node, entry, *row) for row in zip(waiting, ages, strict=True)],
        )
    else:
        show.note(f"no call of {name} waits for approvals")


@program(
    multisig, "btt-chain multisig approve treasury 184-1 --from bob",
    "btt-chain multisig approve treasury --from bob",
)  # fmt: skip
async def approve(
    chain: ViewClient, sender: Sender, name: Name, number: Number, call: GivenCall
) -> None:
    """Approve a call by its number; the last approval executes it."""
    await _act(chain.chain, sender, name, number, call, must_run=False)


@program(multisig, "btt-chain multisig execute treasury 184-1 --from bob")
async def execute(
    chain: ViewClient, sender: Sender, name: Name, number: Number, call: GivenCall
) -> None:
    """Execute a call that has its approvals, that of the signer included."""
    await _act(chain.chain, sender, name, number, call, must_run=True)


@program(multisig, "btt-chain multisig cancel treasury 184-1 --from alice")
async def cancel(chain: ViewClient, name: Name, number: Number, sender: Sender) -> None:
    """Cancel a call that you proposed; the deposit is returned."""
    node, entry = chain.chain, multisig_named(name)
    check_signer(entry, sender.account, node.metadata.address(sender.account))
    waiting = await operation_numbered(node, entry, number)
    operation = waiting.operation
    if operation.depositor != sender.account:
        by = node.metadata.address(operation.depositor)
        raise Refused(f"only the account that proposed number {waiting.number} may cancel it: {by}")
    sent = await sender.send(
        chain, "Multisig", "cancel_as_multi",
        threshold=entry.threshold, other_signatories=others(entry, sender.account),
        timepoint=operation.when, call_hash=waiting.call_hash,
    )  # fmt: skip
    report(sent, sender.as_json, f"Number {waiting.number} is cancelled.", number=waiting.number)


# ---- helpers


async def _act(
    chain: Chain, sender: Sender, name: str, number: str | None, typed: str | None, *,
    must_run: bool,
) -> None:  # fmt: skip
    """Approve or execute a call."""
    entry = multisig_named(name)
    raw = None if typed is None else call_given(typed)
    check_signer(entry, sender.account, chain.metadata.address(sender.account))
    waiting = await operation_numbered(chain, entry, number)
    label, approvals = f"number {waiting.number}", waiting.operation.approvals
    missing = entry.threshold - len({*approvals, sender.account})
    if must_run and missing > 0:
        raise Refused(f"{label} needs {missing} more approvals")
    if missing > 0 and sender.account in approvals:
        raise Refused(f"you have approved {label} already; it waits for {missing} more approvals")
    inner = _bytes_of(waiting, raw)
    if inner is not None and not sender.as_json:
        does = chain.metadata.decoder.call(inner).line
        show.record({"number": waiting.number, "does": does})
    if inner is None:
        check_known(waiting, may_be_hash=missing > 0 and sender.is_forced)
    body = None if inner is None else Call(inner)
    call = await _approval(chain, entry, sender, waiting, body, executes=missing <= 0)
    sent = await sender.send_call(chain, call)
    executed = any(event.name == "Multisig.MultisigExecuted" for event in sent.events)
    report(
        sent, sender.as_json,
        f"{label.capitalize()} is executed." if executed
        else f"Approved; {label} needs {missing} more.",
        number=waiting.number, executed=executed, missing=max(missing, 0),
    )  # fmt: skip


def check_known(waiting: Waiting, *, may_be_hash: bool) -> None:
    """Refuse to approve a call of which only the hash is known: it could be any. Mistyped."""
    if may_be_hash:
        show.note(f"note: only the hash of number {waiting.number} is known: it could be any call")
        return
    raise Mistyped(
        f"the chain has only the hash of number {waiting.number}, {to_hex(waiting.call_hash)}: "
        "give the call with --call HEX"
    )


async def _approval(
    chain: Chain, entry: Entry, sender: Sender, waiting: Waiting | None, inner: Call | None, *,
    executes: bool = True,
) -> Call:  # fmt: skip
    """Return the call that approves: with the call itself, or with its hash alone."""
    arguments: dict[str, Plain] = {
        "threshold": entry.threshold,
        "other_signatories": others(entry, sender.account),
        "maybe_timepoint": None if waiting is None else plain(waiting.operation.when),
        "max_weight": {"ref_time": 0, "proof_size": 0},
    }
    if inner is not None and executes:
        arguments["max_weight"] = await weight_of(chain, inner.raw)
        return carrying(chain.metadata, "Multisig.as_multi", arguments, inner)
    if waiting is None:
        raise Mistyped("a proposal needs the call")
    arguments["call_hash"] = to_hex(waiting.call_hash)
    return chain.compose("Multisig.approve_as_multi", **arguments)


def _members(signers: tuple[str, ...]) -> list[bytes]:
    return [account(each, DEFAULT_PREFIX) for each in signers]


def _bytes_of(waiting: Waiting, given: bytes | None) -> bytes | None:
    """Return the bytes of a call. Refused if those that are given are of another one."""
    if given is None:
        return waiting.call
    if blake2_256(given) != waiting.call_hash:
        raise Refused(f"--call is another call than number {waiting.number}")
    return given


def _deposit(chain: Chain, entry: Entry) -> int:
    base, factor = (
        int(str(chain.constant(f"Multisig.Deposit{part}"))) for part in ("Base", "Factor")
    )
    return base + factor * entry.threshold


def _shown(chain: Chain, waiting: Waiting) -> str:
    if waiting.call is None:
        return f"unknown, hash {to_hex(waiting.call_hash)}"
    return chain.metadata.decoder.call(waiting.call).line


def _row(chain: Chain, entry: Entry, waiting: Waiting, age_ms: int) -> list[str]:
    names, approvals = names_of_accounts(), waiting.operation.approvals
    return [
        waiting.number,
        _shown(chain, waiting),
        ", ".join(names.get(signer) or chain.metadata.address(signer) for signer in approvals),
        str(max(0, entry.threshold - len(approvals))),
        span(age_ms),
        chain.metadata.currency.format(waiting.operation.deposit),
    ]


def _facts(chain: Chain, entry: Entry, waiting: Waiting) -> dict[str, object]:
    view = None if waiting.call is None else chain.metadata.decoder.call(waiting.call)
    return {
        "number": waiting.number,
        "callHash": to_hex(waiting.call_hash),
        "encoded": hex_or_none(waiting.call),
        "call": None if view is None else view.name,
        "arguments": None if view is None else view.arguments,
        "approvals": [chain.metadata.address(signer) for signer in waiting.operation.approvals],
        "threshold": entry.threshold,
        "missing": max(0, entry.threshold - len(waiting.operation.approvals)),
        "depositor": chain.metadata.address(waiting.operation.depositor),
        "deposit": str(waiting.operation.deposit),
    }
