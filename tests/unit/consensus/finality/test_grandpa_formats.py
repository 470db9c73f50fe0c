"""GRANDPA's formats, byte for byte, and the checks that follow from them alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.consensus.finality.messages import (
    GOSSIP,
    CatchUpAsked,
    CatchUpGiven,
    CatchUpMessage,
    CatchUpRequest,
    CommitGossip,
    CommitMessage,
    GossipMessage,
    Neighbor,
    NeighborV1,
    Vote,
    VoteMessage,
    VotesAsked,
    VotesGiven,
    VotesRequest,
)
from btt_chain.consensus.finality.round import Round
from btt_chain.primitives.digest import BABE, GRANDPA, H256, Consensus
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    BadAnnouncement,
    CatchUp,
    ChangeForced,
    ChangeScheduled,
    CompactCommit,
    OnDisabled,
    Pause,
    Precommit,
    ScheduledChange,
    SignedMessage,
    SignedPrecommit,
    SignedPrevote,
    Stage,
    Target,
    announced,
    consensus,
    is_signed,
    message_for,
    precommit_message,
    signing_payload,
    stage_of,
    target_of,
)
from btt_chain.primitives.grandpa_equivocation import (
    EquivocationProof,
    NoEquivocation,
    PrecommitEquivocation,
    PrevoteEquivocation,
    check_equivocation,
)
from btt_chain.primitives.voters import AuthorityId, Power, VoterSet
from btt_chain.scale import Overflow, codec, encode, u32, u64
from unit.consensus.finality.finality_world import (
    PRECOMMIT,
    PREVOTE,
    ROUND,
    SET_ID,
    commit,
    crate_world,
    precommit,
    sign,
    signed,
    voters,
    who,
)

WORLD = crate_world()
BLOCK = Target(H256(bytes(range(32))), 0x01020304)
VOTE_BYTES = bytes(range(32)) + bytes([4, 3, 2, 1])
SIGNATURE = AuthoritySignature(b"\x55" * 64)
ALICE = AuthorityId(b"\xaa" * 32)


# --- votes ------------------------------------------------------------------


@pytest.mark.parametrize("stage", list(Stage))
def test_a_voter_signs_the_message_the_round_and_the_set(stage: Stage) -> None:
    payload = signing_payload(message_for(stage, BLOCK), 6, 7)

    assert payload == bytes([stage]) + VOTE_BYTES + bytes([6, *bytes(7), 7, *bytes(7)])
    assert len(payload) == 53


def test_a_signed_message_is_message_signature_and_signer() -> None:
    message = SignedMessage(message_for(PRECOMMIT, BLOCK), SIGNATURE, ALICE)

    assert encode(SignedMessage, message) == b"\x01" + VOTE_BYTES + SIGNATURE + ALICE


def test_a_precommit_in_a_commit_has_no_index() -> None:
    made = SignedPrecommit(Precommit(BLOCK.hash, u32(BLOCK.number)), SIGNATURE, ALICE)

    assert encode(SignedPrecommit, made) == VOTE_BYTES + SIGNATURE + ALICE


@pytest.mark.parametrize("stage", list(Stage))
def test_a_message_has_its_stage_and_its_block(stage: Stage) -> None:
    message = message_for(stage, BLOCK)

    assert stage_of(message) is stage
    assert target_of(message.vote) == BLOCK


def test_a_height_that_is_too_large_makes_no_message() -> None:
    with pytest.raises(Overflow):
        message_for(PREVOTE, Target(BLOCK.hash, 1 << 32))


def test_a_signature_holds_for_its_stage_round_and_set_only() -> None:
    vote = signed(PREVOTE, WORLD["E"], "Alice")
    other = replace(vote, message=message_for(PRECOMMIT, WORLD["E"]))

    assert is_signed(vote, ROUND, SET_ID)
    assert not is_signed(vote, ROUND + 1, SET_ID)
    assert not is_signed(vote, ROUND, SET_ID + 1)
    assert not is_signed(other, ROUND, SET_ID)


# --- aggregates -------------------------------------------------------------


def test_a_compact_commit_has_its_signatures_apart() -> None:
    full = commit(WORLD["E"], [precommit(WORLD["E"], name) for name in ("Alice", "Bob")])
    one, two = full.precommits
    target = WORLD["E"].hash + bytes([6, 0, 0, 0])

    assert encode(CompactCommit, full.compact()) == (
        target
        + b"\x08"
        + encode(Precommit, one.precommit)
        + encode(Precommit, two.precommit)
        + b"\x08"
        + one.signature
        + one.id
        + two.signature
        + two.id
    )
    assert full.compact().expand() == full


def test_a_compact_commit_with_a_signature_missing_is_none() -> None:
    compact = commit(WORLD["E"], [precommit(WORLD["E"], "Alice")]).compact()

    with pytest.raises(ValueError, match="1 precommits with 0 signatures"):
        replace(compact, auth_data=[]).expand()


def catch_up() -> CatchUp:
    votes = Round(ROUND, voters({"Alice": 1, "Bob": 1}), WORLD["C"], WORLD)
    for stage in (PREVOTE, PRECOMMIT):
        for name in ("Alice", "Bob"):
            votes.add(signed(stage, WORLD["E"], name))
    base = WORLD["C"]
    return CatchUp(u64(ROUND), votes.prevotes(), votes.precommits(), base.hash, u32(base.number))


def test_a_catch_up_gives_its_votes_and_their_base() -> None:
    made = catch_up()
    votes = made.votes()

    assert [stage_of(vote.message) for vote in votes] == [PREVOTE] * 2 + [PRECOMMIT] * 2
    assert all(is_signed(vote, ROUND, SET_ID) for vote in votes)
    assert made.base == WORLD["C"]
    head = bytes([1, *bytes(7), 8]) + encode(SignedPrevote, made.prevotes[0])
    assert encode(CatchUp, made).startswith(head)
    assert encode(CatchUp, made).endswith(WORLD["C"].hash + bytes([4, 0, 0, 0]))


def test_a_neighbour_packet_is_versioned() -> None:
    packet = Neighbor(NeighborV1(u64(1), u64(2), u32(3)))

    assert GOSSIP.encode(packet) == bytes([2, 1, 1, *bytes(7), 2, *bytes(7), 3, 0, 0, 0])


def test_every_kind_of_gossip_comes_back_as_it_went() -> None:
    round_number, set_id = u64(ROUND), u64(SET_ID)
    full = commit(WORLD["E"], [precommit(WORLD["E"], "Alice")])
    vote = VoteMessage(round_number, set_id, signed(PREVOTE, WORLD["E"], "Alice"))
    kinds: list[GossipMessage] = [
        Vote(vote),
        CommitGossip(CommitMessage(round_number, set_id, full.compact())),
        Neighbor(NeighborV1(round_number, set_id, u32(9))),
        CatchUpAsked(CatchUpRequest(round_number, set_id)),
        CatchUpGiven(CatchUpMessage(set_id, catch_up())),
        VotesAsked(VotesRequest(round_number, set_id, u32(9), b"\x01", b"\x03")),
        VotesGiven([vote]),
    ]

    for index, message in enumerate(kinds):
        raw = GOSSIP.encode(message)
        assert raw[0] == index
        assert GOSSIP.decode_all(raw) == message


# --- equivocation -----------------------------------------------------------


def equivocation(stage: Stage, first: str, second: str) -> EquivocationProof:
    votes = Round(ROUND, voters({"Eve": 1}), WORLD["C"], WORLD)
    votes.add(signed(stage, WORLD[first], "Eve"))
    found = votes.add(signed(stage, WORLD[second], "Eve")).equivocation
    assert found is not None
    return EquivocationProof(u64(SET_ID), found)


@pytest.mark.parametrize("stage", [PREVOTE, PRECOMMIT])
def test_a_proof_carries_both_votes(stage: Stage) -> None:
    proof = equivocation(stage, "E", "F")
    raw = encode(EquivocationProof, proof)

    check_equivocation(proof)
    assert (proof.offender, proof.round) == (who("Eve"), ROUND)
    assert raw[:17] == bytes([SET_ID, *bytes(7), stage, ROUND, *bytes(7)])
    assert raw[17:49] == who("Eve")
    assert raw[49:85] == WORLD["E"].hash + bytes([6, 0, 0, 0])
    assert raw[149:185] == WORLD["F"].hash + bytes([7, 0, 0, 0])
    assert len(raw) == 249
    assert codec(EquivocationProof).decode_all(raw) == proof


def test_every_change_to_a_proof_unproves_it() -> None:
    raw = encode(EquivocationProof, equivocation(PREVOTE, "E", "F"))
    for place in range(0, len(raw), 3):
        if place == 8:
            continue
        tampered = bytearray(raw)
        tampered[place] ^= 1
        with pytest.raises(NoEquivocation):
            check_equivocation(codec(EquivocationProof).decode_all(bytes(tampered)))


def test_a_prevote_passed_off_as_a_precommit_proves_nothing() -> None:
    raw = bytearray(encode(EquivocationProof, equivocation(PREVOTE, "E", "F")))
    raw[8] = 1

    proof = codec(EquivocationProof).decode_all(bytes(raw))

    assert isinstance(proof.equivocation, PrecommitEquivocation)
    with pytest.raises(NoEquivocation, match="not signed"):
        check_equivocation(proof)


def test_one_vote_twice_is_no_equivocation() -> None:
    proof = equivocation(PREVOTE, "E", "F")
    assert isinstance(proof.equivocation, PrevoteEquivocation)
    once = replace(proof.equivocation.votes, second=proof.equivocation.votes.first)

    with pytest.raises(NoEquivocation, match="same block"):
        check_equivocation(replace(proof, equivocation=PrevoteEquivocation(once)))


def test_the_signature_of_another_is_no_equivocation() -> None:
    proof = equivocation(PRECOMMIT, "E", "F")
    assert isinstance(proof.equivocation, PrecommitEquivocation)
    votes = proof.equivocation.votes
    alien = sign(message_for(PRECOMMIT, WORLD["F"]), "Mallory").signature
    forged = replace(votes, second=(votes.second[0], alien))

    with pytest.raises(NoEquivocation, match="not signed"):
        check_equivocation(replace(proof, equivocation=PrecommitEquivocation(forged)))


# --- changes of the voters --------------------------------------------------

CHANGE = ScheduledChange([(ALICE, u64(5))], u32(0))


def test_a_change_is_announced_under_the_engine_of_finality() -> None:
    item = consensus(ChangeScheduled(CHANGE))
    voters_bytes = b"\x04" + ALICE + bytes([5, *bytes(7)])

    assert item == Consensus(GRANDPA, b"\x01" + voters_bytes + bytes(4))
    assert announced([item]) == ChangeScheduled(CHANGE)
    forced = consensus(ChangeForced(u32(9), CHANGE))
    assert forced.payload == b"\x02\x09\x00\x00\x00" + voters_bytes + bytes(4)


def test_a_forced_change_outranks_a_scheduled_one() -> None:
    logs = [consensus(ChangeForced(u32(9), CHANGE)), consensus(ChangeScheduled(CHANGE))]

    assert announced(logs) == ChangeForced(u32(9), CHANGE)


def test_other_notes_announce_no_change() -> None:
    alien = Consensus(BABE, consensus(ChangeScheduled(CHANGE)).payload)

    assert announced([]) is None
    assert announced([alien, consensus(OnDisabled(u64(1))), consensus(Pause(u32(1)))]) is None


@pytest.mark.parametrize(
    ("payloads", "why"),
    [
        ([b""], "malformed"),
        ([b"\x09"], "malformed"),
        ([consensus(ChangeScheduled(CHANGE)).payload + b"\x00"], "malformed"),
        ([consensus(ChangeScheduled(CHANGE)).payload] * 2, "twice"),
        ([consensus(ChangeForced(u32(1), CHANGE)).payload] * 2, "twice"),
        ([consensus(ChangeScheduled(ScheduledChange([], u32(0)))).payload], "no voters"),
        (
            [consensus(ChangeScheduled(ScheduledChange([(ALICE, u64(0))], u32(0)))).payload],
            "no weight",
        ),
    ],
)
def test_an_unclear_announcement_is_refused(payloads: list[bytes], why: str) -> None:
    with pytest.raises(BadAnnouncement, match=why):
        announced([Consensus(GRANDPA, payload) for payload in payloads])


# --- voters -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "threshold"), [(1, 1), (2, 2), (3, 3), (4, 3), (6, 5), (7, 5), (14, 10), (100, 67)]
)
def test_g22_the_threshold_is_the_least_above_two_thirds(total: int, threshold: int) -> None:
    made = voters({"Alice": total})
    assert made.threshold == Power(threshold, 1)
    assert threshold * 3 > total * 2 or total < 4
    assert (threshold - 1) * 3 <= total * 2
    assert made.tolerated == Power(total - threshold, 0)

    equal = voters({f"voter {at}": 5 for at in range(total)})
    assert equal.threshold.heads == threshold
    assert equal.tolerated.heads == total - threshold
    assert equal.threshold.heads == total * 2 // 3 + 1  # as other verifiers count


def test_g22_weights_of_one_voter_are_added_and_none_is_dropped() -> None:
    made = VoterSet([(who("Alice"), 1), (who("Bob"), 0), (who("Alice"), 2)])

    assert dict(made.weights) == {who("Alice"): 3}
    assert who("Bob") not in made
    assert len(made) == 1


@pytest.mark.parametrize("pairs", [[], [(ALICE, 0)]])
def test_g22_an_empty_set_is_refused(pairs: list[tuple[AuthorityId, int]]) -> None:
    with pytest.raises(ValueError, match="no voter"):
        VoterSet(pairs)


def test_g22_weights_that_overflow_are_refused() -> None:
    assert VoterSet([(ALICE, u64.MAX)]).total == Power(u64.MAX, 1)
    with pytest.raises(Overflow):
        VoterSet([(ALICE, u64.MAX), (who("Alice"), 1)])


def test_the_heaviest_voters_come_first_and_equal_ones_in_the_order_of_their_keys() -> None:
    names = ("Alice", "Charlie", "Dave", "Eve")
    made = voters({"Alice": 1, "Bob": 9, "Charlie": 1, "Dave": 1, "Eve": 1})

    assert made.by_weight == [who("Bob"), *sorted(who(name) for name in names)]


def test_primaries_take_turns_in_the_order_of_their_keys() -> None:
    made = voters({"Alice": 1, "Bob": 9, "Eve": 1})
    order = sorted([who("Alice"), who("Bob"), who("Eve")])

    assert [made.primary(number) for number in range(4)] == [*order, order[0]]


def test_a_precommit_of_a_commit_is_the_message_that_was_signed() -> None:
    assert is_signed(precommit_message(precommit(WORLD["E"], "Alice")), ROUND, SET_ID)
