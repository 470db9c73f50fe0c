"""ECDSA on P-256 (secp256r1) over SHA-256: keys of smart cards, phones and passkeys.

A public key is compressed: 33 bytes. A signature is r || s: 64 bytes, and s must lie in the lower
half, so that a signature cannot be turned into a second one. Source: FIPS 186-5; SEC 1, 2.3.4.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PUBLIC_LENGTH: Final = 33
SIGNATURE_LENGTH: Final = 64
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the group."""

_HALF: Final = ORDER // 2
_COMPRESSED: Final = (2, 3)


def is_public(public: bytes) -> bool:
    """Return True if `public` is a compressed point of the curve."""
    if len(public) != PUBLIC_LENGTH or public[0] not in _COMPRESSED:
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    except ValueError:
        return False
    return True


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return True if `signature` over `message` is by `public`; False also if one is malformed."""
    if len(public) != PUBLIC_LENGTH or public[0] not in _COMPRESSED:
        return False
    if len(signature) != SIGNATURE_LENGTH:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < ORDER and 0 < s <= _HALF):
        return False
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    except ValueError:  # not a point of the curve
        return False
    try:
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def public_from_secret(secret: bytes) -> bytes:
    """Return the public key of a 32-byte secret; ValueError unless 0 < it < the order."""
    return compress(_private(secret).public_key())


def compress(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key of 33 bytes; ValueError if it is of another curve."""
    if not isinstance(key.curve, ec.SECP256R1):
        raise ValueError(f"the key is on the curve {key.curve.name}, not on secp256r1")
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def sign(secret: bytes, message: bytes) -> bytes:
    """Return the signature r || s over `message`, deterministic (RFC 6979), s in the lower half."""
    deterministic = ec.ECDSA(SHA256(), deterministic_signing=True)
    return normalized(_private(secret).sign(message, deterministic))


def normalized(der: bytes) -> bytes:
    """Return a DER signature, as smart cards and passkeys make it, as r || s with a low s.

    Raises ValueError if it is not the DER form of two numbers in range.
    """
    return _low(*utils.decode_dss_signature(der))


def lowered(signature: bytes) -> bytes:
    """Return a signature r || s, as PKCS #11 tokens make it, with a low s.

    Raises ValueError if it is not 64 bytes with two numbers in range.
    """
    if len(signature) != SIGNATURE_LENGTH:
        raise ValueError(f"a signature has {SIGNATURE_LENGTH} bytes, not {len(signature)}")
    return _low(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


def _low(r: int, s: int) -> bytes:
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise ValueError("r or s of the signature is out of range")
    return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")


def _private(secret: bytes) -> ec.EllipticCurvePrivateKey:
    if len(secret) != PUBLIC_LENGTH - 1:
        raise ValueError(f"a secret has 32 bytes, not {len(secret)}")
    number = int.from_bytes(secret, "big")
    if not 0 < number < ORDER:
        raise ValueError("a secret lies between 0 and the order of the group")
    return ec.derive_private_key(number, ec.SECP256R1())
