"""Ports of networks that start at the same time."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from btt_chain.testing import Devnet, DevnetError
from btt_chain.testing.ports import Reservation
from btt_chain.testing.process import free_ports, is_taken
from support.vectors import REPOSITORY

FAKE = (sys.executable, str(REPOSITORY / "tests" / "support" / "fake_node.py"))


def row_of_ports(count: int) -> int:
    """Return the first of so many free ports in a row."""
    while True:
        (first,) = free_ports(1)
        if not any(is_taken(first + place) for place in range(count)):
            return first


def test_a_port_has_one_holder(tmp_path: Path) -> None:
    one, other = Reservation(tmp_path), Reservation(tmp_path)
    first = row_of_ports(3)
    assert one.take(first + 1)
    assert not one.take(first + 1)
    assert not other.take_all([first, first + 1])
    assert other.take(first)
    one.close()
    assert other.take_all([first + 1, first + 2])
    other.close()


def test_a_port_that_is_bound_is_not_reserved(tmp_path: Path) -> None:
    with socket.socket() as bound, Reservation(tmp_path) as ports:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        assert not ports.take(bound.getsockname()[1])
        assert len(set(ports.free(5))) == 5


def test_a_process_that_ends_gives_up_its_ports(tmp_path: Path) -> None:
    port = row_of_ports(1)
    child = os.fork()
    if child == 0:
        os._exit(0 if Reservation(tmp_path).take(port) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with Reservation(tmp_path) as ports:
        assert ports.take(port)


def test_locks_are_not_made_through_the_links_of_others(tmp_path: Path) -> None:
    port = row_of_ports(1)
    (tmp_path / str(port)).symlink_to(tmp_path / "elsewhere")
    with Reservation(tmp_path) as ports, pytest.raises(DevnetError, match="Remove that folder"):
        ports.take(port)
    assert not (tmp_path / "elsewhere").exists()


def test_two_networks_that_start_at_once_come_up_on_different_ports(tmp_path: Path) -> None:
    usual = row_of_ports(2)
    nets = [
        Devnet.create(tmp_path / name, validators=2, program=FAKE, spec="{}", usual_rpc_port=usual)
        for name in ("one", "two")
    ]
    used = [
        port for net in nets for node in net.nodes
        for port in (node.rpc_port, node.port, node.prometheus_port)
    ]  # fmt: skip
    assert len(set(used)) == len(used)
    assert [node.rpc_port for node in nets[0].nodes] == [usual, usual + 1]
    with nets[0], nets[1]:
        for net in nets:
            net.up()
        assert all(net.is_running for net in nets)
        nets[0].kill(1)
        third = Devnet.create(
            tmp_path / "three", validators=1, program=FAKE, spec="{}", usual_rpc_port=usual + 1
        )
        assert third.nodes[0].rpc_port != usual + 1
        nets[0].restart(1)


def test_an_explorer_takes_another_port_unless_its_own_was_asked_for(tmp_path: Path) -> None:
    port = row_of_ports(1)
    with Reservation() as ports:
        assert ports.take(port)
        net = Devnet.create(
            tmp_path / "any", validators=1, spec="{}", explorer_port=port,
            is_explorer_port_fixed=False,
        )  # fmt: skip
        assert net.helpers[0].words[-1] != f"127.0.0.1:{port}"
        with pytest.raises(DevnetError, match=f"port {port} of the explorer is taken"):
            Devnet.create(tmp_path / "own", validators=1, spec="{}", explorer_port=port)
