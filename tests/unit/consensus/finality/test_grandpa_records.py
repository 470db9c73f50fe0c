"""Records of finality on the disk: damaged ones are refused by name, absent ones are None."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.authorities import Authorities, AuthoritySet, PendingChange
from btt_chain.consensus.finality.messages import GOSSIP, Vote, VoteMessage
from btt_chain.consensus.finality.neighbors import encode_position, encode_vote
from btt_chain.consensus.finality.peers import View
from btt_chain.consensus.finality.records import BlockName, StoredRound, round_change
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    ScheduledChange,
    SignedMessage,
    Stage,
    Target,
    encode_signed,
)
from btt_chain.scale import codec, encode, u32, u64
from unit.consensus.finality.finality_world import signed, who
from unit.consensus.finality.gadget_case import neighbour

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
        stored = StoredRound(
            u64(5), u64(3), BlockName.of(Target(H256(bytes(32)), 8)), votes[:count]
        )
        assert list(round_change(stored).values()) == [codec(StoredRound).encode(stored)]


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
