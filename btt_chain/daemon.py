"""The base of programs that follow a chain through a node: connections, and what counts as a fact.

    async def work(connection: WebSocket) -> None:
        chain = await Chain.open(connection)
        async for head in chain.heads():
            ...

    await Daemon(url, report=print).run(work)

`run` calls `work` with one connection after the other, until it returns. Any failure of a node (it
is not there yet, refuses, is silent, breaks off, answers with an error) is retried with growing
pauses. A connection is only given to `work` when the node's view can be believed:

    waiting     no connection, or the node failed
    behind      the node syncs, or does not yet have blocks that were final before
    following   `work` runs
    stalled     `work` runs, and the last final block does not change: nothing may be deleted

Each change is reported in one line. Presence of a record counts in any block, absence only in a
final one (`Presence`). A deadline is past by the last final block and by the clock (`is_past`).
What a program sent is read at the block that included it. `run_until_stopped` ends a program in
order when a service manager stops it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Final, TypeVar

from btt_chain.client.chain import BlockRef, Chain, heads, read_head
from btt_chain.client.errors import ClientError, InvalidArgument, RpcError
from btt_chain.client.jsonrpc import TIMEOUT, Connection, WebSocket
from btt_chain.client.wire import member, to_bytes
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digits import to_hex
from btt_chain.signals import ending_signals

Result = TypeVar("Result")

log = logging.getLogger(__name__)

FIRST_PAUSE: Final = 0.5
"""Seconds before the second attempt, at most."""
MAX_PAUSE: Final = 15.0
"""Maximum seconds between two attempts."""
STEADY: Final = 30.0
"""Seconds of work after which a failure counts as the first one again."""
BEAT: Final = 10.0
"""Seconds between two checks that the node answers, and that blocks become final."""
STALL: Final = 60.0
"""Seconds without a new final block that are reported."""


class OtherChain(ClientError):
    """The node follows another chain than the program did: this ends the program."""


class Absent(Exception):
    """The chain does not have a record: a final block shows it."""


class NotReady(ClientError):
    """The node answers, and its view cannot be believed yet."""


# ---- pure parts


class Backoff:
    """Pauses that double up to a maximum; each is shortened at random by at most a half."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        """`chance` returns a number from 0 to below 1."""
        self.tries = 0
        """Attempts that failed in a row."""
        self._chance = chance

    def failed(self, worked: float) -> float:
        """Return the seconds until the next attempt; this one worked for `worked` seconds."""
        self.tries = 1 if worked >= STEADY else self.tries + 1
        pause = min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(self.tries - 1, 16))
        return pause * (1 - self._chance() / 2)


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node's view of the chain."""

    genesis: bytes
    final: BlockRef
    is_syncing: bool = False
    should_have_peers: bool = False
    at_known: bytes | None = None
    """Its block at the height of the last block that was final before, None if it has none."""


def objection(view: NodeView, genesis: bytes | None, final: BlockRef | None) -> str | None:
    """Return why a node's view cannot be believed yet, None if it can.

    `genesis` and `final`: those that the program saw before, None at its first connection. Raises
    OtherChain.
    """
    if genesis is not None and view.genesis != genesis:
        raise OtherChain(
            f"the node follows another chain: its block 0 is {to_hex(view.genesis)}, and "
            f"{to_hex(genesis)} is expected. Connect to a node of that chain"
        )
    if view.is_syncing:
        return "the node is syncing"
    if final is not None and view.final.number < final.number:
        return f"the node does not have block {final.number} as final yet, which was final before"
    if final is not None and view.at_known is not None and view.at_known != final.hash:
        raise OtherChain(
            f"the node follows another chain: its final block {final.number} is "
            f"{to_hex(view.at_known)}, and {to_hex(final.hash)} was final before. If a development "
            "chain began anew, start this program again"
        )
    if view.final.number == 0 and view.should_have_peers:
        # A node that was purged is here until its first peers come, and then it syncs.
        return "the node has no final block yet"
    return None


class Presence:
    """A record on which a program depends, as the registration of its account.

    It is absent if a final block lacks it which is not below any block that had it, nor below the
    one in which it was first missed: a fork may have reverted its block, and its transaction may
    enter another one.
    """

    def __init__(self, height: int = -1) -> None:
        """`height` is that of a block in which it is known to be."""
        self._height = height
        self._is_missed = False

    async def find(
        self, best: BlockRef, final: BlockRef, read: Callable[[bytes], Awaitable[Result | None]]
    ) -> Result | None:
        """Return the record that `read` finds in the best block, or else in the last final one.

        Both blocks are of one view. None while the absence is not certain. Raises Absent.
        """
        record = await read(best.hash)
        in_best = record is not None
        if record is None:
            record = await read(final.hash)
        in_final = record is not None
        if self.is_absent(best.number, final.number, in_best=in_best, in_final=in_final):
            raise Absent
        return record

    def is_absent(self, best: int, final: int, *, in_best: bool, in_final: bool) -> bool:
        """Return True if it is absent for certain, by the best and the final block of one view."""
        if in_best or in_final:
            self._height = max(self._height, best if in_best else final)
            self._is_missed = False
            return False
        if not self._is_missed:
            self._is_missed = True
            self._height = max(self._height, best)
        return final >= self._height


def is_past(slot: int, final_slot: int, slot_ms: int, now_ms: int) -> bool:
    """Return True if a deadline is over by the last final block, and by the clock.

    Both slots are absolute, `now_ms` is the time since 1970. Slots that pass in a second while a
    node syncs do not make a deadline early, nor does a clock that jumps.
    """
    return slot < final_slot and (slot + 1) * slot_ms <= now_ms


# ---- reading a node


async def blocks(connection: Connection) -> AsyncGenerator[tuple[BlockRef, bool], None]:
    """Yield the node's new best blocks and new final ones; True with those that are final.

    A best block that is not above the one before it replaces others: its chain is another one.
    Raises ClientError.
    """
    news: asyncio.Queue[tuple[BlockRef, bool] | ClientError] = asyncio.Queue()

    async def read(*, final: bool) -> None:
        try:
            async for head in heads(connection, final=final):
                news.put_nowait((head, final))
        except ClientError as error:
            news.put_nowait(error)

    readers = [asyncio.create_task(read(final=final)) for final in (False, True)]
    try:
        while True:
            item = await news.get()
            if isinstance(item, ClientError):
                raise item
            yield item
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def lookup(chain: Chain, read: Callable[[bytes], Awaitable[Result | None]]) -> Result | None:
    """Return a record that `read` finds in the best or the last final block.

    None only if it is absent for certain (`Presence`), which may take until the next final block.
    """
    presence = Presence()
    async for head in chain.heads(final=True):
        try:
            record = await presence.find(await chain.best(), head, read)
        except Absent:
            return None
        if record is not None:
            return record
    raise NotReady("the node reports no final blocks any more")


async def _hash_at(connection: Connection, number: int) -> bytes | None:
    answer = await connection.call("chain_getBlockHash", number)
    return None if answer is None else to_bytes(answer)


async def read_view(connection: Connection, previous: BlockRef | None = None) -> NodeView:
    """Return a node's view of the chain."""
    genesis = await _hash_at(connection, 0)
    if genesis is None:
        raise NotReady("the node has no block 0 yet")
    is_syncing, should_have_peers = False, False
    try:
        health = await connection.call("system_health")
        is_syncing = member(health, "isSyncing") is True
        should_have_peers = member(health, "shouldHavePeers") is True
    except RpcError as error:
        if not error.is_unknown_method:
            raise
    final = await read_head(connection, final=True)
    at_known = None
    if previous is not None and final.number >= previous.number:
        at_known = await _hash_at(connection, previous.number)
    return NodeView(genesis, final, is_syncing, should_have_peers, at_known)


# ---- running until a signal


def run_until_stopped(
    work: Coroutine[object, object, Result],
    report: Callable[[str], None],
    imports: Sequence[str] = (),
) -> Result | None:
    """Run a program until it ends, or until SIGTERM or SIGHUP: then without a result.

    It ends in order, and `report` gets the name of the signal. Its exit code is 0, as that of a
    node: a service manager stops it that way. `imports` are the modules that `work` needs and that
    take long to import: a signal meanwhile ends the program at once, for nothing has begun.
    """
    is_importing = True
    task: asyncio.Task[object] | None = None
    stopped: signal.Signals | None = None

    def on_signal(number: int, _frame: object) -> None:
        nonlocal stopped
        if is_importing:
            work.close()
            sys.exit()
        if stopped is None:  # a second signal does not disturb the end
            stopped = signal.Signals(number)
            if task is not None and not task.done():
                # Not here: the program may be writing a line at this moment.
                task.get_loop().call_soon_threadsafe(end)

    def end() -> None:
        if stopped is not None and task is not None and not task.done():
            report(f"stopped by {stopped.name}")
            task.cancel()

    async def stoppable() -> Result | None:
        nonlocal task
        task = asyncio.current_task()
        if stopped is not None:
            report(f"stopped by {stopped.name}")
            work.close()
            return None
        try:
            return await work
        except asyncio.CancelledError:
            if stopped is None:
                raise
            return None

    with _handled(on_signal):
        for name in imports:
            import_module(name)
        is_importing = False
        return asyncio.run(stoppable())


@contextmanager
def _handled(handler: Callable[[int, object], None]) -> Iterator[None]:
    """Call a handler on signals that end programs; only the main thread can."""
    is_main = threading.current_thread() is threading.main_thread()
    numbers = ending_signals() if is_main else ()
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


# ---- the driver


class Daemon:
    """Follows a chain through a node that may go away, restart, sync, and be purged."""

    def __init__(
        self,
        url: str,
        timeout: float = TIMEOUT,
        *,
        report: Callable[[str], None] = log.warning,
        patience: float | None = None,
        any_view: bool = False,
    ) -> None:
        """`timeout` in seconds for each answer; `report` gets a line for each change of the state.

        `any_view`: True for a program that concludes nothing from what is missing, and copies
        blocks: a node that syncs, or a development chain that began anew, will do.
        `patience`: seconds of failures in a row after which `run` raises the last one, None for
        ever; 0 raises the first.
        """
        self.url = url
        self.state = "waiting"
        """`waiting`, `behind`, `following` or `stalled`."""
        self.genesis: bytes | None = None
        """Block 0 of the chain; set it to accept this chain only."""
        self.final: BlockRef | None = None
        """The highest block that a node showed as final; set it to what an earlier run saw."""
        self._timeout = timeout
        self._report = report
        self._patience = patience
        self._any_view = any_view
        self._backoff = Backoff()
        self._failure = ""
        """The last reported failure; empty again after `STEADY` seconds of work."""
        self._is_over = True
        """True if the end of that failure was reported."""
        self._failing_since: float | None = None

    async def run(self, work: Callable[[WebSocket], Awaitable[Result]]) -> Result:
        """Call `work` with one connection after the other, and return its result.

        ClientError of `work` means another attempt: what must end the program is not one. Raises
        OtherChain, InvalidArgument for a URL or an argument that cannot be used, and after
        `patience` the last error.
        """
        time = asyncio.get_running_loop().time
        while True:
            began = time()
            try:
                async with await WebSocket.connect(self.url, self._timeout) as connection:
                    await self._check(connection)
                    began = time()
                    return await self._supervise(connection, work)
            except (OtherChain, InvalidArgument):
                raise
            except ClientError as error:
                is_working = self.state in ("following", "stalled")
                await self._pause(error, time() - began if is_working else 0.0)

    # ---- internals

    async def _check(self, connection: Connection) -> None:
        """Raise NotReady if the node cannot be believed yet, OtherChain if it never can."""
        if not self._any_view:
            view = await read_view(connection, self.final)
            reason = objection(view, self.genesis, self.final)
            if reason is not None:
                raise NotReady(f"{reason}: {self.url}")
            self.genesis = view.genesis
            self._saw_final(view.final)
        if not self._is_over:
            self._is_over = True
            self._report(f"following {self.url}, after {self._backoff.tries} failed attempts")
        self.state = "following"

    async def _supervise(
        self, connection: WebSocket, work: Callable[[WebSocket], Awaitable[Result]]
    ) -> Result:
        """Run `work`, and stop it when the node does not answer any more."""

        async def run() -> Result:
            return await work(connection)

        working, watching = asyncio.create_task(run()), asyncio.create_task(self._watch(connection))
        try:
            await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                watching.result()
            return working.result()
        finally:
            for task in (working, watching):
                task.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def _watch(self, connection: Connection) -> None:
        """Check that the node answers, and report that no block becomes final."""
        time = asyncio.get_running_loop().time
        since = time()
        while True:
            await asyncio.sleep(BEAT)
            if self._saw_final(await read_head(connection, final=True)):
                since = time()
                if self.state == "stalled":
                    self.state = "following"
                    self._report("blocks become final again")
            elif time() - since >= STALL and self.state != "stalled" and self.final is not None:
                self.state = "stalled"
                self._report(
                    f"block {self.final.number} has been the last final one for {STALL:g} s: "
                    "waiting for finality; until then nothing is deleted or counted as missing"
                )

    def _saw_final(self, block: BlockRef) -> bool:
        """Note the last final block of the node. Return True if it is a new one."""
        if self.final is not None and block.number <= self.final.number:
            return False
        self.final = block
        return True

    async def _pause(self, error: ClientError, worked: float) -> None:
        """Report a failure, and wait until the next attempt. Raises it at the end of patience."""
        now = asyncio.get_running_loop().time()
        if worked >= STEADY or self._failing_since is None:
            self._failing_since = now
        if self._patience is not None and now - self._failing_since >= self._patience:
            raise error
        if worked >= STEADY:
            self._failure = ""
        if str(error) != self._failure:
            self._failure, self._is_over = str(error), False
            end = "" if self._failure.endswith("?") else ";"
            self._report(f"{error}{end} waiting, and trying again")
        self.state = "behind" if isinstance(error, NotReady) else "waiting"
        await asyncio.sleep(self._backoff.failed(worked))
