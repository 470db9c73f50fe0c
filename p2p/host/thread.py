"""A thread in which trio runs, for a program that runs on asyncio.

One thread per network, so that several nodes fit into one process. libp2p is used in this thread
only; data goes in and out through queues.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable

import trio

from p2p.errors import NetworkError

log = logging.getLogger(__name__)

STOP_SECONDS = 2.5
"""Time for `main` to close its connections before it is cancelled."""
JOIN_SECONDS = 10.0
"""Time for the thread to end before it is given up: it is a daemon and ends with the process."""


class TrioThread:
    """Runs `main(ready, stop)` under trio; `ready()` makes `start` return, `stop` ends it."""

    def __init__(
        self, main: Callable[[Callable[[], None], trio.Event], Awaitable[None]], name: str
    ) -> None:
        self._main = main
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope: trio.CancelScope | None = None
        self._stop: trio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: asyncio.Future[None] | None = None
        self._ended: asyncio.Event | None = None

    async def start(self) -> None:
        """Start, and wait until `main` is ready. Raises what `main` raised before that."""
        self._loop = asyncio.get_running_loop()
        self._ready = self._loop.create_future()
        self._ended = asyncio.Event()
        self._thread.start()
        try:
            await self._ready
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Request `main` to end, cancel it if it does not, and join the thread."""
        if self._ended is None:
            return
        self._inside(self._ask)
        if not await self._has_ended(STOP_SECONDS):
            self._inside(self._cancel)
            if not await self._has_ended(JOIN_SECONDS):
                log.error("the network thread does not end and is abandoned")
                return
        self._thread.join(JOIN_SECONDS)

    async def _has_ended(self, patience: float) -> bool:
        if self._ended is None:
            return True
        try:
            async with asyncio.timeout(patience):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    def call(self, function: Callable[[], None]) -> bool:
        """Schedule `function` in the trio thread, from any thread. Return True if trio runs."""
        return self._inside(function)

    # --- trio thread ------------------------------------------------------------------

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            trio.run(self._root)
        except BaseException as caught:  # noqa: BLE001  (an exception has no caller in a thread)
            error = caught
            log.debug("the network thread ended: %r", caught)
        self._outside(lambda: self._finish(error))

    async def _root(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._stop = trio.Event()
        with trio.CancelScope() as self._scope:
            await self._main(self._say_ready, self._stop)

    def _say_ready(self) -> None:
        self._outside(self._set_ready)

    def _ask(self) -> None:
        if self._stop is not None:
            self._stop.set()

    def _cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    # --- between the threads ----------------------------------------------------------

    def _inside(self, function: Callable[[], None]) -> bool:
        if self._token is None:
            return False
        try:
            self._token.run_sync_soon(function)
        except trio.RunFinishedError:
            return False
        return True

    def _outside(self, function: Callable[[], None]) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            log.debug("the event loop has ended before the network")

    def _set_ready(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def _finish(self, error: BaseException | None) -> None:
        if self._ended is not None:
            self._ended.set()
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(_as_error(error))


def _as_error(error: BaseException | None) -> Exception:
    """Return the exception for `start`: the one that ended trio, unwrapped from its groups."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, NetworkError):
        return error
    return NetworkError(f"the network ended before it had begun: {error!r}")
