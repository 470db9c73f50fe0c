"""`btt-chain exchange`: prices of assets, and the caller's orders."""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.client.views import ViewClient
from btt_chain.present import Context, rule
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64
from cli.common import show
from cli.common.errors import NotFound
from cli.common.options import Group
from cli.declared import composed, query, send
from cli.parameters import Input
from runtime.frame.aliases import Balance, SlotOf
from runtime.pallets.asset_registry.api import AssetsApi, AssetView
from runtime.pallets.exchange import events
from runtime.pallets.exchange.api import MAX_LEVELS, Book, ExchangeApi, PriceLevel
from runtime.pallets.exchange.pallet import Exchange
from runtime.pallets.exchange.types import Order, Side, TimeInForce, Trade

BAR: Final = 24
"""Width of the longest bar in a table of depth."""

exchange = Group("exchange", help="Trade units of assets: all orders of a block meet at one price.")


def print_book(book: Book, context: Context) -> None:
    """Print a book with bars of its depth."""
    price = rule(Balance)

    def row(side: str, level: PriceLevel) -> list[str]:
        bar = "█" * max(1, BAR * int(level.units) // most)
        return [side, price.text(level.price, context), f"{level.units:_}", str(level.orders), bar]

    if not book.bids and not book.asks:
        show.note("there is no open order")
    else:
        most = max(level.units for level in (*book.bids, *book.asks))
        rows = [row("ask", level) for level in reversed(book.asks)]
        rows += [row("bid", level) for level in book.bids]
        show.table(["side", ">price", ">units", ">orders", "depth"], rows)
    if book.bids and book.asks:
        gap = int(book.asks[0].price) - int(book.bids[0].price)
        show.note(
            f"between the best of both lie {context.currency.format(gap)}" if gap > 0
            else "the best of both meet: they trade in the next block"
        )  # fmt: skip
    if book.last is not None:
        traded, at = (
            show.counted(book.last.units, "unit"),
            rule(SlotOf).text(book.last.slot, context),
        )
        show.note(f"last auction: {traded} at {price.text(book.last.price, context)}, {at}")


@query(
    exchange, "btt-chain exchange book 0", "btt-chain exchange book 0 --levels 5", view=print_book
)
async def book(
    chain: ViewClient,
    asset: u32,
    levels: Annotated[
        u32, Input(help="Number of prices on each side.", default="10", least=1, most=MAX_LEVELS)
    ],
) -> Book:
    """Show what is wanted and offered at which price."""
    await listed(chain, asset)
    return await chain.api(ExchangeApi.book, asset, levels)


@query(exchange, "btt-chain exchange trades 0", empty="nothing was traded yet")
async def trades(chain: ViewClient, asset: u32) -> list[Trade]:
    """Show what the last auctions did, the newest last."""
    await listed(chain, asset)
    return await chain.api(ExchangeApi.trades, asset)


@composed(
    exchange, Exchange.place_order,
    "btt-chain exchange order buy 0 100 2.5BTT --from //Alice",
    "btt-chain exchange order sell 0 100 2.5BTT --from //Bob --immediate",
    event=events.OrderPlaced, done="Order {order} is in the book.",
)  # fmt: skip
def order(
    side: Side,
    asset: u32,
    units: Annotated[u64, Input(least=1)],
    price: Balance,
    immediate: Annotated[bool, Input(help="What the next auction leaves of it is cancelled.")],
    until: Annotated[
        SlotOf | None,
        Input("SLOT", "When it expires: a date, or slots since the first block. [default: never]"),
    ],
) -> dict[str, object]:
    """Offer to buy or sell units at a price for each, or a better one.

    It trades in the next block at the earliest. What a purchase may cost, its fee included, is on
    hold until then; so are units for sale.
    """
    force = TimeInForce.Immediate if immediate else TimeInForce.UntilCancelled
    return {
        "asset": asset, "side": side, "units": units, "price": price, "time_in_force": force,
        "until": until,
    }  # fmt: skip


def on_hold(order: Order, context: Context) -> str:
    """Return the hold of an order, as text."""
    is_sale = order.side is Side.Sell
    return "the units" if is_sale else context.currency.format(int(order.escrow))


@query(
    exchange, "btt-chain exchange orders 0 5Grw...", key="order", empty="there is no open order",
    columns={
        "order": "order", "side": "side", "price": "price", "units left": "units",
        ">on hold": on_hold, "until": "until",
    },
)  # fmt: skip
async def orders(chain: ViewClient, asset: u32, account: AccountId) -> list[tuple[u64, Order]]:
    """Show an account's open orders for an asset."""
    await registered(chain, asset)
    return await chain.api(ExchangeApi.orders, account, asset)


@query(exchange, "btt-chain exchange show 17", missing="there is no open order {order}")
async def show_(chain: ViewClient, order: u64) -> Order | None:
    """Show an open order, with all of its fields."""
    return await chain.api(ExchangeApi.order, order)


send(
    exchange, "cancel", Exchange.cancel_order, "btt-chain exchange cancel 17 --from //Alice",
    help="Cancel an order; what is left of it is free again.", done="Order {order} is cancelled.",
)  # fmt: skip


async def registered(chain: ViewClient, asset: u32) -> AssetView:
    """Return an asset. Raises NotFound if there is none."""
    view = await chain.api(AssetsApi.asset, asset)
    if view is None:
        raise NotFound(f"there is no asset {asset}; `btt-chain asset list` shows them")
    return view


async def listed(chain: ViewClient, asset: u32) -> None:
    """Raise NotFound unless an asset is traded."""
    if (await registered(chain, asset)).listing is None:
        raise NotFound(
            f"asset {asset} is not traded; its issuer can list it, unless governance took it off: "
            f"btt-chain tx call Exchange.list_asset {asset}"
        )
