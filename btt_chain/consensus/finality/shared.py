"""The state that the parts of a gadget have in common, and the votes that it keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

from btt_chain.consensus.finality.authority_sets import AuthoritySets
from btt_chain.consensus.finality.environment import Blocks
from btt_chain.consensus.finality.messages import bits_length
from btt_chain.consensus.finality.outbox import Outbox
from btt_chain.consensus.finality.peers import Peers
from btt_chain.consensus.finality.timers import Clock
from btt_chain.primitives.grandpa import SignedMessage, Stage, stage_of
from btt_chain.primitives.voters import AuthorityId


class KeptVotes:
    """Verified votes, by round, voter and stage."""

    def __init__(self) -> None:
        self._rounds: dict[int, dict[tuple[AuthorityId, Stage], list[SignedMessage]]] = {}

    def __len__(self) -> int:
        """Return the number of rounds with votes."""
        return len(self._rounds)

    def of(self, number: int, who: AuthorityId, stage: Stage) -> list[SignedMessage]:
        """Return the votes of one voter in one stage of a round, to be appended to."""
        votes = self._rounds.get(number)
        if votes is None:
            votes = self._rounds[number] = {}
        return votes.setdefault((who, stage), [])

    def keep(self, number: int, signed: SignedMessage) -> None:
        """Keep a vote, unless it is known or two of its voter are: they prove an equivocation."""
        votes = self.of(number, signed.id, stage_of(signed.message))
        if signed not in votes and len(votes) < 2:
            votes.append(signed)

    def in_round(self, number: int) -> list[SignedMessage]:
        """Return all votes of a round."""
        votes = self._rounds.get(number)
        return [] if votes is None else [signed for kept in votes.values() for signed in kept]

    def bits_of(self, number: int, voters: Sequence[AuthorityId]) -> bytes:
        """Return which votes of a round are here (`messages.VotesRequest`)."""
        votes = self._rounds.get(number, {})
        bits = sum(1 << at for at, key in enumerate(_cast(voters)) if votes.get(key))
        return bits.to_bytes(bits_length(len(voters)), "little")

    def besides(
        self, number: int, voters: Sequence[AuthorityId], bits: bytes
    ) -> list[SignedMessage]:
        """Return the votes of a round that `bits` lacks. Of two votes it may lack either."""
        votes = self._rounds.get(number, {})
        present = int.from_bytes(bits, "little")
        return [
            signed
            for at, key in enumerate(_cast(voters))
            if (kept := votes.get(key)) and (len(kept) > 1 or not present >> at & 1)
            for signed in kept
        ]

    def drop_below(self, number: int) -> None:
        """Drop the votes of the rounds before one."""
        for old in [one for one in self._rounds if one < number]:
            del self._rounds[old]

    def clear(self) -> None:
        """Drop all votes."""
        self._rounds.clear()


def _cast(voters: Sequence[AuthorityId]) -> Iterable[tuple[AuthorityId, Stage]]:
    """Return the voter and the stage of each vote of a round."""
    return ((who, stage) for stage, who in product((Stage.PREVOTE, Stage.PRECOMMIT), voters))


class Shared(NamedTuple):
    """One object of each kind for all parts of a gadget."""

    blocks: Blocks
    sets: AuthoritySets
    peers: Peers
    votes: KeptVotes
    clock: Clock
    outbox: Outbox
