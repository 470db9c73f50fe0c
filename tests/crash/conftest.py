"""Chains that several tests damage copies of."""

from __future__ import annotations

import signal
from multiprocessing import get_context
from pathlib import Path

import pytest

from crash.chains import Record, Victim, Yard, copy, grow_and_die, store_of
from crash.process import HANG

WINDOW = 256
SMALL = 64 << 10


def make(base: Path, pruning: int | None, blocks: int) -> Victim:
    """A chain whose history lies in many table files and in the log."""
    clean, killed = base / "clean", base / "killed"
    with store_of(killed, pruning, write_buffer=SMALL) as store:
        Yard(store, "first").grow(blocks // 2)
    # In a process of its own, because files of a living database change while they are copied.
    life = get_context("spawn").Process(
        target=grow_and_die, args=(killed, pruning, blocks - blocks // 2, SMALL)
    )
    life.start()
    life.join(HANG)
    assert life.exitcode == -signal.SIGKILL
    copy(killed, clean)
    with store_of(clean, pruning, write_buffer=SMALL) as store:
        assert store.blocks.best.number == blocks
        record = Record.of(store)
    return Victim(clean, killed, record, pruning)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Victim:
    """A chain that keeps everything."""
    return make(tmp_path_factory.mktemp("archive"), None, 60)


@pytest.fixture(scope="session")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Victim:
    """A chain that has pruned the states of its first blocks."""
    return make(tmp_path_factory.mktemp("pruned"), WINDOW, WINDOW + 60)


@pytest.fixture(params=["archive", "pruned"])
def victim(request: pytest.FixtureRequest) -> Victim:
    """Either of them."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Victim)
    return found
