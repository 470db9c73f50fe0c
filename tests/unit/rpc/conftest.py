"""A served model chain, and clients to it over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession

from btt_chain.chain.runtimes import RuntimeRegistry
from btt_chain.rpc.api import RpcService
from btt_chain.rpc.backend import RuntimeCallError, UnknownBlock
from btt_chain.rpc.server import RpcConfig
from genesis.build import build
from genesis.catalogue import make
from runtime import BttRuntime
from runtime.frame.api import ApiError
from support.rpc_backend import ModelBackend
from support.rpc_client import HttpClient, WsClient
from support.runtime import DictState

Dial = Callable[[], Awaitable[WsClient]]


@pytest.fixture
def config() -> RpcConfig:
    return RpcConfig(port=0, origins=("all",))


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


@pytest.fixture
def runtime(backend: ModelBackend, monkeypatch: pytest.MonkeyPatch) -> BttRuntime:
    """The runtime of a development chain, on a state that answers the calls of the model chain."""
    state = DictState()
    state.data = dict(build(make("dev-manual")).state)
    loaded = RuntimeRegistry().of(state.get)
    runtime = loaded.queries.runtime
    assert isinstance(runtime, BttRuntime)
    runtime.enter(state)

    def call(hash: bytes, function: str, data: bytes) -> bytes:
        if hash == b"\x11" * 32:
            raise UnknownBlock(hash)
        try:
            return loaded.call(state, hash, {}, function, data)
        except ApiError as error:
            raise RuntimeCallError(str(error)) from error

    monkeypatch.setattr(backend.chain, "call", call)
    return runtime
