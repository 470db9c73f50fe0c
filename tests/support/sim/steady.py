"""Deterministic signatures and outputs, so that a seed gives the same hashes each time.

Schnorrkel's signatures and proofs take a random number each. Here it is derived from key and
message, as in Ed25519; they are verified as the others. Not for keys of value: this is not
hardened.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from nacl.bindings import (
    crypto_core_ed25519_scalar_add,
    crypto_core_ed25519_scalar_mul,
    crypto_core_ed25519_scalar_reduce,
    crypto_core_ed25519_scalar_sub,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_sign,
)

from btt_chain.crypto import sr25519, vrf
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.merlin import Transcript
from btt_chain.crypto.vrf import SchnorrkelOutput, SchnorrkelVrf, VrfInput


def _nonce(pair: KeyPair, about: bytes) -> bytes:
    return crypto_core_ed25519_scalar_reduce(hashlib.blake2b(about, key=pair.secret[32:]).digest())


def _base(scalar: bytes) -> bytes:
    """Return half of what `_encode_doubled` wants: it doubles what it encodes."""
    return crypto_scalarmult_ed25519_base_noclamp(
        crypto_core_ed25519_scalar_mul(scalar, vrf._INVERSE_2)
    )


class SteadyPair(KeyPair):
    """An sr25519 pair whose signature of a message is always the same."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature in Substrate's context."""
        transcript = Transcript(b"SigningContext")
        transcript.append(b"", b"substrate")
        transcript.append(b"sign-bytes", message)
        transcript.append(b"proto-name", b"Schnorr-sig")
        transcript.append(b"sign:pk", self.public)
        nonce = _nonce(self, message)
        point = sr25519.public_from_secret(nonce + bytes(32))
        transcript.append(b"sign:R", point)
        challenge = crypto_core_ed25519_scalar_reduce(transcript.challenge(b"sign:c", 64))
        scalar = crypto_core_ed25519_scalar_add(
            crypto_core_ed25519_scalar_mul(challenge, self.secret[:32]), nonce
        )
        return point + scalar[:31] + bytes([scalar[31] | 0x80])


class QuickPair(KeyPair):
    """An Ed25519 pair that keeps its public key: libsodium needs half the time for the same."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature of RFC 8032."""
        return bytes(crypto_sign(message, self.secret + self.public)[:64])


@lru_cache(maxsize=256)
def steady(pair: KeyPair) -> KeyPair:
    """Return a pair that signs deterministically."""
    kind = SteadyPair if pair.scheme is Scheme.SR25519 else QuickPair
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
