"""Equivocation: one author, one slot, two headers. The proof contains both headers.

As in Substrate, two seals over the same block count: their hashes differ, and the chain
can split over them. An author therefore stores its seal, and never makes a second one.
Source: Substrate's `sp_consensus_slots::EquivocationProof`.
"""

from __future__ import annotations

from typing import Annotated

from btt_chain.crypto import sr25519
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.babe import NoPreDigest, Slot, pre_digest
from btt_chain.primitives.babe_digests import AuthorityId
from btt_chain.primitives.digest import BABE
from btt_chain.primitives.header import Header
from btt_chain.scale import TypeName, path


class NoEquivocation(ValueError):
    """The proof is invalid; the message says why."""


@path("sp_consensus_slots::EquivocationProof", params={"Header": Header, "Id": AuthorityId})
@dataclass(frozen=True, slots=True)
class EquivocationProof:
    """Two sealed headers of one author for one slot."""

    offender: Annotated[AuthorityId, TypeName("Id")]
    slot: Slot
    first_header: Header
    second_header: Header


def check(proof: EquivocationProof) -> None:
    """Check a proof by itself; raise NoEquivocation if it is invalid.

    The session shows whether the offender was an authority then, and whose key it is.
    """
    headers = (proof.first_header, proof.second_header)
    if headers[0].hash() == headers[1].hash():
        raise NoEquivocation("both headers are the same")
    try:
        claims = [pre_digest(header.digest.logs).claim for header in headers]
    except NoPreDigest as error:
        raise NoEquivocation(str(error)) from error
    if any(claim.slot != proof.slot for claim in claims):
        raise NoEquivocation(f"the headers are not both of slot {proof.slot}")
    if claims[0].authority_index != claims[1].authority_index:
        raise NoEquivocation("the headers claim to be of two authorities")
    for header in headers:
        unsealed, seal = header.unsealed()
        if seal is None or seal.engine != BABE:
            raise NoEquivocation("a header carries no seal of BABE")
        if not sr25519.verify(proof.offender, unsealed.hash(), seal.payload):
            raise NoEquivocation("a header is not sealed by the offender")
