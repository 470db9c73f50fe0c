"""The connection behind the pages, when the node that it led to was restarted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from btt_chain.client.jsonrpc import Connection, WebSocket
from btt_chain.explorer.chaindata import ChainData
from btt_chain.explorer.context import LiveNode
from btt_chain.explorer.index.queries import Index
from btt_chain.explorer.index.source import Source
from support.explorer import ChainConnection


class Node:
    """A server that answers for the chain, and can end all its connections."""

    def __init__(self, chain: ChainConnection) -> None:
        self._chain = chain
        self.sockets: list[web.WebSocketResponse] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            asked = json.loads(message.data)
            result = await self._chain.call(asked["method"], *asked.get("params", ()))
            await socket.send_json({"jsonrpc": "2.0", "id": asked["id"], "result": result})
        return socket


async def test_a_page_after_a_restart_of_the_node_gets_a_new_connection(
    economy: ChainConnection, economy_index: Path
) -> None:
    node = Node(economy)
    application = web.Application()
    application.router.add_get("/", node.serve)
    index = Index(economy_index)
    data = ChainData(index, await Source(economy).names())
    async with TestServer(application) as server:

        async def connect() -> Connection:
            return await WebSocket.connect(f"ws://127.0.0.1:{server.port}/")

        live = LiveNode(connect, data.specs)
        spec = index.specs()[0][0]
        first = await live.chain(spec)
        assert await live.chain(spec) is first
        await node.sockets[0].close()
        assert isinstance(first.connection, WebSocket)
        async with asyncio.timeout(10):
            while not first.connection.is_lost:
                await asyncio.sleep(0.01)
        second = await live.chain(spec)
        assert (await second.best()).number == economy.view.best().number
        assert len(node.sockets) == 2
        await live.close()
    index.close()
