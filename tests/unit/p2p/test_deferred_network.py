"""A network that is opened when it starts: no peers before, and no order of the operator lost."""

from __future__ import annotations

import asyncio
import threading

import pytest

from p2p.deferred import DeferredNetwork
from p2p.errors import NetworkError
from p2p.host.libp2p_network import Libp2pNetwork
from p2p.network import ANNOUNCE, TRAFFIC, Network, Publish
from support.p2p_attack import settings

OTHERS = [Libp2pNetwork(settings(seed=bytes([n]) * 32)).local_peer for n in (1, 2, 3)]
RESERVED, ADDED, THIRD = OTHERS


def address_of(peer: str) -> str:
    return f"/ip4/127.0.0.1/tcp/4001/p2p/{peer}"


class Opening:
    """Opens the real network in the thread that asks for it; notes where."""

    def __init__(self) -> None:
        self.settings = settings(seed=bytes(32))
        self.threads: list[str] = []
        self.opened: list[Libp2pNetwork] = []

    def __call__(self) -> Network:
        self.threads.append(threading.current_thread().name)
        self.opened.append(Libp2pNetwork(self.settings))
        return self.opened[-1]


def deferred(opening: Opening) -> DeferredNetwork:
    local = Libp2pNetwork(opening.settings).local_peer
    return DeferredNetwork(opening, local, [RESERVED])


def test_before_its_start_it_has_no_peers_and_no_addresses() -> None:
    network = deferred(Opening())
    assert (network.peers(), network.listen_addresses(), network.nodes_known()) == ((), (), 0)
    assert network.counters() == dict.fromkeys(TRAFFIC, 0)
    with pytest.raises(NetworkError):
        network.do(Publish(ANNOUNCE, b""))
    with pytest.raises(NetworkError):
        network.events()


async def test_it_is_opened_in_another_thread_and_then_like_any_other() -> None:
    opening = Opening()
    network = deferred(opening)
    await network.start()
    try:
        (made,) = opening.opened
        assert opening.threads != [threading.main_thread().name]
        assert network.local_peer == made.local_peer
        assert network.listen_addresses() == made.listen_addresses() != ()
        assert network.counters() == made.counters()
        network.do(Publish(ANNOUNCE, b"no receiver"))
        with pytest.raises(ValueError, match="gossip"):
            network.do(Publish("gossip", b""))
    finally:
        await network.stop()
        await network.stop()
    assert [event async for event in network.events()] == []


async def test_orders_before_its_start_are_carried_out_at_it() -> None:
    opening = Opening()
    network = deferred(opening)
    assert network.reserved() == (RESERVED,)
    network.reserve(address_of(ADDED))
    network.reserve(address_of(THIRD))
    network.unreserve(ADDED)
    assert network.reserved() == (RESERVED, THIRD)
    network.allow_only([THIRD])
    await network.start()
    try:
        assert tuple(opening.opened[0].reserved()) == (THIRD,)  # its settings reserve no other
        network.reserve(address_of(ADDED))
        assert network.reserved() == (THIRD, ADDED)
    finally:
        await network.stop()


@pytest.mark.parametrize("address", ["nonsense", "/ip4/127.0.0.1/tcp/4001"])
def test_a_wrong_address_is_refused_before_its_start(address: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        deferred(Opening()).reserve(address)


def test_its_own_address_and_what_is_no_peer_are_refused_before_its_start() -> None:
    network = deferred(Opening())
    with pytest.raises(ValueError, match="is this node"):
        network.reserve(address_of(network.local_peer))
    with pytest.raises(ValueError, match=r"."):
        network.unreserve("no id")
    with pytest.raises(ValueError, match=r"."):
        network.allow_only(["no id"])


async def test_an_error_of_the_start_is_that_of_the_network() -> None:
    first = Opening()
    network = deferred(first)
    await network.start()
    try:
        port = network.listen_addresses()[0].split("/")[4]
        second = Opening()
        second.settings = settings(listen=f"/ip4/127.0.0.1/tcp/{port}")
        with pytest.raises(NetworkError, match=port):
            await deferred(second).start()
    finally:
        await network.stop()


async def test_stop_may_come_first() -> None:
    network = deferred(Opening())
    await network.stop()
    await asyncio.sleep(0)
    assert network.peers() == ()


def test_a_program_that_is_stopped_during_the_import_does_not_wait_for_it() -> None:
    began, imported = threading.Event(), threading.Event()

    def slow() -> Network:
        began.set()
        imported.wait()
        raise NetworkError("too late")

    async def stopped_early() -> None:
        starting = asyncio.create_task(DeferredNetwork(slow, RESERVED).start())
        await asyncio.to_thread(began.wait)
        starting.cancel()

    # Ends a version that waits for the import, which fails then.
    threading.Timer(5.0, imported.set).start()
    asyncio.run(stopped_early())
    assert not imported.is_set()
    imported.set()
