"""A long chain of small blocks, made in a hurry by one real validator whose clock is played.

The engine of a node runs in slots that have long passed: blocks have real claims and seals, GRANDPA
votes and proves them, sets change at the ends of epochs, so a late joiner finds all that it would
on a chain that took hours to grow.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.chains import Sender, Wallet
from bench.machine import Spent, stopwatch
from btt_chain.chain.gc import settle_memory
from btt_chain.consensus.author import Pace, pace_of
from btt_chain.crypto.keypair import KeyPair
from btt_chain.keystore import BABE, GRANDPA, Keystore, MemoryRecord
from btt_chain.node.engine.assembly import Plan, assemble
from btt_chain.node.engine.engine import Engine
from btt_chain.node.engine.observer import NodeWatcher
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.lifecycle import OpenChain, open_chain, params_of
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.extrinsic import opaque
from btt_chain.primitives.validity import TransactionSource
from btt_chain.telemetry.metrics import Metrics
from genesis.catalogue import make
from storage.database import ChainStore

ALICE: Final = "//Alice"
SLOT_MS: Final = 2_000
NOTE: Final = "grown.json"
SPARE_SLOTS: Final = 64
"""Slots between the last block and now."""


class Vault:
    """Keys of one validator, with records that no disk holds up."""

    def __init__(self, genesis: bytes, uri: str = ALICE) -> None:
        self.keystore = Keystore()
        for kind in (BABE, GRANDPA):
            self.keystore.remember(kind, uri)
        self._genesis = genesis
        self._records: dict[bytes, MemoryRecord] = {}

    def record(self, public: bytes) -> MemoryRecord:
        """Return the record of a key."""
        return self._records.setdefault(public, MemoryRecord(self._genesis, public))


@dataclass(frozen=True, slots=True)
class Grown:
    """A chain on disk."""

    spec: Path
    folder: Path
    """The base path of the node that has it."""
    blocks: int
    head: bytes
    transfers: int
    spent: Spent


def config_of(spec: Path, folder: Path) -> NodeConfig:
    """Return the configuration under which a node opens the chain."""
    return NodeConfig(chain=str(spec), base_path=folder)


def engine_on(chain: OpenChain, now: int, vault: Vault | None = None) -> Engine:
    """Return the engine of a lone node on a chain."""
    params = params_of(chain)
    finality = chain.spec.finality(int(params.slot_ms))

    def pace(given: float) -> Callable[[], Pace]:
        begun = time.monotonic()
        return lambda: pace_of(time.monotonic() - begun, given)

    return assemble(
        chain.client,
        PoolService(chain.client),
        Plan(
            gossip_ms=finality.gossip_ms,
            behind=finality.behind,
            seed=1,
            params=params,
            vault=vault,
            force_authoring=vault is not None,
        ),
        now=now,
        pace=pace,
        watcher=NodeWatcher(chain.client, Metrics("bench", "0", is_authority=True, chain="bench")),
    )


def grow(folder: Path, blocks: int, transfers: int = 0) -> Grown:
    """Make a chain of so many blocks, each with `transfers` transfers, as node `folder`/server."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = folder / "spec.json"
    spec.write_text(make("local", validators=1, slot_ms=SLOT_MS).dumps())
    base = folder / "server"
    with _warnings_only(), stopwatch() as spent:
        chain = open_chain(config_of(spec, base))
        try:
            head = _grow(chain, blocks, transfers)
        finally:
            chain.close()
    note = {"blocks": blocks, "head": head.hex(), "transfers": transfers, "wall": spent.wall}
    (folder / NOTE).write_text(json.dumps(note))
    return Grown(spec, base, blocks, head, transfers, spent)


@contextmanager
def _warnings_only() -> Iterator[None]:
    """Log no line for each block; the level is the process's, so it is restored."""
    log = logging.getLogger("btt_chain")
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


def read_grown(folder: Path) -> Grown | None:
    """Return the chain that was made in a folder before, None if there is none."""
    if not (folder / NOTE).exists():
        return None
    note = json.loads((folder / NOTE).read_text())
    head = bytes.fromhex(note["head"])
    return Grown(
        folder / "spec.json", folder / "server", note["blocks"], head, note["transfers"],
        Spent(note["wall"]),
    )  # fmt: skip


def hurry(store: ChainStore) -> None:
    """Let no write wait for the disk: a chain that is lost with the power is made again."""
    kv = store._kv
    write = kv.write

    def without_waiting(batch: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        del sync
        write(batch)

    vars(kv)["write"] = without_waiting


def _grow(chain: OpenChain, blocks: int, transfers: int) -> bytes:
    client = chain.client
    hurry(chain.store)
    slot = int(time.time() * 1_000) // SLOT_MS - blocks - SPARE_SLOTS
    engine = engine_on(chain, slot * SLOT_MS, Vault(client.genesis_hash))
    settle_memory()
    wallet, sender = Wallet(client), Sender(KeyPair.from_uri(ALICE))
    now = slot * SLOT_MS
    engine.start(now)
    engine.tick(now)  # a node that was just started leaves its first slot alone
    while client.best().number < blocks:
        for number in range(transfers):
            dest = AccountId((number + 1).to_bytes(32, "little"))
            wire = opaque(wallet.transfer(sender, dest))
            engine.parts.pool.submit(wire, TransactionSource.Local)
        slot += 1
        while engine.due < slot * SLOT_MS:
            now = engine.due
            engine.tick(now)
        now = slot * SLOT_MS
        engine.tick(now)
    while client.finalized().number < blocks and now < (slot + SPARE_SLOTS) * SLOT_MS:
        now = engine.due
        if now // SLOT_MS > slot:
            break
        engine.tick(now)
    if client.finalized().number < blocks:
        raise RuntimeError(f"final {client.finalized().number} of {blocks}")
    return client.best().hash
