"""The supply of a running chain, as reported by its node."""

from __future__ import annotations

from typing import Final

from btt_chain.client.amount import Currency
from btt_chain.client.chain import (
    find_block,
    read_properties,
)
from btt_chain.client.jsonrpc import Json, WebSocket
from btt_chain.client.wire import header_number, member, records_of
from btt_chain.primitives.digits import to_hex
from cli.common import show
from cli.common.errors import Refused
from cli.common.working import asked, money


async def print_supply(url: str, timeout: float, at: str, as_json: bool) -> None:
    """Show the supply of a chain, its burns and its pools as of a block."""
    async with await WebSocket.connect(url, timeout) as client:
        hash = await find_block(client, at)
        where = to_hex(hash)
        header = await client.call("chain_getHeader", where)
        supply = await asked(client, "tokenomics_supply", where)
        pools = await asked(client, "tokenomics_pools", where)
        currency, _ = read_properties(await client.call("system_properties"))
    block = {"number": header_number(header), "hash": where}
    if as_json:
        show.document({"block": block, "supply": supply, "pools": pools})
        return
    _print_supply(supply, currency, f"Supply at block {block['number']:_}")
    _print_burns(member(supply, "burnedBy"), currency)
    _print_pools(pools, currency)


SUPPLY: Final = {
    "genesis": "at genesis",
    "burned": "burned since",
    "issuance": "there now",
    "circulating": "circulating",
    "locked": "locked by vesting",
    "staked": "staked and bonded",
}


def _print_supply(supply: Json, currency: Currency, title: str) -> None:
    show.heading(title)
    show.record({label: money(currency, member(supply, name)) for name, label in SUPPLY.items()})


def _print_burns(burns: Json, currency: Currency) -> None:
    if not isinstance(burns, dict):
        raise Refused("the node's answer has no list of burns")
    rows = [[reason, money(currency, amount)] for reason, amount in burns.items() if amount != "0"]
    if rows:
        show.table(["burned for", ">amount"], rows)


def _print_pools(pools: Json, currency: Currency) -> None:
    columns = {
        ">at genesis": "allocated", ">released": "released", ">burned": "burned",
        ">balance": "balance",
    }  # fmt: skip
    show.table(
        ["pool", *columns],
        [
            [str(pool["id"]), *(money(currency, member(pool, name)) for name in columns.values())]
            for pool in records_of(pools)
        ],
    )
    show.note("--json has the pools' accounts")
