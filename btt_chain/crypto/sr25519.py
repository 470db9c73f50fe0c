"""sr25519: Schnorr signatures over Ristretto, with the signing context "substrate".

A secret is 64 bytes: the scalar in little-endian order (not multiplied by the cofactor), then the
nonce seed. Its public key is scalar times base point, as 32 bytes.
"""

from __future__ import annotations

import sr25519

SECRET_LENGTH = 64


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return True if `signature` (64 bytes) over `message` is by `public`, False if malformed."""
    try:
        return bool(sr25519.verify(signature, message, public))
    except ValueError:  # wrong lengths, no Ristretto point, or no Schnorrkel mark: all invalid
        return False


def pair_from_seed(seed: bytes) -> tuple[bytes, bytes]:
    """Return the public key and 64-byte secret of a 32-byte mini-secret, expanded as in Ed25519."""
    public, secret = sr25519.pair_from_seed(seed)
    return public, secret


def public_from_secret(secret: bytes) -> bytes:
    """Return the public key of a 64-byte secret; ValueError for other bytes."""
    public: bytes = sr25519.public_from_secret_key(secret)
    return public


def sign(public: bytes, secret: bytes, message: bytes) -> bytes:
    """Return a signature of 64 bytes, another one each time: the nonce is partly random."""
    signature: bytes = sr25519.sign((public, secret), message)
    return signature


def derive_hard(public: bytes, secret: bytes, chain_code: bytes) -> tuple[bytes, bytes]:
    """Return the child key of a hard junction: it cannot be derived from the public key."""
    _, child, child_secret = sr25519.hard_derive_keypair((chain_code, public, secret), b"")
    return child, child_secret


def derive_soft(public: bytes, secret: bytes, chain_code: bytes) -> tuple[bytes, bytes]:
    """Return the child key of a soft junction: its public key follows from the parent's public key.

    The nonce half of the secret is random each time; scalar and public key do not change.
    """
    _, child, child_secret = sr25519.derive_keypair((chain_code, public, secret), b"")
    return child, child_secret
