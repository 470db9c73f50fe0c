"""The supply of a running chain, as reported by its node."""

from __future__ import annotations

from functools import partial
from typing import Final

from btt_chain.client.views import ViewClient
from btt_chain.client.wire import header_number, member, records_of
from btt_chain.primitives.digits import to_hex
from cli.common import show
from cli.common.errors import Refused
from cli.common.working import asked, money


async def print_supply(chain: ViewClient, as_json: bool) -> None:
    """Print the supply of a chain, its burns and its pools as of a block."""
    client, where = chain.chain.connection, to_hex(chain.chain.at or b"")
    header = await client.call("chain_getHeader", where)
    supply = await asked(client, "tokenomics_supply", where)
    pools = await asked(client, "tokenomics_pools", where)
    block = {"number": header_number(header), "hash": where}
    if as_json:
        show.document({"block": block, "supply": supply, "pools": pools})
        return
    show.heading(f"Supply at block {block['number']:_}")
    money_of = partial(money, chain.currency)
    show.record({label: money_of(member(supply, name)) for name, label in SUPPLY.items()})
    burns = member(supply, "burnedBy")
    if not isinstance(burns, dict):
        raise Refused("the node's answer has no list of burns")
    rows = [[reason, money_of(amount)] for reason, amount in burns.items() if amount != "0"]
    if rows:
        show.table(["burned for", ">amount"], rows)
    show.table(
        ["pool", *POOL],
        [
            [str(pool["id"]), *(money_of(member(pool, name)) for name in POOL.values())]
            for pool in records_of(pools)
        ],
    )
    show.note("--json has the pools' accounts")


SUPPLY: Final = {
    "genesis": "at genesis",
    "burned": "burned since",
    "issuance": "there now",
    "circulating": "circulating",
    "locked": "locked by vesting",
    "staked": "staked and bonded",
}
POOL: Final = {
    ">at genesis": "allocated", ">released": "released", ">burned": "burned", ">balance": "balance",
}  # fmt: skip
