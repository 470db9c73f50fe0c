"""A process that is killed at any moment leaves the chain before or after a block."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.columns import STATE
from storage.database import ChainStore
from storage.retention import BlockRetention
from unit.storage.storage_model import GENESIS_STATE, abandon, genesis_header, grow, plain_root

pytestmark = pytest.mark.crash

RETENTION = BlockRetention(5)
ROOT = Path(__file__).resolve().parents[3]


def changes_of(number: int) -> dict[bytes, bytes | None]:
    rng = random.Random(number)
    return {
        b"%d" % rng.randrange(200): rng.choice([None, b"x", rng.randbytes(60)]) for _ in range(20)
    }


def run(path: Path) -> None:
    """Run as the process to be killed: blocks without end, some final, durable heads announced."""
    store = ChainStore.open(path, pruning=3, retention=RETENTION, min_free=0)
    if not store.has_genesis:
        store.insert_genesis(GENESIS_STATE, genesis_header)
    while True:
        best = store.blocks.best
        side = grow(store, {b"side": b"%d" % best.number}, salt=b"side", make_best=False)
        ref = grow(store, changes_of(best.number + 1), best.hash)
        if ref.number % 3 == 0:
            store.finalize(ref.hash)
            assert store.blocks.header(side.hash) is None
            sys.stdout.write(f"{ref.number}\n")
            sys.stdout.flush()


def state_at(number: int) -> dict[bytes, bytes]:
    state: dict[bytes, bytes | None] = dict(GENESIS_STATE)
    for height in range(1, number + 1):
        state.update(changes_of(height))
    return {key: value for key, value in state.items() if value is not None}


def test_a_killed_process_loses_no_finalized_block(tmp_path: Path) -> None:
    path = tmp_path / "db"
    rng = random.Random(11)
    promised = 0
    for _ in range(4):
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from programs.storage.test_kill import *; run(Path({str(path)!r}))",
            ],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(rng.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
        process.wait()
        process.stdout.close()
        promised = max([promised, *map(int, (first + rest).split(b"\n")[:-1])])
        store = ChainStore.open(path, pruning=3, retention=RETENTION, min_free=0)
        assert store.note is None
        blocks = store.blocks
        assert blocks.finalized.number >= promised
        first_whole = blocks.bodies_from
        assert first_whole == max(blocks.finalized.number - 4, 0)
        for ref in blocks.canonical(1):
            assert (blocks.body(ref.hash) is not None) == (ref.number >= first_whole)
        flat = {key[1:]: value for key, value in store._kv.iterate(STATE)}
        assert flat == state_at(blocks.best.number)
        assert store.state.reader(blocks.best.hash).root == plain_root(flat)
        # Unclean again: the next round must cope with that as well.
        abandon(store)
    assert promised > 3
