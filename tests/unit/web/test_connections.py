"""A WebSocket whose client is gone is found by a ping; one that answers stays."""

from __future__ import annotations

import asyncio

from btt_chain.web.connections import Connections, HttpConnection, Phase
from btt_chain.web.limits import HttpLimits
from support.http_connection import Transport, arrive

INTERVAL = 30.0


class Client:
    """The client of an open WebSocket, as its server sees it; time is its own."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.now = 0.0
        self.pings = 0
        self.is_broken = is_broken
        limits = HttpLimits(idle_seconds=10 * INTERVAL, ping_seconds=INTERVAL)
        self.connections = Connections(limits, lambda: self.now)
        self.transport: Transport
        self.connection: HttpConnection
        self.transport, self.connection = arrive(self.connections, "192.0.2.1")
        self.connections.enter(self.connection, Phase.OPEN)
        self.connection.ping = self.ping

    async def ping(self) -> None:
        if self.is_broken:
            raise ConnectionResetError("it has gone")
        self.pings += 1

    async def is_cut_at(self, now: float) -> bool:
        """Return True if the connection is cut by the sweep at a time."""
        self.now = now
        self.connections.sweep()
        await asyncio.sleep(0)
        return self.transport.is_cut


async def test_a_silent_client_is_pinged_once_and_then_cut_off() -> None:
    client = Client()
    assert not await client.is_cut_at(29.0)
    assert client.pings == 0
    for now in (30.0, 35.0, 40.0, 44.9):
        assert not await client.is_cut_at(now)
    assert client.pings == 1
    assert await client.is_cut_at(45.0)
    assert not client.connections.all


async def test_any_message_is_an_answer() -> None:
    client = Client()
    assert not await client.is_cut_at(30.0)
    client.now = 31.0
    client.connection.complete()
    for now in (46.0, 60.9, 61.0, 75.9):
        assert not await client.is_cut_at(now)
    assert client.pings == 2
    assert await client.is_cut_at(76.0)


async def test_a_client_in_the_middle_of_a_message_is_not_silent() -> None:
    client = Client()
    for now in (29.0, 58.0, 87.0):
        client.now = now
        client.connections.receive(client.connection, 1)
        assert not await client.is_cut_at(now)
    assert client.pings == 0
    assert not await client.is_cut_at(117.0)
    assert await client.is_cut_at(132.0)


async def test_a_ping_that_cannot_be_sent_breaks_nothing() -> None:
    client = Client(is_broken=True)
    assert not await client.is_cut_at(30.0)
    assert await client.is_cut_at(45.0)


async def test_a_websocket_that_was_closed_is_pinged_no_more() -> None:
    client = Client()
    client.connection.ping = None
    assert not await client.is_cut_at(90.0)
    assert client.pings == 0


async def test_a_connection_that_leaves_takes_its_ping_along() -> None:
    client = Client()
    client.now = 30.0
    client.connections.sweep()
    client.connections.leave(client.connection)
    await asyncio.sleep(0)
    assert client.pings == 0


async def test_a_client_that_leaves_what_it_was_sent_unread_is_cut_off_though_it_sends() -> None:
    client = Client()
    client.connection.pause_writing()
    for now in (29.0, 58.0, 87.0, 116.0):
        client.now = now
        client.connection.complete()
        assert not await client.is_cut_at(now)
    client.connection.resume_writing()
    client.connection.pause_writing()
    assert not await client.is_cut_at(120.0)
    for now in (145.0, 174.0, 203.0, 232.0):
        client.now = now
        client.connection.complete()
        assert not await client.is_cut_at(now)
    assert await client.is_cut_at(116.0 + 120.0)


async def test_a_server_that_is_full_ends_the_connection_longest_without_a_request() -> None:
    now = [0.0]
    connections = Connections(HttpLimits(connections=3), lambda: now[0])
    arrived = [arrive(connections, "127.0.0.1") for _ in range(3)]
    for _, connection in arrived[:2]:
        connections.receive(connection, 1)  # a head that does not end
    assert not connections.make_room("127.0.0.1")
    now[0] = connections.limits.min_idle_seconds
    connections.enter(arrived[0][1], Phase.BUSY)
    assert connections.make_room("127.0.0.1")
    assert [transport.is_cut for transport, _ in arrived] == [False, True, False]


async def test_a_forwarded_caller_that_was_turned_away_is_counted_once() -> None:
    connections = Connections(HttpLimits(connections_per_address=1, answered_refusals=1))
    arrive(connections, "127.0.0.9")
    for _ in range(3):
        transport, connection = arrive(connections, "127.0.0.9")
        connections.forward(connection)
        assert connection.is_turned_away
        assert not transport.is_cut
        connections.leave(connection)
    assert connections.make_room("127.0.0.9")
