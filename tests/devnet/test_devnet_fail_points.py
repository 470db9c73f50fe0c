"""A validator dies at every point where it could be caught between two of its words: F5."""

from __future__ import annotations

import os
from random import Random

import pytest

from devnet.launcher import POINTS
from devnet.watched import HANG, Watched, until

pytestmark = pytest.mark.devnet

STATIC = [point for point in POINTS if "set change" not in point]
"""Those that a network passes whose voters stay the same."""


@pytest.mark.parametrize("generation", range(0, len(STATIC), 4))
def test_f5_validators_that_die_at_fail_points_start_clean(
    field: Watched, luck: Random, generation: int, rounds: int
) -> None:
    net = field.net
    for _ in range(rounds):
        doomed = dict(enumerate(STATIC[generation : generation + 4]))
        before = {index: net[index].rpc.finalized() for index in doomed}
        for index in doomed:
            net[index].ask_to_end()
        for index in doomed:
            assert net[index].await_end(HANG)
        for index, point in doomed.items():
            field.act(index, f"die={point}:{luck.randint(1, 4)}")
        for node in net.nodes:
            if not node.is_alive:
                node.start([other.address for other in net.nodes if other is not node])
        while doomed:
            # One that is back lets the others come to their points.
            until(f"one dies of {doomed}", lambda: any(not net[i].is_alive for i in doomed))
            for index in [index for index in doomed if not net[index].is_alive]:
                point = doomed.pop(index)
                field.act(index)
                net.restart(index)
                assert net[index].rpc.finalized() >= before[index]
                print(f"  F5 died at '{point}', node {index} is back")
        field.catch_up("F5 all finalise again")
        field.check()


def test_f5_all_fail_points_are_named_once() -> None:
    assert len(set(POINTS)) == len(POINTS) >= 12
    assert os.sep not in "".join(POINTS)
