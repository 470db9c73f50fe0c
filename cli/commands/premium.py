"""`btt-chain premium`: services that stakers buy by the month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from btt_chain.client.views import event_of
from btt_chain.primitives.account import AccountId
from cli.common import show
from cli.common.errors import NotFound
from cli.common.options import Group, examples, query_options
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import run
from cli.common.working import account, planck, report_call, view_chain
from runtime.pallets.tier_staking import events
from runtime.pallets.tier_staking.api import StakingApi
from runtime.pallets.tier_staking.types import PremiumView

if TYPE_CHECKING:
    from btt_chain.client.views import ViewClient

JOB_PRIORITY = 0
NAMES = {JOB_PRIORITY: "priority for jobs"}
"""Services of the chain itself; others belong to those who read `TierStaking.PremiumAccess`."""
DAY_MS = 86_400_000


@click.group(cls=Group)
def premium() -> None:
    """Buy access to premium services, which needs a stake.

    A part of the price is burned, the rest goes to development, Foundation and operations.
    """


@examples("btt-chain premium list", "btt-chain premium list //Alice")
@premium.command("list")
@click.argument("who", metavar="[ACCOUNT]", required=False)
@query_options
def list_(who: str | None, url: str, timeout: float, as_json: bool) -> None:
    """List the services with their prices, and what ACCOUNT has of each, if one is given."""

    async def ask() -> None:
        async with view_chain(url, timeout) as chain:
            currency, prefix = chain.currency, chain.prefix
            # Prices are the same for all accounts.
            views = await services(chain, account(who, prefix) if who else bytes(32))
        if as_json:
            show.document([facts(view, is_personal=who is not None) for view in views])
            return
        if not views:
            show.note("no premium service is on sale")
            return
        personal = ["stake", "access until day"] if who else []
        show.table(
            [">service", "what", ">a month", ">tier", *personal],
            [
                [
                    str(view.service),
                    NAMES.get(view.service, ""),
                    currency.format(view.price),
                    str(view.min_tier),
                    *(["yes" if view.entitled else "no", until(view)] if who else []),
                ]
                for view in views
            ],
        )

    run(ask())


@examples("btt-chain premium buy 0 --months 3 --from //Alice")
@premium.command(cls=SendingCommand)
@click.argument("service", type=click.IntRange(0, 2**32 - 1))
@click.option(
    "--months", type=click.IntRange(1, 12), default=1, show_default=True, help="Months to buy."
)
@click.option("--max-price", metavar="AMOUNT", help="The most to pay. [default: the price now]")
@call_options
def buy(
    service: int, months: int, max_price: str | None, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Buy access to SERVICE for months of 30 days, up to twelve ahead.

    A second purchase begins where the first ends. Access can be used while a stake of the service's
    tier, or of a longer one, is active.
    """
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            currency = chain.currency
            views = await services(chain, sender.account)
            view = next((one for one in views if one.service == service), None)
            if view is None:
                raise NotFound(
                    f"service {service} is not on sale; `btt-chain premium list` shows "
                    "those that are"
                )
            most = int(view.price) * months if max_price is None else planck(currency, max_price)
            done = await sender.send(
                chain, "TierStaking", "buy_premium", service=service, months=months,
                max_price=most,
            )  # fmt: skip
        event = event_of(done, "TierStaking.PremiumBought", events.PremiumBought)
        price, burned = currency.format(event.price), currency.format(event.burned)
        report_call(
            done, as_json,
            f"You have service {service} until day {day(event.until)} of the chain, for "
            f"{price}; {burned} of it were burned.",
            service=service, until=event.until, price=str(event.price),
            burned=str(event.burned),
        )  # fmt: skip

    run(work())


async def services(chain: ViewClient, who: bytes) -> list[PremiumView]:
    """Return the services on sale, with what an account has of each."""
    return await chain.api(StakingApi.premium, AccountId(who))


def day(ms: int) -> str:
    """Return a time since genesis in days, with two digits."""
    return f"{ms / DAY_MS:.2f}"


def until(view: PremiumView) -> str:
    """Return the end of a view's access as text."""
    if not view.until:
        return "-"
    return day(view.until) + ("" if view.has_access else " (not now)")


def facts(view: PremiumView, *, is_personal: bool) -> dict[str, object]:
    """Return a view as JSON, with what its account has if it is of one."""
    service: dict[str, object] = {
        "service": view.service,
        "minTier": view.min_tier,
        "price": str(view.price),
    }
    if not is_personal:
        return service
    return service | {
        "entitled": view.entitled,
        "until": str(view.until),
        "hasAccess": view.has_access,
    }
