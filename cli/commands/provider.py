"""`btt-chain provider`: compute jobs of requesters for payment.

The folder of `--base-path` has the provider's keys, its commitments, and the blobs behind them:
without it a provider cannot answer challenges. `btt_chain.compute.provider.machine` decides.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.client.paging import PAGE, pages
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from cli.commands import provider_list
from cli.commands.provider_list import fresh_eras, takes_jobs
from cli.commands.provider_session import (
    Place,
    opened,
    planck_of,
    provide,
)
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.ids import shortened
from cli.common.options import (
    Command,
    Group,
    examples,
    query_options,
)
from cli.common.sending import Sender, call_options, signer_of, signer_options
from cli.common.session import run, run_until_stopped
from cli.common.working import NETWORK, chain_facts, lacks_extra, view_chain, work_chain
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import ENDED, JobState
from runtime.pallets.jobs.views import JobView, ProviderView
from runtime.pallets.mining.api import MiningApi

if TYPE_CHECKING:
    from btt_chain.client.amount import Currency
    from btt_chain.client.views import ViewClient
    from btt_chain.compute.provider.workshop import Engine
    from btt_chain.primitives.account import AccountId
    from runtime.pallets.providers.types import ProviderInfo

KINDS: Final = ("home", "mid", "institution", "clinic", "data-centre")
ERAS_SHOWN: Final = 32
MAX_PIECE: Final = 256 << 20
"""Maximum bytes of tensors that a worker of a cluster computes at a time."""


@click.group(cls=Group)
def provider() -> None:
    """Do other people's work, and be paid for it.

    A provider bonds money, is selected for jobs, computes them, and answers for every number with
    its bond. Keep its --base-path: what it committed to lies there.
    """


provider.add_command(provider_list.list_)


def place_options(command: Command) -> Command:
    """Add the options for the provider's folder and its addresses."""
    base = click.option(
        "--base-path",
        envvar="BTT_PROVIDER",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where keys, records and results are kept. [default: ~/.local/share/btt-chain]",
    )
    listen = click.option(
        "--listen",
        metavar="ADDRESS",
        help="Where to serve, as /ip4/0.0.0.0/tcp/30336. [default: this machine only on local "
        "chains, all addresses on others; the port stays the same from then on]",
    )
    public = click.option(
        "--public", multiple=True, metavar="ADDRESS",
        help="What to announce to others instead, as /dns4/HOST/tcp/PORT.",
    )  # fmt: skip
    return base(listen(public(command)))


class_option = click.option(
    "--class", "classes", type=click.IntRange(0, 65_535), multiple=True, default=(0,),
    show_default=True, help="A class of models to serve; may be repeated.",
)  # fmt: skip


# ---- register


@examples(
    "btt-chain provider register --from //Bob --bond 1000BTT",
    "btt-chain provider register --from key.txt --bond 5000BTT --class 0 --class 1 --capacity 4 \\",
    "  --kind clinic --public /dns4/gpu.example/tcp/30336",
)
@provider.command()
@click.option(
    "--bond", metavar="AMOUNT", default="1000BTT", show_default=True,
    help="What answers for the work: ten prices of each job at a time. 0: the chain's own jobs.",
)  # fmt: skip
@class_option
@click.option(
    "--capacity", type=click.IntRange(1, 65_535), default=2, show_default=True,
    help="Jobs at a time.",
)  # fmt: skip
@click.option(
    "--kind", type=click.Choice(KINDS), default="home", show_default=True, help="Who computes here."
)
@click.option("--region", type=click.IntRange(0, 65_535), help="Where it stands, as you say.")
@click.option(
    "--replace-keys", is_flag=True,
    help="Of a registered provider, replace the keys by those of this folder: jobs that were "
    "sealed to the others cannot be read any more.",
)  # fmt: skip
@place_options
@call_options
def register(
    bond: str, classes: tuple[int, ...], capacity: int, kind: str, region: int | None,
    replace_keys: bool, url: str, timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Register a provider with new keys, or change the description of a registered one.

    A bond that is smaller than --bond, by a fine perhaps, is filled up.
    """
    from runtime.pallets.providers.types import ProviderKind

    sender = Sender.of(options, as_json)
    place = Place.of(options)
    chosen = ProviderKind(KINDS.index(kind))

    async def work() -> tuple[str, ProviderInfo]:
        async with AsyncExitStack() as stack:
            chain = await stack.enter_async_context(work_chain(url, timeout))
            currency, is_local = await chain_facts(url, timeout)
            planck = planck_of(currency, bond)
            open_ = await stack.enter_async_context(opened(chain, sender.pair, place, is_local))
            info = open_.info(chosen, region, sorted({*classes}), capacity)
            before: ProviderView | None = await chain.api(WorkApi.provider, open_.account)
            if before is None:
                done = await sender.submit(
                    chain, "Providers", "register", info=info, bond=u128(planck)
                )
                return "0x" + done.block.hex(), info
            if not replace_keys:
                open_.ensure_keys(before.info)
            more = planck - int(before.active) - int(before.reserved)
            if before.info == info and more <= 0:
                raise Refused("it is registered, and nothing changes")
            if before.info != info:
                done = await sender.submit(chain, "Providers", "update", info=info)
            if more > 0:
                done = await sender.submit(chain, "Providers", "bond_extra", amount=u128(more))
            return "0x" + done.block.hex(), info

    block, info = run(work())
    endpoints = info.endpoints.decode("ascii").split("\n")
    if as_json:
        show.document({"block": block, "endpoints": endpoints})
        return
    show.record({"block": block, "reached at": endpoints})
    show.good("The provider is registered. Start it: btt-chain provider run")


# ---- run


def _cluster(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse a wrong address before Dask's client would wait a minute for it."""
    if value is None or re.fullmatch(r"((tcp|tls|ws|wss)://)?[^/\s]+:\d{1,5}", value):
        return value
    raise click.BadParameter(f"'{value}' is not an address; write it like tcp://HOST:8786")


@examples(
    "btt-chain provider run --from //Bob",
    "btt-chain provider run --from key.txt --cluster tcp://scheduler:8786 --jobs 4",
)
@provider.command("run")
@click.option(
    "--jobs", type=click.IntRange(1, 256), default=1, show_default=True,
    help="How many are computed together; --capacity says how many are taken.",
)  # fmt: skip
@click.option(
    "--memory", type=click.IntRange(16), default=1024, show_default=True, metavar="MiB",
    help="The most that the tensors of one item may take; jobs with more are left to others.",
)  # fmt: skip
@click.option(
    "--cluster", metavar="ADDRESS", callback=_cluster,
    help="A Dask scheduler of yours that computes.",
)  # fmt: skip
@click.option(
    "--bond", metavar="AMOUNT",
    help="Register first, with this bond, if the account is not a provider.",
)  # fmt: skip
@class_option
@click.option(
    "--fast", is_flag=True,
    help="Multiply with onnxruntime, if this machine passes its test. Needs the extra `fast`.",
)  # fmt: skip
@click.option(
    "--keep-slots", type=click.IntRange(1),
    help="How long transcripts are served once a job is over. [default: seven days]",
)  # fmt: skip
@place_options
@signer_options
@query_options
def run_(
    jobs: int, memory: int, cluster: str | None, bond: str | None, classes: tuple[int, ...],
    fast: bool, keep_slots: int | None, url: str, timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Take jobs, compute them, answer for them, until Ctrl-C or SIGTERM.

    Whatever stops it, the next run goes on: what was committed to is served, what was only begun
    is done again. A node that goes away is called again.
    """
    if fast and cluster is not None:
        raise Mistyped("give --fast or --cluster, not both: workers multiply as they do")
    pair = signer_of(options)
    place = Place.of(options)
    try:
        from btt_chain.compute.provider.workshop import Processor
        from btt_chain.work.errors import WorkError

        engine: Engine = Processor()
        if cluster is not None:
            from btt_chain.compute.provider.cluster import OnCluster

            engine = OnCluster(cluster, min(memory << 20, MAX_PIECE))
        elif fast:
            from btt_chain.work.fast import Fast

            engine = Fast()
    except ImportError as missing:
        raise lacks_extra(missing) from None
    except WorkError as reason:
        raise Refused(str(reason)) from None
    work = provide(
        engine, pair, place, url, timeout, jobs=jobs, memory=memory << 20, bond=bond,
        classes=classes, keep_slots=keep_slots, as_json=as_json,
    )  # fmt: skip
    run_until_stopped(work, [NETWORK])


# ---- queries


@examples("btt-chain provider status //Bob", "btt-chain provider status 5FHneW46... --json")
@provider.command()
@click.argument("account", metavar="ADDRESS")
@query_options
def status(account: str, url: str, timeout: float, as_json: bool) -> None:
    """Show a provider: its bond, its jobs, whether it can be selected."""
    who = read_who(account)

    async def ask() -> tuple[Currency, ProviderView, list[JobView], int, int]:
        async with view_chain(url, timeout) as chain:
            currency, _ = await chain_facts(url, timeout)
            view = await known(chain, who)
            jobs = await chain.api(WorkApi.assignments, who)
            era = int((await chain.api(MiningApi.emission)).era)
            return currency, view, jobs, era, fresh_eras(chain.chain)

    currency, view, jobs, era, fresh = run(ask())
    if as_json:
        show.document(_document(view, jobs, era))
        return
    amount = currency.format
    age = era - int(view.last_heartbeat)
    show.record(
        {
            "provider": _address(view.provider),
            "bond": f"{amount(int(view.active))} free, {amount(int(view.reserved))} for jobs, "
            f"{amount(int(view.leaving))} leaving",
            "jobs": f"{int(view.busy)} of {int(view.capacity)}",
            "heartbeat": "in this era" if not age else f"{show.counted(age, 'era')} ago",
            "takes jobs": takes_jobs(
                is_chilled=view.chilled,
                age=age,
                fresh=fresh,
                busy=int(view.busy),
                capacity=int(view.capacity),
            ),
            "classes": ", ".join(str(int(one)) for one in view.info.classes),
            "reached at": view.info.endpoints.decode("ascii", "replace").split("\n"),
        }
    )
    if jobs:
        show.table(
            ["job", "state", ">items", ">price"],
            [
                [shortened(job.id), job.state.name.lower(), str(int(job.items)),
                 amount(int(job.price))]
                for job in jobs
            ],
        )  # fmt: skip


def _document(view: ProviderView, jobs: list[JobView], era: int) -> dict[str, object]:
    return {
        "provider": _address(view.provider),
        "operator": None if view.operator is None else _address(view.operator),
        "active": str(int(view.active)),
        "reserved": str(int(view.reserved)),
        "leaving": str(int(view.leaving)),
        "lost": str(int(view.lost)),
        "capacity": int(view.capacity),
        "busy": int(view.busy),
        "lastHeartbeat": int(view.last_heartbeat),
        "era": era,
        "chilled": view.chilled,
        "endpoints": view.info.endpoints.decode("ascii", "replace").split("\n"),
        "jobs": [
            {"id": "0x" + job.id.hex(), "state": job.state.name.lower(), "items": int(job.items),
             "price": str(int(job.price))}
            for job in jobs
        ],
    }  # fmt: skip


@examples("btt-chain provider earnings //Bob")
@provider.command()
@click.argument("account", metavar="ADDRESS")
@query_options
def earnings(account: str, url: str, timeout: float, as_json: bool) -> None:
    """Show what a provider was paid for jobs lately, what it lost, and what mining owes it.

    Jobs are forgotten by the chain some epochs after they ended. `provider run` claims rewards.
    """
    who = read_who(account)

    async def ask() -> tuple[Currency, list[JobView], dict[int, int], int, int]:
        async with view_chain(url, timeout) as chain:
            currency, _ = await chain_facts(url, timeout)
            lost = int((await known(chain, who)).lost)
            jobs = await ended_jobs(chain, who)
            era = int((await chain.api(MiningApi.emission)).era)
            owed: dict[int, int] = {}
            for one in range(max(0, era - ERAS_SHOWN), era + 1):
                found = await chain.api(MiningApi.estimate, who, u32(one))
                if found is not None:
                    owed[one] = int(found.reward)
            return currency, jobs, owed, era, lost

    currency, jobs, owed, era, lost = run(ask())
    paid = sum(int(job.paid) for job in jobs)
    done = sum(bool(job.paid) for job in jobs)
    slashed = sum(job.state is JobState.Slashed for job in jobs)
    if as_json:
        show.document(
            {
                "paid": str(paid),
                "lost": str(lost),
                "jobs": [
                    {"id": "0x" + job.id.hex(), "state": job.state.name.lower(),
                     "paid": str(int(job.paid))}
                    for job in jobs
                ],
                "rewards": [{"era": one, "planck": str(sum_)} for one, sum_ in owed.items()],
                "era": era,
            }
        )  # fmt: skip
        return
    amount = currency.format
    show.record(
        {
            "paid for jobs": f"{amount(paid)} for {show.counted(done, 'job')}",
            "slashed": show.counted(slashed, "job"),
            "lost": f"{amount(lost)} of the bond since it registered, by fines and slashes",
            "rewards": [
                f"era {one}: {amount(sum_)}" + (" so far" if one == era else "")
                for one, sum_ in owed.items()
            ]
            or ["nothing that is not claimed"],
        }
    )


async def ended_jobs(chain: ViewClient, who: AccountId) -> list[JobView]:
    """Return the jobs of a provider that are over and not yet forgotten by the chain."""
    jobs = pages(
        lambda after: chain.api(WorkApi.jobs, who, False, after, u32(PAGE)),
        lambda job: job.id,
        first=None,
    )
    return [job async for job in jobs if job.provider == who and job.state in ENDED]


# ---- leave


@examples("btt-chain provider leave --from //Bob")
@provider.command()
@call_options
def leave(url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Take no more jobs, and get the bond back: repeat it until it says that it is done.

    Jobs that run go on, so keep `provider run` running until then.
    """
    sender = Sender.of(options, as_json)
    who = AccountId(sender.account)

    async def work() -> tuple[list[str], str]:
        done: list[str] = []
        async with view_chain(url, timeout) as chain:

            async def call(name: str, **args: object) -> None:
                await sender.send(chain, "Providers", name, **args)
                done.append(name)

            view = await known(chain, who)
            if not view.chilled:
                await call("chill")
            if view.active:
                await call("unbond", amount=view.active)
            if await is_due(chain, who):
                await call("withdraw")
            view = await known(chain, who)
            if view.busy:
                return (
                    done,
                    f"still disputable: {show.counted(int(view.busy), 'job')}; keep it running",
                )
            if view.leaving or view.active or view.reserved:
                return done, "the bond is on its way out: come back when the eras are over"
            await call("deregister")
            return done, ""

    done, left = run(work())
    if as_json:
        show.document({"done": done, "left": left or None})
        return
    show.record({"sent": done or ["nothing"]})
    if left:
        show.note(left)
    else:
        show.good("The account is no longer a provider.")


async def is_due(chain: ViewClient, who: AccountId) -> bool:
    """Return True if a part of a provider's bond can be withdrawn."""
    ledger = await chain.chain.storage("Providers.Ledgers", "0x" + who.hex())
    era = int((await chain.api(MiningApi.emission)).era)
    parts = ledger.get("unlocking") if isinstance(ledger, dict) else None
    return any(
        isinstance(part, dict) and int(str(part["due"])) <= era
        for part in (parts if isinstance(parts, list) else [])
    )


async def known(chain: ViewClient, who: AccountId) -> ProviderView:
    """Return a provider. NotFound if the account is not registered."""
    view = await chain.api(WorkApi.provider, who)
    if view is None:
        raise NotFound(f"{_address(who)} is not a provider")
    return view


def read_who(text: str) -> AccountId:
    """Return the account of a text. Mistyped if the text is not an account."""
    try:
        return AccountId(read_account(text))
    except AccountError as error:
        raise Mistyped(str(error)) from None


def _address(account: bytes) -> str:
    return ss58.encode(account)
