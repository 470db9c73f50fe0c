"""The fixtures of `btt_chain.testing.plugin`, and the example of docs/testing.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from btt_chain.testing import AsyncRpc, DevNode, RpcFailed
from btt_chain.testing.plugin import DevnetFactory
from support.vectors import REPOSITORY

pytest_plugins = ["pytester"]


async def test_the_node_of_the_fixture_answers_both_clients(node: DevNode) -> None:
    assert node.rpc.best() == node.rpc.finalized() == 0
    async with AsyncRpc(node.http) as rpc:
        assert await rpc.call("system_chain") == node.rpc.call("system_chain")
        assert await rpc.best() == await rpc.finalized() == 0
        with pytest.raises(RpcFailed, match="refused no_such") as refused:
            await rpc.call("no_such")
    assert refused.value.is_unknown_method


def test_the_fixture_makes_networks_and_stops_them_at_the_end(devnet: DevnetFactory) -> None:
    program = (sys.executable, str(REPOSITORY / "tests" / "support" / "fake_node.py"))
    first = devnet(validators=2, program=program, spec="{}")
    second = devnet(validators=1, program=program, spec="{}", up=False)
    assert first.is_running
    assert not second.is_running
    assert first.base != second.base


async def test_a_node_that_is_not_there_is_an_error_of_ours() -> None:
    async with AsyncRpc("http://127.0.0.1:1") as rpc:
        with pytest.raises(RpcFailed, match="did not answer system_health"):
            await rpc.call("system_health")


def test_the_example_of_the_guide_runs(pytester: pytest.Pytester) -> None:
    guide = (REPOSITORY / "docs" / "testing.md").read_text()
    found = re.search(r"```python\n(# test_transfer\.py\n.*?)```", guide, re.DOTALL)
    assert found is not None
    pytester.makepyfile(test_transfer=found[1])
    # In a process of its own, as a user's project would.
    done = pytester.runpytest_subprocess(
        "-p", "btt_chain.testing.plugin", "-p", "no:cacheprovider", "--rootdir", Path.cwd()
    )
    done.assert_outcomes(passed=1)
