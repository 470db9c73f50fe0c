"""Anchoring: leaves go into the ledger, and one root of each kind an hour to the chain."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict

from btt_chain.client.errors import ClientError
from btt_chain.primitives.evidence_tree import EvidenceTree
from btt_chain.records.chain import MAX_LATE, ChainClock, RecordsChain, Root, TooLate
from btt_chain.records.custodian.batches import (
    Anchor,
    Anchored,
    AnchorFailed,
    Batch,
    Clock,
    Kind,
    Move,
    Schedule,
)
from btt_chain.records.custodian.ledger import Ledger
from btt_chain.records.documents import Json, Resource
from btt_chain.records.errors import ChainError, RecordsError
from btt_chain.records.vault import index as indexes

log = logging.getLogger(__name__)


class Anchoring:
    """The leaves and roots of one custodian."""

    def __init__(
        self, ledger: Ledger, chain: RecordsChain, account: bytes, now_ms: Callable[[], int]
    ) -> None:
        self._ledger = ledger
        self._chain = chain
        self._account = account
        self._now_ms = now_ms
        self._hour_ms = 0
        self._schedule: Schedule | None = None

    @property
    def epoch(self) -> int:
        """The open epoch. Raises ChainError before the chain was read."""
        if self._schedule is None:
            raise ChainError("the chain is not read yet: try again later")
        return self._schedule.current

    def add(self, kind: Kind, leaf: bytes) -> int:
        """Put a new leaf into the open epoch, which is returned; a known leaf stays in its own."""
        known = self._ledger.epoch_of(kind, leaf)
        if known is not None:
            return known
        self._ledger.add(kind, leaf, self.epoch)
        return self.epoch

    def on_clock(self, clock: ChainClock) -> list[Batch]:
        """Take in the chain's time, and return the batches to anchor now."""
        epoch, self._hour_ms = clock.epoch, clock.hour_ms
        if self._schedule is None:
            old = {each for each in self._ledger.unanchored() if each.epoch < epoch}
            self._schedule = Schedule(epoch, MAX_LATE, open=old)
        due = []
        for action in self._schedule.on(Clock(epoch, self._now_ms())):
            match action:
                case Anchor(batch):
                    due.append(batch)
                case Move(batch, to):
                    self._move(batch, to)
        return due

    async def anchor(self, batch: Batch) -> None:
        """Anchor a batch that `on_clock` returned; a failure is tried again later."""
        schedule = self._schedule
        if schedule is None:
            return
        try:
            tree = self._ledger.freeze(batch)
            await self._chain.anchor(batch, Root(tree.root, len(tree)))
            self._ledger.mark_anchored(batch)
        except (ClientError, RecordsError, OSError) as error:
            # Also a full disk: a batch whose failure is not noted here is never tried again.
            log.warning("%s of epoch %d: %s", batch.kind.label, batch.epoch, error)
            failed = AnchorFailed(batch, isinstance(error, TooLate), self._now_ms())
            for action in schedule.on(failed):
                if isinstance(action, Move):
                    self._move(action.batch, action.to)
            return
        schedule.on(Anchored(batch))
        log.info("anchored %s of epoch %d", batch.kind.label, batch.epoch)

    def proofs(self, wanted: Sequence[tuple[Kind, bytes]]) -> list[Resource | None]:
        """Return where each leaf is anchored, with its path; None for one that is not yet.

        The tree of a batch is built once, and one tree is in memory at a time.
        """
        places: dict[Batch, list[int]] = {}
        for place, (kind, leaf) in enumerate(wanted):
            epoch = self._ledger.epoch_of(kind, leaf)
            if epoch is not None:
                places.setdefault(Batch(kind, epoch), []).append(place)
        found: list[Resource | None] = [None] * len(wanted)
        for batch, of_batch in places.items():
            tree = self._ledger.tree(batch) if self._ledger.is_anchored(batch) else None
            if tree is not None:
                for place in of_batch:
                    found[place] = self._proof(batch, tree, wanted[place][1])
        return found

    def _proof(self, batch: Batch, tree: EvidenceTree, leaf: bytes) -> Resource | None:
        index = tree.index_of(leaf)
        if index is None:
            return None
        path = tuple(each.hex() for each in tree.proof(index))
        anchor = indexes.Anchor(
            self._account.hex(), batch.kind.label, batch.epoch, len(tree), index, path,
            self._hour_ms,
        )  # fmt: skip
        found: dict[str, Json] = {**asdict(anchor), "path": list(path), "leaf": leaf.hex()}
        return found

    def _move(self, batch: Batch, to: int) -> None:
        log.warning("%s of epoch %d were not anchored in time", batch.kind.label, batch.epoch)
        self._ledger.move(batch, to)
