"""Connections of commands: a node's chain, and the running of their asynchronous part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from btt_chain import daemon as programs
from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError, Disconnected
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.daemon import NotReady
from btt_chain.primitives import digits
from cli.common import show
from cli.common.errors import Mistyped, of_client
from cli.common.files import read_bytes

if TYPE_CHECKING:
    from btt_chain.client.jsonrpc import Connection
    from btt_chain.daemon import Daemon

Result = TypeVar("Result")
LOCAL: Final = ("Development", "Local")
"""Types of chains whose money has no value."""
MAX_PATH: Final = 256
"""Characters below which an argument may be the name of a file."""


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run a command's asynchronous part; errors of the client become those of commands."""
    with _client_errors():
        return asyncio.run(work)


def run_until_stopped(
    work: Coroutine[object, object, Result], imports: Sequence[str] = ()
) -> Result | None:
    """Run a command that goes on until SIGTERM or SIGHUP: `daemon.run_until_stopped`."""
    with _client_errors():
        return programs.run_until_stopped(work, show.note, imports)


async def is_local(connection: Connection) -> bool:
    """Return True if the chain is one of a single machine."""
    return await connection.call("system_chainType") in LOCAL


@contextmanager
def _client_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise of_client(error) from None


@asynccontextmanager
async def open_chain(url: str, timeout: float, at: str | None = None) -> AsyncIterator[Chain]:
    """Connect to a node's chain; `at` is a block by number or hash.

    The connection is a WebSocket, also for a URL of http: each node has both on one port.
    """
    async with await WebSocket.connect(url, timeout) as connection:
        yield await Chain.open(connection, at)


async def first_step(daemon: Daemon, step: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Do the first step of a program beside a node, which it waits for.

    Any other error of the step ends the program: the chain may not be one of its kind.
    """

    async def decisive(connection: Connection) -> Result:
        try:
            return await step(connection)
        except (Disconnected, NotReady):
            raise
        except ClientError as error:
            raise of_client(error) from None

    return await daemon.run(decisive)


def call_given(text: str) -> bytes:
    """Return the call of `--call`: hex, or a file that holds it. Mistyped if it is neither."""
    if len(text) < MAX_PATH and Path(text).is_file():
        text = read_bytes(Path(text)).decode("utf-8-sig", "replace")
    return from_hex(text, "--call")


def from_hex(text: str, what: str) -> bytes:
    """Return the bytes that were typed in hex. Mistyped if the text is not hex."""
    try:
        return digits.from_hex(text.strip())
    except ValueError:
        raise Mistyped(f"{what} is not hex") from None
