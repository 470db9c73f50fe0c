"""Types of sync: its actions, its owner's reports, and its view of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import Justification
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId
from p2p.network import Ask, Penalise


class BlockId(NamedTuple):
    """A block, by height and hash."""

    number: int
    hash: bytes


class ChainView(Protocol):
    """The chain as read by sync. Always current."""

    def best(self) -> BlockId:
        """Return the head of the best chain."""
        ...

    def finalized(self) -> BlockId:
        """Return the last final block."""
        ...

    def hash_at(self, number: int) -> bytes | None:
        """Return the block of the best chain at a height."""
        ...

    def number(self, hash: bytes) -> int | None:
        """Return the height of a known block, None for an unknown one."""
        ...

    def gap(self) -> tuple[BlockId, int] | None:
        """Return the highest missing ancestor of a fetched state's block, and the number missing.

        Its hash is known from the header above it. None when all are stored, down to genesis.
        """
        ...

    def keeps_body(self, number: int) -> bool:
        """Return True if a final block at this height would not lose its body at once."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """A complete block as received; its body has the root that the header states."""

    hash: bytes
    header: Header
    body: list[bytes]
    justification: bytes | None
    senders: tuple[str, ...]
    """Peers that sent its header and body: they are responsible for it."""


# --- actions for the owner --------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImportBlocks:
    """Import these blocks in order; answered by one `BlocksImported` with this id."""

    id: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class PrecheckBlocks:
    """Blocks of a long sync that will be imported, in order, each on the one before.

    Their signatures may be checked until then. No answer; nothing depends on it.
    """

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class ImportJustification:
    """Verify a proof that `target` is final; answered by one `JustificationJudged`."""

    target: BlockId
    raw: bytes
    peer: str


@dataclass(frozen=True, slots=True)
class BeginState:
    """Prepare for the state of this final block; a partial state of another one is void.

    No answer. The chunks that follow belong to it.
    """

    proven: Proven
    links: tuple[Link, ...] = ()
    """Changes of voters with their proofs, as far as this run fetched them, to serve to others."""
    start: Proven | None = None
    """The block at which the proofs begin, if it is not known from the chain that is here."""
    trusted: BlockId | None = None
    """The trusted block that the chain of `proven` was found to have."""


@dataclass(frozen=True, slots=True)
class StoreState:
    """Write a verified range of the state; answered by one `StateStored`."""

    block: BlockId
    range: StateRange


@dataclass(frozen=True, slots=True)
class FinishState:
    """Make the block the final head: all ranges are written. Answered by `StateFinished`."""

    proven: Proven


@dataclass(frozen=True, slots=True)
class ImportHistory:
    """Store blocks below the state's, highest first, each the parent of the one before.

    Answered by one `HistoryStored`.
    """

    blocks: tuple[Block, ...]


Order = (
    ImportBlocks
    | PrecheckBlocks
    | ImportJustification
    | BeginState
    | StoreState
    | FinishState
    | ImportHistory
)
Action = Ask | Penalise | Order


# --- reports of the owner ---------------------------------------------------


class Refusal(Enum):
    """Reason why a block was not imported."""

    BAD = "bad"
    """It breaks a rule: its author or sender is at fault."""
    EARLY = "early"
    """Its slot is in the future, or its runtime is not available here; it may be offered again."""
    ORPHAN = "orphan"
    """Its parent is not known (any more)."""
    NOT_TRUSTED = "not trusted"
    """Its chain does not have the trusted block: its senders follow another one."""
    TOO_MANY_FORKS = "too many forks"
    """Its height has too many blocks for another one without children; it may be offered again."""


@dataclass(frozen=True, slots=True)
class BlocksImported:
    """The first `done` blocks were imported (or were known); the next one was refused, if any."""

    id: int
    done: int
    refused: Refusal | None = None
    why: str = ""
    wait_ms: int = 0
    """Milliseconds until an early block may be offered again."""


@dataclass(frozen=True, slots=True)
class JustificationJudged:
    """A proof was accepted or refused."""

    target: BlockId
    peer: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class StateStored:
    """A range is written."""


@dataclass(frozen=True, slots=True)
class StateFinished:
    """The block of the state is now the final head."""


@dataclass(frozen=True, slots=True)
class HistoryStored:
    """The blocks are written; `ChainView.gap` returns what is left."""


Report = BlocksImported | JustificationJudged | StateStored | StateFinished | HistoryStored


# --- warp -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proven:
    """A final block, and the voters on the blocks after it."""

    block: BlockId
    header: Header | None
    """None for genesis as the starting block."""
    justification: Justification | None
    """None for the starting block."""
    set_id: int
    authorities: tuple[tuple[AuthorityId, int], ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A block that changed the voters, and its proof by the previous voters."""

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
        """True if the range goes to the end of the state."""
        ...


class BadRange(ValueError):
    """The nodes do not prove their range."""


class RangeVerifier(Protocol):
    """Reads a range of a state from trie nodes."""

    def __call__(
        self, root: bytes, after: bytes | None, nodes: Sequence[bytes], last: bytes | None
    ) -> StateRange:
        """Return the entries above `after` up to `last`. Raises BadRange."""
        ...


# --- progress ----------------------------------------------------------------


class Phase(Enum):
    """Phase of sync."""

    WARP = "warp"
    STATE = "state"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of sync, for logs and RPC."""

    phase: Phase
    starting: int
    """Height at which this run started."""
    current: int
    target: int
    """Height that most peers claim, or that of our best block or header, if higher."""
    rate: float
    """Recent blocks per second."""
    seconds_left: int | None
    """None: unknown, or done."""
    state_entries: int
    """Entries of the state fetched so far, in phase STATE."""
    history_left: int
    """Blocks below the state that are still missing."""
    peers: int
    syncing: bool
    """True if it is behind by more than a few blocks, or without a state."""
