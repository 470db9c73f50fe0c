"""A provider and a gateway through all that happens to their node, as real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.followers import Follower
from support.program_faults import FAULTS, Network
from support.work_followers import WORK_FOLLOWERS

pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with Network(tmp_path_factory.mktemp("faults") / "net").running() as network:
        yield network


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("follower", WORK_FOLLOWERS, ids=lambda each: each.name)
def test_useful_work_outlives_what_happens_to_its_node_and_loses_nothing(
    network: Network, follower: Follower, fault: str
) -> None:
    folder = network.base.parent / f"{follower.name}-{fault.replace(' ', '-')}"
    with follower.beside(folder, network.node.ws).running() as program:
        follower.works(program, network.node)
        with FAULTS[fault](network, program):
            assert program.is_alive, program.tail()
        follower.works(program, network.node)
