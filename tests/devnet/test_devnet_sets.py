"""Voters who come and go while nodes are away: F16, F18; and a network of seven."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.testing import DevNode
from devnet.watched import GRANDPA, HANG, Watched, command, quick, until, voters_at

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    """Networks of one test."""
    made: list[Watched] = []

    def start(validators: int, epoch_slots: int = 6) -> Watched:
        spec = quick(validators, epoch_slots=epoch_slots)
        field = Watched(tmp_path / f"net-{validators}", validators=validators, spec=spec)
        made.append(field)
        field.net.up()
        return field

    yield start
    for field in made:
        field.down()


def send(node: DevNode, call: str, *arguments: str, by: str) -> None:
    """Sign and send a call as a user does, wait until it is in a block."""
    command(node.ws, "tx", "call", call, *arguments, "--from", by)


def voters(node: DevNode) -> tuple[int, int]:
    """Return the number of voters on the blocks after the last final one, and their set's id."""
    found, set_id = voters_at(node.rpc, str(node.rpc.call("chain_getFinalizedHead")))
    return len(found), set_id


def changes(node: DevNode) -> list[int]:
    """The final blocks that brought another set."""
    last = node.rpc.finalized()
    sets = [voters_at(node.rpc, str(node.rpc.block_hash(n)))[1] for n in range(last + 1)]
    return [n for n in range(1, last + 1) if sets[n] != sets[n - 1]]


@pytest.mark.full
def test_f16_f18_voters_join_and_leave_while_a_node_is_away(
    fresh: Callable[..., Watched],
) -> None:
    field = fresh(4)
    net = field.net
    eve = net.add_node("Eve")
    net[eve.index].stop()
    eve.flags += ["--validator"]
    field.act(eve.index)
    net.restart(eve.index)
    eve = net[eve.index]
    owner = "0x" + KeyPair.from_uri("//Eve").public.hex()
    made = eve.rpc.call("author_rotateKeysWithOwner", owner)
    assert isinstance(made, dict)
    send(net[0], "Session.set_keys", str(made["keys"]), str(made["proof"]), by="//Eve")
    send(net[0], "Authorities.bond", "10000BTT", by="//Eve")
    send(net[0], "Authorities.validate", by="//Eve")
    net.kill(1)  # it will miss the change
    until("there are five voters", lambda: voters(net[0])[0] == 5, HANG)
    until("the fifth votes", lambda: len(field.signed(eve.index)) > 0, HANG)
    print(f"  F16 five voters in set {voters(net[0])[1]} at block {net[0].rpc.finalized()}")
    net.restart(1)
    field.catch_up("F18 who missed the change of the set finalizes again")
    field.check()
    send(net[0], "Authorities.chill", by="//Dave")
    until("there are four voters", lambda: voters(net[0])[0] == 4, HANG)
    # Half of the new set and one that has left fall at once, and come back into their set.
    for index in (0, 2, 3):
        net.kill(index)
    for index in (0, 2, 3):
        net.restart(index)
    field.catch_up("F16 after a crash of two of the new set")
    net.wait_for_finality(net[0].rpc.finalized() + 2, seconds=HANG)
    field.check()
    changed = changes(net[0])
    assert len(changed) == 2, changed
    for node in net.nodes:
        assert changes(node) == changed
        for number in changed:
            block: Any = node.rpc.call("chain_getBlock", node.rpc.block_hash(number))
            engines = [engine for engine, _ in block["justifications"] or []]
            assert GRANDPA in engines, f"node {node.index} has no proof of change block {number}"
    print(f"  F16 sets changed at {changed} on all nodes, proven\n{field.report()}")


@pytest.mark.full
def test_seven_validators_finalize_and_go_on_without_two(fresh: Callable[..., Watched]) -> None:
    field = fresh(7, epoch_slots=20)
    net = field.net
    net.wait_for_finality(5, seconds=HANG)
    lags = field.lags(4, nodes=range(7))
    print(f"  seven validators: finality lag mean {sum(lags) / len(lags):.2f}, max {max(lags)}")
    field.check()
    net.kill(5)
    net.kill(6)
    net.wait_for_finality(net[0].rpc.finalized() + 4, nodes=range(5), seconds=HANG)
    net.restart(5)
    net.restart(6)
    field.catch_up("F6 two of seven are back", HANG)
    field.check()
