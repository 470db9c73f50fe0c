"""Announced blocks are fetched with short ids, and whole where that does not succeed."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.extrinsic import opaque
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from p2p.network import BLOCKS, COMPACT, REFUSED
from p2p.protocols.compact import (
    CompactBlock,
    Describe,
    decode_request,
    decode_transactions,
    encode_transactions,
)
from p2p.sync.compact import WRONG_BODY
from p2p.sync.machine import Sync, SyncOptions
from support.sync_world import BODIES, GENESIS, FakeChain, FakePeer, Twist, World, body_root, child

TRANSACTIONS = 40


class Raw(NamedTuple):
    raw: bytes


def signed(number: int) -> bytes:
    return b"\x84" + number.to_bytes(4, "big") * 30


class Case:
    """A node with a pool, and a peer that announces a block."""

    def __init__(self, pooled: int, twist: Twist | None = None, refuses: str = REFUSED) -> None:
        body = [b"\x04inherent", *(signed(number) for number in range(TRANSACTIONS))]
        root = H256(body_root(body))
        self.header = Header(GENESIS.hash(), u32(1), H256(bytes(32)), root, Digest([]))
        BODIES[self.header.hash()] = body
        self.pool = {blake2_256(opaque(one)): Raw(opaque(one)) for one in body[1 : 1 + pooled]}
        self.asked: list[str] = []
        self.bytes = 0

        def watch(protocol: str, question: bytes, found: bytes | None) -> bytes | None:
            self.asked.append(protocol)
            found = found if twist is None else twist(protocol, question, found)
            self.bytes += len(found or b"")
            return found

        self.peer = FakePeer(FakeChain(), twist=watch, refuses=refuses)
        self.world = World(FakeChain(), {"a": self.peer}, make=self._sync)
        self.world.run(200, until=lambda: "a" in self.world.connected)
        self.asked.clear()
        self.bytes = 0

    def _sync(self, world: World) -> Sync:
        return Sync(
            world.chain, body_root=body_root, new_id=world.new_id, seed=3, now=world.now,
            options=SyncOptions(pool=lambda: self.pool),
        )  # fmt: skip

    def run(self) -> None:
        self.peer.chain.add(self.header)
        self.world.announce("a", self.header)
        assert self.world.run(20_000, until=lambda: self.world.chain.head.number == 1)
        assert not self.world.sync._fork_sync._compact._wanted


def test_a_block_of_transactions_in_the_pool_costs_six_bytes_each() -> None:
    case = Case(TRANSACTIONS)
    case.run()
    assert case.asked == [COMPACT]
    assert case.bytes < TRANSACTIONS * 6 + 300
    assert case.world.costs == {}


def test_missing_transactions_are_requested_of_the_same_peer() -> None:
    case = Case(TRANSACTIONS - 3)
    case.run()
    assert case.asked == [COMPACT, COMPACT]
    assert case.world.costs == {}


def test_with_a_small_pool_the_whole_block_is_requested() -> None:
    case = Case(3)
    case.run()
    assert case.asked == [BLOCKS]


def test_a_peer_that_does_not_know_the_protocol_is_asked_once() -> None:
    def old(protocol: str, _: bytes, found: bytes | None) -> bytes | None:
        return None if protocol == COMPACT else found

    case = Case(TRANSACTIONS, old, refuses="the connection failed: StreamFailure")
    case.run()
    assert case.asked == [COMPACT, BLOCKS]
    assert not case.world.sync._tracker.peers["a"].is_compact
    assert case.world.costs == {}
    assert case.world.now < 1_000_000 + 2_000  # it is not let alone meanwhile


def test_a_busy_peer_that_refuses_is_asked_for_the_whole_block_and_again_next_time() -> None:
    def busy(protocol: str, _: bytes, found: bytes | None) -> bytes | None:
        return None if protocol == COMPACT else found

    case = Case(TRANSACTIONS, busy)
    case.run()
    assert case.asked == [COMPACT, BLOCKS]
    assert case.world.sync._tracker.peers["a"].is_compact


def lie_about_ids(protocol: str, question: bytes, found: bytes | None) -> bytes | None:
    """Give ids of other transactions: the asker lacks all, or finds others."""
    if protocol != COMPACT or not isinstance(decode_request(question), Describe):
        return found
    block = CompactBlock.decode(found or b"")
    block.ids = block.ids[6:] + block.ids[:6]
    return block.encode()


def many_missing(protocol: str, question: bytes, found: bytes | None) -> bytes | None:
    if protocol != COMPACT or not isinstance(decode_request(question), Describe):
        return found
    block = CompactBlock.decode(found or b"")
    block.ids = bytes(range(6)) * 60_000
    return block.encode()


def wrong_transactions(protocol: str, question: bytes, found: bytes | None) -> bytes | None:
    if protocol != COMPACT or isinstance(decode_request(question), Describe):
        return found
    return encode_transactions([b"\x84wrong"] * len(decode_transactions(found or b"")))


def too_few(protocol: str, question: bytes, found: bytes | None) -> bytes | None:
    if protocol != COMPACT or isinstance(decode_request(question), Describe):
        return found
    return encode_transactions([])


@pytest.mark.parametrize(
    ("pooled", "twist", "cost"),
    [
        (TRANSACTIONS, lie_about_ids, WRONG_BODY),
        (TRANSACTIONS, many_missing, 0),
        (TRANSACTIONS - 3, wrong_transactions, WRONG_BODY),
        (TRANSACTIONS - 3, too_few, WRONG_BODY),
    ],
)
def test_after_wrong_ids_or_transactions_the_whole_block_is_requested(
    pooled: int, twist: Twist, cost: int
) -> None:
    case = Case(pooled, twist)
    case.run()
    assert case.asked[-1] == BLOCKS
    assert len(case.asked) <= 3
    assert case.world.costs.get("a", 0) == cost
    assert case.world.sync._tracker.peers["a"].is_compact == (not cost)


@pytest.mark.parametrize(
    ("pooled", "twist"), [(TRANSACTIONS, lie_about_ids), (TRANSACTIONS - 3, wrong_transactions)]
)
def test_after_a_wrong_body_another_peer_is_asked_for_the_block(pooled: int, twist: Twist) -> None:
    case = Case(pooled, twist)
    other = case.world.peers["b"] = FakePeer(FakeChain())
    case.world.connect("b")
    assert case.world.run(1_000, until=lambda: "b" in case.world.connected)
    other.chain.add(case.header)
    case.world.announce("b", case.header, after=1)
    case.run()
    assert BLOCKS not in case.asked
    assert case.world.costs == {"a": WRONG_BODY}


def garbage(protocol: str, _: bytes, found: bytes | None) -> bytes | None:
    return b"\xff" * 50 if protocol == COMPACT else found


def another_header(protocol: str, _: bytes, found: bytes | None) -> bytes | None:
    if protocol != COMPACT:
        return found
    block = CompactBlock.decode(found or b"")
    block.header = child(GENESIS, b"another")[0].encode()
    return block.encode()


@pytest.mark.parametrize("twist", [garbage, another_header])
def test_a_malformed_answer_is_penalized_and_the_block_still_comes(twist: Twist) -> None:
    case = Case(TRANSACTIONS, twist)
    case.run()
    assert case.asked[0] == COMPACT
    assert case.asked[-1] == BLOCKS
    assert case.world.costs == {"a": 4_000}
