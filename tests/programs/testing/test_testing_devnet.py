"""A network of processes: started, found again, hurt, stopped. The nodes are stand-ins."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from btt_chain.client.errors import InvalidAnswer
from btt_chain.testing import (
    Devnet,
    DevnetError,
    Disagreement,
    NodeDied,
    NodeState,
    NoDevnet,
    NoSuchNode,
    NotInTime,
    RpcFailed,
)
from btt_chain.testing.rpc import batch_results
from btt_chain.testing.state import STATE_FILE
from support.vectors import REPOSITORY

FAKE = (sys.executable, str(REPOSITORY / "tests" / "support" / "fake_node.py"))


def made(base: Path, *, validators: int = 3, **more: Any) -> Devnet:
    """A network of stand-ins, which read nothing of the specification."""
    return Devnet.create(
        base, validators=validators, slot_ms=1_000, program=FAKE, spec="{}", **more
    )


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Devnet]:
    with made(tmp_path / "net") as made_one:
        made_one.up()
        yield made_one


def test_nodes_start_answer_and_end(net: Devnet) -> None:
    assert [said.state for said in net.status()] == [NodeState.RUNNING] * 3
    assert [node.name for node in net.nodes] == ["Alice", "Bob", "Charlie"]
    net.wait_for_block(3)
    net.wait_for_finality(3)
    assert net.check_agreement() >= 3
    assert net.down() == []
    assert [said.state for said in net.status()] == [NodeState.DOWN] * 3


def test_a_batch_has_the_results_in_order_or_the_error_of_a_call(net: Devnet) -> None:
    rpc = net[0].rpc
    hash, header = rpc.batch(("chain_getBlockHash", 7), ("chain_getHeader", "0x05"))
    assert (hash, header) == (rpc.block_hash(7), {"number": "0x5"})
    with pytest.raises(RpcFailed, match="Method not found") as failed:
        rpc.batch(("system_health",), ("nothing", 1))
    assert failed.value.code == -32601
    net.down()
    with pytest.raises(RpcFailed, match="did not answer system_health, chain_getHeader"):
        rpc.batch(("system_health",), ("chain_getHeader",))


@pytest.mark.parametrize("raw", [b'[{"id": 0, "result": 1}]', b"[]", b"no", b'[7, {"id": 1}]'])
def test_an_answer_that_lacks_results_is_an_error(raw: bytes) -> None:
    with pytest.raises(InvalidAnswer, match="the answer to 2 calls is"):
        batch_results(["a", "b"], raw)


def test_a_node_gets_its_identity_and_its_peers(net: Devnet) -> None:
    said = net[1].log.read_text()
    assert "--validator --dev-key //Bob" in said
    assert f"--rpc-port {net[1].rpc_port}" in said
    assert f"--bootnodes {net[0].address},{net[2].address}" in said
    assert net[0].address.startswith(f"/ip4/127.0.0.1/tcp/{net[0].port}/p2p/12D3KooW")
    assert f"--chain {net.base / 'spec.json'}" in said


def test_a_killed_node_is_down_and_comes_back_where_it_was(net: Devnet) -> None:
    before = net[2].rpc_port, net[2].peer_id
    net.kill(2)
    assert net.status()[2].state is NodeState.DOWN
    with pytest.raises(DevnetError, match=r"node 2 .Charlie. is down already"):
        net.kill(2)
    net.restart(2)
    assert net.status()[2].state is NodeState.RUNNING
    assert (net[2].rpc_port, net[2].peer_id) == before


def test_a_node_is_restarted_with_another_version_of_the_program(net: Devnet) -> None:
    other = [FAKE[0], "-B", *FAKE[1:]]
    net[1].program = other
    net.restart(1)
    assert Devnet.open(net.base)[1].program == other
    assert net[1].process is not None
    command = Path(f"/proc/{net[1].process.pid}/cmdline").read_bytes().split(b"\0")
    assert b"-B" in command


def test_a_paused_node_is_called_paused_and_can_still_be_stopped(net: Devnet) -> None:
    net[0].pause()
    assert net.status()[0].state is NodeState.PAUSED
    net[0].resume()
    assert net.status()[0].state is NodeState.RUNNING
    net[0].pause()
    # A frozen node is not waited for.
    assert [said.index for said in net.wait_for_block(1)] == [1, 2]
    assert net.down() == []


def test_another_process_finds_the_network_and_its_changes(net: Devnet) -> None:
    other = Devnet.open(net.base)
    other.kill(1)
    other.restart(1)
    net.reload()
    assert net.status()[1].state is NodeState.RUNNING
    assert net[1].process == other[1].process
    other.down()
    assert not net.is_running


def test_a_partition_names_friends_and_outlives_a_restart(net: Devnet) -> None:
    net.partition([[0, 1], [2]])
    assert net[0].rpc.call("fake_allowed") == [[net[1].peer_id]]
    assert net[2].rpc.call("fake_allowed") == [[]]
    net.restart(1)
    assert net[1].rpc.call("fake_allowed") == [[net[0].peer_id]]
    assert f"--bootnodes {net[0].address}\n" in net[1].log.read_text()
    net.heal()
    assert net[0].rpc.call("fake_allowed") == [[net[1].peer_id], None]
    assert Devnet.open(net.base).groups is None


def test_a_partition_that_makes_no_sense_changes_nothing(net: Devnet) -> None:
    with pytest.raises(DevnetError, match="one group only"):
        net.partition([[0, 1], [1]])
    with pytest.raises(NoSuchNode, match="nodes 0 to 2"):
        net.partition([[0, 7]])
    assert net.groups is None


def test_an_observer_joins_without_keys(net: Devnet) -> None:
    seen = net.add_node("Watcher")
    assert seen.index == 3
    assert "--validator" not in seen.log.read_text()
    assert net[0].address in seen.log.read_text()
    net.wait_for_block(1, nodes=[3])
    assert Devnet.open(net.base)[3].name == "Watcher"


def test_waiting_too_long_says_how_far_each_came(net: Devnet) -> None:
    with pytest.raises(NotInTime, match=r"no finality of block 1000000 .*Bob running best \d+"):
        net.wait_for_finality(1_000_000, seconds=0.1)


def test_a_node_that_dies_while_others_wait_is_named(net: Devnet) -> None:
    net.kill(0)
    with pytest.raises(NodeDied, match=r"node 0 .Alice. ended while waiting for block 10"):
        net.wait_for_block(1_000_000, nodes=[0, 1])


def test_two_final_blocks_at_one_height_are_noticed(
    net: Devnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from btt_chain.testing import Rpc

    # Each node returns another hash.
    monkeypatch.setattr(Rpc, "block_hash", lambda self, number: f"{self.url} {number}")
    with pytest.raises(Disagreement, match=r"Alice http://.*Bob http://"):
        net.check_agreement()


def test_a_devnet_that_runs_is_not_made_again(net: Devnet) -> None:
    with pytest.raises(DevnetError, match=r"a devnet is running in .*pids \d+, \d+, \d+"):
        made(net.base)


def test_a_stopped_devnet_goes_on_with_its_keys_and_no_other_chain(net: Devnet) -> None:
    keys = [node.node_key for node in net.nodes]
    net.down()
    again = made(net.base)
    assert [node.node_key for node in again.nodes] == keys
    with pytest.raises(DevnetError, match="made for 3 validators and slots of 1000 ms"):
        made(net.base, validators=2)


def test_a_port_that_is_taken_is_named_with_its_owner_and_flag(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            DevnetError, match=rf"port {port} of node 0 .Alice. .*\(pid \d+\).*--rpc-base-port"
        ):
            made(tmp_path, rpc_base_port=port)


def test_a_node_that_does_not_come_up_shows_its_log_and_the_others_are_stopped(
    tmp_path: Path,
) -> None:
    with (
        pytest.raises(NodeDied, match="this one never starts"),
        made(tmp_path, log="fail") as failing,
    ):
        failing.up()
    assert not failing.is_running


def test_a_node_that_will_not_end_is_killed_and_named(tmp_path: Path) -> None:
    with made(tmp_path, validators=1, log="deaf") as deaf:
        deaf.up()
        assert [node.name for node in deaf.down(seconds=0.2)] == ["Alice"]
    assert not deaf.is_running


def test_a_pid_that_belongs_to_another_process_by_now_is_left_alone(net: Devnet) -> None:
    file = net.base / STATE_FILE
    written = file.read_text()
    document = json.loads(written)
    document["nodes"][0]["process"][1] -= 1  # the same pid, started at another time
    file.write_text(json.dumps(document))
    other = Devnet.open(net.base)
    file.write_text(written)
    assert not other[0].is_alive
    with pytest.raises(DevnetError, match="down already"):
        other.kill(0)
    assert net[0].is_alive


def test_where_nothing_was_made_nothing_is_found(tmp_path: Path) -> None:
    with pytest.raises(NoDevnet, match="there is no devnet in"):
        Devnet.open(tmp_path)


def test_state_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_text('{"layout": 99}')
    with pytest.raises(DevnetError, match="another version"):
        Devnet.open(tmp_path)
    (tmp_path / STATE_FILE).write_text("{")
    with pytest.raises(DevnetError, match="damaged"):
        Devnet.open(tmp_path)


def test_the_secrets_in_the_state_are_for_the_owner_only(tmp_path: Path) -> None:
    made(tmp_path)
    assert (tmp_path / STATE_FILE).stat().st_mode & 0o777 == 0o600


def test_funded_accounts_are_more_than_the_validators(tmp_path: Path) -> None:
    funded = made(tmp_path).funded()
    assert [each.name for each in funded][:2] == ["Alice", "Bob"]
    assert len(funded) == 6
    assert funded[0].address == "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
