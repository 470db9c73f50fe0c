"""Questions, answers and announces of nodes, in SCALE, with a bound on everything.

Each kind has `encode()` and `decode(raw)`; `decode` raises DecodeError for anything that is not
exactly one message within its bounds. Bounds are checked before what they bound is read, so that
a few bytes cannot claim much memory.

Headers travel as the bytes that are hashed, bodies as lists of extrinsics without the length in
front of each. `WarpProof` is byte for byte Substrate's `WarpSyncProof`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final, NamedTuple, TypeVar

from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import Justification
from btt_chain.primitives.header import Header
from btt_chain.primitives.limits import MAX_LOGS
from btt_chain.scale import (
    Bounded,
    Codec,
    DecodeBudget,
    DecodeError,
    MaxLen,
    Variant,
    codec,
    compact_encode,
    u8,
    u32,
)

MIB: Final = 1 << 20

MAX_BLOCKS: Final = 128
"""Blocks in one answer."""
MAX_EXTRINSICS: Final = 262_144
"""Blocks and extrinsics of one answer: BLOCKS_BYTES hold some 80,000 of the smallest ones."""
BLOCKS_BYTES: Final = 8 * MIB
"""Blocks are added to an answer until it is this large; the first one always goes."""
ANSWER_BYTES: Final = 16 * MIB
"""An answer about blocks that is larger than this is not looked at."""
JUSTIFICATION_BYTES: Final = 4 * MIB
STATE_BYTES: Final = MIB // 4
"""A range of a state ends where its proof passes this size: 15 ms of work for either side."""
STATE_ANSWER_BYTES: Final = 4 * MIB
WARP_BYTES: Final = 8 * MIB
MAX_PROOF_ITEMS: Final = 131_072
"""Fragments, votes, headers and digest items of a warp proof: each vote has 132 bytes."""
MAX_FRAGMENTS: Final = 16_384
MAX_KEY: Final = 32_768
"""Bytes of a storage key: the trie's own limit (its nibbles are counted in 16 bits)."""
MAX_NODES: Final = 16_384
"""Trie nodes of a range, which ends at STATE_BYTES: each but the root has 32 bytes or more."""
ANNOUNCE_BYTES: Final = 16 << 10
"""Bytes of an announce. The header of a block that changes 150 authorities and voters has 13 KiB.
"""
TX_BYTES: Final = 64 << 10
"""Bytes of a batch of transactions; one that is larger travels alone."""
LARGE_TX_BYTES: Final = MIB - (1 << 10)
"""Bytes of a batch with one transaction alone: with its envelope it fits into a gossip RPC."""
MAX_TX: Final = 1_024
"""Transactions of a batch; of the shortest, 600 fit into TX_BYTES."""
MAX_BODY: Final = 65_536
"""Extrinsics of one block."""

T = TypeVar("T")


# --- blocks -----------------------------------------------------------------


class Direction(IntEnum):
    """Which way from the first block."""

    ASCENDING = 0
    DESCENDING = 1


HEADER: Final = 1
BODY: Final = 2
JUSTIFICATION: Final = 4
"""What is wanted of each block: bits of `BlockRequest.fields`."""
ALL: Final = HEADER | BODY | JUSTIFICATION


class FromHash(Variant, index=0, unnamed=True):
    """Begin with the block of this hash."""

    hash: H256


class FromNumber(Variant, index=1, unnamed=True):
    """Begin with the block at this height of the best chain."""

    number: u32


Start = FromHash | FromNumber


class BlockRequest(NamedTuple):
    """Up to `limit` blocks, from `start` on; upwards they are those of the best chain."""

    start: bytes | int
    """Hash or height."""
    direction: Direction
    limit: int
    """1 to MAX_BLOCKS."""
    fields: int

    def encode(self) -> bytes:
        """The request's bytes; EncodeError or ValueError if it is out of bounds."""
        first = self.start
        start: Start = FromNumber(u32(first)) if isinstance(first, int) else FromHash(H256(first))
        return _BLOCK_REQUEST.encode(
            _BlockRequest(start, u8(self.direction), u8(self.limit), u8(self.fields))
        )

    @classmethod
    def decode(cls, raw: bytes) -> BlockRequest:
        """The request that `raw` is; DecodeError if it is none."""
        found = _decode(_BLOCK_REQUEST, raw, 64)
        if not 1 <= found.count <= MAX_BLOCKS:
            raise DecodeError("BlockRequest", 0, f"{found.count} blocks are asked for")
        if found.direction > 1 or not 1 <= found.fields <= ALL:
            raise DecodeError("BlockRequest", 0, "unknown direction or fields")
        start = found.start
        return cls(
            int(start.number) if isinstance(start, FromNumber) else bytes(start.hash),
            Direction(int(found.direction)),
            int(found.count),
            int(found.fields),
        )


@dataclass(slots=True)
class _BlockRequest:
    start: Start
    direction: u8
    count: u8
    fields: u8


@dataclass(slots=True)
class BlockData:
    """What is told of one block; None: not asked for, or not there."""

    hash: H256
    header: bytes | None
    """SCALE; it hashes to `hash` if the sender is honest."""
    body: Annotated[list[bytes], MaxLen(MAX_BODY)] | None
    justification: bytes | None
    """GRANDPA's, in SCALE."""


class BlockAnswer(NamedTuple):
    """Blocks in the order asked for; fewer than asked for, or none, when there are no more."""

    blocks: list[BlockData]

    def encode(self) -> bytes:
        """The answer's bytes; EncodeError if there are too many blocks."""
        return _BLOCK_ANSWER.encode(self.blocks)

    @classmethod
    def decode(cls, raw: bytes) -> BlockAnswer:
        """The answer that `raw` is; DecodeError if it is none."""
        return cls(_decode(_BLOCK_ANSWER, raw, ANSWER_BYTES, MAX_EXTRINSICS))


# --- justifications ---------------------------------------------------------


class JustificationRequest(NamedTuple):
    """The proof that a block is final."""

    hash: bytes

    def encode(self) -> bytes:
        """The request's bytes."""
        return bytes(H256(self.hash))

    @classmethod
    def decode(cls, raw: bytes) -> JustificationRequest:
        """The request that `raw` is; DecodeError if it is none."""
        return cls(bytes(_decode(_HASH, raw, 32)))


class JustificationAnswer(NamedTuple):
    """The proof, None if there is none here."""

    justification: bytes | None

    def encode(self) -> bytes:
        """The answer's bytes."""
        return _JUSTIFICATION_ANSWER.encode(self.justification)

    @classmethod
    def decode(cls, raw: bytes) -> JustificationAnswer:
        """The answer that `raw` is; DecodeError if it is none."""
        return cls(_decode(_JUSTIFICATION_ANSWER, raw, JUSTIFICATION_BYTES))


# --- state ------------------------------------------------------------------


class StateRequest(NamedTuple):
    """A range of the state after `block`: the keys greater than `after`, None for the first."""

    block: bytes
    after: bytes | None

    def encode(self) -> bytes:
        """The request's bytes; EncodeError if the key is too long."""
        return _STATE_REQUEST.encode(_StateRequest(H256(self.block), self.after))

    @classmethod
    def decode(cls, raw: bytes) -> StateRequest:
        """The request that `raw` is; DecodeError if it is none."""
        found = _decode(_STATE_REQUEST, raw, 64 + MAX_KEY)
        return cls(bytes(found.block), found.after)


@dataclass(slots=True)
class _StateRequest:
    block: H256
    after: Bounded[bytes, MAX_KEY] | None


@dataclass(slots=True)
class StateAnswer:
    """A range of a state, as the trie nodes that show it; keys and values are read from them.

    Nothing is said twice, so nothing can be said in two ways: a range cannot have a gap, a wrong
    value or an entry too many without a node missing.
    """

    nodes: Bounded[list[bytes], MAX_NODES]
    """None at all: the state is not kept here."""
    last: Bounded[bytes, MAX_KEY] | None
    """The last key of the range; None: it goes to the end of the state."""

    def encode(self) -> bytes:
        """The answer's bytes; EncodeError if it is out of bounds."""
        return _STATE_ANSWER.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> StateAnswer:
        """The answer that `raw` is; DecodeError if it is none."""
        return _decode(_STATE_ANSWER, raw, STATE_ANSWER_BYTES, MAX_NODES)


# --- warp -------------------------------------------------------------------


class WarpRequest(NamedTuple):
    """Proofs of the changes of voters above a final block."""

    begin: bytes

    def encode(self) -> bytes:
        """The request's bytes."""
        return bytes(H256(self.begin))

    @classmethod
    def decode(cls, raw: bytes) -> WarpRequest:
        """The request that `raw` is; DecodeError if it is none."""
        return cls(bytes(_decode(_HASH, raw, 32)))


@dataclass(slots=True)
class WarpFragment:
    """A header, and the proof that it is final."""

    header: Header
    justification: Justification


@dataclass(slots=True)
class WarpProof:
    """Each block that changed the voters, proven by those of before, and the last proven one."""

    fragments: Bounded[list[WarpFragment], MAX_FRAGMENTS]
    is_finished: bool
    """There is no more to prove; else ask again from the last fragment's block."""

    def encode(self) -> bytes:
        """The proof's bytes."""
        return _WARP_PROOF.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> WarpProof:
        """The proof that `raw` is; DecodeError if it is none."""
        return _decode(_WARP_PROOF, raw, WARP_BYTES, MAX_PROOF_ITEMS)


# --- gossip -----------------------------------------------------------------


@dataclass(slots=True)
class Announce:
    """A new block."""

    header: Header
    is_best: bool
    """Its sender builds on it."""

    def encode(self) -> bytes:
        """The announce's bytes."""
        return _ANNOUNCE.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Announce:
        """The announce that `raw` is; DecodeError if it is none."""
        return _decode(_ANNOUNCE, raw, ANNOUNCE_BYTES, MAX_LOGS)


class TxBatch(NamedTuple):
    """Transactions, each with its length in front, as a wallet hands them in.

    At most TX_BYTES, or one transaction alone of at most LARGE_TX_BYTES.
    """

    transactions: list[bytes]

    def encode(self) -> bytes:
        """The batch's bytes; EncodeError if there are too many."""
        return _TX.encode(self.transactions)

    @classmethod
    def decode(cls, raw: bytes) -> TxBatch:
        """The batch that `raw` is; DecodeError if it is none."""
        found = cls(_decode(_TX, raw, LARGE_TX_BYTES, MAX_TX))
        if len(raw) > TX_BYTES and len(found.transactions) > 1:
            raise DecodeError("TxBatch", 0, f"{len(raw)} bytes, {TX_BYTES} allowed for several")
        return found

    @classmethod
    def fits(cls, wire: bytes) -> bool:
        """Whether a transaction fits into a batch, if only alone."""
        return _in_batch(wire) <= LARGE_TX_BYTES - _TX_COUNT

    @classmethod
    def is_large(cls, wire: bytes) -> bool:
        """Whether a transaction can only travel alone."""
        return _in_batch(wire) > _TX_ROOM

    @classmethod
    def split(cls, transactions: Sequence[bytes]) -> list[TxBatch]:
        """As few batches as these need, in their order; what fits no batch is left out."""
        batches: list[list[bytes]] = []
        room = 0
        for wire in transactions:
            if not cls.fits(wire):
                continue
            size = _in_batch(wire)
            if size > room or len(batches[-1]) == MAX_TX:
                batches.append([])
                room = _TX_ROOM
            batches[-1].append(wire)
            room -= size
        return [cls(batch) for batch in batches]


_TX_COUNT: Final = 4  # their number comes first
_TX_ROOM: Final = TX_BYTES - _TX_COUNT


def _in_batch(wire: bytes) -> int:
    return len(compact_encode(len(wire))) + len(wire)


def _decode(kind: Codec[T], raw: bytes, limit: int, items: int = 0) -> T:
    return DecodeBudget(limit, items).decode(kind, raw)


_HASH: Final = codec(H256)
_BLOCK_REQUEST: Final = codec(_BlockRequest)
_BLOCK_ANSWER: Final = codec(Bounded[list[BlockData], MAX_BLOCKS])
_JUSTIFICATION_ANSWER: Final[Codec[bytes | None]] = codec(bytes | None)
_STATE_REQUEST: Final = codec(_StateRequest)
_STATE_ANSWER: Final = codec(StateAnswer)
_WARP_PROOF: Final = codec(WarpProof)
_ANNOUNCE: Final = codec(Announce)
_TX: Final = codec(Bounded[list[bytes], MAX_TX])
