"""Posting jobs, serving their payloads, and waiting until they are over.

`job list` imports this, too: libp2p, which takes seconds, is imported where it is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

from btt_chain.client.amount import AmountError
from btt_chain.client.chain import read_head
from btt_chain.client.jsonrpc import Connection
from btt_chain.client.views import ViewClient
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.requester.folder import Folder, Record, Signer, new_record
from btt_chain.daemon import Absent, Presence
from btt_chain.present.times import span
from btt_chain.primitives import ss58
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.files import Held
from btt_chain.primitives.job_tier import Tier
from btt_chain.primitives.slots import slots_in_time
from btt_chain.scale import u32, u64, u128
from btt_chain.work.ids import model_id
from cli.commands.job_inputs import ensure_registered_preparation
from cli.commands.job_result import print_result
from cli.common import show
from cli.common.computing import follow_work, serve_blobs
from cli.common.errors import ExitCode, Mistyped, NotFound, Refused
from cli.common.ids import JOB, resolve
from cli.common.sending import Sender
from cli.common.session import is_local
from cli.common.working import view_chain
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.events import Posted
from runtime.pallets.jobs.types import ENDED, JobState, Outcome
from runtime.pallets.jobs.views import JobView, WorkQuote

if TYPE_CHECKING:
    from btt_chain.client.typed import RuntimeClient
    from btt_chain.compute.requester.gateway import Gateway
    from btt_chain.work.inputs.files import Inputs
    from btt_chain.work.package import Package

HANDED_OVER: Final = (JobState.Committed, JobState.Checking, JobState.Pending, *ENDED)
"""States in which the payload is not needed any more."""
LOST: Final = (JobState.Refunded, JobState.Slashed)
"""States of a job that has no result."""

MIN_DEADLINE: Final = 30
"""Slots of the default deadline beside twice the chain's minimum; 30 seconds if they are shorter
than a second."""
MAX_DEADLINE: Final = 100_800
"""Maximum deadline, in slots."""

STORIES: Final = {
    JobState.Posted: "posted: waiting for a beacon that selects a provider",
    JobState.Assigned: "assigned to {provider}",
    JobState.Computing: "computing: {provider} took it",
    JobState.Committed: "committed: the provider is done and has committed to what it computed",
    JobState.Checking: "checking: verifiers look at it",
    JobState.Pending: "pending: it stands unless it is proven wrong in time",
    JobState.Finalized: "finalized: the provider is paid",
    JobState.Refunded: "refunded: your money is back",
    JobState.Slashed: "slashed: the provider was proven wrong; your money is back",
}


class Session:
    """State of `submit` between its steps."""

    def __init__(
        self, chain: RuntimeClient, folder: Folder, url: str, timeout: float, signer: Signer,
        sender: Sender,
    ) -> None:  # fmt: skip
        self.chain = chain
        self.folder = folder
        self.url = url
        self.timeout = timeout
        self.signer = signer
        self.sender = sender
        self.as_json = sender.as_json
        self.currency = chain.chain.metadata.currency
        self._states: dict[str, JobView] = {}
        self._bar: Callable[[JobState, int], None] = lambda _state, _left: None

    @asynccontextmanager
    async def gateway(
        self, listen: str | None, public: tuple[str, ...]
    ) -> AsyncIterator[Gateway | None]:
        """Serve the folder; yield None if another program does already."""
        if runs(self.folder):
            show.note("a gateway runs: it serves the payload")
            yield None
            return
        async with serving(
            self.chain, self.folder, listen, public, self._report, self.signer
        ) as made:
            yield made

    async def post(self, package: Package, inputs: Inputs, options: dict[str, Any]) -> Record:
        """Store the job, then post it. Refused if it costs too much or is not reachable."""
        tier, check, urgency = options["tier"], options["check"], options["urgency"]
        manifest = package.manifest
        model = model_id(manifest)
        raw = inputs.raw
        await ensure_registered_preparation(self.chain, package)
        quote: WorkQuote | None = await self.chain.api(
            WorkApi.quote, model, u32(len(inputs.names)), urgency, check, tier, u64(len(raw))
        )
        quote, endpoints = offered(quote, model), served_at(self.folder)
        deadline = options["deadline"] or ample_deadline(quote, self.chain.slot_ms)
        self._print_quote(quote, len(inputs.names))
        record = new_record(
            manifest, model, self.signer.pair.account_id, list(inputs.names),
            list(package.preparation.labels), tier,
        )  # fmt: skip
        call = self.chain.compose(
            "Jobs", "post", model=H256(model), items=record.items,
            input_root=record.input_root(raw), tier=tier, check=check,
            urgency=urgency, max_price=u128(self._limit(options["max_price"], quote)),
            data_bytes=u64(len(raw)), deadline=u32(deadline),
            reply_key=record.keys.reply_public, endpoints=endpoints,
        )  # fmt: skip
        wire, _ = await self.sender.prepare(self.chain.chain, call)
        self.folder.add(record, raw)
        if tier is Tier.Confidential:
            # Only the requester will check it, and for that the model is needed.
            self.folder.add_model(model, b"".join(package.chunks()))
        # Whatever is raised, a fork may post it yet: the gateway finds it by its key, or forgets it
        # after a day.
        done = await self.sender.executed(self.chain, call, wire)
        posted = [event for event in done.events if isinstance(event, Posted)]
        record.job = posted[0].job
        self.folder.save(record)
        # Now: whatever interrupts the command later, the caller has the id.
        show.note(f"job {to_hex(record.job)}")
        return record

    def _limit(self, given: str | None, quote: WorkQuote) -> int:
        if given is None:
            return int(quote.price) * 105 // 100
        try:
            return self.currency.parse(given)
        except AmountError as error:
            raise Mistyped(f"--max-price: {error}") from None

    def _print_quote(self, quote: WorkQuote, items: int) -> None:
        price, checking, deposit = (
            self.currency.format(int(part))
            for part in (quote.price, quote.verification, quote.deposit)
        )
        show.note(
            f"{show.counted(items, 'item')}: {price} for the work, "
            f"{checking} for checking it at most, {deposit} deposit"
        )

    def _report(self, record: Record, view: JobView) -> None:
        """Print the changes."""
        self._bar(view.state, int(view.due) - int(view.now))
        before = self._states.get(record.name)
        self._states[record.name] = view
        if before is None or (before.state, before.provider) != (view.state, view.provider):
            show.note(story(view))

    async def follow(self, record: Record, gateway: Gateway | None, *, is_whole: bool) -> JobView:
        """Wait until the job is handed over, or over if `is_whole`, with the expected result."""
        from btt_chain.compute.requester.gateway import shown

        def over() -> bool:
            view = self._states.get(record.name)
            if view is None or view.state not in (ENDED if is_whole else HANDED_OVER):
                return False
            waits = is_whole and view.state is JobState.Finalized
            return not waits or self.folder.result(record) is not None

        async def watch(chain: RuntimeClient) -> None:
            if gateway is not None:
                gateway.chain = chain
                await gateway.run(over)
                await gateway.settle()
                return
            async for head in chain.heads():
                # After a fork the job may have another id, which the gateway finds.
                job = record.job = self.folder.stored(record).job
                if job is not None:
                    best = await chain.api(WorkApi.job, job, at=head.hash)
                    final = await chain.api(WorkApi.job, job, at=head.final_hash)
                    view = final if best is None else shown(best, final)
                    if view is not None:
                        self._report(record, view)
                if over():
                    return

        with job_bar(self.chain.slot_ms, silent=self.as_json) as self._bar:
            await follow_work(self.url, self.timeout, watch, self.chain.genesis)
        return self._states[record.name]

    def print_posted(self, record: Record) -> None:
        """Print that the job is posted."""
        self._print(record, JobState.Posted)
        if not self.as_json:
            show.good("The job is posted; the gateway serves its payload.")

    async def print_end(self, record: Record, view: JobView, *, wait: bool) -> int:
        """Print the end of the job, and its result."""
        if view.state in LOST:
            if self.as_json:
                self._print(record, view.state)
            raise Refused(f"job {to_hex(record.job or b'')}: {story(view)}")
        if wait:
            job = await read_job(self.url, self.timeout, to_hex(record.job or b""))
            print_result(self.folder, record, job, self.as_json, None)
            return ExitCode.DONE
        self._print(record, view.state)
        if not self.as_json:
            show.note(f"the result: btt-chain job result {to_hex(record.job or b'')}")
        return ExitCode.DONE

    def _print(self, record: Record, state: JobState) -> None:
        facts = {"job": to_hex(record.job or b""), "state": state.name.lower()}
        if self.as_json:
            show.document(facts)
        else:
            show.record(facts)


def offered(quote: WorkQuote | None, model: bytes) -> WorkQuote:
    """Return the quote of a job. NotFound if the model cannot be used."""
    if quote is None:
        raise NotFound(
            f"the model {to_hex(model)} is not registered, or it may not be used now: "
            "register it with `btt-chain model register`"
        )
    return quote


def served_at(folder: Folder) -> bytes:
    """Return the addresses of a folder's gateway. Refused if none ever ran."""
    endpoints = folder.endpoints()
    if not endpoints:
        raise Refused("no gateway ever ran here, so the payload could not be fetched")
    return endpoints


def ample_deadline(quote: WorkQuote, slot_ms: int) -> int:
    """Return a deadline that most providers can meet, in slots of this length."""
    spare = slots_in_time(MIN_DEADLINE, slot_ms)
    return min(MAX_DEADLINE, spare + 2 * int(quote.min_deadline))


def story(view: JobView) -> str:
    """Return an explanation of a job's state."""
    provider = "no provider" if view.provider is None else ss58.encode(view.provider)
    text = STORIES[view.state].format(provider=provider)
    is_plain = view.outcome in (None, Outcome.Done)
    return text if is_plain or view.outcome is None else f"{text} ({view.outcome.name})"


@contextmanager
def job_bar(slot_ms: int, *, silent: bool) -> Iterator[Callable[[JobState, int], None]]:
    """Show a bar for a job on a terminal; yield a function of its state and the slots left."""
    with show.progress(silent=silent) as bars:
        task = bars.add_task("job", total=int(JobState.Finalized))

        def update(state: JobState, slots_left: int) -> None:
            # The states of a job that goes well come first, in their order.
            step, left = min(state, JobState.Finalized), slots_left * slot_ms
            words = (
                f"{state.name.lower()}, at most {span(left)}" if left > 0 else state.name.lower()
            )
            bars.update(task, completed=int(step), description=words)

        yield update


def runs(folder: Folder) -> bool:
    """Return True if a gateway serves a folder."""
    try:
        folder.lock().close()
    except Held:
        return True
    return False


@asynccontextmanager
async def serving(
    chain: RuntimeClient, folder: Folder, listen: str | None, public: tuple[str, ...],
    report: Callable[[Record, JobView], None], signer: Signer | None,
) -> AsyncIterator[Gateway]:  # fmt: skip
    """Serve a folder by a gateway, also while its node is away. Refused if its port is taken."""
    from btt_chain.compute.requester.gateway import Gateway

    try:
        lock = folder.lock()
    except Held as error:
        raise Refused(f"another gateway serves this folder: {error}") from None
    local, store = await is_local(chain.chain.connection), BlobStore(folder.blobs)
    with lock:
        async with serve_blobs(folder, store, chain.genesis, listen, public, is_local=local) as (
            where,
            host,
        ):
            folder.store_endpoints(where, host.endpoints())
            yield Gateway(folder, chain, host, store, report, signer)


async def read_job(url: str, timeout: float, text: str) -> JobView:
    """Return a job of the chain by its id, or the beginning of it. NotFound if there is none."""
    async with view_chain(url, timeout) as chain:
        return await job_of(chain, text)


async def job_of(chain: ViewClient, text: str) -> JobView:
    """Return a job by its id, or the beginning of it. NotFound if there is none."""
    id = H256(await resolve(chain.chain.connection, text, JOB))
    view = await chain.api(WorkApi.job, id)
    if view is None:
        raise missing(id)
    return view


def missing(id: bytes) -> NotFound:
    """Return the error for a job that the chain does not have."""
    return NotFound(f"the chain has no job {to_hex(id)} (any more)")


async def present_job(
    connection: Connection,
    read: Callable[[bytes], Awaitable[JobView | None]],
    id: bytes,
    presence: Presence,
) -> JobView | None:
    """Return a job as it is to be shown; None while the chain does not have it for certain.

    `read` returns the job in a block. NotFound if a final block shows that there is none.
    """
    best, final = await read_head(connection), await read_head(connection, final=True)
    try:
        view = await presence.find(best, final, read)
    except Absent:
        raise missing(id) from None
    return await read(final.hash) if view is not None and view.state in ENDED else view


async def fetch_result(
    url: str, timeout: float, folder: Folder, record: Record, listen: str | None,
    public: tuple[str, ...],
) -> None:  # fmt: skip
    """Wait until the result is here. Refused if there will be none, NotFound if it is too late."""
    presence, id = Presence(), H256(record.job or b"")
    made: list[Gateway] = []
    last: JobView | None = None

    def report(of: Record, view: JobView) -> None:
        nonlocal last
        if of.job == record.job:
            last = view

    def over() -> bool:
        is_lost = last is not None and last.state in LOST
        return folder.result(record) is not None or folder.stored(record).over or is_lost

    async with AsyncExitStack() as stack:

        async def wait(chain: RuntimeClient) -> None:
            nonlocal last

            async def read(block: bytes) -> JobView | None:
                view: JobView | None = await chain.api(WorkApi.job, id, at=block)
                return view

            async for _ in chain.heads():
                try:
                    view = await present_job(chain.chain.connection, read, id, presence)
                except NotFound:
                    if over():
                        return
                    raise NotFound(
                        "the job ended long ago, and its result was not fetched in time"
                    ) from None
                if view is not None:
                    if last is None:
                        show.note(f"the result is not here yet: {story(view)}")
                    last = view
                if over():
                    return
                if view and (made or not runs(folder)):  # else the running gateway fetches it
                    break
            if not made:
                serves = serving(chain, folder, listen, public, report, None)
                made.append(await stack.enter_async_context(serves))
            made[0].chain = chain
            await made[0].run(over)

        await follow_work(url, timeout, wait)
    if folder.result(record) is None:
        raise Refused(f"there is no result: {'' if last is None else story(last)}")
