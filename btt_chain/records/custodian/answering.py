"""Answers to demands: a custodian's program shows the chain the accesses that it promised.

A custodian that does not answer a demand in time is slashed, even if it kept its promise; so the
program looks for demands as often as for hours. A leaf that is not in the ledger was never
promised by this program: that is logged, and left to its operator.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final, Protocol

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError, InvalidAnswer
from btt_chain.client.extrinsics import Signer
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.primitives.evidence_tree import Opening
from btt_chain.records.chain import composed_as
from btt_chain.records.custodian.batches import Batch, Kind
from btt_chain.records.custodian.ledger import Ledger
from btt_chain.scale.portable import Plain

PATIENCE: Final = 120.0
"""Seconds until an answer must be in a block."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenDemand:
    """A demand for the proof that a promise was kept."""

    id: bytes
    """Hash of the promise."""
    leaf: bytes
    due: int
    """Epoch from which it counts as unanswered."""


class DemandsChain(Protocol):
    """The demands of one custodian on the chain. All methods raise ClientError."""

    async def demands(self) -> list[OpenDemand]:
        """Return the demands that are not answered."""

    async def answer(self, id: bytes, epoch: int, opening: Opening) -> None:
        """Answer a demand, and wait until the answer is final."""


class Answering:
    """The answers of one custodian, from its ledger."""

    def __init__(self, ledger: Ledger, chain: DemandsChain) -> None:
        self._ledger = ledger
        self._chain = chain
        self._missing: set[bytes] = set()
        """Demands that were logged as ones without an answer."""

    async def answer_all(self) -> int:
        """Answer all open demands; return the number of answers. Raises ClientError.

        A demand whose answer fails, or whose root is not final yet, is tried again the next time.
        """
        answered = 0
        for demand in await self._chain.demands():
            found = self._opening(demand.leaf)
            if found is None:
                if demand.id not in self._missing:
                    self._missing.add(demand.id)
                    log.error("demand %s: its leaf is not anchored", demand.id.hex())
                continue
            batch, opening = found
            try:
                await self._chain.answer(demand.id, batch.epoch, opening)
            except ClientError as error:
                log.warning("demand %s: %s", demand.id.hex(), error)
                continue
            answered += 1
            log.info("answered demand %s", demand.id.hex())
        return answered

    def _opening(self, leaf: bytes) -> tuple[Batch, Opening] | None:
        """Return the batch of an access with the leaf's proof; None if it is not anchored."""
        epoch = self._ledger.epoch_of(Kind.ACCESSES, leaf)
        batch = None if epoch is None else Batch(Kind.ACCESSES, epoch)
        if batch is None or not self._ledger.is_anchored(batch):
            return None
        tree = self._ledger.tree(batch)
        index = None if tree is None else tree.index_of(leaf)
        return None if tree is None or index is None else (batch, tree.opening(index))


class NodeDemands:
    """The demands of a custodian behind a node."""

    def __init__(self, chain: Chain, signer: Signer, custodian: bytes | None = None) -> None:
        """`signer` is the custodian's key or, if `custodian` is given, that of its proxy."""
        self.chain = chain
        """The chain by the present connection."""
        self._signer = signer
        self._custodian = custodian

    async def demands(self) -> list[OpenDemand]:
        """Return the demands that are not answered in the last final state."""
        final = await self.chain.finalized()
        who = self.chain.metadata.address(self._custodian or self._signer.account_id)
        found = await self.chain.api("HealthRecordsApi.demands", who, at=final.hash)
        if not isinstance(found, list):
            raise InvalidAnswer(f"{found!r} is not a list of demands")
        return [_demand(row) for row in found]

    async def answer(self, id: bytes, epoch: int, opening: Opening) -> None:
        """Answer a demand, and wait until the answer is final."""
        path: list[Plain] = [str(each) for each in opening.path]
        args: dict[str, Plain] = {
            "id": to_hex(id),
            "epoch": epoch,
            "opening": {"index": int(opening.index), "leaf": str(opening.leaf), "path": path},
        }
        call = composed_as(self.chain, self._signer, self._custodian, "answer", args)
        await self.chain.transactions.send(call, self._signer, wait="final", patience=PATIENCE)


def _demand(row: Plain) -> OpenDemand:
    """Return a demand from the answer of the node."""
    match row:
        case {"id": str(id), "demand": {"leaf": str(leaf), "due": int(due)}}:
            try:
                return OpenDemand(from_hex(id), from_hex(leaf), due)
            except ValueError:
                pass
    raise InvalidAnswer(f"{row!r} is not a demand")
