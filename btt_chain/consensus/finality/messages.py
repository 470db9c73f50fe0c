"""Messages between voters: votes, commits, positions, and catch-ups.

Source: `GossipMessage` of Substrate's `sc_consensus_grandpa`.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import CatchUp, CompactCommit, SignedMessage
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


GossipMessage: TypeAlias = Vote | CommitGossip | Neighbor | CatchUpAsked | CatchUpGiven

GOSSIP: Final = codec(GossipMessage)
