"""`btt-chain premium`: services that stakers buy by the month."""

from __future__ import annotations

from typing import Annotated

from btt_chain.client.views import ViewClient
from btt_chain.present import Context, rule
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u128
from cli.common.errors import NotFound
from cli.common.options import Group
from cli.common.sending import Sender
from cli.declared import Chosen, composed, query
from cli.parameters import Input
from runtime.frame.aliases import Balance, ChainMoment
from runtime.pallets.tier_staking import events
from runtime.pallets.tier_staking.api import StakingApi
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.tier_staking.premium import JOB_PRIORITY, MAX_MONTHS
from runtime.pallets.tier_staking.types import PremiumView, ServiceId

NAMES = {JOB_PRIORITY: "priority for jobs"}
"""Services of the chain itself; others belong to those who read `TierStaking.PremiumAccess`."""

premium = Group(
    "premium",
    help="""Buy access to premium services, which needs a stake.

    A part of the price is burned, the rest goes to development, Foundation and operations.
    """,
)


def until(view: PremiumView, context: Context) -> str:
    """Return the end of a view's access as text."""
    if not view.until:
        return "-"
    return rule(ChainMoment).text(view.until, context) + ("" if view.has_access else " (not now)")


@query(
    premium, "btt-chain premium list", "btt-chain premium list //Alice",
    empty="no premium service is on sale",
    columns={
        "service": "service", "what": lambda view, _: NAMES.get(view.service, ""),
        "a month": "price", "tier": "min_tier", "stake": "entitled", "access until": until,
    },
)  # fmt: skip
async def list_(chain: ViewClient, account: AccountId | None) -> list[PremiumView]:
    """List the services with their prices, and what ACCOUNT has of each, if one is given."""
    return await chain.api(StakingApi.premium, account or AccountId(bytes(AccountId.SIZE)))


@composed(
    premium, TierStaking.buy_premium, "btt-chain premium buy 0 --months 3 --from //Alice",
    event=events.PremiumBought,
    done="You have service {service} until {until}, for {price}; {burned} of it were burned.",
)  # fmt: skip
async def buy(
    chain: ViewClient,
    sender: Sender,
    service: ServiceId,
    months: Annotated[u8, Input(help="Months to buy.", default="1", least=1, most=MAX_MONTHS)],
    max_price: Annotated[
        Balance | None, Input("AMOUNT", "The most to pay. [default: the price now]")
    ],
) -> Chosen:
    """Buy access to SERVICE for months of 30 days, up to twelve ahead.

    A second purchase begins where the first ends. Access can be used while a stake of the service's
    tier, or of a longer one, is active.
    """
    views = await chain.api(StakingApi.premium, AccountId(sender.account))
    price = next((view.price for view in views if view.service == service), None)
    if price is None:
        raise NotFound(
            f"service {service} is not on sale; `btt-chain premium list` shows those that are"
        )
    most = u128(int(price) * int(months)) if max_price is None else max_price
    arguments = {"service": service, "months": months, "max_price": most}
    return Chosen(arguments, {"max_price": most})
