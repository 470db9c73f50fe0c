"""Posting jobs, serving their payloads, and waiting until they are over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from btt_chain.client.amount import AmountError
from btt_chain.client.chain import read_head
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.compute.blobs.payload import edge_root
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.daemon import Absent, Presence
from btt_chain.primitives import ss58
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.files import Held
from btt_chain.primitives.job_tier import Tier
from btt_chain.primitives.slots import slots_in_time
from btt_chain.scale import u32, u64, u128
from cli.commands.job_progress import job_bar
from cli.commands.job_result import checked_by, print_result
from cli.common import show
from cli.common.errors import ExitCode, Mistyped, NotFound, Refused
from cli.common.ids import JOB, resolve
from cli.common.working import asked, chain_facts, follow_work, found, is_local, money
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.views import JobView, WorkQuote

if TYPE_CHECKING:
    from btt_chain.client.amount import Currency
    from btt_chain.client.jsonrpc import Connection, Json
    from btt_chain.client.typed import RuntimeClient
    from btt_chain.compute.requester.folder import Folder, Record, Signer
    from btt_chain.compute.requester.gateway import Gateway
    from btt_chain.work.inputs.files import Inputs
    from btt_chain.work.package import Package
    from cli.common.sending import Sender
    from runtime.pallets.jobs.types import Outcome

ENDED: Final = ("finalized", "refunded", "slashed")


HANDED_OVER: Final = ("committed", "checking", "pending", *ENDED)
"""States in which the payload is not needed any more."""


MIN_DEADLINE: Final = 30
"""Slots of the default deadline beside twice the chain's minimum; 30 seconds if they are shorter
than a second."""
MAX_DEADLINE: Final = 100_800
"""Maximum deadline, in slots."""


class Session:
    """State of `submit` between its steps."""

    def __init__(
        self, chain: RuntimeClient, folder: Folder, url: str, timeout: float, signer: Signer,
        package: Package, sender: Sender,
    ) -> None:  # fmt: skip
        self.chain = chain
        self.folder = folder
        self.url = url
        self.timeout = timeout
        self.signer = signer
        self.package = package
        self.sender = sender
        self.as_json = sender.as_json
        self.currency: Currency
        self.is_local = False
        self._states: dict[str, JobView] = {}
        self._bar: Callable[[str, int], None] = lambda _state, _left: None

    async def look(self) -> None:
        """Read the kind of chain, and its currency."""
        self.currency, self.is_local = await chain_facts(self.url, self.timeout)

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

    async def post(self, inputs: Inputs, options: dict[str, Any]) -> Record:
        """Store the job, then post it. Refused if it costs too much or is not reachable."""
        from btt_chain.compute.requester.folder import new_record
        from btt_chain.work.ids import model_id
        from runtime.pallets.jobs.api import WorkApi
        from runtime.pallets.jobs.events import Posted
        from runtime.pallets.jobs.types import Check, Urgency

        tier, check = Tier[options["tier"].title()], Check[options["check"].title()]
        urgency = Urgency[options["urgency"].title()]
        manifest = self.package.manifest
        model = model_id(manifest)
        raw = inputs.elements.tobytes()
        quote: WorkQuote | None = await self.chain.api(
            WorkApi.quote, model, u32(len(inputs.names)), urgency, check, tier, u64(len(raw))
        )
        quote, endpoints = offered(quote, model), served_at(self.folder)
        deadline = options["deadline"] or ample_deadline(quote, self.chain.slot_ms)
        self._print_quote(quote, len(inputs.names))
        record = new_record(
            manifest, model, self.signer.pair.account_id, list(inputs.names),
            list(self.package.preparation.labels), tier,
        )  # fmt: skip
        call = self.chain.compose(
            "Jobs", "post", model=H256(model), items=record.items,
            input_root=edge_root(record.input, 0, raw, record.leaf_key), tier=tier, check=check,
            urgency=urgency, max_price=u128(self._limit(options["max_price"], quote)),
            data_bytes=u64(len(raw)), deadline=u32(deadline),
            reply_key=record.keys.reply_public, endpoints=endpoints,
        )  # fmt: skip
        wire, _ = await self.sender.prepare(self.chain.chain, call)
        self.folder.add(record, raw)
        if tier is Tier.Confidential:
            # Only the requester will check it, and for that the model is needed.
            self.folder.add_model(model, b"".join(self.package.chunks()))
        # Whatever is raised, a fork may post it yet: the gateway finds it by its key, or forgets it
        # after a day.
        done = await self.sender.executed(self.chain, call, wire)
        posted = [event for event in done.events if isinstance(event, Posted)]
        record.job = posted[0].job
        self.folder.save(record)
        # Now: whatever interrupts the command later, the caller has the id.
        show.note(f"job 0x{record.job.hex()}")
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
        self._bar(view.state.name.lower(), int(view.due) - int(view.now))
        before = self._states.get(record.name)
        self._states[record.name] = view
        if before is None or (before.state, before.provider) != (view.state, view.provider):
            provider = None if view.provider is None else self._address(view.provider)
            show.note(story(view.state.name.lower(), provider, outcome_name(view.outcome)))

    def _address(self, account: bytes) -> str:
        return ss58.encode(account)

    async def follow(
        self, record: Record, gateway: Gateway | None, until: tuple[str, ...]
    ) -> JobView:
        """Wait for one of some states; and for the result, if one is expected."""
        from btt_chain.compute.requester.gateway import shown

        def over() -> bool:
            view = self._states.get(record.name)
            if view is None or view.state.name.lower() not in until:
                return False
            waits = until == ENDED and view.state.name == "Finalized"
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
        id = "0x" + (record.job or b"").hex()
        if self.as_json:
            show.document({"job": id, "state": "posted"})
        else:
            show.record({"job": id})
            show.good("The job is posted; the gateway serves its payload.")

    async def print_end(self, record: Record, view: JobView, *, wait: bool) -> int:
        """Print the end of the job, and its result."""
        state = view.state.name.lower()
        id = "0x" + (record.job or b"").hex()
        if state in ("refunded", "slashed"):
            if self.as_json:
                show.document({"job": id, "state": state})
            raise Refused(f"job {id}: " + story(state, None, outcome_name(view.outcome)))
        if wait:
            answer = await read_job(self.url, self.timeout, id)
            print_result(self.folder, record, answer, self.as_json, None)
            return ExitCode.DONE
        if self.as_json:
            show.document({"job": id, "state": state})
        else:
            show.record({"job": id, "state": state})
            show.note(f"the result: btt-chain job result {id}")
        return ExitCode.DONE


def offered(quote: WorkQuote | None, model: bytes) -> WorkQuote:
    """Return the quote of a job. NotFound if the model cannot be used."""
    if quote is None:
        raise NotFound(
            f"the model 0x{model.hex()} is not registered, or it may not be used now: "
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


def story(state: str, provider: str | None, outcome: str | None) -> str:
    """Return an explanation of a job's state."""
    text = {
        "posted": "posted: waiting for a beacon that selects a provider",
        "assigned": f"assigned to {provider}",
        "computing": f"computing: {provider} took it",
        "committed": "committed: the provider is done and has committed to what it computed",
        "checking": "checking: verifiers look at it",
        "pending": "pending: it stands unless it is proven wrong in time",
        "finalized": "finalized: the provider is paid",
        "refunded": "refunded: your money is back",
        "slashed": "slashed: the provider was proven wrong; your money is back",
    }[state]
    return f"{text} ({outcome})" if outcome not in (None, "Done") else text


def outcome_name(outcome: Outcome | None) -> str | None:
    """Return the name of an outcome, None if there is none yet."""
    return None if outcome is None else outcome.name


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
    from btt_chain.compute.blobs.transport import (
        LOCAL_GATE,
        BlobHost,
        BlobSettings,
        GateLimits,
        NetworkError,
    )
    from btt_chain.compute.requester.gateway import Gateway

    try:
        lock = folder.lock()
    except Held as error:
        raise Refused(f"another gateway serves this folder: {error}") from None
    local = await is_local(chain.chain.connection)
    with lock:
        where = listen or folder.listen() or f"/ip4/{'127.0.0.1' if local else '0.0.0.0'}/tcp/0"  # noqa: S104 - payloads are sealed
        settings = BlobSettings(
            folder.network_seed, chain.genesis, (where,), public,
            LOCAL_GATE if local else GateLimits(), allow_private=local,
        )  # fmt: skip
        store = BlobStore(folder.blobs)
        host = BlobHost(settings, store)
        try:
            await host.start()
        except NetworkError as error:
            raise Refused(f"cannot serve payloads: {error}; give another --listen") from None
        try:
            folder.store_endpoints(where, host.endpoints())
            yield Gateway(folder, chain, host, store, report, signer)
        finally:
            await host.stop()


async def read_job(url: str, timeout: float, text: str) -> dict[str, Json]:
    """Return a job of the chain by its id, or the beginning of it. NotFound if there is none."""
    async with await WebSocket.connect(url, timeout) as client:
        return await found(client, "work_job", await resolve(client, text, JOB), "job")


async def present_job(connection: Connection, id: bytes, presence: Presence) -> dict[str, Json]:
    """Return a job as it is to be shown; empty while the chain does not have it for certain.

    NotFound if a final block shows that there is none.
    """

    async def read(block: bytes) -> dict[str, Json] | None:
        view = await asked(connection, "work_job", to_hex(id), to_hex(block))
        return view if isinstance(view, dict) else None

    best, final = await read_head(connection), await read_head(connection, final=True)
    try:
        view = await presence.find(best, final, read)
    except Absent:
        raise NotFound(f"the chain has no job 0x{id.hex()} (any more)") from None
    if view is not None and view.get("state") in ENDED:
        view = await read(final.hash)
    return view or {}


async def fetch_result(
    url: str, timeout: float, folder: Folder, record: Record, listen: str | None,
    public: tuple[str, ...],
) -> None:  # fmt: skip
    """Wait until the result is here. Refused if there will be none, NotFound if it is too late."""
    presence = Presence()
    made: list[Gateway] = []
    state, summary = "", ""

    def report(of: Record, view: JobView) -> None:
        nonlocal state, summary
        if of.job == record.job:
            state = view.state.name.lower()
            summary = story(state, None, outcome_name(view.outcome))

    def over() -> bool:
        stored = folder.stored(record)
        return folder.result(record) is not None or stored.over or state in ("refunded", "slashed")

    async with AsyncExitStack() as stack:

        async def wait(chain: RuntimeClient) -> None:
            nonlocal state, summary
            async for _ in chain.heads():
                try:
                    job = await present_job(chain.chain.connection, record.job or b"", presence)
                except NotFound:
                    if over():
                        return
                    raise NotFound(
                        "the job ended long ago, and its result was not fetched in time"
                    ) from None
                if job:
                    outcome = str(job.get("outcome") or "done")
                    ended = None if outcome == "done" else outcome[0].upper() + outcome[1:]
                    summary = story(str(job["state"]), "its provider", ended)
                    if not state:
                        show.note("the result is not here yet: " + summary)
                    state = str(job["state"])
                if over():
                    return
                if job and (made or not runs(folder)):  # else the running gateway fetches it
                    break
            if not made:
                serves = serving(chain, folder, listen, public, report, None)
                made.append(await stack.enter_async_context(serves))
            made[0].chain = chain
            await made[0].run(over)

        await follow_work(url, timeout, wait)
    if folder.result(record) is None:
        raise Refused("there is no result: " + summary)


def facts_of(answer: dict[str, Json], currency: Currency) -> dict[str, str | list[str]]:
    """Return a job as text."""
    provider = answer.get("provider")
    outcome = answer.get("outcome")
    facts: dict[str, str | list[str]] = {
        "job": str(answer.get("id")),
        "state": story(
            str(answer.get("state")),
            str(provider),
            str(outcome) if outcome not in (None, "done") else None,
        ),
        "model": str(answer.get("model")),
        "items": str(answer.get("items")),
        "tier": f"{answer.get('tier')}, {answer.get('check')}, {answer.get('urgency')}",
        "price": money(currency, answer.get("price")),
        "verifiers": f"{money(currency, answer.get('verification'))} at most",
        "paid": money(currency, answer.get("paid")),
        "provider": "none yet" if provider is None else str(provider),
    }
    receipt = answer.get("receipt")
    if isinstance(receipt, dict):
        facts["receipt"] = str(receipt.get("id"))
        facts["checked"] = checked_by(answer)
    return facts
