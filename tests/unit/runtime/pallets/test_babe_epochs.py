"""Epochs of a chain: announced, begun, skipped; their randomness, and the beacon."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from btt_chain.consensus.babe.claim import claim_slot
from btt_chain.crypto.vrf import SchnorrkelVrf
from btt_chain.primitives.babe import Primary, SecondaryPlain, SecondaryPlainClaim, Slot, pre_digest
from btt_chain.primitives.babe_digests import V1, AllowedSlots, EpochConfig, announced
from btt_chain.primitives.header import Header
from btt_chain.primitives.lottery import slot_input
from btt_chain.scale import u32, u64
from runtime.frame import ROOT, InvalidBlock
from runtime.pallets.babe.pallet import Babe
from runtime.params import RuntimeParams
from support.babe_chain import EPOCH, START, BabeChain, beacon_after, validators
from support.simulated_vrf import SimulatedVrf

GENESIS_RANDOMNESS = b"\7" * 32


def lucky(**more: object) -> BabeChain:
    return BabeChain(babe={"randomness": "0x" + GENESIS_RANDOMNESS.hex(), **more})


def hashed(*parts: bytes) -> bytes:
    return blake2b(b"".join(parts), digest_size=32).digest()


def shares(chain: BabeChain, headers: list[Header], randomness: bytes, epoch: int) -> list[bytes]:
    """Return the outputs of an epoch's primary claims, computed again with the authors' keys."""
    found = []
    for header in headers:
        claim = pre_digest(header.digest.logs)
        if isinstance(claim, Primary):
            seat = int(claim.claim.authority_index)
            pair = chain.pairs[bytes(chain.runtime.babe.epochs.authorities.value[seat][0])]
            output = chain.outputs.evaluate(
                pair, slot_input(randomness, int(claim.claim.slot), epoch)
            )
            assert output.pre_output == claim.claim.vrf_signature.pre_output
            found.append(output.make_bytes(b"BabeVRFInOutContext", 32))
    return found


# ---- epochs


def test_the_first_block_of_every_epoch_announces_the_next_and_no_other_block_does() -> None:
    chain = lucky()
    chain.run_to(START + 4 * EPOCH)
    first = [announced(header.digest.logs).epoch is not None for header in chain.headers]
    assert first == [place % EPOCH == 0 for place in range(4 * EPOCH + 1)]


def test_what_was_announced_is_what_the_next_epoch_uses() -> None:
    chain = lucky()
    for epoch in range(1, 4):
        chain.run_to_epoch(epoch - 1)
        said = announced(chain.headers[(epoch - 1) * EPOCH].digest.logs).epoch
        assert said is not None
        chain.run_to(START + epoch * EPOCH - 1)
        found = chain.runtime.babe.epochs.at(START + epoch * EPOCH)
        assert (found.index, found.start) == (epoch, START + epoch * EPOCH)
        assert found.randomness == said.randomness
        assert list(found.authorities) == [(bytes(key), int(w)) for key, w in said.authorities]

        chain.run_to_epoch(epoch)
        assert chain.runtime.babe.epochs.current() == found
        assert chain.runtime.babe.epochs.next() != found


def test_before_block_one_every_slot_lies_in_the_first_epoch() -> None:
    chain = lucky()
    for slot in (START, START + 1_000):
        epoch = chain.runtime.babe.epochs.at(slot)
        assert (epoch.index, epoch.start, epoch.randomness) == (0, slot, GENESIS_RANDOMNESS)


def test_a_slot_before_the_present_epoch_has_no_epoch_any_more() -> None:
    chain = lucky()
    chain.run_to_epoch(1)
    with pytest.raises(ValueError, match="lies before epoch 1"):
        chain.runtime.babe.epochs.at(START)


def test_the_blocks_in_which_epochs_began_are_noted() -> None:
    chain = lucky()
    chain.run_to_epoch(2)
    assert chain.runtime.babe.epochs.epoch_start.value == (EPOCH + 1, 2 * EPOCH + 1)


# ---- randomness


def test_an_epochs_randomness_holds_the_primary_claims_of_the_epoch_before_the_last() -> None:
    chain = lucky(epochConfig={"c": [1, 2], "allowed_slots": "PrimaryAndSecondaryVRFSlots"})
    chain.run_to_epoch(3)
    headers = chain.headers
    # r(0) = r(1) = the genesis value; r(2) is made of epoch 0's claims, r(3) of epoch 1's.
    of_zero = shares(chain, headers[:EPOCH], GENESIS_RANDOMNESS, 0)
    second = hashed(GENESIS_RANDOMNESS, (2).to_bytes(8, "little"), *of_zero)
    of_one = shares(chain, headers[EPOCH : 2 * EPOCH], GENESIS_RANDOMNESS, 1)
    third = hashed(second, (3).to_bytes(8, "little"), *of_one)
    of_two = shares(chain, headers[2 * EPOCH : 3 * EPOCH], second, 2)
    fourth = hashed(third, (4).to_bytes(8, "little"), *of_two)
    assert of_zero
    assert of_one
    assert of_two
    assert chain.runtime.babe.epoch_randomness.randomness.value == third
    assert chain.runtime.babe.epoch_randomness.next_randomness.value == fourth


def test_more_claims_than_one_segment_holds_all_count() -> None:
    params = RuntimeParams(u64(6_000), epoch_slots=u32(40))
    config = {"c": [1, 1], "allowed_slots": "PrimarySlots"}
    chain = BabeChain(params=params, babe={"epochConfig": config})
    chain.run_to(START + 39)
    assert chain.runtime.babe.epoch_randomness.segment_index.value == 1
    randomness = bytes(32)
    expected = hashed(
        randomness, (2).to_bytes(8, "little"), *shares(chain, chain.headers, randomness, 0)
    )
    chain.block()
    assert chain.runtime.babe.epoch_randomness.next_randomness.value == expected
    assert chain.runtime.babe.epoch_randomness.segment_index.value == 0
    assert (
        len(list(chain.runtime.babe.epoch_randomness.under_construction.items())) == 1
    )  # this block's own claim


def test_real_outputs_give_the_randomness_that_the_author_computes() -> None:
    chain = BabeChain(validators(1), vrf=SchnorrkelVrf())
    header = chain.block()
    claim = pre_digest(header.digest.logs)
    assert not isinstance(claim, SecondaryPlain)
    pair = next(iter(chain.pairs.values()))
    output = SchnorrkelVrf().evaluate(pair, slot_input(bytes(32), START, 0))
    assert claim.claim.vrf_signature.pre_output == output.pre_output
    expected = output.make_bytes(b"BabeVRFInOutContext", 32)
    assert chain.runtime.babe.author_vrf_randomness.value == expected
    beacon = hashed(bytes(32), output.make_bytes(b"BTTBeacon", 32))
    assert chain.runtime.babe.beacon_log.beacon.value == beacon


# ---- skipped epochs


def test_skipped_epochs_raise_the_epoch_by_the_jump_and_the_session_by_one() -> None:
    chain = lucky()
    chain.run_to(START + EPOCH + 3)
    babe, session = chain.runtime.babe, chain.runtime.session
    waiting = babe.epochs.next()
    late = START + 5 * EPOCH + 4
    expected = babe.epochs.at(late)
    assert (expected.index, expected.start) == (5, START + 5 * EPOCH)
    assert (expected.randomness, expected.authorities) == (waiting.randomness, waiting.authorities)

    header = chain.block(slot=late)
    assert announced(header.digest.logs).epoch is not None
    assert babe.epochs.current() == expected
    assert (babe.epochs.epoch_index.value, session.session_index()) == (5, 2)
    assert babe.epochs.skipped_epochs.value == [(5, 2)]
    assert babe.epochs.next().start == START + 6 * EPOCH
    assert babe.epochs.at(START + 6 * EPOCH).index == 6


def test_the_session_of_a_slot_is_found_behind_skipped_epochs() -> None:
    chain = lucky()
    chain.run_to(START + EPOCH)
    chain.block(slot=START + 5 * EPOCH)
    chain.block(slot=START + 6 * EPOCH)
    chain.block(slot=START + 9 * EPOCH)
    chain.run_to(START + 10 * EPOCH)
    sessions = {
        epoch: chain.runtime.babe.epochs.session_of(START + epoch * EPOCH) for epoch in range(11)
    }
    lived = {epoch: sessions[epoch] for epoch in (0, 1, 5, 6, 9, 10)}
    assert lived == {0: 0, 1: 1, 5: 2, 6: 3, 9: 4, 10: 5}


def test_only_so_many_skips_are_remembered() -> None:
    chain = BabeChain(validators(1))
    chain.block()
    for skip in range(1, 105):
        chain.block(slot=START + 2 * skip * EPOCH)
    skips = chain.runtime.babe.epochs.skipped_epochs.value
    assert len(skips) == 100
    assert skips[-1] == (208, 104)
    assert chain.runtime.babe.epochs.session_of(START + 208 * EPOCH) == 104


# ---- parameters


def test_other_parameters_are_announced_one_epoch_ahead() -> None:
    chain = lucky()
    chain.block()
    babe = chain.runtime.babe
    before = babe.epochs.config()
    c = (u64(1), u64(2))
    planned = V1(c, AllowedSlots.PrimaryAndSecondaryPlainSlots)
    chain.block((ROOT, chain.call("Babe", "plan_config_change", config=planned)))
    assert not chain.failures
    after = EpochConfig(c, AllowedSlots.PrimaryAndSecondaryPlainSlots)

    header = chain.run_to_epoch(1)
    assert announced(header.digest.logs).config == after
    assert (babe.epochs.config(), babe.epochs.next_config()) == (before, after)
    header = chain.run_to_epoch(2)
    assert announced(header.digest.logs).config is None
    assert babe.epochs.config() == after
    chain.run_to(START + 2 * EPOCH + 5)
    plain = [pre_digest(header.digest.logs) for header in chain.headers[2 * EPOCH :]]
    assert any(isinstance(claim, SecondaryPlain) for claim in plain)


@pytest.mark.parametrize(
    ("won", "of", "allowed"),
    [(0, 1, AllowedSlots.PrimarySlots), (1, 0, AllowedSlots.PrimarySlots), (2, 1, AllowedSlots(2))],
)
def test_parameters_by_which_no_blocks_are_made_are_refused(
    won: int, of: int, allowed: AllowedSlots
) -> None:
    chain = lucky()
    config = V1((u64(won), u64(of)), allowed)
    chain.block((ROOT, chain.call("Babe", "plan_config_change", config=config)))
    assert [type(failure) for failure in chain.failures] == [Babe.InvalidConfiguration]


# ---- authors


def test_the_author_in_the_state_is_the_owner_of_the_key_that_claimed() -> None:
    chain = lucky()
    owners = {member.author.public: member.account for member in chain.members}
    for _ in range(3 * EPOCH):
        claimed = chain.claim(chain.slot + 1)
        chain.block(claim=claimed.claim)
        assert chain.runtime.babe.author() == owners[claimed.pair.public]


def test_all_validators_make_blocks() -> None:
    chain = lucky()
    authors = set()
    for _ in range(3 * EPOCH):
        chain.block()
        authors.add(chain.runtime.babe.author())
    assert authors == {member.account for member in chain.members}


def test_substrates_verifiers_find_the_author_of_every_slot() -> None:
    """They compute the secondary author by the randomness alone, and take its place in the set."""
    chain = BabeChain(validators(4), babe={"randomness": "0x" + GENESIS_RANDOMNESS.hex()})
    kinds = set()
    for _ in range(3 * EPOCH):
        randomness = chain.runtime.babe.epochs.at(chain.slot + 1).randomness
        claim = pre_digest(chain.block().digest.logs)
        index = int(claim.claim.authority_index)
        if not isinstance(claim, Primary):
            number = hashed(randomness, int(claim.claim.slot).to_bytes(8, "little"))
            assert index == int.from_bytes(number, "big") % 4
        kinds.add(type(claim))
        assert chain.runtime.babe.author() == chain.runtime.session.validators_now()[index]
    assert len(kinds) == 2


def test_a_block_of_an_authority_that_there_is_not_is_refused() -> None:
    chain = lucky()
    claim = SecondaryPlain(SecondaryPlainClaim(u32(3), Slot(START)))
    with pytest.raises(InvalidBlock, match="there is no authority 3, the last is 2"):
        chain.open(START, claim)


def test_a_block_of_a_disabled_authority_is_refused_until_the_set_changes() -> None:
    chain = lucky()
    chain.block()
    chain.runtime.session.disable(1)
    seat = SecondaryPlain(SecondaryPlainClaim(u32(1), Slot(START + 1)))
    with pytest.raises(InvalidBlock, match="authority 1 is disabled in session 0"):
        chain.open(START + 1, seat)


def test_the_seat_is_looked_up_in_the_session_that_the_block_begins() -> None:
    chain = lucky()
    chain.block()
    session = chain.runtime.session
    session.disable(0)
    session.queued_changed.value = True
    late = START + EPOCH
    claimed = claim_slot(
        late,
        chain.runtime.babe.epochs.at(late),
        {key: chain.pairs[key] for key, _ in chain.runtime.babe.epochs.at(late).authorities[:1]},
        SimulatedVrf(chain.pairs.values()),
    )
    claim = SecondaryPlain(SecondaryPlainClaim(u32(0), Slot(late)))
    chain.block(slot=late, claim=claimed.claim if claimed else claim)
    assert session.session_index() == 1


# ---- the beacon


def test_the_beacon_is_a_chain_of_hashes_over_every_output() -> None:
    chain = lucky()
    expected = GENESIS_RANDOMNESS
    for _ in range(8):
        claimed = chain.claim(chain.slot + 1)
        assert claimed.output is not None
        chain.block(claim=claimed.claim)
        expected = hashed(expected, claimed.output.make_bytes(b"BTTBeacon", 32))
        assert chain.runtime.babe.beacon_log.beacon.value == expected


def test_the_beacon_after_a_slot_is_that_of_the_first_block_not_before_it() -> None:
    chain = lucky()
    babe, beacons = chain.runtime.babe, {}
    for slot in (START, START + 1, START + 4, START + 5):
        chain.block(slot=slot)
        beacons[slot] = babe.beacon_log.beacon.value
    for asked, given in ((0, 0), (1, 1), (2, 4), (3, 4), (4, 4), (5, 5)):
        found = beacon_after(babe, START + asked)
        assert found is not None
        assert (found.slot, found.beacon) == (START + given, beacons[START + given])
    assert beacon_after(babe, START + 6) is None


def test_a_block_does_not_know_its_own_beacon() -> None:
    chain = lucky()
    chain.block()
    chain.open(START + 1)
    assert beacon_after(chain.runtime.babe, START + 1) is None
    assert beacon_after(chain.runtime.babe, START) is not None


def test_a_beacon_may_wait_for_several_authors() -> None:
    chain = lucky()
    babe, authors = chain.runtime.babe, []
    for _ in range(EPOCH):
        chain.block()
        authors.append(babe.author())
    third = next(place for place in range(EPOCH) if len(set(authors[: place + 1])) == 3)
    found = beacon_after(babe, START, since=START - 1, authors=3)
    assert found is not None
    assert found.slot == START + third
    assert beacon_after(babe, START, since=START - 1, authors=4) is None


def test_old_beacons_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.pallets.babe.beacons.BEACONS", 8)
    chain = lucky()
    chain.run_to(START + 20)
    babe = chain.runtime.babe
    assert len(list(babe.beacon_log.beacons.items())) == 8
    assert beacon_after(babe, START + 12) is None
    for slot in range(START + 13, START + 21):
        found = beacon_after(babe, slot)
        assert found is not None
        assert found.slot == slot
