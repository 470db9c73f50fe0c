"""Reports of offences: an unsigned extrinsic in this node's pool, for a block of this node."""

from __future__ import annotations

import logging

from btt_chain.node.parts import Parts, Watcher
from btt_chain.primitives import babe_equivocation
from btt_chain.primitives.validity import TransactionSource
from btt_chain.txpool import PoolError
from runtime.apis.reports import AnyProof
from storage.state import StateUnavailable

log = logging.getLogger(__name__)


class OffenceReporter:
    """Builds reports on the best block's state, and submits them to the pool."""

    def __init__(self, parts: Parts, watcher: Watcher) -> None:
        self._parts = parts
        self._watch = watcher

    def report(self, proof: AnyProof) -> None:
        """Report an offence, unless its offender has no key in force, or it is reported already."""
        babe = isinstance(proof, babe_equivocation.EquivocationProof)
        self._watch.equivocation("babe" if babe else "grandpa", bytes(proof.offender))
        try:
            wire = self._parts.report(self._parts.client.best().hash, proof)
        except StateUnavailable as gone:
            log.info("an offence is not reported: %s", gone)
            return
        if wire is None:
            return
        try:
            self._parts.pool.submit(wire, TransactionSource.Local)
        except PoolError as error:
            log.info("the report of an offence is not needed: %s", error)
