"""What sync tells its owner, what the owner answers, and what sync reads of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from btt_chain.primitives.grandpa import AuthorityId, Justification
from btt_chain.primitives.header import Header
from p2p.network import Ask, Penalise


class BlockId(NamedTuple):
    """A block, by height and hash."""

    number: int
    hash: bytes


NOWHERE = BlockId(0, b"")
"""No block: a peer that claims nothing."""


class ChainView(Protocol):
    """What sync reads of the chain. Always as it is now."""

    def best(self) -> BlockId:
        """Return the head of the best chain."""
        ...

    def finalised(self) -> BlockId:
        """Return the last final block."""
        ...

    def hash_at(self, number: int) -> bytes | None:
        """Return the block of the best chain at a height."""
        ...

    def number(self, hash: bytes) -> int | None:
        """Return the height of a known block, None for an unknown one."""
        ...

    def gap(self) -> tuple[BlockId, int] | None:
        """Return the highest missing ancestor of a fetched state's block, and how many are missing.

        Its hash is known from the header above it. None when all are here, down to genesis.
        """
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """A whole block as others gave it; the body has the root that the header names."""

    hash: bytes
    header: Header
    body: list[bytes]
    justification: bytes | None
    senders: tuple[str, ...]
    """Who gave header and body: who answers for it."""


# --- actions for the owner --------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImportBlocks:
    """Take these in, in order; answered by one `BlocksImported` with this id."""

    id: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class ImportJustification:
    """Judge a proof that `target` is final; answered by one `JustificationJudged`."""

    target: BlockId
    raw: bytes
    peer: str


@dataclass(frozen=True, slots=True)
class BeginState:
    """Prepare for the state of this final block; what was there of another one is void.

    No answer. The chunks that follow belong to it.
    """

    proven: Proven
    links: tuple[Link, ...] = ()
    """What it was proven by, as far as this run went: for others who come the same way."""


@dataclass(frozen=True, slots=True)
class StoreState:
    """Write a verified range of the state; answered by one `StateStored`."""

    block: BlockId
    range: StateRange


@dataclass(frozen=True, slots=True)
class FinishState:
    """All ranges are written: make the block the final head. Answered by `StateFinished`."""

    proven: Proven


@dataclass(frozen=True, slots=True)
class ImportHistory:
    """Store blocks below the state's, highest first, each the parent of the one before.

    Answered by one `HistoryStored`.
    """

    blocks: tuple[Block, ...]


Order = ImportBlocks | ImportJustification | BeginState | StoreState | FinishState | ImportHistory
Action = Ask | Penalise | Order


# --- what the owner answers -------------------------------------------------


class Refusal(Enum):
    """Why a block was not taken in."""

    BAD = "bad"
    """It breaks a rule: whoever made or sent it is to blame."""
    EARLY = "early"
    """Its time has not come here: its slot, or a program that can go on from it; it may be offered
    again."""
    ORPHAN = "orphan"
    """Its parent is not known (any more)."""
    CROWDED = "crowded"
    """Its height has too many blocks for one that nobody builds on; it may be offered again."""


@dataclass(frozen=True, slots=True)
class BlocksImported:
    """The first `done` blocks were taken in (or were known); the next one was refused, if any."""

    id: int
    done: int
    refused: Refusal | None = None
    why: str = ""
    wait_ms: int = 0
    """How long until a block that is early may be offered again."""


@dataclass(frozen=True, slots=True)
class JustificationJudged:
    """A proof was accepted, or is none."""

    target: BlockId
    peer: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class StateStored:
    """A range is written."""


@dataclass(frozen=True, slots=True)
class StateFinished:
    """The block of the state is the final head now."""


@dataclass(frozen=True, slots=True)
class HistoryStored:
    """The blocks are written; `ChainView.gap` tells what is left."""


Report = BlocksImported | JustificationJudged | StateStored | StateFinished | HistoryStored


# --- warp -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proven:
    """A final block, and who votes on what comes after it."""

    block: BlockId
    header: Header | None
    """None for the block to begin with."""
    justification: Justification | None
    set_id: int
    authorities: tuple[tuple[AuthorityId, int], ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A block that changed the voters, and the proof by those of before."""

    set_id: int
    """The set that it ended."""
    block: BlockId
    justification: Justification


class StateRange(Protocol):
    """Consecutive entries of a state that were verified against its root."""

    @property
    def entries(self) -> Sequence[tuple[bytes, bytes]]:
        """Keys and values, ascending."""
        ...

    @property
    def complete(self) -> bool:
        """The range goes to the end of the state."""
        ...


class BadRange(ValueError):
    """The nodes do not show the range they are for."""


class RangeVerifier(Protocol):
    """Reads a range of a state out of trie nodes."""

    def __call__(
        self, root: bytes, after: bytes | None, nodes: Sequence[bytes], last: bytes | None
    ) -> StateRange:
        """Return the entries above `after` up to `last`. Raises BadRange."""
        ...


# --- what others read -------------------------------------------------------


class Phase(Enum):
    """What sync is at."""

    WARP = "warp"
    STATE = "state"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where sync stands, for logs and RPC."""

    phase: Phase
    starting: int
    """Height at which this run began."""
    current: int
    target: int
    """The height that most peers speak of, or what is proven, if higher."""
    rate: float
    """Blocks a second, of late."""
    seconds_left: int | None
    """None: unknown, or done."""
    state_entries: int
    """Entries of the state fetched so far, in phase STATE."""
    history_left: int
    """Blocks below the state that are still missing."""
    peers: int
    syncing: bool
    """Behind by more than a few blocks, or without a state."""
