"""Two validators that make real blocks of the lottery in one process, and nodes of their chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from btt_chain.chain.client import Client
from btt_chain.consensus.author import Pace, Ready
from btt_chain.consensus.babe.worker import Authored, SlotWorker
from btt_chain.consensus.importer import Importer
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.header import Header
from genesis.build import Genesis, build
from genesis.catalogue import make
from storage.database import ChainStore
from storage.memory import MemoryKV

SLOT_MS = 2_000
SLOT = 900_000_000
PAIRS = {pair.public: pair for pair in (KeyPair.from_uri("//Alice"), KeyPair.from_uri("//Bob"))}


@cache
def genesis() -> Genesis:
    return build(make("local", validators=2, slot_ms=SLOT_MS))


def new_client() -> Client:
    store = ChainStore(MemoryKV(), pruning=None)
    made = genesis()
    store.insert_genesis(made.state, lambda _: made.header.encode(), version=made.state_version)
    return Client(store, {})


class Nothing:
    """A pool with nothing in it."""

    def __iter__(self) -> Nothing:
        return self

    def __next__(self) -> Ready:
        raise StopIteration

    def skip(self, tx_hash: bytes) -> None:
        raise AssertionError(tx_hash)


@dataclass
class Pen:
    """Signs everything, unless it is set to refuse."""

    pairs: Mapping[bytes, KeyPair] = field(default_factory=lambda: PAIRS)
    dry: bool = False

    def authors(self) -> Mapping[bytes, KeyPair]:
        return self.pairs

    def seal(self, public: bytes, slot: int, pre_seal_hash: bytes) -> bytes | None:
        return None if self.dry else self.pairs[public].sign(pre_seal_hash)


@dataclass
class Author:
    """Makes blocks of both validators, on a chain of its own."""

    client: Client = field(default_factory=new_client)
    pen: Pen = field(default_factory=Pen)

    def __post_init__(self) -> None:
        self.importer = Importer(self.client)
        self.worker = SlotWorker(self.importer, self.pen)

    def make(self, slot: int) -> Authored:
        made = self.worker.work(slot, Nothing, lambda: Pace.EARLY)
        assert isinstance(made, Authored), f"slot {slot} has no author"
        return made

    def extend(self, slot: int) -> Header:
        block = self.make(slot).made
        self.importer.import_block(block.header, block.body, now_ms=slot * SLOT_MS, made=block)
        return block.header

    def body(self, header: Header) -> list[bytes]:
        body = self.client.body(header.hash())
        assert body is not None
        return body
