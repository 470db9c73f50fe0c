"""Networks that several scenarios share: each finds them whole and leaves them as it likes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import pytest

from devnet.watched import Watched, quick

ROUNDS = int(os.environ.get("BTT_ROUNDS", "1"))
SEED = os.environ.get("BTT_SEED", "1")


@pytest.fixture
def rounds() -> int:
    """Number of rounds of a scenario; BTT_ROUNDS sets it, `make chaos` sets more than CI."""
    return ROUNDS


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Random:
    """Random numbers of a test: the same for the same BTT_SEED."""
    return Random(f"{SEED} {request.node.name}")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Four validators, slots of a second, sessions of ten, up for all tests of a file."""
    field = Watched(tmp_path_factory.mktemp("devnet") / "net", spec=quick(4))
    try:
        field.net.up()
        field.net.wait_for_finality(2)
        yield field
    finally:
        field.down()


@pytest.fixture
def field(shared: Watched) -> Iterator[Watched]:
    """The shared network, whole before the scenario, its promises checked after it."""
    shared.make_whole()
    yield shared
    shared.make_whole()
    height = shared.check()
    print(f"  I1-I7 hold up to block {height}\n{shared.report()}")
