"""Every program that follows a chain outlives its node: one fault each, as a real process.

All faults, with a network, are in `tests/devnet/test_devnet_program_faults.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from btt_chain.testing import DevNode, dev_node
from support.followers import FOLLOWERS, Follower
from support.program_faults import PORT_FAULTS, Port

FAULT_OF: Final = {"explorer": "refused", "feeder": "refused at start"}
"""The fault of each program."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevNode]:
    folder = tmp_path_factory.mktemp("followed") / "node"
    with dev_node(folder, sealing="interval:500") as node:
        for follower in FOLLOWERS:
            follower.prepare(node)
        yield node


@pytest.mark.parametrize("follower", FOLLOWERS, ids=lambda each: each.name)
def test_a_program_waits_for_its_node_says_so_and_goes_on(
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
