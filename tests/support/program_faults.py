"""Programs that follow a chain as real processes, and what happens to the node that they follow.

`Beside` is such a program. `Port` stands between a program and a node that others share, and fails
as a node does: for tests that are cheap. `Network` is a devnet whose last node has the programs and
suffers the faults, FAULTS by their names: for tests that are thorough. Each fault is a context
manager: the node is ill within its body, and well again behind it.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from btt_chain.testing import Devnet, DevNode, Rpc
from btt_chain.testing.helper import Helper
from btt_chain.testing.process import free_ports

CLOCKED: Final = Path(__file__).with_name("clocked.py")
HANG: Final = 240.0
"""Seconds after which a program hangs: many times what a busy machine needs."""
WAITING: Final = re.compile(r"waiting for|trying again", re.IGNORECASE)
"""A program's line about a node that it cannot use."""
FOLLOWING: Final = re.compile(r"following ws://")
"""A program's line when the node is back."""
TROUBLE: Final = re.compile(r"^Traceback|was never retrieved|\bCRITICAL\b", re.MULTILINE)
HOUR: Final = 3_600
_PAUSE: Final = 0.1


def until(what: str, holds: Callable[[], object], seconds: float = HANG) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not in {seconds:g} s: {what}"
        time.sleep(_PAUSE)


@dataclass(slots=True)
class Beside(Helper):
    """A program that follows a node, its log, and its clock."""

    stop_code: int = 0
    """Its exit code when it is stopped."""
    may_end: bool = False
    """True for one that ends by itself, with code 0, when its work is done."""
    notices: bool = True
    """True if it has a connection all the while, and writes that it waits when that breaks."""
    began: int = 0
    """End of the log when it was last started."""

    @classmethod
    def of(cls, folder: Path, *words: str) -> Self:
        """Return a program that is not started: the words of `btt-chain`, or `-m MODULE` first."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        clock = folder.with_suffix(".clock")
        clock.write_text("0")
        return cls(folder.name, folder, [str(CLOCKED), str(clock), *words], "")

    def start(self) -> None:
        """Start it."""
        self.began = self.mark()
        Helper.start(self)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Start it; afterwards it has not ended by itself, and ends in order when it is asked."""
        self.start()
        try:
            yield self
            if self.may_end and not self.is_alive:
                assert self.code() == 0, self.tail()
                self.check()
            else:
                assert self.is_alive, f"{self.name} ended by itself\n{self.tail()}"
                self.end()
        finally:
            self.kill()

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end; check that it does in order, with its code and without a traceback."""
        process = self.process
        assert process is not None
        process.send(number)
        code = self.code()
        assert code == self.stop_code, f"{self.name}: {code} after {number.name}\n{self.tail()}"
        self.check()

    def wait_until_noticed(self, since: int) -> None:
        """Wait for its line about a node that it cannot use, if it has a connection to one."""
        if self.notices:
            self.wait_for(WAITING, since)

    def wait_until_following(self) -> None:
        """Wait until it has written that the node is back, if it has written that it is away."""

        def is_back() -> bool:
            text = self.text()
            return max((m.start() for m in FOLLOWING.finditer(text)), default=0) >= max(
                (m.start() for m in WAITING.finditer(text)), default=0
            )

        until(f"{self.name} follows\n{self.tail()}", is_back)

    def code(self) -> int | None:
        """Wait until it has ended; return its exit code."""
        process = self.process
        assert process is not None
        assert process.wait(HANG), f"{self.name} does not end\n{self.tail()}"
        return process.exit_code()

    def check(self) -> None:
        """Check that its log has no traceback."""
        found = TROUBLE.search(self.text())
        assert found is None, f"{self.name} has a traceback\n{self.tail(60)}"

    def text(self, since: int = 0) -> str:
        """Return its log from an offset on."""
        return self.log.read_text(errors="replace")[since:] if self.log.exists() else ""

    def mark(self) -> int:
        """Return the offset of the log's end: `text` and `wait_for` read what is new behind it."""
        return len(self.text())

    def wait_for(self, words: str | re.Pattern[str], since: int = 0) -> str:
        """Wait for a line with some words; return the line. Fails if the program ends before."""
        pattern = re.compile(re.escape(words)) if isinstance(words, str) else words
        found: re.Match[str] | None = None

        def has() -> bool:
            nonlocal found
            ended = not self.is_alive
            found = pattern.search(self.text(since))
            assert found or not ended, f"{self.name} ended before {words!r}\n{self.tail()}"
            return found is not None

        until(f"{self.name}: {pattern.pattern}", has)
        assert found is not None
        text = found.string
        return text[text.rfind("\n", 0, found.start()) + 1 :].partition("\n")[0]

    def set_clock(self, seconds: float) -> None:
        """Set its clock ahead of the machine's, or behind, in one step."""
        clock = self.folder.with_suffix(".clock")
        fresh = clock.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(clock)


# ---- one node for many programs


class Port:
    """A port of its own before a node: open, refused, or silent, for one program."""

    def __init__(self, target: str) -> None:
        """Lead to the node of a URL like ws://127.0.0.1:9944; begins open."""
        self._target = int(target.rpartition(":")[2])
        (self.number,) = free_ports(1)
        self._flows = asyncio.Event()
        self._accepting: asyncio.Task[None] | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def ws(self) -> str:
        """The URL for the program."""
        return f"ws://127.0.0.1:{self.number}"

    def __enter__(self) -> Self:
        self._thread.start()
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(self) -> None:
        """Let all through again; a silent connection goes on."""
        self._do(self._open())

    def refuse(self) -> None:
        """Cut all connections and refuse new ones, as a node that was killed."""
        self._do(self._refuse())

    def hang(self) -> None:
        """Accept connections, and let nothing through, as a node that was stopped by SIGSTOP."""
        self._do(self._hang())

    # ---- in the thread

    def _do(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        asyncio.run_coroutine_threadsafe(work, self._loop).result(HANG)

    async def _open(self) -> None:
        self._flows.set()
        if self._accepting is None:
            listener = socket.create_server(("127.0.0.1", self.number))
            listener.setblocking(False)
            self._accepting = self._loop.create_task(self._accept(listener))

    async def _refuse(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            self._accepting = None
        self._flows.set()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for end in self._ends:
                end.transport.abort()
            await asyncio.wait(others, timeout=0.1)

    async def _hang(self) -> None:
        await self._open()
        self._flows.clear()

    async def _accept(self, listener: socket.socket) -> None:
        """Accept connections until cancelled.

        A server of asyncio that is closed loses a connection that it has just accepted.
        """
        with listener:
            while True:
                connection, _ = await self._loop.sock_accept(listener)
                ways = await asyncio.open_connection(sock=connection)
                passing = self._loop.create_task(self._pass(*ways))
                self._passing.add(passing)
                passing.add_done_callback(self._passing.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            await self._flows.wait()
            back, there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:  # the node has gone
            writer.transport.abort()
        else:
            self._ends.add(there)
            await asyncio.gather(self._pump(reader, there), self._pump(back, writer))
            self._ends.discard(there)
        self._ends.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # either side has gone
            while data := await reader.read(1 << 16):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


PortFault = Callable[[Port, Beside], AbstractContextManager[None]]


@contextmanager
def refused(port: Port, program: Beside) -> Iterator[None]:
    """The connection breaks, and nothing listens until the end of the body."""
    since = program.mark()
    port.refuse()
    program.wait_until_noticed(since)
    yield
    port.open()


@contextmanager
def silent(port: Port, program: Beside) -> Iterator[None]:
    """The node accepts connections and answers nothing."""
    since = program.mark()
    port.hang()
    program.wait_until_noticed(since)
    yield
    port.open()


@contextmanager
def refused_at_start(port: Port, program: Beside) -> Iterator[None]:
    """The program is started before its node."""
    program.end()
    port.refuse()
    since = program.mark()
    program.start()
    program.wait_for(WAITING, since)
    yield
    port.open()


PORT_FAULTS: Final[dict[str, PortFault]] = {
    fault.__name__.replace("_", " "): fault for fault in (refused, silent, refused_at_start)
}
"""Faults of a port before one program, whose node is well, by their names."""


def seal(node: DevNode, *, final: bool = True, parent: str | None = None) -> str:
    """Make a block of a node that is sealed by hand; return its hash."""
    made = node.rpc.call("engine_createBlock", True, final, parent)
    assert isinstance(made, dict)
    return str(made["hash"])


def fork(node: DevNode) -> str:
    """Replace the blocks after the last final one of a node sealed by hand by a longer branch.

    What was in them goes back to the pool, and from there into the branch.
    """
    rpc = node.rpc
    tip = str(rpc.call("chain_getFinalizedHead"))
    for _ in range(rpc.best() - rpc.finalized() + 1):
        tip = seal(node, final=False, parent=tip)
    assert rpc.call("chain_getBlockHash") == tip
    return tip


# ---- a network, one node of which is ill


@dataclass
class Network:
    """Four validators, and one more node that the programs follow and that suffers the faults."""

    base: Path
    spec: str | None = None
    slot_ms: int | None = 1_000
    net: Devnet = field(init=False)

    def __post_init__(self) -> None:
        if self.spec is not None:
            self.slot_ms = None
        self.net = Devnet.create(self.base, validators=4, slot_ms=self.slot_ms, spec=self.spec)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Run it until the body ends."""
        with self.net as net:
            net.up()
            net.add_node("Followed")
            net.wait_for_finality(2)
            yield self

    @property
    def node(self) -> DevNode:
        """The node that the programs follow."""
        return self.net[4]

    @property
    def rpc(self) -> Rpc:
        """A validator's, which is always well."""
        return self.net[1].rpc

    def pass_blocks(self, count: int = 4) -> None:
        """Wait until the validators have made some more blocks."""
        self.net.wait_for_block(self.rpc.best() + count, nodes=[1])

    def follow(self) -> None:
        """Wait until the node has the final blocks of the validators."""
        self.net.wait_for_finality(self.rpc.finalized() + 1, nodes=[4], seconds=HANG)

    def restart(self) -> None:
        """Start the node again."""
        self.net.restart(4)


Fault = Callable[[Network, Beside], AbstractContextManager[None]]


@contextmanager
def node_killed(network: Network, program: Beside) -> Iterator[None]:
    """SIGKILL, and a start some blocks later; the program writes that it waits."""
    since = program.mark()
    network.node.kill()
    network.pass_blocks()
    program.wait_until_noticed(since)
    yield
    network.restart()
    network.follow()


@contextmanager
def port_silent(network: Network, program: Beside) -> Iterator[None]:
    """The node accepts connections and answers nothing."""
    since = program.mark()
    network.node.pause()
    program.wait_until_noticed(since)
    yield
    network.node.resume()
    network.follow()


@contextmanager
def fork_healed(network: Network, program: Beside) -> Iterator[None]:
    """The node is with one validator, whose branch the others never finalize, and then drop."""
    network.net.partition([[0, 4], [1, 2, 3]])
    network.pass_blocks()
    yield
    network.pass_blocks()
    network.net.heal()
    network.follow()


@contextmanager
def purge_and_sync(network: Network, program: Beside) -> Iterator[None]:
    """The node has lost its chain: it stands at block zero without a peer, and then syncs."""
    node = network.node
    network.net.partition([[0, 1, 2, 3]])
    assert node.stop()
    for database in node.folder.glob("chains/*/db"):
        shutil.rmtree(database)
    network.restart()
    assert node.rpc.best() == 0
    network.pass_blocks()
    yield
    network.net.heal()
    network.follow()


@contextmanager
def no_peers(network: Network, program: Beside) -> Iterator[None]:
    """The node has no peer, so that its chain stands still."""
    network.net.partition([[0, 1, 2, 3]])
    network.pass_blocks(8)
    yield
    network.net.heal()
    network.follow()


@contextmanager
def no_node_at_start(network: Network, program: Beside) -> Iterator[None]:
    """The program is started before its node."""
    program.end()
    network.node.kill()
    since = program.mark()
    program.start()
    program.wait_for(WAITING, since)
    yield
    network.restart()
    network.follow()


@contextmanager
def clock_jumps(network: Network, program: Beside) -> Iterator[None]:
    """The program's clock is an hour ahead, then an hour behind, then right again."""
    for seconds in (HOUR, -HOUR):
        program.set_clock(seconds)
        network.pass_blocks()
    yield
    program.set_clock(0)
    network.follow()


@contextmanager
def finality_stands(network: Network, program: Beside) -> Iterator[None]:
    """Two of four validators are frozen: blocks come, and none becomes final."""
    for place in (2, 3):
        network.net[place].pause()
    network.pass_blocks(8)
    yield
    for place in (2, 3):
        network.net[place].resume()
    network.follow()


FAULTS: Final[dict[str, Fault]] = {
    fault.__name__.replace("_", " "): fault
    for fault in (
        node_killed, port_silent, fork_healed, purge_and_sync, no_peers, no_node_at_start,
        clock_jumps, finality_stands,
    )
}  # fmt: skip
"""All that happens to a node, and to the clock, by its name."""
