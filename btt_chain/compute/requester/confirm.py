"""A requester's check of a confidential result: no verifier may do it, so the requester does.

One item in sixteen is computed again, or all if the job was posted so; the items are selected by a
secret of the job and so are unknown to all others. If all match the receipt, it is accepted and the
provider paid at once; if not, the first wrong element is proven to the chain. Needs numpy.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from btt_chain.compute.blobs.fetching import ProviderSource
from btt_chain.compute.blobs.payload import transcript_context
from btt_chain.compute.blobs.sealing import SealError, open_sealed, sealed_size
from btt_chain.compute.blobs.transport import BlobHost
from btt_chain.compute.environment import Chain
from btt_chain.compute.requester.folder import Folder, Record, Signer, randomness_of, split
from btt_chain.compute.verifier.checking import Finding, Look, NotHad, Source, look_at
from btt_chain.work import ids
from btt_chain.work.errors import WorkError
from btt_chain.work.execute import Executor
from runtime.pallets.receipts import events
from runtime.pallets.receipts.types import Valid, WrongEdge

if TYPE_CHECKING:
    from btt_chain.client.typed import Executed
    from btt_chain.crypto.keypair import KeyPair
    from runtime.pallets.jobs.views import JobView

R = TypeVar("R")

log = logging.getLogger(__name__)


class CannotLook(Exception):
    """A requirement of the check is missing: the model, or the inputs."""


async def look(folder: Folder, host: BlobHost, record: Record, view: JobView) -> Finding:
    """Check a part of a confidential result. Raises CannotLook."""
    receipt, info, items = view.receipt, view.provider_info, folder.items(record)
    if receipt is None or info is None or items is None:
        raise CannotLook("its inputs are not here any more")
    count, rho, over = int(record.items), randomness_of(record, receipt.id), asyncio.Event()
    over.set()  # what is not served now is requested again at the next block
    chosen = ids.sample(rho, count, int(receipt.sample_count))
    task = Look(
        receipt.id, count, view.input_root, receipt.item_root, receipt.output_root, rho, chosen,
        key=record.leaf_key,
    )  # fmt: skip
    source = _Own(ProviderSource(host, split(info.endpoints), over), record, receipt.id, items)
    return await look_at(task, await asyncio.to_thread(_executor, folder, record), source, _Aside())


async def answer(chain: Chain, signer: Signer, view: JobView, finding: Finding) -> bool:
    """Accept a right result, or prove a wrong one. Return True if the chain took either.

    Raises ClientError.
    """
    if view.receipt is None:
        return False
    id, job = view.receipt.id, view.id.hex()[:12]
    if isinstance(finding.verdict, Valid):
        await chain.submit("Receipts", "accept_result", signer=signer.pair, receipt=id)
        return True
    log.error("job 0x%s: the result is wrong (%s), and is not accepted", job, finding.verdict)
    sent = await prove(chain, signer.pair, id, finding) if signer.shows else None
    if sent is None:
        return False
    if any(isinstance(event, events.FalseProof) for event in sent.events):
        log.error("job 0x%s: the chain refused the fraud proof", job)
        return False
    log.warning("job 0x%s: the chain accepted the fraud proof", job)
    return True


async def prove(chain: Chain, pair: KeyPair, receipt: bytes, finding: Finding) -> Executed | None:
    """Send the proof of a finding; None if it has none. Raises ClientError."""
    proof = proof_of(receipt, finding)
    if proof is None:
        return None
    name, args = proof
    return await chain.submit("Receipts", name, signer=pair, **args)


def proof_of(receipt: bytes, finding: Finding) -> tuple[str, dict[str, object]] | None:
    """Return name and arguments of the call that proves a finding; None if it has no proof."""
    if finding.fraud is not None:
        return "prove_fraud", {"receipt": receipt, "proof": finding.fraud}
    if finding.edge is None:
        return None
    output = isinstance(finding.verdict, WrongEdge) and finding.verdict.output
    return "prove_edge", {"receipt": receipt, "proof": finding.edge, "output": output}


def _executor(folder: Folder, record: Record) -> Executor:
    package = folder.package(record.model)
    if package is None:
        raise CannotLook("its model is not here: post confidential jobs with its package")
    try:
        return Executor(package.model)
    except WorkError as reason:
        raise CannotLook(str(reason)) from None


class _Own:
    """A provider's blobs of our job: inputs are taken from here, and tensors are sealed to us."""

    def __init__(self, source: Source, record: Record, receipt: bytes, items: bytes) -> None:
        self._source: Final = source
        self._record: Final = record
        self._receipt: Final = receipt
        self._items: Final = items

    async def blob(self, name: str, most: int) -> bytes:
        """Return roots as they are served, and tensors opened. Raises NotHad."""
        raw = await self._source.blob(name, sealed_size(most))
        if name.startswith("roots/"):
            return raw
        context = transcript_context(self._receipt, _item_of(name))
        try:
            return await asyncio.to_thread(
                open_sealed, raw, self._record.keys.reply_secret, context
            )
        except SealError as error:
            raise NotHad(str(error)) from None

    async def beginning(self, name: str, length: int) -> bytes:
        """Return the input of an item."""
        at = _item_of(name) * length
        return self._items[at : at + length]

    async def besides(self, name: str, most: int) -> bytes:
        """Return an optional blob. Raises NotHad."""
        return await self._source.besides(name, most)


def _item_of(name: str) -> int:
    return int(name.rpartition("/")[2])


class _Aside:
    """Executes items on a thread of its own."""

    async def run(self, work: Callable[[], R]) -> R:
        """Run a long computation. Raises what it raises."""
        return await asyncio.to_thread(work)
