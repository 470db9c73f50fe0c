"""A network of real nodes on this machine.

All files are in one directory, the base path: the chain's specification, a folder and a log per
node, and `devnet.json`, by which another process finds the nodes again (`Devnet.open`). Signals are
sent only to verified processes (`process.py`). Methods block; in asyncio use `asyncio.to_thread`.
"""

from __future__ import annotations

import asyncio
import fcntl
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from btt_chain.crypto.development import dev_key, dev_path
from btt_chain.primitives import ss58
from btt_chain.testing import state
from btt_chain.testing.errors import (
    DevnetError,
    Disagreement,
    NodeDied,
    NoSuchNode,
    NotInTime,
    RpcFailed,
)
from btt_chain.testing.helper import Helper
from btt_chain.testing.node import (
    PROGRAM,
    START_SECONDS,
    DevNode,
    NodeState,
    NodeStatus,
)
from btt_chain.testing.process import STOP_SECONDS, free_ports, is_taken, listener
from btt_chain.testing.specification import MAX_VALIDATORS, local_specification

SPEC_FILE: Final = "spec.json"
LOCK_FILE: Final = ".lock"
FUNDED: Final = 6
"""Number of funded accounts besides those of further validators: Alice to Ferdie."""
WAIT_SECONDS: Final = 120.0
MARKET: Final = "Market"
BOND: Final = "2000BTT"
"""Bond of a provider: above the minimum, so that a missed offer does not end its service."""
HOSPITAL: Final = "//Hospital"
"""Account that posts the market's jobs."""
_PAUSE: Final = 0.3


@dataclass(frozen=True, slots=True)
class Funds:
    """An account with a balance from genesis on."""

    name: str
    uri: str
    """Its secret, which is public."""
    address: str


class Devnet:
    """The nodes of one base path."""

    def __init__(self, base: Path, plan: state.Plan) -> None:
        """Use a stored plan; `create` and `open` are the constructors."""
        self.base = base
        self._plan = plan

    @classmethod
    def create(
        cls,
        base: Path,
        *,
        validators: int = 4,
        slot_ms: int = 2_000,
        rpc_base_port: int | None = None,
        port_base: int | None = None,
        prometheus_base_port: int | None = None,
        log: str = "info",
        program: Sequence[str] = PROGRAM,
        spec: str | None = None,
        providers: int = 0,
    ) -> Self:
        """Create a network in `base`, or open the one that was created there with equal settings.

        Node i gets RPC port `rpc_base_port` + i, and likewise for the network and the metrics; None
        chooses free ports. `log` is for the nodes' `--log`; `program` starts another version of
        them; `spec` is the text of a specification of your own, whose validators are Alice, Bob,
        ... too. With `providers`, that many providers run beside them, and a market posts jobs
        (these need numpy). Nothing is started. DevnetError if a network runs there, or one with
        other validators or slots was made there.
        """
        if not 1 <= validators <= MAX_VALIDATORS:
            raise DevnetError(f"a devnet has 1 to {MAX_VALIDATORS} validators")
        base = base.resolve()
        base.mkdir(parents=True, exist_ok=True)
        before = state.read(base) if state.exists(base) else None
        if before is None:
            if spec is None:
                spec = local_specification(validators, slot_ms)
            (base / SPEC_FILE).write_text(spec)
        else:
            _check_alike(base, before, validators, slot_ms)
        # Names, data folders and network keys stay; ports may differ from the last time.
        nodes = before.nodes if before is not None else _validators(base, validators)
        for node in nodes:
            node.flags = _flags(base, node.key, log)
            node.program = list(program)
            if validators == 1:
                # A single node has no peers to synchronize with, and must make blocks all the same.
                node.flags.append("--force-authoring")
        bases, count = (rpc_base_port, port_base, prometheus_base_port), len(nodes)
        # All at once: a port chosen for one kind might be chosen again for the next.
        free = iter(free_ports(count * bases.count(None)))
        for place, node in enumerate(nodes):
            node.index = place
            node.rpc_port, node.port, node.prometheus_port = (
                next(free) if first is None else first + place for first in bases
            )
        helpers = _helpers(base, nodes, providers, [] if before is None else before.helpers)
        net = cls(base, state.Plan(nodes, slot_ms, validators, helpers=helpers))
        net._check_ports(rpc_base_port, port_base, prometheus_base_port)
        net._save()
        return net

    @classmethod
    def open(cls, base: Path) -> Self:
        """Return the network created in `base`, running or not. DevnetError if there is none."""
        base = base.resolve()
        return cls(base, state.read(base))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def reload(self) -> None:
        """Read the changes of other processes: new nodes, other pids, a partition."""
        self._plan = state.read(self.base)

    # ---- members

    @property
    def nodes(self) -> list[DevNode]:
        """All nodes, by their index; validators first, then observers."""
        return self._plan.nodes

    @property
    def helpers(self) -> list[Helper]:
        """The market, and then the providers; empty if there are none."""
        return self._plan.helpers

    @property
    def slot_ms(self) -> int:
        """Milliseconds of a slot."""
        return self._plan.slot_ms

    @property
    def groups(self) -> list[list[int]] | None:
        """The partition in force, None if the network is whole."""
        return self._plan.groups

    @property
    def is_running(self) -> bool:
        """True if any node runs."""
        return any(node.is_alive for node in self.nodes)

    def __getitem__(self, index: int) -> DevNode:
        return self.node(index)

    def __len__(self) -> int:
        return len(self.nodes)

    def node(self, index: int) -> DevNode:
        """Return node number `index`, from 0. DevnetError if there is none."""
        if not 0 <= index < len(self.nodes):
            raise NoSuchNode(
                f"there is no node {index}: this devnet has nodes 0 to {len(self.nodes) - 1}"
            )
        return self.nodes[index]

    def funded(self) -> list[Funds]:
        """Return the accounts with a balance at genesis: Alice, Bob, ..."""
        places = range(max(FUNDED, self._plan.validators + 2))
        return [
            Funds(_name(path), path, ss58.encode(dev_key(path).account_id))
            for path in map(dev_path, places)
        ]

    # ---- processes

    def up(self, seconds: float = START_SECONDS) -> None:
        """Start all nodes that are down, and wait until each answers.

        NodeDied or NotInTime, with the end of the log; the running nodes keep running.
        """
        with self._locked():
            started = [node for node in self.nodes if not node.is_alive]
            for node in started:
                node.start(self._bootnodes(node))
            self._save()
        deadline = time.monotonic() + seconds
        for node in self.nodes:
            node.wait_until_answers(max(deadline - time.monotonic(), 1.0))
        if self.groups is not None:
            self._separate(started, self.groups)
        if self.helpers:
            self._up_helpers()

    def _up_helpers(self) -> None:
        """Start the market and the providers; new ones are funded first."""
        # They import the network code, which a devnet without them does not need.
        from btt_chain.compute.chain import ChainError, UnsupportedRuntime  # noqa: PLC0415
        from btt_chain.testing.market import fund, missing  # noqa: PLC0415

        url = self.nodes[0].ws
        workers = [helper.key for helper in self.helpers if helper.name != MARKET]
        try:
            poor = asyncio.run(missing(url, workers))
            if poor:
                asyncio.run(fund(url, [HOSPITAL, *poor]))
        except (ChainError, UnsupportedRuntime) as error:
            raise DevnetError(f"the providers have no money: {error}") from None
        with self._locked():
            for helper in self.helpers:
                if not helper.is_alive:
                    helper.start()
            self._save()

    def helper(self, name: str) -> Helper:
        """Return the provider or market with this name. DevnetError if there is none."""
        for helper in self.helpers:
            if helper.name == name:
                return helper
        raise DevnetError(f"this devnet has no {name}")

    def restart_helper(self, name: str) -> None:
        """Start a helper again; it must be down."""
        with self._locked():
            self.reload()
            self.helper(name).start()
            self._save()

    def down(self, seconds: float = STOP_SECONDS) -> list[DevNode]:
        """Stop all nodes at once; kill those alive after `seconds`, and return them."""
        self.reload()
        running = [node for node in self.nodes if node.is_alive]
        for helper in self.helpers:
            helper.ask_to_end()
        for node in running:
            node.ask_to_end()
        deadline = time.monotonic() + seconds
        for helper in self.helpers:
            helper.await_end(deadline - time.monotonic())
        return [node for node in running if not node.await_end(deadline - time.monotonic())]

    def kill(self, index: int) -> None:
        """Send SIGKILL to one node. DevnetError if it is down."""
        node = self.node(index)
        if not node.is_alive:
            raise DevnetError(f"node {index} ({node.name}) is down already")
        node.kill()

    def restart(self, index: int, seconds: float = START_SECONDS) -> None:
        """Start one node again, after stopping it if it runs; waits until it answers."""
        with self._locked():
            program = self.node(index).program
            self.reload()
            node = self.node(index)
            node.program = program  # it may have changed here, to another version
            node.stop()
            node.start(self._bootnodes(node))
            self._save()
        node.wait_until_answers(seconds)
        if self.groups is not None:
            self._separate([node], self.groups)

    def stop(self, index: int) -> None:
        """Stop one node; `restart` starts it again."""
        self.node(index).stop()

    def pause(self, index: int) -> None:
        """Send SIGSTOP to one node: it freezes, its connections stay."""
        self.node(index).pause()

    def resume(self, index: int) -> None:
        """Send SIGCONT to one node: it continues."""
        self.node(index).resume()

    def add_node(self, name: str | None = None, seconds: float = START_SECONDS) -> DevNode:
        """Start one more node that follows the chain without validating; waits until it answers."""
        with self._locked():
            self.reload()
            index = len(self.nodes)
            rpc, port, metrics = free_ports(3)
            node = DevNode(
                index=index,
                name=name or f"Observer-{index}",
                folder=state.node_folder(self.base, index),
                flags=_flags(self.base, None, "info"),
                rpc_port=rpc,
                port=port,
                prometheus_port=metrics,
                node_key=secrets.token_hex(32),
                program=list(self.nodes[0].program),
            )
            self.nodes.append(node)
            node.start(self._bootnodes(node))
            self._save()
        node.wait_until_answers(seconds)
        return node

    # ---- the network between them

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """Partition the network: nodes are connected only to those of their own group.

        A node in no group has no peers. Nodes that are down are partitioned when they start again.
        DevnetError for a node that is in two groups or does not exist.
        """
        given = [index for group in groups for index in group]
        if len(set(given)) != len(given):
            raise DevnetError("a node can be in one group only")
        for index in given:
            self.node(index)
        wanted = [list(group) for group in groups]
        self._separate([node for node in self.nodes if node.is_alive], wanted)
        self._plan.groups = wanted
        self._save()

    def heal(self) -> None:
        """End the partition; nodes find each other by themselves."""
        if self.groups is None:
            return
        for node in self.nodes:
            if node.is_alive:
                _allow(node, None)
        self._plan.groups = None
        self._save()

    def _separate(self, nodes: Sequence[DevNode], groups: Sequence[Sequence[int]]) -> None:
        for node in nodes:
            friends = next((group for group in groups if node.index in group), [])
            _allow(node, [self.node(i).peer_id for i in friends if i != node.index])

    # ---- waiting and watching

    def status(self) -> list[NodeStatus]:
        """Return the status of each node; takes a few seconds at most."""
        with ThreadPoolExecutor(max_workers=max(len(self.nodes), 1)) as pool:
            return list(pool.map(DevNode.status, self.nodes))

    def wait_for_block(
        self, number: int, nodes: Sequence[int] | None = None, seconds: float = WAIT_SECONDS
    ) -> list[NodeStatus]:
        """Wait until the best block of each node (all that run) is at `number` or above.

        NotInTime has the height of each node; NodeDied if one ends meanwhile.
        """
        return self._wait(f"block {number}", lambda node: node.best >= number, nodes, seconds)

    def wait_for_finality(
        self, number: int, nodes: Sequence[int] | None = None, seconds: float = WAIT_SECONDS
    ) -> list[NodeStatus]:
        """Wait until block `number` is final on each node (all that run)."""
        return self._wait(
            f"finality of block {number}", lambda node: node.finalized >= number, nodes, seconds
        )

    def wait_for_peers(
        self, count: int, nodes: Sequence[int] | None = None, seconds: float = WAIT_SECONDS
    ) -> list[NodeStatus]:
        """Wait until each node (all that run) has `count` peers or more."""
        return self._wait(f"{count} peers", lambda node: node.peers >= count, nodes, seconds)

    def _wait(
        self,
        what: str,
        reached: Callable[[NodeStatus], bool],
        indices: Sequence[int] | None,
        seconds: float,
    ) -> list[NodeStatus]:
        chosen = range(len(self.nodes)) if indices is None else indices
        # A paused node makes no progress, and one that is down was stopped on purpose.
        waited = [self.node(i) for i in chosen]
        if indices is None:
            waited = [node for node in waited if node.is_alive and not node.is_paused]
        if not waited:
            raise DevnetError(f"nobody to wait for {what} with: no node runs")
        deadline = time.monotonic() + seconds
        while True:
            with ThreadPoolExecutor(max_workers=len(waited)) as pool:
                found = list(pool.map(DevNode.glance, waited))
            if all(map(reached, found)):
                return found
            for node, said in zip(waited, found, strict=True):
                if said.state is NodeState.DOWN:
                    raise NodeDied(
                        f"node {node.index} ({node.name}) ended while waiting for {what}\n"
                        + node.tail()
                    )
            if time.monotonic() > deadline:
                raise NotInTime(
                    f"no {what} after {seconds:g} s: "
                    + ", ".join(
                        f"{said.name} {said.state} best {said.best} final {said.finalized} "
                        f"peers {said.peers}"
                        for said in found
                    )
                    + "".join(f"\n{node.tail(10)}" for node in waited)
                )
            time.sleep(_PAUSE)

    def check_agreement(self) -> int:
        """Check that all running nodes have the same final blocks; return the compared height.

        Disagreement names the nodes and their hashes: finality is violated.
        """
        running = [(node, node.rpc.finalized()) for node in self.nodes if node.is_alive]
        if not running:
            raise DevnetError("no node runs")
        common = min(final for _, final in running)
        hashes = {node.name: node.rpc.block_hash(common) for node, _ in running}
        if len(set(hashes.values())) > 1:
            raise Disagreement(
                f"block {common} is final and differs: "
                + ", ".join(f"{name} {hash}" for name, hash in hashes.items())
            )
        return common

    # ---- internals

    def _bootnodes(self, node: DevNode) -> list[str]:
        """Return the boot nodes of a node: all others, or those on its side of a partition."""
        side: Sequence[int] = range(len(self.nodes))
        if self.groups is not None:
            side = next((group for group in self.groups if node.index in group), [])
        return [other.address for other in self.nodes if other is not node and other.index in side]

    def _check_ports(self, rpc: int | None, port: int | None, metrics: int | None) -> None:
        """Raise DevnetError for the first requested port that is taken."""
        for node in self.nodes:
            for asked, number, flag in (
                (rpc, node.rpc_port, "--rpc-base-port"),
                (port, node.port, "--p2p-base-port"),
                (metrics, node.prometheus_port, "--prometheus-base-port"),
            ):
                if asked is not None and is_taken(number):
                    who = listener(number) or "another program"
                    raise DevnetError(
                        f"port {number} of node {node.index} ({node.name}) is taken by {who}: "
                        f"stop it, or choose other ports with {flag}"
                    )

    def _save(self) -> None:
        state.write(self.base, self._plan)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Prevent other processes from starting the same nodes at the same time."""
        with (self.base / LOCK_FILE).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _allow(node: DevNode, peers: Sequence[str] | None) -> None:
    try:
        node.set_allowed_peers(peers)
    except RpcFailed as error:
        if error.is_unknown_method:
            raise DevnetError(
                f"node {node.index} ({node.name}) cannot be cut off: it has no btt_setAllowedPeers"
            ) from None
        # A node that ends meanwhile is disconnected anyway, and partitioned when it starts again.
        if node.is_alive:
            raise


def _check_alike(base: Path, plan: state.Plan, validators: int, slot_ms: int) -> None:
    everything: list[DevNode | Helper] = [*plan.nodes, *plan.helpers]
    pids = [one.process.pid for one in everything if one.is_alive and one.process is not None]
    if pids:
        raise DevnetError(
            f"a devnet is running in {base} (pids {', '.join(map(str, pids))}): stop it with "
            "`devnet down`, or choose another --base-path"
        )
    if (plan.validators, plan.slot_ms) != (validators, slot_ms):
        raise DevnetError(
            f"the chain in {base} was made for {plan.validators} validators and slots of "
            f"{plan.slot_ms} ms: ask for the same, or choose another --base-path"
        )


def _validators(base: Path, count: int) -> list[DevNode]:
    return [
        DevNode(
            index=place,
            name=_name(dev_path(place)),
            folder=state.node_folder(base, place),
            flags=[],
            rpc_port=0,
            node_key=secrets.token_hex(32),
            key=dev_path(place),
        )
        for place in range(count)
    ]


def _helpers(
    base: Path, nodes: Sequence[DevNode], count: int, before: Sequence[Helper]
) -> list[Helper]:
    """Return the market and that many providers, including the previous ones; empty for zero."""
    count = max(count, len(before) - 1)
    if not count:
        return []
    validators = [node.key for node in nodes if node.key is not None]
    keys = [f"//Provider//{place}" for place in range(count)]
    loans = [f"{key}={validators[at % len(validators)]}" for at, key in enumerate(keys)]
    folder = state.helper_folder(base, MARKET)
    words = [
        "-m", "btt_chain.testing.market", "--url", nodes[0].ws, "--base-path", str(folder),
        "--from", HOSPITAL, *(word for loan in loans for word in ("--lend", loan)),
    ]  # fmt: skip
    made = [Helper(MARKET, folder, words, HOSPITAL)]
    for at, key in enumerate(keys):
        name = _name(key)
        folder = state.helper_folder(base, name)
        words = [
            "-m", "cli.main", "provider", "run", "--url", nodes[at % len(nodes)].ws,
            "--from", key, "--bond", BOND, "--base-path", str(folder), "--jobs", "3",
        ]  # fmt: skip
        made.append(Helper(name, folder, words, key))
    return made


def _name(path: str) -> str:
    """Return the name of a development key: Alice, Validator-0."""
    return path.removeprefix("//").replace("//", "-")


def _flags(base: Path, key: str | None, log: str) -> list[str]:
    words = ["--chain", str(base / SPEC_FILE), "--log", log]
    return words if key is None else [*words, "--validator", "--dev-key", key]
