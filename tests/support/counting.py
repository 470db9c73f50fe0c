"""A verifier of finality as other chains have it: it counts signatures, whatever they weigh."""

from __future__ import annotations

from collections.abc import Collection

from btt_chain.primitives.grandpa import (
    Justification,
    is_signed,
    precommit_message,
    route,
    target_of,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId


def counts(proof: Justification, set_id: int, voters: Collection[AuthorityId]) -> bool:
    """Return True if n * 2 / 3 + 1 of n voters signed, none twice, all on the target's branch."""
    precommits, target = proof.commit.precommits, proof.target
    ids = {one.id for one in precommits}
    headers: dict[bytes, Header] = {header.hash(): header for header in proof.votes_ancestries}
    return (
        len(ids) >= len(voters) * 2 // 3 + 1
        and len(ids) == len(precommits)
        and ids <= set(voters)
        and all(
            route(headers, target, target_of(one.precommit)) is not None
            and is_signed(precommit_message(one), proof.round, set_id)
            for one in precommits
        )
    )
