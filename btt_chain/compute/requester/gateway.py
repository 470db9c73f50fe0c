"""The requester's side of useful work: serves payloads and fetches results, across restarts.

A job's inputs and its secret are on the disk before it is posted; after a restart the program
continues from there. Inputs are sealed only to a provider whose assignment is final, and sealed
again to another one assigned later. A result counts only if it is what the receipt on the chain
commits to. Names and data stay in the folder: files are private, and log lines contain only a job's
id.

`decide` makes the decisions, `Gateway` does input and output; files are in `folder`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from enum import Enum, auto
from typing import Final

from btt_chain.client.errors import ClientError, Disconnected
from btt_chain.client.paging import PAGE, pages
from btt_chain.client.typed import Head
from btt_chain.compute.blobs.payload import (
    payload_context,
    payload_pieces,
    result_context,
)
from btt_chain.compute.blobs.sealing import (
    SealError,
    open_pieces,
    seal_pieces,
    sealed_size,
)
from btt_chain.compute.blobs.store import BlobError, BlobStore
from btt_chain.compute.blobs.transport import (
    BlobHost,
    FetchFailed,
    NotKept,
    payload_name,
    result_name,
)
from btt_chain.compute.environment import Chain
from btt_chain.compute.requester.folder import (
    Folder,
    Record,
    Signer,
    randomness_of,
    split,
)
from btt_chain.daemon import is_past
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32
from btt_chain.work.layout import tensor_layout
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import JobState, Tier
from runtime.pallets.jobs.views import JobView
from runtime.pallets.receipts.types import Missing, Phase

log = logging.getLogger(__name__)

READ: Final = 1 << 20
FETCH: Final = 300.0
"""Seconds for a result; then the chain is read again."""
GIVE_UP_MS: Final = 86_400_000
"""Milliseconds after the last change of a job, by final blocks and by the clock, after which one
that the last final block does not have was never posted, or is forgotten by the chain."""
COMMITTED: Final = (
    JobState.Committed, JobState.Checking, JobState.Pending, JobState.Finalized,
)  # fmt: skip
"""States with a receipt that may stand."""
LOST: Final = (JobState.Refunded, JobState.Slashed)
ENDED: Final = (JobState.Finalized, *LOST)


# ---- decisions


class Step(Enum):
    """The gateway's next step for a job."""

    WAIT = auto()
    SEAL = auto()
    """Seal the payload to the provider whose assignment is final, and serve it."""
    FETCH = auto()
    """Fetch the result, and compare it with the receipt."""
    CHECK = auto()
    """Check a confidential result: no verifier does."""
    CLOSE = auto()
    """Forget the inputs of a job that is over."""


def decide(record: Record, best: JobView, final: JobView | None, *, has_result: bool) -> Step:
    """Return the next step of a job, by its views in the best and the last final block.

    The payload is sealed to the provider in the final block only: a fork that assigns the job to
    another provider must not disclose the inputs to two. Nor is anything deleted by another block.
    """
    if final is not None and final.state in LOST:
        return Step.CLOSE
    if best.state in COMMITTED:
        if not has_result:
            return Step.FETCH
        if final is not None and final.state is JobState.Finalized:
            return Step.CLOSE
        disputable = best.state is JobState.Pending and record.tier is Tier.Confidential
        return Step.CHECK if disputable else Step.WAIT
    if final is None or final.state not in (JobState.Assigned, JobState.Computing):
        return Step.WAIT
    if final.provider_info is None or record.sealed_for == final.provider:
        return Step.WAIT
    return Step.SEAL if best.provider == final.provider else Step.WAIT


def shown(best: JobView, final: JobView | None) -> JobView | None:
    """Return the view of a job to report: it is over only if that is final; None: not yet."""
    return best if best.state not in ENDED else final


def may_ask(record: Record, best: JobView, window: int) -> bool:
    """Return True if it is time to request on the chain what the provider does not serve.

    The request costs 1 % of the price, so the provider has half of the available time; `window` is
    its number of slots to answer. The result of a receipt with a planted error may not be served
    yet.
    """
    receipt = best.receipt
    if receipt is None or receipt.phase is not Phase.Pending or receipt.had_planted_error:
        return False
    last = int(receipt.due) - window
    half = int(best.since) + (last - int(best.since)) // 2
    asked = any(one.by == record.requester for one in receipt.challenges)
    return half <= best.now < last and not asked


class ResultRefused(Exception):
    """The fetched result does not match the receipt's commitment, or does not open."""


def open_result(record: Record, job: bytes, output_root: bytes, sealed: Iterable[bytes]) -> bytes:
    """Open a result and compare it with the receipt. Raises ResultRefused."""
    try:
        outputs = b"".join(open_pieces(sealed, record.keys.reply_secret, result_context(job)))
    except SealError as error:
        raise ResultRefused(str(error)) from None
    check_outputs(record, output_root, outputs)
    return outputs


def check_outputs(record: Record, output_root: bytes, outputs: bytes) -> None:
    """Compare outputs with the receipt's commitment. Raises ResultRefused."""
    wanted = int(record.items) * record.output_bytes
    if len(outputs) != wanted:
        raise ResultRefused(f"{len(outputs)} bytes of outputs in place of {wanted}")
    if record.output_root(outputs) != output_root:
        raise ResultRefused("the outputs are not those that the receipt commits to")


class Gateway:
    """Serves payloads, fetches results, until every job of a folder is over."""

    def __init__(
        self,
        folder: Folder,
        chain: Chain,
        host: BlobHost,
        store: BlobStore,
        report: Callable[[Record, JobView], None] = lambda *_: None,
        signer: Signer | None = None,
    ) -> None:
        """`report` is called with views of open jobs (see `shown`); `host` serves `store`.

        Without a `signer` nothing is sent to the chain, and confidential results are not checked.
        """
        self.chain = chain
        """The chain; replaced by another connection to it when a node went away."""
        self._folder = folder
        self._host = host
        self._store = store
        self._report = report
        self._signer = signer
        self._window: int | None = None
        self._settled: set[str] = set()
        """Jobs whose result needs no further action."""
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._served: set[str] = set()

    async def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Process every block. Raises Disconnected, and the errors of the folder."""
        try:
            async for head in self.chain.heads():
                await self.step(head)
                if until():
                    return
        finally:
            for task in self._at_work.values():
                task.cancel()
            await asyncio.gather(*self._at_work.values(), return_exceptions=True)
            self._at_work.clear()

    async def step(self, head: Head) -> None:
        """Process every job once. Long operations continue in tasks.

        Raises Disconnected, Damaged.
        """
        self._serve_shared()
        for record in self._folder.records():
            if record.over:
                continue
            try:
                await self._look(record, head)
            except Disconnected:
                raise
            except (ClientError, BlobError, SealError, OSError, ResultRefused) as error:
                log.warning("job %s: %s; trying again", _id(record), error)

    async def settle(self) -> None:
        """Wait until all tasks have ended."""
        while self._at_work:
            await asyncio.gather(*self._at_work.values(), return_exceptions=True)

    async def _look(self, record: Record, head: Head) -> None:
        best, final = await self._views(record, head)
        if best is None and final is None:
            # It is not known yet whether the job was posted, or a fork has undone the posting: the
            # same transaction in another block may have made a job with another id.
            if await self._adopt(record, head):
                best, final = await self._views(record, head)
            elif self._is_old(record, head):
                await self._give_up(record, head)
        best = best or final
        if best is None:
            return
        has_result = self._folder.result(record) is not None
        view = shown(best, final)
        if view is not None:
            self._report(record, view)
        step = decide(record, best, final, has_result=has_result)
        if step is Step.FETCH and await self._may_ask(record, best):
            # Also during a fetch: a peer that sends a byte now and then does not deliver.
            self._begin(f"{record.name} asking", record, self._ask(record, best))
        if record.name in self._at_work:
            return
        if step is Step.CLOSE and final is not None:
            await self._end(record, final)
        elif step is Step.SEAL and final is not None:
            self._begin(record.name, record, asyncio.to_thread(self._seal, record, final))
        elif step is Step.FETCH:
            self._begin(record.name, record, self._fetch(record, best))
        elif step is Step.CHECK and self._signer_of(record) and record.name not in self._settled:
            self._begin(record.name, record, self._check(record, best))

    async def _views(self, record: Record, head: Head) -> tuple[JobView | None, JobView | None]:
        """Return the job of a record in the best and in the last final block."""
        if record.job is None:
            return None, None
        best = await self.chain.api(WorkApi.job, record.job, at=head.hash)
        return best, await self.chain.api(WorkApi.job, record.job, at=head.final_hash)

    def _is_old(self, record: Record, head: Head) -> bool:
        """Return True if it is a day since the last change of a job: nothing can post it now.

        A node that is behind is not a day further than the job, and a clock may jump.
        """
        slot_ms = self.chain.slot_ms
        last = (self._folder.changed_ms(record) + GIVE_UP_MS) // slot_ms
        return is_past(last, head.final_slot, slot_ms, time.time_ns() // 1_000_000)

    async def _give_up(self, record: Record, head: Head) -> None:
        """Delete a job that was never posted, and the inputs of one that the chain forgot."""
        job = await self._find(record, head.final_hash, open_=False)
        if job is not None:
            record.job = job
            self._folder.save(record)
        elif record.job is None:
            self._folder.forget(record)
        else:
            self._close(record)

    async def _adopt(self, record: Record, head: Head) -> bool:
        """Find the job of a record by its reply key. Return True if it was found."""
        job = await self._find(record, head.hash, open_=True)
        if job is None:
            return False
        record.job, record.sealed_for = job, None
        self._folder.save(record)
        return True

    async def _find(self, record: Record, block: bytes, *, open_: bool) -> H256 | None:
        """Return the id of the job with the reply key of a record."""
        jobs = pages(
            lambda after: self.chain.api(
                WorkApi.jobs, record.requester, open_, after, u32(PAGE), at=block
            ),
            lambda job: job.id,
            first=None,
        )
        async for job in jobs:
            if job.reply_key == record.keys.reply_public:
                return job.id
        return None

    def _begin(self, name: str, record: Record, work: Coroutine[object, object, None]) -> None:
        """Start a task; no other one is started under this name meanwhile."""

        async def attempt() -> None:
            try:
                await work
            except (ClientError, BlobError, SealError, OSError, FetchFailed, NotKept) as error:
                log.info("job %s: %s; trying again", _id(record), error)
            except ResultRefused as error:
                log.warning("job %s: the result is refused: %s", _id(record), error)
            finally:
                del self._at_work[name]

        self._at_work[name] = asyncio.create_task(attempt())

    def _seal(self, record: Record, final: JobView) -> None:
        items = self._folder.items(record)
        if items is None or final.provider_info is None:
            log.warning("job %s: it cannot be computed: its inputs are not stored", _id(record))
            return
        plain = payload_pieces(record.leaf_key, _cut(items))
        context = payload_context(final.id)
        self._store.put(
            payload_name(final.id), seal_pieces(plain, final.provider_info.seal, context)
        )
        record.sealed_for = final.provider
        self._folder.save(record)
        log.info("job %s: the payload waits for its provider", _id(record))

    async def _fetch(self, record: Record, best: JobView) -> None:
        """Fetch and open a result. Raises what fetching and opening raise."""
        if best.provider_info is None or best.receipt is None:
            return
        name = result_name(best.id)
        limit = sealed_size(int(record.items) * record.output_bytes)
        await self._host.fetch(
            split(best.provider_info.endpoints), name, self._store, limit=limit, seconds=FETCH
        )
        try:
            outputs = await asyncio.to_thread(
                open_result, record, best.id, best.receipt.output_root, self._store.pieces(name)
            )
        finally:
            # Sealed or not, it is not needed any more: the opened result is kept.
            self._store.drop(name)
        self._folder.keep_result(record, outputs)
        log.info("job %s: received the result", _id(record))

    # ---- transactions of the requester

    def _signer_of(self, record: Record) -> Signer | None:
        signer = self._signer
        return signer if signer and signer.pair.account_id == record.requester else None

    async def _may_ask(self, record: Record, best: JobView) -> bool:
        signer = self._signer_of(record)
        if signer is None or f"{record.name} asking" in self._at_work:
            return False
        if record.tier is Tier.Confidential and not signer.shows:
            return False
        if self._window is None:
            self._window = int((await self.chain.api(WorkApi.rules)).transcript_slots)
        return may_ask(record, best, self._window)

    async def _ask(self, record: Record, best: JobView, place: Missing | None = None) -> None:
        """Request a leaf of the provider on the chain; by default one of an output."""
        signer = self._signer_of(record)
        if best.receipt is None or signer is None:
            return
        if place is None:
            randomness = int.from_bytes(randomness_of(record, best.receipt.id), "little")
            leaves = tensor_layout(record.outputs[0]).count
            place = Missing(
                u32(randomness % int(record.items)),
                record.places[0],
                u32((randomness >> 32) % leaves),
            )
        await self.chain.submit(
            "Receipts", "challenge_data", signer=signer.pair, receipt=best.receipt.id,
            item=place.item, tensor=u32(place.tensor), leaf=place.leaf,
        )  # fmt: skip
        log.warning(
            "job %s: requested on the chain the data that its provider does not serve", _id(record)
        )

    async def _check(self, record: Record, best: JobView) -> None:
        """Check a confidential result. Raises ClientError."""
        signer = self._signer_of(record)
        if signer is None:
            return
        try:
            from btt_chain.compute.requester import confirm  # noqa: PLC0415 - an extra
        except ImportError as missing:
            self._leave_unchecked(record, missing)
            return
        try:
            finding = await confirm.look(self._folder, self._host, record, best)
        except confirm.CannotLook as reason:
            self._leave_unchecked(record, reason)
            return
        if isinstance(finding.verdict, Missing):
            log.info("job %s: %s; trying again", _id(record), finding.why)
            if await self._may_ask(record, best):
                await self._ask(record, best, finding.verdict)
        elif not await confirm.answer(self.chain, signer, best, finding):
            self._settled.add(record.name)

    def _leave_unchecked(self, record: Record, reason: Exception) -> None:
        log.warning("job %s: the result cannot be checked: %s", _id(record), reason)
        self._settled.add(record.name)

    # ---- afterwards

    async def _end(self, record: Record, final: JobView) -> None:
        """Close a job that is over; a result that came with a reverted block is fetched again."""
        outputs = self._folder.result(record)
        if final.state is JobState.Finalized and outputs is not None and final.receipt is not None:
            root = final.receipt.output_root
            try:
                await asyncio.to_thread(check_outputs, record, root, outputs)
            except ResultRefused:
                self._folder.drop_result(record)
                raise
        self._close(record)

    def _close(self, record: Record) -> None:
        """Delete data that are not needed any more; what the requester may want to see stays."""
        if record.job is not None:
            self._store.drop(payload_name(record.job))
        self._folder.drop_items(record)
        record.over = True
        self._folder.save(record)

    def _serve_shared(self) -> None:
        for name, file in self._folder.shared():
            if name in self._served:
                continue
            if not self._store.has(name):
                with file.open("rb") as source:
                    self._store.put(name, iter(lambda: source.read(READ), b""))
            self._served.add(name)


def _cut(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for at in range(0, len(view), READ):
        yield bytes(view[at : at + READ])


def _id(record: Record) -> str:
    return "not posted yet" if record.job is None else f"0x{record.job.hex()[:12]}"
