"""`btt-chain job`: post a job, watch its computation, and fetch the result.

Inputs are read, stripped and converted to the model's integers here; they are sent sealed to the
provider that the chain selects. The folder of `--base-path` has each job's keys, inputs and result,
so that any of these commands may be stopped and started again.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack, aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import click

from btt_chain.client.chain import Chain, heads
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.client.views import ViewClient
from btt_chain.compute.blobs.payload import input_root, payload_pieces
from btt_chain.compute.requester.folder import Folder, Record, Signer
from btt_chain.daemon import Daemon, Presence
from btt_chain.present import Context, record, rule_of
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import u32, u64
from btt_chain.work.ids import model_id
from cli.commands.job_inputs import (
    ensure_registered_preparation,
    input_options,
    kind_options,
    read_inputs,
)
from cli.commands.job_result import checked_by, print_result
from cli.commands.job_session import (
    MAX_DEADLINE,
    Session,
    ample_deadline,
    fetch_result,
    job_of,
    offered,
    present_job,
    runs,
    served_at,
    serving,
    story,
)
from cli.common import show
from cli.common.computing import (
    NETWORK,
    folder_of,
    folder_option,
    follow_work,
    jobs_of,
    serving_options,
    work_chain,
)
from cli.common.errors import ExitCode, Mistyped, NotFound, Refused
from cli.common.ids import JOB, read_beginning, resolve, shortened
from cli.common.keys import key_pair, read_secret
from cli.common.options import (
    Command,
    Group,
    connection_options,
    examples,
    query_options,
)
from cli.common.sending import Sender, asking_options, signing_options
from cli.common.session import run, run_until_stopped
from cli.declared import Arguments, Column, composed, print_value, program, query
from cli.parameters import Input, context_of
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.events import Ended
from runtime.pallets.jobs.pallet import Jobs
from runtime.pallets.jobs.types import ENDED, Check, JobState, Tier, Urgency
from runtime.pallets.jobs.views import JobView

if TYPE_CHECKING:
    from btt_chain.client.typed import RuntimeClient
    from btt_chain.compute.requester.gateway import Gateway

COLUMNS: Final[Mapping[str, Column]] = {
    "job": lambda view, _: shortened(view.id), "state": "state", ">items": "items",
    ">price": "price", "tier": "tier", "provider": "provider",
}  # fmt: skip


def read_job_id(text: str) -> str:
    """Return the digits of a job's id, or of its beginning. Raises Mistyped."""
    return read_beginning(text, JOB)


JobId = Annotated[str, Input("JOB", check=read_job_id)]

job = Group(
    "job",
    help="""Have something computed, watch it being done, get the result.

    A job is posted, assigned, computing, committed, checking, pending, and then finalized; or
    refunded, or slashed.
    """,
)


gateway_options = serving_options("providers", 30_335)


def private_option(command: Command) -> Command:
    """Add `--keep-private`, which restricts what is sent to the chain."""
    return click.option(
        "--keep-private", is_flag=True,
        help="Of confidential jobs, neither prove what is wrong nor ask for what is not served: "
        "both would make a piece of one item public.",
    )(command)  # fmt: skip


@program(
    job, "btt-chain job quote --model net.btt table.csv", options=(input_options, kind_options)
)
async def quote(
    chain: ViewClient, as_json: bool, files: tuple[Path, ...], package: Path, elements: bool,
    tier: Tier, check: Check, urgency: Urgency,
) -> None:  # fmt: skip
    """Show what a job over FILES would cost now; nothing is posted and nothing leaves this machine.

    Prices move with demand: `job submit --max-price` says what it may cost at most.
    """
    whole, inputs = read_inputs(package, files, elements=elements)
    model, count, size = model_id(whole.manifest), len(inputs.names), len(inputs.raw)
    await ensure_registered_preparation(chain, whole)
    answer = await chain.api(WorkApi.quote, model, u32(count), urgency, check, tier, u64(size))
    price = offered(answer, model)
    deadline = ample_deadline(price, chain.slot_ms)
    parts = {"work": price.price, "checking": price.verification, "deposit": price.deposit}
    if as_json:
        texts = {name: str(part) for name, part in parts.items()}
        show.document(
            {"items": count, **texts, "leastDeadline": price.min_deadline,
             "total": str(price.total), "deadline": deadline}
        )  # fmt: skip
        return
    work, checking, deposit = (chain.currency.format(int(part)) for part in parts.values())
    show.record(
        {
            "items": f"{count:_}",
            "work": work,
            "checking": f"{checking} at most",
            "deposit": f"{deposit}; back unless the payload is bad",
            "on hold": chain.currency.format(int(price.total)),
            "deadline": f"{deadline:_} slots, at least {price.min_deadline:_}",
        }
    )


# ---- submit


@examples(
    "btt-chain job submit --model net.btt --from //Alice table.csv",
    "btt-chain job submit --model net.btt --from key.txt --wait scan1.dcm scan2.dcm",
    "btt-chain job submit --model net.btt --from //Alice --tier confidential --wait batch.npy",
)
@job.command()
@input_options
@kind_options
@click.option(
    "--max-price",
    metavar="AMOUNT",
    help="What it may cost; 5 % above the present price unless said.",
)
@click.option(
    "--deadline", type=click.IntRange(1, MAX_DEADLINE), metavar="SLOTS",
    help="How long the provider may take; twice the least allowed, and some, unless said.",
)  # fmt: skip
@click.option("--wait", is_flag=True, help="Stay until the job is over, and print the result.")
@click.option(
    "--detach", is_flag=True, help="Hand over to a running `btt-chain job gateway` and return."
)
@private_option
@gateway_options
@signing_options
@asking_options
@folder_option
@query_options
def submit(
    files: tuple[Path, ...], package: Path, elements: bool, wait: bool, detach: bool,
    keep_private: bool, listen: str | None, public: tuple[str, ...], base_path: Path | None,
    url: str, timeout: float, as_json: bool, **options: object,
) -> int:  # fmt: skip
    """Post a job over FILES, and serve its payload.

    FILES are .npy, .npz, .csv, images or DICOM files; scans lose all tags. Stays until the provider
    has computed, or with --wait until it is paid and the result is here. Whatever interrupts it,
    `btt-chain job gateway` goes on.
    """
    if wait and detach:
        raise Mistyped("give --wait or --detach, not both")
    if keep_private and options["tier"] is not Tier.Confidential:
        raise Mistyped("--keep-private is about confidential jobs: add --tier confidential")
    sender = Sender.of(options, as_json)
    signer = Signer(sender.pair, shows=not keep_private)
    whole, inputs = read_inputs(package, files, elements=elements)
    for note in inputs.notes:
        show.note(note)

    async def work() -> int:
        async with AsyncExitStack() as stack:
            chain = await stack.enter_async_context(work_chain(url, timeout))
            folder = folder_of(base_path, chain.genesis)
            session = Session(chain, folder, url, timeout, signer, sender)
            serving: Gateway | None = None
            if not detach:
                serving = await stack.enter_async_context(session.gateway(listen, public))
            elif not runs(folder):
                raise Refused("no gateway runs: start `btt-chain job gateway`, or leave --detach")
            record = await session.post(whole, inputs, options)
            if serving is None and not wait:
                session.print_posted(record)
                return ExitCode.DONE
            state = await session.follow(record, serving, is_whole=wait)
            return await session.print_end(record, state, wait=wait)

    return run(work())


# ---- serving


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
    """Serve payloads and models, fetch results, until Ctrl-C or SIGTERM.

    Goes on with every job that was posted from this --base-path, and with those that are handed
    over while it runs. A node that goes away is called again.
    """
    signer = None
    if uri is not None:
        signer = Signer(key_pair(read_secret(uri), "sr25519", None), shows=not keep_private)

    def report(record: Record, view: JobView) -> None:
        state = view.state.name.lower()
        if reported.get(record.name) != state:
            reported[record.name] = state
            show.note(f"{shortened(view.id)}  {state}")

    reported: dict[str, str] = {}

    async def work() -> None:
        async with AsyncExitStack() as stack:
            made: Gateway | None = None

            async def serve(chain: RuntimeClient) -> None:
                nonlocal made
                if made is None:
                    folder = folder_of(base_path, chain.genesis)
                    made = await stack.enter_async_context(
                        serving(chain, folder, listen, public, report, signer)
                    )
                    where = folder.endpoints().decode().replace("\n", ", ")
                    show.note(f"serving at {where}")
                made.chain = chain
                await made.run()

            await follow_work(url, timeout, serve)

    run_until_stopped(work(), [NETWORK])


# ---- protocol jobs


deadline_option = click.option(
    "--deadline", type=click.IntRange(1, MAX_DEADLINE), metavar="SLOTS",
    help="How long a provider may take; twice the least allowed, and some, unless said.",
)  # fmt: skip


@program(
    job, "btt-chain job offer --model net.btt scans.npy",
    options=(input_options, deadline_option, folder_option),
)  # fmt: skip
async def offer(
    chain: ViewClient, as_json: bool, files: tuple[Path, ...], package: Path, elements: bool,
    deadline: int | None, base_path: Path | None,
) -> None:  # fmt: skip
    """Make FILES ready for the chain to have computed, once in each era, at its own expense.

    Inputs and results of such a job are public: any party can fetch them. Governance decides about
    it; this prints what to propose. The gateway of --base-path serves the inputs, and has to run
    for as long as the chain posts the job.
    """
    whole, inputs = read_inputs(package, files, elements=elements)
    for note in inputs.notes:
        show.note(note)
    model, raw, count = model_id(whole.manifest), inputs.raw, len(inputs.names)
    await ensure_registered_preparation(chain, whole)
    quote = await chain.api(
        WorkApi.quote, model, u32(count), Urgency.Routine, Check.Sampled, Tier.Open, u64(len(raw))
    )
    folder = folder_of(base_path, chain.genesis)
    offer, endpoints = offered(quote, model), served_at(folder)
    root = input_root(whole.manifest.graph, raw, None)
    folder.add_inputs(root, b"".join(payload_pieces(None, [raw])))
    facts = {
        "model": to_hex(model),
        "items": str(count),
        "input_root": to_hex(root),
        "data_bytes": str(len(raw)),
        "deadline": str(deadline or ample_deadline(offer, chain.slot_ms)),
        "endpoints": to_hex(endpoints),
    }
    if as_json:
        show.document(facts)
        return
    show.record({name: text for name, text in facts.items() if name != "endpoints"})
    words = " ".join(f"{name}={text}" for name, text in facts.items())
    show.note(
        "propose it: btt-chain gov propose Jobs.add_protocol_set --track params --from YOU " + words
    )


# ---- queries


@program(job, "btt-chain job list", "btt-chain job list --json", options=(folder_option,))
async def list_(
    chain: ViewClient,
    as_json: bool,
    account: Annotated[
        AccountId | None,
        Input("ADDRESS", "Whose. [default: all that were posted from this machine]"),
    ],
    all_: Annotated[bool, Input(help="Those that are over as well.")],
    base_path: Path | None,
) -> None:
    """List jobs."""
    if account is not None:
        views = await jobs_of(chain, account, is_open=not all_)
    else:
        records = folder_of(base_path, chain.genesis).records()
        posted = [entry.job for entry in records if entry.job is not None]
        stored = [await chain.api(WorkApi.job, id) for id in posted]
        views = [view for view in stored if view is not None]
    views = [view for view in views if all_ or view.state not in ENDED]
    rule, context = rule_of(list[JobView]), await context_of(chain)
    if as_json:
        show.document(rule.json(views, context))
    elif views:
        print_value(rule, views, COLUMNS, context)
        show.note("commands take these beginnings of ids; --json has the whole ones")
    else:
        where = "posted from this machine"
        if account is not None:
            where = f"of {chain.chain.metadata.address(account)}"
        more = "" if all_ else "; --all shows those that are over"
        others = "; --account ADDRESS lists those of an account" if account is None else ""
        show.note(f"there are no jobs {where}{more}{others}")


def print_job(view: JobView, context: Context) -> None:
    """Print a job."""
    text = record(JobView).labelled(view, context)
    lines: dict[str, str | list[str]] = {
        "job": text["id"],
        "state": story(view),
        "model": text["model"],
        "items": text["items"],
        "tier": f"{text['tier']}, {text['check']}, {text['urgency']}",
        "price": text["price"],
        "verifiers": f"{text['verification']} at most",
        "paid": text["paid"],
        "provider": "none yet" if view.provider is None else text["provider"],
    }
    if view.receipt is not None:
        lines |= {"receipt": to_hex(view.receipt.id), "checked": checked_by(view)}
    show.record(lines)


@query(job, "btt-chain job status 0x4fd3...", view=print_job)
async def status(chain: ViewClient, job: JobId) -> JobView:
    """Show a job: what it costs, who does it, how far it is."""
    return await job_of(chain, job)


@examples("btt-chain job watch 0x4fd3...", "btt-chain job watch 0x4fd3... --json")
@job.command()
@click.argument("job_id", metavar="JOB")
@query_options
def watch(job_id: str, url: str, timeout: float, as_json: bool) -> None:
    """Print a line whenever a job goes on, until it is over. With --json a document each.

    It is over when that is final. A node that goes away is called again.
    """
    read_job_id(job_id)
    presence = Presence()
    before: tuple[JobState, AccountId | None] | None = None

    async def follow(id: H256, connection: WebSocket) -> None:
        nonlocal before
        chain = ViewClient(await Chain.open(connection))

        async def read(block: bytes) -> JobView | None:
            return await chain.api(WorkApi.job, id, at=block)

        async with aclosing(heads(connection)) as blocks:
            async for _ in blocks:
                view = await present_job(connection, read, id, presence)
                if view is None:
                    continue
                now = view.state, view.provider
                if now != before:
                    before = now
                    if as_json:
                        show.line(record(JobView).json(view, Context(chain.prefix)))
                    else:
                        click.echo(story(view))
                    sys.stdout.flush()
                if view.state in ENDED:
                    return

    async def work() -> None:
        async with await WebSocket.connect(url, timeout) as client:
            id = H256(await resolve(client, job_id, JOB))
        await Daemon(url, timeout, report=show.note).run(partial(follow, id))

    run(work())


@composed(
    job, Jobs.cancel, "btt-chain job cancel 0x4fd3... --from //Alice", event=Ended,
    done="The job is cancelled.",
)  # fmt: skip
async def cancel(chain: ViewClient, job: JobId) -> Arguments:
    """Call off a job that no provider has accepted.

    Before it is assigned all the money comes back; afterwards the deposit is burned.
    """
    return {"job": await resolve(chain.chain.connection, job, JOB)}


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
@query_options
def result(
    job_id: str, out: Path | None, listen: str | None, public: tuple[str, ...],
    base_path: Path | None, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Print a job's result, and what was checked of it.

    The result is opened with the key that was kept as the job was posted, and held against what
    the provider committed to on the chain. If it is not here yet it is fetched, or waited for.
    """
    read_job_id(job_id)
    if out is not None and out.suffix not in (".npy", ".csv"):
        raise Mistyped(f"{out.name}: outputs are written as .npy or .csv")

    async def work() -> tuple[Folder, Record, JobView]:
        async with work_chain(url, timeout) as chain:
            folder = folder_of(base_path, chain.genesis)
            here = [entry.job for entry in folder.records() if entry.job is not None]
            id = H256(await resolve(chain.chain.connection, job_id, JOB, here))
            record = folder.record_of(id)
            if record is None:
                raise NotFound(
                    f"job {to_hex(id)} was not posted from {folder.path}, so the key to its "
                    "result is not here; name the right --base-path"
                )
            if folder.result(record) is None:
                await fetch_result(url, timeout, folder, record, listen, public)
            return folder, record, await job_of(ViewClient(chain.chain), to_hex(id))

    folder, record, view = run(work())
    print_result(folder, record, view, as_json, out)
