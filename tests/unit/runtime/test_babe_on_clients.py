"""A chain of a preset, made by one client with real VRF outputs and imported by another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.chain.client import Client
from btt_chain.consensus.author import Pace, make_block
from btt_chain.consensus.babe.claim import claim_slot, seal
from btt_chain.consensus.babe.verify import Refused
from btt_chain.consensus.importer import Importer
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.babe_digests import announced
from btt_chain.primitives.header import Header
from genesis.build import build
from genesis.catalogue import make
from runtime.frame import InvalidBlock
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.session.pallet import Session
from storage.database import ChainStore
from storage.memory import MemoryKV

NAMES = ("Alice", "Bob", "Charlie")
SLOT_MS, EPOCH = 2_000, 20
START = 900_000_000


class Node:
    """A client that made nothing yet, and the gate in front of it."""

    def __init__(self) -> None:
        block_zero = build(make("local", validators=len(NAMES), slot_ms=SLOT_MS))
        store = ChainStore(MemoryKV())
        store.insert_genesis(
            block_zero.state,
            lambda root: replace(
                block_zero.header, state_root=type(block_zero.header.state_root)(root)
            ).encode(),
        )
        self.client = Client(store, {})
        self.gate = Importer(self.client)

    def make(self, slot: int, *, who: str | None = None) -> tuple[Header, list[bytes]]:
        """Make a sealed block on the best one, by an author of the slot or by `who`."""
        parent = self.client.best().hash
        epoch = self.gate.slots(parent, slot).epoch
        assert epoch is not None
        pairs = [KeyPair.from_uri(f"//{name}") for name in NAMES]
        claimed = claim_slot(slot, epoch, {pair.public: pair for pair in pairs})
        assert claimed is not None
        made = make_block(
            self.client,
            parent,
            claim=claimed.claim,
            timestamp_ms=slot * SLOT_MS,
            ready=(),
            skip=lambda _: None,
            pace=lambda: Pace.EARLY,
        ).made
        pair = claimed.pair if who is None else KeyPair.from_uri(f"//{who}")
        return seal(made.header, pair), made.body

    def take(self, header: Header, body: list[bytes], slot: int) -> None:
        self.gate.import_block(header, body, now_ms=slot * SLOT_MS)


@pytest.fixture(scope="module")
def nodes() -> tuple[Node, Node]:
    """Two nodes that went through two epochs, the second one of them with empty slots."""
    one, two = Node(), Node()
    slots = [*range(START, START + EPOCH + 2), *range(START + 2 * EPOCH - 1, START + 2 * EPOCH + 2)]
    for slot in slots:
        header, body = one.make(slot)
        for node in (one, two):
            node.take(header, body, slot)
    return one, two


def test_both_nodes_are_in_the_same_epoch_of_the_same_chain(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    assert one.client.best() == two.client.best()
    assert one.client.best().number == EPOCH + 5
    runtime = two.client.runtime_at(two.client.best().hash).queries.runtime
    runtime.enter(two.client.overlay(two.client.best().hash))
    assert runtime.pallet(Babe).epochs.epoch_index.value == 2
    assert runtime.pallet(Session).session_index() == 2
    owners = {KeyPair.from_uri(f"//{name}").account_id for name in NAMES}
    assert runtime.pallet(Babe).author() in owners


def test_the_first_blocks_of_epochs_announce(nodes: tuple[Node, Node]) -> None:
    client = nodes[1].client
    begins = []
    for number in range(1, client.best().number + 1):
        hash = client.block_hash(number)
        assert hash is not None
        if announced(client.header_of(hash).digest.logs).epoch is not None:
            begins.append(number)
    assert begins == [1, EPOCH + 1, EPOCH + 4]


def test_a_block_sealed_by_another_is_refused_at_the_gate(nodes: tuple[Node, Node]) -> None:
    slot = START + 2 * EPOCH + 5
    header, body = nodes[0].make(slot, who="Ferdie")
    with pytest.raises(Refused):
        nodes[1].take(header, body, slot)


def test_a_block_that_announces_something_else_is_invalid() -> None:
    one, two = Node(), Node()
    header, body = one.make(START)
    unsealed, _ = header.unsealed()
    bare = replace(unsealed, digest=type(unsealed.digest)(unsealed.digest.logs[:1]))
    with pytest.raises(InvalidBlock, match="digest of block 1"):
        two.client.execute(bare, body)
