"""One node of a network: a real process, its ports, its log, and its control."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from btt_chain.client.jsonrpc import Json
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.node.keys.identity import peer_id
from btt_chain.testing.errors import NodeDied, NotInTime, RpcFailed
from btt_chain.testing.process import Life, ProcessId
from btt_chain.testing.rpc import Rpc, height

HOME: Final = str(Path(__file__).resolve().parents[2])
"""Folder of our packages: the node imports them from here only, wherever it is started."""

PROGRAM: Final = (sys.executable, "-P", "-m", "cli.main")

START_SECONDS: Final = 90.0
"""Limit for a hanging start: the machine may be busy."""
_PAUSE: Final = 0.05
_READY: Final = re.compile(rb"^substrate_ready_transactions_number (\S+)", re.MULTILINE)
_GLANCE: Final = 3.0
"""Seconds for a node to report its status."""


class NodeState(StrEnum):
    """The state of a node's process."""

    RUNNING = "running"
    SILENT = "silent"
    """The process runs and does not answer."""
    PAUSED = "paused"
    """Stopped by SIGSTOP."""
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node's report of itself; zeros while it does not answer."""

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
    """A node of a network; created by `Devnet`, or by `dev_node` alone."""

    index: int
    name: str
    folder: Path
    """Its base path; the log is beside it."""
    flags: list[str]
    """Options of `btt-chain node` besides ports, paths and peers."""
    rpc_port: int
    port: int = 0
    """Network port; 0 if the node has none."""
    prometheus_port: int = 0
    node_key: str = ""
    """Its secret network key, 64 hex digits."""
    key: str | None = None
    """The secret URI of its session keys; None if it is not a validator."""
    program: list[str] = field(default_factory=lambda: list(PROGRAM))
    """Command before the word `node`; that of another version to run two versions together."""
    process: ProcessId | None = None
    """The last started process, of any starter."""

    # ---- addresses

    @property
    def http(self) -> str:
        """URL of its JSON-RPC over HTTP."""
        return f"http://127.0.0.1:{self.rpc_port}"

    @property
    def ws(self) -> str:
        """URL of its JSON-RPC over WebSocket."""
        return f"ws://127.0.0.1:{self.rpc_port}"

    @property
    def metrics_url(self) -> str:
        """URL of its Prometheus metrics."""
        return f"http://127.0.0.1:{self.prometheus_port}/metrics"

    @property
    def rpc(self) -> Rpc:
        """A blocking client of its JSON-RPC."""
        return Rpc(self.http)

    @property
    def peer_id(self) -> str:
        """Its identity on the network."""
        return peer_id(KeyPair.from_seed(bytes.fromhex(self.node_key), Scheme.ED25519))

    @property
    def address(self) -> str:
        """Its address for other nodes, as in `--bootnodes`."""
        return f"/ip4/127.0.0.1/tcp/{self.port}/p2p/{self.peer_id}"

    # ---- process

    @property
    def title(self) -> str:
        """Its number and name for messages."""
        return f"node {self.index} ({self.name})"

    def start(self, bootnodes: Sequence[str] = ()) -> None:
        """Start the process; does not wait. DevnetError if it runs already."""
        path = {"PYTHONPATH": HOME} if self.program == list(PROGRAM) else {}
        self.process = self.spawned([*self.program, *self.arguments(bootnodes)], path)

    def arguments(self, bootnodes: Sequence[str] = ()) -> list[str]:
        """Return the arguments of `btt-chain`."""
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
        """Wait for the first answer. NodeDied, with the log, if it ends; else NotInTime."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.is_alive:
                raise NodeDied(f"{self.title} ended\n{self.tail()}")
            if self.answers():
                return
            time.sleep(_PAUSE)
        raise NotInTime(f"{self.title} does not answer after {seconds:g} s\n{self.tail()}")

    def wait_until_stored(self, keys: Sequence[str], seconds: float) -> None:
        """Wait until the best block's state has all keys (0x and hex). NodeDied, NotInTime."""
        deadline, missing = time.monotonic() + seconds, list(keys)
        while missing:
            try:
                missing = [key for key in missing if self.rpc.call("state_getStorage", key) is None]
            except RpcFailed:
                if not self.is_alive:
                    raise NodeDied(f"{self.title} ended\n{self.tail()}") from None
            if missing and time.monotonic() > deadline:
                raise NotInTime(
                    f"{self.title} has not imported {len(missing)} accounts that were funded "
                    f"{seconds:g} s ago\n{self.tail()}"
                )
            time.sleep(_PAUSE if missing else 0)

    def answers(self) -> bool:
        """Return True if a call is answered while our own process runs."""
        try:
            self.rpc.call("system_health", timeout=_GLANCE)
        except RpcFailed:
            return False
        return self.is_alive

    # ---- status

    def glance(self) -> NodeStatus:
        """Return the status without the pool: cheap enough for several calls a second."""
        return self._status(with_pool=False)

    def status(self) -> NodeStatus:
        """Return the status within a few seconds in all cases; never raises."""
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
        # Tests ask often, and a request costs the node more than a call.
        best_hash, final_hash, health = rpc.batch(
            ("chain_getBlockHash",), ("chain_getFinalizedHead",), ("system_health",)
        )
        best, final = rpc.batch(("chain_getHeader", best_hash), ("chain_getHeader", final_hash))
        said = health if isinstance(health, dict) else {}
        peers = said.get("peers")
        return NodeStatus(
            self.index, self.name, NodeState.RUNNING, best=height(best), best_hash=str(best_hash),
            finalized=height(final), finalized_hash=str(final_hash),
            peers=peers if isinstance(peers, int) else 0, pool=self._pool(rpc) if with_pool else 0,
            is_syncing=said.get("isSyncing") is True,
        )  # fmt: skip

    def _pool(self, rpc: Rpc) -> int:
        """Return the number of ready transactions: from metrics; a full pool is megabytes."""
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
        """Connect to these peer ids only, disconnect all others; None: any peer again.

        Through `btt_setAllowedPeers`, an unsafe method. RpcFailed if the node refuses.
        """
        allowed: Json = None if peers is None else list(peers)
        self.rpc.call("btt_setAllowedPeers", allowed)
