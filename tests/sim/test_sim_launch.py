"""Launch records, and records that were lost, in worlds that see every second signature (I2)."""

from __future__ import annotations

from btt_chain.keystore import BABE, GRANDPA, Ledger
from btt_chain.keystore.record import FORCED
from support.sim.plays import final, make, settle, watched
from support.sim.vault import Vault, WatchedRecord
from support.sim.world import World

VALIDATORS = range(4)


def begin_records(world: World, index: int, ledger: Ledger) -> None:
    """Replace the signing records of a node that does not run."""
    vault = world.nodes[index].vault
    assert isinstance(vault, Vault)
    for key_type in (BABE, GRANDPA):
        for public in vault.keystore.public_keys(key_type):
            vault._records[public] = WatchedRecord(
                world.genesis.hash, public, ledger, lambda _: None, world.witness
            )


def test_validators_with_launch_records_become_final() -> None:
    world = make(3, late=VALIDATORS)
    for index in VALIDATORS:
        begin_records(world, index, Ledger(launch=True))
        world.start(index)
    with watched(world):
        world.run(12)
        settle(world, 20)


def test_a_launch_record_of_a_key_that_has_signed_signs_nothing_twice() -> None:
    # The operator's word was wrong: the record was lost after the chain began.
    world = make(4)
    with watched(world):
        world.run(12)
        world.kill(3)
        begin_records(world, 3, Ledger(launch=True))
        world.start(3)
        world.run(12)
        settle(world, 20)


def test_a_validator_without_its_record_votes_in_the_round_that_waits_for_it() -> None:
    world = make(5)
    session = int(world.engines.params.epoch_slots)
    with watched(world):
        world.run(8)
        world.kill(2)
        world.run(3)
        world.kill(3)
        begin_records(world, 3, Ledger().doubted(FORCED))
        world.start(3)
        stands = final(world.nodes[0])
        world.run(session // 2)
        assert final(world.nodes[0]) <= stands + 3
        world.run(session // 2 + 20)
        assert final(world.nodes[0]) > stands + 3
        world.start(2)
        settle(world, 40)
