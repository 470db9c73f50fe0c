"""One node of a network: a real process, its ports, its log, and what can be done to it."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.node.identity import peer_id
from btt_chain.testing.errors import DevnetError, NodeDied, NotInTime, RpcFailed
from btt_chain.testing.process import STOP_SECONDS, Life, ProcessId
from btt_chain.testing.rpc import Json, Rpc, height

HOME: Final = str(Path(__file__).resolve().parents[2])
"""Where our packages lie: the node finds them wherever it is started, and nobody else's."""

PROGRAM: Final = (sys.executable, "-P", "-m", "cli.main")

START_SECONDS: Final = 90.0
"""A hang, not a measure: the machine may be busy."""
_PAUSE: Final = 0.05
_READY: Final = re.compile(rb"^substrate_ready_transactions_number (\S+)", re.MULTILINE)
_GLANCE: Final = 3.0
"""Seconds that a node has to say how it is."""


class NodeState(StrEnum):
    """Whether a node lives."""

    RUNNING = "running"
    SILENT = "silent"
    """The process lives and does not answer."""
    PAUSED = "paused"
    """Stopped by SIGSTOP."""
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What a node says of itself; zeros while it does not answer."""

    index: int
    name: str
    state: NodeState
    best: int = 0
    best_hash: str = ""
    finalized: int = 0
    finalized_hash: str = ""
    peers: int = 0
    pool: int = 0
    is_syncing: bool = False

    @property
    def lag(self) -> int:
        """Blocks between the best and the last final one."""
        return max(self.best - self.finalized, 0)


@dataclass(slots=True)
class DevNode(Life):
    """A node of a network; made by `Devnet`, or by `dev_node` alone."""

    index: int
    name: str
    folder: Path
    """Its base path; the log lies beside it."""
    flags: list[str]
    """What `btt-chain node` is given besides ports, paths and peers."""
    rpc_port: int
    port: int = 0
    """Of the network; 0 where the node has none."""
    prometheus_port: int = 0
    node_key: str = ""
    """Its secret key on the network, 64 hex digits."""
    key: str | None = None
    """The secret URI of its session keys; None if it is no validator."""
    program: list[str] = field(default_factory=lambda: list(PROGRAM))
    """What is started, before the word `node`; another one's to try two versions together."""
    process: ProcessId | None = None
    """The one started last, by whomever."""

    # ---- where it is

    @property
    def http(self) -> str:
        """Its JSON-RPC over HTTP."""
        return f"http://127.0.0.1:{self.rpc_port}"

    @property
    def ws(self) -> str:
        """Its JSON-RPC over WebSocket."""
        return f"ws://127.0.0.1:{self.rpc_port}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus reads."""
        return f"http://127.0.0.1:{self.prometheus_port}/metrics"

    @property
    def rpc(self) -> Rpc:
        """Calls to it that block."""
        return Rpc(self.http)

    @property
    def peer_id(self) -> str:
        """Its identity on the network."""
        return peer_id(KeyPair.from_seed(bytes.fromhex(self.node_key), Scheme.ED25519))

    @property
    def address(self) -> str:
        """Where other nodes reach it, as `--bootnodes` takes it."""
        return f"/ip4/127.0.0.1/tcp/{self.port}/p2p/{self.peer_id}"

    # ---- life

    def start(self, bootnodes: Sequence[str] = ()) -> None:
        """Start the process; does not wait. DevnetError if it runs already."""
        if self.is_alive:
            raise DevnetError(f"node {self.index} ({self.name}) runs already")
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "200"}
        if self.program == list(PROGRAM):
            environment["PYTHONPATH"] = HOME
        self.process = ProcessId.spawn(
            [*self.program, *self.arguments(bootnodes)], environment, self.log
        )

    def arguments(self, bootnodes: Sequence[str] = ()) -> list[str]:
        """The command line behind `btt-chain`."""
        words = [
            "node", *self.flags, "--base-path", str(self.folder), "--name", self.name,
            "--rpc-port", str(self.rpc_port),
        ]  # fmt: skip
        if self.port:
            words += [
                "--port", str(self.port), "--listen-addr", f"/ip4/127.0.0.1/tcp/{self.port}",
                "--no-mdns", "--node-key", self.node_key,
            ]  # fmt: skip
        if self.prometheus_port:
            words += ["--prometheus-port", str(self.prometheus_port)]
        if bootnodes:
            words += ["--bootnodes", ",".join(bootnodes)]
        return words

    def wait_until_answers(self, seconds: float = START_SECONDS) -> None:
        """Wait for the first answer. NodeDied, with the log, if it ends; NotInTime else."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.is_alive:
                raise NodeDied(f"node {self.index} ({self.name}) ended\n{self.tail()}")
            if self.answers():
                return
            time.sleep(_PAUSE)
        raise NotInTime(
            f"node {self.index} ({self.name}) does not answer after {seconds:g} s\n{self.tail()}"
        )

    def answers(self) -> bool:
        """Whether a call gets an answer, from our process and nobody else's."""
        try:
            self.rpc.call("system_health", timeout=_GLANCE)
        except RpcFailed:
            return False
        return self.is_alive

    def ask_to_end(self) -> None:
        """SIGTERM, and SIGCONT, so that a paused one hears it; does not wait."""
        if self.process is not None:
            self.process.send(signal.SIGTERM)
            self.process.send(signal.SIGCONT)

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """End in order, or be killed after `seconds`; whether it ended in order."""
        self.ask_to_end()
        return self.await_end(seconds)

    def pause(self) -> None:
        """SIGSTOP: the process freezes, its connections stay. DevnetError if it is down."""
        self._send(signal.SIGSTOP)
        while self.process is not None and self.process.state() not in {"T", None}:
            time.sleep(_PAUSE)

    def resume(self) -> None:
        """SIGCONT: go on after `pause`. DevnetError if it is down."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        if self.process is None or not self.process.send(number):
            raise DevnetError(f"node {self.index} ({self.name}) is down")

    # ---- what it says

    @property
    def is_paused(self) -> bool:
        """Whether it lives and was stopped by SIGSTOP."""
        return self.process is not None and self.process.state() == "T"

    def glance(self) -> NodeStatus:
        """Like `status` without the pool: cheap enough to be asked several times a second."""
        return self._status(with_pool=False)

    def status(self) -> NodeStatus:
        """How it is, within a few seconds whatever happens; never raises."""
        return self._status(with_pool=True)

    def _status(self, *, with_pool: bool) -> NodeStatus:
        state = self.process.state() if self.is_alive and self.process else None
        if state is None:
            return NodeStatus(self.index, self.name, NodeState.DOWN)
        if state == "T":
            return NodeStatus(self.index, self.name, NodeState.PAUSED)
        try:
            return self._asked(with_pool=with_pool)
        except RpcFailed:
            return NodeStatus(self.index, self.name, NodeState.SILENT)

    def _asked(self, *, with_pool: bool) -> NodeStatus:
        rpc = Rpc(self.http, _GLANCE)
        best_hash = rpc.call("chain_getBlockHash")
        final_hash = rpc.call("chain_getFinalizedHead")
        health = rpc.call("system_health")
        said = health if isinstance(health, dict) else {}
        peers = said.get("peers")
        return NodeStatus(
            self.index,
            self.name,
            NodeState.RUNNING,
            best=height(rpc.call("chain_getHeader", best_hash)),
            best_hash=str(best_hash),
            finalized=height(rpc.call("chain_getHeader", final_hash)),
            finalized_hash=str(final_hash),
            peers=peers if isinstance(peers, int) else 0,
            pool=self._pool(rpc) if with_pool else 0,
            is_syncing=said.get("isSyncing") is True,
        )

    def _pool(self, rpc: Rpc) -> int:
        """How many transactions are ready: from the metrics, because a full pool is megabytes."""
        if self.prometheus_port:
            try:
                with urlopen(self.metrics_url, timeout=_GLANCE) as answer:  # noqa: S310 - our URL
                    found = _READY.search(answer.read())
            except OSError:
                found = None
            if found is not None:
                return int(float(found[1]))
        pending = rpc.call("author_pendingExtrinsics")
        return len(pending) if isinstance(pending, list) else 0

    def set_allowed_peers(self, peers: Sequence[str] | None) -> None:
        """Connect to these peer ids only, drop all others; None: to everybody again.

        Through `btt_setAllowedPeers`, an unsafe method. RpcFailed if the node refuses.
        """
        allowed: Json = None if peers is None else list(peers)
        self.rpc.call("btt_setAllowedPeers", allowed)
