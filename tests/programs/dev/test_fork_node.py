"""Fork mode: the state of a running node, read when it is needed; changes stay here."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from btt_chain.node.dev.control import DevControl
from btt_chain.node.dev.errors import RemoteAway
from btt_chain.node.dev.fork import CannotFork, Fork, ForkConfig, open_fork
from btt_chain.node.dev.remote_state import FIRST_PAGE
from btt_chain.node.dev.sealing import ChosenSealing, ManualSealer, OnDemand
from btt_chain.node.transactions.pool import PoolService
from btt_chain.testing.node import DevNode
from btt_chain.testing.single import dev_node
from runtime import BttRuntime
from runtime.audits import audit
from runtime.constants import BTT
from support.chain import BOB, account

DAY = 86_400_000
NEVER = "0x" + b":never".hex()
"""A key that nothing reads."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevNode]:
    """The other node, with three blocks."""
    with dev_node(tmp_path_factory.mktemp("other"), sealing="manual") as started:
        started.rpc.call("dev_newBlock", {"count": 3})
        yield started


@pytest.fixture
def config(node: DevNode, tmp_path: Path) -> ForkConfig:
    return ForkConfig(node.ws, tmp_path)


def controls(fork: Fork) -> DevControl:
    pool = PoolService(fork.client)
    sealer = ManualSealer(fork.client, pool)
    return DevControl(fork.client, sealer, ChosenSealing(OnDemand()), give_up=unexpected)


def unexpected(error: Exception) -> None:
    raise AssertionError from error


def runtime(fork: Fork) -> BttRuntime:
    best = fork.client.best().hash
    found = fork.client.runtime_at(best).queries.runtime
    assert isinstance(found, BttRuntime)
    found.enter(fork.client.overlay(best))
    return found


def test_a_fork_goes_on_from_the_last_final_block(config: ForkConfig, node: DevNode) -> None:
    fork = open_fork(config)
    assert "0x" + fork.client.best().hash.hex() == node.rpc.call("chain_getFinalizedHead")
    assert "0x" + fork.client.genesis_hash.hex() == node.rpc.call("chain_getBlockHash", 0)
    control = controls(fork)
    control.new_block()
    control.set_balance(BOB.account_id, 5 * int(BTT))
    control.time_travel(control.now_ms() + 7 * DAY)
    assert audit(runtime(fork)) == []
    assert int(runtime(fork).balances.free(account(BOB))) == 5 * int(BTT)
    assert node.rpc.best() == 3
    fork.close()


def test_what_was_read_is_kept_while_the_other_node_is_away(config: ForkConfig) -> None:
    fork = open_fork(config)
    control = controls(fork)
    control.new_block()
    head = fork.client.best()
    fork.close()
    away = replace(config, url="ws://127.0.0.1:1")
    again = open_fork(away)
    assert again.client.best() == head
    assert int(runtime(again).system.number.value) == head.number
    with pytest.raises(RemoteAway, match="Start that node again"):
        again.client.state(head.hash).get(b":never")
    with pytest.raises(RemoteAway):
        list(again.client.state(head.hash).keys(b":never"))
    again.close()


def test_keys_are_walked_in_pages_and_merged(config: ForkConfig) -> None:
    fork = open_fork(config)
    best = fork.client.best().hash
    keys = list(fork.client.state(best).keys(b""))
    assert keys == sorted(set(keys))
    assert len(keys) > FIRST_PAGE
    reads = fork.beneath.reads
    assert list(fork.client.state(best).keys(b"")) == keys
    assert fork.beneath.reads == reads
    controls(fork).set_values({keys[-1]: None})
    left = list(fork.client.state(fork.client.best().hash).keys(b""))
    assert set(keys) - set(left) == {keys[-1]}
    fork.close()


def test_the_block_of_a_fork_is_chosen_once(config: ForkConfig, node: DevNode) -> None:
    at = replace(config, at="2")
    fork = open_fork(at)
    assert fork.client.best().number == 2
    fork.close()
    open_fork(config).close()
    with pytest.raises(CannotFork, match="holds a fork of block 2"):
        open_fork(replace(config, at="1"))


def test_other_blocks_nodes_and_chains_are_refused(
    config: ForkConfig, node: DevNode, tmp_path: Path
) -> None:
    with pytest.raises(CannotFork, match="has no block 999"):
        open_fork(replace(config, at="999"))
    with pytest.raises(RemoteAway, match="nothing listens there"):
        open_fork(ForkConfig("ws://127.0.0.1:1", tmp_path / "away"))
    fork = open_fork(config)
    fork.remote.close()
    fork.remote.check(node.rpc.call)
    with pytest.raises(CannotFork, match="has genesis 0xff"):
        fork.remote.check(lambda *_: "0xff")
    fork.close()


def test_a_fork_serves_others_while_it_waits_for_the_other_node(
    node: DevNode, tmp_path: Path
) -> None:
    with dev_node(tmp_path / "a", "--fork", node.ws, sealing="manual") as fork:
        node.pause()
        try:
            with ThreadPoolExecutor(1) as thread:
                late = thread.submit(fork.rpc.call, "state_getStorage", NEVER, timeout=240)
                before = fork.rpc.best()
                fork.rpc.call("dev_newBlock", {"count": 3}, timeout=120)
                assert fork.rpc.best() == before + 3
                node.resume()
                assert late.result() is None
        finally:
            node.resume()
        figures = fork.rpc.call("dev_status")
        assert isinstance(figures, dict)
        reads = figures["fork"]
        assert isinstance(reads, dict)
        hits, misses, failures = (reads[name] for name in ("hits", "misses", "failures"))
        assert isinstance(hits, int)
        assert isinstance(misses, int)
        assert 0 < misses < hits
        assert failures == 0
        with pytest.raises(CannotFork, match="is itself a fork"):
            open_fork(ForkConfig(fork.ws, tmp_path / "b"))
