"""Replay of the final blocks of a devnet in this process, with an audit after every block."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.chain.client import Client
from btt_chain.client.chain import read_header
from btt_chain.client.wire import list_of, member, to_bytes
from btt_chain.node.service.lifecycle import settle_genesis
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.header import Header
from btt_chain.testing import Rpc
from genesis.spec import read_spec
from runtime import BttRuntime
from runtime.audits import audit
from storage.database import ChainStore
from storage.memory import MemoryKV

Block = tuple[Header, list[bytes]]
"""A header, and extrinsics without their length prefixes."""


def final_blocks(node: Rpc) -> list[Block]:
    """Return all blocks after block zero up to the last final one."""
    found: list[Block] = []
    for number in range(1, node.finalized() + 1):
        block = member(node.call("chain_getBlock", node.block_hash(number)), "block")
        body = [unwrap(to_bytes(wire)) for wire in list_of(member(block, "extrinsics"))]
        found.append((read_header(member(block, "header")), body))
    return found


def replay(spec: str, blocks: Sequence[Block]) -> int:
    """Execute blocks from block zero on; assert that no state breaks an invariant.

    Each block must have the state root of its header. Return the number of payments in the end.
    """
    store = ChainStore(MemoryKV(), pruning=1)
    settle_genesis(store, read_spec(spec))
    client = Client(store, {})
    runtime = state_of(client, client.best().hash)
    for header, body in blocks:
        made = client.import_block(header, body, finalize=True)
        runtime = state_of(client, made.hash)
        found = audit(runtime)
        assert found == [], f"block {made.number}: {found}"
    return int(runtime.payfi.payments.next_payment.value)


def state_of(client: Client, hash: bytes) -> BttRuntime:
    """Return the runtime on the state of a block."""
    runtime = client.runtime_at(hash).queries.runtime
    assert isinstance(runtime, BttRuntime)
    runtime.enter(client.overlay(hash))
    return runtime
