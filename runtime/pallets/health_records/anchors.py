"""Anchors: the roots that custodians commit to, one of each kind an hour.

Roots are kept for 30 days, so that reports can be checked against them. Each anchor moves up to two
older ones into the log's mountain range, so the state of a log has a bounded size, and no hook is
needed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.primitives import mountain_range
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import Opening, is_tree_size, verify_absence, verify_opening
from btt_chain.scale import u32, u64
from runtime.frame import Component, DoubleMap, Hasher, Map
from runtime.pallets.health_records import errors, events
from runtime.pallets.health_records.types import (
    KEPT_EPOCHS,
    MAX_LATE,
    Batch,
    BatchKind,
    EpochKey,
    Log,
    LogId,
    OldRoot,
    TimedClock,
    epoch_key,
    old_root_leaf,
)

MAX_PRUNED: Final = 2
"""Maximum number of old roots that one anchor moves into the mountain range."""


class Anchors(Component):
    """The roots of all logs."""

    _moments: TimedClock
    _hour_ms: int

    batches = DoubleMap(LogId, EpochKey, Batch, hashers=(Hasher.Blake2_128Concat, Hasher.Identity))
    """Roots of the last 30 days, by log and epoch."""
    logs = Map(LogId, Log)
    """Older roots of each log, as a mountain range."""

    # ---- public interface

    def epoch(self) -> int:
        """Return the number of the current epoch."""
        return self._moments.moment() // self._hour_ms

    def batch(self, custodian: AccountId, kind: BatchKind, epoch: int) -> Batch | None:
        """Return the root of an epoch, if it is stored."""
        return self.batches.get((LogId(custodian, kind), epoch_key(epoch)))

    def log(self, custodian: AccountId, kind: BatchKind) -> Log:
        """Return a log's older roots."""
        return self.logs.get(LogId(custodian, kind)) or Log()

    def anchor(
        self, custodian: AccountId, kind: BatchKind, epoch: u32, root: H256, leaves: u32
    ) -> None:
        """Store the root of an epoch that is over, and prune the log.

        Raises BadTreeSize, EpochNotOver, TooOld and AlreadyAnchored.
        """
        if not is_tree_size(leaves):
            raise errors.BadTreeSize
        now = self.epoch()
        if epoch >= now:
            raise errors.EpochNotOver
        if epoch < now - MAX_LATE:
            raise errors.TooOld
        id = LogId(custodian, kind)
        log = self.log(custodian, kind)
        if epoch <= log.last:
            raise errors.AlreadyAnchored
        log.last = epoch
        self._prune(id, log, now)
        self.logs[id] = log
        self.batches[id, epoch_key(epoch)] = Batch(root, leaves, u64(self._moments.now()))
        self.deposit(events.Anchored(custodian, kind, epoch, root, leaves))

    def ensure_absent(
        self,
        custodian: AccountId,
        kind: BatchKind,
        epoch: int,
        leaf: H256,
        neighbours: Sequence[Opening],
    ) -> None:
        """Check that a leaf is not below the root of an epoch.

        Raises WindowOpen, Included and BadProof.
        """
        # A promise may name any epoch: none that is not over has a root, or a key.
        if epoch >= self.epoch():
            raise errors.WindowOpen
        batch = self.batch(custodian, kind, epoch)
        if batch is None:
            if self.is_open(custodian, kind, epoch):
                raise errors.WindowOpen
            if neighbours:
                raise errors.BadProof
            return
        leaves = int(batch.leaves)
        if verify_absence(batch.root, leaves, leaf, neighbours):
            return
        for opening in neighbours:
            if opening.leaf == leaf and verify_opening(batch.root, leaves, opening):
                raise errors.Included
        raise errors.BadProof

    def is_included(
        self, custodian: AccountId, kind: BatchKind, epoch: int, opening: Opening
    ) -> bool:
        """Return True if a leaf is below the stored root of an epoch."""
        batch = self.batch(custodian, kind, epoch)
        return batch is not None and verify_opening(batch.root, int(batch.leaves), opening)

    def is_open(self, custodian: AccountId, kind: BatchKind, epoch: int) -> bool:
        """Return True if the root of an epoch can still be anchored."""
        return epoch >= self.epoch() - MAX_LATE and epoch > self.log(custodian, kind).last

    def is_proven(
        self, custodian: AccountId, kind: BatchKind, old: OldRoot, index: int, path: Sequence[H256]
    ) -> bool:
        """Return True if a root that is no longer stored is number `index` of the log."""
        log = self.log(custodian, kind)
        leaf = old_root_leaf(old)
        return mountain_range.verify(int(log.count), log.peaks, index, leaf, path)

    # ---- internals

    def _prune(self, id: LogId, log: Log, now: int) -> None:
        """Move the oldest roots of a log into its mountain range."""
        for key in self.batches.some_under(id, MAX_PRUNED):
            epoch = int.from_bytes(key, "big")
            if epoch >= now - KEPT_EPOCHS:
                return
            batch = self.batches[id, key]
            leaf = old_root_leaf(OldRoot(u32(epoch), batch.root, batch.leaves))
            log.peaks = mountain_range.appended(int(log.count), log.peaks, leaf)
            log.count += 1
            del self.batches[id, key]
