"""Ed25519 with the validation rules of ZIP-215.

RFC 8032 leaves open what to do with small-order points and non-canonical encodings, and libraries
differ. Substrate verifies with ed25519-zebra, which accepts them and checks the cofactored equation
(https://zips.z.cash/zip-0215). So does this module, with that library; libsodium and OpenSSL
refuse some of these signatures and must not decide about blocks.
"""

from __future__ import annotations

import ed25519_zebra

from btt_chain.crypto.hashing import blake2_256

_DERIVATION_TAG = bytes([len("Ed25519HDKD") << 2]) + b"Ed25519HDKD"  # a SCALE string


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return True if `signature` (64 bytes) over `message` is by `public`, False if malformed."""
    return bool(ed25519_zebra.ed_verify(signature, message, public))


def verify_strict(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return True if `signature` is by `public` under the strict rules of libsodium.

    Keys and points of small order and encodings that are not canonical are False. For signatures
    that are not Substrate's: those of extrinsics and votes follow `verify`.
    """
    if len(public) != 32 or len(signature) != 64:
        return False
    from nacl.bindings import crypto_sign_open  # noqa: PLC0415 - few programs need it
    from nacl.exceptions import BadSignatureError  # noqa: PLC0415 - the same

    try:
        crypto_sign_open(signature + message, public)
    except BadSignatureError:
        return False
    return True


def is_public(public: bytes) -> bool:
    """Return True if `public` is the canonical form of a point in the group of prime order.

    Every key made from a seed is; a key of small order would verify signatures that no key made.
    """
    from nacl.bindings import crypto_core_ed25519_is_valid_point  # noqa: PLC0415 - the same

    return len(public) == 32 and bool(crypto_core_ed25519_is_valid_point(public))


def public_from_seed(seed: bytes) -> bytes:
    """Return the public key of a 32-byte seed (RFC 8032 5.1.5)."""
    _, public = ed25519_zebra.ed_from_seed(seed)
    return bytes(public)


def sign(seed: bytes, message: bytes) -> bytes:
    """Return the signature of RFC 8032: 64 bytes, deterministic."""
    signature: bytes = ed25519_zebra.ed_sign(seed, message)
    return signature


def derive_hard(seed: bytes, chain_code: bytes) -> bytes:
    """Return the seed of a hard junction's child; Ed25519 has no soft ones."""
    return blake2_256(_DERIVATION_TAG + seed + chain_code)
