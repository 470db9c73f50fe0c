"""Headers of every kind of claim, sealed."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from btt_chain.consensus.babe.claim import seal
from btt_chain.crypto.vrf import SchnorrkelVrf
from btt_chain.primitives.babe import (
    Claim,
    Primary,
    PrimaryClaim,
    SecondaryPlain,
    SecondaryPlainClaim,
    SecondaryVrf,
    SecondaryVrfClaim,
    Slot,
    VrfSignature,
    pre_runtime,
)
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.header import Header
from btt_chain.primitives.lottery import slot_input
from btt_chain.scale import u32
from support.chain import ALICE

SLOT: Final = 300_000_000


@lru_cache(maxsize=1)
def sealed() -> list[Header]:
    """Return a header of each kind of claim, by Alice."""
    output, proof = SchnorrkelVrf().sign(ALICE, slot_input(bytes(32), SLOT, 0))
    signature = VrfSignature(output.pre_output, proof)
    claims: list[Claim] = [
        Primary(PrimaryClaim(u32(0), Slot(SLOT), signature)),
        SecondaryPlain(SecondaryPlainClaim(u32(0), Slot(SLOT))),
        SecondaryVrf(SecondaryVrfClaim(u32(0), Slot(SLOT), signature)),
    ]
    return [
        seal(
            Header(
                H256(bytes(32)),
                u32(7),
                H256(bytes([1]) * 32),
                H256(bytes([2]) * 32),
                Digest([pre_runtime(claim)]),
            ),
            ALICE,
        )
        for claim in claims
    ]
