"""A served model chain, and clients to it over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession

from btt_chain.rpc.access import ANY_ORIGIN
from btt_chain.rpc.api import RpcService
from btt_chain.rpc.server import RpcConfig
from support.rpc_backend import ModelBackend
from support.rpc_client import HttpClient, WsClient

Dial = Callable[[], Awaitable[WsClient]]


@pytest.fixture
def config() -> RpcConfig:
    return RpcConfig(port=0, origins=ANY_ORIGIN)


@pytest.fixture
def backend() -> ModelBackend:
    return ModelBackend()


@pytest.fixture
async def service(backend: ModelBackend, config: RpcConfig) -> AsyncIterator[RpcService]:
    service = RpcService(backend, config)
    await service.start()
    yield service
    await service.stop()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture
async def http(service: RpcService, session: ClientSession) -> HttpClient:
    return HttpClient(session, service.port)


@pytest.fixture
async def dial(service: RpcService, session: ClientSession) -> Dial:
    async def connect() -> WsClient:
        url = f"ws://127.0.0.1:{service.port}"
        return WsClient(await session.ws_connect(url, max_msg_size=0))

    return connect


@pytest.fixture
async def ws(dial: Dial) -> AsyncIterator[WsClient]:
    client = await dial()
    yield client
    await client.socket.close()
