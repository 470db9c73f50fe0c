"""Messages between voters: votes, commits, positions, catch-ups, and requests for votes.

Votes and positions are coded without `GOSSIP`, in fewer steps and with the same bytes.

Source: `GossipMessage` of Substrate's `sc_consensus_grandpa`, which has no requests for votes.
"""

from __future__ import annotations

from struct import Struct
from typing import Annotated, Final, TypeAlias

from btt_chain.consensus.finality.peers import View
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    CatchUp,
    CompactCommit,
    Precommit,
    PrecommitMessage,
    Prevote,
    PrevoteMessage,
    SignedMessage,
    encode_signed,
)
from btt_chain.primitives.limits import VOTE_GOSSIP
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import Path, Variant, codec, u32, u64


@dataclass(frozen=True, slots=True)
class VoteMessage:
    """One vote."""

    round: u64
    set_id: u64
    message: SignedMessage


@dataclass(frozen=True, slots=True)
class CommitMessage:
    """The votes that make a block final."""

    round: u64
    set_id: u64
    message: CompactCommit


class NeighborV1(Variant, index=1):
    """A voter's position; the only version there is."""

    round: u64
    set_id: u64
    commit_finalized_height: u32


@dataclass(frozen=True, slots=True)
class CatchUpRequest:
    """A request for the votes that completed a round."""

    round: u64
    set_id: u64


MAX_VOTES: Final = 1_024
"""Maximum number of votes in one answer to a request for votes."""


@dataclass(frozen=True, slots=True)
class VotesRequest:
    """A stalled voter's position, and the votes that it has: a bit for each prevote, then for each
    precommit, in the order of the voters, the lowest bit first.
    """

    round: u64
    set_id: u64
    commit_finalized_height: u32
    before: bytes
    """Votes of the round before."""
    current: bytes
    """Votes of the round."""

    def fits(self, voters: int) -> bool:
        """Return True if its lists are as long as this number of voters needs."""
        return len(self.before) == len(self.current) == bits_length(voters)


def bits_length(voters: int) -> int:
    """Return the bytes of a list of votes: two bits for a voter."""
    return (2 * voters + 7) // 8


@dataclass(frozen=True, slots=True)
class CatchUpMessage:
    """The votes that completed a round."""

    set_id: u64
    message: CatchUp


class Vote(Variant, index=0, unnamed=True):
    """A gossiped vote."""

    body: VoteMessage


class CommitGossip(Variant, index=1, unnamed=True, name="Commit"):
    """A gossiped commit."""

    body: CommitMessage


class Neighbor(Variant, index=2, unnamed=True):
    """A neighbour packet: sent to one peer, not forwarded."""

    body: Annotated[
        NeighborV1, Path("sc_consensus_grandpa::communication::gossip::VersionedNeighborPacket")
    ]


class CatchUpAsked(Variant, index=3, unnamed=True, name="CatchUpRequest"):
    """A request to a peer."""

    body: CatchUpRequest


class CatchUpGiven(Variant, index=4, unnamed=True, name="CatchUp"):
    """A peer's answer."""

    body: CatchUpMessage


class VotesAsked(Variant, index=5, unnamed=True, name="VotesRequest"):
    """A request to a peer."""

    body: VotesRequest


class VotesGiven(Variant, index=6, unnamed=True, name="Votes"):
    """A peer's answer: the votes that the request lacks."""

    votes: list[VoteMessage]


GossipMessage: TypeAlias = (
    Vote | CommitGossip | Neighbor | CatchUpAsked | CatchUpGiven | VotesAsked | VotesGiven
)

GOSSIP: Final = codec(GossipMessage)

_VOTE: Final = Struct("<BQQB32sI64s32s")
"""A vote as it is gossiped: variant, round, set, stage, block, height, signature, voter."""


def decode_message(raw: bytes) -> GossipMessage:
    """Return the message that `raw` encodes; DecodeError if `raw` is not one, or is too large."""
    if len(raw) != _VOTE.size or raw[0] != Vote.INDEX:
        return VOTE_GOSSIP.decode(GOSSIP, raw)
    _, number, set_id, stage, hash, height, signature, who = _VOTE.unpack(raw)
    block = bytes.__new__(H256, hash), int.__new__(u32, height)
    message: PrevoteMessage | PrecommitMessage
    if stage == PrevoteMessage.INDEX:
        message = PrevoteMessage(Prevote(*block))
    elif stage == PrecommitMessage.INDEX:
        message = PrecommitMessage(Precommit(*block))
    else:
        return VOTE_GOSSIP.decode(GOSSIP, raw)
    signed = SignedMessage(
        message, bytes.__new__(AuthoritySignature, signature), bytes.__new__(AuthorityId, who)
    )
    return Vote(VoteMessage(int.__new__(u64, number), int.__new__(u64, set_id), signed))


def encode_vote(number: int, set_id: int, signed: SignedMessage) -> bytes:
    """Return a vote as it is gossiped; OverflowError if a number does not fit."""
    place = number.to_bytes(8, "little") + set_id.to_bytes(8, "little")
    return b"\0" + place + encode_signed(signed)


def encode_position(view: View) -> bytes:
    """Return a neighbour packet with a position; OverflowError if a number does not fit."""
    place = view.round.to_bytes(8, "little") + view.set_id.to_bytes(8, "little")
    return b"\2\1" + place + view.final.to_bytes(4, "little")
