"""The driver of a provider: chain, network, disk and processor around `provider.py`.

`run` is called with one connection after the other; jobs under way continue in between. The log
contains ids and reasons, never computed data. Needs numpy.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from btt_chain.client.errors import ClientError, Disconnected, DispatchFailed
from btt_chain.client.typed import Head
from btt_chain.compute.blobs.fetching import ModelShelf, NoModel
from btt_chain.compute.blobs.payload import BadPayload
from btt_chain.compute.blobs.sealing import SealError
from btt_chain.compute.blobs.store import BlobError, BlobStore
from btt_chain.compute.blobs.transport import BlobHost, FetchFailed, NotKept
from btt_chain.compute.environment import Chain
from btt_chain.compute.provider.actions import (
    Abandon,
    Action,
    Answer,
    Claim,
    Compute,
    Ended,
    Expose,
    Fetch,
    Forget,
    Heartbeat,
    Keep,
    Lost,
    Publish,
    Refuse,
    RevealPlantedError,
    Right,
    Submit,
    Weigh,
)
from btt_chain.compute.provider.calls import DEFAULT_VRF, PlantedErrors, call_of
from btt_chain.compute.provider.folder import Folder
from btt_chain.compute.provider.machine import Provider, Time
from btt_chain.compute.provider.records import Record
from btt_chain.compute.provider.upkeep import Registration, Upkeep
from btt_chain.compute.provider.workshop import (
    Stopped,
    Workshop,
    needs_of,
    payload_of,
    payload_size,
    serves_sums,
)
from btt_chain.compute.public.sets import add_shipped
from btt_chain.compute.requester.folder import split
from btt_chain.compute.worker import ThreadWorker
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.vrf import Vrf
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.work.engines import Engine
from btt_chain.work.errors import NotExact, WorkError
from btt_chain.work.execute import Executor
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.views import JobView, ModelView, Rules

R = TypeVar("R")

log = logging.getLogger(__name__)

FETCH_SECONDS: Final = 600.0
"""Maximum seconds of one attempt to fetch a payload."""
MAX_MEMORY: Final = 1 << 30
SPARE_DISK: Final = 1 << 30
"""Bytes that stay free on the disk."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a provider."""

    account: AccountId
    folder: Folder
    pair: KeyPair
    """The signing key of the provider's account."""
    engine: Engine
    at_a_time: int = 1
    """Number of jobs that are computed at the same time."""
    keep_slots: int | None = None
    """Slots for which the data of a receipt are served once its job is over; None: seven days."""
    memory: int = MAX_MEMORY
    """Bytes that the tensors of one item may take."""
    report: Callable[[str], None] = log.info
    """Called with messages for the user."""
    progress: Callable[[H256, int, int], None] = lambda *_: None
    """Called with the number of a job's computed items."""
    vrf: Vrf = DEFAULT_VRF
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    """The clock: milliseconds since 1970."""


class Providing:
    """Runs a provider until it is cancelled."""

    def __init__(
        self,
        settings: Settings,
        host: BlobHost,
        inbox: BlobStore,
        served: BlobStore,
        rules: Rules,
        registration: Registration,
    ) -> None:
        """`served` is the store that `host` serves. Raises Damaged, OSError."""
        self._settings = settings
        self._host = host
        self._inbox = inbox
        self._rules = rules
        folder = settings.folder
        self._workshop: Final = Workshop(
            settings.account, rules.genesis, folder.seal_secret, inbox, served, settings.engine
        )
        self._planted: Final = PlantedErrors(folder.vrf, int(rules.planted_error_ppm), settings.vrf)
        self._upkeep: Final = Upkeep(settings.account, registration)
        records = folder.records()
        self._machine: Final = Provider(
            settings.account,
            payload_slots=int(rules.transcript_slots),
            slot_ms=int(rules.slot_ms),
            at_a_time=settings.at_a_time,
            keep_slots=settings.keep_slots,
            records=records,
        )
        for job in {name.split("/")[1] for name in served.names("making/")}:
            # Removes what a crash left unfinished.
            self._workshop.abandon(H256(bytes.fromhex(job)), payload=False)
        self._processor: Final = ThreadPoolExecutor(settings.at_a_time, "provider")
        self._disk: Final = ThreadPoolExecutor(1, "provider-disk")
        self._shelf_worker: Final = ThreadWorker()
        self._shelf: Final = ModelShelf(served, host, self._shelf_worker)
        self._chain: Chain | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stops: dict[H256, threading.Event] = {}
        self._fetches: dict[H256, asyncio.Task[None]] = {}
        self._now = 0
        self._block: bytes | None = None
        """The best block by which the machine decides."""
        self._broken: BaseException | None = None
        """An unexpected failure: only a restart finds out how far the step came."""

    async def run(self, chain: Chain) -> None:
        """Process every block. Raises Disconnected, NotRegistered."""
        self._chain = chain
        async for head in chain.heads():
            if self._broken is not None:
                raise self._broken
            try:
                await self._update(head)
            except Disconnected:
                raise
            except ClientError as error:
                log.warning("block %s: %s; continuing with the next", head.number, error)

    async def close(self) -> None:
        """Stop everything. Steps that are not on the disk are repeated after a restart."""
        for stop in self._stops.values():
            stop.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._processor.shutdown(wait=True, cancel_futures=True)
        self._disk.shutdown(wait=True)
        self._shelf_worker.close()

    # ---- reading

    async def _update(self, head: Head) -> None:
        genesis = int(self._rules.genesis_slot)
        clock = self._settings.now_ms() // int(self._rules.slot_ms)
        time = Time(head.slot - genesis, head.final_slot - genesis, clock - genesis)
        self._now, self._block = time.slot, head.hash
        best = await self._views(head.hash, ())
        final = await self._views(head.final_hash, best) if best else {}
        self._do(self._machine.seen(time, best, final))
        if self._upkeep.is_due(self._now):
            state = await self._upkeep.read(self._connected(), head)
            if state is not None:
                self._do(self._machine.upkeep(self._now, *state))
            self._upkeep.checked(self._now)

    async def _views(self, block: bytes, jobs: Iterable[H256]) -> dict[H256, JobView | None]:
        """Return our jobs in a block, and those of `jobs` and of the machine that are not ours."""
        chain = self._connected()
        found = await chain.api(WorkApi.assignments, self._settings.account, at=block)
        views: dict[H256, JobView | None] = {view.id: view for view in found}
        for job in {*jobs, *self._machine.open_jobs()} - views.keys():
            views[job] = await chain.api(WorkApi.job, job, at=block)
        return views

    def _connected(self) -> Chain:
        if self._chain is None:
            raise Disconnected("not connected")
        return self._chain

    # ---- actions

    def _do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            log.debug("slot %d: %s", self._now, _what(action))
            match action:
                case Weigh(view):
                    self._spawn(self._weigh(view))
                case Fetch(view):
                    self._fetches[view.id] = self._spawn(self._fetch(view))
                case Compute(view):
                    self._spawn(self._compute(view))
                case Keep(record):
                    self._spawn(self._keep(record))
                case Right(record):
                    self._spawn(self._rewrite(record, self._workshop.right))
                case Publish(record):
                    self._spawn(self._rewrite(record, self._workshop.publish))
                case Forget(record):
                    self._spawn(self._forget(record))
                case Abandon(job):
                    self._abandon(job)
                case Ended(view):
                    self._report_end(view)
                    self._spawn(self._try(view.id, partial(self._workshop.abandon, view.id)))
                case Lost(view):
                    log.error(
                        "job %s has a receipt of this account that is not on this disk: it was "
                        "made elsewhere, or the disk was replaced. Nothing of it can be shown",
                        _id(view.id),
                    )
                case _:
                    self._spawn(self._send(action))

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error

    async def _weigh(self, view: JobView) -> None:
        """Assess whether a job can be done here, in the block that has the job.

        The best block may be on another branch by now, which need not have its model.
        """
        why, block = None, self._block
        try:
            model = await self._connected().api(WorkApi.model, view.model, at=block)
            manifest = await self._connected().api(WorkApi.manifest, view.model, at=block)
            if model is None or manifest is None:
                why = "its model is not registered"
            else:
                needs = needs_of(manifest.graph, int(view.items), sums=serves_sums(model, view))
                free = shutil.disk_usage(self._settings.folder.path).free - SPARE_DISK
                most = self._settings.memory
                if needs.memory > most:
                    why = f"an item takes {needs.memory} bytes of memory, {most} are allowed"
                elif needs.disk > free:
                    why = f"it takes {needs.disk} bytes of disk, {max(0, free)} are free"
                else:
                    await self._shelf.executor(view.model, split(model.endpoints))
        except NoModel as error:
            why = str(error)
        except ClientError as error:
            # The assessment lasts until the offer is about to end; then the job is accepted.
            log.warning("job %s: %s", _id(view.id), error)
            return
        if why is not None:
            log.warning("job %s is declined: %s", _id(view.id), why)
        self._do(self._machine.weighed(view.id, self._now, why))

    async def _fetch(self, view: JobView) -> None:
        """Fetch the payload and check it."""
        name = payload_of(view)
        try:
            executor = await self._executor(view)
            graph = executor.model.graph
            if view.requester is None and not self._inbox.has(name):
                await self._on_disk(lambda: add_shipped(self._inbox, name))
            if not self._inbox.has(name):
                limit = payload_size(graph, int(view.items))
                await self._host.fetch(
                    split(view.endpoints), name, self._inbox, limit=limit, seconds=FETCH_SECONDS
                )
            await self._on_disk(lambda: self._workshop.check_payload(view, graph))
        except (SealError, BadPayload) as error:
            self._inbox.drop(name)
            log.warning("job %s: invalid payload: %s", _id(view.id), error)
            self._do(self._machine.missing(view.id, self._now, str(error)))
        except FetchFailed as error:
            self._do(self._machine.missing(view.id, self._now, str(error)))
        except (NoModel, NotKept, BlobError, OSError, ClientError) as error:
            if isinstance(error, BlobError):
                self._inbox.drop(name)
            log.error("job %s: %s; trying again", _id(view.id), error)  # noqa: TRY400
            self._do(self._machine.failed(view.id, self._now, str(error)))
        else:
            self._do(self._machine.fetched(view.id))
        finally:
            self._fetches.pop(view.id, None)

    async def _compute(self, view: JobView) -> None:
        stop = self._stops[view.id] = threading.Event()
        settings, loop = self._settings, asyncio.get_running_loop()
        settings.report(f"job {_id(view.id)}: computing {int(view.items)} items")

        def progress(done: int, of: int) -> None:
            loop.call_soon_threadsafe(settings.progress, view.id, done, of)

        try:
            model = await self._model(view)
            executor = await self._shelf.executor(view.model, split(model.endpoints))
            record = await loop.run_in_executor(
                self._processor,
                lambda: self._workshop.compute(
                    view, executor, plants_error=self._planted.is_required(view),
                    sums=serves_sums(model, view), slot=lambda: self._now,
                    progress=progress, stop=stop,
                ),
            )  # fmt: skip
        except Stopped:
            self._do(self._machine.failed(view.id, self._now, "stopped"))
        except NotExact:
            raise  # the program ends: an attempt of this engine could only be slashed
        except (NoModel, WorkError, SealError, BadPayload, BlobError, OSError, ClientError,
                MemoryError) as error:  # fmt: skip
            log.error("job %s: %s; trying again", _id(view.id), error)  # noqa: TRY400
            self._do(self._machine.failed(view.id, self._now, str(error)))
        else:
            self._do(self._machine.computed(record))
        finally:
            del self._stops[view.id]

    async def _keep(self, record: Record) -> None:
        await self._write(record, lambda: self._settings.folder.keep(record), lambda: record)

    async def _rewrite(self, record: Record, change: Callable[[Record], Record]) -> None:
        changed: list[Record] = []

        def work() -> None:
            changed.append(change(record))
            self._settings.folder.keep(changed[0])

        await self._write(record, work, lambda: changed[0])

    async def _write(
        self, record: Record, work: Callable[[], None], kept: Callable[[], Record]
    ) -> None:
        try:
            await self._on_disk(work)
        except (OSError, BlobError) as error:
            log.error("job %s: %s; trying again", _id(record.job), error)  # noqa: TRY400
            self._do(self._machine.not_kept(record, self._now))
        else:
            self._do(self._machine.kept(kept(), self._now))

    async def _forget(self, record: Record) -> None:
        def work() -> None:
            self._settings.folder.forget(record)
            self._workshop.forget(record)

        await self._try(record.job, work)

    def _abandon(self, job: H256) -> None:
        if job in self._stops:
            self._stops[job].set()
        if job in self._fetches:
            self._fetches[job].cancel()
        self._spawn(self._try(job, partial(self._workshop.abandon, job)))

    async def _try(self, job: H256, work: Callable[[], None]) -> None:
        """Remove data of a job; a failure is only logged, because leftovers do no harm."""
        try:
            await self._on_disk(work)
        except (OSError, BlobError) as error:
            log.warning("job %s: %s", _id(job), error)

    async def _on_disk(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)

    async def _model(self, view: JobView) -> ModelView:
        model = await self._connected().api(WorkApi.model, view.model)
        if model is None:
            raise NoModel("its model is not registered any more")
        return model

    async def _executor(self, view: JobView) -> Executor:
        model = await self._model(view)
        return await self._shelf.executor(view.model, split(model.endpoints))

    # ---- sending

    async def _send(self, action: Action) -> None:
        ok = False
        try:
            ok = await self._submit(action)
        except DispatchFailed as error:
            ok = True  # it came into a block; what the state says next decides
            log.warning("%s: %s", _what(action), error)
        except ClientError as error:
            log.warning("%s: %s; trying again", _what(action), error)
        except (BlobError, SealError, BadPayload, OSError) as error:
            log.error("%s: %s; trying again", _what(action), error)  # noqa: TRY400
        finally:
            if isinstance(action, Heartbeat | Claim):
                self._machine.upkept(action, self._now, ok=ok)
            else:
                self._machine.sent(action, self._now, ok=ok)

    async def _submit(self, action: Action) -> bool:
        """Send the call of an action. Return True if it came into a block, or is not needed."""
        call = call_of(action)
        match action:
            case Refuse(job, why):
                log.warning("job %s: the payload is refused: %s", _id(job), why)
            case RevealPlantedError(record):
                call = self._planted.reveal(record)
            case Expose(record):
                was, right = await self._on_disk(partial(self._workshop.exposure, record))
                args = {"receipt": record.receipt, "was": was, "right": right}
                call = "Receipts", "expose_voters", args
            case Answer(record, view, item, tensor, leaf):
                executor, place = await self._executor(view), (item, tensor, leaf)
                proof = await self._on_disk(
                    partial(self._workshop.leaf, record, view, executor, place)
                )
                call = "Receipts", "answer_data", {"receipt": record.receipt, "proof": proof}
        if call is None:
            return True
        pallet, name, args = call
        await self._connected().submit(pallet, name, signer=self._settings.pair, **args)
        self._report_sent(action)
        return True

    def _report_sent(self, action: Action) -> None:
        if isinstance(action, Submit):
            record = action.record
            self._settings.report(f"job {_id(record.job)}: committed {_id(record.receipt)}")

    def _report_end(self, view: JobView) -> None:
        outcome = "" if view.outcome is None else f" ({view.outcome.name})"
        self._settings.report(f"job {_id(view.id)}: {view.state.name.lower()}{outcome}")


def _id(hash: bytes) -> str:
    return f"0x{hash.hex()[:12]}"


def _what(action: Action) -> str:
    return type(action).__name__.lower()
