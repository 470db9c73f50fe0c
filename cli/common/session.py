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
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from btt_chain.client.errors import ClientError
from cli.common import show
from cli.common.errors import ExitCode, Mistyped, of_client

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.client.jsonrpc import Connection
    from btt_chain.daemon import Daemon

Result = TypeVar("Result")
STOPS: Final = (signal.SIGTERM, signal.SIGHUP)
"""Signals of a service manager, and of a terminal that closes."""
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

    async def stoppable() -> Result | None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def stop(number: signal.Signals) -> None:
            nonlocal stopped
            if task is not None and not stopped:  # a second signal does not disturb the end
                stopped = True
                show.note(f"stopped by {number.name}")
                task.cancel()

        for number in _stops():
            loop.add_signal_handler(number, stop, number)
        try:
            return await work
        except asyncio.CancelledError:
            if not stopped:
                raise
            return None

    with _ended_by_signal(work):
        for name in imports:
            import_module(name)
    return run(stoppable())


def _stops() -> list[signal.Signals]:
    """Return the signals that stop the program: not those that `nohup` lets it ignore."""
    return [number for number in STOPS if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def _ended_by_signal(work: Coroutine[object, object, object]) -> Iterator[None]:
    """End the program at once on a signal to stop, with code 0: nothing has begun yet."""

    def end(_number: int, _frame: object) -> NoReturn:
        work.close()
        sys.exit(ExitCode.DONE)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in _stops()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@asynccontextmanager
async def open_chain(url: str, timeout: float, at: str | None = None) -> AsyncIterator[Chain]:
    """Connect to a node's chain; `at` is a block by number or hash.

    The connection is a WebSocket, also for a URL of http: each node has both on one port.
    """
    from btt_chain.client.chain import Chain
    from btt_chain.client.jsonrpc import WebSocket

    async with await WebSocket.connect(url, timeout) as connection:
        yield await Chain.open(connection, at)


async def first_step(daemon: Daemon, step: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Do the first step of a program beside a node, which it waits for.

    Any other error of the step ends the program: the chain may not be one of its kind.
    """
    from btt_chain.client.errors import Disconnected
    from btt_chain.daemon import NotReady

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
        text = Path(text).read_text(errors="replace")
    return from_hex(text, "--call")


def from_hex(text: str, what: str) -> bytes:
    """Return the bytes that were typed in hex. Mistyped if it is none."""
    try:
        return bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        raise Mistyped(f"{what} is not hex") from None
