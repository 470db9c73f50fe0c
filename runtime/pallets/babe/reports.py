"""Reports of authors that made two blocks in one slot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, TypeAlias

from btt_chain.primitives import babe_equivocation
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.scale import TypeName
from runtime.frame import DispatchInfo
from runtime.pallets.evidence import MembershipProof
from runtime.params import MAX_VALIDATORS

TAG: Final = b"BabeEquivocation"

Proof: TypeAlias = Annotated[EquivocationProof, TypeName("Box<EquivocationProof<HeaderFor<T>>>")]


def by_headers(
    own: Callable[[int, int], int],
) -> Callable[[object, EquivocationProof, MembershipProof], DispatchInfo]:
    """Return the weight function of a report. It assumes that every validator of the session
    equivocated in the slot, and counts the encoding and hashing of the reported headers.
    """

    def weigh(_: object, proof: EquivocationProof, membership: MembershipProof) -> DispatchInfo:
        validators = min(int(membership.validator_count), MAX_VALIDATORS)
        return DispatchInfo(own(validators, count_logs(proof)))

    return weigh


def count_logs(proof: EquivocationProof) -> int:
    """Return the number of digest items of both headers of a report."""
    return len(proof.first_header.digest.logs) + len(proof.second_header.digest.logs)


def is_proven(proof: EquivocationProof) -> bool:
    """Return True if the headers prove an equivocation."""
    try:
        babe_equivocation.check(proof)
    except babe_equivocation.NoEquivocation:
        return False
    return True


def time_slot(proof: EquivocationProof) -> int:
    """Return the slot of an offence."""
    return int(proof.slot)
