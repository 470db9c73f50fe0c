"""A network of real nodes on this machine.

All files are in one directory, the base path: the chain's specification, a folder and a log per
node, and `devnet.json`, by which another process finds the nodes again (`Devnet.open`). Signals are
sent only to verified processes (`process.py`). Methods block; in asyncio use `asyncio.to_thread`.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from btt_chain.client.errors import ClientError
from btt_chain.crypto.development import dev_key, dev_path
from btt_chain.own_files import open_own, own_link
from btt_chain.primitives import ss58
from btt_chain.testing import members, partition, state
from btt_chain.testing.creation import (
    HOSPITAL,
    KEEPER,
    Ports,
    Settings,
    keeper_of,
    key_name,
    new_plan,
    node_flags,
    stored_specification,
)
from btt_chain.testing.errors import DevnetError, NoSuchNode
from btt_chain.testing.helper import Helper
from btt_chain.testing.network_file import NamedNode
from btt_chain.testing.node import PROGRAM, START_SECONDS, DevNode, NodeStatus
from btt_chain.testing.ports import Reservation
from btt_chain.testing.process import STOP_SECONDS, own_files, uninterrupted
from btt_chain.testing.specification import runtime_of
from btt_chain.testing.waiting import check_agreement, wait_until

FUNDED: Final = 6
"""Number of funded accounts besides those of further validators: Alice to Ferdie."""
WAIT_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Funds:
    """An account with a balance from genesis on."""

    name: str
    uri: str
    """Its secret, which is public."""
    address: str


class Devnet:
    """The nodes of one base path."""

    def __init__(self, base: Path, plan: state.Plan, ports: Reservation | None = None) -> None:
        """Use a stored plan; `create` and `open` are the constructors."""
        self.base = base
        self._plan = plan
        self.ports = ports or Reservation()
        """Reserves the ports: while nodes start, and while one of them is down."""

    @classmethod
    def create(
        cls, base: Path, *, validators: int | None = None, slot_ms: int | None = None,
        rpc_base_port: int | None = None, port_base: int | None = None,
        prometheus_base_port: int | None = None, log: str = "info",
        program: Sequence[str] = PROGRAM, spec: str | None = None, providers: int = 0,
        feeders: bool = False, explorer_port: int | None = None,
        nodes: Sequence[NamedNode] = (), usual_rpc_port: int | None = None,
        is_explorer_port_fixed: bool = True, runtime: str | None = None,
    ) -> Self:  # fmt: skip
        """Create a network in `base`, or open the one that was created there with equal settings.

        None for `validators`, `slot_ms` or `runtime`: those of the network in `base`; of a new one
        four, 500 ms, and `full`, the set of all features.
        Node i gets RPC port `rpc_base_port` + i, and likewise for the network and the metrics; None
        chooses free ports, which other networks that start at the same time do not choose. Without
        `rpc_base_port`, the RPC ports are `usual_rpc_port` + i if all of these are free. `log` is
        for the nodes' `--log`; `program` starts another version of them; `spec` is the text of a
        specification of your own, whose validators are Alice, Bob, ... too. With `providers`, that
        many providers run beside them, and a market posts jobs (these need numpy). With `feeders`,
        three feeders report the prices in the files of `base/prices`. With `explorer_port`, an
        explorer serves its pages there, or, unless it is fixed, at a free port. `nodes` names all
        nodes, as a file does (`network_file`). Nothing is started. DevnetError if a network runs
        there, one with other validators, slots or features was made there, or the features lack
        the prices of feeders.
        """
        settings = Settings(
            validators, slot_ms, log, program, spec, providers, feeders, explorer_port, nodes,
            runtime,
        )  # fmt: skip
        ports = Ports(
            rpc_base_port, port_base, prometheus_base_port, usual_rpc_port, is_explorer_port_fixed
        )
        return cls.planned(base, settings, ports)

    @classmethod
    def planned(cls, base: Path, settings: Settings, ports: Ports) -> Self:
        """Create a network, as `create`."""
        with own_files():
            base = own_link(base)
        reservation = Reservation()
        plan = new_plan(base, settings, ports, reservation)
        state.write(base, plan)
        return cls(base, plan, reservation)

    @classmethod
    def open(cls, base: Path) -> Self:
        """Return the network created in `base`, running or not. DevnetError if there is none."""
        with own_files():
            base = own_link(base)
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
        """The market, the providers, the feeders, the explorer; empty if there are none."""
        return self._plan.helpers

    @property
    def slot_ms(self) -> int:
        """Milliseconds of a slot."""
        return self._plan.slot_ms

    @property
    def runtime(self) -> str | None:
        """Set of features of the chain; None if it has a raw specification, which names none."""
        return runtime_of(stored_specification(self.base))

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
            Funds(key_name(path), path, ss58.encode(dev_key(path).account_id))
            for path in map(dev_path, places)
        ]

    # ---- processes

    def up(self, seconds: float = START_SECONDS, *, is_kept: bool = False) -> None:
        """Start all nodes that are down, and wait until each answers.

        With `is_kept`, programs beside them that die are started again until `down`.
        NodeDied or NotInTime, with the end of the log; the running nodes keep running.
        """
        with self._changing(is_read=True):
            started = [node for node in self.nodes if not node.is_alive]
            for node in started:
                node.start(partition.boot_nodes(self._plan, node))
        deadline = time.monotonic() + seconds
        for node in self.nodes:
            node.wait_until_answers(max(deadline - time.monotonic(), 1.0))
        partition.apply(self._plan, started)
        if not self.helpers:
            return
        workers = [helper.key for helper in self.helpers if helper.is_provider]
        if workers:
            _fund(partition.side(self._plan, self.nodes[0]), workers, seconds)
        with self._changing(is_read=True):
            if is_kept and not any(helper.name == KEEPER for helper in self.helpers):
                self.helpers.append(keeper_of(self.base))
            for helper in self.helpers:
                if not helper.is_alive:
                    helper.start()
                    helper.deaths, helper.last_death = 0, ""

    def helper(self, name: str) -> Helper:
        """Return the provider, market or feeder with this name. DevnetError if there is none."""
        return members.helper_named(self.helpers, name)

    def member(self, word: str) -> DevNode | Helper:
        """Return a node or helper by its number or name. NoSuchNode, with the names, if none.

        Case does not count; feeders are also `feeder-0`, `feeder-1`, ...
        """
        return members.member_named(self.nodes, self.helpers, word)

    def down(self, seconds: float = STOP_SECONDS) -> list[DevNode]:
        """Stop all nodes at once; kill those alive after `seconds`, and return them."""
        self.ports.close()
        with self._changing():
            for helper in self.helpers:
                helper.is_wanted = False
        running = [node for node in self.nodes if node.is_alive]
        for helper in self.helpers:
            helper.ask_to_end()
        for node in running:
            node.ask_to_end()
        deadline = time.monotonic() + seconds
        for helper in self.helpers:
            helper.await_end(deadline - time.monotonic())
        return [node for node in running if not node.await_end(deadline - time.monotonic())]

    def kill(self, which: int | str) -> DevNode | Helper:
        """Send SIGKILL to a node or helper, and return it; it stays down until `restart`.

        `which` is a node's index, or a name as for `member`. DevnetError if it is down.
        """
        member = self.member(str(which))
        if not member.is_alive:
            raise DevnetError(f"{member.title} is down already")
        if isinstance(member, Helper):
            with self._changing():
                member = self.helper(member.name)
                member.is_wanted = False
        member.kill()
        return member

    def restart(self, which: int | str, seconds: float = START_SECONDS) -> None:
        """Start a node or helper again, after stopping it if it runs; waits until a node answers.

        `which` is a node's index, or a name as for `member`.
        """
        kept = self.member(str(which))
        with self._changing():
            member = self.member(str(which))
            member.stop()
            if isinstance(member, DevNode):
                if isinstance(kept, DevNode):
                    member.program = kept.program  # it may have changed here, to another version
                member.start(partition.boot_nodes(self._plan, member))
            else:
                member.start()
        if isinstance(member, DevNode):
            member.wait_until_answers(seconds)
            partition.apply(self._plan, [member])

    def add_node(self, name: str | None = None, seconds: float = START_SECONDS) -> DevNode:
        """Start one more node that follows the chain without validating; waits until it answers."""
        with self._changing():
            members.check_new(self.nodes, self.helpers, name)
            index = len(self.nodes)
            rpc, port, metrics = self.ports.free(3)
            node = DevNode(
                index=index, name=name or f"Observer-{index}",
                folder=state.node_folder(self.base, index),
                flags=node_flags(self.base, None, "info"), rpc_port=rpc, port=port,
                prometheus_port=metrics, node_key=secrets.token_hex(32),
                program=list(self.nodes[0].program),
            )  # fmt: skip
            self.nodes.append(node)
            node.start(partition.boot_nodes(self._plan, node))
        node.wait_until_answers(seconds)
        return node

    # ---- the network between them

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """Partition the network: nodes are connected only to those of their own group.

        A node in no group has no peers. Nodes that are down are partitioned when they start again.
        DevnetError for a node that is in two groups or does not exist.
        """
        with self._changing():
            for index in (index for group in groups for index in group):
                self.node(index)
            partition.split(self._plan, groups)

    def heal(self) -> None:
        """End the partition; nodes find each other by themselves."""
        with self._changing():
            partition.heal(self._plan)

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
        return wait_until(
            _chosen(self, nodes), f"block {number}", lambda node: node.best >= number, seconds
        )

    def wait_for_finality(
        self, number: int, nodes: Sequence[int] | None = None, seconds: float = WAIT_SECONDS
    ) -> list[NodeStatus]:
        """Wait until block `number` is final on each node (all that run)."""
        what = f"finality of block {number}"
        return wait_until(
            _chosen(self, nodes), what, lambda node: node.finalized >= number, seconds
        )

    def wait_for_peers(
        self, count: int, nodes: Sequence[int] | None = None, seconds: float = WAIT_SECONDS
    ) -> list[NodeStatus]:
        """Wait until each node (all that run) has `count` peers or more."""
        return wait_until(
            _chosen(self, nodes), f"{count} peers", lambda node: node.peers >= count, seconds
        )

    def check_agreement(self) -> int:
        """Check that all running nodes have the same final blocks; return the compared height.

        Disagreement names the nodes and their hashes: finality is violated.
        """
        return check_agreement(self.nodes)

    # ---- internals

    @contextmanager
    def _changing(self, *, is_read: bool = False) -> Iterator[None]:
        """Change the stored plan, read now unless it `is_read`: alone, and without interruption."""
        with locked(self.base), uninterrupted():
            if not is_read:
                self.reload()
            yield
            self._save()

    def _save(self) -> None:
        state.write(self.base, self._plan)


def _chosen(net: Devnet, nodes: Sequence[int] | None) -> list[DevNode]:
    """Return the nodes to wait for. DevnetError if there are none."""
    if nodes is None:
        # A paused node makes no progress, and one that is down was stopped on purpose.
        chosen = [node for node in net.nodes if node.is_alive and not node.is_paused]
    else:
        chosen = [net.node(index) for index in nodes]
    if not chosen:
        raise DevnetError("there is nothing to wait for: no node runs")
    return chosen


@contextmanager
def locked(base: Path) -> Iterator[None]:
    """Prevent other processes from starting the same nodes at the same time."""
    with own_files():
        descriptor = open_own(base / state.LOCK_FILE, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _fund(nodes: list[DevNode], workers: list[str], seconds: float) -> None:
    """Fund the market and the providers without a balance, and wait until all nodes know it.

    A provider registers at a node of its own, which may be some blocks behind. DevnetError if the
    funding fails, NotInTime if a node does not import it within `seconds`.
    """
    # They import the network code, which a devnet without them does not need.
    from btt_chain.client.typed import UnsupportedRuntime  # noqa: PLC0415
    from btt_chain.testing.market import fund, missing  # noqa: PLC0415

    url, keys = nodes[0].ws, list[str]()
    try:
        poor = asyncio.run(missing(url, workers))
        if poor:
            keys = asyncio.run(fund(url, [HOSPITAL, *poor]))
    except (ClientError, UnsupportedRuntime) as error:
        raise DevnetError(f"the providers have no money: {error}") from None
    deadline = time.monotonic() + seconds
    for node in nodes:
        node.wait_until_stored(keys, max(deadline - time.monotonic(), 1.0))
