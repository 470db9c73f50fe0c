"""Waiting for the nodes of a network, and comparing them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from btt_chain.testing.errors import DevnetError, Disagreement, NodeDied, NotInTime
from btt_chain.testing.node import DevNode, NodeState, NodeStatus

_PAUSE: Final = 0.4


def wait_until(
    nodes: Sequence[DevNode], what: str, reached: Callable[[NodeStatus], bool], seconds: float
) -> list[NodeStatus]:
    """Wait until the status of each node is `reached`.

    NotInTime has the status of each node; NodeDied if one ends meanwhile.
    """
    deadline = time.monotonic() + seconds
    while True:
        with ThreadPoolExecutor(max_workers=len(nodes)) as pool:
            found = list(pool.map(DevNode.glance, nodes))
        if all(map(reached, found)):
            return found
        for node, said in zip(nodes, found, strict=True):
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
                + "".join(f"\n{node.tail(10)}" for node in nodes)
            )
        time.sleep(_PAUSE)


def check_agreement(nodes: Sequence[DevNode]) -> int:
    """Check that all running nodes have the same final blocks; return the compared height.

    Disagreement names the nodes and their hashes: finality is violated.
    """
    running = [(node, node.rpc.finalized()) for node in nodes if node.is_alive]
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
