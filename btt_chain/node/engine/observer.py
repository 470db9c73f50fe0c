"""The engine's events in the log and the metrics."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.chain.notify import BlockRef
from btt_chain.consensus.babe.verify import Verified
from btt_chain.consensus.babe.worker import Authored
from btt_chain.consensus.finality.gadget import Broken
from btt_chain.node.engine import log_lines
from btt_chain.primitives.grandpa import Stage, Target
from btt_chain.primitives.header import Header
from btt_chain.telemetry.metrics import Metrics
from runtime.frame import StateRootMismatch
from runtime.pallets.session.pallet import Session

log = logging.getLogger("btt_chain.node.blocks")
babe_log = logging.getLogger("btt_chain.node.babe")
grandpa_log = logging.getLogger("btt_chain.node.grandpa")

MISMATCH_EVERY: Final = 600.0
"""Seconds between two errors about a wrong state root: a cheating validator could fill the log."""


class NodeWatcher:
    """Writes log lines and metrics (`parts.Watcher`)."""

    def __init__(
        self, client: Client, metrics: Metrics, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._begun: float | None = None
        self._mismatch_at: float | None = None
        self.is_syncing: Callable[[], bool] = lambda: False
        """Returns True while sync is far behind; blocks are then logged at debug level only."""

    def begin(self) -> None:
        """Record the start of an import."""
        self._begun = self._clock()

    def imported(
        self, header: Header, ref: BlockRef, verified: Verified | None, *, own: bool
    ) -> None:
        """Log an imported block."""
        seconds = 0.0 if self._begun is None else self._clock() - self._begun
        self._begun = None
        self._metrics.chain.on_imported(seconds, is_own=own)
        level = logging.DEBUG if self.is_syncing() else logging.INFO
        if not log.isEnabledFor(level):
            return
        log.log(
            level,
            "%s",
            log_lines.imported(
                ref.number,
                ref.hash,
                author=None if verified is None else self._validator(ref.hash, verified),
                slot=None if verified is None else verified.slot,
                transactions=max(len(self._client.body(ref.hash) or ()) - 1, 0),
                milliseconds=seconds * 1000,
                is_best=self._client.best().hash == ref.hash,
            ),
        )

    def refused(self, hash: bytes, number: int, error: Exception) -> None:
        """Log a refused block."""
        self._begun = None
        self._metrics.chain.on_import_failed("invalid")
        if isinstance(error, StateRootMismatch) and self._may_report_mismatch():
            log.error(
                "block %d 0x%s leads to state root 0x%s here, and to 0x%s by its header. If the "
                "others go on without it, its author made an invalid block. If they build on it, "
                "this node's program or database is wrong: stop it, compare its version with "
                "theirs, then purge-chain and sync again; docs/runbooks.md",
                number, hash.hex(), error.got.hex(), error.want.hex(),
            )  # fmt: skip
            return
        log.warning("refused block %d %s: %s", number, log_lines.short(hash), error)

    def _may_report_mismatch(self) -> bool:
        now, last = self._clock(), self._mismatch_at
        if last is not None and now - last < MISMATCH_EVERY:
            return False
        self._mismatch_at = now
        return True

    def authored(self, authored: Authored) -> None:
        """Log a block that we made."""
        kind = "primary" if authored.primary else "secondary"
        babe_log.debug("made a block for slot %d (%s)", authored.slot, kind)
        self._metrics.authoring.on_slot("claimed")
        self._metrics.authoring.on_proposed(
            0.0 if self._begun is None else self._clock() - self._begun, authored.proposal.included
        )

    def missed(self, slot: int, reason: str, *, forbidden: bool = False) -> None:
        """Log a slot of ours without a block."""
        self._metrics.authoring.on_slot("refused" if forbidden else "missed")
        babe_log.warning("missed slot %d: %s", slot, reason)

    def voted(self, stage: Stage) -> None:
        """Count a vote of ours; a primary's hint (PROPOSE) is not a vote."""
        if stage is not Stage.PROPOSE:
            self._metrics.finality.on_vote("prevote" if stage is Stage.PREVOTE else "precommit")

    def finalized(self, target: Target) -> None:
        """Log a final block."""
        best = self._client.best().number
        level = logging.DEBUG if self.is_syncing() else logging.INFO
        log.log(level, "%s", log_lines.finalized(target.number, bytes(target.hash), best=best))

    def equivocation(self, engine: str, who: bytes) -> None:
        """Log an equivocation of a validator."""
        self._metrics.finality.on_equivocation("babe" if engine == "babe" else "grandpa")
        where = babe_log if engine == "babe" else grandpa_log
        where.warning("equivocation of the validator with key 0x%s; it is reported", who.hex())

    def broken(self, broken: Broken) -> None:
        """Log that a third of the voters signed conflicting blocks."""
        target = broken.proof.target
        grandpa_log.error(
            "block %d %s is proven final, and so is %d %s, on another fork: a third or more of the "
            "voters signed both. This node votes and finalizes no more. Keep its database: the "
            "proofs in it name them",
            target.number, log_lines.short(bytes(target.hash)),
            broken.final.number, log_lines.short(bytes(broken.final.hash)),
        )  # fmt: skip

    def _validator(self, block: bytes, verified: Verified) -> bytes | None:
        """Return the account of a block's author, from the block's own state."""
        queries = self._client.runtime_at(block).queries
        queries.runtime.enter(self._client.overlay(block))
        validators = queries.runtime.pallet(Session).validators.value
        index = verified.author_index
        return bytes(validators[index]) if index < len(validators) else None
