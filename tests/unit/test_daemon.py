"""The base of programs that follow a chain, on nodes that a test makes up, in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar, cast

import pytest

from btt_chain.client.chain import BlockRef
from btt_chain.client.errors import Disconnected, InvalidArgument, RpcError, TimedOut
from btt_chain.client.jsonrpc import Connection, Json, WebSocket
from btt_chain.daemon import (
    BEAT,
    MAX_PAUSE,
    STALL,
    STEADY,
    Absent,
    Backoff,
    Daemon,
    NodeView,
    OtherChain,
    Presence,
    blocks,
    is_past,
    objection,
)
from support.virtual_time import run_virtually

T = TypeVar("T")
URL = "ws://node.example:9944"
HOUR = 3_600.0


def hash_of(number: int, branch: int = 0) -> bytes:
    return bytes([branch]) * 28 + number.to_bytes(4, "big")


@dataclass
class FakeNode:
    """A node as its JSON-RPC shows it; `faults` are raised by the next attempts to connect."""

    best: int = 10
    final: int = 8
    branch: int = 0
    is_syncing: bool = False
    should_have_peers: bool = True
    is_silent: bool = False
    faults: list[Exception] = field(default_factory=list)
    attempts: list[float] = field(default_factory=list)
    open: int = 0

    async def connect(self, url: str, timeout: float, **_: object) -> FakeNode:
        assert (url, timeout) == (URL, 60.0)
        self.attempts.append(asyncio.get_running_loop().time())
        if self.faults:
            raise self.faults.pop(0)
        return self

    async def __aenter__(self) -> Self:
        self.open += 1
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.open -= 1

    async def call(self, method: str, *params: Json) -> Json:
        if self.is_silent:
            await asyncio.sleep(60)
            raise TimedOut(f"{URL} did not answer")
        match method, params:
            case "chain_getBlockHash", (int(number),):
                known = number <= self.best
                return "0x" + hash_of(number, self.branch if number else 0).hex() if known else None
            case "chain_getFinalizedHead", ():
                return "0x" + hash_of(self.final, self.branch if self.final else 0).hex()
            case "chain_getHeader", (str(text),):
                return {"number": hex(int(text[-8:], 16))}
            case "system_health", ():
                return {
                    "peers": 1, "isSyncing": self.is_syncing,
                    "shouldHavePeers": self.should_have_peers,
                }  # fmt: skip
        raise AssertionError(method)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    made = FakeNode()
    monkeypatch.setattr(WebSocket, "connect", made.connect)
    return made


Work = Callable[[WebSocket], Awaitable[T]]


async def done(_connection: WebSocket) -> str:
    return "done"


def run(work: Work[T], lines: list[str] | None = None, patience: float | None = None) -> T:
    report = (lambda _: None) if lines is None else lines.append
    return run_virtually(in_time(Daemon(URL, report=report, patience=patience), work))


async def in_time(followed: Daemon, work: Work[T]) -> T:
    async with asyncio.timeout(HOUR):
        return await followed.run(work)


# ---- the policy of retries


def test_pauses_double_to_a_bound_and_begin_anew_after_steady_work() -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.failed(0) for _ in range(7)] == [0.5, 1, 2, 4, 8, MAX_PAUSE, MAX_PAUSE]
    assert backoff.failed(STEADY - 1) == MAX_PAUSE
    assert backoff.failed(STEADY) == 0.5
    for _ in range(10_000):
        assert backoff.failed(0) <= MAX_PAUSE


def test_a_pause_is_shortened_by_chance_so_that_programs_do_not_return_together() -> None:
    assert Backoff(lambda: 0.999_999).failed(0) == pytest.approx(0.25, rel=1e-3)
    assert len({Backoff().failed(0) for _ in range(8)}) > 1


@pytest.mark.parametrize(
    "fault",
    [
        Disconnected(f"{URL} refuses the connection"),
        TimedOut(f"{URL} did not answer"),
        RpcError("state_call", 4003, "State already discarded", None),
    ],
)
def test_the_first_connection_is_waited_for_with_one_line(node: FakeNode, fault: Exception) -> None:
    lines: list[str] = []
    node.faults = [fault] * 50
    assert run(done, lines) == "done"
    assert len(node.attempts) == 51
    assert lines == [
        f"{fault}; waiting, and trying again",
        f"following {URL}, after 50 failed attempts",
    ]
    assert node.attempts[-1] < 51 * MAX_PAUSE


def test_a_connection_that_breaks_is_opened_again_and_the_work_goes_on(node: FakeNode) -> None:
    calls: list[int] = []
    lines: list[str] = []

    async def breaks(connection: WebSocket) -> int:
        calls.append(node.open)
        await asyncio.sleep(STEADY + 1)
        if len(calls) < 4:
            raise Disconnected("closed in the middle of a call")
        return len(calls)

    assert run(breaks, lines) == 4
    assert calls == [1, 1, 1, 1]
    assert node.open == 0
    assert [line.split()[0] for line in lines] == ["closed", "following"] * 3


def test_a_failure_that_comes_again_at_once_is_reported_once(node: FakeNode) -> None:
    lines: list[str] = []
    left = iter(range(200))

    async def refused(connection: WebSocket) -> str:
        if next(left) < 100:
            raise RpcError("state_call", 1, "unknown block", None)
        return "done"

    assert run(refused, lines) == "done"
    assert len(lines) == 2
    assert node.attempts[100] - node.attempts[99] > MAX_PAUSE / 2 - 0.01


def test_a_node_that_is_silent_is_left_although_its_connection_stays_open(node: FakeNode) -> None:
    begun: list[float] = []

    async def waits(connection: WebSocket) -> str:
        begun.append(asyncio.get_running_loop().time())
        if len(begun) > 1:
            return "done"
        node.is_silent = True
        try:
            await asyncio.Event().wait()
        finally:
            node.is_silent = False
        return "never"

    assert run(waits) == "done"
    assert begun[1] <= BEAT + 60 + MAX_PAUSE


def test_patience_that_ends_raises_the_last_failure(node: FakeNode) -> None:
    node.faults = [Disconnected(f"fault {number}") for number in range(100)]
    with pytest.raises(Disconnected, match="fault 0"):
        run(done, patience=0)
    node.attempts.clear()
    with pytest.raises(Disconnected, match="fault"):
        run(done, patience=100)
    assert 100 - MAX_PAUSE < node.attempts[-1] <= 100 + MAX_PAUSE


def test_patience_ends_too_where_each_attempt_connects_and_then_fails(node: FakeNode) -> None:
    async def refused(connection: WebSocket) -> None:
        raise RpcError("state_call", 1, "unknown block", None)

    with pytest.raises(RpcError):
        run(refused, patience=100)
    assert 100 - MAX_PAUSE < node.attempts[-1] <= 100 + MAX_PAUSE


def test_what_no_later_attempt_can_change_ends_the_program(node: FakeNode) -> None:
    async def mistyped(connection: WebSocket) -> None:
        raise InvalidArgument("no such thing")

    with pytest.raises(InvalidArgument):
        run(mistyped)

    class RefusedByTheProgram(Exception):
        pass

    async def refused(connection: WebSocket) -> None:
        raise RefusedByTheProgram

    with pytest.raises(RefusedByTheProgram):
        run(refused)
    assert node.open == 0


def test_a_program_that_is_cancelled_leaves_nothing_behind(node: FakeNode) -> None:
    ended: list[str] = []

    async def waits(connection: WebSocket) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    async def main() -> None:
        task = asyncio.create_task(Daemon(URL).run(waits))
        await asyncio.sleep(3 * BEAT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(main())
    assert (ended, node.open) == (["work"], 0)


# ---- when a node's view can be believed


async def soon(seconds: float, change: Callable[[], None]) -> None:
    await asyncio.sleep(seconds)
    change()


@pytest.mark.parametrize("purged", [{"best": 0, "final": 0}, {"best": 5, "final": 5}])
def test_a_node_that_was_purged_is_not_believed_before_it_is_where_it_was(
    node: FakeNode, purged: dict[str, int]
) -> None:
    lines: list[str] = []
    heights: list[int] = []

    async def works(connection: WebSocket) -> str:
        heights.append(node.final)
        if len(heights) == 2:
            return "done"
        node.best, node.final = purged["best"], purged["final"]
        raise Disconnected("the node is gone")

    async def main() -> None:
        followed = Daemon(URL, report=lines.append)
        grows = asyncio.create_task(soon(300, lambda: node.__dict__.update(best=12, final=9)))
        assert await in_time(followed, works) == "done"
        await grows

    run_virtually(main())
    assert heights == [8, 9]
    assert any("does not have block 8 as final yet" in line for line in lines)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"is_syncing": True}, "is syncing"),
        ({"best": 0, "final": 0}, "has no final block yet"),
    ],
)
def test_a_node_that_syncs_or_has_nothing_is_waited_for_at_the_start(
    node: FakeNode, state: dict[str, int], why: str
) -> None:
    lines: list[str] = []
    before = {name: getattr(node, name) for name in state}
    node.__dict__.update(state)

    async def main() -> float:
        grows = asyncio.create_task(soon(100, lambda: node.__dict__.update(before)))
        assert await in_time(Daemon(URL, report=lines.append), done) == "done"
        await grows
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) >= 100
    assert why in lines[0]
    assert len(lines) == 2


def test_block_zero_of_a_chain_without_peers_is_believed() -> None:
    begun = NodeView(hash_of(0), BlockRef(0, hash_of(0)))
    assert objection(begun, None, None) is None


@pytest.mark.parametrize("other", ["genesis", "final"])
def test_another_chain_ends_the_program_with_a_message(node: FakeNode, other: str) -> None:
    async def works(connection: WebSocket) -> str:
        node.best = node.final = 20
        node.branch = 7
        raise Disconnected("the node is gone")

    followed = Daemon(URL, report=lambda _: None)
    if other == "genesis":
        followed.genesis = bytes(31) + b"\1"
    with pytest.raises(OtherChain, match="follows another chain"):
        run_virtually(in_time(followed, works))


def test_finality_that_stands_still_is_reported_once_and_ends_nothing(node: FakeNode) -> None:
    lines: list[str] = []
    states: list[str] = []

    async def main() -> None:
        followed = Daemon(URL, report=lines.append)

        async def works(connection: WebSocket) -> None:
            await asyncio.sleep(10 * STALL)
            states.append(followed.state)
            node.final += 1
            await asyncio.sleep(2 * BEAT)
            states.append(followed.state)

        await in_time(followed, works)

    run_virtually(main())
    assert states == ["stalled", "following"]
    assert [line.split()[0] for line in lines] == ["block", "blocks"]
    assert len(node.attempts) == 1


# ---- facts


def test_absence_counts_only_in_a_final_block_at_the_height_of_the_last_presence() -> None:
    account = Presence()
    assert not account.is_absent(10, 8, in_best=True, in_final=False)
    # A fork without the block that had it, and another node that is behind.
    assert not account.is_absent(10, 8, in_best=False, in_final=False)
    assert not account.is_absent(6, 5, in_best=False, in_final=False)
    assert not account.is_absent(12, 9, in_best=False, in_final=False)
    # Its transaction entered another block of the fork.
    assert not account.is_absent(13, 10, in_best=True, in_final=False)
    assert not account.is_absent(14, 12, in_best=False, in_final=False)
    assert account.is_absent(16, 14, in_best=False, in_final=False)


def test_absence_from_the_start_counts_from_the_height_at_which_it_was_seen_first() -> None:
    account = Presence()
    assert not account.is_absent(10, 8, in_best=False, in_final=False)
    assert not account.is_absent(20, 9, in_best=False, in_final=False)
    assert account.is_absent(20, 10, in_best=False, in_final=False)
    assert not account.is_absent(20, 10, in_best=False, in_final=True)
    assert not Presence(30).is_absent(20, 20, in_best=False, in_final=False)


def test_a_deadline_is_past_by_final_blocks_and_by_the_clock() -> None:
    assert not is_past(100, 100, 6_000, 10**9)
    assert is_past(100, 101, 6_000, 101 * 6_000)
    # Slots that pass while a node syncs, and a clock that jumps.
    assert not is_past(100, 101, 6_000, 101 * 6_000 - 1)
    assert not is_past(100, 50, 6_000, 10**12)


@pytest.mark.parametrize(
    ("having", "record"),
    [({hash_of(10), hash_of(8)}, hash_of(10)), ({hash_of(8)}, hash_of(8)), (set(), None)],
)
def test_a_record_is_that_of_the_best_block_or_else_of_the_final_one(
    having: set[bytes], record: bytes | None
) -> None:
    async def read(block: bytes) -> bytes | None:
        return block if block in having else None

    best, final = BlockRef(10, hash_of(10)), BlockRef(8, hash_of(8))
    assert asyncio.run(Presence().find(best, final, read)) == record


def test_a_record_is_absent_once_the_block_is_final_in_which_it_was_missed() -> None:
    async def read(_block: bytes) -> bytes | None:
        return None

    async def main() -> None:
        account = Presence()
        best = BlockRef(10, hash_of(10))
        assert await account.find(best, BlockRef(9, hash_of(9)), read) is None
        with pytest.raises(Absent):
            await account.find(BlockRef(11, hash_of(11)), best, read)

    asyncio.run(main())


class Heads:
    """The subscriptions of a connection, which breaks at the end of each."""

    def __init__(self, best: list[int], final: list[int]) -> None:
        self.numbers = {False: best, True: final}
        self.open = 0

    async def heads(
        self, _connection: Connection, *, final: bool
    ) -> AsyncGenerator[BlockRef, None]:
        self.open += 1
        try:
            for number in self.numbers[final]:
                yield BlockRef(number, hash_of(number))
                await asyncio.sleep(1)
            if final:
                raise Disconnected("the node went away")
            await asyncio.sleep(HOUR)
        finally:
            self.open -= 1


def test_best_and_final_blocks_come_in_one_stream_until_the_connection_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = Heads([10, 11, 11], [8, 9])
    monkeypatch.setattr("btt_chain.daemon.heads", node.heads)
    seen: list[tuple[int, bool]] = []

    async def main() -> None:
        async for block, is_final in blocks(cast(Connection, node)):
            seen.append((block.number, is_final))

    with pytest.raises(Disconnected, match="went away"):
        run_virtually(main())
    assert sorted(seen) == [(8, True), (9, True), (10, False), (11, False), (11, False)]
    assert node.open == 0


def test_lines_go_to_the_log_by_default(node: FakeNode, caplog: pytest.LogCaptureFixture) -> None:
    node.faults = [Disconnected("no node is here")]
    with caplog.at_level(logging.WARNING):
        run_virtually(in_time(Daemon(URL), done))
    assert "no node is here; waiting" in caplog.text
