"""Commands of `btt-chain` that run until they are stopped, each as a process that starts warm."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from btt_chain.testing.node import HOME, PROGRAM
from btt_chain.testing.process import ProcessId, inherited

Part = TypeVar("Part")
HANG: Final = 200.0
"""Seconds after which what is waited for will not come: several times what a busy machine needs."""


def _line_with(words: str, output: str) -> tuple[str, int] | None:
    """Return the first whole line with some words, and its end."""
    match = re.search(rf"^.*{re.escape(words)}.*\n", output, re.MULTILINE)
    return None if match is None else (match[0].rstrip("\n"), match.end())


def _document(output: str) -> tuple[Any, int] | None:
    """Return the first whole JSON object that begins a line, and its end."""
    match = re.search(r"^\{", output, re.MULTILINE)
    if match is None:
        return None
    try:
        document, end = json.JSONDecoder().raw_decode(output, match.start())
    except ValueError:
        return None
    return document, end


@dataclass(slots=True)
class Running:
    """A started program; its output, of both streams, is in its log."""

    process: ProcessId
    log: Path
    _read: int = 0
    """End of the output that was waited for so far."""

    @property
    def is_alive(self) -> bool:
        """True until it has ended."""
        return self.process.state() is not None

    def text(self) -> str:
        """Return all that it has printed."""
        return self.log.read_text(errors="replace")

    def wait_for(self, words: str) -> str:
        """Return the next line with some words. Fails if the program ends before."""
        return self._next(partial(_line_with, words), repr(words))

    def document(self) -> Any:
        """Return the next document that it prints. Fails if the program ends before."""
        return self._next(_document, "a document")

    def documents(self) -> list[Any]:
        """Return the documents that were not waited for."""
        documents: list[Any] = []
        while (match := _document(self.text()[self._read :])) is not None:
            documents.append(match[0])
            self._read += match[1]
        return documents

    def _next(self, find: Callable[[str], tuple[Part, int] | None], what: str) -> Part:
        deadline = time.monotonic() + HANG
        while time.monotonic() < deadline:
            is_alive = self.is_alive
            match = find(self.text()[self._read :])
            if match is not None:
                self._read += match[1]
                return match[0]
            assert is_alive, f"ended without {what}:\n{self.text()}"
            time.sleep(0.02)
        raise AssertionError(f"no {what} in {HANG} s:\n{self.text()}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send(number)

    def code(self) -> int:
        """Wait until it has ended; return its exit code, -N for signal N."""
        assert self.process.wait(HANG), f"it does not end:\n{self.text()}"
        code = self.process.exit_code()
        assert code is not None
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it; return its exit code."""
        self.send(number)
        return self.code()


@contextmanager
def running(log: Path, *words: str, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Start a command with its output in `log`, and kill it at last."""
    own = {"PYTHONPATH": HOME, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "200"}
    log.unlink(missing_ok=True)
    process = ProcessId.spawn([*PROGRAM, *words], inherited() | own | dict(env or {}), log)
    program = Running(process, log)
    try:
        yield program
    finally:
        program.stop(signal.SIGKILL)
