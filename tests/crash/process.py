"""A node as a process of its own: started, watched, stopped kindly or by `kill -9`."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HANG = 120.0
"""Seconds after which whatever is waited for will not come; a healthy node takes about one."""

_ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")


class NodeProcess:
    """`btt-chain node --dev` over a base path, with whatever it writes.

    Its blocks are sealed by hand as `sealing` says; with None, Alice makes and finalizes them.
    """

    def __init__(
        self,
        base: Path,
        *,
        sealing: str | None = "interval:100",
        pruning: str = "archive",
        blocks_pruning: str = "archive-canonical",
        limit: Callable[[], None] | None = None,
    ) -> None:
        """Start it; `limit` runs in the new process before the node does."""
        command = [
            *(sys.executable, "-m", "cli.main", "node", "--dev"),
            *("--base-path", str(base), "--rpc-port", "0"),
            *("--pruning", pruning, "--blocks-pruning", blocks_pruning),
            *(() if sealing is None else ("--sealing", sealing)),
        ]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            preexec_fn=limit,  # noqa: PLW1509  it makes one system call, and takes no lock
        )
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="stderr", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        self.process.stderr.close()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def port(self) -> int:
        """Wait until the node answers; its port."""
        with self._news:
            arrived = self._news.wait_for(lambda: self._ended or self._port() is not None, HANG)
        found = self._port()
        assert arrived, f"the node neither answers nor ends:\n{self.text()}"
        assert found is not None, f"the node ended before it answered:\n{self.text()}"
        return found

    def _port(self) -> int | None:
        for line in self.lines:
            if found := _ADDRESS.search(line):
                return int(found[1])
        return None

    def text(self) -> str:
        """Return the output, for a failing test."""
        return "\n".join(self.lines[-60:])

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the node is gone."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def wait(self, seconds: float = HANG) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        code = self.process.wait(seconds)
        self._reader.join(HANG)
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
        code = self.wait()
        errors = [line for line in self.lines if line.startswith("error: ")]
        assert code == 1, f"exit code {code}:\n{self.text()}"
        assert "Traceback (most recent call last):" not in self.lines, self.text()
        assert len(errors) == 1, self.text()
        assert self.lines[-1] == errors[0], self.text()
        return errors[0]


@contextmanager
def running(
    base: Path,
    *,
    sealing: str | None = "interval:100",
    pruning: str = "archive",
    blocks_pruning: str = "archive-canonical",
    limit: Callable[[], None] | None = None,
) -> Iterator[NodeProcess]:
    """A node that is killed at the end, if nothing ended it before."""
    node = NodeProcess(
        base, sealing=sealing, pruning=pruning, blocks_pruning=blocks_pruning, limit=limit
    )
    try:
        yield node
    finally:
        node.kill()
