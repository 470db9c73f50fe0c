"""One validator in a bad environment: frozen, a clock that jumps, few files, a read-only disk.

Each ends in a clean recovery, or in a line that names the cause. Damaged and truncated files, full
disks, and disks that are read-only at the start are in `tests/crash`; wrong clocks among others,
and the clock of the whole machine, in `tests/devnet/test_devnet_clocks.py`.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from btt_chain.testing import Devnet, DevNode
from devnet import launcher
from devnet.watched import HANG, Words, until
from hostile.field import few_descriptors

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]

HOUR_MS = 3_600_000
FEW = 256
"""The usual limit of open files on some systems."""


class Alone:
    """A network of one validator, with a file for its clock."""

    def __init__(self, base: Path) -> None:
        self.net = Devnet.create(base, validators=1, slot_ms=1_000)
        self.set_clock(0)

    @property
    def node(self) -> DevNode:
        return self.net[0]

    def set_clock(self, milliseconds: int) -> None:
        fresh = self.net.base / "clock.new"
        fresh.write_text(str(milliseconds))
        fresh.replace(self.net.base / "clock")

    def goes_on(self, blocks: int = 2) -> None:
        """Wait until so many more blocks are final."""
        self.net.wait_for_finality(self.node.rpc.finalized() + blocks, seconds=HANG)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    """For all tests of the file; each leaves it making blocks."""
    made = Alone(tmp_path_factory.mktemp("environment") / "net")
    with made.net:
        with few_descriptors(FEW):
            made.net.up()
        made.goes_on()
        yield made


@pytest.mark.parametrize("seconds", [10, pytest.param(60, marks=pytest.mark.full)])
def test_a_node_that_was_frozen_goes_on_at_once(alone: Alone, seconds: int) -> None:
    before = alone.node.rpc.finalized()
    alone.net[0].pause()
    time.sleep(seconds)
    alone.net[0].resume()
    alone.goes_on()
    assert alone.node.rpc.finalized() >= before + 2
    assert "Traceback" not in alone.node.log.read_text()


def test_a_node_with_few_open_files_outlives_more_connections_than_it_has_files(
    alone: Alone,
) -> None:
    with ExitStack() as held:
        for _ in range(FEW + 64):
            idle = held.enter_context(socket.socket())
            idle.settimeout(5.0)
            idle.bind(("127.0.0.9", 0))
            try:
                idle.connect(("127.0.0.1", alone.node.rpc_port))
            except OSError:
                break  # it takes no more
        time.sleep(3)
        assert alone.node.is_alive, alone.node.tail()
    until("it answers again", alone.node.answers)
    alone.goes_on()
    assert "Traceback" not in alone.node.log.read_text()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let a folder be on a file system that cannot be written; skip where that needs more rights.

    A mount over the folder: what is opened by its path from now on is refused (EROFS).
    """
    covered = subprocess.run(
        ["mount", "--bind", "-o", "ro", str(folder), str(folder)], capture_output=True, check=False
    )
    if covered.returncode:
        pytest.skip(f"a read-only mount needs root: {covered.stderr.decode().strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_validator_whose_disk_turns_read_only_stops_and_signs_once_it_is_writable_again(
    alone: Alone,
) -> None:
    words = Words(alone.node)
    with read_only(alone.node.folder / "signing"):
        until("the node stops", lambda: not alone.node.is_alive)
        log = words.new()
        assert "cannot be written: Read-only file system. Nothing was signed" in log
        assert "Traceback" not in log
    alone.net.restart(0)
    alone.goes_on()


def test_a_validator_whose_clock_jumps_an_hour_makes_no_slot_twice_and_logs_it(
    alone: Alone,
) -> None:
    # The last test of this file: the chain is an hour ahead after it.
    alone.node.program = launcher.program(f"clock={alone.net.base / 'clock'}")
    alone.net.restart(0)
    alone.goes_on()
    alone.set_clock(HOUR_MS)
    alone.goes_on()
    words = Words(alone.node)
    alone.set_clock(0)
    until("the log line about the clock", words.have("the clock went back"))
    ahead = alone.node.rpc.best()
    time.sleep(3)
    # Its slots of the next hour are used up: it waits for them, and answers meanwhile.
    assert alone.node.rpc.best() <= ahead + 1
    assert alone.node.is_alive
    alone.set_clock(HOUR_MS)
    alone.goes_on()
    assert "Traceback" not in alone.node.log.read_text()
