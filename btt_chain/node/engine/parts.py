"""The components of an engine, its settings, and the interfaces that its owner provides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from btt_chain.chain.client import Client
from btt_chain.chain.notify import BlockRef
from btt_chain.consensus.babe.verify import Verified
from btt_chain.consensus.babe.worker import Authored, SlotWorker
from btt_chain.consensus.finality.gadget import Broken, Gadget
from btt_chain.consensus.importer import Importer
from btt_chain.lazyclass import dataclass
from btt_chain.node.blocks.prechecks import Prechecks
from btt_chain.node.keys.signing import Signer
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.grandpa import Stage, Target
from btt_chain.primitives.header import Header
from p2p.protocols.serve import ChainSource
from p2p.sync.machine import Sync
from p2p.sync.types import BeginState, Block, FinishState, StoreState
from runtime.apis.reports import AnyProof


class ReportBuilder(Protocol):
    """Builds the unsigned extrinsic that reports an offence, on a block's state."""

    def __call__(self, at: bytes, proof: AnyProof) -> bytes | None:
        """Return it with its length prefix; None if no authority has the offender's key."""


class StateStore(Protocol):
    """Storage for a state that is fetched by ranges, and for the blocks below it."""

    def begin(self, order: BeginState) -> None:
        """Prepare for a state."""

    def store(self, order: StoreState) -> None:
        """Write a range."""

    def finish(self, order: FinishState) -> None:
        """Make its block the final head."""

    def history(self, blocks: Sequence[Block]) -> None:
        """Write blocks below that block, highest first."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the chain, and the role of this node."""

    slot_ms: int
    validator: bool = False
    force_authoring: bool = False
    """Make blocks without peers and while syncing, too."""
    build_share: tuple[int, int] = (1, 3)
    """Maximum share of a slot to make its block."""


@dataclass(slots=True)
class Parts:
    """The components of an engine."""

    client: Client
    pool: PoolService
    importer: Importer
    gadget: Gadget
    """Replaced when a state was fetched: voting restarts from its block."""
    voting: Callable[[int], Gadget]
    """Makes the gadget again from the store, at a time."""
    sync: Sync
    source: ChainSource
    report: ReportBuilder
    state: StateStore | None = None
    """None for a node that imports block after block."""
    prechecks: Prechecks | None = None
    """The owner of sync's helper process; None for a node without."""
    worker: SlotWorker | None = None
    signer: Signer | None = None


class Watcher(Protocol):
    """Observer of the engine: log and metrics."""

    def begin(self) -> None:
        """Called before a block is made or imported; `imported` or `refused` follows."""

    def imported(self, header: Header, ref: BlockRef, verified: Verified | None, *,
                 own: bool) -> None:  # fmt: skip
        """Called after a block was imported."""

    def refused(self, hash: bytes, number: int, error: Exception) -> None:
        """Called after a block was refused, with the reason."""

    def authored(self, authored: Authored) -> None:
        """Called after we made a block; it is imported next."""

    def missed(self, slot: int, reason: str, *, forbidden: bool = False) -> None:
        """Called for a slot of ours without a block; `forbidden` by the signing record."""

    def voted(self, stage: Stage) -> None:
        """Called after we signed a vote."""

    def finalized(self, target: Target) -> None:
        """Called after a block was proven final."""

    def equivocation(self, engine: str, who: bytes) -> None:
        """Called after an equivocation was found."""

    def broken(self, broken: Broken) -> None:
        """Called after conflicting blocks were proven final: finality stops here."""
