"""Every program that follows a chain, through all that happens to its node, as real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("numpy", reason="numpy is not installed: pip install '.[work]'")

from support.followers import FOLLOWERS, TILL, Follower, pay, request_of
from support.program_faults import FAULTS, Network
from support.work_followers import WORK_FOLLOWERS

ALL = (*FOLLOWERS, *WORK_FOLLOWERS)
pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def network(home: Path) -> Iterator[Network]:
    with Network(home / "net").running() as network:
        for follower in ALL:
            follower.prepare(network.net[0].ws, home)
        network.follow()
        yield network


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("follower", ALL, ids=lambda each: each.name)
def test_a_program_outlives_what_happens_to_its_node_and_goes_on(
    network: Network, home: Path, follower: Follower, fault: str
) -> None:
    folder = home / f"{follower.name} {fault}".replace(" ", "-")
    with follower.beside(folder, network.node.ws, home).running() as program:
        follower.works(program, network.node)
        with FAULTS[fault](network, program):
            assert program.is_alive, program.tail()
        follower.works(program, network.node)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_till_outlives_what_happens_to_its_node_and_says_paid_at_last(
    network: Network, home: Path, fault: str
) -> None:
    folder = home / f"till {fault}".replace(" ", "-")
    with TILL.beside(folder, network.node.ws, home).running() as till:
        request_of(till)
        since = till.mark()
        with FAULTS[fault](network, till):
            assert till.is_alive, till.tail()
        pay(network.node, request_of(till, since if fault == "no node at start" else 0))
        assert till.code() == 0, till.tail()
