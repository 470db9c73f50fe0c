"""The economy of a running chain: its supply as reported by the node, and an independent audit.

The audit uses only bytes of the node. They must hash to the state root in the block's
header, and the header to the block's hash; then the runtime's own checks run on them here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from btt_chain.client.amount import Currency
from btt_chain.client.chain import find_block, read_header, read_properties
from btt_chain.client.errors import RpcError
from btt_chain.client.jsonrpc import Connection, Json, WebSocket
from btt_chain.client.wire import header_number, member, to_bytes
from cli.common import show
from cli.common.errors import ExitCode, Refused
from cli.common.working import asked
from runtime.frame.version import CODE_KEY
from storage.trie import state_root

if TYPE_CHECKING:
    from runtime.audits import Finding

PAGE: Final = 1_000
"""Keys per request: the maximum that a node lists."""
RATE_LIMITED: Final = -32999
PAUSE: Final = 1.0
"""Seconds in which a node's budget for remote callers is full again."""
TRIES: Final = 30
"""Maximum number of requests for one page: other callers may use the same budget."""


# ---- supply


async def print_supply(url: str, timeout: float, at: str, as_json: bool) -> None:
    """Show the supply of a chain, its burns and its pools as of a block."""
    async with await WebSocket.connect(url, timeout) as client:
        hash = await find_block(client, at)
        where = "0x" + hash.hex()
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
    fields = {}
    for name, label in SUPPLY.items():
        fields[label] = currency.format(amount(member(supply, name)))
    show.record(fields)


def _print_burns(burns: Json, currency: Currency) -> None:
    if not isinstance(burns, dict):
        raise Refused("the node's answer has no list of burns")
    amounts = {reason: amount(planck) for reason, planck in burns.items()}
    rows = [[reason, currency.format(planck)] for reason, planck in amounts.items() if planck]
    if rows:
        show.table(["burned for", ">amount"], rows)


def _print_pools(pools: Json, currency: Currency) -> None:
    if not isinstance(pools, list):
        raise Refused("the node's answer is not a list of pools")
    show.table(
        ["pool", ">at genesis", ">released", ">burned", ">balance"],
        [
            [
                str(member(pool, "id")),
                *(
                    currency.format(amount(member(pool, name)))
                    for name in ("allocated", "released", "burned", "balance")
                ),
            ]
            for pool in pools
        ],
    )
    show.note("--json has the pools' accounts")


def amount(answer: Json) -> int:
    """Return an amount that a node sent as decimal text."""
    if isinstance(answer, str) and answer.isascii() and answer.isdecimal() and len(answer) < 40:
        return int(answer)
    raise Refused(f"the node answered {answer!r} where an amount was expected")


# ---- audit


async def print_audit(url: str, timeout: float, at: str, as_json: bool) -> ExitCode:
    """Audit the state of a block, and print its errors; return the command's exit code."""
    async with await WebSocket.connect(url, timeout) as client:
        hash = await find_block(client, at)
        header = await client.call("chain_getHeader", "0x" + hash.hex())
        if read_header(header).hash() != hash:
            raise Refused(f"the node's header of block 0x{hash.hex()} has another hash")
        state = await fetch_state(client, hash)
    number = header_number(header)
    root = to_bytes(member(header, "stateRoot"))
    findings = audited(state, root)
    if as_json:
        show.document(
            {
                "block": {"number": number, "hash": "0x" + hash.hex()},
                "keys": len(state),
                "stateRoot": "0x" + root.hex(),
                "findings": [
                    {"invariant": finding.invariant, "text": finding.text} for finding in findings
                ],
            }
        )
    else:
        _print_findings(findings, number, len(state))
    return ExitCode.REFUSED if findings else ExitCode.DONE


def _print_findings(findings: Sequence[Finding], number: int, keys: int) -> None:
    if not findings:
        show.good(
            f"The ledger of block {number:_} is right: {keys:_} keys hash to the header's state "
            "root, and every invariant holds."
        )
        return
    show.bad(f"The ledger of block {number:_} is wrong in {len(findings)} places:")
    show.table(["invariant", "what was found"], [[each.invariant, each.text] for each in findings])


async def fetch_state(client: Connection, hash: bytes) -> dict[bytes, bytes]:
    """Return all keys and values of a block's state, read in pages."""
    where = "0x" + hash.hex()
    state: dict[bytes, bytes] = {}
    start: str | None = None
    with show.progress() as bar:
        task = bar.add_task("fetching keys", total=None)
        while True:
            page = await _patient(client, "state_getKeysPaged", "0x", PAGE, start, where)
            if not isinstance(page, list):
                raise Refused("the node's answer is not a list of keys")
            if not page:
                return state
            values = await _patient(client, "state_queryStorageAt", page, where)
            state.update(_changes(values))
            bar.advance(task, len(page))
            start = str(page[-1])


async def _patient(client: Connection, method: str, *params: Json) -> Json:
    """Call a node that limits the rate of remote callers."""
    for _ in range(TRIES - 1):
        try:
            return await client.call(method, *params)
        except RpcError as error:
            if error.code != RATE_LIMITED:
                raise
            await asyncio.sleep(PAUSE)
    return await client.call(method, *params)


def _changes(answer: Json) -> Iterable[tuple[bytes, bytes]]:
    if not isinstance(answer, list) or len(answer) != 1:
        raise Refused("the node's answer is not the values of one block")
    changes = member(answer[0], "changes")
    if not isinstance(changes, list):
        raise Refused("the node's answer has no list of values")
    for change in changes:
        if not isinstance(change, list) or len(change) != 2:
            raise Refused("the node's answer has a value without a key")
        yield to_bytes(change[0]), to_bytes(change[1])


def audited(state: dict[bytes, bytes], root: bytes) -> Sequence[Finding]:
    """Return the errors of a state. Refused unless it is of that root and of a BTT chain."""
    from btt_chain.chain.runtimes import RuntimeRegistry, UnsupportedRuntime
    from genesis.build import readable
    from genesis.code import state_version
    from runtime.audits import audit
    from runtime.features.work import Work

    found = state_root(state, state_version(state.get(CODE_KEY)))
    if found != root:
        raise Refused(
            f"the state that the node sent hashes to 0x{found.hex()}, its header says "
            f"0x{root.hex()}: ask another node"
        )
    try:
        runtime = RuntimeRegistry().of(state.get).queries.runtime
    except UnsupportedRuntime as error:
        raise Refused(f"this chain cannot be audited here: {error}") from None
    if not isinstance(runtime, Work):
        raise Refused("this chain cannot be audited here: its runtime is not the present one")
    runtime.enter(readable(state))
    return audit(runtime)
