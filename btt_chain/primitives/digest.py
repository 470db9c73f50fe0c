"""Hashes, and the digest of a header: its messages of consensus.

Every item and their order count: a header is hashed over its bytes, so what was decoded
must encode to the same bytes again. Source: sp_runtime::generic::digest.
"""

from __future__ import annotations

import hashlib
from dataclasses import field
from typing import Annotated, Final, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.limits import MAX_DIGEST_BYTES, MAX_LOG_BYTES, MAX_LOGS
from btt_chain.scale import (
    Fixed,
    FixedBytes,
    MaxBytes,
    MaxLen,
    Path,
    TypeName,
    Variant,
    path,
)


class H256(FixedBytes, size=32, path="primitive_types::H256"):
    """A 32-byte hash."""

    __slots__ = ()

    @classmethod
    def of(cls, data: bytes) -> H256:
        """Return the blake2_256 hash of `data`."""
        return bytes.__new__(cls, hashlib.blake2b(data, digest_size=32).digest())


ConsensusEngineId: TypeAlias = Annotated[bytes, Fixed(4), TypeName("ConsensusEngineId")]

BABE: Final = b"BABE"
"""Engine id of block production."""
GRANDPA: Final = b"FRNK"
"""Engine id of finality."""

Payload: TypeAlias = Annotated[bytes, MaxLen(MAX_LOG_BYTES)]


class Other(Variant, index=0, unnamed=True):
    """Bytes without a specified meaning."""

    data: Payload


class Consensus(Variant, index=4, unnamed=True):
    """A message from the runtime to a consensus engine, such as the next authorities."""

    engine: ConsensusEngineId
    payload: Payload


class Seal(Variant, index=5, unnamed=True):
    """The author's signature over the header without it; the last item."""

    engine: ConsensusEngineId
    payload: Payload


class PreRuntime(Variant, index=6, unnamed=True):
    """A message from the author to the runtime: the slot and the claim to it."""

    engine: ConsensusEngineId
    payload: Payload


class RuntimeEnvironmentUpdated(Variant, index=8):
    """The runtime's version changed in this block."""


DigestItem: TypeAlias = Annotated[
    Other | Consensus | Seal | PreRuntime | RuntimeEnvironmentUpdated,
    Path("sp_runtime::generic::digest::DigestItem"),
]


@path("sp_runtime::generic::digest::Digest")
@dataclass(slots=True)
class Digest:
    """The digest items of one header, in order."""

    logs: Annotated[list[DigestItem], MaxLen(MAX_LOGS), MaxBytes(MAX_DIGEST_BYTES)] = field(
        default_factory=list
    )

    def updates_runtime(self) -> bool:
        """Return True if the runtime's version changed in this block."""
        for item in self.logs:
            match item:
                case RuntimeEnvironmentUpdated():
                    return True
        return False
