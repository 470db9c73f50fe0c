"""GRANDPA's stored records: its voters, its last complete round, the blocks that ended sets.

All are in the store's auxiliary column, under versioned keys. Our own votes are in the signing
record: those must not be lost, these may be a few moments old. Later changes are read again from
the headers of the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from btt_chain.consensus.finality.authorities import Authorities, AuthoritySet, PendingChange
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    AuthorityList,
    Justification,
    ScheduledChange,
    SignedMessage,
    Target,
    encode_signed,
)
from btt_chain.scale import DecodeError, codec, compact_encode, u32, u64

Read: TypeAlias = Callable[[bytes], bytes | None]
"""Read the value of an auxiliary key."""
Changes: TypeAlias = Mapping[bytes, bytes | None]
"""Auxiliary keys to write."""

SCHEMA: Final = 1
SCHEMA_KEY: Final = b"grandpa_schema_version"
VOTERS_KEY: Final = b"grandpa_voters"
ROUND_KEY: Final = b"grandpa_completed_round"
PROOF_KEY: Final = b"grandpa_best_justification"
END_PREFIX: Final = b"grandpa_set_end"
FIRST_KEY: Final = b"grandpa_first_set"


class BadRecord(Exception):
    """A record of GRANDPA cannot be read; the message names it. Resync the node."""


@dataclass(frozen=True, slots=True)
class BlockName:
    """A block by hash and height."""

    hash: H256
    number: u32

    @classmethod
    def of(cls, block: Target) -> BlockName:
        """Return the stored form of a block."""
        return cls(block.hash, u32(block.number))

    @property
    def target(self) -> Target:
        """The block as a vote's target."""
        return Target(self.hash, int(self.number))


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A pending change."""

    announced: BlockName
    change: ScheduledChange


@dataclass(frozen=True, slots=True)
class StoredVoters:
    """The voters as of a final block, and the changes pending then."""

    as_of: BlockName
    set_id: u64
    authorities: AuthorityList
    pending: list[StoredChange]


@dataclass(frozen=True, slots=True)
class StoredRound:
    """A complete round: its set, number, base and votes."""

    set_id: u64
    number: u64
    base: BlockName
    votes: list[SignedMessage]


@dataclass(frozen=True, slots=True)
class StoredFirst:
    """The first known set, and the block at which it is known from."""

    set_id: u64
    block: BlockName


_U32: Final = codec(u32)
_BLOCK: Final = codec(BlockName)
_VOTERS: Final = codec(StoredVoters)
_ROUND: Final = codec(StoredRound)
_FIRST: Final = codec(StoredFirst)
_PENDING: Final = codec(list[StoredChange])
_NOTHING: Final = _PENDING.encode([])
_SCHEMA: Final = _U32.encode(u32(SCHEMA))


def end_key(set_id: int) -> bytes:
    """Return the key of the block that ended a set."""
    return END_PREFIX + set_id.to_bytes(8, "big")


def voters_change(authorities: Authorities, as_of: Target) -> Changes:
    """Return the keys that store the voters as of a final block."""
    # The fields of a `StoredVoters`: all but the first are mostly those of the block before.
    changes = [StoredChange(BlockName.of(p.announced), p.change) for p in authorities.pending]
    raw = (
        _encode_block(as_of)
        + authorities.current.set_id.to_bytes(8, "little")
        + authorities.current.encoded
        + (_PENDING.encode(changes) if changes else _NOTHING)
    )
    return {SCHEMA_KEY: _SCHEMA, VOTERS_KEY: raw}


def _encode_block(block: Target) -> bytes:
    return block.hash + block.number.to_bytes(4, "little")


def round_change(set_id: int, number: int, base: Target, votes: Sequence[SignedMessage]) -> Changes:
    """Return the keys that store a complete round."""
    # As the codec of `StoredRound` encodes it; half of the time is that of its votes.
    raw = (
        set_id.to_bytes(8, "little")
        + number.to_bytes(8, "little")
        + _encode_block(base)
        + compact_encode(len(votes))
        + b"".join([encode_signed(signed) for signed in votes])
    )
    return {ROUND_KEY: raw}


def proof_change(proof: Justification) -> Changes:
    """Return the keys that store the highest proof."""
    return {PROOF_KEY: proof.encode()}


def end_change(set_id: int, block: Target) -> Changes:
    """Return the keys that store the block that ended a set."""
    return {end_key(set_id): _BLOCK.encode(BlockName.of(block))}


def first_change(set_id: int, block: Target) -> Changes:
    """Return the keys that store the starting point of this node, if not genesis."""
    return {FIRST_KEY: _FIRST.encode(StoredFirst(u64(set_id), BlockName.of(block)))}


def read_first(read: Read) -> tuple[int, int]:
    """Return the first known set, and the height from which it is known. Raises BadRecord."""
    raw = read(FIRST_KEY)
    if raw is None:
        return 0, 0
    try:
        stored = _FIRST.decode_all(raw)
    except DecodeError as error:
        raise BadRecord(f"the first set cannot be read: {error}") from error
    return int(stored.set_id), stored.block.target.number


def read_voters(read: Read) -> tuple[Authorities, Target] | None:
    """Return the voters and their final block; None if nothing is stored.

    Raises BadRecord.
    """
    raw = read(VOTERS_KEY)
    if raw is None:
        return None
    version = read(SCHEMA_KEY)
    if version != _SCHEMA:
        raise BadRecord(f"the records of GRANDPA are of another version than {SCHEMA}")
    try:
        stored = _VOTERS.decode_all(raw)
    except DecodeError as error:
        raise BadRecord(f"the voters cannot be read: {error}") from error
    current = AuthoritySet(
        int(stored.set_id), tuple((who, int(weight)) for who, weight in stored.authorities)
    )
    pending = tuple(PendingChange(p.announced.target, p.change) for p in stored.pending)
    return Authorities(current, pending), stored.as_of.target


def read_round(read: Read) -> StoredRound | None:
    """Return the last complete round; None if there is none. Raises BadRecord."""
    raw = read(ROUND_KEY)
    if raw is None:
        return None
    try:
        return _ROUND.decode_all(raw)
    except DecodeError as error:
        raise BadRecord(f"the last round cannot be read: {error}") from error


def read_proof(read: Read) -> Justification | None:
    """Return the highest stored proof; None if there is none. Raises BadRecord."""
    raw = read(PROOF_KEY)
    if raw is None:
        return None
    try:
        return Justification.decode(raw)
    except DecodeError as error:
        raise BadRecord(f"the last proof cannot be read: {error}") from error


def read_end(read: Read, set_id: int) -> Target | None:
    """Return the block that ended a set; None if the set has not ended here. Raises BadRecord."""
    raw = read(end_key(set_id))
    if raw is None:
        return None
    try:
        return _BLOCK.decode_all(raw).target
    except DecodeError as error:
        raise BadRecord(f"the end of set {set_id} cannot be read: {error}") from error
