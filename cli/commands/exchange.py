"""`btt-chain exchange`: prices of assets, and the caller's orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.client.amount import AmountError
from btt_chain.client.views import event_of
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64
from cli.common import show
from cli.common.errors import Mistyped, NotFound
from cli.common.options import Group, examples, query_options
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import run
from cli.common.types import kebab, words_of
from cli.common.working import properties, view_chain
from runtime.apis.assets import MAX_LEVELS, AssetsApi, AssetView, Book, ExchangeApi, PriceLevel
from runtime.pallets.exchange import Order, Side, TimeInForce, Trade, events

if TYPE_CHECKING:
    from btt_chain.client.amount import Currency
    from btt_chain.client.views import ViewClient
LEVELS: Final = 10
SIDES: Final = words_of(Side)
BAR: Final = 24
"""Width of the longest bar in a table of depth."""

asset_argument = click.argument("asset", type=click.IntRange(0, 2**32 - 1))


@click.group(cls=Group)
def exchange() -> None:
    """Trade units of assets: all orders of a block meet at one price."""


@examples("btt-chain exchange book 0", "btt-chain exchange book 0 --levels 5")
@exchange.command()
@asset_argument
@click.option(
    "--levels", type=click.IntRange(1, MAX_LEVELS), default=LEVELS, show_default=True,
    help="Number of prices on each side.",
)  # fmt: skip
@query_options
def book(asset: int, levels: int, url: str, timeout: float, as_json: bool) -> None:
    """Show what is wanted and offered at which price."""

    async def ask() -> tuple[Book, Currency]:
        async with view_chain(url, timeout) as chain:
            currency = chain.currency
            await listed(chain, asset)
            return await chain.api(ExchangeApi.book, u32(asset), u32(levels)), currency

    found, currency = run(ask())
    if as_json:
        last = found.last
        show.document(
            {
                "asset": asset,
                "bids": [level_json(level) for level in found.bids],
                "asks": [level_json(level) for level in found.asks],
                "last": None if last is None else
                {"slot": last.slot, "price": str(last.price), "units": str(last.units)},
            }
        )  # fmt: skip
        return
    if not found.bids and not found.asks:
        show.note("there is no open order")
    else:
        most = max(level.units for level in (*found.bids, *found.asks))
        rows = [row("ask", level, most, currency) for level in reversed(found.asks)]
        rows += [row("bid", level, most, currency) for level in found.bids]
        show.table(["side", ">price", ">units", ">orders", "depth"], rows)
    if found.bids and found.asks:
        gap = int(found.asks[0].price) - int(found.bids[0].price)
        show.note(
            f"between the best of both lie {currency.format(gap)}" if gap > 0
            else "the best of both meet: they trade in the next block"
        )  # fmt: skip
    if found.last is not None:
        price, units = currency.format(found.last.price), found.last.units
        traded = show.counted(units, "unit")
        show.note(f"last auction: {traded} at {price}, in slot {found.last.slot}")


@examples("btt-chain exchange trades 0")
@exchange.command()
@asset_argument
@query_options
def trades(asset: int, url: str, timeout: float, as_json: bool) -> None:
    """Show what the last auctions did, the newest last."""

    async def ask() -> tuple[list[Trade], Currency]:
        async with view_chain(url, timeout) as chain:
            currency = chain.currency
            await listed(chain, asset)
            return await chain.api(ExchangeApi.trades, u32(asset)), currency

    found, currency = run(ask())
    if as_json:
        show.document(
            [{"slot": one.slot, "price": str(one.price), "units": str(one.units)} for one in found]
        )
        return
    if not found:
        show.note("nothing was traded yet")
        return
    show.table(
        [">slot", ">price", ">units"],
        [[str(one.slot), currency.format(one.price), f"{one.units:_}"] for one in found],
    )


@examples(
    "btt-chain exchange order buy 0 100 2.5BTT --from //Alice",
    "btt-chain exchange order sell 0 100 2.5BTT --from //Bob --immediate",
)
@exchange.command(cls=SendingCommand)
@click.argument("side", type=click.Choice(list(SIDES)))
@asset_argument
@click.argument("units", type=click.IntRange(1, 2**64 - 1))
@click.argument("price")
@click.option("--immediate", is_flag=True, help="What the next auction leaves of it is cancelled.")
@click.option(
    "--until", type=click.IntRange(1, 2**64 - 1), metavar="SLOT",
    help="When it expires, in slots since the first block. [default: never]",
)  # fmt: skip
@call_options
def order(
    side: str, asset: int, units: int, price: str, immediate: bool, until: int | None, url: str,
    timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Offer to buy or sell units at a price for each, or a better one.

    It trades in the next block at the earliest. What a purchase may cost, its fee included, is on
    hold until then; so are units for sale.
    """
    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        try:
            planck = currency.parse(price)
        except AmountError as error:
            raise Mistyped(f"price: {error}") from None
        async with view_chain(url, timeout) as chain:
            done = await sender.send(
                chain, "Exchange", "place_order", asset=asset,
                side=SIDES[side], units=units, price=planck,
                time_in_force=TimeInForce.Immediate if immediate else TimeInForce.UntilCancelled,
                until=until,
            )  # fmt: skip
        placed = event_of(done, "Exchange.OrderPlaced", events.OrderPlaced)
        if as_json:
            show.document({"order": placed.id, "block": "0x" + done.block.hex()})
            return
        show.record({"order": str(placed.id), "block": "0x" + done.block.hex()})
        show.good("The order is in the book.")

    run(work())


@examples("btt-chain exchange orders 0 5Grw...")
@exchange.command()
@asset_argument
@click.argument("account")
@query_options
def orders(asset: int, account: str, url: str, timeout: float, as_json: bool) -> None:
    """Show an account's open orders for an asset."""

    async def ask() -> tuple[list[tuple[u64, Order]], Currency]:
        currency, prefix = await properties(url, timeout)
        try:
            who = read_account(account, prefix)
        except AccountError as error:
            raise Mistyped(str(error)) from None
        async with view_chain(url, timeout) as chain:
            await registered(chain, asset)
            return await chain.api(ExchangeApi.orders, AccountId(who), u32(asset)), currency

    found, currency = run(ask())
    if as_json:
        show.document(
            [
                {"order": id, "side": kebab(order.side.name), "price": str(order.price),
                 "units": str(order.units), "escrow": str(order.escrow), "until": order.until}
                for id, order in found
            ]
        )  # fmt: skip
        return
    if not found:
        show.note("there is no open order")
        return
    show.table(
        [">order", "side", ">price", ">units left", ">on hold", ">until slot"],
        [
            [
                str(id),
                kebab(order.side.name),
                currency.format(order.price),
                f"{order.units:_}",
                currency.format(order.escrow) if order.side is Side.Buy else "the units",
                "-" if order.until is None else str(order.until),
            ]
            for id, order in found
        ],
    )


@examples("btt-chain exchange cancel 17 --from //Alice")
@exchange.command()
@click.argument("number", metavar="ORDER", type=click.IntRange(0, 2**64 - 1))
@call_options
def cancel(number: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Cancel an order; what is left of it is free again."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            done = await sender.send(chain, "Exchange", "cancel_order", id=number)
        if as_json:
            show.document({"order": number, "block": "0x" + done.block.hex()})
            return
        show.good(f"Order {number} is cancelled.")

    run(work())


async def registered(chain: ViewClient, asset: int) -> AssetView:
    """Return an asset. NotFound if there is none."""
    view = await chain.api(AssetsApi.asset, u32(asset))
    if view is None:
        raise NotFound(f"there is no asset {asset}; `btt-chain asset list` shows them")
    return view


async def listed(chain: ViewClient, asset: int) -> None:
    """Raise NotFound unless an asset is traded."""
    if (await registered(chain, asset)).listing is None:
        raise NotFound(
            f"asset {asset} is not traded; its issuer can list it, unless governance took it off: "
            f"btt-chain tx call Exchange.list_asset {asset}"
        )


def level_json(level: PriceLevel) -> dict[str, str | int]:
    """Return a level as JSON."""
    return {
        "price": str(level.price),
        "units": str(level.units),
        "orders": level.orders,
    }


def row(side: str, level: PriceLevel, most: int, currency: Currency) -> list[str]:
    """Return a level as a table row, with a bar for its share of the deepest one."""
    bar = "█" * max(1, BAR * int(level.units) // most)
    price, units = currency.format(level.price), f"{level.units:_}"
    return [side, price, units, str(level.orders), bar]
