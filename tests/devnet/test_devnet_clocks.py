"""A validator whose clock is wrong, and jumps: F15 of consensus.md 6.4."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devnet.watched import HANG, Watched, Words, quick, until

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]

WRONG = 3
RIGHT = (0, 1, 2)
SAID = {
    1: "s ahead of those of the others",
    0: "this clock agrees with those of the others again",
    -1: "s behind those of the others",
}
"""What a node says of its clock, by the sign of what it is ahead."""


class Clocked(Watched):
    """A network with a clock that can be set."""

    def set_clock(self, milliseconds: int) -> None:
        # In one step: the node reads it at any time.
        fresh = self.net.base / "clock.new"
        fresh.write_text(str(milliseconds))
        fresh.replace(self.net.base / "clock")


@pytest.fixture
def clocked(tmp_path: Path) -> Iterator[Clocked]:
    field = Clocked(tmp_path / "net", spec=quick(4, epoch_slots=20))
    field.set_clock(0)
    field.act(WRONG, f"clock={field.net.base / 'clock'}")
    try:
        field.net.up()
        yield field
    finally:
        field.down()


@pytest.mark.parametrize(
    "jumps",
    [
        (3_600_000, -3_600_000, 0),
        pytest.param((2_000, 10_000, 0, -10_000, 0), marks=pytest.mark.full),
    ],
    ids=["an hour", "seconds"],
)
def test_f15_a_wrong_clock_hurts_nobody_else_and_no_slot_gets_two_blocks(
    clocked: Clocked, jumps: tuple[int, ...]
) -> None:
    net = clocked.net
    net.wait_for_finality(2)
    clocked.excuse("the clock went back")
    for milliseconds in jumps:
        words = Words(net[WRONG])
        clocked.set_clock(milliseconds)
        net.wait_for_finality(net[0].rpc.finalized() + 3, nodes=RIGHT, seconds=HANG)
        assert net[WRONG].is_alive, net[WRONG].tail()
        until("it says how its clock is", words.have(SAID[(milliseconds > 0) - (milliseconds < 0)]))
        clocked.check()
        said = [line for line in words.new().splitlines() if " WARN" in line or " ERROR" in line]
        print(f"  F15 clock {milliseconds:+} ms: final {net[0].rpc.finalized()}, "
              f"wrong node best {net[WRONG].rpc.best()} final {net[WRONG].rpc.finalized()}; "
              f"it says {said[:2] or 'nothing'}")  # fmt: skip
    took = until(
        "the node whose clock is right again follows",
        lambda: net[WRONG].rpc.finalized() >= net[0].rpc.finalized() - 2,
    )
    print(f"  F15 back in step {took:.1f} s after the clock was set right")
    net.restart(WRONG)
    net.wait_for_finality(net[0].rpc.finalized() + 2, seconds=HANG)
    clocked.check()
