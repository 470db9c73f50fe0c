"""Conviction voting: votes with money that stays locked for a period."""

from runtime.pallets.conviction_voting.pallet import LOCK_ID, ConvictionVoting, votes_within
from runtime.pallets.conviction_voting.types import (
    AccountVote,
    Casting,
    Conviction,
    Delegating,
    Delegations,
    PriorLock,
    Split,
    SplitAbstain,
    Standard,
    Vote,
    VoteCasting,
    VoteDelegating,
    Voting,
    vote_of,
)

__all__ = [
    "LOCK_ID",
    "AccountVote",
    "Casting",
    "Conviction",
    "ConvictionVoting",
    "Delegating",
    "Delegations",
    "PriorLock",
    "Split",
    "SplitAbstain",
    "Standard",
    "Vote",
    "VoteCasting",
    "VoteDelegating",
    "Voting",
    "vote_of",
    "votes_within",
]
