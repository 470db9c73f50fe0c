"""Trusted blocks in whole nodes: the checkpoint of a specification, and --trusted-block."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

import pytest

from btt_chain.node.blocks.trust import Trust, check_database, warn_if_old
from btt_chain.node.engine.assembly import Plan
from genesis.build import build
from genesis.catalogue import make
from genesis.checkpoint import (
    Checkpoint,
    UntrustedDatabase,
    checkpoint_of,
    good_for_ms,
    with_checkpoint,
)
from genesis.spec import SpecError, read_spec
from p2p.sync.types import BlockId
from runtime.params import PARAMS_KEY, RuntimeParams
from support.sim.nodes import SimNode
from support.sim.world import World
from unit.node.test_warp_start import Newcomers

DAY_MS = 86_400_000


def checkpoint_at(node: SimNode, number: int) -> Checkpoint:
    hash = node.client.block_hash(number)
    assert hash is not None
    return Checkpoint.at(
        node.client.header_of(hash), lambda function: node.client.call(hash, function, b"")
    )


def trusting(patch: pytest.MonkeyPatch, trust: Trust) -> None:
    """Let the nodes that start from now on trust blocks."""
    patch.setattr("support.sim.engines.Plan", partial(Plan, trust=trust))


@pytest.fixture(scope="module")
def short() -> World:
    """A chain of some blocks."""
    world = World(seed=3, validators=2)
    world.run(12)
    return world


# --- the form of the specification ----------------------------------------------


def test_a_checkpoint_is_read_back_from_a_plain_and_a_raw_specification(short: World) -> None:
    checkpoint = checkpoint_at(short.nodes[0], 5)
    spec = with_checkpoint(make("dev"), checkpoint)
    assert checkpoint_of(read_spec(spec.dumps())) == checkpoint
    assert set(checkpoint.to_json()) == {
        "babeEpochChanges", "babeFinalizedBlockWeight", "finalizedBlockHeader",
        "grandpaAuthoritySet",
    }  # fmt: skip
    assert str(checkpoint.to_json()["babeEpochChanges"]).startswith("0x000008")
    assert str(checkpoint.to_json()["grandpaAuthoritySet"]).endswith("00" * 12)
    assert checkpoint_of(make("dev")) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"finalizedBlockHeader": "0x00"}, "lightSyncState"),
        ({"finalizedBlockHeader": 5}, "finalizedBlockHeader: expected 0x"),
        ({"babeFinalizedBlockWeight": "0"}, "babeFinalizedBlockWeight: expected a whole number"),
        ({"grandpaAuthoritySet": "0x00"}, "lightSyncState"),
        ({"babeEpochChanges": "0x000000"}, "the epochs at the block's parent and at the block"),
        ({"notAfter": "2027-01-01"}, "expected an object with exactly"),
    ],
)
def test_a_checkpoint_that_is_not_one_is_refused(
    short: World, change: Mapping[str, object], message: str
) -> None:
    document = json.loads(with_checkpoint(make("dev"), checkpoint_at(short.nodes[0], 5)).dumps())
    document["lightSyncState"].update(change)
    with pytest.raises(SpecError, match=message):
        checkpoint_of(read_spec(json.dumps(document)))


def test_block_zero_is_no_checkpoint(short: World) -> None:
    with pytest.raises(ValueError, match="block 0 needs no checkpoint"):
        checkpoint_at(short.nodes[0], 0)


# --- newcomers --------------------------------------------------------------------


def test_a_node_begins_at_a_checkpoint_and_leads_others_from_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = Newcomers(2, monkeypatch)
    world, first, second = late.world, late.world.nodes[2], late.world.nodes[3]
    ended = world.nodes[0].client.store.aux_get(b"grandpa_set_end" + bytes(8))
    assert ended is not None  # the checkpoint is the very block that ended the first set
    checkpoint = checkpoint_at(world.nodes[0], int.from_bytes(ended[32:], "little"))
    assert checkpoint.set_id == 1
    trusting(monkeypatch, Trust(checkpoint))
    world.start(2)
    late.until(lambda: late.is_level(first))
    assert first.running.parts.gadget.set_id == world.nodes[0].running.parts.gadget.set_id
    world.start(3)
    world.links.cut.update({(0, 3), (3, 0), (1, 3), (3, 1)})
    late.until(lambda: late.is_level(second), 90)
    blamed = {why for one in world.nodes for _, _, why in one.watcher.penalties}
    assert blamed <= {"no answer"}


def test_a_node_that_imports_all_blocks_refuses_a_chain_without_the_trusted_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(seed=4, validators=2, observers=1, late=[2], share=False)
    world.run(12)
    trusting(monkeypatch, Trust(block=BlockId(5, b"\x05" * 32)))
    world.start(2)
    world.run(10)
    node = world.nodes[2]
    assert node.client.best().number < 5
    assert node.running.parts.sync.major
    assert [one.watcher.penalties for one in world.nodes] == [[], [], []]


def test_a_node_with_the_trusted_block_follows_its_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(seed=4, validators=2, observers=1, late=[2], share=False)
    world.run(12)
    hash = world.nodes[0].client.block_hash(5)
    assert hash is not None
    trusting(monkeypatch, Trust(block=BlockId(5, hash)))
    world.start(2)
    world.run(10)
    assert world.nodes[2].client.finalized().number > 5
    assert not world.nodes[2].running.parts.sync.major


# --- a database, and the age of what is trusted -----------------------------------


def test_a_database_of_another_chain_than_the_trusted_one_is_named(short: World) -> None:
    client = short.nodes[0].client
    check_database(client, Trust(block=BlockId(5, client.block_hash(5) or b"")))
    check_database(client, Trust(block=BlockId(5_000, bytes(32))))
    with pytest.raises(UntrustedDatabase, match=r"block 5 is 0x.* here, not the trusted 0x00"):
        check_database(client, Trust(block=BlockId(5, bytes(32))))
    with pytest.raises(UntrustedDatabase, match=r"is not the checkpoint of the specification"):
        check_database(client, Trust(checkpoint_at(short.nodes[0], 5), BlockId(5, bytes(32))))


def test_a_checkpoint_of_the_seed_chains_is_good_for_18_days() -> None:
    params = RuntimeParams.decode(build(make("seed-000")).state[PARAMS_KEY])
    assert good_for_ms(params) // DAY_MS == 18


def test_what_is_trusted_is_warned_of_once_it_is_too_old(
    short: World, caplog: pytest.LogCaptureFixture
) -> None:
    node, params = short.nodes[0], short.engines.params
    checkpoint, good = checkpoint_at(node, 5), good_for_ms(params)
    slot = int(params.slot_ms)
    now = checkpoint.slot * slot
    fresh = World(seed=9, validators=2).nodes[0].client
    warn_if_old(node.client, Trust(), params, now)  # it followed the chain itself until now
    warn_if_old(fresh, Trust(checkpoint), params, now + good)
    warn_if_old(fresh, Trust(block=BlockId(5, checkpoint.hash)), params, now + good)
    assert not caplog.messages
    warn_if_old(fresh, Trust(), params, now)
    assert "no block is trusted but genesis" in caplog.messages[0]
    warn_if_old(fresh, Trust(checkpoint), params, now + good + slot)
    assert "the trusted block is older than" in caplog.messages[1]
    assert "--trusted-block" in caplog.messages[1]
