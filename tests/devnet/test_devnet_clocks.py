"""A validator whose clock is wrong, and jumps: F15 of docs/simulator.md.

The clock is injected into the node, or the time of the whole process is changed below Python
(libfaketime), as if the machine's clock had been set.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devnet.watched import HANG, Watched, Words, quick, until

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]

WRONG = 3
RIGHT = (0, 1, 2)
HOUR_MS = 3_600_000
INSTALL = "needs a library that is compiled when it is installed: pip install libfaketime"
SAID = {
    1: "s ahead of those of the others",
    0: "this clock agrees with those of the others again",
    -1: "s behind those of the others",
}
"""Words in a node's log about its clock, by the sign of its offset."""


class Clocked(Watched):
    """A network whose last validator has a clock that can be set."""

    @property
    def clock(self) -> Path:
        """The file that says how far the clock is ahead."""
        return self.net.base / "clock"

    def inject(self) -> None:
        """Give the node a clock of its own."""
        self.set_clock(0)
        self.act(WRONG, f"clock={self.clock}")

    def set_clock(self, milliseconds: int) -> None:
        """Set the node's clock, in one step: it is read at any time."""
        fresh = self.net.base / "clock.new"
        fresh.write_text(str(milliseconds))
        fresh.replace(self.clock)

    def jump(self, milliseconds: int) -> None:
        """Set the clock so far ahead; the others go on, and the node says what is wrong."""
        net, words = self.net, Words(self.net[WRONG])
        self.set_clock(milliseconds)
        net.wait_for_finality(net[0].rpc.finalized() + 5, nodes=RIGHT, seconds=HANG)
        assert net[WRONG].is_alive, net[WRONG].tail()
        until("it says how its clock is", words.have(SAID[(milliseconds > 0) - (milliseconds < 0)]))
        self.check()
        said = [line for line in words.new().splitlines() if " WARN" in line or " ERROR" in line]
        print(f"  F15 clock {milliseconds:+} ms: final {net[0].rpc.finalized()}, "
              f"wrong node best {net[WRONG].rpc.best()} final {net[WRONG].rpc.finalized()}; "
              f"it says {said[:2] or 'nothing'}")  # fmt: skip

    def follow(self) -> None:
        """Wait until the node whose clock is right again is in step."""
        net = self.net
        took = until(
            "the node whose clock is right again follows",
            lambda: net[WRONG].rpc.finalized() >= net[0].rpc.finalized() - 2,
        )
        print(f"  F15 back in step {took:.1f} s after the clock was set right")


class SystemClocked(Clocked):
    """The same with the time of the process, as libc has it."""

    def inject(self) -> None:
        """Start the node with libfaketime below it; monotonic time goes on as it is."""
        library = Path(pytest.importorskip("libfaketime", reason=INSTALL).__file__).parent.joinpath(
            "vendor", "libfaketime", "src", "libfaketime.so.1"
        )
        if not library.exists():
            pytest.skip(f"{library} was not built: libfaketime cannot change the time here")
        super().inject()
        self.act(WRONG)
        node = self.net[WRONG]
        node.program = [
            "env", f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={self.clock}",
            "FAKETIME_CACHE_DURATION=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1",
            # Its remedy for old versions of glibc keeps Python's threads from taking turns.
            "FAKETIME_FORCE_MONOTONIC_FIX=0",
            *node.program,
        ]  # fmt: skip
        self.net._save()

    def set_clock(self, milliseconds: int) -> None:
        """Set the clock, in whole seconds."""
        fresh = self.net.base / "clock.new"
        fresh.write_text(f"{milliseconds // 1_000:+d}\n")
        fresh.replace(self.clock)


@contextmanager
def clocked(kind: type[Clocked], tmp_path: Path) -> Iterator[Clocked]:
    """A network of four, up; its last validator has a clock of that kind."""
    field = kind(tmp_path / "net", spec=quick(4, epoch_slots=20))
    field.inject()
    try:
        field.net.up()
        yield field
    finally:
        field.down()


@pytest.mark.full
@pytest.mark.parametrize(
    "jumps",
    [
        (HOUR_MS, -HOUR_MS, 0),
        pytest.param((2_000, 10_000, 0, -10_000, 0), marks=pytest.mark.full),
    ],
    ids=["an hour", "seconds"],
)
def test_f15_a_wrong_clock_hurts_no_other_node_and_no_slot_gets_two_blocks(
    tmp_path: Path, jumps: tuple[int, ...]
) -> None:
    with clocked(Clocked, tmp_path) as field:
        net = field.net
        net.wait_for_finality(2)
        field.excuse("the clock went back")
        for milliseconds in jumps:
            field.jump(milliseconds)
        field.follow()
        net.restart(WRONG)
        net.wait_for_finality(net[0].rpc.finalized() + 2, seconds=HANG)
        field.check()


@pytest.mark.full
def test_the_time_of_the_machine_may_jump_an_hour_and_no_slot_gets_two_blocks(
    tmp_path: Path,
) -> None:
    with clocked(SystemClocked, tmp_path) as field:
        net = field.net
        net.wait_for_finality(2)
        field.excuse("the clock went back")
        for milliseconds in (-HOUR_MS, 0):
            field.jump(milliseconds)
        field.follow()
        before = len(field.signed(WRONG))
        until("it signs again", lambda: len(field.signed(WRONG)) > before + 5)
        for milliseconds in (HOUR_MS, 0):
            field.jump(milliseconds)
        field.follow()
        # Its slots of an hour are used up, and a restart does not give them back; it votes.
        net.restart(WRONG)
        net.wait_for_finality(net[0].rpc.finalized() + 3, seconds=HANG)
        field.check()
