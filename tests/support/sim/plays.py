"""Parts of named scenarios: worlds that are watched, and recoveries that are timed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.sim import accounts
from support.sim.invariants import Invariants
from support.sim.nodes import SimNode
from support.sim.world import World

SHIFT = int(os.environ.get("BTT_SHIFT", "0")) * 1_000
"""Other seeds for the same scenarios: `make chaos` plays them many times."""
LONG = os.environ.get("BTT_LONG") == "1"
"""Full length of the scenarios; `make chaos` runs them so."""


def full(*values: object) -> object:
    """Return the parameters of a run that is left to the full tier."""
    return pytest.param(*values, marks=pytest.mark.full)


def make(seed: int, **how: Any) -> World:
    """Return the world of a scenario."""
    return World(seed + SHIFT, **how)


RECOVERIES: list[int] = []
"""Slots that each recovery of the running test took."""


@contextmanager
def watched(world: World, errors: tuple[str, ...] = ()) -> Iterator[World]:
    """Hold a world to its invariants, to the last."""
    invariants = Invariants(world, errors=errors)
    try:
        yield world
        invariants.conclude()
    finally:
        invariants.close()


def final(node: SimNode) -> int:
    """Return the height of a node's last final block."""
    return int(node.client.finalized().number)


def best(node: SimNode) -> int:
    """Return the height of a node's best block."""
    return int(node.client.best().number)


def lag(world: World) -> int:
    """Return the blocks that are not final, where they are most."""
    return max(best(node) - final(node) for node in world.honest if node.engine is not None)


def settle(world: World, bound: int) -> int:
    """Run until all honest nodes have final what is best now, and a block more; return slots."""
    goal = max(best(node) for node in world.honest if node.engine is not None) + 1
    for passed in range(bound + 1):
        if all(node.engine is not None and final(node) >= goal for node in world.honest):
            RECOVERIES.append(passed)
            return passed
        world.run(1)
    raise AssertionError(
        f"{bound} slots, and block {goal} is not final everywhere: "
        f"{[(node.name, best(node), final(node)) for node in world.honest]}"
    )


class Payers:
    """Accounts that pay each other, a transfer after the other; `spec` is the runtime's version."""

    def __init__(self, world: World, count: int = 6) -> None:
        self._world = world
        self._nonces = [0] * count
        self.spec = 100
        self.sent = 0

    def pay(self, index: int, count: int = 1) -> None:
        """Hand transfers to a node's pool; none if it is down."""
        world, genesis = self._world, self._world.genesis.hash
        for _ in range(count):
            who = self.sent % len(self._nonces)
            wire = accounts.transfer(
                who, self._nonces[who], (who + 1) % 6, 10**18, genesis, spec=self.spec
            )
            if world.submit(index, wire) is None:
                return
            self._nonces[who] += 1
            self.sent += 1

    def level(self, node: SimNode) -> bool:
        """Return True if a node's best chain has all payments."""
        return all(accounts.nonce_of(node, who) == nonce for who, nonce in enumerate(self._nonces))

    def recall(self, node: SimNode) -> None:
        """Begin again with what a node's best chain has: the runtime of the rest is gone."""
        self._nonces = [accounts.nonce_of(node, who) for who in range(len(self._nonces))]
