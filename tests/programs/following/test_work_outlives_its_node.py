"""A provider and a gateway outlive their node: one fault each, as real processes.

All faults, with a network, are in `tests/devnet/test_devnet_work_faults.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from btt_chain.testing import DevNode, dev_node
from support.followers import Follower
from support.program_faults import PORT_FAULTS, Port
from support.work_followers import WORK_FOLLOWERS, register_model

FAULT_OF: Final = {"provider": "refused", "gateway": "refused at start"}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevNode]:
    with dev_node(tmp_path_factory.mktemp("followed") / "node", sealing="interval:500") as node:
        register_model(node)
        yield node


@pytest.mark.parametrize("follower", WORK_FOLLOWERS, ids=lambda each: each.name)
def test_useful_work_waits_for_its_node_says_so_and_goes_on(
    node: DevNode, follower: Follower, tmp_path: Path
) -> None:
    with (
        Port(node.ws) as port,
        follower.beside(tmp_path / follower.name, port.ws).running() as program,
    ):
        follower.works(program, node)
        with PORT_FAULTS[FAULT_OF[follower.name]](port, program):
            assert program.is_alive, program.tail()
        follower.works(program, node)
