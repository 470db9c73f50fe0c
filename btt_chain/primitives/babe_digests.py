"""The runtime's messages to BABE in a header: next epoch, its parameters, disabled authors.

The first block of each epoch announces the one after it. Everything here is wire format.
Source: Substrate's `sp_consensus_babe::digests`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Final, NamedTuple, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import BABE, Consensus, DigestItem
from btt_chain.scale import (
    DecodeError,
    Fixed,
    FixedBytes,
    Path,
    TypeName,
    Variant,
    codec,
    path,
    u32,
    u64,
)


class AuthorityId(FixedBytes, size=32, path="sp_consensus_babe::app::Public"):
    """An author's public key, sr25519."""

    __slots__ = ()


class BadAnnouncement(ValueError):
    """A message to BABE in a header is malformed or duplicated; the error says which."""


@path("sp_consensus_babe::AllowedSlots")
class AllowedSlots(IntEnum):
    """The kinds of claims that an epoch admits."""

    PrimarySlots = 0
    PrimaryAndSecondaryPlainSlots = 1
    PrimaryAndSecondaryVRFSlots = 2


@path("sp_consensus_babe::BabeEpochConfiguration")
@dataclass(frozen=True, slots=True)
class EpochConfig:
    """The parameters of an epoch."""

    c: Annotated[tuple[u64, u64], TypeName("(u64, u64)")]
    """Probability that a slot has a primary author, as a fraction."""
    allowed_slots: AllowedSlots


@path("sp_consensus_babe::digests::NextEpochDescriptor")
@dataclass(frozen=True, slots=True)
class NextEpochDescriptor:
    """The authors of the next epoch, their weights, and its randomness."""

    authorities: Annotated[
        list[tuple[AuthorityId, u64]], TypeName("Vec<(AuthorityId, BabeAuthorityWeight)>")
    ]
    randomness: Annotated[bytes, Fixed(32), TypeName("Randomness")]


class V1(Variant, index=1):
    """The only version of `NextConfigDescriptor`."""

    c: Annotated[tuple[u64, u64], TypeName("(u64, u64)")]
    allowed_slots: AllowedSlots


NextConfigDescriptor: TypeAlias = Annotated[
    V1, Path("sp_consensus_babe::digests::NextConfigDescriptor")
]


class NextEpochData(Variant, index=1, unnamed=True):
    """The next epoch; in the first block of each epoch, and only there."""

    epoch: NextEpochDescriptor


class OnDisabled(Variant, index=2, unnamed=True):
    """The authority with this index must not author any more blocks in this epoch."""

    authority_index: Annotated[u32, TypeName("AuthorityIndex")]


class NextConfigData(Variant, index=3, unnamed=True):
    """The next epoch's parameters, where they differ; only beside `NextEpochData`."""

    config: NextConfigDescriptor


ConsensusLog: TypeAlias = Annotated[
    NextEpochData | OnDisabled | NextConfigData, Path("sp_consensus_babe::ConsensusLog")
]

CONSENSUS_LOG: Final = codec(ConsensusLog)


class Announced(NamedTuple):
    """A header's announcements about the next epoch."""

    epoch: NextEpochDescriptor | None
    config: EpochConfig | None
    """None: unchanged."""


def announced(logs: Sequence[DigestItem]) -> Announced:
    """Return a digest's announcements of the next epoch; BadAnnouncement if not clear."""
    epoch: NextEpochDescriptor | None = None
    config: EpochConfig | None = None
    for item in logs:
        if not isinstance(item, Consensus) or item.engine != BABE:
            continue
        try:
            log = CONSENSUS_LOG.decode_all(item.payload)
        except DecodeError as error:
            raise BadAnnouncement(f"a BABE consensus digest is malformed: {error}") from error
        match log:
            case NextEpochData():
                if epoch is not None:
                    raise BadAnnouncement("the next epoch is announced twice")
                epoch = log.epoch
            case NextConfigData():
                if config is not None:
                    raise BadAnnouncement("the next epoch's parameters are announced twice")
                config = EpochConfig(log.config.c, log.config.allowed_slots)
            case OnDisabled():
                pass  # the runtime itself refuses blocks of disabled authors
    if config is not None and epoch is None:
        raise BadAnnouncement("parameters are announced without the epoch they are for")
    return Announced(epoch, config)


def consensus(log: NextEpochData | OnDisabled | NextConfigData) -> Consensus:
    """Return the digest item of `log`."""
    return Consensus(BABE, CONSENSUS_LOG.encode(log))
