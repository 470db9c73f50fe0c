"""Nodes that come late, and whom they learn from: F19 of consensus.md 6.4.

The chain is long because its only validator's clock ran fast; all others have that clock then.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from btt_chain.testing import DevNode
from btt_chain.testing.process import free_ports
from devnet import launcher
from devnet.watched import HANG, Watched, Words, until

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]

BLOCKS = int(os.environ.get("BTT_SYNC_BLOCKS", "400"))
SPEED = 25
LOG = os.environ.get("BTT_LOG", "info")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A validator with a long chain, and a node that follows it."""
    base: Path = tmp_path_factory.mktemp("long") / "net"
    field = Watched(base, validators=1)
    net = field.net
    clock = base / "clock"
    field.act(0, f"fast={SPEED}:{clock}")
    net.up()
    began = time.monotonic()
    net.wait_for_finality(BLOCKS, seconds=600)
    print(f"  {BLOCKS} blocks in {time.monotonic() - began:.1f} s")
    net.stop(0)
    field.act(0, f"clock={clock}")
    net.restart(0)
    yield field
    field.down()


def join(
    field: Watched, name: str, sources: list[DevNode], *acts: str, sync: str = "full"
) -> DevNode:
    """Start a node that knows `sources` only; does not wait."""
    net = field.net
    index = len(net.nodes)
    rpc, port, metrics = free_ports(3)
    late = DevNode(
        index=index,
        name=name,
        folder=net.base / f"node-{index}",
        flags=["--chain", str(net.base / "spec.json"), "--sync", sync, "--log", LOG],
        rpc_port=rpc,
        port=port,
        prometheus_port=metrics,
        node_key=f"{index + 1:064x}",
        program=launcher.program(f"clock={net.base / 'clock'}", *acts),
    )
    net.nodes.append(late)
    late.start([source.address for source in sources])
    net._save()
    return late


def arrive(field: Watched, late: DevNode, what: str) -> None:
    """Wait until a node that joined has what the validator has; print how long it took."""
    late.wait_until_answers()
    began, target = time.monotonic(), field.net[0].rpc.finalized()
    field.net.wait_for_finality(target, nodes=[late.index], seconds=3 * HANG)
    print(f"  F19 {what}: block {target} after {time.monotonic() - began:.1f} s")


def test_f19_a_late_node_learns_the_whole_chain(long: Watched) -> None:
    first = join(long, "first", [long.net[0]])
    arrive(long, first, "full sync from one")
    second = join(long, "second", [long.net[0], first])
    arrive(long, second, "full sync from two")
    for node in (first, second):
        assert node.rpc.block_hash(BLOCKS // 2) == long.net[0].rpc.block_hash(BLOCKS // 2)
    long.check()


@pytest.mark.parametrize("kind", ["bodies", "headers", "silence"])
def test_f19_a_lying_source_is_left_for_an_honest_one(long: Watched, kind: str) -> None:
    liar = join(long, f"liar-{kind}", [long.net[0]], f"lie={kind}")
    arrive(long, liar, f"the liar ({kind}) itself")
    late = join(long, f"victim-{kind}", [liar, long.net[0]])
    words = Words(late)
    arrive(long, late, f"full sync from one that lies ({kind}) and one that does not")
    told = [line for line in words.all().splitlines() if "banned" in line and liar.peer_id in line]
    print(f"    of the liar it says: {told[:1] or 'nothing'}")
    liar.stop()
    late.stop()
    long.excuse("banned")
    long.check()


def test_f19_a_source_that_dies_on_the_way_is_replaced(long: Watched) -> None:
    source = join(long, "mortal", [long.net[0]], "die=before answer:2")
    arrive(long, source, "the source itself")
    late = join(long, "heir", [source, long.net[0]])
    arrive(long, late, "full sync from one that is killed on the way, and another")
    print(f"    the source is {'alive' if source.is_alive else 'dead'}")
    source.stop()
    late.stop()
    long.check()


def test_f19_warp_sync_reaches_the_head(long: Watched) -> None:
    late = join(long, "warped", [long.net[0]], sync="warp")
    words = Words(late)
    arrive(long, late, "warp sync")
    for line in words.all().splitlines():
        if "warp" in line.lower() or "state" in line:
            print(f"    {line}")
    until("the history is there", lambda: late.rpc.block_hash(1) is not None, 3 * HANG)
    late.stop()
    long.check()
