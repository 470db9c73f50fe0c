"""Keys of verdicts: a hash of all bytes that a check depends on, so that it fits no other check."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from btt_chain.crypto.signature import Scheme
from btt_chain.crypto.vrf import VrfInput
from btt_chain.primitives.account import (
    EcdsaSignature,
    Ed25519Signature,
    MultiSignature,
    Sr25519Signature,
)

KEY_LENGTH: Final = 32
POINT_LENGTH: Final = 32
"""Length of the encoded input point of a VRF."""

_SCHEMES: Final[dict[type[MultiSignature], Scheme]] = {
    Ed25519Signature: Scheme.ED25519,
    Sr25519Signature: Scheme.SR25519,
    EcdsaSignature: Scheme.ECDSA,
}


def scheme_of(signature: MultiSignature) -> Scheme:
    """Return the scheme of a signature."""
    return _SCHEMES[type(signature)]


def signature_key(scheme: Scheme, who: bytes, message: bytes, signature: bytes) -> bytes:
    """Return the key of the verdict that `who` signed `message`."""
    # Lengths first: no two different checks have the same bytes.
    head = bytes((scheme.value, len(who), len(signature)))
    return blake2b(
        b"".join((head, who, signature, message)), digest_size=KEY_LENGTH, person=b"signature"
    ).digest()


def proof_key(public: bytes, message: VrfInput, pre_output: bytes, proof: bytes) -> bytes:
    """Return the key of the verdict that a VRF's proof is valid."""
    parts = [public, pre_output, proof, message.domain]
    parts += [part for pair in message.messages for part in pair]
    framed = b"".join(len(part).to_bytes(4, "little") + part for part in parts)
    return blake2b(framed, digest_size=KEY_LENGTH, person=b"vrf proof").digest()
