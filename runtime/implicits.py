"""Implicit data of signatures: versions, the genesis hash, the hash of a block."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives import validity
from btt_chain.primitives.validity import Invalid
from btt_chain.scale import u32
from runtime.extensions import IMPLICIT, Implicit, SignedExtra
from runtime.frame import RuntimeVersion
from runtime.pallets.system import System

GENESIS_BLOCK: Final = u32(0)


class Implicits:
    """The implicit data for the current block, by the first block of the era.

    Block hashes do not change within a block: each is encoded once.
    """

    def __init__(self, system: System, version: RuntimeVersion) -> None:
        self._system = system
        self._version = version
        self._encoded: dict[int, bytes] = {}

    def clear(self) -> None:
        """Clear the cache for another block."""
        self._encoded.clear()

    def of(self, extra: SignedExtra) -> bytes:
        """Return the implicit data of a transaction; Invalid if its era's block is not stored."""
        birth = extra.era.birth(int(self._system.number.value))
        found = self._encoded.get(birth)
        if found is None:
            found = self._encoded[birth] = self._encode(birth)
        return found

    def _encode(self, birth: int) -> bytes:
        hashes, version = self._system.block_hash, self._version
        birth_hash = hashes.get(u32(birth))
        if birth_hash is None or not any(birth_hash):
            raise Invalid(validity.AncientBirthBlock())
        return IMPLICIT.encode(
            Implicit(
                version.spec_version,
                version.transaction_version,
                hashes[GENESIS_BLOCK],
                birth_hash,
                None,
            )
        )
