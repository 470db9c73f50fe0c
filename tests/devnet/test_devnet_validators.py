"""A validator joins a network with one command, changes its keys, and leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from btt_chain.testing import DevNode
from devnet.watched import HANG, Watched, command, quick, until

pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(900)]

EVE = "//Eve"


def eve_status(node: DevNode) -> dict[str, object]:
    return dict(command(node.ws, "validator", "status", EVE))


def test_a_fifth_validator_joins_rotates_and_leaves_by_command(tmp_path: Path) -> None:
    field = Watched(tmp_path / "net", validators=4, spec=quick(4, epoch_slots=6))
    net = field.net
    try:
        net.up()
        eve = net.add_node("Eve")
        refused = command_fails(eve, "validator", "join", "--from", EVE)
        assert "start it with --validator" in refused
        net[eve.index].stop()
        eve.flags += ["--validator"]
        field.act(eve.index)
        net.restart(eve.index)
        eve = net[eve.index]

        joined = command(eve.ws, "validator", "join", "--from", EVE)
        assert joined["done"] == [
            "Session.set_keys", "Authorities.bond", "Authorities.validate",
        ]  # fmt: skip
        assert joined["candidate"]
        again = command(eve.ws, "validator", "join", "--from", EVE)
        assert again["done"] == ["nothing is missing"]
        until("Eve is in the set", lambda: bool(eve_status(eve)["active"]), HANG)
        until("Eve makes blocks", lambda: bool(eve_status(eve)["blocks"]), HANG)
        until("Eve votes", lambda: bool(eve_status(eve)["votes"]), HANG)
        found = command(eve.ws, "validator", "status")  # by the keys of the node
        assert found["stash"] == joined["stash"]
        assert found["keysHere"]
        assert {each["state"] for each in found["signing"]} == {"signs"}
        assert not command(net[0].ws, "validator", "status", EVE)["keysHere"]
        assert sum(row["active"] for row in command(net[0].ws, "validator", "list")) == 5

        rotated = command(eve.ws, "validator", "rotate", "--from", EVE)
        until(
            "the new keys sign",
            lambda: is_in_use(eve_status(eve), rotated["session"]),
            HANG,
        )
        left = command(eve.ws, "validator", "leave", "--from", EVE)
        assert left["done"] == ["Authorities.chill", "Authorities.unbond"]
        assert left["nextSession"] > left["session"]
        until("Eve is out of the set", lambda: not eve_status(eve)["active"], HANG)
        net.wait_for_finality(net[0].rpc.finalized() + 2, seconds=HANG)
        field.check()
    finally:
        field.down()


def is_in_use(status: dict[str, object], session: int) -> bool:
    """Return True if a session has begun, and the validator makes blocks in it."""
    return int(str(status["session"])) >= session and bool(status["blocks"])


def command_fails(node: DevNode, *words: str) -> str:
    """Type a command that is refused, and return its error."""
    with pytest.raises(AssertionError) as failed:
        command(node.ws, *words)
    return str(failed.value)
