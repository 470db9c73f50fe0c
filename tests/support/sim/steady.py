"""Deterministic signatures and outputs, so that a seed gives the same hashes each time.

Schnorrkel's signatures and proofs take a random number each. Here that of a proof is derived from
key and message, that of a signature from the key alone. Both are verified as all others are. Only
for keys that are public: two signatures reveal the key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from nacl.bindings import (
    crypto_core_ed25519_scalar_mul,
    crypto_core_ed25519_scalar_reduce,
    crypto_core_ed25519_scalar_sub,
    crypto_scalarmult_ed25519_base_noclamp,
)

from btt_chain.crypto import sr25519, vrf
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.merlin import Transcript
from btt_chain.crypto.vrf import SchnorrkelOutput, SchnorrkelVrf, VrfInput

ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""Order of the groups of Ed25519 and of Ristretto (RFC 8032, RFC 9496)."""


def _nonce(pair: KeyPair, about: bytes) -> bytes:
    return crypto_core_ed25519_scalar_reduce(hashlib.blake2b(about, key=pair.secret[32:]).digest())


def _base(scalar: bytes) -> bytes:
    """Return half of what `_encode_doubled` wants: it doubles what it encodes."""
    return crypto_scalarmult_ed25519_base_noclamp(
        crypto_core_ed25519_scalar_mul(scalar, vrf._INVERSE_2)
    )


@dataclass(frozen=True, slots=True)
class _Fixed:
    """The parts of a Schnorr signature that do not hang on the message, one nonce for all.

    So the multiplication of a point, which takes most of the time of a signature, is done once.
    """

    scalar: int
    """The secret key."""
    nonce: int
    point: bytes
    """The nonce times the base point."""

    def response(self, challenge: bytes) -> bytes:
        """Return the second half of the signature with this challenge."""
        number = int.from_bytes(challenge, "little") * self.scalar + self.nonce
        return (number % ORDER).to_bytes(32, "little")


def _fixed_nonce(pair: KeyPair) -> int:
    return int.from_bytes(hashlib.blake2b(pair.secret).digest(), "little") % ORDER


class SteadySr25519(KeyPair):
    """An sr25519 pair with one nonce: its signature of a message is always the same."""

    @cached_property
    def _fixed(self) -> _Fixed:
        nonce = _fixed_nonce(self)
        point = sr25519.public_from_secret(nonce.to_bytes(32, "little") + bytes(32))
        return _Fixed(int.from_bytes(self.secret[:32], "little"), nonce, point)

    def sign(self, message: bytes) -> bytes:
        """Return the signature in Substrate's context."""
        fixed, transcript = self._fixed, Transcript(b"SigningContext")
        transcript.append(b"", b"substrate")
        transcript.append(b"sign-bytes", message)
        transcript.append(b"proto-name", b"Schnorr-sig")
        transcript.append(b"sign:pk", self.public)
        transcript.append(b"sign:R", fixed.point)
        scalar = fixed.response(transcript.challenge(b"sign:c", 64))
        return fixed.point + scalar[:31] + bytes([scalar[31] | 0x80])


class SteadyEd25519(KeyPair):
    """An Ed25519 pair with one nonce: it signs in a tenth of libsodium's time."""

    @cached_property
    def _fixed(self) -> _Fixed:
        nonce, scalar = _fixed_nonce(self), bytearray(hashlib.sha512(self.secret).digest()[:32])
        scalar[0] &= 0xF8
        scalar[31] = scalar[31] & 0x3F | 0x40
        point = crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
        return _Fixed(int.from_bytes(scalar, "little"), nonce, point)

    def sign(self, message: bytes) -> bytes:
        """Return a signature as in RFC 8032, where the nonce hangs on the message, too."""
        fixed = self._fixed
        challenge = hashlib.sha512(fixed.point + self.public + message).digest()
        return fixed.point + fixed.response(challenge)


@lru_cache(maxsize=256)
def steady(pair: KeyPair) -> KeyPair:
    """Return a pair that signs deterministically."""
    kind = SteadySr25519 if pair.scheme is Scheme.SR25519 else SteadyEd25519
    return kind(pair.scheme, pair.public, pair.secret, pair.seed)


class SteadyVrf(SchnorrkelVrf):
    """The real VRF, with proofs that do not change."""

    def sign(self, pair: KeyPair, message: VrfInput) -> tuple[SchnorrkelOutput, bytes]:
        """Return the output, and a deterministic proof."""
        scalar = pair.secret[:32]
        point, point8 = vrf._input_point(pair.public, message)
        nonce = _nonce(pair, point)
        pre_output, nonce_base, nonce_point = vrf._encode_doubled(
            [vrf._half(scalar, point8), _base(nonce), vrf._half(nonce, point8)]
        )
        challenge = vrf._challenge(point, nonce_base, nonce_point, pair.public, pre_output)
        response = crypto_core_ed25519_scalar_sub(
            nonce, crypto_core_ed25519_scalar_mul(challenge, scalar)
        )
        return SchnorrkelOutput(point, pre_output), challenge + response
