"""RSA-PSS as blind signatures end in it: RSABSSA-SHA384-PSS of RFC 9474.

A finished blind signature is a plain signature of RSASSA-PSS (RFC 8017, 8.1.2) with SHA-384, MGF1
over SHA-384 and a salt of 48 bytes. Keys have a modulus of exactly 2,048 bits and the exponent
65,537; a key is the 256 bytes of its modulus, a signature 256 bytes, both big-endian.

The power is computed with Python's integers and the padding checked here, so that no version or
configuration of a library decides about blocks. Only public values are processed.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha384
from math import gcd, prod
from typing import Final

MODULUS_BITS: Final = 2_048
MODULUS_LENGTH: Final = MODULUS_BITS // 8
SIGNATURE_LENGTH: Final = MODULUS_LENGTH
EXPONENT: Final = 65_537
SALT_LENGTH: Final = 48
MIN_FACTOR: Final = 1 << 16
"""No prime factor of a modulus is below this number."""

_HASH_LENGTH: Final = 48
_MASKED_LENGTH: Final = MODULUS_LENGTH - _HASH_LENGTH - 1
_ZEROS: Final = _MASKED_LENGTH - SALT_LENGTH - 1
"""Number of zero bytes before the byte 0x01 and the salt."""
_START: Final = bytes(_ZEROS) + b"\x01"
_MASK: Final = (1 << (8 * _MASKED_LENGTH - 1)) - 1
"""The encoded message has one bit less than the modulus: its highest bit is zero."""
_TRAILER: Final = 0xBC


def check_modulus(modulus: bytes) -> None:
    """Raise ValueError with the reason if `modulus` is not one that a key may have."""
    if len(modulus) != MODULUS_LENGTH:
        raise ValueError(f"a modulus has {MODULUS_LENGTH} bytes, not {len(modulus)}")
    number = int.from_bytes(modulus, "big")
    if number.bit_length() != MODULUS_BITS:
        raise ValueError(f"a modulus has {MODULUS_BITS} bits, not {number.bit_length()}")
    if number % 2 == 0:
        raise ValueError("the modulus is even")
    if gcd(_small_primes() % number, number) != 1:
        raise ValueError(f"the modulus has a prime factor below {MIN_FACTOR:,}")


def verify(modulus: bytes, message: bytes, signature: bytes) -> bool:
    """Return True if `signature` over `message` is by the key with `modulus`.

    False also if one of them is malformed. Of the modulus only its length and bits are checked
    here; `check_modulus` checks it once, when a key is published.
    """
    if len(modulus) != MODULUS_LENGTH or len(signature) != SIGNATURE_LENGTH:
        return False
    n, s = int.from_bytes(modulus, "big"), int.from_bytes(signature, "big")
    if n.bit_length() != MODULUS_BITS or s >= n:
        return False
    encoded = pow(s, EXPONENT, n)
    if encoded.bit_length() > MODULUS_BITS - 1:
        return False
    return _is_encoding(encoded.to_bytes(MODULUS_LENGTH, "big"), sha384(message).digest())


def mask(seed: bytes, length: int) -> bytes:
    """Return `length` bytes of MGF1 over SHA-384 (RFC 8017, B.2.1)."""
    blocks = range(-(-length // _HASH_LENGTH))
    return b"".join(sha384(seed + number.to_bytes(4, "big")).digest() for number in blocks)[:length]


def message_hash(digest: bytes, salt: bytes) -> bytes:
    """Return the hash H of an encoding (RFC 8017, 9.1.1), from the message's hash and the salt."""
    return sha384(bytes(8) + digest + salt).digest()


# ---- internals


def _is_encoding(encoded: bytes, digest: bytes) -> bool:
    """Return True if `encoded` is an encoding of a message with this hash (RFC 8017, 9.1.2)."""
    if encoded[-1] != _TRAILER:
        return False
    hashed = encoded[_MASKED_LENGTH:-1]
    masked = int.from_bytes(encoded[:_MASKED_LENGTH], "big")
    plain = (masked ^ int.from_bytes(mask(hashed, _MASKED_LENGTH), "big")) & _MASK
    block = plain.to_bytes(_MASKED_LENGTH, "big")
    if not block.startswith(_START):
        return False
    return message_hash(digest, block[len(_START) :]) == hashed


@cache
def _small_primes() -> int:
    """Return the product of the odd primes below `MIN_FACTOR`."""
    sieve = bytearray([1]) * MIN_FACTOR
    for number in range(3, 1 << 8, 2):
        if sieve[number]:
            step = 2 * number
            sieve[number * number :: step] = bytes(len(range(number * number, MIN_FACTOR, step)))
    return prod(number for number in range(3, MIN_FACTOR, 2) if sieve[number])
