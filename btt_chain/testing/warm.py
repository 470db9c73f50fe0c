"""Starts programs by forking a process that has imported them already.

Most of the processor time of a node's start is spent on imports. Within `warm_starts()` a program
that `ProcessId.spawn` starts as `python -P -m MODULE ...` or `python -P FILE ...` is a fork of a
template (`warm_template.py`): a process that has imported the node and has no threads and no open
files. The fork gets the arguments, environment, folder, limit of open files and log of its own and
runs the program as `python` does: own session, own signals, own exit. `ps` shows the command line
of the template. What a process has since its start is the template's: umask, other resource limits
and priority, the locale and what variables like PYTHONUTF8 set, the hash seed, and the seed of
trio's order of tasks. Templates take turns, so that the nodes of a network do not all share these
seeds.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from btt_chain.packages import HOME
from btt_chain.testing.errors import DevnetError

TEMPLATES: Final = 2
"""Number of templates, and so of hash seeds among the nodes of a network."""
_BEGIN: Final = [sys.executable, "-P"]
MAX_REQUEST: Final = 1 << 17
"""Maximum size of a request in bytes: a socket of this kind sends a little more at once."""
RUNS: Final = -1
"""Reply to a question for the wait status of a process that has not ended."""
_REPLY: Final = 64
"""Maximum size of a reply in bytes: a pid and a start time."""


class WarmStarter:
    """The templates of a process, each started when it is first needed."""

    def __init__(self) -> None:
        self._templates: dict[int, _Template] = {}
        self._started: dict[tuple[int, int], _Template] = {}
        """The template of each started process, by pid and start time."""
        self._count = 0
        self._lock = threading.Lock()

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], log: int
    ) -> tuple[int, int] | None:
        """Start a program with its output to the open file `log`.

        Returns its pid and its start time in clock ticks since the boot; None, and starts nothing,
        if arguments and environment are larger than MAX_REQUEST. The program is a child of its
        template: not `os.waitpid`, but `wait_status` finds it. DevnetError if the template has
        ended; the next start has a new one.
        """
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        surroundings = {"env": dict(environment), "folder": str(Path.cwd()), "files": files}
        request = json.dumps({"words": command[2:], **surroundings}).encode()
        if len(request) > MAX_REQUEST:
            return None
        # As of any other start: a tool that watches or forbids them sees this one, too.
        sys.audit("os.posix_spawn", command[0], list(command), dict(environment))
        with self._lock:
            place = self._count % TEMPLATES
            self._count += 1
            template = self._templates.pop(place, None)
            if template is None or template.is_closed:
                template = _Template()
            started = template.start(request, log)
            self._templates[place] = self._started[started] = template
            return started

    def wait_status(self, pid: int, started: int) -> int | None:
        """Return the wait status of a process started here; None if it runs, or was not.

        DevnetError if its template has ended.
        """
        with self._lock:
            template = self._started.get((pid, started))
            return None if template is None else template.wait_status(pid)

    def close(self) -> None:
        """Stop the templates; started programs go on."""
        for template in self._templates.values():
            template.close()


class _Template:
    """The process that is forked, and the socket on which it takes requests."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [*_BEGIN, "-m", "btt_chain.testing.warm_template", str(theirs.fileno())],
                env=os.environ | {"PYTHONPATH": str(HOME), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(self, request: bytes, log: int) -> tuple[int, int]:
        """Request a start; return the pid and the start time."""
        pid, started = self._answer(request, [log]).split()
        return int(pid), int(started)

    def wait_status(self, pid: int) -> int | None:
        """Return the wait status of a fork; None while it runs."""
        status = int(self._answer(json.dumps({"ended": pid}).encode(), []))
        return None if status == RUNS else status

    def _answer(self, request: bytes, files: list[int]) -> bytes:
        """Send a request and return the reply."""
        try:
            socket.send_fds(self._socket, [request], files)
            reply = self._socket.recv(_REPLY)
        except OSError as error:
            self.close()
            raise DevnetError(f"the template of warm starts has ended: {error}") from error
        except BaseException:
            self.close()  # interrupted: the next reply would be the one to this request
            raise
        if not reply:
            self.close()
            raise DevnetError("the template of warm starts has ended; its errors are in the output")
        return reply

    @property
    def is_closed(self) -> bool:
        """True if it takes no more requests: after `close`, or an error."""
        return self._socket.fileno() < 0

    def close(self) -> None:
        """End it. A program whose pid was not read is killed: no one else could."""
        self._socket.close()
        self._process.wait()


_active: list[WarmStarter] = []


@contextmanager
def warm_starts() -> Iterator[None]:
    """Start programs by forks until the body ends; within another `warm_starts` it does nothing."""
    if _active:
        yield
        return
    starter = WarmStarter()
    _active.append(starter)
    try:
        yield
    finally:
        _active.remove(starter)
        starter.close()


@contextmanager
def cold_starts() -> Iterator[None]:
    """Start programs by themselves until the body ends: for tests of the start."""
    before = _active.copy()
    _active.clear()
    try:
        yield
    finally:
        _active.extend(before)


def wait_status(pid: int, started: int) -> int | None:
    """Return the wait status of a process that the active starter started; None if it did not."""
    return _active[0].wait_status(pid, started) if _active else None


def starter_for(command: Sequence[str]) -> WarmStarter | None:
    """Return the active starter; None if there is none, or if it cannot start `command`."""
    begin, what = list(command[:2]), "".join(command[2:3])
    is_known = begin == _BEGIN and (what == "-m" or what.endswith(".py"))
    return _active[0] if _active and is_known else None
