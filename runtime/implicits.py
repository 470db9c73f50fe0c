"""Implicit data of signatures: versions, hashes of blocks, the digest of the metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from btt_chain.primitives import validity
from btt_chain.primitives.validity import Invalid, Unknown
from btt_chain.scale import u32
from runtime.extensions import IMPLICIT, SIGNED_EXTRA, Implicit, MetadataHashMode, SignedExtra
from runtime.frame import RuntimeVersion
from runtime.pallets.system.pallet import System

GENESIS_BLOCK: Final = u32(0)

MAX_ERAS: Final = 1_024
"""Maximum number of encoded eras whose implicit data is kept: a pool view may meet any of them."""

FindDigest = Callable[[], bytes | None]
"""Returns the digest of the runtime's metadata; None if this runtime has none."""


NO_DIGEST: Final = b"\0"
"""The end of implicit data without a digest."""
SOME_DIGEST: Final = b"\1"
"""The byte in front of a digest in implicit data."""


class Implicits:
    """The implicit data for the current block, by the first block of the era.

    Block hashes do not change within a block: each is encoded once. The digest of the metadata is
    computed when a transaction first was signed over it.
    """

    def __init__(self, system: System, version: RuntimeVersion, find_digest: FindDigest) -> None:
        self._system = system
        self._version = version
        self._find_digest = find_digest
        self._encoded: dict[int, bytes] = {}
        self._by_era: dict[bytes, tuple[SignedExtra, bytes]] = {}
        """Some extra data and implicit data, by era and mode as they are encoded."""
        self._number: int | None = None
        """Number of the current block, once it was read."""

    def clear(self) -> None:
        """Clear the cache for another block."""
        self._encoded.clear()
        self._by_era.clear()
        self._number = None

    def of(self, extra: SignedExtra) -> bytes:
        """Return the implicit data of a transaction.

        Raises Invalid if its era's block is not stored, Unknown if it was signed over a digest of
        the metadata and this runtime has none.
        """
        if self._number is None:
            self._number = int(self._system.number.value)
        birth = extra.era.birth(self._number)
        found = self._encoded.get(birth)
        if found is None:
            found = self._encoded[birth] = self._encode(birth)
        return found if extra.mode is MetadataHashMode.Disabled else self._with_digest(found)

    def of_encoded(self, extra_raw: bytes) -> tuple[SignedExtra, bytes]:
        """Return the implicit data for encoded extra data, and some extra data of its era and mode.

        Raises as `of` does, and DecodeError if it is malformed.
        """
        era = extra_raw[: 2 if extra_raw[0] else 1] + extra_raw[-1:]
        found = self._by_era.get(era)
        if found is None:
            extra = SIGNED_EXTRA.decode_all(extra_raw)
            if len(self._by_era) >= MAX_ERAS:
                self._by_era.clear()
            found = self._by_era[era] = extra, self.of(extra)
        return found

    def _with_digest(self, encoded: bytes) -> bytes:
        digest = self._find_digest()
        if digest is None:
            raise Unknown(validity.CannotLookup())
        return encoded[: -len(NO_DIGEST)] + SOME_DIGEST + digest

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


def no_digest() -> None:
    """Return None: a runtime without a digest of its metadata."""
