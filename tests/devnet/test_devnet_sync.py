"""Nodes that come late, and whom they learn from: F19 of docs/simulator.md.

The chain is long because its only validator's clock ran fast; all others have that clock then. Its
voters change on the way, and the nodes that warp have a low limit, so that they warp on a short
chain: they follow the proofs, fetch the state by ranges and then the blocks below it.
BTT_SYNC_BLOCKS=2000 makes it long enough for warp sync as users have it; `make bench` has 10,000.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from btt_chain.testing import DevNode, RpcFailed
from btt_chain.testing.process import free_ports
from cli.program import program
from devnet import launcher
from devnet.watched import (
    AUTHORITIES,
    HANG,
    SET_ID,
    Watched,
    Words,
    command,
    quick,
    until,
    voters_at,
)

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]

BLOCKS = int(os.environ.get("BTT_SYNC_BLOCKS", "150"))
SPEED = 25
SETS = 3
"""Number of changes of the voters, which is that of the links in a warp proof."""
GAIN = 64 if BLOCKS < 1_000 else 512
LOG = os.environ.get("BTT_LOG", "info")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A validator with a long chain, and a node that follows it."""
    base: Path = tmp_path_factory.mktemp("long") / "net"
    field = Watched(base, validators=1, spec=quick(1))
    net = field.net
    clock = base / "clock"
    field.act(0, f"fast={SPEED}:{clock}")
    try:
        net.up()
        began = time.monotonic()
        for _ in range(SETS):
            change_set(net[0])
        net.wait_for_finality(BLOCKS, seconds=600)
        print(f"  {BLOCKS} blocks in {time.monotonic() - began:.1f} s")
        net[0].stop()
        field.act(0, f"clock={clock}")
        net.restart(0)
        yield field
    finally:
        field.down()


def change_set(node: DevNode) -> None:
    """Raise the validator's bond, so that another set votes from the session after next on."""
    before = set_of(node)  # by the time the call is in a block the set may have changed
    words = ("tx", "call", "Authorities.bond_extra", "100BTT", "--from", "//Alice", "--immortal")
    command(node.ws, *words)
    until("another set votes", lambda: set_of(node) > before)


def set_of(node: DevNode) -> int:
    """The number of the set that votes after the last final block."""
    return voters_at(node.rpc, str(node.rpc.call("chain_getFinalizedHead")))[1]


def join(
    field: Watched,
    name: str,
    sources: list[DevNode],
    *acts: str,
    sync: str = "full",
    chain: Path | None = None,
    trusted: str = "",
) -> DevNode:
    """Start a node that knows `sources` only; does not wait."""
    net = field.net
    index = len(net.nodes)
    rpc, port, metrics = free_ports(3)
    late = DevNode(
        index=index,
        name=name,
        folder=net.base / f"node-{index}",
        flags=[
            *("--chain", str(chain or net.base / "spec.json"), "--sync", sync, "--log", LOG),
            *(("--trusted-block", trusted) if trusted else ()),
        ],
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
    field.net.wait_for_finality(target, nodes=[late.index], seconds=HANG)
    print(f"  F19 {what}: block {target} after {time.monotonic() - began:.1f} s")


def test_f19_a_late_node_learns_the_whole_chain(long: Watched) -> None:
    first = join(long, "first", [long.net[0]])
    arrive(long, first, "full sync from one")
    second = join(long, "second", [long.net[0], first])
    arrive(long, second, "full sync from two")
    for node in (first, second):
        assert node.rpc.block_hash(BLOCKS // 2) == long.net[0].rpc.block_hash(BLOCKS // 2)
    long.check()
    for node in (first, second):
        node.stop()


@pytest.mark.parametrize(
    "kind",
    [
        "bodies",
        pytest.param("headers", marks=pytest.mark.full),
        pytest.param("silence", marks=pytest.mark.full),
    ],
)
def test_f19_a_lying_source_is_left_for_an_honest_one(long: Watched, kind: str) -> None:
    liar = join(long, f"liar-{kind}", [long.net[0]], f"lie={kind}")
    arrive(long, liar, f"the liar ({kind}) itself")
    late = join(long, f"victim-{kind}", [liar, long.net[0]])
    words = Words(late)
    arrive(long, late, f"full sync from one that lies ({kind}) and one that does not")
    lines = [line for line in words.all().splitlines() if "banned" in line and liar.peer_id in line]
    print(f"    of the liar it says: {lines[:1] or 'nothing'}")
    liar.stop()
    late.stop()
    long.excuse("banned")
    long.check()


@pytest.mark.full
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
    late = warp(long, "warped", long.net[0], "warp sync")
    # Who came that way leads others the same way, once the blocks below are there.
    warp(long, "warped-again", late, "warp sync from a node that warped itself").stop()
    late.stop()
    long.check()


def warp(field: Watched, name: str, source: DevNode, what: str) -> DevNode:
    """Let a node join that warps from a source; look at what it has then."""
    first = field.net[0].rpc
    late = join(field, name, [source], f"gain={GAIN}", sync="warp")
    words = Words(late)
    arrive(field, late, what)
    until("the history is there", lambda: late.rpc.block_hash(1) is not None, HANG)
    for number in (1, BLOCKS // 2):
        assert late.rpc.block_hash(number) == first.block_hash(number)
    # Over the voters, then by the state: no block below it was executed.
    said = [line for line in words.all().splitlines() if "warp sync:" in line]
    print("\n".join(f"    {line}" for line in said))
    found = re.search(r"is proven final over (\d+) changes of voters", said[0])
    assert found is not None
    assert int(found[1]) == SETS
    assert "blocks below it follow" in said[-1]
    with pytest.raises(RpcFailed, match="discarded"):
        late.rpc.call("state_getStorage", SET_ID, late.rpc.block_hash(5))
    assert late.rpc.call("state_getStorage", SET_ID) == first.call("state_getStorage", SET_ID)
    return late


@pytest.mark.full
def test_f19_warp_sync_begins_at_the_checkpoint_of_the_specification(
    long: Watched, tmp_path: Path
) -> None:
    source, spec = long.net[0], tmp_path / "checkpoint.json"
    height = next(n for n in range(1, BLOCKS) if voters_at(source.rpc, at(source, n))[1] == 1)
    # The block that ends a set is the one of which the next voters are easiest to get wrong.
    words = ["--chain", str(long.net.base / "spec.json"), "--block", str(height), "-o", str(spec)]
    done = CliRunner().invoke(program, ["build-spec", "--checkpoint", "--url", source.ws, *words])
    assert done.exit_code == 0, done.output
    own = json.loads(spec.read_text())["lightSyncState"]
    stock = source.rpc.call("sync_state_genSyncSpec", True)
    assert isinstance(stock, dict)
    assert isinstance(stock["lightSyncState"], dict)
    assert list(own) == list(stock["lightSyncState"])
    sources = [source]
    for name in ("from-checkpoint", "from-checkpoint-again"):
        late = join(long, name, sources, f"gain={GAIN}", sync="warp", chain=spec)
        said = Words(late)
        arrive(long, late, "warp sync from a checkpoint")
        found = re.search(r"is proven final over (\d+) changes of voters", said.all())
        assert found is not None
        assert int(found[1]) == SETS - 1
        has_history = partial(has_block, late, 1)
        until("the history is there", has_history, HANG)
        sources = [late]  # it proves the way from the checkpoint to others, too
    other = join(long, "false", sources, sync="warp", trusted=f"{height}:0x{'05' * 32}")
    said = Words(other)
    other.wait_until_answers()
    until("the chain is refused", lambda: "not the trusted 0x0505" in said.all(), HANG)
    assert other.rpc.finalized() == 0
    assert "banned" not in said.all()
    for node in long.net.nodes[-3:]:
        node.stop()
    long.check()


def has_block(node: DevNode, number: int) -> bool:
    """Return True if a node has the block at a height."""
    return node.rpc.block_hash(number) is not None


def at(node: DevNode, number: int) -> str:
    """The hash of a block."""
    hash = node.rpc.block_hash(number)
    assert hash is not None
    return hash


@pytest.mark.full
def test_f19_on_a_short_chain_warp_sync_is_left_out_at_once(long: Watched) -> None:
    late = join(long, "short", [long.net[0]], "gain=1000000", sync="warp")
    words = Words(late)
    arrive(long, late, "--sync warp on a chain that is too short for it")
    assert "no warp sync: the last final block is" in words.all()
    assert late.rpc.call("state_getStorage", AUTHORITIES, late.rpc.block_hash(5)) is not None
    late.stop()
    long.check()
