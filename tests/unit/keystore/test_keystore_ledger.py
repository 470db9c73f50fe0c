"""The rules of signing, against a model that remembers everything."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from btt_chain.keystore.ledger import (
    ORDER,
    UNKNOWN,
    Clock,
    Ledger,
    Place,
    Refusal,
    Round,
    Sealed,
    maximum,
)
from btt_chain.keystore.record import MemoryRecord, decode, encode
from btt_chain.primitives.grandpa import Stage

GENESIS, KEY = b"\1" * 32, b"\2" * 32
HASHES = [bytes([n]) * 32 for n in range(3)]

slots = st.integers(0, 6)
hashes = st.sampled_from(HASHES)
places = st.builds(Place, st.integers(0, 2), st.integers(1, 3), st.integers(0, 2))
targets = st.tuples(hashes, st.integers(0, 2))
signatures = st.binary(min_size=64, max_size=64)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Any ledger that signing and raising lead to."""
    ledger = Ledger(unsure=draw(st.booleans()))
    if draw(st.booleans()):
        ledger = ledger.with_block(draw(slots), draw(hashes), draw(signatures))
    for place in sorted(draw(st.lists(places, max_size=3))):
        ledger = ledger.with_vote(place, draw(targets), draw(signatures))
    if draw(st.booleans()):
        block = draw(st.none() | st.builds(lambda slot: Sealed(slot, None, None), slots))
        where = draw(places)
        round = Round(where.set_id, where.round, {ORDER[where.step]: UNKNOWN})
        ledger = maximum(ledger, Ledger(block, draw(st.sampled_from([None, round]))))
    closed = draw(st.none() | st.integers(0, 2))
    reason = draw(st.sampled_from(["", "an “old” record"])) if ledger.unsure else ""
    return maximum(ledger, Ledger(unsure=bool(reason), reason=reason, closed_set=closed,
                                  launch=draw(st.booleans())))  # fmt: skip


def allows_block(ledger: Ledger, slot: int, hash: bytes) -> bool:
    return ledger.answer_block(slot, hash) is None


def allows_vote(ledger: Ledger, place: Place, target: tuple[bytes, int]) -> bool:
    return ledger.answer_vote(place, target) is None


def test_a_second_block_for_a_slot_is_refused_and_the_first_one_is_named() -> None:
    ledger = Ledger().with_block(7, HASHES[1], b"seal")
    assert ledger.answer_block(7, HASHES[1]) == b"seal"
    refusal = ledger.answer_block(7, HASHES[2])
    assert isinstance(refusal, Refusal)
    assert "0x0101010101010101…" in refusal.why
    assert "slot 7" in refusal.why


def test_an_earlier_slot_is_refused_whatever_its_block() -> None:
    ledger = Ledger().with_block(7, HASHES[1], b"seal")
    refusal = ledger.answer_block(6, HASHES[1])
    assert isinstance(refusal, Refusal)
    assert "before slot 7" in refusal.why
    assert ledger.answer_block(8, HASHES[1]) is None


def test_the_steps_of_a_round_come_in_their_order() -> None:
    ledger = Ledger().with_vote(Place.at(1, 4, Stage.PROPOSE), (HASHES[0], 1), b"0")
    ledger = ledger.with_vote(Place.at(1, 4, Stage.PRECOMMIT), (HASHES[0], 1), b"2")
    late = ledger.answer_vote(Place.at(1, 4, Stage.PREVOTE), (HASHES[0], 1))
    assert isinstance(late, Refusal)
    assert "prevote of round 4 of set 1 lies before the precommit" in late.why
    assert ledger.answer_vote(Place.at(1, 4, Stage.PROPOSE), (HASHES[0], 1)) == b"0"
    assert ledger.answer_vote(Place.at(1, 5, Stage.PREVOTE), (HASHES[0], 1)) is None
    assert ledger.answer_vote(Place.at(2, 1, Stage.PREVOTE), (HASHES[0], 1)) is None
    assert isinstance(ledger.answer_vote(Place.at(0, 9, Stage.PREVOTE), (HASHES[0], 1)), Refusal)


def test_a_second_vote_in_a_step_is_refused_and_the_first_one_is_named() -> None:
    place = Place.at(1, 4, Stage.PREVOTE)
    ledger = Ledger().with_vote(place, (HASHES[1], 9), b"1")
    for target in ((HASHES[2], 9), (HASHES[1], 8)):
        refusal = ledger.answer_vote(place, target)
        assert isinstance(refusal, Refusal)
        assert "voted for #9 0x0101010101010101…" in refusal.why


def test_an_unsure_ledger_repeats_itself_and_says_nothing_new() -> None:
    sure = Ledger().with_block(7, HASHES[1], b"seal")
    unsure = maximum(sure, Ledger(unsure=True))
    assert unsure.answer_block(7, HASHES[1]) == b"seal"
    assert isinstance(unsure.answer_block(8, HASHES[1]), Refusal)
    assert isinstance(unsure.answer_vote(Place(0, 1, 0), (HASHES[0], 0)), Refusal)
    settled = unsure.settled(slot=20, set_id=3)
    assert isinstance(settled.answer_block(20, HASHES[1]), Refusal)
    assert settled.answer_block(21, HASHES[1]) is None
    assert isinstance(settled.answer_vote(Place(3, 1 << 40, 2), (HASHES[0], 0)), Refusal)
    assert settled.answer_vote(Place(4, 1, 0), (HASHES[0], 0)) is None


def test_what_this_record_cannot_have_made_is_strange() -> None:
    ledger = Ledger().with_block(7, HASHES[1], b"seal")
    ledger = ledger.with_vote(Place.at(1, 4, Stage.PREVOTE), (HASHES[1], 9), b"1")
    assert ledger.is_strange_block(8, HASHES[0])
    assert ledger.is_strange_block(7, HASHES[0])
    assert not ledger.is_strange_block(7, HASHES[1])
    assert not ledger.is_strange_block(6, HASHES[0])
    assert ledger.is_strange_vote(Place.at(1, 4, Stage.PRECOMMIT), (HASHES[1], 9))
    assert ledger.is_strange_vote(Place.at(1, 4, Stage.PREVOTE), (HASHES[2], 9))
    assert ledger.is_strange_vote(Place.at(1, 4, Stage.PROPOSE), (HASHES[1], 9))
    assert not ledger.is_strange_vote(Place.at(1, 4, Stage.PREVOTE), (HASHES[1], 9))
    assert not ledger.is_strange_vote(Place.at(1, 3, Stage.PREVOTE), (HASHES[2], 9))


def imported(stage: Stage) -> Ledger:
    """A ledger as an export without votes makes it: the newest step only."""
    return maximum(Ledger(), Ledger(round=Round(1, 4, {stage: UNKNOWN})))


@pytest.mark.parametrize("newest", list(ORDER))
def test_earlier_steps_of_an_imported_round_are_not_strange(newest: Stage) -> None:
    ledger = imported(newest)
    for stage in ORDER:
        is_later = ORDER.index(stage) > ORDER.index(newest)
        assert ledger.is_strange_vote(Place.at(1, 4, stage), (HASHES[1], 9)) is is_later
    assert ledger.is_strange_vote(Place.at(1, 5, Stage.PROPOSE), (HASHES[1], 9))
    assert not ledger.is_strange_vote(Place.at(1, 3, Stage.PRECOMMIT), (HASHES[1], 9))


def test_a_step_above_an_imported_one_is_ours_and_below_it_is_not_strange() -> None:
    place = Place.at(1, 4, Stage.PRECOMMIT)
    ledger = imported(Stage.PREVOTE).with_vote(place, (HASHES[1], 9), b"1")
    assert not ledger.is_strange_vote(Place.at(1, 4, Stage.PROPOSE), (HASHES[2], 9))
    assert not ledger.is_strange_vote(Place.at(1, 4, Stage.PREVOTE), (HASHES[2], 9))
    assert ledger.is_strange_vote(place, (HASHES[2], 9))


def test_a_launch_ledger_signs_nothing_before_the_launch_and_has_no_mark_after_it() -> None:
    ledger = Ledger(launch=True)
    assert isinstance(ledger.answer_block(7, HASHES[0]), Refusal)
    assert isinstance(ledger.answer_vote(Place(0, 1, 0), (HASHES[0], 0)), Refusal)
    launched = ledger.launched(set_id=0, round=1)
    assert launched == Ledger()
    later = ledger.launched(set_id=0, round=5)
    assert isinstance(later.answer_vote(Place(0, 4, 2), (HASHES[0], 0)), Refusal)
    assert later.answer_vote(Place(0, 5, 0), (HASHES[0], 0)) is None


def test_a_launch_ledger_that_is_raised_to_anything_is_none_any_more() -> None:
    launch = Ledger(launch=True)
    assert maximum(launch, Ledger()).launch
    assert not maximum(launch, Ledger(Sealed(5, None, None))).launch
    assert not launch.doubted("seen").launch


def test_a_round_that_stood_for_the_whole_watch_is_open_above_what_was_seen() -> None:
    seen = Ledger(round=Round(3, 8, {Stage.PREVOTE: UNKNOWN}))
    settled = Ledger().doubted("forced", seen).settled(slot=20, set_id=3, standing=8)
    assert isinstance(settled.answer_vote(Place.at(3, 7, Stage.PRECOMMIT), (HASHES[0], 0)), Refusal)
    assert isinstance(settled.answer_vote(Place.at(3, 8, Stage.PREVOTE), (HASHES[0], 0)), Refusal)
    assert settled.answer_vote(Place.at(3, 8, Stage.PRECOMMIT), (HASHES[0], 0)) is None
    assert isinstance(settled.answer_block(20, HASHES[1]), Refusal)


def test_a_set_that_is_reopened_forgets_no_vote() -> None:
    cast = Ledger().with_vote(Place.at(3, 8, Stage.PREVOTE), (HASHES[1], 9), b"1")
    closed = cast.doubted("old").settled(slot=20, set_id=3)
    assert isinstance(closed.answer_vote(Place.at(3, 9, Stage.PREVOTE), (HASHES[1], 9)), Refusal)
    opened = closed.reopened(3, 8)
    assert opened.answer_vote(Place.at(3, 8, Stage.PREVOTE), (HASHES[1], 9)) == b"1"
    assert isinstance(opened.answer_vote(Place.at(3, 8, Stage.PREVOTE), (HASHES[2], 9)), Refusal)
    assert opened.answer_vote(Place.at(3, 8, Stage.PRECOMMIT), (HASHES[2], 9)) is None


def test_a_node_that_is_behind_its_record_opens_no_set() -> None:
    # As after `purge-chain`: the node is in set 2 again, and votes of set 5 may be missing.
    closed = Ledger(closed_set=5)
    assert closed.reopened(2, 8) == closed
    assert closed.doubted("old").settled(slot=20, set_id=2, standing=8).closed_set == 5


def test_a_clock_that_goes_back_makes_no_blocks_until_it_has_caught_up() -> None:
    clock = Clock()
    for slot, is_refused in ((5, False), (6, False), (5, False), (4, True), (3, True), (5, False)):
        clock, refusal = clock.tick(slot)
        assert (refusal is not None) is is_refused, slot
    assert "from slot 6 to slot 4" in (clock.tick(4)[1] or Refusal("")).why
    assert clock.tick(7)[0].highest == 7


@given(ledgers(), ledgers(), slots, hashes, places, targets)
def test_the_maximum_allows_only_what_both_allow(
    one: Ledger, two: Ledger, slot: int, hash: bytes, place: Place, target: tuple[bytes, int]
) -> None:
    both = maximum(one, two)
    if not both.launch:
        # A record from before the launch says nothing against one that is in use.
        is_used = any(replace(each, launch=False) != Ledger() for each in (one, two))
        assert is_used or not (one.launch or two.launch)
        one, two = replace(one, launch=False), replace(two, launch=False)
    if allows_block(both, slot, hash):
        assert allows_block(one, slot, hash)
        assert allows_block(two, slot, hash)
    if allows_vote(both, place, target):
        assert allows_vote(one, place, target)
        assert allows_vote(two, place, target)


@given(ledgers(), ledgers())
def test_the_maximum_is_the_same_either_way_and_is_reached_at_once(
    one: Ledger, two: Ledger
) -> None:
    def places_of(ledger: Ledger) -> object:
        block = ledger.block and (ledger.block.slot, ledger.block.pre_seal_hash)
        votes = ledger.round and {s: v.target for s, v in ledger.round.votes.items()}
        closed = ledger.closed_set
        return (
            block,
            ledger.round and ledger.round.place,
            votes,
            ledger.unsure,
            closed,
            ledger.launch,
        )

    both = maximum(one, two)
    # Signatures may differ: those of sr25519 are random.
    assert places_of(both) == places_of(maximum(two, one))
    assert places_of(maximum(both, one)) == places_of(both)


@given(ledgers())
def test_a_record_comes_back_from_its_bytes(ledger: Ledger) -> None:
    raw = encode(GENESIS, KEY, ledger)
    assert decode(raw) == (GENESIS, KEY, ledger)
    assert encode(GENESIS, KEY, decode(raw)[2]) == raw


@given(ledgers(), st.data())
@settings(max_examples=50)
def test_other_spellings_of_the_same_record_are_refused(
    ledger: Ledger, data: st.DataObject
) -> None:
    fields = json.loads(encode(GENESIS, KEY, ledger))
    for other in (
        json.dumps(fields).encode(),
        json.dumps(fields, indent=1).upper().encode(),
        data.draw(st.binary(max_size=40)),
        b"[" * 100_000,
        b'{"version": 1}',
        b"null",
    ):
        with pytest.raises(ValueError, match=r"checksum|not what this program"):
            decode(other)


class Death(Exception):
    """The process dies here."""


class Signing(RuleBasedStateMachine):
    """A key on a machine that dies, restarts and imports, against the messages it sent."""

    exports: ClassVar[Bundle[Ledger]] = Bundle("exports")

    @initialize()
    def begin(self) -> None:
        self.record = MemoryRecord(GENESIS, KEY, point=self.point)
        self.dies_at: str | None = None
        self.count = 0
        self.blocks: dict[int, set[bytes]] = {}
        self.votes: dict[Place, set[tuple[bytes, int]]] = {}
        self.received: dict[object, bytes] = {}

    def point(self, name: str) -> None:
        if name == self.dies_at:
            raise Death

    def make(self) -> bytes:
        # Never the same twice, like seals of sr25519.
        self.count += 1
        return self.count.to_bytes(64, "little")

    def restart(self) -> None:
        self.dies_at = None
        self.record = MemoryRecord(GENESIS, KEY, self.record._durable, self.point)

    @rule(slot=slots, hash=hashes)
    def block(self, slot: int, hash: bytes) -> None:
        try:
            seal = self.record.sign_block(slot, hash, self.make)
        except Death:
            return self.restart()
        if isinstance(seal, bytes):
            self.blocks.setdefault(slot, set()).add(hash)
            assert self.received.setdefault((slot, hash), seal) == seal
        return None

    @rule(place=places, block=targets)
    def vote(self, place: Place, block: tuple[bytes, int]) -> None:
        try:
            signature = self.record.sign_vote(
                place.set_id, place.round, ORDER[place.step], *block, self.make
            )
        except Death:
            return self.restart()
        if isinstance(signature, bytes):
            newest = max(self.votes, default=place)
            assert place >= newest or block in self.votes[place]
            self.votes.setdefault(place, set()).add(block)
            assert self.received.setdefault((place, block), signature) == signature
        return None

    @rule(name=st.sampled_from(["record", "recorded"]))
    def die_at_the_next(self, name: str) -> None:
        self.dies_at = name

    @rule()
    def restart_now(self) -> None:
        self.restart()

    @rule(target=exports)
    def export(self) -> Ledger:
        return self.record.ledger

    @rule(ledger=exports)
    @precondition(lambda self: self.dies_at is None)
    def import_an_old_backup(self, ledger: Ledger) -> None:
        self.record.raise_to(ledger)

    @invariant()
    def nothing_was_said_twice_differently(self) -> None:
        assert all(len(said) == 1 for said in self.blocks.values())
        assert all(len(said) == 1 for said in self.votes.values())


Signing.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSigning = Signing.TestCase


def test_the_ledger_of_memory_knows_no_disk(tmp_path: Path) -> None:
    record = MemoryRecord(GENESIS, KEY)
    assert record.sign_block(1, HASHES[0], lambda: b"s" * 64) == b"s" * 64
    record.close()
    assert list(tmp_path.iterdir()) == []
    assert repr(record) == f"MemoryRecord(0x{KEY.hex()})"
