"""The process that warm starts fork: `python -P -m btt_chain.testing.warm_template FD`.

It takes requests from the Unix socket FD, forks for each, and replies with the pid of the fork and
its start time. The reply to `{"ended": PID}` is the wait status of that fork, -1 while it runs. It
ends when the other end of the socket is closed, and kills a fork whose pid was not read there.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Final

from btt_chain.chain.runtimes import RuntimeRegistry
from btt_chain.scale.metadata import VERSIONS
from btt_chain.testing.process import ProcessId
from btt_chain.testing.warm import MAX_REQUEST, RUNS
from genesis.build import build
from genesis.catalogue import load

IMPORTED: Final = (
    "cli.program",
    "cli.commands.node",
    "btt_chain.node.dev.by_hand",
    "btt_chain.node.service.lifecycle",
    "btt_chain.node.service.networking",
    "btt_chain.node.service.service",
    "btt_chain.node.service.verifier_service",
    "btt_chain.telemetry.metrics",
    "p2p.host.libp2p_network",
    "uvloop",
)
"""Modules that are imported before the first request, with all that they import."""


@dataclass(frozen=True, slots=True)
class Request:
    """A program to run."""

    words: list[str]
    """Arguments of Python behind `-P`."""
    env: dict[str, str]
    folder: str
    files: int
    """Limit of open files."""
    log: int
    """The open file of its output."""


def main() -> None:
    """Import the modules and serve; in each fork, run the program that was requested."""
    link = socket.socket(fileno=int(sys.argv[1]))
    for name in IMPORTED:
        importlib.import_module(name)
    # Codecs, data classes and the development runtime are made at their first use; nearly every
    # client asks a node for metadata.
    runtime = RuntimeRegistry().of(build(load("dev")).state.get)
    for version in VERSIONS:
        runtime.metadata(version)
    gc.collect()
    # What is imported stays: the collector of a fork need not walk, and so copy, its pages.
    gc.freeze()
    request = serve(link)
    link.close()
    if request is not None:
        become(request)


def serve(link: socket.socket) -> Request | None:
    """Fork for each request; return it in the fork, and None in the template at the end."""
    ended, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wake)
    poller = select.poll()
    poller.register(link, select.POLLIN)
    poller.register(ended, select.POLLIN)
    # The last fork, as long as its pid may not have been read.
    fork: ProcessId | None = None
    statuses: dict[int, int] = {}
    try:
        while True:
            for file, _ in poller.poll():
                if file == ended:
                    os.read(ended, 1 << 10)
                    reap(statuses)
                    continue
                message, logs, _, _ = socket.recv_fds(link, MAX_REQUEST, 1)
                if not message:
                    return None
                fork = None  # its pid was read: a request follows the reply to the last one
                wanted = json.loads(message)
                if "ended" in wanted:
                    reap(statuses)
                    link.send(b"%d" % statuses.get(wanted["ended"], RUNS))
                    continue
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    os.close(ended)
                    os.close(wake)
                    return Request(**wanted, log=logs[0])
                os.close(logs[0])
                statuses.pop(pid, None)  # of an earlier process with this pid
                fork = ProcessId.of(pid)
                if fork is None:
                    raise RuntimeError("a process that is not reaped is not in /proc")
                link.send(b"%d %d" % (fork.pid, fork.started))
    except ConnectionError:  # closed before the last reply was read
        if fork is not None:
            fork.send(signal.SIGKILL)
        return None


def reap(statuses: dict[int, int]) -> None:
    """Reap all forks that have ended, and note their wait statuses by pid."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        statuses[pid] = status


def become(request: Request) -> None:
    """Run the program in this process, as Python does at its start."""
    os.setsid()
    os.chdir(request.folder)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (request.files, most))
    os.environ.clear()
    os.environ.update(request.env)
    time.tzset()
    # The template was started with our folder alone on PYTHONPATH.
    sys.path[:1] = filter(None, request.env.get("PYTHONPATH", "").split(os.pathsep))
    os.dup2(request.log, 1)
    os.dup2(request.log, 2)
    os.close(request.log)
    if request.words[0] == "-m":
        sys.argv = request.words[1:]
        runpy.run_module(request.words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = request.words
        runpy.run_path(request.words[0], run_name="__main__")


if __name__ == "__main__":
    main()
