"""`btt-chain query`: query a node about its chain.

Works with any Substrate chain: names and types are from the metadata of the queried block.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final

import click

from btt_chain.client.amount import Currency
from btt_chain.client.chain import BlockView, Chain, find_block, read_properties
from btt_chain.client.errors import RpcError
from btt_chain.client.items import docs_of
from btt_chain.client.jsonrpc import Json, WebSocket
from btt_chain.client.values import brief, field, has_amounts
from btt_chain.client.views import ViewClient
from btt_chain.client.wire import member
from btt_chain.present.times import date
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import u32
from btt_chain.scale.metadata import StorageEntry
from cli.commands import browse
from cli.common import show
from cli.common.block_facts import BlockFacts, extrinsic_document, read_facts
from cli.common.errors import NotFound
from cli.common.files import json_or_text, write_json
from cli.common.options import Group, examples, output_option, query_options
from cli.common.session import open_chain, run
from cli.common.wallets import entry_named
from cli.common.working import account as account_of
from cli.declared import program
from cli.parameters import Input

NAME: Final = re.compile(r"[a-z][a-z0-9_/-]{3,63}")
"""Bytes that are shown as a name: of a row, a pool."""


@click.group(cls=Group)
def query() -> None:
    """Ask a node about its chain."""


for _command in (browse.pallets, browse.calls, browse.events, browse.errors, browse.items):
    query.add_command(_command)


at_option = click.option(
    "--at", metavar="BLOCK", help="The block: a number, a hash, best (default) or finalized."
)


@program(
    query, "btt-chain query storage Balances.TotalIssuance",
    "btt-chain query storage System.Account //Alice --at finalized", options=(at_option,),
)  # fmt: skip
async def storage(
    chain: ViewClient,
    as_json: bool,
    item: Annotated[str, Input("PALLET.ITEM")],
    keys: Annotated[list[str], Input("[KEYS]...", default="")],
    limit: Annotated[
        u32, Input(help="The most entries to list where keys are left out.", default="100", least=1)
    ],
) -> None:
    """Show a storage item.

    A map takes its KEYS; without them, or with fewer, its entries are listed.
    """
    catalogue = chain.chain.metadata
    pallet, entry = catalogue.items.storage(item)
    key, is_complete = catalogue.storage.key(pallet, entry, keys)
    if not is_complete:
        await _print_entries(chain.chain, entry, key, int(limit), as_json)
        return
    raw = await chain.chain.storage_bytes(key)
    kind, value = catalogue.storage.stored(entry, raw)
    if as_json:
        shown = catalogue.values.for_json(kind, value)
        show.document({"key": to_hex(key), "value": shown, "isDefault": raw is None})
        return
    money = has_amounts(entry.name, entry.docs)
    _print_value(catalogue.values.readable(kind, value, money=money))
    if raw is None:
        show.note("nothing is stored there; this is the default")


async def _print_entries(
    chain: Chain, entry: StorageEntry, prefix: bytes, limit: int, as_json: bool
) -> None:
    catalogue = chain.metadata
    keys = [key async for key in chain.storage_keys(prefix, limit + 1)]
    more, keys = len(keys) > limit, keys[:limit]
    values = await chain.storage_batch(keys)
    if as_json:
        show.document(
            {
                "entries": [
                    {
                        "key": to_hex(key),
                        "keys": catalogue.storage.keys_of(entry, key),
                        "value": catalogue.values.for_json(*catalogue.storage.stored(entry, raw)),
                    }
                    for key, raw in zip(keys, values, strict=True)
                ],
                "more": more,
            }
        )
        return
    if not keys:
        show.note("nothing is stored there")
        return
    names = [catalogue.items.type_name(kind) for kind, _ in catalogue.storage.key_types(entry)]
    money = has_amounts(entry.name, entry.docs)
    show.table(
        [*names, "value"],
        [
            [
                *map(_named, catalogue.storage.keys_of(entry, key)),
                catalogue.values.for_people(*catalogue.storage.stored(entry, raw), money=money),
            ]
            for key, raw in zip(keys, values, strict=True)
        ],
    )
    if more:
        show.note(f"only the first {limit} are shown; see more with --limit")


def _named(key: str) -> str:
    """Return a key in its typed form: bytes that are a name as that name."""
    if not key.startswith("0x"):
        return key
    try:
        text = bytes.fromhex(key.removeprefix("0x")).decode("ascii")
    except ValueError:
        return key
    return text if NAME.fullmatch(text) else key


@program(query, "btt-chain query constant Balances.ExistentialDeposit", options=(at_option,))
async def constant(
    chain: ViewClient, as_json: bool, name: Annotated[str, Input("PALLET.NAME")]
) -> None:
    """Show a constant of the runtime."""
    catalogue = chain.chain.metadata
    _, stored = catalogue.items.constant(name)
    value = catalogue.items.types.decode(stored.type, stored.value)
    if as_json:
        shown = catalogue.values.for_json(stored.type, value)
        show.document({"value": shown, "docs": stored.docs})
        return
    money = has_amounts(stored.name, stored.docs)
    _print_value(catalogue.values.readable(stored.type, value, money=money))
    if stored.docs:
        show.note(docs_of(stored))


@program(
    query, "btt-chain query account //Alice",
    "btt-chain query account 5FHneW46... --at finalized --json", options=(at_option,),
)  # fmt: skip
async def account(
    chain: ViewClient, as_json: bool, address: Annotated[AccountId, Input("ADDRESS")]
) -> None:
    """Show the balances and the nonce of an account.

    ADDRESS is an SS58 address, a public key in hex, or a development key such as //Alice.
    """
    info = await chain.chain.storage("System.Account", to_hex(address))
    data = field(info, "data")
    free, reserved, frozen = (
        int(str(field(data, name))) for name in ("free", "reserved", "frozen")
    )
    # The part that wallets show as transferable.
    usable = free - min(free, max(0, frozen - reserved))
    facts = {"free": free, "reserved": reserved, "frozen": frozen, "usable": usable}
    name, nonce = chain.chain.metadata.address(address), field(info, "nonce")
    if as_json:
        amounts = {name: str(planck) for name, planck in facts.items()}
        show.document({"address": name, "nonce": nonce, **amounts})
        return
    amounts = {name: chain.currency.format(planck) for name, planck in facts.items()}
    show.record({"address": name, "nonce": str(nonce), **amounts})


@examples("btt-chain query block", "btt-chain query block 17 --json")
@query.command()
@click.argument("which", metavar="[HASH|NUMBER]", default="best")
@query_options
def block(which: str, url: str, timeout: float, as_json: bool) -> None:
    """Show a block: author, time, size, fees, extrinsics, events. Without an argument the best."""
    found, facts, currency = run(_find_block(which, url, timeout))
    if as_json:
        show.document({**_block_json(found), **facts.document()})
    else:
        _print_block(found, facts, currency)


async def _find_block(
    which: str, url: str, timeout: float
) -> tuple[BlockView, BlockFacts, Currency]:
    """Return a block, decoded by the metadata of its execution's runtime: its parent's.

    If that state is pruned, the newest metadata is used; it differs only after a runtime upgrade.
    """
    async with await WebSocket.connect(url, timeout) as client:
        hash = await find_block(client, which)
        header = await client.call("chain_getHeader", to_hex(hash))
    if header is None:
        raise NotFound(f"the node has no block {to_hex(hash)}")
    parent = str(member(header, "parentHash"))
    # The genesis block has no parent.
    at = parent if parent.strip("0x") else "0"

    async def read(state: str | None) -> tuple[BlockView, BlockFacts, Currency]:
        async with open_chain(url, timeout, state) as chain:
            found = await chain.block(hash)
            return found, await read_facts(chain, found), chain.metadata.currency

    try:
        return await read(at)
    except RpcError:
        return await read(None)


def _block_json(found: BlockView) -> dict[str, object]:
    events = found.events
    return {
        "hash": to_hex(found.hash),
        "number": found.number,
        "header": found.header,
        "extrinsics": [extrinsic_document(view) for view in found.extrinsics],
        "events": None
        if events is None
        else [
            {"extrinsic": event.extrinsic, "event": event.name, "fields": event.fields}
            for event in events
        ],
    }


def _print_block(found: BlockView, facts: BlockFacts, currency: Currency) -> None:
    header = found.header
    show.record(
        {
            "block": f"{found.number:_}",
            "time": date(facts.ms) if facts.ms else "-",
            "author": facts.author or "-",
            "size": show.counted(facts.size, "byte"),
            "fees": "-" if facts.fees is None else currency.format(facts.fees),
            "hash": to_hex(found.hash),
            "parent": str(member(header, "parentHash")),
            "state root": str(member(header, "stateRoot")),
            "extrinsics root": str(member(header, "extrinsicsRoot")),
            "digest": facts.digest,
        }
    )
    show.table(
        [">#", "call", "arguments", "signer"],
        [
            [str(at), view.call.name, view.call.inner, view.signer or "-"]
            for at, view in enumerate(found.extrinsics)
        ],
        title="Extrinsics",
    )
    if found.events is None:
        show.note("the state of this block is pruned, and its events with it")
        return
    show.table(
        [">extrinsic", "event", "fields"],
        [["-" if e.extrinsic is None else str(e.extrinsic), e.name, e.shown] for e in found.events],
        title="Events",
    )


# ---- everything else


@program(
    query, "btt-chain query facts -o facts.json", options=(output_option("Write to this file."),)
)
async def facts(chain: ViewClient, output: Path | None) -> None:
    """Write down what `tx sign --offline` needs.

    That is metadata, versions, genesis and a recent block.
    """
    node = chain.chain
    final = await node.finalized()
    document = {
        "genesisHash": to_hex(node.genesis),
        "specVersion": node.facts.spec_version,
        "transactionVersion": node.facts.transaction_version,
        "block": {"number": final.number, "hash": to_hex(final.hash)},
        "properties": await node.connection.call("system_properties"),
        "metadata": await node.connection.call("state_getMetadata"),
    }
    if output is None:
        show.document(document)
    else:
        write_json(document, output)


@examples(
    "btt-chain query rpc chain_getBlockHash 1",
    "btt-chain query rpc rpc_methods",
)
@query.command()
@click.argument("method")
@click.argument("params", nargs=-1)
@query_options
def rpc(method: str, params: tuple[str, ...], url: str, timeout: float, as_json: bool) -> None:
    """Call a method of the node and print the answer as JSON.

    PARAMS are JSON; what is none is taken as text. A key such as //Alice and a name of the wallet
    stand for their addresses.
    """

    async def ask() -> None:
        async with await WebSocket.connect(url, timeout) as client:
            prefix = ss58.DEFAULT_PREFIX
            if _has_names(params):
                _, prefix = read_properties(await client.call("system_properties"))
            answer = await client.call(method, *(_param(each, prefix) for each in params))
            # One document for programs, the same indented for readers.
            if as_json:
                show.line(answer)
            else:
                show.document(answer)

    run(ask())


def _has_names(params: tuple[str, ...]) -> bool:
    """Return True if a parameter stands for an account, as //Alice or a name of the wallet."""
    return any(each.startswith("//") or entry_named(each) is not None for each in params)


def _param(text: str, prefix: int) -> Json:
    value: Json = json_or_text(text)
    return _text_param(text, prefix) if value is text else value


def _text_param(text: str, prefix: int) -> str:
    """Return a parameter that is not JSON; the address, if it stands for an account."""
    if not text.startswith("//") and entry_named(text) is None:
        return text
    address = ss58.encode(account_of(text, prefix), prefix)
    show.note(f"{text} is {address}")
    return address


def _print_value(value: Any) -> None:
    if isinstance(value, dict):
        show.record({name: brief(each) for name, each in value.items()})
    elif isinstance(value, list) and value:
        for each in value:
            click.echo(brief(each))
    else:
        click.echo("none" if value in (None, []) else brief(value))
