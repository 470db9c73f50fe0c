"""`btt-chain job`: post a job, watch its computation, and fetch the result.

Inputs are read, stripped and converted to 8-bit numbers here; they are sent sealed to the provider
that the chain selects. The folder of `--base-path` has each job's keys, inputs and result, so that
any of these commands may be stopped and started again.
"""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack, aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.compute.blobs.payload import edge_root, payload_pieces
from btt_chain.daemon import Daemon, Presence
from btt_chain.primitives import ss58
from btt_chain.scale import u32, u64
from cli.commands.job_inputs import elements_option, kind_options, package_option, read_inputs
from cli.commands.job_quote import quote
from cli.commands.job_result import print_result
from cli.commands.job_session import (
    ENDED,
    HANDED_OVER,
    MAX_DEADLINE,
    Session,
    ample_deadline,
    facts_of,
    fetch_result,
    offered,
    present_job,
    read_job,
    runs,
    served_at,
    serving,
    story,
)
from cli.common import show
from cli.common.errors import ExitCode, Mistyped, NotFound, Refused
from cli.common.ids import JOB, read_beginning, resolve, short, shortened
from cli.common.options import (
    Command,
    Group,
    connection_options,
    examples,
    key_pair,
    query_options,
    read_secret,
)
from cli.common.sending import (
    Sender,
    asking_options,
    call_options,
    signing_options,
)
from cli.common.session import run, run_until_stopped
from cli.common.working import (
    NETWORK,
    asked,
    chain_facts,
    folder_of,
    folder_option,
    follow_work,
    money,
    view_chain,
    work_chain,
)
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import Check, Tier, Urgency

if TYPE_CHECKING:
    from btt_chain.client.amount import Currency
    from btt_chain.client.jsonrpc import Connection, Json
    from btt_chain.client.typed import RuntimeClient
    from btt_chain.compute.requester.folder import Folder, Record
    from btt_chain.compute.requester.gateway import Gateway
    from runtime.pallets.jobs.views import JobView


@click.group(cls=Group)
def job() -> None:
    """Have something computed, watch it being done, get the result.

    A job is posted, assigned, computing, committed, checking, pending, and then finalized; or
    refunded, or slashed.
    """


job.add_command(quote)


def gateway_options(command: Command) -> Command:
    """Add the options for the address of payloads."""
    listen = click.option(
        "--listen",
        metavar="ADDRESS",
        help="Where to serve payloads, as /ip4/0.0.0.0/tcp/30335. [default: this machine only on "
        "local chains, all addresses on others; the port stays the same from then on]",
    )
    public = click.option(
        "--public", multiple=True, metavar="ADDRESS",
        help="What to announce to providers instead, as /dns4/HOST/tcp/PORT.",
    )  # fmt: skip
    return listen(public(command))


def private_option(command: Command) -> Command:
    """Add `--keep-private`, which restricts what is sent to the chain."""
    return click.option(
        "--keep-private", is_flag=True,
        help="Of confidential jobs, neither prove what is wrong nor ask for what is not served: "
        "both would make a piece of one item public.",
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
    from btt_chain.compute.requester.folder import Signer

    if wait and detach:
        raise Mistyped("give --wait or --detach, not both")
    if keep_private and options["tier"] != "confidential":
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
            session = Session(chain, folder, url, timeout, signer, whole, sender)
            await session.look()
            serving: Gateway | None = None
            if not detach:
                serving = await stack.enter_async_context(session.gateway(listen, public))
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
    from btt_chain.compute.requester.folder import Signer

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


@examples("btt-chain job offer --model net.btt scans.npy")
@job.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)  # fmt: skip
@package_option
@elements_option
@click.option(
    "--deadline", type=click.IntRange(1, MAX_DEADLINE), metavar="SLOTS",
    help="How long a provider may take; twice the least allowed, and some, unless said.",
)  # fmt: skip
@folder_option
@query_options
def offer(
    files: tuple[Path, ...], package: Path, elements: bool, deadline: int | None,
    base_path: Path | None, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Make FILES ready for the chain to have computed, once in each era, at its own expense.

    Inputs and results of such a job are public: any party can fetch them. Governance decides about
    it; this prints what to propose. The gateway of --base-path serves the inputs, and has to run
    for as long as the chain posts the job.
    """
    from btt_chain.work.ids import model_id

    whole, inputs = read_inputs(package, files, elements=elements)
    for note in inputs.notes:
        show.note(note)
    model, raw, count = model_id(whole.manifest), inputs.elements.tobytes(), len(inputs.names)

    async def work() -> dict[str, str]:
        async with view_chain(url, timeout) as chain:
            quote = await chain.api(
                WorkApi.quote, model, u32(count), Urgency.Routine, Check.Sampled, Tier.Open,
                u64(len(raw)),
            )  # fmt: skip
            folder = folder_of(base_path, chain.genesis)
        known, endpoints = offered(quote, model), served_at(folder)
        root = edge_root(whole.manifest.graph.input, 0, raw, None)
        folder.add_inputs(root, b"".join(payload_pieces(None, [raw])))
        return {
            "model": "0x" + model.hex(),
            "items": str(count),
            "input_root": "0x" + root.hex(),
            "data_bytes": str(len(raw)),
            "deadline": str(deadline or ample_deadline(known, chain.slot_ms)),
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


# ---- queries


@examples("btt-chain job list", "btt-chain job list --json")
@job.command("list")
@click.option(
    "--account", metavar="ADDRESS", help="Whose. [default: all that were posted from this machine]"
)
@click.option("--all", "everything", is_flag=True, help="Those that are over as well.")
@folder_option
@query_options
def list_(
    account: str | None, everything: bool, base_path: Path | None, url: str, timeout: float,
    as_json: bool,
) -> None:  # fmt: skip
    """List jobs."""

    async def ask() -> tuple[list[dict[str, Json]], Currency]:
        currency, _ = await chain_facts(url, timeout)
        async with await WebSocket.connect(url, timeout) as client:
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
        where = "posted from this machine" if account is None else f"of {account}"
        more = "" if everything else "; --all shows those that are over"
        others = "; --account ADDRESS lists those of an account" if account is None else ""
        show.note(f"there are no jobs {where}{more}{others}")
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
                str(row.get("provider") or "-"),
            ]
            for row in rows
        ],
    )
    show.note("commands take these beginnings of ids; --json has the whole ones")


async def _jobs_of(client: Connection, account: str, open_only: bool) -> list[dict[str, Json]]:
    from btt_chain.client.paging import listed

    try:
        who = ss58.encode(read_account(account, ss58.DEFAULT_PREFIX))
    except AccountError as error:
        raise Mistyped(str(error)) from None
    return await listed(partial(asked, client), "work_jobs", who, open_only)


@examples("btt-chain job status 0x4fd3...")
@job.command()
@click.argument("job_id", metavar="JOB")
@query_options
def status(job_id: str, url: str, timeout: float, as_json: bool) -> None:
    """Show a job: what it costs, who does it, how far it is."""
    read_beginning(job_id, JOB)

    async def ask() -> tuple[dict[str, Json], Currency]:
        currency, _ = await chain_facts(url, timeout)
        return await read_job(url, timeout, job_id), currency

    answer, currency = run(ask())
    if as_json:
        show.document(answer)
        return
    show.record(facts_of(answer, currency))


@examples("btt-chain job watch 0x4fd3...", "btt-chain job watch 0x4fd3... --json")
@job.command()
@click.argument("job_id", metavar="JOB")
@query_options
def watch(job_id: str, url: str, timeout: float, as_json: bool) -> None:
    """Print a line whenever a job goes on, until it is over. With --json a document each.

    It is over when that is final. A node that goes away is called again.
    """
    from btt_chain.client.chain import heads
    from btt_chain.client.jsonrpc import WebSocket
    from cli.common.session import run

    read_beginning(job_id, JOB)
    presence = Presence()
    before: tuple[Json, Json] | None = None

    async def follow(id: bytes, connection: WebSocket) -> None:
        nonlocal before
        async with aclosing(heads(connection)) as blocks:
            async for _ in blocks:
                answer = await present_job(connection, id, presence)
                now = answer.get("state"), answer.get("provider")
                if answer and now != before:
                    before = now
                    outcome = answer.get("outcome")
                    ended = str(outcome) if outcome not in (None, "done") else None
                    if as_json:
                        show.line(answer)
                    else:
                        click.echo(story(str(now[0]), str(now[1]), ended))
                    sys.stdout.flush()
                if now[0] in ENDED:
                    return

    async def work() -> None:
        async with await WebSocket.connect(url, timeout) as client:
            id = await resolve(client, job_id, JOB)
        await Daemon(url, timeout, report=show.note).run(partial(follow, id))

    run(work())


@examples("btt-chain job cancel 0x4fd3... --from //Alice")
@job.command()
@click.argument("job_id", metavar="JOB")
@call_options
def cancel(job_id: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Call off a job that no provider has accepted.

    Before it is assigned all the money comes back; afterwards the deposit is burned.
    """
    read_beginning(job_id, JOB)
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            id = await resolve(chain.chain.connection, job_id, JOB)
            done = await sender.send(chain, "Jobs", "cancel", job=id)
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
@query_options
def result(
    job_id: str, out: Path | None, listen: str | None, public: tuple[str, ...],
    base_path: Path | None, url: str, timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Print a job's result, and what was checked of it.

    The result is opened with the key that was kept as the job was posted, and held against what
    the provider committed to on the chain. If it is not here yet it is fetched, or waited for.
    """
    read_beginning(job_id, JOB)
    if out is not None and out.suffix not in (".npy", ".csv"):
        raise Mistyped(f"{out.name}: outputs are written as .npy or .csv")

    async def work() -> tuple[Folder, Record, dict[str, Json]]:
        async with work_chain(url, timeout) as chain:
            folder = folder_of(base_path, chain.genesis)
            here = [one.job for one in folder.records() if one.job is not None]
            id = await resolve(chain.chain.connection, job_id, JOB, here)
            record = folder.record_of(id)
            if record is None:
                raise NotFound(
                    f"job 0x{id.hex()} was not posted from {folder.path}, so the key to its "
                    "result is not here; name the right --base-path"
                )
            if folder.result(record) is None:
                await fetch_result(url, timeout, folder, record, listen, public)
            return folder, record, await read_job(url, timeout, "0x" + id.hex())

    folder, record, answer = run(work())
    print_result(folder, record, answer, as_json, out)
