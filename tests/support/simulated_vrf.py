"""A substitute for the VRF of sr25519 in simulations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.crypto.vrf import OUTPUT_LENGTH, PROOF_LENGTH, VrfInput


@dataclass(frozen=True, slots=True)
class SimulatedOutput:
    """An output of `SimulatedVrf`."""

    pre_output: bytes

    def make_bytes(self, context: bytes, length: int) -> bytes:
        """Return `length` random bytes, at most 64, for the use that `context` names."""
        return hashlib.blake2b(context, key=self.pre_output, digest_size=length).digest()


class SimulatedVrf:
    """Keyed BLAKE2b, hundreds of times faster than the VRF, and no VRF.

    Verification needs the secret key. So it works only with the keys of all authors, which a
    simulator has and a node does not; an output of an unknown key is refused.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[KeyPair]) -> None:
        """Use these key pairs."""
        self._pairs = {pair.public: pair for pair in pairs}

    def evaluate(self, pair: KeyPair, message: VrfInput) -> SimulatedOutput:
        """Return the output of a key pair, without a proof."""
        return SimulatedOutput(self._hash(pair, message, b"output", OUTPUT_LENGTH))

    def sign(self, pair: KeyPair, message: VrfInput) -> tuple[SimulatedOutput, bytes]:
        """Return the output of a key pair, and 64 bytes in the place of a proof."""
        return self.evaluate(pair, message), self._hash(pair, message, b"proof", PROOF_LENGTH)

    def verify(
        self, public: bytes, message: VrfInput, pre_output: bytes, proof: bytes
    ) -> SimulatedOutput | None:
        """Return the output if this key makes the same one, else None."""
        pair = self._pairs.get(public)
        if pair is None:
            return None
        output, right_proof = self.sign(pair, message)
        return output if (output.pre_output, right_proof) == (pre_output, proof) else None

    def attach(self, public: bytes, message: VrfInput, pre_output: bytes) -> SimulatedOutput:
        """Return the result of `pre_output`, unchecked."""
        return SimulatedOutput(pre_output)

    @staticmethod
    def _hash(pair: KeyPair, message: VrfInput, use: bytes, length: int) -> bytes:
        if pair.scheme is not Scheme.SR25519:
            raise ValueError(f"a VRF needs an sr25519 key, not {pair.scheme}")
        framed = _framed((use,)) + _framed_input(message)
        return hashlib.blake2b(framed, key=pair.secret[:32], digest_size=length).digest()


def _framed(parts: Iterable[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


@lru_cache(maxsize=256)  # that of one slot, for all nodes
def _framed_input(message: VrfInput) -> bytes:
    return _framed((message.domain, *(part for pair in message.messages for part in pair)))
