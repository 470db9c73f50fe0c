"""`btt-chain job`: have something computed, watch it being done, and get the result.

Inputs are read, stripped and made 8-bit numbers here; what leaves is sealed to the provider that
the chain draws. The folder of `--base-path` keeps each job's keys, inputs and result, so that any
of these commands may be stopped and started again.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cli.common import show
from cli.common.errors import CannotConnect, ExitCode, Mistyped, NotFound, Refused
from cli.common.options import Group, connection_options, examples, json_option
from cli.common.working import (
    EXTRA,
    asked,
    folder_of,
    folder_option,
    found,
    money,
    read_id,
    short,
    signer_of,
    signer_options,
    work_chain,
)

if TYPE_CHECKING:
    from btt_chain.compute.chain import RpcChain
    from btt_chain.compute.gateway import Gateway
    from btt_chain.compute.job_folder import Folder, Record, Signer
    from btt_chain.work.inputs.files import Inputs
    from btt_chain.work.package import Package
    from cli.common.amount import Currency
    from cli.common.client import Client, Json
    from runtime.pallets.jobs.types import Outcome
    from runtime.work_views import JobView, WorkQuote

Command = TypeVar("Command", bound=Callable[..., Any])

ENDED: Final = ("finalised", "refunded", "slashed")
HANDED_OVER: Final = ("committed", "checking", "pending", *ENDED)
"""States in which nobody needs the payload any more."""
PAGE: Final = 100
PAUSE: Final = 3.0
"""Seconds before a node that went away is called again."""
LEAST_DEADLINE: Final = 30
MOST_DEADLINE: Final = 100_800
"""Slots. Besides, a provider gets twice the least that the chain allows for its work."""


@click.group(cls=Group)
def job() -> None:
    """Have something computed, watch it being done, get the result.

    A job is posted, assigned, computing, committed, checking, pending, and then finalised; or
    refunded, or slashed.
    """


def gateway_options(command: Command) -> Command:
    """Where the payload is served from."""
    listen = click.option(
        "--listen",
        metavar="ADDRESS",
        help="Where to serve payloads, as /ip4/0.0.0.0/tcp/30335. [default: this machine only on "
        "local chains, all addresses on others; the port stays the same from then on]",
    )
    public = click.option(
        "--public", multiple=True, metavar="ADDRESS",
        help="What to tell providers instead, as /dns4/HOST/tcp/PORT.",
    )  # fmt: skip
    return listen(public(command))


package_option = click.option(
    "--model", "package", required=True, metavar="PKG", help="The package of a registered model.",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
elements_option = click.option(
    "--elements", is_flag=True, help="Arrays hold the model's own 8-bit numbers already."
)


def private_option(command: Command) -> Command:
    """`--keep-private`: what is not sent to the chain."""
    return click.option(
        "--keep-private", is_flag=True,
        help="Of confidential jobs, neither prove what is wrong nor ask for what is not served: "
        "both would show a piece of one item to everybody.",
    )(command)  # fmt: skip


# ---- submit


@examples(
    "btt-chain job submit --model net.btt --from //Alice table.csv",
    "btt-chain job submit --model net.btt --from key.txt --wait scan1.dcm scan2.dcm",
    "btt-chain job submit --model net.btt --from //Alice --tier confidential --wait batch.npy",
)
@job.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)  # fmt: skip
@package_option
@elements_option
@click.option(
    "--tier",
    type=click.Choice(["open", "confidential"]),
    default="open",
    show_default=True,
    help="Whether a committee checks the work (and sees the data), or you alone do.",
)
@click.option(
    "--check",
    type=click.Choice(["sampled", "full"]),
    default="sampled",
    show_default=True,
    help="Whether each verifier looks at one item in sixteen, or at all.",
)
@click.option(
    "--urgency",
    type=click.Choice(["routine", "urgent", "emergency"]),
    default="routine",
    show_default=True,
    help="What is assigned first, for a quarter or a half more.",
)
@click.option(
    "--max-price",
    metavar="AMOUNT",
    help="What it may cost; 5 % above the present price unless said.",
)
@click.option(
    "--deadline", type=click.IntRange(1, MOST_DEADLINE), metavar="SLOTS",
    help="How long the provider may take; twice the least allowed, and some, unless said.",
)  # fmt: skip
@click.option("--wait", is_flag=True, help="Stay until the job is over, and print the result.")
@click.option(
    "--detach", is_flag=True, help="Hand over to a running `btt-chain job gateway` and return."
)
@private_option
@gateway_options
@signer_options
@folder_option
@connection_options
@json_option
def submit(
    files: tuple[Path, ...], package: Path, wait: bool, detach: bool, keep_private: bool,
    base_path: Path | None, url: str, timeout: float, as_json: bool, **options: Any,
) -> int:  # fmt: skip
    """Post a job over FILES, and serve its payload.

    FILES are .npy, .npz, .csv, images or DICOM files; scans lose all tags. Stays until the provider
    has computed, or with --wait until it is paid and the result is here. Whatever interrupts it,
    `btt-chain job gateway` goes on.
    """
    from btt_chain.compute.job_folder import Signer
    from cli.common.chain import run

    if wait and detach:
        raise Mistyped("give --wait or --detach, not both")
    if keep_private and options["tier"] != "confidential":
        raise Mistyped("--keep-private is about confidential jobs: add --tier confidential")
    signer = Signer(signer_of(options), shows=not keep_private)
    whole, inputs = _read(package, files, elements=options.pop("elements"))
    for note in inputs.notes:
        show.note(note)

    async def work() -> int:
        async with AsyncExitStack() as stack:
            chain = await stack.enter_async_context(work_chain(url, timeout))
            folder = folder_of(base_path, chain.genesis)
            session = _Session(chain, folder, url, timeout, signer, whole, as_json)
            await session.look()
            serving: Gateway | None = None
            if not detach:
                serving = await stack.enter_async_context(
                    session.gateway(options["listen"], options["public"])
                )
            elif not runs(folder):
                raise Refused("no gateway runs: start `btt-chain job gateway`, or leave --detach")
            record = await session.post(inputs, options)
            if serving is None and not wait:
                session.print_posted(record)
                return ExitCode.DONE
            until = ENDED if wait else HANDED_OVER
            state = await session.follow(record, serving, until)
            return await session.print_end(record, state, wait=wait)

    return run(work())


def _read(package: Path, files: tuple[Path, ...], *, elements: bool) -> tuple[Package, Inputs]:
    try:
        from btt_chain.work.errors import WorkError
        from btt_chain.work.inputs.files import read
        from btt_chain.work.package import load
    except ImportError as missing:
        raise Refused(f"{missing}; {EXTRA}") from None

    try:
        whole = load(package)
    except WorkError as reason:
        raise Refused(f"{package.name}: {reason}") from None
    try:
        return whole, read(files, whole.manifest, whole.preparation, elements=elements)
    except WorkError as reason:
        raise Refused(str(reason)) from None


class _Session:
    """What `submit` needs from one step to the next."""

    def __init__(
        self, chain: RpcChain, folder: Folder, url: str, timeout: float, signer: Signer,
        package: Package, as_json: bool,
    ) -> None:  # fmt: skip
        self.chain = chain
        self.folder = folder
        self.url = url
        self.timeout = timeout
        self.signer = signer
        self.package = package
        self.as_json = as_json
        self.currency: Currency
        self.is_local = False
        self._states: dict[str, JobView] = {}

    async def look(self) -> None:
        """Ask what kind of chain it is, and how its money is written."""
        self.currency, self.is_local = await _facts(self.url, self.timeout)

    @asynccontextmanager
    async def gateway(
        self, listen: str | None, public: tuple[str, ...]
    ) -> AsyncIterator[Gateway | None]:
        """Serve the folder; None if another program does already."""
        if runs(self.folder):
            show.note("a gateway runs: it serves the payload")
            yield None
            return
        async with serving(
            self.chain, self.folder, self.is_local, listen, public, self._tell, self.signer
        ) as made:
            yield made

    async def post(self, inputs: Inputs, options: dict[str, Any]) -> Record:
        """Keep the job, then post it. Refused if it costs too much or nobody could fetch it."""
        from btt_chain.compute.chain import DispatchRefused, TransactionRefused
        from btt_chain.compute.job_folder import new_record
        from btt_chain.compute.payload import edge_root
        from btt_chain.primitives.digest import H256
        from btt_chain.scale import u32, u64, u128
        from btt_chain.work.ids import model_id
        from runtime.pallets.jobs import Jobs
        from runtime.pallets.jobs.types import Check, Tier, Urgency

        tier, check = Tier[options["tier"].title()], Check[options["check"].title()]
        urgency = Urgency[options["urgency"].title()]
        manifest = self.package.manifest
        model = model_id(manifest)
        raw = inputs.elements.tobytes()
        quote: WorkQuote | None = await self.chain.api(
            "WorkApi_quote", model, u32(len(inputs.names)), urgency, check, tier, u64(len(raw))
        )
        quote, endpoints = _offered(quote, model), _served_at(self.folder)
        deadline = options["deadline"] or _roomy(quote)
        self._print_quote(quote, len(inputs.names))
        record = new_record(
            manifest, model, self.signer.pair.account_id, list(inputs.names),
            list(self.package.preparation.labels), tier,
        )  # fmt: skip
        self.folder.add(record, raw)
        if tier is Tier.Confidential:
            # Nobody but us will check it, and for that the model is needed.
            self.folder.add_model(model, b"".join(self.package.chunks()))
        try:
            done = await self.chain.submit(
                "Jobs", "post", signer=self.signer.pair, model=H256(model), items=record.items,
                input_root=edge_root(record.input, 0, raw, record.leaf_key), tier=tier, check=check,
                urgency=urgency, max_price=u128(self._limit(options["max_price"], quote)),
                data_bytes=u64(len(raw)), deadline=u32(deadline),
                reply_key=record.keys.reply_public, endpoints=endpoints,
            )  # fmt: skip
        except (DispatchRefused, TransactionRefused):
            # Whatever else goes wrong, it may have been posted: the gateway will find out.
            self.folder.forget(record)
            raise
        posted = [event for event in done.events if isinstance(event, Jobs.Posted)]
        record.job = posted[0].job
        self.folder.save(record)
        return record

    def _limit(self, given: str | None, quote: WorkQuote) -> int:
        from cli.common.amount import AmountError

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
            f"{items} items: {price} for the work, {checking} for checking it at most, "
            f"{deposit} deposit"
        )

    def _tell(self, record: Record, view: JobView) -> None:
        """Say what changed."""
        before = self._states.get(record.name)
        self._states[record.name] = view
        if before is None or (before.state, before.provider) != (view.state, view.provider):
            provider = None if view.provider is None else self._address(view.provider)
            show.note(story(view.state.name.lower(), provider, _word(view.outcome)))

    def _address(self, account: bytes) -> str:
        from btt_chain.primitives import ss58

        return ss58.encode(account)

    async def follow(
        self, record: Record, gateway: Gateway | None, until: tuple[str, ...]
    ) -> JobView:
        """Wait for one of some states; and for the result, if it is to come."""

        def over() -> bool:
            view = self._states.get(record.name)
            if view is None or view.state.name.lower() not in until:
                return False
            waits = until == ENDED and view.state.name == "Finalised"
            return not waits or self.folder.result(record) is not None

        if gateway is not None:
            await gateway.run(over)
            await gateway.settle()
        else:
            async for _ in self.chain.heads():
                view = await self.chain.api("WorkApi_job", record.job)
                if view is not None:
                    self._tell(record, view)
                if over():
                    break
        return self._states[record.name]

    def print_posted(self, record: Record) -> None:
        """Say that the job is posted."""
        id = "0x" + (record.job or b"").hex()
        if self.as_json:
            show.document({"job": id, "state": "posted"})
        else:
            show.record({"job": id})
            show.good("The job is posted; the gateway serves its payload.")

    async def print_end(self, record: Record, view: JobView, *, wait: bool) -> int:
        """Say how it ended, and what came of it."""
        state = view.state.name.lower()
        id = "0x" + (record.job or b"").hex()
        if state in ("refunded", "slashed"):
            if self.as_json:
                show.document({"job": id, "state": state})
            raise Refused(f"job {id}: " + story(state, None, _word(view.outcome)))
        if wait:
            answer = await _view(self.url, self.timeout, bytes.fromhex(id[2:]))
            print_result(self.folder, record, answer, self.as_json, None)
            return ExitCode.DONE
        if self.as_json:
            show.document({"job": id, "state": state})
        else:
            show.record({"job": id, "state": state})
            show.note(f"the result: btt-chain job result {id}")
        return ExitCode.DONE


def _offered(quote: WorkQuote | None, model: bytes) -> WorkQuote:
    """What a job would cost. NotFound if the model cannot be used."""
    if quote is None:
        raise NotFound(
            f"the model 0x{model.hex()} is not registered, or nobody may use it now: "
            "register it with `btt-chain model register`"
        )
    return quote


def _served_at(folder: Folder) -> bytes:
    """Where the gateway of a folder is reached. Refused if none ever ran."""
    endpoints = folder.endpoints()
    if not endpoints:
        raise Refused("no gateway ever ran here, so nobody could fetch the payload")
    return endpoints


def _roomy(quote: WorkQuote) -> int:
    """A deadline that most providers can keep."""
    return min(MOST_DEADLINE, LEAST_DEADLINE + 2 * int(quote.least_deadline))


def story(state: str, provider: str | None, outcome: str | None) -> str:
    """What a state means, for whoever waits."""
    told = {
        "posted": "posted: waiting for a beacon that draws a provider",
        "assigned": f"assigned to {provider}",
        "computing": f"computing: {provider} took it",
        "committed": "committed: the provider is done and has committed to what it computed",
        "checking": "checking: verifiers look at it",
        "pending": "pending: it stands unless somebody proves it wrong in time",
        "finalised": "finalised: the provider is paid",
        "refunded": "refunded: your money is back",
        "slashed": "slashed: the provider was proven wrong; your money is back",
    }[state]
    return f"{told} ({outcome})" if outcome not in (None, "Done") else told


def _word(outcome: Outcome | None) -> str | None:
    return None if outcome is None else outcome.name


async def _facts(url: str, timeout: float) -> tuple[Currency, bool]:
    """How the chain's money is written, and whether it is one of a single machine."""
    from cli.common.chain import read_properties
    from cli.common.client import Client

    async with await Client.connect(url, timeout) as client:
        kind = await client.call("system_chainType")
        currency, _ = read_properties(await client.call("system_properties"))
    return currency, kind in ("Development", "Local")


# ---- serving


def runs(folder: Folder) -> bool:
    """Whether a gateway serves a folder."""
    from btt_chain.keystore.files import Held

    try:
        folder.lock().close()
    except Held:
        return True
    return False


@asynccontextmanager
async def serving(
    chain: RpcChain, folder: Folder, is_local: bool, listen: str | None, public: tuple[str, ...],
    tell: Callable[[Record, JobView], None], signer: Signer | None,
) -> AsyncIterator[Gateway]:  # fmt: skip
    """A gateway that serves a folder. Refused if its port is taken."""
    from btt_chain.compute.gateway import Gateway
    from btt_chain.compute.store import BlobStore
    from btt_chain.compute.transport import (
        LOCAL_GATE,
        BlobHost,
        BlobSettings,
        GateLimits,
        NetworkError,
    )
    from btt_chain.keystore.files import Held

    try:
        lock = folder.lock()
    except Held as error:
        raise Refused(f"another gateway serves this folder: {error}") from None
    with lock:
        where = listen or folder.listen() or f"/ip4/{'127.0.0.1' if is_local else '0.0.0.0'}/tcp/0"  # noqa: S104 - payloads are sealed
        settings = BlobSettings(
            folder.seed(), chain.genesis, (where,), public,
            LOCAL_GATE if is_local else GateLimits(), allow_private=is_local,
        )  # fmt: skip
        store = BlobStore(folder.blobs)
        host = BlobHost(settings, store)
        try:
            await host.start()
        except NetworkError as error:
            raise Refused(f"cannot serve payloads: {error}; give another --listen") from None
        try:
            folder.tell_endpoints(where, host.endpoints())
            yield Gateway(folder, chain, host, store, tell, signer)
        finally:
            await host.stop()


@examples(
    "btt-chain job gateway",
    "btt-chain job gateway --listen /ip4/0.0.0.0/tcp/30335 \\",
    "  --public /dns4/hospital.example/tcp/30335",
)
@job.command()
@click.option(
    "--from", "uri", metavar="URI",
    help="The requester: accepts confidential results that are right, proves those that are not, "
    "and asks for what is not served. Without it, all is paid in time.",
)  # fmt: skip
@private_option
@gateway_options
@folder_option
@connection_options
def gateway(
    uri: str | None, keep_private: bool, listen: str | None, public: tuple[str, ...],
    base_path: Path | None, url: str, timeout: float,
) -> None:  # fmt: skip
    """Serve payloads and models, fetch results, until Ctrl-C.

    Goes on with every job that was posted from this --base-path, and with those that are handed
    over while it runs. A node that goes away is called again.
    """
    from btt_chain.compute.job_folder import Signer
    from cli.common.chain import run
    from cli.common.options import key_pair, read_secret

    signer = None
    if uri is not None:
        signer = Signer(key_pair(read_secret(uri), "sr25519", None), shows=not keep_private)

    def tell(record: Record, view: JobView) -> None:
        state = view.state.name.lower()
        if told.get(record.name) != state:
            told[record.name] = state
            show.note(f"0x{view.id.hex()[:12]}  {state}")

    told: dict[str, str] = {}

    async def work() -> None:
        _, is_local = await _facts(url, timeout)
        first = True
        while True:
            try:
                async with work_chain(url, timeout) as chain:
                    folder = folder_of(base_path, chain.genesis)
                    async with serving(
                        chain, folder, is_local, listen, public, tell, signer
                    ) as made:
                        if first:
                            show.note(
                                "serving at " + folder.endpoints().decode().replace("\n", ", ")
                            )
                        first = False
                        await made.run()
            except CannotConnect as error:
                if first:
                    raise
                show.note(f"{error.format_message()}; trying again")
                await asyncio.sleep(PAUSE)

    run(work())


# ---- jobs of the chain itself


@examples("btt-chain job offer --model net.btt scans.npy")
@job.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)  # fmt: skip
@package_option
@elements_option
@click.option(
    "--deadline", type=click.IntRange(1, MOST_DEADLINE), metavar="SLOTS",
    help="How long a provider may take; twice the least allowed, and some, unless said.",
)  # fmt: skip
@folder_option
@connection_options
@json_option
def offer(
    files: tuple[Path, ...], package: Path, elements: bool, deadline: int | None,
    base_path: Path | None, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Make FILES ready for the chain to have computed, once in each era, at its own expense.

    Inputs and results of such a job are public: everybody can fetch them. Governance decides about
    it; this prints what to propose. The gateway of --base-path serves the inputs, and has to run
    for as long as the chain posts the job.
    """
    from btt_chain.compute.payload import edge_root, payload_pieces
    from btt_chain.scale import u32, u64
    from btt_chain.work.ids import model_id
    from cli.common.chain import run
    from runtime.pallets.jobs.types import Check, Tier, Urgency

    whole, inputs = _read(package, files, elements=elements)
    for note in inputs.notes:
        show.note(note)
    model, raw, count = model_id(whole.manifest), inputs.elements.tobytes(), len(inputs.names)

    async def work() -> dict[str, str]:
        async with work_chain(url, timeout) as chain:
            quote: WorkQuote | None = await chain.api(
                "WorkApi_quote", model, u32(count), Urgency.Routine, Check.Sampled, Tier.Open,
                u64(len(raw)),
            )  # fmt: skip
            folder = folder_of(base_path, chain.genesis)
        known, endpoints = _offered(quote, model), _served_at(folder)
        root = edge_root(whole.manifest.graph.input, 0, raw, None)
        folder.add_inputs(root, b"".join(payload_pieces(None, [raw])))
        return {
            "model": "0x" + model.hex(),
            "items": str(count),
            "input_root": "0x" + root.hex(),
            "data_bytes": str(len(raw)),
            "deadline": str(deadline or _roomy(known)),
            "endpoints": "0x" + endpoints.hex(),
        }

    facts = run(work())
    if as_json:
        show.document(facts)
        return
    show.record({name: text for name, text in facts.items() if name != "endpoints"})
    words = " ".join(f"{name}={text}" for name, text in facts.items())
    show.note(
        "propose it: btt-chain gov propose Jobs.add_protocol_set --track params --from YOU " + words
    )


# ---- looking


@job.command("list")
@click.option("--account", metavar="ADDRESS", help="Whose; without, those posted from here.")
@click.option("--all", "everything", is_flag=True, help="Those that are over as well.")
@folder_option
@connection_options
@json_option
def list_(
    account: str | None, everything: bool, base_path: Path | None, url: str, timeout: float,
    as_json: bool,
) -> None:  # fmt: skip
    """List jobs."""
    from cli.common.chain import run
    from cli.common.client import Client

    async def ask() -> tuple[list[dict[str, Json]], Currency]:
        currency, _ = await _facts(url, timeout)
        async with await Client.connect(url, timeout) as client:
            if account is not None:
                return await _jobs_of(client, account, not everything), currency
            genesis = bytes.fromhex(str(await client.call("chain_getBlockHash", 0))[2:])
            rows: list[dict[str, Json]] = []
            for record in folder_of(base_path, genesis).records():
                if record.job is None:
                    continue
                answer = await asked(client, "work_job", "0x" + record.job.hex())
                if isinstance(answer, dict) and (everything or answer.get("state") not in ENDED):
                    rows.append(answer)
            return rows, currency

    rows, currency = run(ask())
    if as_json:
        show.document(rows)
        return
    if not rows:
        show.note("there are no such jobs" + ("" if everything else "; --all shows what is over"))
        return
    show.table(
        ["job", "state", ">items", ">price", "tier", "provider"],
        [
            [
                short(row.get("id")),
                str(row.get("state")),
                str(row.get("items")),
                money(currency, row.get("price")),
                str(row.get("tier")),
                short(row.get("provider")),
            ]
            for row in rows
        ],
    )
    show.note("--json has the whole ids")


async def _jobs_of(client: Client, account: str, open_only: bool) -> list[dict[str, Json]]:
    from btt_chain.primitives import ss58
    from cli.common.accounts import AccountError, read_account

    try:
        who = ss58.encode(read_account(account, ss58.DEFAULT_PREFIX))
    except AccountError as error:
        raise Mistyped(str(error)) from None
    rows: list[dict[str, Json]] = []
    after: Json = None
    while True:
        page = await asked(client, "work_jobs", who, open_only, after, PAGE)
        found_here = (
            [row for row in page if isinstance(row, dict)] if isinstance(page, list) else []
        )
        rows += found_here
        if len(found_here) < PAGE:
            return rows
        after = found_here[-1].get("id")


async def _view(url: str, timeout: float, id: bytes) -> dict[str, Json]:
    from cli.common.client import Client

    async with await Client.connect(url, timeout) as client:
        return await found(client, "work_job", id, "job")


@examples("btt-chain job status 0x4fd3...")
@job.command()
@click.argument("job_id", metavar="JOB")
@connection_options
@json_option
def status(job_id: str, url: str, timeout: float, as_json: bool) -> None:
    """Show a job: what it costs, who does it, how far it is."""
    from cli.common.chain import run

    id = read_id(job_id, "job")

    async def ask() -> tuple[dict[str, Json], Currency]:
        currency, _ = await _facts(url, timeout)
        return await _view(url, timeout, id), currency

    answer, currency = run(ask())
    if as_json:
        show.document(answer)
        return
    show.record(_facts_of(answer, currency))


def _facts_of(answer: dict[str, Json], currency: Currency) -> dict[str, str | list[str]]:
    """A job for people."""
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
        "provider": "nobody yet" if provider is None else str(provider),
    }
    receipt = answer.get("receipt")
    if isinstance(receipt, dict):
        facts["receipt"] = str(receipt.get("id"))
        facts["checked"] = checked_by(answer)
    return facts


def checked_by(answer: dict[str, Json]) -> list[str]:
    """What the committee looked at and said, a line for each verifier."""
    from btt_chain.work.ids import sample

    receipt = answer.get("receipt")
    if not isinstance(receipt, dict):
        return ["there is no receipt yet"]
    if answer.get("tier") == "confidential":
        return ["by the requester alone: the job is confidential"]
    lines: list[str] = []
    items = int(str(answer.get("items")))
    seats = receipt.get("seats")
    for seat in seats if isinstance(seats, list) else []:
        if not isinstance(seat, dict):
            continue
        verdict = seat.get("verdict")
        if isinstance(verdict, dict):
            luck = bytes.fromhex(str(seat.get("rho"))[2:])
            missed = seat.get("missed")
            besides = [int(str(item)) for item in missed] if isinstance(missed, list) else []
            looked = sample(luck, items, int(str(receipt.get("lookedAt"))), besides)
            shown = ", ".join(map(str, looked[:8])) + (", ..." if len(looked) > 8 else "")
            said = str(verdict.get("kind"))
            lines.append(f"{short(seat.get('verifier'))}  {said}, looked at items {shown}")
        else:
            said = "has committed" if seat.get("committed") else "has not voted"
            lines.append(f"{short(seat.get('verifier'))}  {said}")
    return lines or ["nobody was drawn yet"]


@examples("btt-chain job watch 0x4fd3...", "btt-chain job watch 0x4fd3... --json")
@job.command()
@click.argument("job_id", metavar="JOB")
@connection_options
@json_option
def watch(job_id: str, url: str, timeout: float, as_json: bool) -> None:
    """Print a line whenever a job goes on, until it is over. With --json a document each."""
    from cli.common.chain import run
    from cli.common.client import Client

    id = read_id(job_id, "job")

    async def follow() -> None:
        before: tuple[Json, Json] | None = None
        async with (
            await Client.connect(url, timeout) as client,
            client.subscribe("chain_subscribeNewHeads", "chain_unsubscribeNewHeads") as heads,
        ):
            async for _ in heads:
                answer = await found(client, "work_job", id, "job")
                now = answer.get("state"), answer.get("provider")
                if now != before:
                    before = now
                    outcome = answer.get("outcome")
                    told = str(outcome) if outcome not in (None, "done") else None
                    if as_json:
                        show.line(answer)
                    else:
                        click.echo(story(str(now[0]), str(now[1]), told))
                    sys.stdout.flush()
                if now[0] in ENDED:
                    return

    run(follow())


@examples("btt-chain job cancel 0x4fd3... --from //Alice")
@job.command()
@click.argument("job_id", metavar="JOB")
@signer_options
@connection_options
@json_option
def cancel(job_id: str, url: str, timeout: float, as_json: bool, **options: Any) -> None:
    """Call off a job that no provider has accepted.

    Before it is assigned all the money comes back; afterwards the deposit is burned.
    """
    from btt_chain.primitives.digest import H256
    from cli.common.chain import run

    id = read_id(job_id, "job")
    pair = signer_of(options)

    async def work() -> None:
        async with work_chain(url, timeout) as chain:
            done = await chain.submit("Jobs", "cancel", signer=pair, job=H256(id))
        if as_json:
            show.document({"job": "0x" + id.hex(), "block": "0x" + done.block.hex()})
        else:
            show.good("The job is cancelled.")

    run(work())


# ---- results


@examples(
    "btt-chain job result 0x4fd3...",
    "btt-chain job result 0x4fd3... -o outputs.npy",
)
@job.command()
@click.argument("job_id", metavar="JOB")
@click.option(
    "-o", "--output", "out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the outputs to an .npy or .csv file.",
)  # fmt: skip
@gateway_options
@folder_option
@connection_options
@json_option
def result(
    job_id: str, out: Path | None, listen: str | None, public: tuple[str, ...],
    base_path: Path | None, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Print a job's result, and what was checked of it.

    The result is opened with the key that was kept as the job was posted, and held against what
    the provider committed to on the chain. If it is not here yet it is fetched, or waited for.
    """
    from cli.common.chain import run

    id = read_id(job_id, "job")
    if out is not None and out.suffix not in (".npy", ".csv"):
        raise Mistyped(f"{out.name}: outputs are written as .npy or .csv")

    async def work() -> tuple[Folder, Record, dict[str, Json]]:
        async with work_chain(url, timeout) as chain:
            folder = folder_of(base_path, chain.genesis)
            record = folder.record_of(id)
            if record is None:
                raise NotFound(
                    f"job 0x{id.hex()} was not posted from {folder.path}, so the key to its "
                    "result is not here; name the right --base-path"
                )
            if folder.result(record) is None:
                _, is_local = await _facts(url, timeout)
                await _fetch(chain, folder, record, is_local, listen, public)
            return folder, record, await _view(url, timeout, id)

    folder, record, answer = run(work())
    print_result(folder, record, answer, as_json, out)


async def _fetch(
    chain: RpcChain, folder: Folder, record: Record, is_local: bool, listen: str | None,
    public: tuple[str, ...],
) -> None:  # fmt: skip
    """Wait until the result is here. Refused if there will be none."""
    from btt_chain.compute.gateway import LOST

    last: list[JobView] = []

    def tell(of: Record, view: JobView) -> None:
        if of.job == record.job:
            last[:] = [view]

    def over() -> bool:
        return folder.result(record) is not None or bool(last and last[0].state in LOST)

    view = await chain.api("WorkApi_job", record.job)
    if view is None:
        raise NotFound("the job ended long ago, and its result was not fetched in time")
    show.note("the result is not here yet: " + story(view.state.name.lower(), "its provider", None))
    last.append(view)
    if not over() and runs(folder):
        async for _ in chain.heads():  # that gateway fetches it
            last[:] = [await chain.api("WorkApi_job", record.job)]
            if over():
                break
    elif not over():
        async with serving(chain, folder, is_local, listen, public, tell, None) as made:
            await made.run(over)
    if folder.result(record) is None:
        state, outcome = last[0].state.name.lower(), last[0].outcome
        raise Refused("there is no result: " + story(state, None, _word(outcome)))


def print_result(
    folder: Folder, record: Record, answer: dict[str, Json], as_json: bool, out: Path | None
) -> None:
    """Print outputs, and what was checked of them."""
    try:
        import numpy as np

        from btt_chain.work.model import dtype_of
    except ImportError as missing:
        raise Refused(f"{missing}; {EXTRA}") from None

    raw = folder.result(record)
    if raw is None:
        raise Refused("the result is not here yet")
    outputs = np.frombuffer(raw, dtype_of(record.output.kind)).reshape(-1, *record.output.dims)
    scale = np.uint32(record.output_scale).view(np.float32)
    reals = (outputs.astype(np.float32) - np.float32(record.output.zero)) * scale
    rows = reals.reshape(len(reals), -1)
    if out is not None and out.suffix == ".npy":
        np.save(out, reals)
    elif out is not None:
        _write_csv(out, record, rows)
    labels = list(record.labels)
    best = [labels[int(at)] for at in rows.argmax(axis=1)] if labels else []
    if as_json:
        show.document(
            {
                "job": answer.get("id"),
                "state": answer.get("state"),
                "outputs": [
                    {"item": name, "values": row.tolist()}
                    | ({"label": best[number]} if best else {})
                    for number, (name, row) in enumerate(zip(record.names, rows, strict=True))
                ],
                "labels": labels,
                "receipt": answer.get("receipt"),
                "checked": checked_by(answer),
            }
        )
        return
    if rows.shape[1] <= 12:
        names = labels or [str(number) for number in range(rows.shape[1])]
        show.table(
            ["item", *(["answer"] if best else []), *(f">{name}" for name in names)],
            [
                [
                    name,
                    *([best[number]] if best else []),
                    *(f"{value:.4g}" for value in row),
                ]
                for number, (name, row) in enumerate(zip(record.names, rows, strict=True))
            ],
        )
    else:
        show.note(f"{len(rows)} outputs of {rows.shape[1]} numbers; -o FILE writes them")
    receipt = answer.get("receipt")
    facts: dict[str, str | list[str]] = {"state": str(answer.get("state"))}
    if isinstance(receipt, dict):
        facts["receipt"] = str(receipt.get("id"))
        facts["provider"] = str(receipt.get("provider"))
    facts["outputs"] = "are those that the provider committed to on the chain"
    facts["checked"] = checked_by(answer)
    show.record(facts)


def _write_csv(out: Path, record: Record, rows: Any) -> None:
    import csv

    labels = list(record.labels) or [str(number) for number in range(rows.shape[1])]
    with out.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["item", *labels])
        for name, row in zip(record.names, rows.tolist(), strict=True):
            table.writerow([name, *row])
