"""The explorer of a devnet: a helper of node 0, with an address that other commands find."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from btt_chain.testing import Devnet, DevnetError
from btt_chain.testing.creation import EXPLORER, explorer_address
from btt_chain.testing.ports import Reservation


def test_a_devnet_has_an_explorer_of_its_first_node_if_it_is_asked_for(tmp_path: Path) -> None:
    with Reservation() as reservation:  # other tests choose ports at the same time
        (port,) = reservation.free(1)
    net = Devnet.create(tmp_path, validators=1, explorer_port=port)
    helper = net.helper(EXPLORER)
    assert helper.words[:5] == ["-m", "cli.main", "explorer", "--url", net[0].ws]
    assert explorer_address(net.helpers) == f"http://127.0.0.1:{port}/"
    assert not helper.is_provider
    assert explorer_address(Devnet.open(tmp_path).helpers) == f"http://127.0.0.1:{port}/"


def test_a_devnet_has_none_otherwise(tmp_path: Path) -> None:
    assert explorer_address(Devnet.create(tmp_path, validators=1).helpers) is None


def test_a_taken_port_is_named_with_the_option_to_change_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DevnetError, match=f"port {port} of the explorer.*--explorer-port"):
            Devnet.create(tmp_path, validators=1, explorer_port=port)
