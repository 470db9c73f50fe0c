"""Nodes that are killed, frozen, gone and asked to stop: F1-F3, F6, F7, F34 of docs/simulator.md.

What is measured is printed (`pytest -rP`, or `-s`); nothing is asserted on time but hangs.
"""

from __future__ import annotations

import signal
import time
from random import Random
from statistics import mean

import pytest

from btt_chain.testing import DevNode
from devnet.watched import HANG, Watched, Words, end_of, until

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]


def test_f1_a_validator_is_killed_at_any_moment_and_comes_back(
    field: Watched, rng: Random, rounds: int
) -> None:
    net = field.net
    for _ in range(2 * rounds):
        victim = rng.randrange(4)
        others = [index for index in range(4) if index != victim]
        time.sleep(rng.uniform(0, 2 * net.slot_ms / 1000))
        net.kill(victim)
        before = net[others[0]].rpc.finalized()
        net.wait_for_finality(before + 2, nodes=others, seconds=HANG)
        net.restart(victim)
        field.catch_up(f"F1 node {victim} is back and finalizes, after its start")
        field.check()


@pytest.mark.full
def test_f2_all_validators_are_killed_at_once_and_go_on(
    field: Watched, rng: Random, rounds: int
) -> None:
    net = field.net
    for _ in range(rounds):
        time.sleep(rng.uniform(0, 2 * net.slot_ms / 1000))
        before = [node.rpc.finalized() for node in net.nodes]
        for node in net.nodes:
            assert node.process is not None
            node.process.send(signal.SIGKILL)
        until("all are dead", lambda: not any(node.is_alive for node in net.nodes))
        began = time.monotonic()
        net.up()
        after = [node.rpc.finalized() for node in net.nodes]
        assert all(new >= old for new, old in zip(after, before, strict=True)), (before, after)
        net.wait_for_finality(max(after) + 2, seconds=HANG)
        print(f"  F2 finality goes on after {time.monotonic() - began:.1f} s, start included")
        field.check()


@pytest.mark.full
def test_f3_a_frozen_validator_catches_up_and_its_old_votes_are_no_fault(
    field: Watched, rng: Random, rounds: int
) -> None:
    net = field.net
    for seconds in [10, *([25, 60] if rounds > 1 else [])]:
        victim = rng.randrange(4)
        others = [index for index in range(4) if index != victim]
        net[victim].pause()
        before = net[others[0]].rpc.finalized()
        time.sleep(seconds)
        net.wait_for_finality(before + 2, nodes=others, seconds=HANG)
        net[victim].resume()
        field.catch_up(f"F3 node {victim} finalizes again after {seconds} s of sleep")
        field.check()
        net.wait_for_peers(3, seconds=HANG)


@pytest.mark.full
def test_f6_finality_goes_on_without_a_third(field: Watched) -> None:
    net = field.net
    usual = field.lags(3, nodes=[0, 1, 2])
    net[3].stop()
    start = net[0].rpc.finalized()
    without = field.lags(5, nodes=[0, 1, 2])
    net.wait_for_finality(start + 4, nodes=[0, 1, 2], seconds=HANG)
    print(
        f"  F6 finality lag in blocks: all here mean {mean(usual):.2f} max {max(usual)}, "
        f"one of four off mean {mean(without):.2f} max {max(without)}"
    )


@pytest.mark.full
def test_f7_without_more_than_a_third_blocks_go_on_and_finality_waits(field: Watched) -> None:
    net = field.net
    net.kill(2)
    net.kill(3)
    stands = field.stalled([0, 1], [0, 1])
    net.wait_for_block(net[0].rpc.best() + 3, nodes=[0, 1], seconds=HANG)
    assert [net[index].rpc.finalized() for index in (0, 1)] == stands
    assert net[0].rpc.call("author_pendingExtrinsics") == []
    net.restart(2)
    began = time.monotonic()
    net.wait_for_finality(max(stands) + 5, nodes=[0, 1, 2], seconds=HANG)
    print(f"  F7 finality goes on {time.monotonic() - began:.1f} s after the third is back")


def test_f34_a_validator_that_is_stopped_ends_in_order(
    field: Watched, rng: Random, rounds: int
) -> None:
    net = field.net
    for _ in range(2 * rounds):
        victim = rng.randrange(4)
        time.sleep(rng.uniform(0, 2 * net.slot_ms / 1000))
        end_in_order(net[victim], "at work")
        assert_starts_clean(field, victim)


@pytest.mark.full
def test_f34_a_node_that_is_stopped_while_it_imports_blocks_ends_in_order(field: Watched) -> None:
    net = field.net
    before = net[3].rpc.best()
    net[3].stop()
    net.wait_for_block(before + 10, nodes=[0, 1, 2])
    field.act(3, "slow=300")
    node = net[3]
    field.start(3)
    until("it takes in blocks", lambda: node.glance().best > before + 2)
    end_in_order(node, "in the middle of sync")
    field.act(3)
    assert_starts_clean(field, 3)


def end_in_order(node: DevNode, when: str) -> None:
    """SIGTERM; assert that the node ends by itself, with code 0."""
    began = time.monotonic()
    node.ask_to_end()
    assert end_of(node, HANG) == 0, node.tail()
    took = time.monotonic() - began
    print(f"  F34 node {node.index} stopped {when}: {took:.2f} s, code 0")


def assert_starts_clean(field: Watched, index: int) -> None:
    """Start it again; assert that it finds nothing to mend."""
    words = Words(field.net[index])
    field.net.restart(index)
    found = [
        line for line in words.new().splitlines() if " WARN" in line or "recover" in line.lower()
    ]
    assert not found, found
    field.catch_up()
