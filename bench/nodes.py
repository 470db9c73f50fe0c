"""Nodes as processes: ours, and a peer's; started, asked until they answer, ended."""

from __future__ import annotations

import functools
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from bench.machine import ROOT, cpu_of, end_in_order, memory_of

PATIENCE: Final = 60.0
"""Seconds until a node must answer."""


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    name: str
    pid: int
    port: int
    start: float
    """Seconds from its start to its first answer."""

    @property
    def cpu(self) -> float:
        """Seconds of CPU it has used."""
        return cpu_of(self.pid)

    @property
    def memory(self) -> float:
        """MiB it holds."""
        return memory_of(self.pid)

    def ask(self, method: str, *params: object) -> object:
        """Make one call over HTTP; RuntimeError if it fails."""
        return ask(self.port, method, params)


def ask(port: int, method: str, params: Sequence[object] = ()) -> object:
    """Make one call over HTTP. OSError if nothing listens, RuntimeError if the call fails."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        connection.request("POST", "/", body, {"content-type": "application/json"})
        answer = orjson.loads(connection.getresponse().read())
    finally:
        connection.close()
    if "result" not in answer:
        raise RuntimeError(f"{method}: {answer.get('error')}")
    return answer["result"]


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def surroundings() -> dict[str, str]:
    """Return the environment of a program whose modules stay compiled, as installed ones do."""
    return os.environ | {"PYTHONDONTWRITEBYTECODE": ""}


@contextmanager
def running(
    name: str, command: Sequence[str | Path], port: int, method: str, *, cwd: Path = ROOT
) -> Iterator[Node]:
    """Start a node, wait for its first answer to `method`, and end it afterwards.

    Also if SIGTERM ends this process: any program that starts nodes gets that here.
    """
    end_in_order()
    begun = time.perf_counter()
    # A signal that comes while the node is started would end this process without ending the node.
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGHUP))
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # npm's wrappers start the node as a child: both are ended
        preexec_fn=functools.partial(  # noqa: PLW1509 - calls one function of the system
            signal.pthread_sigmask, signal.SIG_SETMASK, usual
        ),
    )
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        while True:
            try:
                ask(port, method)
                break
            except (OSError, http.client.HTTPException):
                waited = time.perf_counter() - begun
                if process.poll() is not None or waited > PATIENCE:
                    end(process, signal.SIGKILL)
                    said = process.communicate()[1][-2_000:]
                    raise RuntimeError(f"{name} did not answer in {waited:.0f} s: {said}") from None
                time.sleep(0.005)
        yield Node(name, process.pid, port, time.perf_counter() - begun)
    finally:
        end(process, signal.SIGTERM)
        try:
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            end(process, signal.SIGKILL)
            process.communicate()


def end(process: subprocess.Popen[str], how: signal.Signals) -> None:
    """Signal a process that `running` started, and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, how)


@contextmanager
def our_node(base: Path, *flags: str, chain: str = "dev-manual") -> Iterator[Node]:
    """Start our own node as a user does, its data under `base`."""
    port = free_port()
    command: list[str | Path] = [
        sys.executable, "-m", "cli.main", "node", "--chain", chain, "--base-path", base,
        "--rpc-port", str(port), "--log", "warn", *flags,
    ]  # fmt: skip
    with running("btt-chain", command, port, "system_chain") as node:
        yield node
