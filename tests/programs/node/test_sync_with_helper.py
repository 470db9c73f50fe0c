"""A node syncs a long chain with its helper process, without it, and when it is killed."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.bench_sync import node_of, started
from bench.longchain import Grown, grow
from btt_chain.testing import DevNode, RpcFailed
from btt_chain.testing.process import ProcessId

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BLOCKS = 520
STARTED = re.compile(r"signatures of the next blocks \(pid (\d+)\)")


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    return grow(tmp_path_factory.mktemp("grown"), BLOCKS)


@pytest.fixture
def server(grown: Grown) -> Iterator[DevNode]:
    with started(node_of(grown.folder, "Server", grown.spec, 0)) as node:
        yield node


def log_of(node: DevNode) -> str:
    return node.log.read_text(encoding="utf-8")


def height(node: DevNode) -> int:
    try:
        return node.rpc.best()
    except RpcFailed:
        return 0


def until(node: DevNode, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < end, node.tail()
        assert node.is_alive, node.tail()
        time.sleep(0.05)


def helper_of(node: DevNode) -> ProcessId:
    until(node, lambda: STARTED.search(log_of(node)) is not None)
    found = STARTED.search(log_of(node))
    assert found is not None
    process = ProcessId.of(int(found[1]))
    assert process is not None
    return process


@pytest.mark.full
def test_a_long_chain_is_synced_with_a_helper_that_is_stopped_afterwards(
    grown: Grown, server: DevNode, tmp_path: Path
) -> None:
    joiner = node_of(tmp_path, "Joiner", grown.spec, 1, "--sync-helper", "auto")
    with started(joiner, server.address):
        helper = helper_of(joiner)
        until(joiner, lambda: height(joiner) == BLOCKS)
        assert joiner.rpc.block_hash(BLOCKS) == "0x" + grown.head.hex()
        assert helper.wait(60)
        until(joiner, lambda: "of them used" in log_of(joiner))
        assert re.search(r"stopped: \d+ verdicts, \d+ of them used", log_of(joiner))
        assert "WARNING btt_chain.chain.prechecks" not in log_of(joiner)


def test_a_helper_killed_in_the_midst_of_a_sync_does_not_stop_it(
    grown: Grown, server: DevNode, tmp_path: Path
) -> None:
    joiner = node_of(tmp_path, "Joiner", grown.spec, 1, "--sync-helper", "auto")
    with started(joiner, server.address):
        assert helper_of(joiner).send(signal.SIGKILL)
        before = height(joiner)
        assert before < BLOCKS
        until(joiner, lambda: height(joiner) == BLOCKS)
        assert joiner.rpc.block_hash(BLOCKS) == "0x" + grown.head.hex()
        assert "This node checks signatures itself" in log_of(joiner)


@pytest.mark.full  # without a helper is the default: every other test that syncs does so
def test_a_node_without_a_helper_syncs_alone(grown: Grown, server: DevNode, tmp_path: Path) -> None:
    alone = node_of(tmp_path, "Alone", grown.spec, 1)
    with started(alone, server.address):
        until(alone, lambda: height(alone) == BLOCKS)
        assert STARTED.search(log_of(alone)) is None


def test_a_killed_node_leaves_no_helper(grown: Grown, server: DevNode, tmp_path: Path) -> None:
    joiner = node_of(tmp_path, "Killed", grown.spec, 1, "--sync-helper", "auto")
    with started(joiner, server.address):
        helper = helper_of(joiner)
        joiner.kill()
        assert helper.wait(60)
