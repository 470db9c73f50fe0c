"""Processes by pid and start time: another process that reuses a pid is never signalled.

Linux only: /proc identifies a process, a pidfd ensures that it is still the same one when the
signal arrives. Works for processes of any starter. The identity is read here and not by psutil,
whose start times follow the system's clock: the file of a network outlives changes of that.
"""

from __future__ import annotations

import itertools
import os
import secrets
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from btt_chain.own_files import open_own, own_tree
from btt_chain.signals import ENDING
from btt_chain.testing.errors import DevnetError
from btt_chain.testing.warm import starter_for, wait_status

STOP_SECONDS: Final = 4.0
"""Seconds from SIGTERM to SIGKILL."""
_PAUSE: Final = 0.05
_DEFERRED: Final = (signal.SIGINT, *ENDING)
_BOOT = Path("/proc/sys/kernel/random/boot_id")
MIN_PORT: Final = 11_000
"""First port that `free_ports` chooses: above the node's usual RPC ports."""
_PLACES: Final = itertools.count(secrets.randbelow(1 << 16))
_OUTGOING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_REAPED: Final[dict[tuple[int, int], int]] = {}
"""Exit codes of reaped children, by pid and start time."""
_SETTINGS: Final = ("BTT_CONFIG", "BTT_NODE_", "BTT_PROVIDER_", "BTT_JOB_", "BTT_BUILD_SPEC_")
"""Variables with which an operator sets options of the programs started here."""


@contextmanager
def own_files() -> Iterator[None]:
    """Turn errors about files of a network into DevnetError, but for one that is missing."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DevnetError(f"{error.filename}: {error.strerror}") from None


def inherited() -> dict[str, str]:
    """Return this process's environment without an operator's settings of our programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process: its pid and its start time, which distinguishes it from others with the pid."""

    pid: int
    started: int
    """Clock ticks since the machine booted."""
    boot: str
    """Id of the boot; ticks start again with the next one."""

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Return the process that has `pid` now, None if there is none."""
        stat = _stat(pid)
        return None if stat is None else cls(pid, stat[1], _boot())

    @classmethod
    def spawn(cls, command: Sequence[str], environment: Mapping[str, str], log: Path) -> ProcessId:
        """Start a program with its output appended to `log`, in a session of its own.

        A Ctrl-C in the terminal does not reach it: the starter must stop it. Not `subprocess`: its
        objects warn when a running process is dropped, as in a detached network.
        """
        with own_files():
            output = open_own(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.set_blocking(output, True)
        try:
            warm = starter_for(command)
            found = None if warm is None else warm.start(command, environment, output)
            if found is not None:
                return cls(*found, _boot())
            pid = os.posix_spawnp(
                command[0],
                list(command),
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, output, 1),
                    (os.POSIX_SPAWN_DUP2, output, 2),
                ],
                setsid=True,
                # Python ignores these signals, and programs would inherit that.
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
            )
        finally:
            os.close(output)
        started = cls.of(pid)
        if started is None:
            raise ProcessLookupError(f"{command[0]} ended before it could be seen")
        return started

    def state(self) -> str | None:
        """Return one letter as in `ps` (R, S, T stopped, ...); None if it has ended."""
        letter = self._letter()
        return None if letter is None or letter in "ZX" else letter

    def _letter(self) -> str | None:
        """Return the same, with Z for an ended process that is not reaped yet."""
        stat = _stat(self.pid)
        if stat is None or stat[1] != self.started or self.boot != _boot():
            return None
        return stat[0]

    def send(self, number: signal.Signals) -> bool:
        """Send a signal. Return True if it was sent, False if the process has ended."""
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
        """Reap the process if it has ended and is a child of ours, so that no zombie stays."""
        if self._letter() == "Z":
            with suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    _REAPED[pid, self.started] = os.waitstatus_to_exitcode(status)

    def exit_code(self) -> int | None:
        """Return the exit code of a process that was started here, by `spawn`, and has ended.

        That of signal N is -N. None if the process runs, or has another starter.
        """
        status = wait_status(self.pid, self.started)
        if status is not None:
            return os.waitstatus_to_exitcode(status)
        self.reap()
        return _REAPED.get((self.pid, self.started))

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, at most that long. Return True if it has."""
        try:
            pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            # Not `state`: the first thread may have ended (Z) before the others.
            if self._letter() is None:
                return True
            poller = select.poll()
            poller.register(pidfd, select.POLLIN)
            return bool(poller.poll(max(seconds, 0) * 1_000))
        finally:
            os.close(pidfd)


class Life:
    """A process with a folder of its own: its log, and its end."""

    __slots__ = ()

    name: str
    folder: Path
    process: ProcessId | None
    """The last started process, of any starter."""

    @property
    def log(self) -> Path:
        """Its log file; a restart appends to it."""
        return self.folder.with_suffix(".log")

    def tail(self, lines: int = 25) -> str:
        """Return the end of its log, for error messages."""
        if not self.log.exists():
            return f"--- {self.log} is not there ---"
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"--- the end of {self.log} ---", *text[-lines:]])

    @property
    def is_alive(self) -> bool:
        """True if its process exists (it may be paused)."""
        if self.process is None:
            return False
        self.process.reap()
        return self.process.state() is not None

    @property
    def title(self) -> str:
        """Its name for messages."""
        return self.name

    @property
    def is_paused(self) -> bool:
        """True if it runs and was stopped by SIGSTOP."""
        return self.process is not None and self.process.state() == "T"

    def spawned(self, command: Sequence[str], environment: dict[str, str]) -> ProcessId:
        """Start a process, its output to the log, and return it. DevnetError if it runs already.

        `environment` is added to that of this process.
        """
        if self.is_alive:
            raise DevnetError(f"{self.title} runs already")
        with own_files():
            own_tree(self.folder)
        lines = {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "200"}
        return ProcessId.spawn(command, inherited() | lines | environment, self.log)

    def ask_to_end(self) -> None:
        """Send SIGTERM, and SIGCONT, so that a paused process receives it; does not wait."""
        if self.process is not None:
            self.process.send(signal.SIGTERM)
            self.process.send(signal.SIGCONT)

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Stop it, or kill it after `seconds`. Return True if it ended by itself."""
        self.ask_to_end()
        return self.await_end(seconds)

    def pause(self) -> None:
        """Send SIGSTOP: the process freezes, its connections stay. DevnetError if it is down."""
        self._send(signal.SIGSTOP)
        while self.process is not None and self.process.state() not in {"T", None}:
            time.sleep(_PAUSE)

    def resume(self) -> None:
        """Send SIGCONT: continue after `pause`. DevnetError if it is down."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        if self.process is None or not self.process.send(number):
            raise DevnetError(f"{self.title} is down")

    def kill(self) -> None:
        """Send SIGKILL, like a power failure. Does nothing if it is down."""
        if self.process is not None:
            self.process.send(signal.SIGKILL)
            self.process.wait(STOP_SECONDS)
            self.process.reap()

    def await_end(self, seconds: float) -> bool:
        """Wait for the requested end, then kill. Return True if it ended by itself."""
        if self.process is None:
            return True
        in_order = self.process.wait(seconds)
        if not in_order:
            self.kill()
        self.process.reap()
        return in_order


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Deliver signals that end a program after the block, so that no started process is forgotten.

    Only the main thread receives signals; elsewhere it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[signal.Signals] = []
    before = {
        number: signal.signal(number, lambda n, _: received.append(signal.Signals(n)))
        for number in _DEFERRED
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for caught in received:
            signal.raise_signal(caught)


def free_ports(count: int) -> list[int]:
    """Return distinct ports of 127.0.0.1 that are free now.

    They are below the system's ports for outgoing connections: otherwise any program could take a
    node's port while the node is down. Ports are chosen consecutively from a random start, so that
    the port of a node that starts or is down is not chosen again here, nor, most likely, by another
    process.
    """
    first_outgoing = int(_OUTGOING.read_text().split()[0])
    width = max(MIN_PORT + 1_000, first_outgoing) - MIN_PORT
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            each = socket.socket()
            try:
                each.bind(("127.0.0.1", MIN_PORT + next(_PLACES) % width))
            except OSError:
                each.close()
                continue
            held.append(each)
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def is_taken(port: int) -> bool:
    """Return True if a process listens on a port of this machine."""
    with socket.socket() as trial:
        # As servers do: connections that have just ended do not count.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def listener(port: int) -> str | None:
    """Return the listener on a port: `name (pid 123)`; None if there is none visible."""
    for connection in psutil.net_connections("tcp"):
        if (connection.status, connection.laddr.port) != (psutil.CONN_LISTEN, port):
            continue
        # Those of other users have no pid; a process may end meanwhile.
        with suppress(psutil.NoSuchProcess):
            if connection.pid is not None:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return None


def _stat(pid: int) -> tuple[str, int] | None:
    """Return state and start time of a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name is in brackets and may contain anything; fields are counted after it.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _boot() -> str:
    return _BOOT.read_text().strip()
