"""Absence on a whole runtime: empty own slots are counted, and end a candidacy."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from btt_chain.consensus.babe.claim import claim_slot
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u64
from runtime.frame import signed
from runtime.pallets.authorities import events as authorities_events
from runtime.pallets.babe.types import ABSENT_AFTER, MAX_GAP
from runtime.params import RuntimeParams
from support.babe_chain import START, BabeChain, Validator, validators

EPOCH = 40


def network(count: int, *, least: int = 1, term: int = 1) -> BabeChain:
    """Return a chain of that many validators, which all work."""
    params = RuntimeParams(
        u64(500), epoch_slots=u32(EPOCH), min_validators=u32(least), reelection_epochs=u32(term)
    )
    return BabeChain(validators(count), params=params)


def run(chain: BabeChain, slots: int, off: Collection[Validator] = ()) -> list[object]:
    """Let time pass, with blocks by all validators but those that are off; return all events."""
    keys: dict[bytes, KeyPair] = {
        member.author.public: member.author for member in chain.members if member not in off
    }
    events: list[object] = []
    first = chain.slot + 1
    for slot in range(first, first + slots):
        epoch = chain.runtime.babe.epochs.at(slot)
        chain.slot = slot
        claimed = claim_slot(slot, epoch, keys, chain.outputs)
        if claimed is not None:
            chain.block(slot=slot, claim=claimed.claim)
            events += chain.events()
    return events


def counts(chain: BabeChain) -> dict[AccountId, int]:
    return {who: int(count) for who, count in chain.runtime.babe.absences.absences.value}


def in_force(chain: BabeChain) -> list[AccountId]:
    return list(chain.runtime.session.validators_now())


def test_one_of_four_that_is_off_is_not_elected_and_comes_back_by_validate() -> None:
    chain = network(4)
    run(chain, EPOCH)
    dave = chain.members[3]
    events = run(chain, 6 * EPOCH, off=[dave])
    assert authorities_events.Absent(dave.account) in events
    assert authorities_events.Chilled(dave.account) in events
    assert not any(isinstance(event, authorities_events.Slashed) for event in events)
    assert dave.account not in in_force(chain)
    assert len(in_force(chain)) == 3
    assert counts(chain) == {}  # only validators of the session are counted

    chain.block((signed(dave.account), chain.call("Authorities", "validate")))
    assert chain.failures == []
    run(chain, 3 * EPOCH)
    assert dave.account in in_force(chain)
    run(chain, 6 * EPOCH)
    assert dave.account in in_force(chain)


def test_a_validator_is_removed_after_ten_gaps_and_not_before() -> None:
    chain = network(4, term=1_000)
    run(chain, 1)
    dave = chain.members[3]
    while counts(chain).get(dave.account, 0) < ABSENT_AFTER - 1:
        run(chain, 1, off=[dave])
    assert chain.runtime.babe.absences.absent() == []
    while counts(chain)[dave.account] < ABSENT_AFTER:
        run(chain, 1, off=[dave])
    assert chain.runtime.babe.absences.absent() == [dave.account]
    # An election is not due: nothing changes until it is.
    assert dave.account in chain.runtime.authorities.candidate_list
    chain.runtime.authorities.elections.election_due.value = True
    assert dave.account not in (chain.runtime.authorities.plan_session(2) or [])
    assert dave.account not in chain.runtime.authorities.candidate_list


def test_any_block_of_a_validator_ends_its_absence() -> None:
    chain = network(4, term=1_000)
    run(chain, 1)
    dave = chain.members[3]
    run(chain, 2 * EPOCH, off=[dave])
    assert counts(chain)[dave.account] > 0
    while chain.runtime.babe.author() != dave.account:
        run(chain, 1)
    assert dave.account not in counts(chain)


def test_a_chain_that_stood_for_an_hour_removes_no_validator() -> None:
    chain = network(4)
    run(chain, EPOCH + 5)
    for _ in range(12):
        chain.slot += 3_600 * 2
        events = run(chain, EPOCH // 2)
        assert not any(isinstance(event, authorities_events.Absent) for event in events)
    assert len(in_force(chain)) == 4
    assert all(count < ABSENT_AFTER for count in counts(chain).values())


def test_a_gap_counts_once_for_each_secondary_author_of_its_slots() -> None:
    chain = network(4, term=1_000)
    run(chain, 5)
    run(chain, 30, off=chain.members)  # each has several of 30 slots
    before = counts(chain)
    run(chain, 1)
    author = chain.runtime.babe.author()
    assert before == {}
    assert counts(chain) == {
        member.account: 1 for member in chain.members if member.account != author
    }


def test_a_gap_of_more_than_64_slots_counts_for_no_validator() -> None:
    params = RuntimeParams(u64(500), epoch_slots=u32(400), reelection_epochs=u32(1))
    for gap, is_counted in ((MAX_GAP, True), (MAX_GAP + 1, False)):
        chain = BabeChain(validators(4), params=params)
        run(chain, 1)
        chain.block(slot=START + gap + 1)
        assert bool(counts(chain)) is is_counted


def test_at_most_a_third_is_removed_at_an_election_the_longest_absent_first() -> None:
    chain = network(6, term=4)
    run(chain, EPOCH)
    off = chain.members[3:]
    events = run(chain, 4 * EPOCH, off=off)
    gone = [event.stash for event in events if isinstance(event, authorities_events.Absent)]
    assert len(gone) == 1  # of six, and then of five and of four
    for left in (4, 3, 3):
        run(chain, 4 * EPOCH, off=off)
        candidates = chain.runtime.authorities.candidate_list
        assert int(candidates.counter_for_candidates.value) == left
    assert all(member.account in candidates for member in chain.members[:3])


def test_the_longest_absent_are_first_and_equal_ones_by_account() -> None:
    chain = network(4)
    chain.block()
    absences = chain.runtime.babe.absences
    first, second, third, fourth = sorted(member.account for member in chain.members)
    absences.absences.value = [
        (fourth, u16(12)), (third, u16(ABSENT_AFTER - 1)), (second, u16(40)), (first, u16(12)),
    ]  # fmt: skip
    assert absences.absent() == [second, first, fourth]


def test_three_validators_tolerate_no_absence_and_none_is_removed() -> None:
    chain = network(3)
    events = run(chain, 10 * EPOCH, off=[chain.members[2]])
    assert not any(isinstance(event, authorities_events.Absent) for event in events)
    assert len(in_force(chain)) == 3


def test_the_set_does_not_shrink_below_the_minimum_for_absence() -> None:
    chain = network(5, least=5)
    events = run(chain, 8 * EPOCH, off=[chain.members[4]])
    assert not any(isinstance(event, authorities_events.Absent) for event in events)
    assert len(in_force(chain)) == 5


def test_a_block_without_a_gap_writes_nothing_about_absence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = network(4, term=1_000)
    run(chain, 3)
    key = chain.runtime.babe.absences.absences.prefix
    written: list[bytes] = []
    put = chain.state.put

    def note(name: bytes, value: bytes | None) -> None:
        written.append(name)
        put(name, value)

    monkeypatch.setattr(chain.state, "put", note)
    run(chain, 2 * EPOCH)
    assert written
    assert key not in written
