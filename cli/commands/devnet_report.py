"""Printed state of a network: tables for readers, a document for programs."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.testing import Devnet, DevNode, NodeStatus
from btt_chain.testing.creation import explorer_address
from btt_chain.testing.helper import Helper
from cli.common import show
from cli.common.validators import few_text


def introduce(net: Devnet, seconds: float, option: str) -> None:
    """Print the addresses and places of the network; `option` names it to the other commands."""
    show.note(
        f"{len(net)} nodes answer after {seconds:.1f} s; {features(net)}; data and logs: {net.base}"
    )
    show.table(
        (">#", "name", "rpc", "metrics", ">pid"),
        [(str(n.index), n.name, n.ws, n.metrics_url, pid(n)) for n in net.nodes],
    )
    show_helpers(net)
    show.table(("account", "address", "secret"), [(f.name, f.address, f.uri) for f in net.funded()])
    few = few_text(sum(node.key is not None for node in net.nodes))
    if few:
        show.note(few)
    show.note(f"stop them: btt-chain devnet down{option}")


def document(net: Devnet, nodes: Sequence[NodeStatus]) -> dict[str, object]:
    """Return the state of a network as JSON; `nodes`: the status of each node."""
    return {
        "basePath": str(net.base),
        "slotMs": net.slot_ms,
        "runtime": net.runtime,
        "groups": net.groups,
        "nodes": [
            {
                "index": said.index,
                "name": said.name,
                "state": said.state,
                "isValidator": node.key is not None,
                "pid": node.process.pid if node.is_alive and node.process else None,
                "ws": node.ws,
                "http": node.http,
                "metrics": node.metrics_url,
                "peerId": node.peer_id,
                "address": node.address,
                "log": str(node.log),
                "best": said.best,
                "bestHash": said.best_hash,
                "finalized": said.finalized,
                "finalizedHash": said.finalized_hash,
                "peers": said.peers,
                "pool": said.pool,
            }
            for said, node in zip(nodes, net.nodes, strict=True)
        ],
        "isWell": not trouble(net, nodes),
        "explorer": explorer_address(net.helpers),
        "helpers": [
            {
                "name": helper.name,
                "isRunning": helper.is_alive,
                "state": helper.state,
                "deaths": helper.deaths,
                "lastDeath": helper.last_death or None,
                "key": helper.key,
                "pid": helper.process.pid if helper.is_alive and helper.process else None,
                "log": str(helper.log),
            }
            for helper in net.helpers
        ],
        "accounts": [
            {"name": each.name, "uri": each.uri, "address": each.address} for each in net.funded()
        ],
    }


def features(net: Devnet) -> str:
    """Return the set of features of the chain, in words."""
    return f"runtime {net.runtime or 'of a raw specification'}"


def show_helpers(net: Devnet) -> None:
    """Print the programs beside the nodes, if there are any."""
    address = explorer_address(net.helpers)
    if address is not None:
        show.note(f"explorer: {address}")
    if net.helpers:
        show.table(
            ("beside them", "state", ">deaths", "account", "log", ">pid"),
            [
                (each.name, each.state, str(each.deaths), each.key or "-", str(each.log),
                 pid(each))
                for each in net.helpers
            ],
        )  # fmt: skip


def trouble(net: Devnet, nodes: Sequence[NodeStatus]) -> list[str]:
    """Return a line for each node that does not answer, and each program that does not run."""
    lines = [f"node {node.index} ({node.name}) is {node.state}" for node in nodes
             if node.state != "running"]  # fmt: skip
    for helper in net.helpers:
        if helper.state != "running":
            why = f": it {helper.last_death}" if helper.last_death else ""
            lines.append(
                f"{helper.name} is {helper.state}{why}; `btt-chain devnet logs {helper.name}` "
                f"shows its log"
            )
    return lines


def pid(node: DevNode | Helper) -> str:
    """Return the number of a process that runs; else a dash."""
    return str(node.process.pid) if node.is_alive and node.process else "-"
