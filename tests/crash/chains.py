"""Development chains on disk, made and examined without a process around them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path

from btt_chain.chain.client import Client
from btt_chain.node.dev.sealing import ManualSealer
from btt_chain.node.service.lifecycle import settle_genesis
from btt_chain.node.service.paths import Paths
from btt_chain.node.transactions.pool import PoolService
from crash.wallet import PEOPLE, Claims, transfers
from genesis.catalogue import load, presets
from genesis.spec import ChainSpec
from runtime import BttRuntime
from storage.check import check_chain
from storage.database import ChainStore
from storage.leveldb import MIB, LevelKV, open_database
from support.chain import account

EXECUTED_AGAIN = 12
"""Blocks below the head that an audit executes once more."""


BY_HAND = "dev-manual"
BY_LOTTERY = "dev"


@cache
def spec(chain: str = BY_HAND) -> ChainSpec:
    """A development chain: sealed by hand, or with Alice as its validator."""
    return load(chain)


def database(base: Path, chain: str = BY_HAND) -> Path:
    """Path below a base path."""
    return Paths(base, spec(chain).id).database


@contextmanager
def store_of(
    base: Path,
    pruning: int | None = None,
    *,
    write_buffer: int = 64 * MIB,
    chain: str = BY_HAND,
) -> Iterator[ChainStore]:
    """The chain's store below a base path, opened with all the care that a node takes.

    A small write buffer (64 KiB is LevelDB's least) makes many table files of a short chain.
    """
    path = database(base, chain)
    path.parent.mkdir(parents=True, exist_ok=True)
    kv = open_database(path, check_chain, min_free=0, write_buffer=write_buffer)
    try:
        yield settled(ChainStore(kv, pruning=pruning), chain)
    finally:
        kv.close()


def settled(store: ChainStore, chain: str = BY_HAND) -> ChainStore:
    """The store, with a development chain's genesis in it."""
    settle_genesis(store, spec(chain))
    return store


class Yard:
    """A node's chain, pool and sealer over a store, on a clock of its own: a slot a block."""

    def __init__(self, store: ChainStore, seed: str) -> None:
        self.store = store
        self.client = Client(store, presets())
        self.pool = PoolService(self.client, clock=lambda: self.now)
        self.sealer = ManualSealer(self.client, self.pool, clock=lambda: self.now)
        self.now = 1_800_000_000.0 + 6.0 * self.client.best().number
        nonces = [int(self.runtime().system.account[account(who)].nonce) for who in PEOPLE]
        self._wires = transfers(self.client.genesis_hash, seed, nonces)

    def runtime(self) -> BttRuntime:
        """The runtime on the best block's state."""
        best = self.client.best().hash
        runtime = self.client.runtime_at(best).queries.runtime
        assert isinstance(runtime, BttRuntime)
        runtime.enter(self.client.overlay(best))
        return runtime

    def grow(self, blocks: int, each: int = 2) -> None:
        """Seal blocks with so many transfers each."""
        for _ in range(blocks):
            self.now += 6.0
            for wire in islice(self._wires, each):
                self.pool.submit(wire)
            self.sealer.seal()


def grow(
    base: Path,
    blocks: int,
    *,
    pruning: int | None = None,
    write_buffer: int = 64 * MIB,
    each: int = 2,
) -> None:
    """Add blocks to the chain below a base path, and stop cleanly."""
    with store_of(base, pruning, write_buffer=write_buffer) as store:
        Yard(store, f"grow {blocks}").grow(blocks, each)


def grow_and_die(base: Path, pruning: int | None, blocks: int, write_buffer: int) -> None:
    """Add blocks, and end this process as `kill -9` does."""
    with store_of(base, pruning, write_buffer=write_buffer) as store:
        Yard(store, "last").grow(blocks)
        os.kill(os.getpid(), signal.SIGKILL)


def copy(base: Path, to: Path, chain: str = BY_HAND) -> Path:
    """Copy the chain below a base path as it lies on the disk now; the new base path."""
    shutil.copytree(database(base, chain), database(to, chain))
    return to


# ---- what is true of a chain


@dataclass
class Record:
    """A chain as it was before anything happened to it."""

    headers: list[bytes] = field(default_factory=list)
    """By height."""
    bodies: list[list[bytes]] = field(default_factory=list)
    states: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    """Whole states, where they are kept."""

    @classmethod
    def of(cls, store: ChainStore) -> Record:
        """Write down every block, and every state that is kept."""
        record = cls()
        for ref in store.blocks.canonical(0):
            header, body = store.blocks.header(ref.hash), store.blocks.body(ref.hash)
            assert header is not None
            assert body is not None
            record.headers.append(header)
            record.bodies.append(body)
            if store.state.has_state(ref.hash):
                record.states[ref.number] = dict(store.state.reader(ref.hash).entries())
        return record

    def compare(self, store: ChainStore, heights: set[int]) -> None:
        """Check that the store has a beginning of this chain; states are compared at `heights`.

        Whatever cannot be read must say so with a StorageError, which goes up.
        """
        best, final = store.blocks.best, store.blocks.finalized
        assert best == final
        assert best.number < len(self.headers)
        served = list(store.blocks.canonical(0))
        assert [ref.number for ref in served] == list(range(best.number + 1))
        for ref in served:
            assert store.blocks.header(ref.hash) == self.headers[ref.number], ref.number
            assert store.blocks.body(ref.hash) == self.bodies[ref.number], ref.number
            kept = store.state.has_state(ref.hash)
            if not kept or ref.number not in heights | {best.number, best.number - 1}:
                continue
            # A walk and single reads take different ways through the files.
            reader, state = store.state.reader(ref.hash), self.states[ref.number]
            assert dict(reader.entries()) == state, ref.number
            assert {key: reader.get(key) for key in state} == state, ref.number


@dataclass(frozen=True)
class Victim:
    """A chain in two conditions, and what is true of it."""

    clean: Path
    """The node stopped as it should."""
    killed: Path
    """The node was killed in the middle."""
    record: Record
    pruning: int | None


def audit(base: Path, claims: Claims, pruning: int | None, chain: str = BY_HAND) -> None:
    """Examine a database that a killed node left: everything that was promised still holds.

    It opens without healing, so give it a copy if a node is to start on it afterwards.
    """
    with store_of(base, pruning, chain=chain) as store:
        assert store.note is None, store.note
        blocks = store.blocks
        assert blocks.finalized.number >= claims.height
        for number, hash in claims.final.items():
            found = blocks.hash_at(number)
            assert found is not None, number
            assert "0x" + found.hex() == hash, number
        parent = blocks.genesis
        for ref in blocks.canonical(1):
            fields = blocks.fields(ref.hash)
            assert (fields.parent, fields.number) == (parent, ref.number)
            assert (blocks.body(ref.hash) is not None) == (ref.number >= blocks.bodies_from)
            parent = ref.hash
        assert parent == blocks.best.hash
        check_chain(store._kv, thorough=True)
        execute_again(store)
        check_money(store)


def execute_again(store: ChainStore) -> None:
    """The last blocks, executed on their parents' states, come to the roots in their headers."""
    client = Client(store, presets())
    for ref in store.blocks.canonical(max(1, store.blocks.best.number - EXECUTED_AGAIN)):
        header, body = client.header_of(ref.hash), client.body(ref.hash)
        assert body is not None
        made = client.execute(header, body)
        assert made.pending.root == header.state_root


def check_money(store: ChainStore) -> None:
    """All accounts add up to the total issuance; with what was burned, to the genesis supply."""
    runtime = Yard(store, "audit").runtime()
    total = sum(
        int(info.data.free) + int(info.data.reserved) for _, info in runtime.system.account.items()
    )
    assert total == runtime.balances.total_issuance.value


def scan(store: ChainStore) -> None:
    """Every file of the store is sound, to the last checksum."""
    kv = store._kv
    assert isinstance(kv, LevelKV)
    kv.scan()
