"""Connections of commands: a node's chain, and the running of their asynchronous part."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError, Disconnected
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.daemon import NotReady
from btt_chain.primitives import digits
from cli.common import show
from cli.common.errors import ExitCode, Mistyped, of_client
from cli.common.files import read_bytes
from cli.common.streams import ending_signals

if TYPE_CHECKING:
    from btt_chain.client.jsonrpc import Connection
    from btt_chain.daemon import Daemon

Result = TypeVar("Result")
MAX_PATH: Final = 256
"""Characters below which an argument may be the name of a file."""


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run a command's asynchronous part; errors of the client become those of commands."""
    try:
        return asyncio.run(work)
    except ClientError as error:
        raise of_client(error) from None


def run_until_stopped(
    work: Coroutine[object, object, Result], imports: Sequence[str] = ()
) -> Result | None:
    """Run a command that goes on until SIGTERM or SIGHUP: then it ends in order, without a result.

    Its exit code is 0, as that of a node: a service manager stops it that way. `imports` are the
    modules that `work` needs and that take long to import: they would delay the end.
    """
    stopped = False
    early: list[signal.Signals] = []

    async def stoppable() -> Result | None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def stop(number: signal.Signals) -> None:
            nonlocal stopped
            if task is not None and not stopped:  # a second signal does not disturb the end
                stopped = True
                show.note(f"stopped by {number.name}")
                task.cancel()

        for number in ending_signals():
            loop.add_signal_handler(number, stop, number)
        if early:
            show.note(f"stopped by {early[0].name}")
            work.close()
            return None
        try:
            return await work
        except asyncio.CancelledError:
            if not stopped:
                raise
            return None

    with _before_the_loop(work, early) as begin:
        for name in imports:
            import_module(name)
        begin()
        return run(stoppable())


@contextmanager
def _before_the_loop(
    work: Coroutine[object, object, object], early: list[signal.Signals]
) -> Iterator[Callable[[], None]]:
    """End the program at once on a signal to stop, with code 0: nothing has begun yet.

    After a call of the function that is given, signals are added to `early` instead: an event loop
    that is being made must not be interrupted.
    """
    has_begun = False

    def end(number: int, _frame: object) -> None:
        if has_begun:
            early.append(signal.Signals(number))
            return
        work.close()
        sys.exit(ExitCode.DONE)

    def begin() -> None:
        nonlocal has_begun
        has_begun = True

    if threading.current_thread() is not threading.main_thread():
        yield begin
        return
    before = {number: signal.signal(number, end) for number in ending_signals()}
    try:
        yield begin
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
