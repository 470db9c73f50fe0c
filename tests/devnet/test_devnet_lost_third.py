"""A chain that lost a third of its voters and more: an agreed block restarts its finality."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from btt_chain.testing import Devnet, DevNode
from btt_chain.testing.node import PROGRAM
from devnet.watched import HANG, quick, until, voters_at

pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(1_200)]

VALIDATORS = 7
LOST = (4, 5, 6)
LEFT = (0, 1, 2, 3)


def restart_finality(net: Devnet, node: DevNode, hash: str) -> subprocess.CompletedProcess[str]:
    """Type the command of the last resort at the data of a node that is stopped."""
    words = [
        *PROGRAM, "restart-finality", hash, "--chain", str(net.base / "spec.json"),
        "--base-path", str(node.folder), "--yes",
    ]  # fmt: skip
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=net.base.parent)


def test_operators_agree_on_a_block_and_finality_goes_on(tmp_path: Path) -> None:
    spec = quick(VALIDATORS, epoch_slots=20)
    with Devnet.create(tmp_path / "net", validators=VALIDATORS, slot_ms=1_000, spec=spec) as net:
        net.up()
        net.wait_for_finality(3, seconds=HANG)
        for index in LOST:
            net.kill(index)
        rpc = net[0].rpc
        _, old = voters_at(rpc, str(rpc.block_hash(rpc.finalized())))

        def has_other_voters() -> bool:
            voters, set_id = voters_at(rpc, str(rpc.block_hash(rpc.best())))
            return set_id > old and len(LEFT) >= voters.threshold.heads

        until("absent validators are not elected any more", has_other_voters, 4 * HANG)
        final = rpc.finalized()
        net.wait_for_block(rpc.best() + 10, nodes=LEFT, seconds=HANG)
        agreed = str(rpc.block_hash(rpc.best() - 5))
        assert has_other_voters()
        assert max(net[index].rpc.finalized() for index in LEFT) == final

        early = str(rpc.block_hash(final + 1))
        net.down()
        refused = restart_finality(net, net[0], early)
        assert refused.returncode != 0
        assert "has the voters of set" in refused.stderr
        for index in LEFT:
            done = restart_finality(net, net[index], agreed)
            assert done.returncode == 0, done.stderr
        for index in LEFT:
            others = [net[other].address for other in LEFT if other != index]
            net[index].start(others)
        for index in LEFT:
            net[index].wait_until_answers()
        net.wait_for_finality(final + 30, nodes=LEFT, seconds=2 * HANG)
        _, set_id = voters_at(rpc, str(rpc.block_hash(rpc.finalized())))
        assert set_id > old
        assert len({net[index].rpc.block_hash(final + 20) for index in LEFT}) == 1
