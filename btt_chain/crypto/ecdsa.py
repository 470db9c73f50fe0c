"""ECDSA on secp256k1, over blake2_256 of the message, with public key recovery from the signature.

A signature is r || s || v: 65 bytes, v the recovery id. Both halves of s are accepted, as in
Substrate: a signature can be turned into a second valid one, so its bytes identify nothing. An
account is blake2_256 of the compressed public key. `coincurve` is imported by the
functions that need it: most commands have no such key.
"""

from __future__ import annotations

from btt_chain.crypto.hashing import blake2_256

PUBLIC_LENGTH = 33
SIGNATURE_LENGTH = 65

# Ethereum writes v as 27..30; Substrate's recovery takes both (sp_io::crypto).
_ETHEREUM_V = 27
_LAST_RECOVERY_ID = 3

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0

_DERIVATION_TAG = bytes([len("Secp256k1HDKD") << 2]) + b"Secp256k1HDKD"  # a SCALE string


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return True if `signature` over `message` is by the 33-byte `public`, False if malformed.

    v must be 0..3, as in sp_core's `ecdsa::Pair::verify`; only `recover` accepts Ethereum's v.
    """
    if len(signature) != SIGNATURE_LENGTH or signature[64] > _LAST_RECOVERY_ID:
        return False
    return recover(message, signature) == public


def recover(message: bytes, signature: bytes) -> bytes | None:
    """Return the compressed public key that signed `message`, or None if there is none.

    v may be 0..3 or 27..30, as in sp_io's `secp256k1_ecdsa_recover_compressed`, by which extrinsics
    are checked. Overflowing or zero r and s give None.
    """
    from coincurve import PublicKey  # noqa: PLC0415 - see above

    if len(signature) != SIGNATURE_LENGTH:
        return None
    v = signature[64]
    if v >= _ETHEREUM_V:
        v -= _ETHEREUM_V
    if v > _LAST_RECOVERY_ID:
        return None
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([v]), blake2_256(message), hasher=None
        )
    except ValueError:  # r or s out of range, or no point with that r
        return None
    return key.format()


def is_canonical(signature: bytes) -> bool:
    """Return True if a signature has the one form that `sign` makes: low s, v in 0..3."""
    return (
        len(signature) == SIGNATURE_LENGTH
        and signature[64] <= _LAST_RECOVERY_ID
        and int.from_bytes(signature[32:64], "big") <= _HALF_ORDER
    )


def account_of(public: bytes) -> bytes:
    """Return the 32-byte account of a compressed public key."""
    return blake2_256(public)


def public_from_seed(seed: bytes) -> bytes:
    """Return the compressed public key of a 32-byte secret; ValueError unless 0 < it < order."""
    from coincurve import PrivateKey  # noqa: PLC0415 - see above

    return PrivateKey(seed).public_key.format()


def sign(seed: bytes, message: bytes) -> bytes:
    """Return the signature r || s || v of 65 bytes, s in the lower half, v in 0..3 (RFC 6979)."""
    from coincurve import PrivateKey  # noqa: PLC0415 - see above

    return PrivateKey(seed).sign_recoverable(blake2_256(message), hasher=None)


def derive_hard(seed: bytes, chain_code: bytes) -> bytes:
    """Return the secret of a hard junction's child; secp256k1 has no soft ones here."""
    return blake2_256(_DERIVATION_TAG + seed + chain_code)
