"""A node as a process of its own: started, watched, stopped kindly or by `kill -9`."""

from __future__ import annotations

import itertools
import re
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from btt_chain.testing.node import HOME, PROGRAM
from btt_chain.testing.process import ProcessId, inherited

HANG = 120.0
"""Seconds after which whatever is waited for will not come; a healthy node takes about one."""

_ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")
_NUMBERS: Final = itertools.count()


class NodeProcess:
    """`btt-chain node --dev` over a base path; its output is in a file beside that.

    Its blocks are sealed by hand as `sealing` says; with None, Alice makes and finalizes them.
    """

    def __init__(
        self,
        base: Path,
        *,
        sealing: str | None = "interval:100",
        pruning: str = "archive",
        blocks_pruning: str = "archive-canonical",
        file_limit: int | None = None,
    ) -> None:
        """Start it; no file of it grows beyond `file_limit` bytes."""
        self._log = base.parent / f"{base.name}-{next(_NUMBERS)}.log"
        command = [
            *(*PROGRAM, "node", "--dev", "--base-path", str(base), "--rpc-port", "0"),
            *("--pruning", pruning, "--blocks-pruning", blocks_pruning),
            *(() if sealing is None else ("--sealing", sealing)),
        ]
        self._process = ProcessId.spawn(command, inherited() | {"PYTHONPATH": HOME}, self._log)
        if file_limit is not None:
            limits = (file_limit, file_limit)
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, limits)

    @property
    def lines(self) -> list[str]:
        """Its output so far."""
        return self._log.read_text(errors="replace").splitlines()

    @property
    def is_alive(self) -> bool:
        """True until it has ended."""
        return self._process.state() is not None

    def port(self) -> int:
        """Wait until the node answers; its port."""
        deadline = time.monotonic() + HANG
        while time.monotonic() < deadline:
            is_alive = self.is_alive
            address = _ADDRESS.search("\n".join(self.lines))
            if address is not None:
                return int(address[1])
            assert is_alive, f"the node ended before it answered:\n{self.text()}"
            time.sleep(0.02)
        raise AssertionError(f"the node neither answers nor ends:\n{self.text()}")

    def text(self) -> str:
        """Return the output, for a failing test."""
        return "\n".join(self.lines[-60:])

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the node is gone."""
        self._process.send(number)

    def wait(self, seconds: float = HANG) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        assert self._process.wait(seconds), f"the node does not end:\n{self.text()}"
        code = self._process.exit_code()
        assert code is not None
        return code

    def kill(self) -> None:
        """Kill it where it stands."""
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        """Ask it to stop; the exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def refusal(self) -> str:
        """Wait for the end of a node that cannot go on: code 1, and one plain line, returned."""
        code, lines = self.wait(), self.lines
        errors = [line for line in lines if line.startswith("error: ")]
        assert code == 1, f"exit code {code}:\n{self.text()}"
        assert "Traceback (most recent call last):" not in lines, self.text()
        assert len(errors) == 1, self.text()
        assert lines[-1] == errors[0], self.text()
        return errors[0]


@contextmanager
def running(
    base: Path,
    *,
    sealing: str | None = "interval:100",
    pruning: str = "archive",
    blocks_pruning: str = "archive-canonical",
    file_limit: int | None = None,
) -> Iterator[NodeProcess]:
    """A node that is killed at the end, if nothing ended it before."""
    node = NodeProcess(
        base, sealing=sealing, pruning=pruning, blocks_pruning=blocks_pruning, file_limit=file_limit
    )
    try:
        yield node
    finally:
        node.kill()
