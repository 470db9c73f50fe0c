"""`btt-chain vault`: pooled money and units, which a manager trades.

A manager's calls are sent by `btt-chain tx call Vaults.place_vault_order` and `cancel_vault_order`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.amount import AmountError, Currency
from btt_chain.client.views import event_of
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u32, u128
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import Group, examples, query_options
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import run
from cli.common.working import (
    account,
    planck,
    properties,
    report_call,
    text,
    view_chain,
)
from runtime.apis.assets import AssetsApi, AssetView, ExchangeApi, VaultView
from runtime.pallets.vaults import Vaults
from runtime.splits import BPS, ceil_div

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.client.transactions import Included
    from btt_chain.client.views import ViewClient

ALL: Final = u128.MAX
"""Number that stands for all shares."""
SHARES: Final = Currency("shares")
"""Unit of shares: a vault begins with as many shares as it has money."""

_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%")

vault_argument = click.argument("number", metavar="VAULT", type=click.IntRange(0, 2**32 - 1))


@click.group(cls=Group)
def vault() -> None:
    """Put money and units into vaults, which their managers trade for a fee.

    Who puts money in puts units beside it, in the ratio of what is there, and gets shares; who
    takes out gets the same part of both.
    """


@examples("btt-chain vault list")
@vault.command("list")
@query_options
def list_(url: str, timeout: float, as_json: bool) -> None:
    """List the vaults."""

    async def ask() -> tuple[list[tuple[int, VaultView]], Currency, int]:
        found: list[tuple[int, VaultView]] = []
        async with view_chain(url, timeout) as chain:
            currency, prefix = chain.currency, chain.prefix
            count = await chain.chain.storage("Vaults.Count")
            for number in range(int(str(count))):
                view = await chain.api(ExchangeApi.vault, u32(number))
                if view is not None:  # a closed vault has no data
                    found.append((number, view))
        return found, currency, prefix

    found, currency, prefix = run(ask())
    if as_json:
        show.document([facts(number, view, prefix) for number, view in found])
        return
    if not found:
        show.note("there is no vault; `btt-chain vault create --help` says how to begin one")
        return
    show.table(
        [">vault", ">asset", ">money", ">units", ">fee a year", "manager"],
        [
            [
                str(number),
                str(view.vault.asset),
                currency.format(view.money),
                f"{view.units:_}",
                percent(view.vault.fee_bps),
                encode(view.vault.manager, prefix),
            ]
            for number, view in found
        ],
    )


@examples("btt-chain vault show 0", "btt-chain vault show 0 --of //Alice")
@vault.command("show")
@vault_argument
@click.option("--of", "who", metavar="ACCOUNT", help="Show what this account has of it, too.")
@query_options
def show_(number: int, who: str | None, url: str, timeout: float, as_json: bool) -> None:
    """Show one vault and what lies in it."""

    async def ask() -> tuple[VaultView, AssetView | None, int, int, Currency, int]:
        async with view_chain(url, timeout) as chain:
            currency, prefix = chain.currency, chain.prefix
            owner = None if who is None else account(who, prefix)
            view = await vault_of(chain, number)
            asset = await chain.api(AssetsApi.asset, view.vault.asset)
            orders = await chain.api(ExchangeApi.orders, view.account, view.vault.asset)
            own = 0 if owner is None else await shares_of(chain.chain, number, owner)
        return view, asset, len(orders), own, currency, prefix

    view, asset, orders, own, currency, prefix = run(ask())
    money, units = worth(view, own)
    if as_json:
        document: dict[str, object] = {**facts(number, view, prefix), "orders": orders}
        if who is not None:
            document["own"] = {"shares": str(own), "money": str(money), "units": str(units)}
        show.document(document)
        return
    named = "" if asset is None else f", {text(asset.info.name)} ({text(asset.info.symbol)})"
    fields = {
        "vault": str(number),
        "asset": f"{view.vault.asset}{named}",
        "manager": encode(view.vault.manager, prefix),
        "fee": f"{percent(view.vault.fee_bps)} a year",
        "account": encode(view.account, prefix),
        "money": currency.format(view.money),
        "units": f"{view.units:_}",
        "open orders": str(orders),
        "shares": SHARES.format(view.vault.shares),
    }
    if who is not None:
        part = percent(own * BPS // int(view.vault.shares))
        fields[f"of {who}"] = f"{SHARES.format(own)}, {part} of all"
        fields["worth now"] = f"{currency.format(money)} and {units:_} units"
    show.record(fields)


@examples("btt-chain vault create 0 100BTT 40 --fee 1.5% --from //Alice")
@vault.command(cls=SendingCommand)
@click.argument("asset", type=click.IntRange(0, 2**32 - 1))
@click.argument("amount")
@click.argument("units", type=click.IntRange(1, 2**64 - 1))
@click.option("--fee", default="1%", show_default=True, help="Yours for a year: 1% to 2% of it.")
@call_options
def create(
    asset: int, amount: str, units: int, fee: str, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Begin a vault with money and units of your own, and manage it."""
    sender, bps = Sender.of(options, as_json), hundredths(fee)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            currency = chain.currency
            done = await sender.send(
                chain, "Vaults", "create_vault", asset=asset, fee_bps=bps,
                money=planck(currency, amount), units=units,
            )  # fmt: skip
        event = event_of(done, "Vaults.VaultCreated", Vaults.VaultCreated)
        number = event.id
        report_call(
            done, as_json, f"vault {number}; `btt-chain vault show {number}` shows it",
            vault=number,
        )  # fmt: skip

    run(work())


@examples("btt-chain vault deposit 0 50BTT --from //Bob")
@vault.command(cls=SendingCommand)
@vault_argument
@click.argument("amount")
@click.option(
    "--most-units", type=click.IntRange(1, 2**64 - 1),
    help="The most units to put in. [default: those that belong to AMOUNT now]",
)  # fmt: skip
@call_options
def deposit(
    number: int, amount: str, most_units: int | None, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Put in at most AMOUNT, and the units that belong to it, for shares.

    If the vault trades in the meantime, the same shares may cost more: then nothing happens.
    """
    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        most = planck(currency, amount)
        async with view_chain(url, timeout) as chain:
            view = await vault_of(chain, number)
            if not view.money:
                raise Refused(
                    f"vault {number} has no money now, only units: wait until it has sold some, "
                    "or name shares in `btt-chain tx call Vaults.deposit_vault`"
                )
            money, units, all_shares = int(view.money), int(view.units), int(view.vault.shares)
            shares = most * all_shares // money
            needed = ceil_div(units * shares, all_shares)
            done = await sender.send(
                chain, "Vaults", "deposit_vault", id=number, shares=shares,
                most_money=most, most_units=most_units or needed,
            )  # fmt: skip
        event = event_of(done, "Vaults.Deposited", Vaults.Deposited)
        _print_moved("You put in", event, done, currency, as_json)

    run(work())


@examples(
    "btt-chain vault withdraw 0 all --from //Bob",
    "btt-chain vault withdraw 0 25% --from //Bob",
)
@vault.command()
@vault_argument
@click.argument("part", metavar="all|PERCENT|SHARES")
@call_options
def withdraw(
    number: int, part: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Give shares of yours back, all or a part of them, for money and units."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            currency = chain.currency
            await vault_of(chain, number)
            own = await shares_of(chain.chain, number, sender.account)
            done = await sender.send(
                chain, "Vaults", "withdraw_vault", id=number,
                shares=some_of(own, part),
            )  # fmt: skip
        event = event_of(done, "Vaults.Withdrawn", Vaults.Withdrawn)
        _print_moved("You got", event, done, currency, as_json)

    run(work())


def _print_moved(
    verb: str,
    event: Vaults.Deposited | Vaults.Withdrawn,
    done: Included,
    currency: Currency,
    as_json: bool,
) -> None:
    """Print the money, units and shares that went into a vault or came out of it."""
    money, units, shares = event.money, event.units, event.shares
    said = f"{verb} {currency.format(money)} and {units:_} units for {SHARES.format(shares)}."
    parts = {"money": str(money), "units": str(units), "shares": str(shares)}
    report_call(done, as_json, said, vault=event.id, **parts)


async def vault_of(chain: ViewClient, number: int) -> VaultView:
    """Return a vault. NotFound if there is none."""
    view = await chain.api(ExchangeApi.vault, u32(number))
    if view is None:
        raise NotFound(f"there is no vault {number}; `btt-chain vault list` shows them")
    return view


async def shares_of(chain: Chain, number: int, who: bytes) -> int:
    """Return the number of shares that an account has of a vault."""
    return int(str(await chain.storage("Vaults.Shares", number, "0x" + who.hex())))


def worth(view: VaultView, shares: int) -> tuple[int, int]:
    """Return the planck and units of that many shares of a vault, rounded as on the chain."""
    whole = int(view.vault.shares)
    return int(view.money) * shares // whole, int(view.units) * shares // whole


def some_of(own: int, given: str) -> int:
    """Return the shares that a text means, of an account's own. Mistyped if it means none."""
    if given == "all":
        return ALL  # all at the time of execution
    if given.endswith("%"):
        return own * hundredths(given) // BPS
    try:
        return SHARES.parse(given)
    except AmountError as error:
        raise Mistyped(f"{error}; or write all, or a part as 25%") from None


def hundredths(given: str) -> int:
    """Return a percentage, as 1.25%, in hundredths. Mistyped unless it is 0 to 100%."""
    found = _PERCENT.fullmatch(given)
    parts = BPS + 1 if found is None else int(found[1] + (found[2] or "").ljust(2, "0"))
    if parts > BPS:
        raise Mistyped(f"{given!r} is no percentage: write 1%, or 1.25% for a finer one")
    return parts


def percent(parts: int) -> str:
    """Return hundredths of a percent as text."""
    return f"{parts // 100}.{parts % 100:02} %"


def facts(number: int, view: VaultView, prefix: int) -> dict[str, object]:
    """Return a vault as JSON."""
    return {
        "vault": number,
        "asset": view.vault.asset,
        "manager": encode(view.vault.manager, prefix),
        "feeBps": view.vault.fee_bps,
        "account": encode(view.account, prefix),
        "money": str(view.money),
        "units": str(view.units),
        "shares": str(view.vault.shares),
    }
