"""Processes by pid and start time: one that merely inherited a pid is never signalled.

Linux only: /proc says who a process is, a pidfd makes sure that it is still the same one when the
signal arrives. Works for processes that somebody else started.
"""

from __future__ import annotations

import itertools
import os
import secrets
import select
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STOP_SECONDS: Final = 4.0
"""From SIGTERM to SIGKILL."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
LEAST_PORT: Final = 11_000
"""Of those that `free_ports` chooses from: above the node's usual RPC ports."""
_PLACES: Final = itertools.count(secrets.randbelow(1 << 16))
_OUTGOING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LISTENING: Final = "0A"
"""TCP_LISTEN in /proc/net/tcp."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process: its pid, and when it started, so that another one is not taken for it."""

    pid: int
    started: int
    """Clock ticks since the machine booted."""
    boot: str
    """Which boot; ticks begin again with the next one."""

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process that has `pid` now, None if there is none."""
        stat = _stat(pid)
        return None if stat is None else cls(pid, stat[1], _boot())

    @classmethod
    def spawn(cls, command: Sequence[str], environment: Mapping[str, str], log: Path) -> ProcessId:
        """Start a program with its output at the end of `log`, in a session of its own.

        A Ctrl-C in the terminal does not reach it: whoever starts programs stops them in order.
        Not `subprocess`: its objects complain when they are dropped, and a detached network is.
        """
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        pid = os.posix_spawnp(
            command[0],
            list(command),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            # Python ignores these, and programs would inherit it.
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
        started = cls.of(pid)
        if started is None:
            raise ProcessLookupError(f"{command[0]} ended before it could be seen")
        return started

    def state(self) -> str | None:
        """One letter as in `ps` (R, S, T stopped, ...); None if it has ended."""
        letter = self._letter()
        return None if letter is None or letter in "ZX" else letter

    def _letter(self) -> str | None:
        """The same, with Z for one that has ended and that nobody has asked about yet."""
        stat = _stat(self.pid)
        if stat is None or stat[1] != self.started or self.boot != _boot():
            return None
        return stat[0]

    def send(self, number: signal.Signals) -> bool:
        """Send a signal; False if it has ended already."""
        with suppress(ProcessLookupError):
            pidfd = os.pidfd_open(self.pid)
            try:
                if self.state() is None:
                    return False
                signal.pidfd_send_signal(pidfd, number)
            finally:
                os.close(pidfd)
            return True
        return False

    def reap(self) -> None:
        """Hear that it has ended, if it was a child of ours, so that it does not stay a zombie."""
        if self._letter() == "Z":
            with suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, so long at most; whether it has."""
        try:
            pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            # Not `state`: the first thread may be gone (Z) while others still end.
            if self._letter() is None:
                return True
            poller = select.poll()
            poller.register(pidfd, select.POLLIN)
            return bool(poller.poll(max(seconds, 0) * 1_000))
        finally:
            os.close(pidfd)


class Life:
    """What a process with a folder of its own leaves behind it, and how it ends."""

    __slots__ = ()

    folder: Path
    process: ProcessId | None
    """The one started last, by whomever."""

    @property
    def log(self) -> Path:
        """The file that it writes to; a restart goes on behind what is there."""
        return self.folder.with_suffix(".log")

    def tail(self, lines: int = 25) -> str:
        """The end of its log, for the message of a failure."""
        if not self.log.exists():
            return f"--- {self.log} is not there ---"
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"--- the end of {self.log} ---", *text[-lines:]])

    @property
    def is_alive(self) -> bool:
        """Whether its process is there (it may be paused)."""
        if self.process is None:
            return False
        self.process.reap()
        return self.process.state() is not None

    def kill(self) -> None:
        """SIGKILL: as a power cut, without a goodbye. Nothing if it is down."""
        if self.process is not None:
            self.process.send(signal.SIGKILL)
            self.process.wait(STOP_SECONDS)
            self.process.reap()

    def await_end(self, seconds: float) -> bool:
        """Wait for the end that was asked for, then kill; whether it ended in order."""
        if self.process is None:
            return True
        in_order = self.process.wait(seconds)
        if not in_order:
            self.kill()
        self.process.reap()
        return in_order


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody has now, all different.

    They are below those that the system gives to outgoing connections: while a node is down for a
    moment, any program's could take its port else, and the node would not come back. One comes
    after another from a place of luck, so that while a node starts or is down its port is not given
    to a second one, neither here nor, most likely, by a process that makes networks beside us.
    """
    first_outgoing = int(_OUTGOING.read_text().split()[0])
    width = max(LEAST_PORT + 1_000, first_outgoing) - LEAST_PORT
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            each = socket.socket()
            try:
                each.bind(("127.0.0.1", LEAST_PORT + next(_PLACES) % width))
            except OSError:
                each.close()
                continue
            held.append(each)
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def is_taken(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as trial:
        # As servers do: connections that have just ended are nobody's.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def listener(port: int) -> str | None:
    """Who listens on a port: `name (pid 123)`; None if nobody does or it cannot be seen."""
    inodes = set(_listening_inodes(port))
    if not inodes:
        return None
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and inodes & _sockets(folder):
            name = (folder / "comm").read_text().strip()
            return f"{name} (pid {folder.name})"
    return None


def _listening_inodes(port: int) -> list[str]:
    found = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                found.append(f"socket:[{words[9]}]")
    return found


def _sockets(folder: Path) -> set[str]:
    found = set()
    # A process may end while we look, and those of other users are closed to us.
    with suppress(OSError):
        for link in (folder / "fd").iterdir():
            with suppress(OSError):
                found.add(str(link.readlink()))
    return found


def _stat(pid: int) -> tuple[str, int] | None:
    """State and start time of a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name stands in brackets and may hold anything; fields are counted behind it.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _boot() -> str:
    return _BOOT.read_text().strip()
