"""Every program that follows a chain outlives its node: one fault each, as a real process.

All faults, with a network, are in `tests/devnet/test_devnet_program_faults.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

pytest.importorskip("numpy", reason="numpy is not installed: pip install '.[work]'")

from btt_chain.testing import DevNode, dev_node
from support.followers import FOLLOWERS, TILL, Follower, pay, request_of
from support.program_faults import PORT_FAULTS, WAITING, Beside, Port
from support.work_followers import PROVIDER_OF_DAVE, WORK_FOLLOWERS

ALL: Final = (*FOLLOWERS, *WORK_FOLLOWERS)
AT_START: Final = {"feeder", "facility serve", "auditor watch", "gateway"}
"""Programs that are started before their node; the connection of the others breaks."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("followed")


@pytest.fixture(scope="module")
def node(home: Path) -> Iterator[DevNode]:
    with dev_node(home / "node", sealing="interval:500") as node:
        for follower in ALL:
            follower.prepare(node.ws, home)
        yield node


@pytest.mark.parametrize("follower", ALL, ids=lambda each: each.name)
def test_a_program_waits_for_its_node_says_so_and_goes_on(
    node: DevNode, home: Path, follower: Follower, tmp_path: Path
) -> None:
    fault = PORT_FAULTS["refused at start" if follower.name in AT_START else "refused"]
    with (
        Port(node.ws) as port,
        follower.beside(tmp_path / "program", port.ws, home).running() as program,
    ):
        follower.works(program, node)
        with fault(port, program):
            assert program.is_alive, program.tail()
        follower.works(program, node)


def test_a_till_waits_for_its_node_and_takes_the_payment_that_it_asked_for(
    node: DevNode, home: Path, tmp_path: Path
) -> None:
    with Port(node.ws) as port, TILL.beside(tmp_path / "till", port.ws, home).running() as till:
        request = request_of(till)
        with PORT_FAULTS["refused"](port, till):
            pay(node, request)
        assert till.code() == 0, till.tail()


def test_a_wallet_waits_for_the_node_that_is_not_there_at_its_start(
    node: DevNode, tmp_path: Path
) -> None:
    with Port(node.ws) as port:
        port.refuse()
        words = ("points", "redeem", "--wallet", "//Patient", "--from", "//Bob", "--base-path")
        wallet = Beside.of(tmp_path / "wallet", *words, str(tmp_path / "care"), "--url", port.ws)
        wallet.may_end = True
        with wallet.running():
            wallet.wait_for(WAITING)
            port.open()
            wallet.wait_for("nothing waits to be redeemed")
            assert wallet.code() == 0


@pytest.mark.full
def test_two_programs_that_sign_with_one_account_do_not_end_each_other(
    node: DevNode, home: Path, tmp_path: Path
) -> None:
    (feeds,) = (each for each in FOLLOWERS if each.name == "feeder")
    with (
        feeds.beside(tmp_path / "feeder", node.ws, home).running() as feeder,
        PROVIDER_OF_DAVE.beside(tmp_path / "both", node.ws, home).running() as provider,
    ):
        for _ in range(3):
            feeds.works(feeder, node)
            PROVIDER_OF_DAVE.works(provider, node)
            feeds.works(feeder, node)
