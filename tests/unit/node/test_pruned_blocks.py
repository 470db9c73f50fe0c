"""Answers of a node to peers, clients and explorers about blocks without extrinsics."""

from __future__ import annotations

from typing import cast

import pytest

from btt_chain.client.jsonrpc import Connection, Json
from btt_chain.explorer.index.source import NoState, Source
from btt_chain.node.blocks.source import PublicChain, SyncChain
from btt_chain.node.service.backend import ChainView
from btt_chain.primitives.digest import GRANDPA
from p2p.protocols.messages import BODY, HEADER, JUSTIFICATION, BlockRequest, Direction
from p2p.protocols.serve import blocks
from storage.retention import BlockRetention
from support.chain import DevChain

WHOLE_FROM = 8


@pytest.fixture
def chain() -> DevChain:
    chain = DevChain(pruning=256)
    chain.client.store.blocks.retention = BlockRetention(3)
    for _ in range(10):
        hash = chain.seal(finalize=False)
        chain.client.store.finalize(hash, (GRANDPA, b"proof"))
    return chain


def hash_at(chain: DevChain, number: int) -> bytes:
    hash = chain.client.block_hash(number)
    assert hash is not None
    return hash


def test_clients_get_headers_and_proofs_of_pruned_blocks_and_no_empty_bodies(
    chain: DevChain,
) -> None:
    view = ChainView(chain.client)
    for number in range(1, 11):
        hash = hash_at(chain, number)
        assert view.header(hash) is not None
        assert view.justifications(hash) == [(GRANDPA, b"proof")]
        assert (view.body(hash) is not None) == (number >= WHOLE_FROM)


def test_a_pinned_block_keeps_its_body_until_it_is_unpinned(chain: DevChain) -> None:
    hash = chain.client.best().hash
    state = chain.client.store.state
    state.pin(hash)
    for _ in range(6):
        chain.seal()
    assert chain.client.body(hash) is not None
    state.unpin(hash)
    chain.seal()
    assert chain.client.body(hash) is None


def test_peers_get_headers_and_proofs_of_pruned_blocks_and_bodies_only_where_they_are(
    chain: DevChain,
) -> None:
    source = PublicChain(chain.client)

    def served(start: int, fields: int) -> list[bytes]:
        answer = blocks(source, BlockRequest(start, Direction.ASCENDING, 20, fields))
        return [bytes(block.hash) for block in answer.blocks]

    heights = [hash_at(chain, number) for number in range(1, 11)]
    assert served(1, HEADER | JUSTIFICATION) == heights
    assert served(1, HEADER | BODY) == []
    assert served(WHOLE_FROM, HEADER | BODY) == heights[WHOLE_FROM - 1 :]
    assert chain.client.store.state_import.lowest == WHOLE_FROM
    keeps = SyncChain(chain.client).keeps_body
    assert [keeps(number) for number in (WHOLE_FROM - 1, WHOLE_FROM)] == [False, True]


class PrunedNode:
    """A connection to a node that has the header of a block and not its extrinsics."""

    async def call(self, method: str, *params: Json) -> Json:
        match method:
            case "chain_getBlockHash":
                return "0x" + "11" * 32
            case "chain_getHeader":
                return {"number": "0x5"}
            case "state_queryStorageAt":
                return []
        return None


async def test_an_explorer_names_what_a_node_with_pruned_blocks_lacks() -> None:
    source = Source(cast("Connection", PrunedNode()))
    with pytest.raises(NoState, match="no extrinsics of block 5 any more"):
        await source.block(5, 100)
