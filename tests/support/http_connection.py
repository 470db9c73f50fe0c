"""Connections to a server without sockets."""

from __future__ import annotations

import asyncio
from typing import NoReturn, cast

from aiohttp.web_request import BaseRequest
from aiohttp.web_server import Server

from btt_chain.web.connections import Connections, HttpConnection


class Transport:
    """A TCP connection that notes that it was cut."""

    def __init__(self) -> None:
        self.is_cut = False

    def abort(self) -> None:
        self.is_cut = True


async def _unasked(_request: BaseRequest) -> NoReturn:
    raise NotImplementedError


def arrive(connections: Connections, address: str) -> tuple[Transport, HttpConnection]:
    """Return a connection of an address that was accepted."""
    transport = Transport()
    connection = HttpConnection(Server(_unasked), connections)
    connection.transport = cast("asyncio.Transport", cast("object", transport))
    connections.arrive(connection, address)
    return transport, connection
