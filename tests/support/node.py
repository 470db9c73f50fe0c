"""A real node as a process of its own, for tests that talk to it from outside."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

from btt_chain.testing.node import HOME, PROGRAM
from btt_chain.testing.process import ProcessId, inherited

START_SECONDS: Final = 60
"""A hang, not a measure: the machine may be busy with other tests."""
STOP_SECONDS: Final = 30
BLOCK: Final = re.compile(r"block \d+ \(0x|(imported|finalized) #\d+ ")
HELLO: Final = b'{"jsonrpc":"2.0","id":1,"method":"system_health"}'
BY_HAND: Final = ("--chain", "dev-manual")
BY_LOTTERY: Final = ("--dev",)
"""Alice makes the blocks, and votes on them."""
LISTENING: Final = re.compile(r"RPC on \S*127\.0\.0\.1:(\d+)")


@dataclass(slots=True)
class Node:
    """A running node. `log` is the file that it writes to."""

    process: ProcessId
    log: Path
    port: int = 0

    @property
    def ws(self) -> str:
        """URL of its WebSocket."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def http(self) -> str:
        """URL for HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def tail(self, lines: int = 25) -> str:
        """The end of its log, for the message of a failure."""
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"--- the end of {self.log.name} ---", *text[-lines:]])

    def troubles(self) -> str:
        """The end of its log without the blocks it made; empty if nothing else is there."""
        text = self.log.read_text(errors="replace").splitlines()
        rest = [line for line in text if not BLOCK.search(line)]
        return "\n".join([f"--- {self.log.name} without blocks ---", *rest[-40:]])

    def answers(self) -> bool:
        """Return True if a call gets an answer."""
        request = Request(self.http, HELLO, {"content-type": "application/json"})
        try:
            with urlopen(request, timeout=5) as response:
                return b'"result"' in response.read()
        except OSError:
            return False


@contextmanager
def dev_node(
    folder: Path, name: str, *flags: str, chain: Sequence[str] = BY_HAND
) -> Iterator[Node]:
    """Run `btt-chain node --tmp` on a development chain, on a free port, until left.

    Its data, log and home lie in `folder`. AssertionError, with the log, if it does not come up or
    does not go down by itself.
    """
    log = folder / f"{name}.log"
    log.unlink(missing_ok=True)
    environment = inherited() | {
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "200",
        "PYTHONPATH": HOME,
    }
    command = [*PROGRAM, "node", *chain, "--tmp", "--rpc-port", "0", *flags]
    process = ProcessId.spawn(command, environment, log)
    node = Node(process, log)
    try:
        _wait_until_up(node)
        yield node
        assert process.state() is not None, f"the node ended by itself\n{node.tail(60)}"
    finally:
        _stop(node)


def _wait_until_up(node: Node) -> None:
    """Find the port in the log, then wait for an answer."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert node.process.state() is not None, f"the node has ended\n{node.tail(60)}"
        found = LISTENING.search(node.log.read_text(errors="replace"))
        if found is not None:
            node.port = int(found.group(1))
            if node.answers():
                return
        time.sleep(0.05)
    raise AssertionError(f"the node does not answer after {START_SECONDS} s\n{node.tail(60)}")


def _stop(node: Node) -> None:
    """Ask it to end; kill it, and say so, if it does not."""
    if not node.process.send(signal.SIGTERM):
        return
    in_order = node.process.wait(STOP_SECONDS)
    if not in_order:
        node.process.send(signal.SIGKILL)
        node.process.wait(STOP_SECONDS)
    node.process.reap()
    assert in_order, f"the node does not end on SIGTERM within {STOP_SECONDS} s\n{node.tail(60)}"
