"""Ids by their beginning: one is found, several are named, and a whole one is not looked up."""

from __future__ import annotations

import pytest

from btt_chain.client.jsonrpc import Json
from btt_chain.crypto.hashing import twox_128
from btt_chain.primitives.digest import H256
from btt_chain.scale import u64
from cli.common.errors import Mistyped, NotFound
from cli.common.ids import (
    CARD,
    JOB,
    MODEL,
    RECEIPT,
    read_beginning,
    resolve,
    shortened,
)
from runtime import BttRuntime
from runtime.params import RuntimeParams

ONE, OTHER, THIRD = (
    bytes.fromhex(text) + bytes(28) for text in ("ab12cd34", "ab12cd99", "ff00ff00")
)
PREFIX = (twox_128(b"Jobs") + twox_128(b"Jobs")).hex()


class Node:
    """A node with jobs, as far as `state_getKeysPaged` shows them."""

    url = "ws://node"

    def __init__(self, *ids: bytes) -> None:
        self.keys = sorted(PREFIX + id.hex() for id in ids)
        self.asked = 0

    async def call(self, method: str, *params: Json) -> Json:
        assert method == "state_getKeysPaged"
        prefix, count, start = params
        assert isinstance(prefix, str)
        assert isinstance(count, int)
        assert start is None
        self.asked += 1
        found: list[Json] = ["0x" + key for key in self.keys if key.startswith(prefix[2:])]
        return found[:count]


@pytest.mark.parametrize("text", ["0xff00", "ff00", "0xFF00f", shortened(THIRD)])
async def test_a_beginning_is_the_id_that_it_begins(text: str) -> None:
    assert await resolve(Node(ONE, OTHER, THIRD), text, JOB) == THIRD


async def test_a_whole_id_is_not_looked_up() -> None:
    node = Node()
    assert await resolve(node, "0x" + ONE.hex(), JOB) == ONE
    assert node.asked == 0


async def test_a_beginning_of_several_names_them() -> None:
    node = Node(ONE, OTHER, THIRD)
    with pytest.raises(
        Mistyped, match="several jobs begin with 0xab12c: 0xab12cd340000, 0xab12cd99"
    ):
        await resolve(node, "0xab12c", JOB)
    assert await resolve(node, "0xab12cd3", JOB) == ONE  # an odd number of digits, too


async def test_what_only_the_folder_has_is_found_and_what_nothing_has_is_not() -> None:
    assert await resolve(Node(ONE), "0xff00", JOB, [THIRD, ONE]) == THIRD
    assert await resolve(Node(ONE), "0xab12", JOB, [ONE]) == ONE
    with pytest.raises(NotFound, match="no job begins with 0xff00; `btt-chain job list --all`"):
        await resolve(Node(ONE), "0xff00", JOB)


@pytest.mark.parametrize("text", ["", "0x", "0x12", "0xzzzz", "net.btt", "0x" + "1" * 65, "12 34"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(Mistyped, match="is not a job: an id is 0x and 64 hex digits"):
        read_beginning(text, JOB)


def test_the_runtime_has_each_map_with_the_ids_as_they_are() -> None:
    runtime = BttRuntime(RuntimeParams(u64(2_000)))
    id = H256(ONE)
    keys = [
        (JOB, runtime.jobs.store.jobs.key(id)),
        (MODEL, runtime.models.models.key(id)),
        (RECEIPT, runtime.receipts.receipts.key(id)),
        (CARD, runtime.payfi.cards.cards.key(id)),
    ]
    for kind, key in keys:
        assert key == twox_128(kind.pallet.encode()) + twox_128(kind.map.encode()) + ONE
