"""Every program that follows a chain, through all that happens to its node, as real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.followers import FOLLOWERS, Follower
from support.program_faults import FAULTS, Network

pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with Network(tmp_path_factory.mktemp("faults") / "net").running() as network:
        for follower in FOLLOWERS:
            follower.prepare(network.net[0])
        yield network


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("follower", FOLLOWERS, ids=lambda each: each.name)
def test_a_program_outlives_what_happens_to_its_node_and_goes_on(
    network: Network, follower: Follower, fault: str
) -> None:
    folder = network.base.parent / f"{follower.name}-{fault.replace(' ', '-')}"
    with follower.beside(folder, network.node.ws).running() as program:
        follower.works(program, network.node)
        with FAULTS[fault](network, program):
            assert program.is_alive, program.tail()
        follower.works(program, network.node)
