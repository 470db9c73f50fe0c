"""A validator dies at every point where it could be caught between two of its words: F5."""

from __future__ import annotations

import os
from random import Random

import pytest

from devnet.launcher import POINTS
from devnet.watched import HANG, Watched, until

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]

STATIC = [point for point in POINTS if "set change" not in point]
"""Those that a network passes whose voters stay the same."""
AT_ONCE = 4


@pytest.mark.full
def test_f5_validators_that_die_at_fail_points_start_clean(
    field: Watched, rng: Random, rounds: int
) -> None:
    points = rng.sample(STATIC, len(STATIC))
    if rounds == 1:
        points = points[: 2 * AT_ONCE]
    for round in range(rounds):
        for first in range(0, len(points), AT_ONCE):
            turned = [(place + round) % AT_ONCE for place in range(AT_ONCE)]
            die_at(field, rng, dict(zip(turned, points[first : first + AT_ONCE], strict=False)))


def die_at(field: Watched, rng: Random, points: dict[int, str]) -> None:
    """Let each node die at its point, and come back."""
    net = field.net
    before = {index: net[index].rpc.finalized() for index in points}
    for index in points:
        net[index].ask_to_end()
    for index in points:
        assert net[index].await_end(HANG)
    for index, point in points.items():
        field.act(index, f"die={point}:{rng.randint(1, 4)}")
        field.start(index)
    doomed = sorted(points)
    dead: list[int] = []
    while doomed:
        # One that is back lets the others come to their points.
        until(f"one of {points} dies", lambda: any(not net[index].is_alive for index in points))
        for index in [index for index in doomed if not net[index].is_alive]:
            doomed.remove(index)
            dead.append(index)
            print(f"  F5 node {index} died at '{points[index]}'")
            field.act(index)
            field.start(index)
    for index in dead:
        net[index].wait_until_answers()
        assert net[index].rpc.finalized() >= before[index]
    field.catch_up("F5 all are back and finalize")
    field.check()


def test_f5_all_fail_points_are_named_once() -> None:
    assert len(set(POINTS)) == len(POINTS) >= 12
    assert os.sep not in "".join(POINTS)
