"""Proofs that a voter voted twice in one step of a round, checked by themselves.

Source: Substrate's `sp_consensus_grandpa` and `finality_grandpa`.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import (
    HASH_AND_NUMBER,
    AnyMessage,
    AuthoritySignature,
    Precommit,
    PrecommitMessage,
    Prevote,
    PrevoteMessage,
    SignedMessage,
    is_signed,
)
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import Path, TypeName, Variant, path, u64


@path(
    "finality_grandpa::Equivocation",
    params={"Id": AuthorityId, "V": Prevote, "S": AuthoritySignature},
)
@dataclass(frozen=True, slots=True)
class DoublePrevote:
    """Two prevotes of one voter in one round."""

    round_number: u64
    identity: Annotated[AuthorityId, TypeName("Id")]
    first: Annotated[tuple[Prevote, AuthoritySignature], TypeName("(V, S)")]
    second: Annotated[tuple[Prevote, AuthoritySignature], TypeName("(V, S)")]


@path(
    "finality_grandpa::Equivocation",
    params={"Id": AuthorityId, "V": Precommit, "S": AuthoritySignature},
)
@dataclass(frozen=True, slots=True)
class DoublePrecommit:
    """Two precommits of one voter in one round."""

    round_number: u64
    identity: Annotated[AuthorityId, TypeName("Id")]
    first: Annotated[tuple[Precommit, AuthoritySignature], TypeName("(V, S)")]
    second: Annotated[tuple[Precommit, AuthoritySignature], TypeName("(V, S)")]


class PrevoteEquivocation(Variant, index=0, unnamed=True, name="Prevote"):
    """The voter prevoted twice."""

    votes: Annotated[
        DoublePrevote,
        TypeName("grandpa::Equivocation<AuthorityId, grandpa::Prevote<H, N>, AuthoritySignature>"),
    ]


class PrecommitEquivocation(Variant, index=1, unnamed=True, name="Precommit"):
    """The voter precommitted twice."""

    votes: Annotated[
        DoublePrecommit,
        TypeName(
            "grandpa::Equivocation<AuthorityId, grandpa::Precommit<H, N>, AuthoritySignature>"
        ),
    ]


Equivocation: TypeAlias = Annotated[
    PrevoteEquivocation | PrecommitEquivocation,
    Path("sp_consensus_grandpa::Equivocation", params=HASH_AND_NUMBER),
]
AnyEquivocation: TypeAlias = PrevoteEquivocation | PrecommitEquivocation


@path("sp_consensus_grandpa::EquivocationProof", params=HASH_AND_NUMBER)
@dataclass(frozen=True, slots=True)
class EquivocationProof:
    """Two votes of one voter in one round of one set; the proof contains both."""

    set_id: Annotated[u64, TypeName("SetId")]
    equivocation: Annotated[Equivocation, TypeName("Equivocation<H, N>")]

    @property
    def offender(self) -> AuthorityId:
        """The voter that equivocated."""
        return self.equivocation.votes.identity

    @property
    def round(self) -> int:
        """The round of the equivocation."""
        return int(self.equivocation.votes.round_number)


class NoEquivocation(ValueError):
    """The proof is invalid; the message says why."""


def check_equivocation(proof: EquivocationProof) -> None:
    """Check a proof by itself; raise NoEquivocation if it is invalid.

    Two signatures over one vote are no equivocation: only different votes can split a chain. The
    session shows whether the offender was a voter then, and whose key it is.
    """
    messages: list[tuple[AnyMessage, AuthoritySignature]]
    match proof.equivocation:
        case PrevoteEquivocation(prevotes):
            pairs = (prevotes.first, prevotes.second)
            messages = [(PrevoteMessage(vote), signature) for vote, signature in pairs]
        case PrecommitEquivocation(precommits):
            both = (precommits.first, precommits.second)
            messages = [(PrecommitMessage(vote), signature) for vote, signature in both]
    if messages[0][0] == messages[1][0]:
        raise NoEquivocation("both votes are for the same block")
    for message, signature in messages:
        if not is_signed(
            SignedMessage(message, signature, proof.offender), proof.round, proof.set_id
        ):
            raise NoEquivocation("a vote is not signed by the offender")
