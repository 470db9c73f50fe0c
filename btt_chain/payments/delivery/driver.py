"""The loop of deliveries: due events go from the journal to the transport, decisions back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from btt_chain.payments.delivery.courier import Closed, Courier, Decision
from btt_chain.payments.delivery.journal import Journal, Stored
from btt_chain.payments.delivery.transport import Result
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.webhook import RETRIES_S, headers

MAX_PAUSE_S: Final = 1.0
"""Maximum seconds between two reads of the journal, to which others may write."""


class Post(Protocol):
    """Sender of one delivery; `Transport` implements it."""

    async def post(self, headers: Mapping[str, str], body: bytes, /) -> Result:
        """Send a body once; return the status, or why there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """An attempt and its consequence, for the log."""

    id: str
    result: Result
    decision: Decision


class GoneError(PaymentError):
    """The receiver answered 410: it wants no more deliveries."""


class Deliveries:
    """Delivers a journal's events until cancelled."""

    def __init__(
        self,
        journal: Journal,
        post: Post,
        secret: str,
        clock_ms: Callable[[], int],
        on_report: Callable[[Report], None] = lambda _report: None,
        retries_s: Sequence[int] = RETRIES_S,
    ) -> None:
        self._journal = journal
        self._post = post
        self._secret = secret
        self._clock_ms = clock_ms
        self._on_report = on_report
        self._courier = Courier(retries_s=retries_s)
        self._tasks: dict[asyncio.Task[Result], Stored] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for new events now."""
        self._wake.set()

    async def run(self, *, until_empty: bool = False) -> None:
        """Deliver until cancelled, or with `until_empty` until no event waits.

        Raises GoneError if the receiver wants nothing any more. Deliveries in flight are cancelled
        at the end; they are sent again the next time.
        """
        try:
            while not until_empty or self._tasks or self._journal.counts().waiting:
                self._start()
                await self._some_answer()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._tasks.clear()
            self._courier.forget()

    def _start(self) -> None:
        courier = self._courier
        if not courier.room:
            return
        for due in courier.send(self._journal.due(self._clock_ms(), courier.room, courier.flying)):
            stored = self._journal.stored(due.seq)
            signed = headers(self._secret, stored.id, self._clock_ms() // 1_000, stored.body)
            self._tasks[asyncio.create_task(self._post.post(signed, stored.body))] = stored

    async def _some_answer(self) -> None:
        """Wait for an answer, for the next due event or for `wake`, and record the answers."""
        wake = asyncio.create_task(self._wake.wait())
        try:
            done, _ = await asyncio.wait(
                {*self._tasks, wake},
                timeout=self._pause_s(),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            wake.cancel()
        self._wake.clear()
        for task in [task for task in self._tasks if task in done]:
            self._record(self._tasks.pop(task), task.result())

    def _pause_s(self) -> float:
        if not self._courier.room:
            return MAX_PAUSE_S
        due = self._journal.next_due(self._courier.flying)
        if due is None:
            return MAX_PAUSE_S
        return min(MAX_PAUSE_S, max(0.0, (due - self._clock_ms()) / 1_000))

    def _record(self, stored: Stored, result: Result) -> None:
        decision = self._courier.answered(stored.seq, result.answer, self._clock_ms())
        self._journal.store(decision, result.reason)
        self._on_report(Report(stored.id, result, decision))
        if isinstance(decision, Closed):
            raise GoneError(
                "the webhook answered 410 Gone: deliveries stop, and all events are kept"
            )
