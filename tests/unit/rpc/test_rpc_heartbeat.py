"""A WebSocket whose client is gone is found by a ping; one that answers stays."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from aiohttp import ClientSession, WSMsgType

from btt_chain.rpc import server as server_module
from btt_chain.rpc.api import RpcService
from btt_chain.rpc.heartbeat import Heartbeats
from btt_chain.rpc.limits import Limits
from btt_chain.rpc.server import RpcConfig
from btt_chain.rpc.visitors import Visitor
from support.rpc_backend import ModelBackend

INTERVAL = 30.0


class Client:
    """The connection of a client, as far as heartbeats see it; also its socket."""

    address = "192.0.2.1"

    def __init__(self, *, is_broken: bool = False) -> None:
        self.since = 0.0
        self.unread = 0
        self.pings = 0
        self.is_broken = is_broken

    async def ping(self, message: bytes = b"") -> None:
        if self.is_broken:
            raise ConnectionResetError("it has gone")
        self.pings += 1

    @property
    def visitor(self) -> Visitor:
        return cast(Visitor, self)


@pytest.fixture
def heartbeats() -> Heartbeats:
    return Heartbeats(INTERVAL)


async def test_a_silent_client_is_pinged_once_and_then_cut_off(heartbeats: Heartbeats) -> None:
    client = Client()
    heartbeats.add(client, client.visitor)
    assert heartbeats.sweep(29.0) == []
    await asyncio.sleep(0)
    assert client.pings == 0
    for now in (30.0, 35.0, 40.0, 44.9):
        assert heartbeats.sweep(now) == []
    await asyncio.sleep(0)
    assert client.pings == 1
    assert heartbeats.sweep(45.0) == [client.visitor]


async def test_any_message_is_an_answer(heartbeats: Heartbeats) -> None:
    client = Client()
    heartbeats.add(client, client.visitor)
    assert heartbeats.sweep(30.0) == []
    client.since = 31.0
    for now in (46.0, 60.9, 61.0, 75.9):
        assert heartbeats.sweep(now) == []
    await asyncio.sleep(0)
    assert client.pings == 2
    assert heartbeats.sweep(76.0) == [client.visitor]


async def test_a_client_in_the_middle_of_a_message_is_not_silent(heartbeats: Heartbeats) -> None:
    client = Client()
    client.unread = 1
    heartbeats.add(client, client.visitor)
    for now in (29.0, 58.0, 87.0):
        client.unread += 1
        assert heartbeats.sweep(now) == []
    await asyncio.sleep(0)
    assert client.pings == 0
    assert heartbeats.sweep(117.0) == []
    assert heartbeats.sweep(132.0) == [client.visitor]


async def test_a_ping_that_cannot_be_sent_breaks_nothing(heartbeats: Heartbeats) -> None:
    client = Client(is_broken=True)
    heartbeats.add(client, client.visitor)
    assert heartbeats.sweep(30.0) == []
    await asyncio.sleep(0)
    assert heartbeats.sweep(45.0) == [client.visitor]


async def test_a_closed_connection_is_watched_no_more(heartbeats: Heartbeats) -> None:
    client = Client()
    heartbeats.add(client, client.visitor)
    assert heartbeats.sweep(30.0) == []
    heartbeats.remove(client)
    await asyncio.sleep(0)
    assert client.pings == 0
    assert heartbeats.sweep(90.0) == []


async def test_only_the_client_that_answers_pings_stays_connected(
    backend: ModelBackend, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SWEEP_EVERY", 0.02)
    service = RpcService(backend, RpcConfig(port=0, limits=Limits(ping=0.2)))
    await service.start()
    url = f"ws://127.0.0.1:{service.port}"
    answers = await session.ws_connect(url)
    silent = await session.ws_connect(url, autoping=False)
    reader = asyncio.ensure_future(answers.receive())
    assert (await asyncio.wait_for(silent.receive(), 10)).type is WSMsgType.PING
    gone = await asyncio.wait_for(silent.receive(), 10)
    assert gone.type in {WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR, WSMsgType.CLOSE}
    assert not reader.done()
    await answers.send_str('{"jsonrpc":"2.0","id":1,"method":"system_name"}')
    assert '"result"' in (await asyncio.wait_for(reader, 10)).data
    await service.stop()
