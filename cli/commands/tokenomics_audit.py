"""An audit of the economy of a running chain, which does not trust its node.

It uses only bytes of the node. They must hash to the state root in the block's header, and the
header to the block's hash; then the runtime's own checks run on them here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from btt_chain.chain.runtimes import RuntimeRegistry, UnsupportedRuntime
from btt_chain.client.chain import find_block, read_header, read_keys, read_values
from btt_chain.client.errors import RpcError
from btt_chain.client.jsonrpc import Connection, Json, WebSocket
from btt_chain.client.wire import header_number, member, to_bytes
from btt_chain.primitives.digits import to_hex
from cli.common import show
from cli.common.errors import ExitCode, Refused
from genesis.build import readable
from genesis.code import state_version
from runtime.audits import Finding, audit
from runtime.features.work import Work
from runtime.frame.version import CODE_KEY
from storage.trie import state_root

PAGE: Final = 1_000
"""Keys per request: the maximum that a node lists."""
RATE_LIMITED: Final = -32999
PAUSE: Final = 1.0
"""Seconds in which a node's budget for remote callers is full again."""
TRIES: Final = 30
"""Maximum number of requests for one page: other callers may use the same budget."""


async def print_audit(url: str, timeout: float, at: str, as_json: bool) -> ExitCode:
    """Audit the state of a block, and print its errors; return the command's exit code."""
    async with await Patient.connect(url, timeout) as client:
        hash = await find_block(client, at)
        header = await client.call("chain_getHeader", to_hex(hash))
        if read_header(header).hash() != hash:
            raise Refused(f"the node's header of block {to_hex(hash)} has another hash")
        state = await fetch_state(client, hash)
    number = header_number(header)
    root = to_bytes(member(header, "stateRoot"))
    findings = audited(state, root)
    if as_json:
        show.document(
            {
                "block": {"number": number, "hash": to_hex(hash)},
                "keys": len(state),
                "stateRoot": to_hex(root),
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


class Patient(WebSocket):
    """A connection to a node that limits the rate of remote callers."""

    async def call(self, method: str, *params: Json) -> Json:
        """Return a method's result, asked for again while the node refuses for its limit."""
        for _ in range(TRIES - 1):
            try:
                return await super().call(method, *params)
            except RpcError as error:
                if error.code != RATE_LIMITED:
                    raise
                await asyncio.sleep(PAUSE)
        return await super().call(method, *params)


async def fetch_state(client: Connection, hash: bytes) -> dict[bytes, bytes]:
    """Return all keys and values of a block's state."""
    state: dict[bytes, bytes] = {}
    with show.progress() as bar:
        task = bar.add_task("fetching keys", total=None)
        keys = [key async for key in read_keys(client, b"", hash, size=PAGE)]
        bar.update(task, description="fetching values", total=len(keys))
        for start in range(0, len(keys), PAGE):
            values = await read_values(client, keys[start : start + PAGE], hash)
            state |= {key: value for key, value in values.items() if value is not None}
            bar.advance(task, len(values))
    return state


def audited(state: dict[bytes, bytes], root: bytes) -> Sequence[Finding]:
    """Return the errors of a state. Refused unless it is of that root and of a BTT chain."""
    found = state_root(state, state_version(state.get(CODE_KEY)))
    if found != root:
        raise Refused(
            f"the state that the node sent hashes to {to_hex(found)}, its header says "
            f"{to_hex(root)}: ask another node"
        )
    try:
        runtime = RuntimeRegistry().of(state.get).queries.runtime
    except UnsupportedRuntime as error:
        raise Refused(f"this chain cannot be audited here: {error}") from None
    if not isinstance(runtime, Work):
        raise Refused("this chain cannot be audited here: its runtime is not the present one")
    runtime.enter(readable(state))
    return audit(runtime)
