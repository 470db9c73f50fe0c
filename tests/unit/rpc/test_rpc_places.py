"""Places for callers from other machines: who is silent makes room for who has fewer."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import cast

import pytest
from aiohttp import ClientSession, WSServerHandshakeError

from btt_chain.rpc import places as places_module
from btt_chain.rpc.api import RpcService
from btt_chain.rpc.limits import ConnectionLimiter, Limits
from btt_chain.rpc.places import MIN_SILENCE, Place, select_victim
from btt_chain.rpc.server import RpcConfig
from btt_chain.rpc.visitors import Phase, Visitor, Visitors
from btt_chain.web.proxies import Proxies
from support.rpc_backend import ModelBackend
from support.rpc_client import WsClient

MAX_PLACES = 10
LONG_AGO = -2 * MIN_SILENCE


def victim(places: list[tuple[str, float, bool]], network: str) -> int | None:
    """Return the index of the connection that makes room at time zero."""
    counts = Counter(name for name, _, _ in places)
    rows = [
        Place(index, name, since, is_waiting)
        for index, (name, since, is_waiting) in enumerate(places)
    ]
    return select_victim(rows, counts, network, MAX_PLACES, 0.0)


def test_the_connection_silent_longest_of_the_network_with_the_most_goes() -> None:
    places = [("a", LONG_AGO - 9, False)] + [("b", LONG_AGO - age, False) for age in (1, 3, 2)]
    assert victim(places, "new") == 2


def test_no_network_takes_a_place_from_one_that_has_no_more_than_itself() -> None:
    places = [("a", LONG_AGO, False), ("a", LONG_AGO, False), ("b", LONG_AGO, False)]
    assert victim(places, "a") is None
    assert victim(places, "b") == 0
    assert victim([*places, ("b", LONG_AGO, False)], "b") is None


def test_a_connection_that_is_used_or_waits_keeps_its_place() -> None:
    places = [("a", -1.0, False), ("a", LONG_AGO, True), ("b", -1.0, False)]
    assert victim(places, "new") is None


def test_a_network_with_more_than_half_of_what_it_may_have_loses_used_ones_too() -> None:
    half = [("a", LONG_AGO, True)] * (MAX_PLACES // 2)
    assert victim(half, "new") is None
    assert victim([*half, ("a", -1.0, False)], "new") == 0
    # Idle ones of others go before that.
    assert victim([*half, ("a", -1.0, False), ("b", LONG_AGO, False)], "new") == MAX_PLACES // 2 + 1


class Transport:
    """A TCP connection from an address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.is_cut = False

    def get_extra_info(self, name: str) -> tuple[str, int]:
        return self.address, 1_000

    def abort(self) -> None:
        self.is_cut = True


def arrive(visitors: Visitors, address: str) -> tuple[Transport, Visitor]:
    transport = Transport(address)
    return transport, visitors.arrive(cast("asyncio.Transport", cast("object", transport)))


def crowd(visitors: Visitors, phase: Phase = Phase.OPEN) -> list[tuple[Transport, Visitor]]:
    """Take all places from ten addresses, with connections that were silent for long."""
    found = []
    for number in range(100):
        transport, visitor = arrive(visitors, f"203.0.113.{number // 10}")
        assert not visitor.turned_away
        visitors.enter(visitor, phase)
        visitor.since += LONG_AGO
        found.append((transport, visitor))
    return found


def test_ten_addresses_with_ten_idle_websockets_each_do_not_keep_others_out() -> None:
    limits = Limits()
    limiter = ConnectionLimiter(limits)
    visitors = Visitors(limits, limiter, Proxies())
    holders = crowd(visitors)
    honest = [arrive(visitors, f"198.51.100.{number}") for number in range(20)]
    assert not any(visitor.turned_away for _, visitor in honest)
    assert not any(transport.is_cut for transport, _ in honest)
    assert sum(transport.is_cut for transport, _ in holders) == 20
    assert max(limiter.by_address.values()) == 8  # shared out
    assert limiter.total == limits.connections
    # Those that were cut do not push out who came instead.
    assert arrive(visitors, "203.0.113.3")[1].turned_away
    for _, visitor in holders + honest:
        visitors.leave(visitor)
    assert limiter.total == 0


def test_a_request_that_is_worked_on_is_not_cut_off() -> None:
    limits = Limits()
    visitors = Visitors(limits, ConnectionLimiter(limits), Proxies())
    crowd(visitors, Phase.BUSY)
    assert arrive(visitors, "198.51.100.1")[1].turned_away


async def test_websockets_through_a_proxy_make_room_for_each_other(
    backend: ModelBackend, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places_module, "MIN_SILENCE", 0.0)
    limits = Limits(connections=4, connections_per_address=8)
    config = RpcConfig(port=0, origins=("all",), limits=limits, trusted_proxies=("127.0.0.1",))
    service = RpcService(backend, config)
    await service.start()

    async def dial(address: str) -> WsClient:
        url = f"ws://127.0.0.1:{service.port}"
        return WsClient(await session.ws_connect(url, headers={"X-Forwarded-For": address}))

    silent = [await dial("203.0.113.1") for _ in range(2)]
    waiting = [await dial("203.0.113.1") for _ in range(2)]
    for client in waiting:
        await client.call("chain_subscribeNewHeads")
    honest = await dial("198.51.100.1")
    assert await honest.call("system_name") == "model node"
    assert await silent[0].closed() is not None
    assert await silent[1].call("system_name") == "model node"
    assert service.server.limiter.total == 4
    # A network with as many as another takes no place from it.
    monkeypatch.setattr(places_module, "MIN_SILENCE", 100.0)
    with pytest.raises(WSServerHandshakeError, match="429"):
        await dial("198.51.100.2")
    for client in (*silent[1:], *waiting, honest):
        assert await client.call("system_name") == "model node"
        await client.socket.close()
    await service.stop()
    assert service.server.limiter.total == 0
