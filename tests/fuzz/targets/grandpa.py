"""GRANDPA: messages of voters, and reports of equivocation."""

from __future__ import annotations

from contextlib import suppress

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
    decode_message,
)
from btt_chain.primitives.babe_equivocation import EquivocationProof as BlockEquivocation
from btt_chain.primitives.babe_equivocation import NoEquivocation as NoBlockEquivocation
from btt_chain.primitives.babe_equivocation import check as check_blocks
from btt_chain.primitives.grandpa import CatchUp, PrecommitMessage, SignedMessage, is_signed
from btt_chain.primitives.grandpa_equivocation import EquivocationProof
from btt_chain.scale import codec, u32, u64
from fuzz.target import Target, choose, round_trip
from fuzz.targets.justifications import valid

VOTES = codec(EquivocationProof)
BLOCKS = codec(BlockEquivocation)


def message(raw: bytes) -> None:
    """Read a message; a vote's signature is checked, a commit expanded."""
    read = round_trip(raw, decode_message, GOSSIP.encode)
    if isinstance(read, Vote):
        is_signed(read.body.message, int(read.body.round), int(read.body.set_id))
    if isinstance(read, CommitGossip):
        with suppress(ValueError):
            read.body.message.expand()
    if isinstance(read, CatchUpGiven):
        assert read.body.message.votes() is not None


def equivocation(raw: bytes) -> None:
    """Read reports of two votes and of two blocks."""
    round_trip(raw, VOTES.decode_all, VOTES.encode)
    read = round_trip(raw, BLOCKS.decode_all, BLOCKS.encode)
    if read is not None:
        with suppress(NoBlockEquivocation):
            check_blocks(read)


def seeds() -> list[bytes]:
    """Return a message of each kind."""
    commit = valid().commit
    first = commit.precommits[0]
    vote = SignedMessage(PrecommitMessage(first.precommit), first.signature, first.id)
    caught = CatchUp(u64(5), [], commit.precommits, commit.target_hash, commit.target_number)
    messages: list[GossipMessage] = [
        Vote(VoteMessage(u64(5), u64(3), vote)),
        VotesAsked(VotesRequest(u64(5), u64(3), u32(7), b"\x01", b"\x03")),
        VotesGiven([VoteMessage(u64(5), u64(3), vote)]),
        CommitGossip(CommitMessage(u64(5), u64(3), commit.compact())),
        Neighbor(NeighborV1(u64(5), u64(3), u32(7))),
        CatchUpAsked(CatchUpRequest(u64(5), u64(3))),
        CatchUpGiven(CatchUpMessage(u64(3), caught)),
    ]
    return [*(b"\0" + GOSSIP.encode(one) for one in messages), b"\1" + bytes(300)]


TARGET = Target(
    run=lambda raw: choose(raw, message, equivocation),
    seeds=seeds,
    instrument=("btt_chain.scale", "btt_chain.primitives", "btt_chain.consensus.finality"),
)
