"""An import of a state goes on where its process was killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.check import check_chain
from storage.database import ChainStore
from unit.storage.storage_model import (
    STATE_AT_GENESIS,
    abandon,
    ancient,
    fetch,
    header_at,
    plain_root,
    source,
)


def fetch_for_ever(path: Path) -> None:
    """Run as the process to be killed: states and history, one after the other."""
    theirs = source()
    ours = ChainStore.open(path, pruning=2, min_free=0)
    if not ours.has_genesis:
        ours.insert_genesis(STATE_AT_GENESIS, lambda _: header_at(theirs, 0))
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    while True:
        missing = ours.state_import.missing
        if missing is not None:
            ours.state_import.insert_history(ancient(theirs, missing.highest, min(2, missing.left)))
            continue
        at = ours.state_import.progress
        if at is not None and at.complete:
            ours.state_import.finish()
        elif at is not None:
            fetch(theirs, ours, 6 if at.note == b"6" else 18, ranges=1)
        elif ours.blocks.best.number < 18:
            number = 6 if ours.blocks.best.number == 0 else 18
            ours.state_import.begin(header_at(theirs, number), b"%d" % number)


@pytest.mark.crash
def test_a_process_killed_while_it_fetches_goes_on_where_it_was(tmp_path: Path) -> None:
    root, path = Path(__file__).resolve().parents[3], tmp_path / "db"
    module = "programs.storage.test_state_import_kill"
    script = f"from {module} import *; fetch_for_ever(Path({str(path)!r}))"
    rng = random.Random(5)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": f"{root}:{root / 'tests'}"},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        time.sleep(rng.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        store = ChainStore.open(path, pruning=2, min_free=0)
        check_chain(store._kv, thorough=True)
        best = store.blocks.best
        if store.state_import.progress is None:
            assert plain_root(dict(store.state.reader(best.hash).entries())) == (
                store.blocks.fields(best.hash).state_root
            )
        abandon(store)
