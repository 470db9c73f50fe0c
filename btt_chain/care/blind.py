"""Blind RSA signatures (RFC 9474), with SHA-384 and MGF1 over SHA-384, in all four variants.

    wallet                                  facility
    prepared = prepare(message)
    blinded, inverse = blind(...)  ------>  blind_sign(blinded)
    signature = finalize(...)      <------

The facility learns neither the message nor the signature. Vouchers use the first variant,
RSABSSA-SHA384-PSS-Randomized.

The private operation works on a value that is multiplied by a random one (base blinding, a new one
for each call), uses the Chinese remainder theorem, and checks its result: a fault yields an error
and never a signature that reveals a factor. It is computed with Python's integers, whose time
depends on the operands. So no constant time is claimed: base blinding takes the connection between
the time and the input away, and a facility does not answer with precise times to unknown callers.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import field
from hashlib import sha384
from math import gcd
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA384

from btt_chain.care.errors import CareError
from btt_chain.lazyclass import dataclass

PREFIX_LENGTH: Final = 32
SALT_LENGTH: Final = 48
_HASH_LENGTH: Final = 48
_TRAILER: Final = b"\xbc"

Random = Callable[[int], bytes]
"""Source of random bytes."""


class BlindError(CareError):
    """A blind signature cannot be made: the names of the cases are those of RFC 9474."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of RFC 9474, section 5."""

    name: str
    salt_length: int
    prefix_length: int


PSS_RANDOMIZED: Final = Variant("RSABSSA-SHA384-PSS-Randomized", SALT_LENGTH, PREFIX_LENGTH)
PSSZERO_RANDOMIZED: Final = Variant("RSABSSA-SHA384-PSSZERO-Randomized", 0, PREFIX_LENGTH)
PSS_DETERMINISTIC: Final = Variant("RSABSSA-SHA384-PSS-Deterministic", SALT_LENGTH, 0)
PSSZERO_DETERMINISTIC: Final = Variant("RSABSSA-SHA384-PSSZERO-Deterministic", 0, 0)
VARIANTS: Final = (PSS_RANDOMIZED, PSSZERO_RANDOMIZED, PSS_DETERMINISTIC, PSSZERO_DETERMINISTIC)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key."""

    n: int
    e: int = 65_537

    @property
    def length(self) -> int:
        """Bytes of the modulus, of a blinded message and of a signature."""
        return (self.n.bit_length() + 7) // 8

    @classmethod
    def of_modulus(cls, modulus: bytes) -> PublicKey:
        """Return the key with this modulus, big-endian, and the exponent 65,537."""
        return cls(int.from_bytes(modulus, "big"))


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """A private key, with what the Chinese remainder theorem needs."""

    public: PublicKey
    p: int = field(repr=False)
    q: int = field(repr=False)

    @classmethod
    def generate(cls, bits: int = 2_048) -> PrivateKey:
        """Return a new key."""
        numbers = rsa.generate_private_key(65_537, bits).private_numbers()
        return cls(PublicKey(numbers.public_numbers.n), numbers.p, numbers.q)

    @classmethod
    def of_factors(cls, p: int, q: int, e: int = 65_537) -> PrivateKey:
        """Return the key of two primes. BlindError if they fit no exponent."""
        if p == q or gcd(e, (p - 1) * (q - 1)) != 1:
            raise BlindError("the factors belong to no key with this exponent")
        return cls(PublicKey(p * q, e), p, q)

    def __repr__(self) -> str:
        return f"PrivateKey({self.public.n.bit_length()} bits)"


class Blinded(NamedTuple):
    """A blinded message, and the secret that unblinds its signature."""

    message: bytes
    inverse: bytes


def prepare(
    message: bytes, variant: Variant = PSS_RANDOMIZED, random: Random = secrets.token_bytes
) -> bytes:
    """Return the message with its random prefix, if the variant has one (RFC 9474, 4.1)."""
    return random(variant.prefix_length) + message if variant.prefix_length else message


def blind(
    key: PublicKey,
    prepared: bytes,
    variant: Variant = PSS_RANDOMIZED,
    *,
    salt: bytes | None = None,
    factor: int | None = None,
) -> Blinded:
    """Blind a prepared message (RFC 9474, 4.2). `salt` and `factor` are given by tests only.

    `factor` is r, a unit below n. Raises BlindError, "invalid input" if the message would reveal a
    factor of the modulus.
    """
    encoded = int.from_bytes(_encode(prepared, key.n.bit_length() - 1, variant, salt), "big")
    if gcd(encoded, key.n) != 1:
        raise BlindError("invalid input: the message shares a factor with the modulus")
    r = _unit(key.n) if factor is None else factor
    try:
        inverse = pow(r, -1, key.n)
    except ValueError:
        raise BlindError("blinding error: the factor has no inverse") from None
    blinded = encoded * pow(r, key.e, key.n) % key.n
    return Blinded(blinded.to_bytes(key.length, "big"), inverse.to_bytes(key.length, "big"))


def blind_sign(key: PrivateKey, blinded: bytes) -> bytes:
    """Sign a blinded message (RFC 9474, 4.3).

    Raises BlindError: "unexpected input size", "invalid message length" for a number that is not
    below the modulus, "signing failure" if the result is wrong.
    """
    public = key.public
    if len(blinded) != public.length:
        raise BlindError(f"unexpected input size: {len(blinded)} bytes in place of {public.length}")
    message = int.from_bytes(blinded, "big")
    if message >= public.n:
        raise BlindError("invalid message length: the number is not below the modulus")
    signature = _private_power(key, message)
    # Against faults (RFC 9474, 7.1): with the theorem a wrong half would reveal a factor.
    if not hmac.compare_digest(
        pow(signature, public.e, public.n).to_bytes(public.length, "big"), blinded
    ):
        raise BlindError("signing failure: the result is wrong, and is not given out")
    return signature.to_bytes(public.length, "big")


def finalize(
    key: PublicKey,
    prepared: bytes,
    blind_signature: bytes,
    inverse: bytes,
    variant: Variant = PSS_RANDOMIZED,
) -> bytes:
    """Unblind a signature and verify it (RFC 9474, 4.4).

    Raises BlindError: "unexpected input size", "invalid signature".
    """
    if len(blind_signature) != key.length:
        raise BlindError(
            f"unexpected input size: {len(blind_signature)} bytes in place of {key.length}"
        )
    number = int.from_bytes(blind_signature, "big")
    unblinded = number * int.from_bytes(inverse, "big") % key.n
    signature = unblinded.to_bytes(key.length, "big")
    if not verify(key, prepared, signature, variant):
        raise BlindError("invalid signature: it was not made by this key for this message")
    return signature


def verify(
    key: PublicKey, prepared: bytes, signature: bytes, variant: Variant = PSS_RANDOMIZED
) -> bool:
    """Return True if the signature is a plain RSASSA-PSS signature over the prepared message."""
    if len(signature) != key.length or int.from_bytes(signature, "big") >= key.n:
        return False
    scheme = padding.PSS(padding.MGF1(SHA384()), variant.salt_length)
    try:
        rsa.RSAPublicNumbers(key.e, key.n).public_key().verify(
            signature, prepared, scheme, SHA384()
        )
    except InvalidSignature:
        return False
    return True


# ---- internals


def _private_power(key: PrivateKey, message: int) -> int:
    """Return the signature of a number, computed on another, random one."""
    n, e = key.public.n, key.public.e
    r = _unit(n)
    hidden = message * pow(r, e, n) % n
    p, q = key.p, key.q
    d = pow(e, -1, (p - 1) * (q - 1))
    in_p = pow(hidden % p, d % (p - 1), p)
    in_q = pow(hidden % q, d % (q - 1), q)
    power = in_q + q * ((in_p - in_q) * pow(q, -1, p) % p)
    return power * pow(r, -1, n) % n


def _unit(n: int) -> int:
    """Return a uniform number from 1 to n - 1 that has an inverse."""
    while True:
        r = 1 + secrets.randbelow(n - 1)
        if gcd(r, n) == 1:
            return r


def _encode(prepared: bytes, bits: int, variant: Variant, salt: bytes | None) -> bytes:
    """Return the encoding of a message (EMSA-PSS-ENCODE, RFC 8017, 9.1.1)."""
    length = -(-bits // 8)
    if length < _HASH_LENGTH + variant.salt_length + 2:
        raise BlindError("encoding error: the modulus is too short")
    if salt is None:
        salt = secrets.token_bytes(variant.salt_length)
    elif len(salt) != variant.salt_length:
        raise BlindError(f"the salt of {variant.name} has {variant.salt_length} bytes")
    hashed = sha384(bytes(8) + sha384(prepared).digest() + salt).digest()
    block = bytes(length - variant.salt_length - _HASH_LENGTH - 2) + b"\x01" + salt
    masked = bytearray(a ^ b for a, b in zip(block, _mask(hashed, len(block)), strict=True))
    masked[0] &= 0xFF >> (8 * length - bits)
    return bytes(masked) + hashed + _TRAILER


def _mask(seed: bytes, length: int) -> bytes:
    """Return `length` bytes of MGF1 over SHA-384 (RFC 8017, B.2.1)."""
    blocks = range(-(-length // _HASH_LENGTH))
    return b"".join(sha384(seed + number.to_bytes(4, "big")).digest() for number in blocks)[:length]
