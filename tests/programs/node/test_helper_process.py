"""The helper process of sync: it answers, and whatever becomes of it, blocks are imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from btt_chain.chain.prechecks import helper as helpers
from btt_chain.chain.prechecks.helper import COMMAND, HelperProcess
from btt_chain.chain.prechecks.process import NICE
from btt_chain.chain.prechecks.store import FULL, PrecheckedStore
from btt_chain.chain.prechecks.wire import Answer, Verdicts
from btt_chain.consensus.importer import Importer
from btt_chain.node.blocks.prechecks import Prechecks
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from btt_chain.testing.process import ProcessId
from support.babe_author import SLOT, SLOT_MS, Author, new_client
from support.prechecks import offered

PATIENCE = 60.0
RUBBISH = (
    "import sys; sys.stdin.buffer.read(4); "
    "sys.stdout.buffer.write(b'\\x20\\0\\0\\0' + b'r' * 32); sys.stdout.flush()"
)
QUICK = (
    *(sys.executable, "-P", "-c"),
    "from btt_chain.chain.prechecks import process; process.NICE = 0; process.main()",
)
"""The helper with the priority of the tests, which may run on busy machines."""
DEAF = "import time; time.sleep(600)"


@pytest.fixture(scope="module")
def author() -> Author:
    return Author()


@pytest.fixture(scope="module")
def headers(author: Author) -> list[Header]:
    return [author.extend(SLOT + n) for n in range(60)]


class Node:
    """The importing side of a node with a helper process, and the blocks of another's chain."""

    def __init__(self, author: Author, headers: Sequence[Header], *command: str) -> None:
        self.author, self.headers = author, headers
        self.client = new_client()
        self.importer = Importer(self.client)
        self.store = self.client.runtimes.verdicts.prechecked
        self.helper = HelperProcess(self.store, command=command or QUICK)
        self.prechecks = Prechecks(self.client, self.importer, self.helper)

    def offer(self, first: int, last: int) -> None:
        self.prechecks.offer(
            [offered(header, self.author.body(header)) for header in self.headers[first:last]]
        )

    def take(self, first: int, last: int) -> None:
        for header in self.headers[first:last]:
            raw = Header.decode(header.encode())
            self.importer.import_block(raw, self.author.body(header), now_ms=(SLOT + 200) * SLOT_MS)


@contextmanager
def running(author: Author, headers: Sequence[Header], *command: str) -> Iterator[Node]:
    node = Node(author, headers, *command)
    try:
        yield node
    finally:
        node.prechecks.close()
    assert node.helper.pid is None


def until(what: str, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.02)


def process_of(pid: int | None) -> ProcessId:
    assert pid is not None
    process = ProcessId.of(pid)
    assert process is not None
    return process


def test_the_process_checks_what_the_node_imports(author: Author, headers: list[Header]) -> None:
    with running(author, headers) as node:
        node.offer(0, 60)
        until("60 verdicts on seals, 60 on proofs", lambda: node.store._held == 120)
        process = process_of(node.helper.pid)
        node.take(0, 60)
        assert node.store.used == 120
        assert not node.store
    assert node.client.best() == author.client.best()
    assert process.wait(PATIENCE)


def test_the_process_takes_only_what_others_leave(author: Author, headers: list[Header]) -> None:
    with running(author, headers, *COMMAND) as node:
        node.offer(0, 1)
        until("it has started", lambda: node.helper.pid is not None)
        pid = process_of(node.helper.pid).pid
        until("low priority", lambda: os.getpriority(os.PRIO_PROCESS, pid) >= NICE)


def test_a_helper_killed_midway_is_replaced_and_every_block_imported(
    author: Author, headers: list[Header], caplog: pytest.LogCaptureFixture
) -> None:
    with running(author, headers) as node:
        node.offer(0, 20)
        until("verdicts", lambda: node.store._held > 0)
        first = node.helper.pid
        assert process_of(first).send(signal.SIGKILL)
        node.offer(20, 30)
        until("it is seen to have ended", lambda: node.helper.pid != first)
        node.take(0, 40)
        until("it is stopped", lambda: not node.helper.is_running)
        assert "the helper process of sync is stopped" in caplog.text
        node.offer(40, 60)
        until("verdicts again", lambda: node.store._held > 0)
        node.take(40, 60)
    assert node.client.best() == author.client.best()


def test_rubbish_ends_the_helper_and_after_three_none_is_started(
    author: Author, headers: list[Header], caplog: pytest.LogCaptureFixture
) -> None:
    with running(author, headers, sys.executable, "-c", RUBBISH) as node:
        for at in range(5):
            node.offer(at, at + 1)
            until("it is stopped", lambda: not node.helper.is_running)
            node.take(at, at + 1)
        assert caplog.text.count("is stopped") == 3
        assert caplog.text.count("from now on") == 1
        assert not node.store


def test_a_helper_that_hangs_is_killed_and_the_import_never_waits(
    author: Author,
    headers: list[Header],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(helpers, "ANSWER_SECONDS", 0.5)
    with running(author, headers, sys.executable, "-c", DEAF) as node:
        node.offer(0, 1)
        until("a request is sent", lambda: node.helper._asked_at is not None)
        node.take(0, 30)
        time.sleep(0.6)
        node.offer(30, 31)
        until("it is stopped", lambda: not node.helper.is_running)
        assert "it does not answer" in caplog.text


def test_blocks_wait_in_a_bounded_queue(
    author: Author,
    headers: list[Header],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(helpers, "MAX_WAITING", 20)
    with running(author, headers, sys.executable, "-c", DEAF) as node:
        node.offer(0, 1)
        until("a request is sent", lambda: node.helper._asked_at is not None)
        node.offer(1, 25)
        assert len(node.helper._waiting) <= 20
        until("it is stopped", lambda: not node.helper.is_running)
        assert "it is too slow" in caplog.text


def test_the_blocks_of_a_sync_that_was_given_up_do_not_wait(
    author: Author, headers: list[Header]
) -> None:
    with running(author, headers, sys.executable, "-c", DEAF) as node:
        node.offer(0, 1)
        until("a request is sent", lambda: node.helper._asked_at is not None)
        node.offer(1, 25)
        assert len(node.helper._waiting) == 24
        node.offer(0, 10)
        assert len(node.helper._waiting) == 10


def test_thousands_of_empty_extrinsics_do_not_end_the_helper(
    author: Author, headers: list[Header], caplog: pytest.LogCaptureFixture
) -> None:
    with running(author, headers) as node:
        node.prechecks.offer([offered(header, [b""] * 50_000) for header in headers[:8]])
        until("verdicts on headers", lambda: node.store._held == 16)
        assert "is stopped" not in caplog.text


def test_a_helper_far_ahead_waits_until_verdicts_are_used(
    author: Author, headers: list[Header], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list[bool]()
    is_full = vars(PrecheckedStore)["is_full"].fget

    def recorded(store: PrecheckedStore) -> bool:
        found.append(is_full(store))
        return found[-1]

    monkeypatch.setattr(PrecheckedStore, "is_full", property(recorded))
    with running(author, headers) as node:
        node.store.add(Answer([Verdicts(u32(0), os.urandom(32 * FULL), b"")]))
        node.offer(0, 10)
        until("it has waited twice", lambda: found.count(True) >= 3)
        assert node.store._held == FULL
        assert len(node.helper._waiting) == 10
        node.take(0, 1)
        until("the others are checked", lambda: 0 < node.store._held <= 20)


def test_a_late_helper_leaves_the_next_blocks_to_the_node(
    author: Author, headers: list[Header]
) -> None:
    with running(author, headers) as node:
        node.take(0, 20)
        node.offer(10, 20)
        node.offer(20, 40)
        until("the blocks after the next", lambda: node.store._held >= 36)
        until("all are answered", lambda: not node.helper._waiting and not node.helper._asked_at)
        assert node.store._held <= 40, "blocks that are imported were checked"
        lead = node.helper._lead
        assert lead == 1
        node.offer(40, 60)
        until("verdicts", lambda: node.store._held >= 76)
        assert node.helper._lead < lead


def test_an_idle_helper_is_stopped_and_started_again(
    author: Author, headers: list[Header], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "IDLE_SECONDS", 0.3)
    with running(author, headers) as node:
        for first, last in ((0, 10), (10, 20)):
            node.offer(first, last)
            until("verdicts", lambda: node.store._held > 0)
            until("it is stopped", lambda: node.helper.pid is None)
            node.take(first, last)
        assert node.store.used == node.store.added > 20


def test_the_process_ends_when_its_node_is_killed() -> None:
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({list(COMMAND)!r}, stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as node:
        assert node.stdout is not None
        process = process_of(int(node.stdout.readline()))
        node.kill()
    assert process.wait(PATIENCE)
