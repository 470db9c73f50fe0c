"""RSA-PSS as blind signatures end in it: RSABSSA-SHA384-PSS of RFC 9474.

A finished blind signature is a plain signature of RSASSA-PSS (RFC 8017, 8.1.2) with SHA-384, MGF1
over SHA-384 and a salt of 48 bytes. Keys have a modulus of exactly 2,048 bits and the exponent
65,537; a key is the 256 bytes of its modulus, a signature 256 bytes, both big-endian.

Length and range of both are checked here, exactly, before the library computes: each signature has
one form. The library takes a fifth of the time of Python's `pow`.
"""

from __future__ import annotations

from functools import cache
from math import gcd, prod
from typing import Final

MODULUS_BITS: Final = 2_048
MODULUS_LENGTH: Final = MODULUS_BITS // 8
SIGNATURE_LENGTH: Final = MODULUS_LENGTH
EXPONENT: Final = 65_537
SALT_LENGTH: Final = 48
MIN_FACTOR: Final = 1 << 16
"""No prime factor of a modulus is below this number."""


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
    # The library takes long to import, and most nodes never verify one.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA384  # noqa: PLC0415

    n = int.from_bytes(modulus, "big")
    if n.bit_length() != MODULUS_BITS or not n & 1 or int.from_bytes(signature, "big") >= n:
        return False
    digest = SHA384()
    pss = padding.PSS(padding.MGF1(digest), SALT_LENGTH)
    key = rsa.RSAPublicNumbers(EXPONENT, n).public_key()
    try:
        key.verify(signature, message, pss, digest)
    except InvalidSignature:
        return False
    return True


# ---- internals


@cache
def _small_primes() -> int:
    """Return the product of the odd primes below `MIN_FACTOR`."""
    sieve = bytearray([1]) * MIN_FACTOR
    for number in range(3, 1 << 8, 2):
        if sieve[number]:
            step = 2 * number
            sieve[number * number :: step] = bytes(len(range(number * number, MIN_FACTOR, step)))
    return prod(number for number in range(3, MIN_FACTOR, 2) if sieve[number])
