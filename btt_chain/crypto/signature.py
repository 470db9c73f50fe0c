"""The three signature schemes: their indices, and verification by account."""

from __future__ import annotations

from enum import Enum
from typing import assert_never

from btt_chain.crypto import ecdsa, ed25519, sr25519


class Scheme(Enum):
    """A signature scheme; the value is its index in MultiSignature."""

    ED25519 = 0
    SR25519 = 1
    ECDSA = 2

    def __str__(self) -> str:
        return self.name.lower()


def verify(scheme: Scheme, who: bytes, message: bytes, signature: bytes) -> bool:
    """Return True if `who` signed `message`, by the rule of Substrate's MultiSignature.

    `who` is an account id. For ed25519 and sr25519 that is the public key; for ECDSA it is the
    hash of the key, which is recovered from the signature. A 33-byte ECDSA public key is
    accepted in its place, with v in 0..3 only. Malformed input is False.
    """
    match scheme:
        case Scheme.SR25519:
            return sr25519.verify(who, message, signature)
        case Scheme.ED25519:
            return ed25519.verify(who, message, signature)
        case Scheme.ECDSA:
            if len(who) == ecdsa.PUBLIC_LENGTH:
                return ecdsa.verify(who, message, signature)
            signer = ecdsa.recover(message, signature)
            return signer is not None and ecdsa.account_of(signer) == who
        case _:
            assert_never(scheme)
