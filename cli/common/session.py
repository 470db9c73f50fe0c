"""Connections of commands: a node's chain, and the running of their asynchronous part."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from btt_chain.client.errors import ClientError
from cli.common.errors import Mistyped, of_client

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain

Result = TypeVar("Result")


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run a command's asynchronous part; errors of the client become those of commands."""
    try:
        return asyncio.run(work)
    except ClientError as error:
        raise of_client(error) from None


def run_until_stopped(work: Coroutine[object, object, Result]) -> Result | None:
    """Run a command that goes on until SIGTERM: then it ends in order, without a result.

    Its exit code is 0, as that of a node: a service manager stops it that way.
    """
    stopped = False

    async def stoppable() -> Result | None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def stop() -> None:
            nonlocal stopped
            stopped = True
            if task is not None:
                task.cancel()

        loop.add_signal_handler(signal.SIGTERM, stop)
        try:
            return await work
        except asyncio.CancelledError:
            if not stopped:
                raise
            return None

    return run(stoppable())


@asynccontextmanager
async def open_chain(url: str, timeout: float, at: str | None = None) -> AsyncIterator[Chain]:
    """Connect to a node's chain; `at` is a block by number or hash.

    The connection is a WebSocket, also for a URL of http: each node has both on one port.
    """
    from btt_chain.client.chain import Chain
    from btt_chain.client.jsonrpc import WebSocket

    async with await WebSocket.connect(url, timeout) as connection:
        yield await Chain.open(connection, at)


def from_hex(text: str, what: str) -> bytes:
    """Return the bytes that were typed in hex. Mistyped if it is none."""
    try:
        return bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        raise Mistyped(f"{what} is not hex") from None
