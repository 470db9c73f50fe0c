"""A whole devnet starts again and again on a machine that is busy with something else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest

pytest.importorskip("numpy", reason="numpy is not installed: pip install '.[work]'")

from btt_chain.testing import Devnet, cold_starts
from btt_chain.testing.helper import Helper
from btt_chain.testing.process import free_ports
from support.program_faults import until

pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(3_600)]

LOOPS: Final = 4
STARTS: Final = 10


SIGNS: Final = {
    "Provider-0": "serving at", "Provider-1": "serving at", "Feeder-Dave": "fed ",
    "Feeder-Eve": "fed ", "Feeder-Ferdie": "fed ", "Explorer": "explorer: http",
    "Market": " finalized ",
}  # fmt: skip
"""Words that each program writes once it works; a finalized job went through the others."""


def _has(helper: Helper, words: str) -> bool:
    return words in helper.log.read_text()


@pytest.fixture
def _busy() -> Iterator[None]:
    """Busy loops beside the test."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(LOOPS)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@pytest.mark.usefixtures("_busy")
def test_ten_starts_of_the_full_devnet_beside_four_busy_loops_have_no_death(
    tmp_path: Path,
) -> None:
    for start in range(STARTS):
        (port,) = free_ports(1)
        base = tmp_path / f"net-{start}"
        with (
            cold_starts(),
            Devnet.create(base, providers=2, feeders=True, explorer_port=port) as net,
        ):
            net.up(is_kept=True)
            for name, words in SIGNS.items():
                until(f"{name} has written {words!r}", partial(_has, net.helper(name), words))
            net.reload()
            dead = [f"{one.name} {one.last_death}\n{one.tail()}" for one in net.helpers
                    if one.deaths or not one.is_alive]  # fmt: skip
            assert not dead, "\n".join(dead)
            assert not any(node.state == "down" for node in net.status())
