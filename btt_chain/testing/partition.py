"""Partition of a network: each node connects to those of its own group only."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.testing.errors import DevnetError, RpcFailed
from btt_chain.testing.node import DevNode
from btt_chain.testing.state import Plan


def split(plan: Plan, groups: Sequence[Sequence[int]]) -> None:
    """Divide the nodes into groups. DevnetError if one is in two groups, or all are in one."""
    given = [index for group in groups for index in group]
    if len(set(given)) != len(given):
        raise DevnetError("a node can be in one group only")
    if len(groups) == 1 and len(given) == len(plan.nodes):
        raise DevnetError("all nodes are in one group, which cuts nothing: write it like 0,1/2,3")
    wanted = [list(group) for group in groups]
    for node in plan.nodes:
        if node.is_alive:
            _separate(plan, node, wanted)
    plan.groups = wanted


def heal(plan: Plan) -> None:
    """Let all nodes connect again; do nothing if there is no partition."""
    if plan.groups is None:
        return
    for node in plan.nodes:
        if node.is_alive:
            _allow(node, None)
    plan.groups = None


def apply(plan: Plan, nodes: Sequence[DevNode]) -> None:
    """Apply the partition, if there is one, to nodes that were started."""
    if plan.groups is not None:
        for node in nodes:
            _separate(plan, node, plan.groups)


def _separate(plan: Plan, node: DevNode, groups: Sequence[Sequence[int]]) -> None:
    _allow(node, [friend.peer_id for friend in _friends(plan, node, groups)])


def side(plan: Plan, node: DevNode) -> list[DevNode]:
    """Return a node and the running ones that it can connect to."""
    friends = _friends(plan, node, plan.groups)
    return [node, *(other for other in friends if other.is_alive and not other.is_paused)]


def boot_nodes(plan: Plan, node: DevNode) -> list[str]:
    """Return the boot nodes of a node: all others, or those on its side of a partition."""
    return [other.address for other in _friends(plan, node, plan.groups)]


def _friends(plan: Plan, node: DevNode, groups: Sequence[Sequence[int]] | None) -> list[DevNode]:
    """Return the other nodes of a node's group; all others if there are no groups."""
    group: Sequence[int] = range(len(plan.nodes))
    if groups is not None:
        group = next((group for group in groups if node.index in group), [])
    return [plan.nodes[index] for index in group if index != node.index]


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
