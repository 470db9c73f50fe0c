"""The driver of a custodian's machine: asks the node, and wakes the requests that wait."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Sequence

from btt_chain.client.errors import ClientError
from btt_chain.records.chain import RecordsChain
from btt_chain.records.custodian.machine import (
    STALE,
    AccessWanted,
    Action,
    Check,
    Checked,
    Close,
    Event,
    Machine,
    Refuse,
    Serve,
    SessionWanted,
    Ticked,
    Unanswered,
    View,
    Viewed,
)
from btt_chain.records.errors import AccessDenied, ChainError

log = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0


class Deciding:
    """Decisions about accesses and sessions, on one chain."""

    def __init__(
        self,
        chain: RecordsChain,
        now_ms: Callable[[], int],
        max_age_ms: int,
        on_close: Callable[[str], None],
    ) -> None:
        """`on_close` is called with the id of a session that ended."""
        self._chain = chain
        self._now_ms = now_ms
        self._on_close = on_close
        self._machine = Machine(max_age_ms=max_age_ms)
        self._decisions: dict[str, asyncio.Future[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def view(self) -> View | None:
        """The last view of the chain."""
        return self._machine.view

    def on_view(self, view: View) -> None:
        """Take in the node's head: open sessions are checked against it."""
        self._act(self._machine.on(Viewed(view, self._now_ms())))

    def tick(self) -> None:
        """End the sessions whose time is over."""
        self._act(self._machine.on(Ticked(self._now_ms())))

    async def allow(self, handle: bytes | None, session: str | None = None) -> None:
        """Wait until an access is decided. Raises AccessDenied."""
        id = secrets.token_hex(16)
        await self._decide(id, AccessWanted(id, handle, session, self._now_ms()))

    async def open(self, session: str, handle: bytes, until_ms: int) -> None:
        """Wait until a session is decided. Raises AccessDenied."""
        await self._decide(session, SessionWanted(session, handle, until_ms, self._now_ms()))

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Run something beside the requests."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait until nothing runs beside the requests."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    # ---- internals

    async def _decide(self, id: str, event: Event) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._decisions[id] = future
        try:
            self._act(self._machine.on(event))
            async with asyncio.timeout(ANSWER_SECONDS):
                await future
        except TimeoutError:
            raise AccessDenied(STALE) from None
        finally:
            del self._decisions[id]

    def _act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Check(handle, view):
                    self.start(self._check(handle, view))
                case Serve(id):
                    self._resolve(id, None)
                case Refuse(id, reason):
                    self._resolve(id, AccessDenied(reason))
                case Close(id, reason):
                    log.info("a session ended: %s", reason)
                    self._on_close(id)

    def _resolve(self, id: str, error: AccessDenied | None) -> None:
        future = self._decisions.get(id)
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    async def _check(self, handle: bytes, view: View) -> None:
        try:
            at_best = await self._chain.is_revoked(handle, view.best.hash)
            at_final = await self._chain.is_revoked(handle, view.final.hash)
            newest = await self._chain.view()
        except (ClientError, ChainError) as error:
            log.warning("the node does not answer for a consent: %s", error)
            self._act(self._machine.on(Unanswered(handle)))
            return
        self.on_view(newest)
        checked = Checked(handle, view, at_best, at_final, self._now_ms())
        self._act(self._machine.on(checked))
