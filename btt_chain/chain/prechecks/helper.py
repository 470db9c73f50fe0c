"""The helper process as the node uses it: a thread passes it one request after the other.

    stopped   no process; the next block starts one
    running   requests and answers alternate; after IDLE_SECONDS without blocks it is stopped
    failed    it ended, answered rubbish, hung or was too slow: it is killed, and started again with
              the next block, MAX_FAILURES times in the life of the node

Thread and process end with the node by themselves: the process at the end of its input.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import IO, Final

from btt_chain.chain.prechecks.store import BadVerdicts, PrecheckedStore
from btt_chain.chain.prechecks.wire import (
    BadFrame,
    Item,
    Request,
    Rules,
    Start,
    decode_answer,
    encode_request,
    read_frame,
    write_frame,
)
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.header import Header
from btt_chain.scale import DecodeError

log = logging.getLogger(__name__)

COMMAND: Final = (sys.executable, "-P", "-m", "btt_chain.chain.prechecks.process")
IDLE_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0
"""Seconds after which a request without an answer means that the helper hangs."""
MAX_FAILURES: Final = 3
MAX_WAITING: Final = 2_048
"""Blocks that wait for the helper above which it is too slow; sync offers 512 before their import.
"""
MAX_REQUEST_BYTES: Final = 64 << 10
"""Bytes of bodies, and one more for each extrinsic, above which no further block joins a request:
some 30 ms of checks."""
MAX_REQUEST_BLOCKS: Final = 32
MAX_LEAD: Final = 128
"""Maximum number of next blocks that are left to the node, where the helper is late."""
MAX_BODY_BYTES: Final = 8 << 20
"""Bytes of a body above which the node checks it alone: no valid block is as large."""
MAX_EXTRINSICS: Final = 65_536
FULL_PAUSE: Final = 0.05
"""Seconds between two looks whether the node has used enough of the verdicts."""


@dataclass(frozen=True, slots=True)
class Work:
    """A block to check."""

    header: Header
    body: Sequence[bytes]
    rules: Rules
    start: Start | None
    """None if the block follows on the one before."""


class HelperFailed(Exception):
    """The helper process does not do its work; the text says why."""


class HelperProcess:
    """The process, its thread, and the blocks that wait."""

    def __init__(self, store: PrecheckedStore, *, command: Sequence[str] = COMMAND) -> None:
        """Verdicts go to `store`; nothing is started before the first block."""
        self._store: Final = store
        self._command: Final = tuple(command)
        self._changed: Final = threading.Condition()
        # All below are guarded by it.
        self._waiting: deque[Work] = deque()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._imported = 0
        self._asked_at: float | None = None
        """Time of the request in flight."""
        self._lead = 0
        """Number of blocks, from the next one to import, that a request would be late for."""
        self._fault = ""
        """Reason for which it was killed."""
        self._failures = 0
        self._is_closed = False

    @property
    def is_running(self) -> bool:
        """True if blocks that follow on the last one can be checked as such."""
        return self._thread is not None

    @property
    def pid(self) -> int | None:
        """The id of the process, None if there is none."""
        process = self._process
        return None if process is None else process.pid

    def put(self, work: Work) -> None:
        """Queue a block. Returns at once; a helper that has failed too often gets none."""
        with self._changed:
            if self._is_closed or self._failures >= MAX_FAILURES:
                return
            if work.start is not None:
                self._waiting.clear()  # those of a sync that was given up
            if len(self._waiting) >= MAX_WAITING:
                self._kill("it is too slow")
                return
            if self._asked_at is not None and time.monotonic() - self._asked_at > ANSWER_SECONDS:
                self._kill("it does not answer")
                return
            self._waiting.append(work)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="prechecks", daemon=True)
                self._thread.start()
            self._changed.notify()

    def imported(self, number: int) -> None:
        """Note that blocks up to a height are imported: they need no checks."""
        self._imported = number
        if self._store:
            self._store.forget(number)

    def close(self) -> None:
        """End the process, and start none any more."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            self._kill("")
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=ANSWER_SECONDS)

    def _kill(self, why: str) -> None:
        """Kill the process; its thread receives the end of its output."""
        self._waiting.clear()
        if self._process is not None:
            self._fault = why
            self._process.kill()

    # ---- the thread

    def _run(self) -> None:
        try:
            self._talk()
        except (OSError, BadFrame, BadVerdicts, DecodeError, HelperFailed) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        with self._changed:
            self._waiting.clear()
            self._thread = self._asked_at = None
            fault, self._fault = self._fault, ""
            if self._is_closed:
                return
            self._failures += 1
            is_last = self._failures >= MAX_FAILURES
        log.warning(
            "the helper process of sync is stopped: %s. This node checks signatures itself%s",
            fault or error,
            " from now on" if is_last else "",
        )

    def _talk(self) -> None:
        """Run the process until it has been idle. Raises HelperFailed and as the streams do."""
        process = subprocess.Popen(  # noqa: S603 - this program
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with self._changed:
            self._process = process
        try:
            source, sink = process.stdout, process.stdin
            if source is None or sink is None:
                raise HelperFailed("it has no pipes")
            log.info("a helper process checks signatures of the next blocks (pid %d)", process.pid)
            while (request := self._next_request()) is not None:
                self._ask(request, source, sink)
            log.info(
                "the helper process is stopped: %d verdicts, %d of them used",
                self._store.added,
                self._store.used,
            )
        finally:
            with self._changed:
                if self._process is process:  # not that of the next thread
                    self._process = None
            process.kill()
            process.communicate()

    def _ask(self, request: Request, source: IO[bytes], sink: IO[bytes]) -> None:
        """Pass a request to the process, and its verdicts to the store."""
        self._asked_at = time.monotonic()
        write_frame(sink, encode_request(request))
        raw = read_frame(source)
        self._asked_at = None
        if raw is None:
            raise HelperFailed("it ended")
        answer = decode_answer(raw)
        self._store.add(answer)
        if answer.blocks:
            # Verdicts that come when their block is imported, or being imported, are of no use.
            is_late = answer.blocks[0].number <= self._imported + 1
            self._lead = min(2 * self._lead + 1, MAX_LEAD) if is_late else self._lead * 7 // 8

    def _next_request(self) -> Request | None:
        """Return the next blocks, at most MAX_REQUEST_BYTES; None if it is to stop."""
        with self._changed:
            while self._store.is_full and not self._is_closed:
                self._changed.wait(FULL_PAUSE)
            self._changed.wait_for(lambda: self._waiting or self._is_closed, IDLE_SECONDS)
            if not self._waiting:
                self._thread = None
                return None
            first = self._waiting[0]
            room, items = MAX_REQUEST_BYTES, list[Item]()
            while self._waiting and len(items) < MAX_REQUEST_BLOCKS and room > 0:
                work = self._waiting[0]
                if items and (work.start is not None or work.rules != first.rules):
                    break
                items.append(self._item(self._waiting.popleft()))
                body = items[-1].body or ()
                room -= sum(map(len, body)) + len(body)  # they may be empty, and thousands
        return Request(first.rules, first.start, items)

    def _item(self, work: Work) -> Item:
        """Return a block for a request, without the body if that needs no checks."""
        is_late = int(work.header.number) <= self._imported + self._lead
        is_large = len(work.body) > MAX_EXTRINSICS or sum(map(len, work.body)) > MAX_BODY_BYTES
        body = None if is_late or is_large else list(work.body)
        return Item(work.header.encode(), body)


def has_spare_core() -> bool:
    """Return True if this process may run on more than one core."""
    try:
        return len(os.sched_getaffinity(0)) > 1
    except AttributeError:  # not on every system
        return (os.cpu_count() or 1) > 1
