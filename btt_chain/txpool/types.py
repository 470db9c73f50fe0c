"""Types of the pool: a transaction in it, a block that included some, a status.

Everything here is plain data. `Transaction` also carries its place in the graph of dependencies;
only the queues of this package write those fields.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.validity import TransactionSource, ValidTransaction

U64_MAX: Final = 2**64 - 1
U32_MAX: Final = 2**32 - 1
RAISE: Final = 10
"""Part of the priority by which a replacement must exceed it: a tenth. Source: Ethereum nodes."""


class BlockRef(NamedTuple):
    """A block, by height and hash."""

    number: int
    hash: bytes


class Included(NamedTuple):
    """One transaction of a block.

    `raw` is the extrinsic with its length prefix, `position` its index in the block, `provides` its
    tags, None if they are not known.
    """

    position: int
    hash: bytes
    raw: bytes
    provides: Sequence[bytes] | None = None


class ImportedBlock(NamedTuple):
    """A block of the best chain and its transactions, inherents left out."""

    ref: BlockRef
    transactions: Sequence[Included]


class Validated(NamedTuple):
    """A validation result with the data that the pool keeps for the transaction."""

    valid: ValidTransaction
    kept: object
    """Decoded values for a recheck, of a fixed size; None: a recheck needs the bytes."""
    sender: bytes | None
    """The account that signed."""
    fee: int = 0
    """Its fee with the tip, in planck."""


Validate = Callable[[bytes, TransactionSource, BlockRef], ValidTransaction | Validated]
"""Return the runtime's validation at a block; raises `Invalid` or `Unknown` of `validity`."""

Recheck = Callable[["Transaction", BlockRef], ValidTransaction | Validated]
"""The same for a transaction of the pool. The result is a `Validated` if it was decoded again."""


CanPay = Callable[[bytes, int, bytes], bool]
"""Return True if an account can pay so much in fees, in the state of the block with this hash."""


class Status(StrEnum):
    """Status of a transaction; the values are the words of JSON-RPC."""

    READY = "ready"
    FUTURE = "future"
    BROADCAST = "broadcast"
    IN_BLOCK = "inBlock"
    RETRACTED = "retracted"
    FINALITY_TIMEOUT = "finalityTimeout"
    FINALIZED = "finalized"
    USURPED = "usurped"
    DROPPED = "dropped"
    INVALID = "invalid"

    @property
    def ends(self) -> bool:
        """True if no status follows this one."""
        return self in _LAST


_LAST: Final = frozenset(
    {
        Status.FINALITY_TIMEOUT,
        Status.FINALIZED,
        Status.USURPED,
        Status.DROPPED,
        Status.INVALID,
    }
)


class StatusEvent(NamedTuple):
    """A change of status of the transaction `hash`.

    `block` and `position` (the extrinsic's index in it) come with inBlock, retracted, finalized and
    finalityTimeout; `by` with usurped; `peers` with broadcast; `reason` with dropped and invalid,
    for logs.
    """

    hash: bytes
    status: Status
    block: bytes | None = None
    position: int | None = None
    by: bytes | None = None
    peers: tuple[str, ...] = ()
    reason: str = ""

    def rpc(self) -> str | dict[str, str | list[str]]:
        """Return the `result` of an `author_extrinsicUpdate` notification."""
        name = self.status.value
        if self.block is not None:
            return {name: to_hex(self.block)}
        if self.by is not None:
            return {name: to_hex(self.by)}
        if self.status is Status.BROADCAST:
            return {name: list(self.peers)}
        return name


@dataclass(frozen=True, slots=True)
class Limit:
    """Maximum number and bytes of a queue."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of a pool. Seconds for bans, blocks for finality.

    `full_seconds` is the ban when a full pool has no room: about a slot, because after the next
    block there may be some.

    `sender_bytes` limits the bytes of one account, regardless of its tips: only included
    transactions pay. It is half of the limit of ready ones.

    `future_sender` limits the transactions of one account that wait for others, so that a few
    accounts cannot occupy that queue.

    `tracked` limits the included transactions that wait for finality: beyond it the oldest block
    times out early, so that a chain whose finality stalls does not grow the memory.
    """

    ready: Limit = Limit(8_192, 20 * 1024 * 1024)
    future: Limit = Limit(512, 1024 * 1024)
    future_sender: Limit = Limit(64, 128 * 1024)
    sender_bytes: int = 10 * 1024 * 1024
    ban_seconds: float = 30 * 60
    full_seconds: float = 6
    ban_entries: int = 2_048
    finality_blocks: int = 512
    tracked: int = 2**18
    outbox: int = 2**18


class PoolStatus(NamedTuple):
    """Number and bytes of the pool's transactions."""

    ready: int
    ready_bytes: int
    future: int
    future_bytes: int


Rank = tuple[int, int, int, bytes]


@dataclass(slots=True, eq=False)
class Transaction:
    """A valid transaction in the pool.

    `raw` is the extrinsic with its length prefix. It becomes stale at the block `valid_till`. `seq`
    counts arrivals and stays the same when it moves between the queues.
    """

    hash: bytes
    raw: bytes
    source: TransactionSource
    priority: int
    requires: tuple[bytes, ...]
    provides: tuple[bytes, ...]
    valid_till: int
    propagate: bool
    seq: int
    checked: bytes
    """Hash of the block at which it was last found valid."""
    kept: object = None
    sender: bytes | None = None
    fee: int = 0
    announced: Status | None = None
    rank: Rank = field(init=False)
    """Authoring order among transactions whose dependencies are met: the smallest goes first."""
    parents: dict[Transaction, None] = field(default_factory=dict)
    """Ready transactions that provide tags required by this one."""
    children: dict[Transaction, None] = field(default_factory=dict)
    level: int = 0
    """Greater than the level of every parent."""
    missing: dict[bytes, None] = field(default_factory=dict)
    """Required tags that no transaction provides; only in the future queue."""

    def __post_init__(self) -> None:
        self.rank = (-self.priority, self.valid_till, self.seq, self.hash)


def outbids(offered: int, held: int) -> bool:
    """Return True if a transaction of the priority `offered` replaces one of `held`.

    Each replacement is gossiped to all nodes, and only the last one pays: so it needs a raise.
    """
    needed = held + max(1, held // RAISE)
    return held < offered and offered >= min(needed, U64_MAX)


def nonce_tag(account: bytes, nonce: int) -> bytes:
    """Return the tag of a signed transaction: SCALE of (AccountId32, u32 nonce), 36 bytes."""
    return account + nonce.to_bytes(4, "little")
