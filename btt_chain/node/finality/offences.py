"""Reports of offences: an unsigned extrinsic in this node's pool, for a block of this node."""

from __future__ import annotations

import logging
from typing import Final

from btt_chain.node.engine.parts import Parts, Watcher
from btt_chain.primitives import babe_equivocation
from btt_chain.primitives.validity import TransactionSource
from btt_chain.txpool import PoolError
from runtime.apis.reports import AnyProof
from storage.state import StateUnavailable

log = logging.getLogger(__name__)


TRIES: Final = 8
"""Blocks on whose states a report is tried."""
WAITING: Final = 16
"""Maximum number of offences that wait for another state; the oldest goes first."""


class OffenceReporter:
    """Builds reports on the best block's state, and submits them to the pool."""

    def __init__(self, parts: Parts, watcher: Watcher) -> None:
        self._parts = parts
        self._watch = watcher
        self.waiting: list[tuple[AnyProof, int]] = []
        """Offences that could not be reported yet, with the number of tries that are left."""

    def report(self, proof: AnyProof) -> None:
        """Report an offence, unless it is reported already.

        If its offender has no key in force in the best block's state, which may be older than the
        offence, it is tried again on the next blocks.
        """
        babe = isinstance(proof, babe_equivocation.EquivocationProof)
        self._watch.equivocation("babe" if babe else "grandpa", bytes(proof.offender))
        if not self._submit(proof):
            self.waiting = [*self.waiting[1 - WAITING :], (proof, TRIES)]

    def retry(self) -> None:
        """Try the waiting reports on a new block's state."""
        waiting, self.waiting = self.waiting, []
        for proof, left in waiting:
            if not self._submit(proof) and left > 1:
                self.waiting.append((proof, left - 1))

    def _submit(self, proof: AnyProof) -> bool:
        """Return True if a report was submitted, or is not needed."""
        try:
            wire = self._parts.report(self._parts.client.best().hash, proof)
        except StateUnavailable as gone:
            log.info("an offence is not reported yet: %s", gone)
            return False
        if wire is None:
            return False
        try:
            self._parts.pool.submit(wire, TransactionSource.Local)
        except PoolError as error:
            log.info("the report of an offence is not needed: %s", error)
        return True
