"""`kill -9` at any moment: what was final stays final, and the chain goes on.

BTT_CRASHES sets how often (5), BTT_SEED the seed. A failing round names its seed in the
captured output: the same seed gives the same load and the same moment.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from crash.chains import BY_HAND, BY_LOTTERY, audit, copy, grow
from crash.process import NodeProcess, running
from crash.wallet import Claims, Wallet, open_wallet

pytestmark = pytest.mark.crash

CRASHES = int(os.environ.get("BTT_CRASHES", "5"))
SEED = os.environ.get("BTT_SEED", "1")


@dataclass(frozen=True)
class Way:
    """The way in which the killed node runs."""

    sealing: str | None
    """None: by lottery, and final by vote."""
    pruning: int | None
    blocks: str = "archive-canonical"

    @property
    def flag(self) -> str:
        return "archive" if self.pruning is None else str(self.pruning)

    def running(self, base: Path) -> AbstractContextManager[NodeProcess]:
        return running(base, sealing=self.sealing, pruning=self.flag, blocks_pruning=self.blocks)

    @property
    def chain(self) -> str:
        return BY_LOTTERY if self.sealing is None else BY_HAND


WAYS = (
    Way("interval:40", 256),
    Way("instant", None),
    Way("instant", 256, "40"),
    Way("interval:200", None),
    Way(None, None),
)


def rounds(way: Way) -> Iterator[tuple[int, Random]]:
    """Yield the numbers of the kills with this way of running, each with its random numbers."""
    first = WAYS.index(way)
    for number in range(first, CRASHES, len(WAYS)):
        seed = f"{SEED}/{number}"
        print(f"kill {number} of {CRASHES}: {way}, seed {seed!r}")
        yield number, Random(seed)


# One way in CI.
PARAMETERS = [WAYS[0], *(pytest.param(way, marks=pytest.mark.full) for way in WAYS[1:])]


@pytest.mark.parametrize(
    "way", PARAMETERS, ids=lambda way: f"{way.sealing or 'lottery'}, {way.flag}"
)
async def test_a_killed_node_comes_back_with_all_that_was_final(way: Way, tmp_path: Path) -> None:
    base, claims = tmp_path / "node", Claims()
    if way.pruning is not None:
        grow(base, way.pruning + 20, pruning=way.pruning)
    for number, rng in rounds(way):
        if rng.random() < 0.25:
            await killed_while_it_starts(way, base, rng)
        else:
            await killed_under_load(way, base, rng, claims)
        audit(copy(base, tmp_path / f"after {number}", way.chain), claims, way.pruning, way.chain)
        print(f"    final: {claims.height}")
    with way.running(base) as node:
        async with open_wallet(node.port(), claims) as last:
            await last.check()
        assert node.stop() == 0, node.text()


async def killed_while_it_starts(way: Way, base: Path, rng: Random) -> None:
    """Kill a node within its first second: in its genesis, its recovery, its self-check."""
    with way.running(base) as node:
        await asyncio.sleep(rng.uniform(0, 1))
        node.kill()


async def killed_under_load(way: Way, base: Path, rng: Random, claims: Claims) -> None:
    """Let a node answer for what it said before, make it work, and kill it."""
    with way.running(base) as node:
        async with open_wallet(node.port(), claims) as found:
            await found.check()
            await load_until_killed(node, found, rng)


async def load_until_killed(node: NodeProcess, target: Wallet, rng: Random) -> None:
    """Load the node; once it goes on sealing, kill it at a moment that the seed chooses."""
    wanted = (await target.finalized())[0] + 1
    spending = asyncio.create_task(target.spend(str(rng.random())))
    try:
        await target.claims.reach(wanted, spending)
        await asyncio.sleep(rng.uniform(0, 1.2))
        node.kill()
        await spending
    finally:
        spending.cancel()
        with suppress(asyncio.CancelledError):
            await spending
