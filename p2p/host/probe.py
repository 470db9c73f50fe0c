"""One-shot requests to nodes that we are not connected with, and probes of their addresses.

Each has a connection of its own, outside the swarm: there is no handshake of the chain, no place is
taken on either side, nothing is gossiped, and at the end it is closed. Noise authenticates the
node. The caller sets the deadline, and asks the peer book first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

import trio
from libp2p.abc import IMuxedStream, INetStream, IRawConnection, ISecureConn
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.protocol_muxer.exceptions import ProtocolNotSupportedError
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.transport.tcp.tcp import TCP

from p2p.address import Address
from p2p.errors import NetworkError
from p2p.host.containment import ContainedSwarm, MeteredConnection, remote_ip
from p2p.host.resolving import dial_first
from p2p.host.streams import read_frame, write_frame

CLOSE_SECONDS: Final = 1.0


class ForeignNode(NetworkError):
    """The node is of another chain or version: do not dial it for a while."""


async def probe(swarm: ContainedSwarm, address: Address, *, allow_private: bool) -> str:
    """Return the IP address at which the node of `address` answered. Raises what libp2p raises."""
    async with _secured(swarm, address, allow_private=allow_private) as (connection, _):
        return remote_ip(connection)


async def request_once(
    swarm: ContainedSwarm,
    address: Address,
    protocol: TProtocol,
    question: bytes,
    bound: int,
    *,
    allow_private: bool,
) -> tuple[str, bytes | None]:
    """Send a request to the node at `address`; return the IP address it was reached at, and the
    answer, None if it refused.

    Raises ForeignNode, WireError for a malformed answer, and any error of libp2p.
    """
    failure: Exception | None = None
    answer: bytes | None = None
    async with _secured(swarm, address, allow_private=allow_private) as (connection, secure):
        ip = remote_ip(connection)
        muxed = await swarm.upgrader.upgrade_connection(secure, ID.from_string(address.peer))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cast(Yamux, muxed).start)
            try:
                answer = await _ask(await muxed.open_stream(), protocol, question, bound)
            except Exception as error:  # noqa: BLE001  (the nursery would wrap it in a group)
                failure = error
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return ip, answer


async def _ask(
    stream: IMuxedStream, protocol: TProtocol, question: bytes, bound: int
) -> bytes | None:
    talk, client = MultiselectCommunicator(stream), MultiselectClient()
    await client.handshake(talk)
    try:
        await client.try_select(talk, protocol)
    except ProtocolNotSupportedError as error:
        raise ForeignNode(str(error)) from error
    await write_frame(cast(INetStream, stream), question)
    return await read_frame(cast(INetStream, stream), bound)


@asynccontextmanager
async def _secured(
    swarm: ContainedSwarm, address: Address, *, allow_private: bool
) -> AsyncIterator[tuple[IRawConnection, ISecureConn]]:
    """Dial, and authenticate the node by Noise; close the connection at the end in any case."""
    raw = await dial_first(address, TCP().dial, allow_private=allow_private)
    connection = MeteredConnection.over(raw, swarm.traffic)
    try:
        peer = ID.from_string(address.peer)
        yield connection, await swarm.upgrader.upgrade_security(connection, True, peer)
    finally:
        with trio.move_on_after(CLOSE_SECONDS) as scope:
            scope.shield = True
            await connection.close()
