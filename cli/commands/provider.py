"""`btt-chain provider`: register, leave, and read what the chain has of providers."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Annotated, Final

import click

from btt_chain.client.chain import Chain
from btt_chain.client.paging import PAGE, pages
from btt_chain.client.views import ViewClient
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, rule
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import u16, u32, u128
from cli.commands.provider_group import provider
from cli.commands.provider_session import Place, class_option, opened, place_options, planck_of
from cli.common import show
from cli.common.computing import jobs_of, member_option, work_chain
from cli.common.errors import NotFound, Refused
from cli.common.ids import shortened
from cli.common.options import examples
from cli.common.sending import Sender, call_options
from cli.common.session import is_local, run
from cli.declared import program, query
from cli.parameters import Input
from runtime.frame.aliases import Planck
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import ENDED, JobState
from runtime.pallets.jobs.views import JobView, ProviderView
from runtime.pallets.mining.api import MiningApi
from runtime.pallets.providers.types import Ledger, ProviderInfo, ProviderKind

ERAS_SHOWN: Final = 32


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
@member_option("--kind", ProviderKind.Home, "Who computes here.")
@click.option("--region", type=click.IntRange(0, 65_535), help="Where it stands, as you say.")
@click.option(
    "--replace-keys", is_flag=True,
    help="Of a registered provider, replace the keys by those of this folder: jobs that were "
    "sealed to the others cannot be read any more.",
)  # fmt: skip
@place_options
@call_options
def register(
    bond: str, classes: tuple[int, ...], capacity: int, kind: ProviderKind, region: int | None,
    replace_keys: bool, url: str, timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Register a provider with new keys, or change the description of a registered one.

    A bond that is smaller than --bond, by a fine perhaps, is filled up.
    """
    sender = Sender.of(options, as_json)
    place = Place.of(options)

    async def work() -> tuple[str, ProviderInfo]:
        async with AsyncExitStack() as stack:
            chain = await stack.enter_async_context(work_chain(url, timeout))
            local = await is_local(chain.chain.connection)
            planck = planck_of(chain.chain.metadata.currency, bond)
            open_ = await stack.enter_async_context(opened(chain, sender.pair, place, local))
            info = open_.info(kind, region, sorted({*classes}), capacity)
            before: ProviderView | None = await chain.api(WorkApi.provider, open_.account)
            if before is None:
                done = await sender.submit(
                    chain, "Providers", "register", info=info, bond=u128(planck)
                )
                return to_hex(done.block), info
            if not replace_keys:
                open_.ensure_keys(before.info)
            more = planck - int(before.active) - int(before.reserved)
            if before.info == info and more <= 0:
                raise Refused("it is registered, and nothing changes")
            if before.info != info:
                done = await sender.submit(chain, "Providers", "update", info=info)
            if more > 0:
                done = await sender.submit(chain, "Providers", "bond_extra", amount=u128(more))
            return to_hex(done.block), info

    block, info = run(work())
    endpoints = info.endpoints.decode("ascii").split("\n")
    if as_json:
        show.document({"block": block, "endpoints": endpoints})
        return
    show.record({"block": block, "reached at": endpoints})
    show.good("The provider is registered. Start it: btt-chain provider run")


# ---- queries


@dataclass(frozen=True, slots=True)
class Seen:
    """A provider at a time of the chain."""

    view: ProviderView
    era: u32
    """The current era."""
    fresh_eras: u32
    """Eras after the last heartbeat in which it gets jobs."""

    @property
    def age(self) -> int:
        """Eras since the last heartbeat."""
        return int(self.era) - int(self.view.last_heartbeat)

    @property
    def obstacle(self) -> str:
        """Why it gets no further job now; empty if it gets one."""
        if self.view.chilled:
            return "it was chilled, or slashed"
        if self.age > self.fresh_eras:
            return f"no heartbeat for {show.counted(self.age, 'era')}"
        return "" if self.view.busy < self.view.capacity else "it has all that it takes"


def takes_jobs(seen: Seen, _: Context) -> str:
    """Return the words for whether a provider gets a further job now."""
    return f"no: {seen.obstacle}" if seen.obstacle else "yes"


def last_seen(seen: Seen, _: Context) -> str:
    """Return the era of the last heartbeat as text."""
    return "in this era" if seen.age <= 0 else f"{show.counted(seen.age, 'era')} ago"


def load(seen: Seen, _: Context) -> str:
    """Return the number of jobs of a provider, and how many it takes."""
    return f"{seen.view.busy} of {seen.view.capacity}"


def bond_of(view: ProviderView) -> int:
    """Return the bond that answers for jobs."""
    return int(view.active) + int(view.reserved)


@query(
    provider, "btt-chain provider list", "btt-chain provider list --class 1 --free --json",
    flat="view", empty="there is no such provider",
    columns={
        "provider": "provider", "kind": "info.kind", "classes": "info.classes", ">jobs": load,
        ">bond": lambda seen, context: context.currency.format(bond_of(seen.view)),
        ">lost": lambda seen, context: (
            context.currency.format(int(seen.view.lost)) if seen.view.lost else "-"
        ),
        "last seen": last_seen, "takes jobs": takes_jobs,
    },
)  # fmt: skip
async def list_(
    chain: ViewClient,
    class_: Annotated[u16 | None, Input(help="Those that serve this class.")],
    free: Annotated[bool, Input(help="Those that take another job now.")],
) -> list[Seen]:
    """List the providers: what they serve, their load and bond, and when they were last seen."""
    views = pages(
        lambda after: chain.api(WorkApi.providers, after, u32(PAGE)),
        lambda view: view.provider,
        first=None,
    )
    era, fresh = await era_of(chain), fresh_eras(chain.chain)
    seen = [Seen(view, era, fresh) async for view in views]
    chosen = [
        row for row in seen
        if (class_ is None or class_ in row.view.info.classes) and not (free and row.obstacle)
    ]  # fmt: skip
    return sorted(chosen, key=lambda row: (-bond_of(row.view), row.view.provider))


@dataclass(frozen=True, slots=True)
class Status:
    """A provider with its jobs."""

    view: ProviderView
    era: u32
    fresh_eras: u32
    jobs: list[JobView]


def print_status(status: Status, context: Context) -> None:
    """Print a provider, and its jobs as a table."""
    view, amount = status.view, context.currency.format
    seen = Seen(view, status.era, status.fresh_eras)
    show.record(
        {
            "provider": rule(AccountId).text(view.provider, context),
            "bond": f"{amount(int(view.active))} free, {amount(int(view.reserved))} for jobs, "
            f"{amount(int(view.leaving))} leaving",
            "jobs": load(seen, context),
            "heartbeat": last_seen(seen, context),
            "takes jobs": takes_jobs(seen, context),
            "classes": ", ".join(map(str, view.info.classes)),
            "reached at": view.info.endpoints.decode("ascii", "replace").split("\n"),
        }
    )
    if status.jobs:
        show.table(
            ["job", "state", ">items", ">price"],
            [
                [shortened(job.id), rule(JobState).text(job.state, context), str(job.items),
                 amount(int(job.price))]
                for job in status.jobs
            ],
        )  # fmt: skip


@query(
    provider, "btt-chain provider status //Bob", "btt-chain provider status 5FHneW46... --json",
    flat="view", view=print_status,
)  # fmt: skip
async def status(chain: ViewClient, account: AccountId) -> Status:
    """Show a provider: its bond, its jobs, whether it can be selected."""
    view = await registered(chain, account)
    jobs = await chain.api(WorkApi.assignments, account)
    return Status(view, await era_of(chain), fresh_eras(chain.chain), jobs)


@dataclass(frozen=True, slots=True)
class Reward:
    """A reward of mining that was not claimed."""

    era: u32
    planck: Planck


@dataclass(frozen=True, slots=True)
class Earnings:
    """Money that a provider was paid, lost, and can claim."""

    paid: Planck
    lost: Planck
    jobs: list[JobView]
    """Its jobs that are over."""
    rewards: list[Reward]
    era: u32


def print_earnings(earnings: Earnings, context: Context) -> None:
    """Print the earnings of a provider."""
    amount = context.currency.format
    paid = show.counted(sum(bool(job.paid) for job in earnings.jobs), "job")
    slashed = sum(job.state is JobState.Slashed for job in earnings.jobs)
    rewards = [
        f"era {reward.era}: {amount(int(reward.planck))}"
        + (" so far" if reward.era == earnings.era else "")
        for reward in earnings.rewards
    ]
    show.record(
        {
            "paid for jobs": f"{amount(int(earnings.paid))} for {paid}",
            "slashed": show.counted(slashed, "job"),
            "lost": f"{amount(int(earnings.lost))} of the bond since it registered, by fines and "
            "slashes",
            "rewards": rewards or ["nothing that is not claimed"],
        }
    )


@query(provider, "btt-chain provider earnings //Bob", view=print_earnings)
async def earnings(chain: ViewClient, account: AccountId) -> Earnings:
    """Show what a provider was paid for jobs lately, what it lost, and what mining owes it.

    Jobs are forgotten by the chain some epochs after they ended. `provider run` claims rewards.
    """
    view, era = await registered(chain, account), await era_of(chain)
    jobs = await ended_jobs(chain, account)
    rewards = []
    for number in map(u32, range(max(0, int(era) - ERAS_SHOWN), int(era) + 1)):
        estimate = await chain.api(MiningApi.estimate, account, number)
        if estimate is not None:
            rewards.append(Reward(number, u128(estimate.reward)))
    paid = u128(sum(int(job.paid) for job in jobs))
    return Earnings(paid, view.lost, jobs, rewards, era)


async def era_of(chain: ViewClient) -> u32:
    """Return the current era."""
    return (await chain.api(MiningApi.emission)).era


def fresh_eras(chain: Chain) -> u32:
    """Return the number of eras after the last heartbeat in which a provider gets jobs."""
    return u32(int(str(chain.constant("Providers.FreshEras"))))


async def ended_jobs(chain: ViewClient, who: AccountId) -> list[JobView]:
    """Return the jobs of a provider that are over and not yet forgotten by the chain."""
    jobs = await jobs_of(chain, who, is_open=False)
    return [job for job in jobs if job.provider == who and job.state in ENDED]


# ---- leave


@program(provider, "btt-chain provider leave --from //Bob")
async def leave(chain: ViewClient, sender: Sender) -> None:
    """Take no more jobs, and get the bond back: repeat it until it says that it is done.

    Jobs that run go on, so keep `provider run` running until then.
    """
    who, sent = AccountId(sender.account), list[str]()

    async def call(name: str, **args: object) -> None:
        await sender.send(chain, "Providers", name, **args)
        sent.append(name)

    view = await registered(chain, who)
    if not view.chilled:
        await call("chill")
    if view.active:
        await call("unbond", amount=view.active)
    ledger = await chain.storage(Ledger, "Providers.Ledgers", who)
    era = await era_of(chain)
    if ledger is not None and any(chunk.due <= era for chunk in ledger.unlocking):
        await call("withdraw")
    view = await registered(chain, who)
    left = ""
    if view.busy:
        left = f"still disputable: {show.counted(int(view.busy), 'job')}; keep it running"
    elif view.leaving or view.active or view.reserved:
        left = "the bond is on its way out: come back when the eras are over"
    else:
        await call("deregister")
    if sender.as_json:
        show.document({"done": sent, "left": left or None})
        return
    show.record({"sent": sent or ["nothing"]})
    if left:
        show.note(left)
    else:
        show.good("The account is no longer a provider.")


async def registered(chain: ViewClient, who: AccountId) -> ProviderView:
    """Return a provider. NotFound if the account is not registered."""
    view = await chain.api(WorkApi.provider, who)
    if view is None:
        raise NotFound(f"{chain.chain.metadata.address(who)} is not a provider")
    return view
