"""`btt-chain tx`: sign and send transactions, and print their results.

A call is checked against the chain's own metadata before anything is signed, and the fee is shown
before anything is sent. Secrets stay here: only the signed transaction leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from btt_chain.client.chain import Chain, read_chain_metadata
from btt_chain.client.decoding import ExtrinsicView
from btt_chain.client.errors import NotIncluded
from btt_chain.client.extrinsics import Draft, SigningContext, default_period, era_at, hash_of
from btt_chain.client.extrinsics import sign as signed
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.signed_metadata import runtime_name, signed_digest
from btt_chain.client.transactions import Call, Included
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.lifetime import DEFAULT_PERIOD
from cli.commands.tx_trace import trace
from cli.common import show
from cli.common.block_facts import extrinsic_document
from cli.common.errors import Mistyped, Refused
from cli.common.files import read_object_file
from cli.common.options import (
    Group,
    examples,
    query_options,
    read_text,
)
from cli.common.sending import (
    WIDTH,
    Sender,
    SendingCommand,
    Signing,
    asking_options,
    not_included,
    signing_options,
    waiting_options,
)
from cli.common.session import from_hex, open_chain, run
from cli.common.wallets import names_used


@click.group(cls=Group)
def tx() -> None:
    """Sign and send transactions.

    The signer (--from) is an account of the wallet, a secret URI, a file that holds one, or - for
    standard input. Names of the wallet stand for accounts everywhere.
    """


@examples(
    "btt-chain tx transfer --from //Alice //Bob 1.5BTT",
    "btt-chain tx transfer --from key.txt 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty 250mBTT",
)
@tx.command(cls=SendingCommand)
@click.argument("dest")
@click.argument("amount")
@click.option(
    "--keep-alive/--allow-death",
    default=True,
    show_default=True,
    help="Whether the sender's account must survive.",
)
@signing_options
@waiting_options(may_return_at_once=True)
@asking_options
@query_options
def transfer(dest: str, amount: str, keep_alive: bool, **options: object) -> None:
    """Send AMOUNT to DEST."""
    name = "transfer_keep_alive" if keep_alive else "transfer_allow_death"
    _send(f"Balances.{name}", (dest, amount), options)


@examples(
    "btt-chain tx call System.remark_with_event hello --from //Alice",
    "btt-chain tx call Utility.batch_all --from //Alice \\",
    '  \'[{"call": "Balances.transfer_keep_alive", "args": {"dest": "//Bob", "value": "1BTT"}}]\'',
)
@tx.command("call", cls=SendingCommand)
@click.argument("name", metavar="PALLET.CALL")
@click.argument("arguments", nargs=-1, metavar="[ARG|NAME=ARG]...")
@signing_options
@waiting_options(may_return_at_once=True)
@asking_options
@query_options
def call_(name: str, arguments: tuple[str, ...], **options: object) -> None:
    """Send any call.

    Arguments come in order, or each as name=value; nested ones are JSON. Accounts are addresses
    or //Alice, amounts have a unit, bytes are 0x and hex or text. See `btt-chain query calls`.
    """
    _send(name, arguments, options)


def _send(name: str, arguments: tuple[str, ...], options: dict[str, Any]) -> None:
    as_json = options["as_json"]
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(options["url"], options["timeout"]) as chain:
            call = Call(chain.metadata.arguments.encode_call(name, arguments))
            wire, fee = await sender.prepare(chain, call)
            result = _begin(wire, fee, as_json)
            if sender.wait == "none":
                await chain.transactions.submit(wire)
                _print_pooled(result, as_json)
            else:
                _report(chain, await sender.included(chain, call, wire), result, as_json)

    run(work())


@examples(
    "btt-chain query facts -o facts.json                  # on a machine with a network",
    "btt-chain tx sign --offline facts.json --from key.txt --nonce 7 \\",
    "  Balances.transfer_keep_alive 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty 1BTT",
    "btt-chain tx submit 0x...                            # on the first machine again",
)
@tx.command(cls=SendingCommand)
@click.argument("name", metavar="PALLET.CALL")
@click.argument("arguments", nargs=-1, metavar="[ARG|NAME=ARG]...")
@signing_options
@click.option(
    "--offline",
    "facts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ask no node: use this file of `btt-chain query facts`. Needs --nonce.",
)
@query_options
def sign(
    name: str, arguments: tuple[str, ...], facts: Path | None, url: str, timeout: float,
    as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Sign a call, print the transaction in hex. Nothing is sent."""
    signing = Signing.of(options)

    async def online() -> bytes:
        async with open_chain(url, timeout) as chain:
            call = Call(chain.metadata.arguments.encode_call(name, arguments))
            return await chain.transactions.sign(
                signing.made(chain.metadata, call),
                signing.pair,
                nonce=signing.nonce,
                tip=signing.tip_in(chain.metadata.currency),
                period=signing.period,
            )

    wire = run(online()) if facts is None else _sign_offline(facts, name, arguments, signing)
    for known, account in names_used().items():
        show.note(f"{known} is {ss58.encode(account)}")
    if as_json:
        show.document({"extrinsic": to_hex(wire), "hash": hash_of(wire)})
    else:
        click.echo(to_hex(wire))


@examples(
    "btt-chain tx submit 0x4902... --wait final",
    "btt-chain tx submit signed.txt --wait none",
)
@tx.command()
@click.argument("extrinsic", metavar="HEX")
@waiting_options(may_return_at_once=True)
@query_options
def submit(
    extrinsic: str, wait: str, patience: float, url: str, timeout: float, as_json: bool
) -> None:
    """Send a signed transaction.

    HEX is the transaction, a file that holds it, or - for standard input.
    """
    wire = _wire(extrinsic)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            result = _begin(wire, None, as_json)
            if wait == "none":
                await chain.transactions.submit(wire)
                _print_pooled(result, as_json)
                return
            try:
                done = await chain.transactions.watch(
                    wire, wait="final" if wait == "final" else "best", patience=patience
                )
            except NotIncluded as error:
                raise not_included(str(result["hash"]), error) from None
            _report(chain, done, result, as_json)

    run(work())


@examples("btt-chain tx info 0x4902...", "btt-chain tx info --offline facts.json signed.txt")
@tx.command()
@click.argument("extrinsic", metavar="HEX")
@click.option(
    "--offline",
    "facts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ask no node: use this file of `btt-chain query facts`.",
)
@query_options
def info(extrinsic: str, facts: Path | None, url: str, timeout: float, as_json: bool) -> None:
    """Show what a transaction says.

    HEX is the transaction, a file that holds it, or - for standard input.
    """
    wire = _wire(extrinsic)

    async def online() -> None:
        async with open_chain(url, timeout) as chain:
            _print_extrinsic(chain.metadata.decoder.extrinsic(wire), as_json)

    if facts is None:
        run(online())
    else:
        _print_extrinsic(_Facts.read(facts).metadata.decoder.extrinsic(wire), as_json)


def _print_extrinsic(view: ExtrinsicView, as_json: bool) -> None:
    if as_json:
        show.document(extrinsic_document(view))
        return
    show.record(
        {
            "hash": view.hash,
            "call": view.call.name,
            **{f"  {name}": value for name, value in view.call.shown.items()},
            "signer": view.signer or "none: it is unsigned",
            **{f"  {name}": value for name, value in view.extra_shown.items()},
        }
    )


tx.add_command(trace)


# ---- signing


@dataclass(frozen=True, slots=True)
class _Facts:
    """Facts about a chain from a file of `query facts`."""

    metadata: ChainMetadata
    genesis: bytes
    spec_version: int
    transaction_version: int
    number: int
    hash: bytes

    @classmethod
    def read(cls, path: Path) -> _Facts:
        """Return the facts in a file; Refused if it holds none."""
        try:
            document = read_object_file(path)
            metadata = bytes.fromhex(document["metadata"][2:])
            return cls(
                read_chain_metadata(metadata, document["properties"]),
                bytes.fromhex(document["genesisHash"][2:]),
                int(document["specVersion"]),
                int(document["transactionVersion"]),
                int(document["block"]["number"]),
                bytes.fromhex(document["block"]["hash"][2:]),
            )
        except KeyError as error:
            raise Refused(
                f"{path} is not a file of `btt-chain query facts`: {error} is missing"
            ) from None
        except (ValueError, TypeError, RecursionError) as error:
            raise Refused(f"{path} is not a file of `btt-chain query facts`: {error}") from None


def _sign_offline(path: Path, name: str, arguments: tuple[str, ...], signing: Signing) -> bytes:
    facts = _Facts.read(path)
    call = signing.made(
        facts.metadata, Call(facts.metadata.arguments.encode_call(name, arguments))
    ).raw
    tip = signing.tip_in(facts.metadata.currency)
    if signing.nonce is None:
        raise Mistyped("--offline needs --nonce: only a node knows the account's next one")
    period = signing.period
    if period == DEFAULT_PERIOD:
        period = default_period(facts.metadata)
    era = era_at(facts.number, period)
    if era.birth(facts.number) != facts.number and period is not None:
        raise Mistyped(
            f"a period of {period} blocks cannot begin at block {facts.number}; offline "
            "give --mortal 4096 or less, or --immortal"
        )
    birth = facts.hash if period is not None else facts.genesis
    digest = signed_digest(facts.metadata, runtime_name(facts.metadata), facts.spec_version)
    context = SigningContext(
        facts.genesis, birth, facts.spec_version, facts.transaction_version, digest
    )
    draft = Draft(call, signing.nonce, era, tip)
    return signed(facts.metadata, context, draft, signing.pair)


def _wire(given: str) -> bytes:
    text = read_text(given)
    try:
        return from_hex(text, "the transaction")
    except Mistyped:
        if text != given:
            raise
        raise Mistyped(f"{given[:40]!r} is neither hex nor a file") from None


# ---- results


def _begin(wire: bytes, fee: int | None, as_json: bool) -> dict[str, object]:
    """Print the hash of a transaction before it is sent; return the beginning of the JSON."""
    result: dict[str, object] = {"hash": hash_of(wire)}
    if fee is not None:
        result["feeEstimate"] = str(fee)
    if not as_json:
        show.record({"hash": str(result["hash"])}, width=WIDTH)
    return result


def _print_pooled(result: dict[str, object], as_json: bool) -> None:
    if as_json:
        show.document(result)
    else:
        show.record({"status": "in the pool"}, width=WIDTH)


def _report(chain: Chain, done: Included, result: dict[str, object], as_json: bool) -> None:
    """Print the result of a transaction in its block; Refused if its call failed there."""
    if as_json:
        result |= {
            "hash": done.hash,
            "block": {"hash": to_hex(done.block), "number": done.number},
            "index": done.index,
            "finalized": done.is_final,
            "fee": None if done.fee is None else str(done.fee),
            "success": done.error is None,
            "error": done.error,
            "events": [{"event": e.name, "fields": e.fields} for e in done.events],
        }
        show.document(result)
    else:
        lines = {"block": f"{done.number:_} {to_hex(done.block)}, extrinsic {done.index}"}
        if done.fee is not None:
            lines["fee"] = f"{chain.metadata.currency.format(done.fee)} (paid)"
        show.record(lines, width=WIDTH)
        show.table(["event", "fields"], [[e.name, e.shown] for e in done.events])
        if done.error is None:
            show.good("The call succeeded.")
    if done.error is not None:
        raise Refused(f"the call failed in block {done.number}: {done.error}")
