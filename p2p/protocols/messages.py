"""Requests, answers and announces of nodes, in SCALE, with a bound on everything.

Each kind has `encode()` and `decode(raw)`; most are a `Message`. `decode` raises DecodeError for
anything that is not exactly one message within its bounds. Bounds are checked before what they
bound is read, so that a few bytes cannot claim much memory.

Headers are sent as the bytes that are hashed, bodies as lists of extrinsics without a length prefix
of their own. `WarpProof` is byte for byte Substrate's `WarpSyncProof`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial
from typing import Annotated, ClassVar, Final, NamedTuple, Self, TypeVar

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import Justification
from btt_chain.primitives.header import Header
from btt_chain.primitives.limits import MAX_LOGS
from btt_chain.scale import (
    Bounded,
    Codec,
    DecodeBudget,
    DecodeError,
    Fixed,
    MaxLen,
    Variant,
    codec,
    u8,
    u32,
)
from btt_chain.scale.compact import compact_decode

MIB: Final = 1 << 20

MAX_BLOCKS: Final = 128
"""Maximum number of blocks in one answer."""
MAX_EXTRINSICS: Final = 262_144
"""Maximum number of blocks and extrinsics of an answer: BLOCKS_BYTES hold 80,000 small ones."""
BLOCKS_BYTES: Final = 8 * MIB
"""Size of an answer at which no more blocks are added; the first one is always sent."""
ANSWER_BYTES: Final = 16 * MIB
"""Maximum size of an answer about blocks; a larger one is not decoded."""
JUSTIFICATION_BYTES: Final = 4 * MIB
STATE_BYTES: Final = MIB // 4
"""Size at which a range of a state ends: 15 ms of work for either side."""
STATE_ANSWER_BYTES: Final = 4 * MIB
WARP_BYTES: Final = 8 * MIB
MAX_PROOF_ITEMS: Final = 131_072
"""Maximum number of fragments, votes (132 bytes each), headers and digest items of a proof."""
MAX_FRAGMENTS: Final = 16_384
MAX_KEY: Final = 32_768
"""Maximum size of a storage key: the trie's own limit (its nibbles are counted in 16 bits)."""
MAX_NODES: Final = 16_384
"""Maximum trie nodes of a range of STATE_BYTES: each but the root has 32 bytes or more."""
ANNOUNCE_BYTES: Final = 16 << 10
"""Maximum size of an announce. The header of a block that changes 150 authorities and voters has 13
KiB."""
ANNOUNCED_BODY_BYTES: Final = 1 << 10
"""Maximum size of a body in an announce: the inherents and six transfers or so."""
ANNOUNCED_EXTRINSICS: Final = 16
TX_BYTES: Final = 64 << 10
"""Maximum size of a batch of transactions; a larger transaction is sent alone."""
LARGE_TX_BYTES: Final = MIB - (1 << 10)
"""Maximum size of a batch with one transaction: with its envelope it fits into a gossip RPC."""
MAX_TX: Final = 1_024
"""Maximum number of transactions of a batch; of the shortest, 600 fit into TX_BYTES."""
MAX_BODY: Final = 65_536
"""Maximum number of extrinsics of one block."""

T = TypeVar("T")

Hash = Annotated[bytes, Fixed(32)]


class Message:
    """A message whose bytes are those of its record."""

    __slots__ = ()

    BUDGET: ClassVar[DecodeBudget]
    """Bounds of a whole message."""

    def encode(self) -> bytes:
        """Return the message's bytes. Raises EncodeError if it is out of bounds."""
        return codec(type(self)).encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Decode a message. Raises DecodeError."""
        return cls.BUDGET.decode(codec(cls), raw)


# --- blocks -----------------------------------------------------------------


class Direction(IntEnum):
    """Direction from the first block."""

    ASCENDING = 0
    DESCENDING = 1


HEADER: Final = 1
BODY: Final = 2
JUSTIFICATION: Final = 4
"""Requested parts of each block: bits of `BlockRequest.fields`."""
ALL: Final = HEADER | BODY | JUSTIFICATION


class FromHash(Variant, index=0, unnamed=True):
    """Start with the block of this hash."""

    hash: H256


class FromNumber(Variant, index=1, unnamed=True):
    """Start with the block at this height of the best chain."""

    number: u32


Start = FromHash | FromNumber


class BlockRequest(NamedTuple):
    """Request for up to `limit` blocks from `start` on; ascending: of the best chain."""

    start: bytes | int
    """Hash or height."""
    direction: Direction
    limit: int
    """1 to MAX_BLOCKS."""
    fields: int

    def encode(self) -> bytes:
        """Return the request's bytes. Raises EncodeError or ValueError if it is out of bounds."""
        first = self.start
        start: Start = FromNumber(u32(first)) if isinstance(first, int) else FromHash(H256(first))
        return _BLOCK_REQUEST.encode(
            _BlockRequest(start, u8(self.direction), u8(self.limit), u8(self.fields))
        )

    @classmethod
    def decode(cls, raw: bytes) -> BlockRequest:
        """Decode a request. Raises DecodeError."""
        found = _DECODE_BLOCK_REQUEST(raw)
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
    """One block of an answer; None: not asked for, or not available."""

    hash: H256
    header: bytes | None
    """SCALE bytes; they hash to `hash` if the sender is honest."""
    body: Annotated[list[bytes], MaxLen(MAX_BODY)] | None
    justification: bytes | None
    """GRANDPA's justification, in SCALE."""


@dataclass(slots=True)
class BlockAnswer(Message):
    """Blocks in the order asked for; fewer than asked for, or none, when there are no more."""

    BUDGET: ClassVar = DecodeBudget(ANSWER_BYTES, MAX_EXTRINSICS)

    blocks: Bounded[list[BlockData], MAX_BLOCKS]


# --- justifications ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JustificationRequest(Message):
    """Request for the proof that a block is final."""

    BUDGET: ClassVar = DecodeBudget(32, 0)

    hash: Hash


@dataclass(frozen=True, slots=True)
class JustificationAnswer(Message):
    """The proof, None if the node has none."""

    BUDGET: ClassVar = DecodeBudget(JUSTIFICATION_BYTES, 0)

    justification: bytes | None


# --- state ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StateRequest(Message):
    """Request for a range of the state after `block`: keys above `after`, None for the first."""

    BUDGET: ClassVar = DecodeBudget(64 + MAX_KEY, 0)

    block: Hash
    after: Bounded[bytes, MAX_KEY] | None


@dataclass(slots=True)
class StateAnswer(Message):
    """A range of a state, as the trie nodes that prove it; keys and values are read from them.

    Nothing is redundant, so a range has one form: a gap, a wrong value or an additional entry shows
    as a missing node.
    """

    BUDGET: ClassVar = DecodeBudget(STATE_ANSWER_BYTES, MAX_NODES)

    nodes: Bounded[list[bytes], MAX_NODES]
    """Empty if the state is not kept."""
    last: Bounded[bytes, MAX_KEY] | None
    """Last key of the range; None: it goes to the end of the state."""


# --- warp -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WarpRequest(Message):
    """Request for the proofs of the changes of voters above a final block."""

    BUDGET: ClassVar = DecodeBudget(32, 0)

    begin: Hash


@dataclass(slots=True)
class WarpFragment:
    """A header, and the proof that it is final."""

    header: Header
    justification: Justification


@dataclass(slots=True)
class WarpProof(Message):
    """Each block that changed the voters, proven by those before, and the last proven one."""

    BUDGET: ClassVar = DecodeBudget(WARP_BYTES, MAX_PROOF_ITEMS)

    fragments: Bounded[list[WarpFragment], MAX_FRAGMENTS]
    is_finished: bool
    """True if there is no more to prove; otherwise ask again from the last fragment's block."""


# --- gossip -----------------------------------------------------------------


@dataclass(slots=True)
class Announce:
    """A new block."""

    header: Header
    is_best: bool
    """True if its sender builds on it."""

    body: list[bytes] | None = None
    """Its extrinsics if they are few and small; None: they are to be requested."""

    @classmethod
    def of(cls, header: Header, body: Sequence[bytes], *, is_best: bool) -> Announce:
        """Return the announce of a block of our own, with its body if that is small."""
        size = 1 + sum(map(_in_batch, body))  # the list has its length in one byte
        is_small = 0 < len(body) <= ANNOUNCED_EXTRINSICS and size <= ANNOUNCED_BODY_BYTES
        return cls(header, is_best, list(body) if is_small else None)

    def encode(self) -> bytes:
        """Return the announce's bytes: the body follows the rest, if there is one."""
        head = _HEADER.encode(self.header) + _BOOL.encode(self.is_best)
        return head if self.body is None else head + _BODY.encode(self.body)

    @classmethod
    def decode(cls, raw: bytes) -> Announce:
        """Decode an announce. Raises DecodeError."""
        (header, is_best), at = _ANNOUNCE.decode_parts("Announce", (_HEADER, _BOOL), raw)
        if at == len(raw):
            return cls(header, is_best)
        body = _DECODE_BODY(raw[at:])
        if not body:
            raise DecodeError("Announce", at, "a body without extrinsics")
        return cls(header, is_best, body)


def read_announce(raw: bytes, body_root: Callable[[list[bytes]], bytes]) -> Announce:
    """Decode an announce of a peer; `body_root` returns the extrinsics root of a body.

    Raises DecodeError, too, for a body that is not the header's.
    """
    announce = Announce.decode(raw)
    body = announce.body
    if body is not None and body_root(body) != announce.header.extrinsics_root:
        raise DecodeError("Announce", 0, "a body that is not the header's")
    return announce


def announced_height(raw: bytes) -> int:
    """Return the height of an announced header, before it is decoded.

    The cost is the same for the largest announce and for the smallest. Raises DecodeError if the
    bytes end early, or if the height or the number of digest items is out of range.
    """
    height, at = compact_decode(raw, _HASH_BYTES)
    if height > u32.MAX:
        raise DecodeError("Announce", _HASH_BYTES, f"height {height} is out of range")
    logs, at = compact_decode(raw, at + 2 * _HASH_BYTES)
    if logs > MAX_LOGS:
        raise DecodeError("Announce", at, f"{logs} digest items, {MAX_LOGS} allowed")
    return height


class TxBatch(NamedTuple):
    """Transactions, each with its length prefix, as a wallet submits them.

    At most TX_BYTES, or a single transaction of at most LARGE_TX_BYTES.
    """

    transactions: list[bytes]

    def encode(self) -> bytes:
        """Return the batch's bytes. Raises EncodeError if there are too many."""
        return _TX.encode(self.transactions)

    @classmethod
    def decode(cls, raw: bytes) -> TxBatch:
        """Decode a batch. Raises DecodeError."""
        found = cls(_DECODE_TX(raw))
        if len(raw) > TX_BYTES and len(found.transactions) > 1:
            raise DecodeError("TxBatch", 0, f"{len(raw)} bytes, {TX_BYTES} allowed for several")
        return found

    @classmethod
    def fits(cls, wire: bytes) -> bool:
        """Return True if a transaction fits into a batch, if only as its single one."""
        return _in_batch(wire) <= LARGE_TX_BYTES - _TX_COUNT

    @classmethod
    def is_large(cls, wire: bytes) -> bool:
        """Return True if a transaction is too large for a batch with others."""
        return _in_batch(wire) > _TX_ROOM

    @classmethod
    def split(cls, transactions: Sequence[bytes]) -> list[TxBatch]:
        """Return these transactions in batches, in their order, without those that fit none."""
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


_HASH_BYTES: Final = 32
_TX_COUNT: Final = 4  # the length prefix of the list
_TX_ROOM: Final = TX_BYTES - _TX_COUNT


def _in_batch(wire: bytes) -> int:
    size = len(wire)
    return size + (1 if size < 1 << 6 else 2 if size < 1 << 14 else 4)


def _decoder(kind: Codec[T], limit: int, items: int = 0) -> Callable[[bytes], T]:
    """Return a function that decodes a whole message within its bounds."""
    return partial(DecodeBudget(limit, items).decode, kind)


_BLOCK_REQUEST: Final = codec(_BlockRequest)
_HEADER: Final = codec(Header)
_BOOL: Final = codec(bool)
_BODY: Final = codec(Bounded[list[bytes], ANNOUNCED_EXTRINSICS])
_TX: Final = codec(Bounded[list[bytes], MAX_TX])

_DECODE_BLOCK_REQUEST: Final = _decoder(_BLOCK_REQUEST, 64)
_ANNOUNCE: Final = DecodeBudget(ANNOUNCE_BYTES, MAX_LOGS)
_DECODE_BODY: Final = _decoder(_BODY, ANNOUNCED_BODY_BYTES, ANNOUNCED_EXTRINSICS)
_DECODE_TX: Final = _decoder(_TX, LARGE_TX_BYTES, MAX_TX)
