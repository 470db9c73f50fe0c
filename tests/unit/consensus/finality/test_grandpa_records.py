"""Records of finality on the disk: damaged ones are refused by name, absent ones are None."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.authorities import Authorities, AuthoritySet, PendingChange
from btt_chain.consensus.finality.messages import (
    GOSSIP,
    GossipMessage,
    Vote,
    VoteMessage,
    decode_message,
    encode_position,
    encode_vote,
)
from btt_chain.consensus.finality.peers import View
from btt_chain.consensus.finality.records import BlockName, StoredRound, round_change
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    Justification,
    Message,
    ScheduledChange,
    SignedMessage,
    Stage,
    Target,
    encode_signed,
    message_for,
    signing_payload,
)
from btt_chain.primitives.limits import MAX_PRECOMMITS
from btt_chain.scale import DecodeError, EncodeError, Overflow, codec, encode, u32, u64
from unit.consensus.finality.finality_world import commit, precommit, signed, who
from unit.consensus.finality.gadget_case import neighbour
from unit.consensus.finality.gadget_world import genesis_header

READERS: dict[str, tuple[bytes, Callable[[records.Read], object], object, str]] = {
    "first": (records.FIRST_KEY, records.read_first, (0, 0), "the first set"),
    "voters": (records.VOTERS_KEY, records.read_voters, None, "the voters"),
    "round": (records.ROUND_KEY, records.read_round, None, "the last round"),
    "proof": (records.PROOF_KEY, records.read_proof, None, "the last proof"),
    "end": (
        records.end_key(7),
        lambda read: records.read_end(read, 7),
        None,
        "the end of set 7",
    ),
}
SCHEMA = {records.SCHEMA_KEY: encode(u32, u32(records.SCHEMA))}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("raw", [b"", b"\x01", b"\xff" * 200])
def test_a_damaged_record_is_refused_by_its_name(name: str, raw: bytes) -> None:
    key, read, _, words = READERS[name]
    with pytest.raises(records.BadRecord, match=f"{words} cannot be read"):
        read((SCHEMA | {key: raw}).get)


@pytest.mark.parametrize("name", READERS)
def test_an_absent_record_is_no_error(name: str) -> None:
    _, read, absent, _ = READERS[name]
    nothing: dict[bytes, bytes] = {}
    assert read(nothing.get) == absent


@pytest.mark.parametrize("schema", [None, encode(u32, u32(records.SCHEMA + 1))])
def test_voters_of_another_version_are_refused(schema: bytes | None) -> None:
    stored = {records.VOTERS_KEY: b""} | ({} if schema is None else {records.SCHEMA_KEY: schema})
    with pytest.raises(records.BadRecord, match="of another version"):
        records.read_voters(stored.get)


@pytest.mark.parametrize("stage", list(Stage))
def test_votes_are_encoded_as_their_codecs_do(stage: Stage) -> None:
    votes = [signed(stage, Target(H256(bytes([7]) * 32), 2**32 - at), "Alice", 3) for at in (1, 9)]
    for vote in votes:
        assert encode_signed(vote) == codec(SignedMessage).encode(vote)
        gossip = GOSSIP.encode(Vote(VoteMessage(u64(2**64 - 1), u64(5), vote)))
        assert encode_vote(2**64 - 1, 5, vote) == gossip
    for count in (0, 1, 2):
        base = Target(H256(bytes(32)), 8)
        stored = StoredRound(u64(5), u64(3), BlockName.of(base), votes[:count])
        saved = round_change(5, 3, base, votes[:count])
        assert list(saved.values()) == [codec(StoredRound).encode(stored)]


@pytest.mark.parametrize("stage", list(Stage))
def test_votes_are_decoded_as_their_codec_does(stage: Stage) -> None:
    vote = signed(stage, Target(H256(bytes(range(32))), 2**32 - 1), "Alice", 3)
    raw = encode_vote(2**64 - 2, 2**63 + 5, vote)
    made, slow = decode_message(raw), GOSSIP.decode_all(raw)
    assert made == slow == Vote(VoteMessage(u64(2**64 - 2), u64(2**63 + 5), vote))
    assert types_of(made) == types_of(slow)


def types_of(message: GossipMessage) -> list[type]:
    assert isinstance(message, Vote)
    body, signed = message.body, message.body.message
    vote = signed.message.vote
    values = (body.round, body.set_id, signed.message, signed.signature, signed.id)
    return [type(value) for value in (*values, vote, vote.target_hash, vote.target_number)]


@given(st.binary(max_size=160), st.integers(0, 255), st.integers(0, 5), st.integers(-2, 2))
def test_bytes_that_are_no_vote_are_refused_as_the_codec_does(
    noise: bytes, first: int, stage: int, longer: int
) -> None:
    vote = bytes([first if first > 5 else 0, *bytes(16), stage, *bytes(32 + 4 + 64 + 32 + longer)])
    for raw in (noise, vote, vote[:-1] + noise, vote[: len(noise)]):
        try:
            slow: object = GOSSIP.decode_all(raw)
        except DecodeError as error:
            slow = str(error)
        try:
            made: object = decode_message(raw)
        except DecodeError as error:
            made = str(error)
        assert made == slow


@pytest.mark.parametrize(("votes", "headers"), [(0, 0), (1, 0), (64, 0), (2, 3)])
def test_justifications_are_encoded_as_their_codec_does(votes: int, headers: int) -> None:
    block = Target(H256(bytes(range(32))), 2**32 - 1)
    names = [f"voter {index}" for index in range(votes)]
    made = commit(block, [precommit(block, name, 7) for name in names])
    ancestries = [genesis_header() for _ in range(headers)]
    proof = Justification(u64(2**64 - 1), made, ancestries)
    assert proof.encode() == codec(Justification).encode(proof)
    assert Justification.decode(proof.encode()) == proof


def test_a_justification_of_too_many_votes_is_not_encoded() -> None:
    block = Target(H256(bytes(32)), 5)
    made = commit(block, [precommit(block, "Alice", 7)] * (MAX_PRECOMMITS + 1))
    with pytest.raises(EncodeError):
        Justification(u64(1), made, []).encode()


@pytest.mark.parametrize("stage", list(Stage))
def test_what_a_voter_signs_is_the_message_with_its_place(stage: Stage) -> None:
    message = message_for(stage, Target(H256(bytes(range(32))), 2**32 - 1))
    place = (2**64 - 1).to_bytes(8, "little") + (5).to_bytes(8, "little")
    assert signing_payload(message, 2**64 - 1, 5) == codec(Message).encode(message) + place
    for number, set_id in ((2**64, 0), (0, 2**64), (-1, 0)):
        with pytest.raises(Overflow):
            signing_payload(message, number, set_id)


@pytest.mark.parametrize("view", [View(0, 1, 0), View(2**64 - 1, 5, 2**32 - 1)])
def test_positions_are_encoded_as_their_codec_does(view: View) -> None:
    assert encode_position(view) == neighbour(view.round, view.set_id, view.final)


@pytest.mark.parametrize("changes", [0, 1, 2])
def test_the_voters_are_encoded_as_their_codec_does(changes: int) -> None:
    change, block = ScheduledChange([(who("Bob"), u64(2))], u32(4)), Target(H256(bytes(32)), 2**31)
    announced = [Target(H256(bytes([at]) * 32), 9 + at) for at in range(changes)]
    pending = tuple(PendingChange(at, change) for at in announced)
    current = AuthoritySet(2**40, ((who("Alice"), 1),))
    stored = records.StoredVoters(
        BlockName.of(block),
        u64(2**40),
        [(who("Alice"), u64(1))],
        [records.StoredChange(BlockName.of(at), change) for at in announced],
    )
    saved = records.voters_change(Authorities(current, pending), block)
    assert saved[records.VOTERS_KEY] == codec(records.StoredVoters).encode(stored)
    assert records.read_voters(saved.get) == (Authorities(current, pending), block)
