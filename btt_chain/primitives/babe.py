"""BABE's claim in a header: the slot, its author, and the kind of claim.

Every block carries exactly one pre-runtime digest of engine `BABE`; it names the slot and the
author. Blocks sealed by hand carry the plain secondary claim of authority 0.
Source: Substrate's `sp_consensus_babe::digests`, as found in real headers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Final, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import BABE, DigestItem, PreRuntime
from btt_chain.scale import DecodeError, Fixed, Path, TypeName, Variant, codec, path, u32, u64


class Slot(u64, path="sp_consensus_slots::Slot"):
    """A slot: unix time in milliseconds divided by the length of a slot."""

    __slots__ = ()


class NoPreDigest(ValueError):
    """The digest does not hold exactly one well-formed BABE claim; the message says why."""


@path("sp_core::sr25519::vrf::VrfSignature")
@dataclass(frozen=True, slots=True)
class VrfSignature:
    """A VRF result: its output, and the proof that it is of the author's key."""

    pre_output: Annotated[bytes, Fixed(32), TypeName("VrfPreOutput")]
    proof: Annotated[bytes, Fixed(64), TypeName("VrfProof")]


@path("sp_consensus_babe::digests::PrimaryPreDigest")
@dataclass(frozen=True, slots=True)
class PrimaryClaim:
    """A claim by a VRF output below the author's threshold."""

    authority_index: Annotated[u32, TypeName("super::AuthorityIndex")]
    slot: Slot
    vrf_signature: VrfSignature


@path("sp_consensus_babe::digests::SecondaryPlainPreDigest")
@dataclass(frozen=True, slots=True)
class SecondaryPlainClaim:
    """A claim of the author to whom the slot is assigned; no VRF output."""

    authority_index: Annotated[u32, TypeName("super::AuthorityIndex")]
    slot: Slot


@path("sp_consensus_babe::digests::SecondaryVRFPreDigest")
@dataclass(frozen=True, slots=True)
class SecondaryVrfClaim:
    """A claim of the author to whom the slot is assigned, with a VRF output for the randomness."""

    authority_index: Annotated[u32, TypeName("super::AuthorityIndex")]
    slot: Slot
    vrf_signature: VrfSignature


class Primary(Variant, index=1, unnamed=True):
    """The slot was won in the lottery."""

    claim: Annotated[PrimaryClaim, TypeName("PrimaryPreDigest")]


class SecondaryPlain(Variant, index=2, unnamed=True):
    """The slot was assigned."""

    claim: Annotated[SecondaryPlainClaim, TypeName("SecondaryPlainPreDigest")]


class SecondaryVrf(Variant, index=3, unnamed=True, name="SecondaryVRF"):
    """The slot was assigned, and the claim contains a VRF output."""

    claim: Annotated[SecondaryVrfClaim, TypeName("SecondaryVRFPreDigest")]


PreDigest: TypeAlias = Annotated[
    Primary | SecondaryPlain | SecondaryVrf, Path("sp_consensus_babe::digests::PreDigest")
]
Claim: TypeAlias = Primary | SecondaryPlain | SecondaryVrf

PRE_DIGEST: Final = codec(PreDigest)


def pre_digest(logs: Sequence[DigestItem]) -> Claim:
    """Return the one BABE claim among the items of a digest; NoPreDigest otherwise."""
    payload, count = b"", 0
    for item in logs:
        if type(item) is PreRuntime and item.engine == BABE:
            payload, count = item.payload, count + 1
    if count != 1:
        raise NoPreDigest(f"{count} BABE pre-runtime digests, where there must be one")
    try:
        return _decoded(payload)
    except DecodeError as error:
        raise NoPreDigest(f"the BABE pre-runtime digest is malformed: {error}") from error


@lru_cache(maxsize=64)  # a node reads the claim of a header five times
def _decoded(payload: bytes) -> Claim:
    return PRE_DIGEST.decode_all(payload)


def pre_runtime(claim: Claim) -> PreRuntime:
    """Return the digest item of `claim`."""
    return PreRuntime(BABE, PRE_DIGEST.encode(claim))
