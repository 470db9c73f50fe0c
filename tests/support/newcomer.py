"""A newcomer at a terminal: types commands into a shell, and reads only what is printed.

A `Newcomer` is a folder, a wallet and any number of shells, each on a pseudo-terminal of its own.
No command may have an address, a key or a hash that was not printed before in one of these shells,
so that a journey shows that everything which is needed to go on is printed.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pexpect

from btt_chain.testing.ports import Reservation

HANG: Final = 240.0
"""Seconds until a command counts as hung: many times what a busy machine needs."""
COLUMNS: Final = 120
ROWS: Final = 40

_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]|\r")
_MADE: Final = re.compile(r"\b0x[0-9a-f]{8,}|\b[1-9A-HJ-NP-Za-km-z]{44,}\b")
"""An address, a key, a hash or the beginning of one."""


@dataclass
class Newcomer:
    """The folder in which a newcomer works, and the shells that are open."""

    folder: Path
    printed: list[str] = field(default_factory=list)
    shells: list[Shell] = field(default_factory=list)

    def shell(self, *, rows: int = ROWS, columns: int = COLUMNS) -> Shell:
        """Open one more terminal."""
        shell = Shell(self, rows, columns)
        self.shells.append(shell)
        return shell

    def close(self) -> None:
        """Close all terminals, the newest first, and kill what has survived that."""
        while self.shells:
            self.shells.pop().close()
        for pid in left_running(self.folder):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def leave(self) -> None:
        """Close all terminals. Nothing that was started in them may go on."""
        while self.shells:
            self.shells.pop().close()
        deadline = time.monotonic() + HANG
        while left := left_running(self.folder):
            assert time.monotonic() < deadline, f"processes that go on: {left}"
            time.sleep(0.1)

    def check_typed(self, line: str) -> None:
        """Refuse a line with an address, a key or a hash that no program has printed."""
        seen = "".join(self.printed)
        unseen = [each for each in _MADE.findall(line) if each not in seen]
        assert unseen == [], f"a newcomer cannot know {unseen}"


class Shell:
    """A terminal with a shell in it."""

    def __init__(self, newcomer: Newcomer, rows: int, columns: int) -> None:
        self._newcomer = newcomer
        binaries = str(Path(sys.executable).parent)
        env = {
            "PATH": f"{binaries}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(newcomer.folder),
            "XDG_DATA_HOME": str(newcomer.folder / "data"),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "BTT_TIMEOUT": "120",  # seconds for an answer: the machine may be busy
            "PS1": "@$?> ",
        }
        self._child = pexpect.spawn(
            "/bin/bash", ["--norc", "--noprofile", "--noediting"], env=env,
            cwd=str(newcomer.folder), encoding="utf-8", codec_errors="replace", timeout=HANG,
            dimensions=(rows, columns),
        )  # fmt: skip
        self._child.expect_exact("@0> ")

    def start(self, line: str) -> None:
        """Type a line without waiting for its end."""
        self._newcomer.check_typed(line)
        self._child.sendline(line)

    def type(self, line: str, *answers: tuple[str, str], code: int = 0) -> str:
        """Type a line, answer its questions, and return what it prints until it ends with a code.

        Each of `answers` is the text that is waited for, and the line to type then.
        """
        self.start(line)
        before = ""
        for question, answer in answers:
            before += self.until(re.escape(question))
            self._child.sendline(answer)
        return before + self.ended(code=code)

    def until(self, pattern: str) -> str:
        """Wait until a text appears; return what was printed up to its end."""
        found = self._child.expect([pattern, r"@\d+> $", pexpect.EOF, pexpect.TIMEOUT])
        text = self._printed()
        assert found == 0, f"never {pattern!r}:\n{text}"
        return text

    def ended(self, *, code: int = 0) -> str:
        """Wait until the program of this shell has ended; return what it printed."""
        self._child.expect(r"@(\d+)> $")
        ended = int(self._child.match.group(1))
        text = self._printed()
        assert ended == code, f"ended with {ended}:\n{text}"
        return text

    def press(self, keys: str) -> None:
        """Press keys."""
        self._child.send(keys)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._child.sendintr()

    def close(self) -> None:
        """Close the terminal, as closing its window does; end what is left."""
        if self._child.isalive():
            self._child.kill(signal.SIGHUP)
        self._child.close(force=True)

    def _printed(self) -> str:
        after = self._child.after if isinstance(self._child.after, str) else ""
        text = _CONTROL.sub("", self._child.before + after)
        self._newcomer.printed.append(text)
        return text


def found(pattern: str, text: str) -> str:
    """Return the text that a person reads at a place: the only group of a pattern."""
    match = re.search(pattern, text)
    assert match is not None, f"{pattern!r} is not in:\n{text}"
    return match.group(1)


def environment_of(pid: int) -> str:
    """Return the environment of a process, for checks of what is left."""
    return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")


def left_running(folder: Path) -> list[int]:
    """Return the processes that a newcomer's shells have started and that still run."""
    mark = f"HOME={folder}\0"
    left = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                environment = environment_of(int(entry.name))
            except OSError:
                continue
            if mark in environment:
                left.append(int(entry.name))
    return left


def dev_node(newcomer: Newcomer) -> Shell:
    """Start a development chain in one terminal; return another in which commands reach it."""
    node, shell = newcomer.shell(), newcomer.shell()
    node.start("btt-chain node --dev --sealing instant --tmp --rpc-port 0")
    url = found(r"JSON-RPC at (ws://\S+)", node.until(r"//Two .*BTT"))
    shell.type(f"export BTT_URL={url}")
    return shell


_PORTS: Final = Reservation()


def free_ports(count: int) -> int:
    """Return the first of so many ports in a row that are free, reserved for this process."""
    for first in range(21_000, 60_000, count):
        if _PORTS.take_all(range(first, first + count)):
            return first
    raise AssertionError("there are no free ports")
