"""`btt-chain tx`: sign and send transactions, and print their results.

A call is checked against the chain's own metadata before anything is signed, and the fee is shown
before anything is sent. Secrets stay here: only the signed transaction leaves.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.common import show
from cli.common.amount import AmountError
from cli.common.errors import CannotConnect, Mistyped, Refused
from cli.common.options import (
    Group,
    connection_options,
    examples,
    json_option,
    key_pair,
    password,
    password_options,
    read_secret,
    read_text,
    scheme_option,
)
from cli.common.sending import Sending

if TYPE_CHECKING:
    from collections.abc import Callable

    from btt_chain.crypto.keypair import KeyPair
    from btt_chain.scale.portable import Plain
    from cli.common.catalogue import Catalogue, EventView, ExtrinsicView
    from cli.common.chain import Chain
    from cli.common.client import Json
    from cli.common.signing import Draft

MORTAL_PERIOD: Final = 64
"""Default lifetime of a transaction, in blocks."""

_LABELS: Final = 6
"""Columns of the names beside the facts of a transaction."""

_UNIT_STATES: Final = {
    "invalid": "it became invalid in the pool",
    "dropped": "the pool dropped it",
}


@dataclass(frozen=True, slots=True)
class Signing:
    """Values of the signing options. `tip` in planck; `period` None is immortal."""

    pair: KeyPair
    tip: int
    period: int | None
    nonce: int | None


@click.group(cls=Group)
def tx() -> None:
    """Sign and send transactions.

    The signer (--from) is a secret URI, a file that holds it, or - for standard input.
    """


def _signing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--from", "uri", required=True, metavar="URI", help="Who signs and pays."),
        scheme_option,
        password_options,
        click.option("--tip", default="0planck", help="Extra for the author, as 0.1BTT."),
        click.option(
            "--mortal",
            "period",
            type=click.IntRange(4, 65_536),
            default=MORTAL_PERIOD,
            show_default=True,
            help="For how many blocks it is good (raised to a power of two).",
        ),
        click.option("--immortal", is_flag=True, help="It is good for ever."),
        click.option(
            "--nonce", type=click.IntRange(min=0), help="The number of the account's transaction."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _sending_options(command: Callable[..., Any]) -> Callable[..., Any]:
    wait = click.option(
        "--wait",
        type=click.Choice(["none", "inblock", "finalized"]),
        default="inblock",
        show_default=True,
        help="What to wait for.",
    )
    patience = click.option(
        "--patience",
        type=click.FloatRange(min=0, min_open=True),
        default=120.0,
        show_default=True,
        help="Seconds to wait for the block.",
    )
    return wait(patience(command))


@examples(
    "btt-chain tx transfer --from //Alice //Bob 1.5BTT",
    "btt-chain tx transfer --from key.txt 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty 250mBTT",
)
@tx.command(cls=Sending)
@click.argument("dest")
@click.argument("amount")
@click.option(
    "--keep-alive/--allow-death",
    default=True,
    show_default=True,
    help="Whether the sender's account must survive.",
)
@_signing_options
@_sending_options
@connection_options
@json_option
def transfer(dest: str, amount: str, keep_alive: bool, **options: Any) -> None:
    """Send AMOUNT to DEST."""
    name = "transfer_keep_alive" if keep_alive else "transfer_allow_death"
    _send(f"Balances.{name}", (dest, amount), options)


@examples(
    "btt-chain tx call System.remark_with_event hello --from //Alice",
    "btt-chain tx call Utility.batch_all --from //Alice \\",
    '  \'[{"call": "Balances.transfer_keep_alive", "args": {"dest": "//Bob", "value": "1BTT"}}]\'',
)
@tx.command("call", cls=Sending)
@click.argument("name", metavar="PALLET.CALL")
@click.argument("arguments", nargs=-1, metavar="[ARG|NAME=ARG]...")
@_signing_options
@_sending_options
@connection_options
@json_option
def call_(name: str, arguments: tuple[str, ...], **options: Any) -> None:
    """Send any call.

    Arguments come in order, or each as name=value; nested ones are JSON. Accounts are addresses
    or //Alice, amounts have a unit, bytes are 0x and hex or text. See `btt-chain query calls`.
    """
    _send(name, arguments, options)


def _send(name: str, arguments: tuple[str, ...], options: dict[str, Any]) -> None:
    from cli.common.chain import Chain, run

    async def work() -> None:
        async with Chain.open(options["url"], options["timeout"]) as chain:
            call = chain.catalogue.encode_call(name, arguments)
            signing = _signing(options, chain.catalogue.currency.parse)
            wire = await _sign_online(chain, call, signing)
            fee = await _fee(chain, wire)
            if not options["as_json"]:
                shown = chain.catalogue.decode_call(call)
                words = ", ".join(f"{n}: {v}" for n, v in shown.shown.items())
                show.record(
                    {
                        "call": f"{shown.name}({words})",
                        "from": _address(chain, signing.pair),
                        "fee": f"{chain.catalogue.currency.format(fee)} (estimate)",
                    },
                    width=_LABELS,
                )
            await _submit(
                chain, wire, options["wait"], options["patience"], options["as_json"], fee
            )

    run(work())


@examples(
    "btt-chain query facts -o facts.json                  # on a machine with a network",
    "btt-chain tx sign --offline facts.json --from key.txt --nonce 7 \\",
    "  Balances.transfer_keep_alive 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty 1BTT",
    "btt-chain tx submit 0x...                            # on the first machine again",
)
@tx.command(cls=Sending)
@click.argument("name", metavar="PALLET.CALL")
@click.argument("arguments", nargs=-1, metavar="[ARG|NAME=ARG]...")
@_signing_options
@click.option(
    "--offline",
    "facts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ask no node: use this file of `btt-chain query facts`. Needs --nonce.",
)
@connection_options
@json_option
def sign(name: str, arguments: tuple[str, ...], facts: Path | None, **options: Any) -> None:
    """Sign a call, print the transaction in hex. Nothing is sent."""
    from cli.common.chain import Chain, run
    from cli.common.signing import hash_of

    async def online() -> bytes:
        async with Chain.open(options["url"], options["timeout"]) as chain:
            call = chain.catalogue.encode_call(name, arguments)
            return await _sign_online(
                chain, call, _signing(options, chain.catalogue.currency.parse)
            )

    wire = run(online()) if facts is None else _sign_offline(facts, name, arguments, options)
    if options["as_json"]:
        show.document({"extrinsic": "0x" + wire.hex(), "hash": hash_of(wire)})
    else:
        click.echo("0x" + wire.hex())


@tx.command()
@click.argument("extrinsic", metavar="HEX")
@_sending_options
@connection_options
@json_option
def submit(
    extrinsic: str, wait: str, patience: float, url: str, timeout: float, as_json: bool
) -> None:
    """Send a signed transaction.

    HEX is the transaction, a file that holds it, or - for standard input.
    """
    from cli.common.chain import Chain, run

    wire = _wire(extrinsic)

    async def work() -> None:
        async with Chain.open(url, timeout) as chain:
            await _submit(chain, wire, wait, patience, as_json, None)

    run(work())


@tx.command()
@click.argument("extrinsic", metavar="HEX")
@click.option(
    "--offline",
    "facts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ask no node: use this file of `btt-chain query facts`.",
)
@connection_options
@json_option
def info(extrinsic: str, facts: Path | None, url: str, timeout: float, as_json: bool) -> None:
    """Show what a transaction says.

    HEX is the transaction, a file that holds it, or - for standard input.
    """
    from cli.common.chain import Chain, run

    wire = _wire(extrinsic)

    async def online() -> None:
        async with Chain.open(url, timeout) as chain:
            _print_extrinsic(chain.catalogue.decode_extrinsic(wire), as_json)

    if facts is None:
        run(online())
    else:
        _print_extrinsic(_Facts.read(facts).catalogue.decode_extrinsic(wire), as_json)


def _print_extrinsic(view: ExtrinsicView, as_json: bool) -> None:
    if as_json:
        show.document(
            {
                "hash": view.hash,
                "signer": view.signer,
                "signature": view.signature,
                "extensions": view.extra,
                "call": view.call.name,
                "arguments": view.call.arguments,
            }
        )
        return
    show.record(
        {
            "hash": view.hash,
            "call": view.call.name,
            **{f"  {name}": value for name, value in view.call.shown.items()},
            "signer": view.signer or "nobody: it is unsigned",
            **{f"  {name}": value for name, value in view.extra_shown.items()},
        }
    )


# ---- signing


def _signing(options: dict[str, Any], parse: Callable[[str], int]) -> Signing:
    word = password(
        options["password"], options["password_interactive"], options["password_filename"]
    )
    try:
        tip = parse(options["tip"])
    except AmountError as error:
        raise Mistyped(f"--tip: {error}") from None
    return Signing(
        key_pair(read_secret(options["uri"]), options["scheme"], word),
        tip,
        None if options["immortal"] else options["period"],
        options["nonce"],
    )


async def _sign_online(chain: Chain, call: bytes, signing: Signing) -> bytes:
    from cli.common.signing import sign as signed

    number, hash = await chain.head("chain_getFinalizedHead")
    nonce = signing.nonce
    if nonce is None:
        who = _address(chain, signing.pair)
        found = await chain.client.call("system_accountNextIndex", who)
        nonce = found if isinstance(found, int) else 0
    draft = _draft(call, signing, nonce, number)
    birth = hash if signing.period is not None else chain.genesis
    period_start = draft.era.birth(number)
    if signing.period is not None and period_start != number:
        # Long periods cannot begin at every block.
        from cli.common.chain import block_hash

        birth = await block_hash(chain.client, str(period_start))
    return signed(chain.catalogue, chain.ties(birth), draft, signing.pair)


def _draft(call: bytes, signing: Signing, nonce: int, number: int) -> Draft:
    from btt_chain.primitives.era import Immortal, Mortal
    from cli.common.signing import Draft

    era = Immortal() if signing.period is None else Mortal.at(number, signing.period)
    return Draft(call, nonce, era, signing.tip)


@dataclass(frozen=True, slots=True)
class _Facts:
    """Facts about a chain from a file of `query facts`."""

    catalogue: Catalogue
    genesis: bytes
    spec_version: int
    transaction_version: int
    number: int
    hash: bytes

    @classmethod
    def read(cls, path: Path) -> _Facts:
        """Return the facts in a file; Refused if it holds none."""
        from cli.common.catalogue import Catalogue
        from cli.common.chain import read_properties

        try:
            document = json.loads(path.read_text())
            currency, prefix = read_properties(document["properties"])
            return cls(
                Catalogue(
                    bytes.fromhex(document["metadata"][2:]), currency=currency, prefix=prefix
                ),
                bytes.fromhex(document["genesisHash"][2:]),
                int(document["specVersion"]),
                int(document["transactionVersion"]),
                int(document["block"]["number"]),
                bytes.fromhex(document["block"]["hash"][2:]),
            )
        except KeyError as error:
            raise Refused(
                f"{path} is no file of `btt-chain query facts`: {error} is missing"
            ) from None
        except (ValueError, TypeError, RecursionError) as error:
            raise Refused(f"{path} is no file of `btt-chain query facts`: {error}") from None


def _sign_offline(
    path: Path, name: str, arguments: tuple[str, ...], options: dict[str, Any]
) -> bytes:
    from cli.common.signing import Ties
    from cli.common.signing import sign as signed

    facts = _Facts.read(path)
    call = facts.catalogue.encode_call(name, arguments)
    signing = _signing(options, facts.catalogue.currency.parse)
    if signing.nonce is None:
        raise Mistyped("--offline needs --nonce: only a node knows the account's next one")
    draft = _draft(call, signing, signing.nonce, facts.number)
    if draft.era.birth(facts.number) != facts.number and signing.period is not None:
        raise Mistyped(
            f"a period of {signing.period} blocks cannot begin at block {facts.number}; offline "
            "give --mortal 4096 or less, or --immortal"
        )
    birth = facts.hash if signing.period is not None else facts.genesis
    ties = Ties(facts.genesis, birth, facts.spec_version, facts.transaction_version)
    return signed(facts.catalogue, ties, draft, signing.pair)


def _address(chain: Chain, pair: KeyPair) -> str:
    from btt_chain.primitives import ss58

    return ss58.encode(pair.account_id, chain.catalogue.prefix)


def _wire(given: str) -> bytes:
    from cli.common.chain import from_hex

    text = read_text(given)
    try:
        return from_hex(text, "the transaction")
    except Mistyped:
        if text != given:
            raise
        raise Mistyped(f"{given[:40]!r} is neither hex nor a file") from None


async def _fee(chain: Chain, wire: bytes) -> int:
    from cli.common.chain import member

    answer = await chain.client.call("payment_queryInfo", "0x" + wire.hex())
    return int(str(member(answer, "partialFee")))


# ---- sending


async def _submit(
    chain: Chain, wire: bytes, wait: str, patience: float, as_json: bool, fee: int | None
) -> None:
    from cli.common.signing import hash_of

    name = hash_of(wire)
    result: dict[str, Any] = {"hash": name}
    if fee is not None:
        result["feeEstimate"] = str(fee)
    if wait == "none":
        await chain.client.call("author_submitExtrinsic", "0x" + wire.hex())
        if as_json:
            show.document(result)
        else:
            show.record({"hash": name, "status": "in the pool"}, width=_LABELS)
        return
    if not as_json:
        show.record({"hash": name}, width=_LABELS)
    try:
        async with asyncio.timeout(patience):
            block = await _until(chain, wire, wait)
    except TimeoutError:
        raise Refused(
            f"transaction {name} is in no block after {patience:g} s; it may still enter one: "
            "look again with `btt-chain query block`, or wait longer with --patience"
        ) from None
    await _report(chain, block, wait, result, as_json)


async def _until(chain: Chain, wire: bytes, wait: str) -> bytes:
    """Submit and watch; return the block of the transaction, final if requested."""
    async with chain.client.subscribe(
        "author_submitAndWatchExtrinsic", "author_unwatchExtrinsic", "0x" + wire.hex()
    ) as states:
        async for state in states:
            block = _block_of(state, wait)
            if block is not None:
                return block
    raise CannotConnect("the node ended the subscription")


def _block_of(state: Json, wait: str) -> bytes | None:
    from cli.common.chain import to_bytes

    if isinstance(state, str):
        if state in _UNIT_STATES:
            raise Refused(f"the transaction is in no block: {_UNIT_STATES[state]}")
        return None
    if not isinstance(state, dict):
        return None
    if "usurped" in state:
        raise Refused(f"another transaction took its place: {state['usurped']}")
    if "finalityTimeout" in state:
        raise Refused(f"block {state['finalityTimeout']} holds it, but is not final in time")
    if "finalized" in state:
        return to_bytes(state["finalized"])
    if "inBlock" in state and wait == "inblock":
        return to_bytes(state["inBlock"])
    return None


async def _report(
    chain: Chain, block: bytes, wait: str, result: dict[str, Any], as_json: bool
) -> None:
    """Print the result of the transaction in its block; Refused if its call failed there."""
    view = await chain.block(block)
    index = next(
        (at for at, each in enumerate(view.extrinsics) if each.hash == result["hash"]), None
    )
    if index is None:
        raise Refused(f"block 0x{block.hex()} does not hold the transaction, as the node said")
    events = [event for event in view.events or [] if event.extrinsic == index]
    error = _failure(chain, events)
    paid = next((e.fields for e in events if e.name == "TransactionPayment.TransactionFeePaid"), {})
    fee = paid.get("actual_fee")
    if as_json:
        result |= {
            "block": {"hash": "0x" + block.hex(), "number": view.number},
            "index": index,
            "finalized": wait == "finalized",
            "fee": fee,
            "success": error is None,
            "error": error,
            "events": [{"event": e.name, "fields": e.fields} for e in events],
        }
        show.document(result)
    else:
        lines = {"block": f"{view.number:_} 0x{block.hex()}, extrinsic {index}"}
        if isinstance(fee, str):
            lines["fee"] = f"{chain.catalogue.currency.format(int(fee))} (paid)"
        show.record(lines, width=_LABELS)
        show.table(["event", "fields"], [[e.name, e.shown] for e in events])
        if error is None:
            show.good("The call succeeded.")
    if error is not None:
        raise Refused(f"the call failed in block {view.number}: {error}")


def _failure(chain: Chain, events: list[EventView]) -> str | None:
    """Return the reason why the call, or a nested one, failed; None if none did."""
    for event in events:
        error = _error_in(event)
        if error is not None:
            where = "" if event.name == "System.ExtrinsicFailed" else f"{event.name}: "
            return where + chain.catalogue.dispatch_error(error)
    if not any(event.name == "System.ExtrinsicSuccess" for event in events):
        raise Refused("the block's events do not say what became of the transaction")
    return None


def _error_in(event: EventView) -> Plain:
    """Return the DispatchError in an event; None if it has none.

    A batch, a proxy, a multisig or sudo succeeds also if its nested call has failed, which its own
    event contains: in a field `error`, or in a Result.
    """
    if event.name == "System.ExtrinsicFailed":
        return event.fields.get("dispatch_error")
    if event.name in {"Utility.BatchInterrupted", "Utility.ItemFailed"}:
        return event.fields.get("error")
    for value in event.fields.values():
        if isinstance(value, dict) and value.keys() == {"Err"}:
            return value["Err"]
    return None
