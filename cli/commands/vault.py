"""`btt-chain vault`: pooled money and units, which a manager trades.

A manager's calls are sent by `btt-chain tx call Vaults.place_vault_order` and `cancel_vault_order`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.amount import AmountError, Currency
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import Group, connection_options, examples, json_option
from cli.common.sending import Sender, SendingCommand, sending_options
from cli.common.working import (
    account,
    planck,
    properties,
    report_call,
    text,
    work_chain,
)

if TYPE_CHECKING:
    from btt_chain.client.typed import Executed, RuntimeClient
    from runtime.apis.assets import AssetView, VaultView
    from runtime.pallets.vaults import Vaults

    Moved = Vaults.Deposited | Vaults.Withdrawn

WHOLE: Final = 10_000
"""The whole, in hundredths of a percent."""
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
@connection_options
@json_option
def list_(url: str, timeout: float, as_json: bool) -> None:
    """List the vaults."""
    from btt_chain.primitives.ss58 import encode
    from btt_chain.scale import u32
    from cli.common.session import open_chain, run

    async def ask() -> tuple[list[tuple[int, VaultView]], Currency, int]:
        from runtime.apis.assets import ExchangeApi

        async with open_chain(url, timeout) as state:
            count = await state.storage("Vaults.Count")
            currency, prefix = state.metadata.currency, state.metadata.prefix
        found: list[tuple[int, VaultView]] = []
        async with work_chain(url, timeout) as chain:
            for number in range(int(str(count))):
                view: VaultView | None = await chain.api(ExchangeApi.vault, u32(number))
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
                str(int(view.vault.asset)),
                currency.format(int(view.money)),
                f"{int(view.units):_}",
                percent(int(view.vault.fee_bps)),
                encode(view.vault.manager, prefix),
            ]
            for number, view in found
        ],
    )


@examples("btt-chain vault show 0", "btt-chain vault show 0 --of //Alice")
@vault.command("show")
@vault_argument
@click.option("--of", "who", metavar="ACCOUNT", help="Show what this account has of it, too.")
@connection_options
@json_option
def show_(number: int, who: str | None, url: str, timeout: float, as_json: bool) -> None:
    """Show one vault and what lies in it."""
    from btt_chain.primitives.ss58 import encode
    from cli.common.session import run

    async def ask() -> tuple[VaultView, AssetView | None, int, int, Currency, int]:
        from runtime.apis.assets import AssetsApi, ExchangeApi

        currency, prefix = await properties(url, timeout)
        owner = None if who is None else account(who, prefix)
        async with work_chain(url, timeout) as chain:
            view = await vault_of(chain, number)
            asset = await chain.api(AssetsApi.asset, view.vault.asset)
            orders = await chain.api(ExchangeApi.orders, view.account, view.vault.asset)
        own = 0 if owner is None else await shares_of(url, timeout, number, owner)
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
        "asset": f"{int(view.vault.asset)}{named}",
        "manager": encode(view.vault.manager, prefix),
        "fee": f"{percent(int(view.vault.fee_bps))} a year",
        "account": encode(view.account, prefix),
        "money": currency.format(int(view.money)),
        "units": f"{int(view.units):_}",
        "open orders": str(orders),
        "shares": SHARES.format(int(view.vault.shares)),
    }
    if who is not None:
        part = percent(own * WHOLE // int(view.vault.shares))
        fields[f"of {who}"] = f"{SHARES.format(own)}, {part} of all"
        fields["worth now"] = f"{currency.format(money)} and {units:_} units"
    show.record(fields)


@examples("btt-chain vault create 0 100BTT 40 --fee 1.5% --from //Alice")
@vault.command(cls=SendingCommand)
@click.argument("asset", type=click.IntRange(0, 2**32 - 1))
@click.argument("amount")
@click.argument("units", type=click.IntRange(1, 2**64 - 1))
@click.option("--fee", default="1%", show_default=True, help="Yours for a year: 1% to 2% of it.")
@sending_options
@connection_options
@json_option
def create(
    asset: int, amount: str, units: int, fee: str, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Begin a vault with money and units of your own, and manage it."""
    from btt_chain.scale import u16, u32, u128
    from cli.common.session import run
    from runtime.pallets.vaults import Vaults

    sender, bps = Sender.of(options, as_json), hundredths(fee)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        async with work_chain(url, timeout) as chain:
            done = await sender.submit(
                chain, "Vaults", "create_vault", asset=u32(asset), fee_bps=u16(bps),
                money=u128(planck(currency, amount)), units=u128(units),
            )  # fmt: skip
        (event,) = (one for one in done.events if isinstance(one, Vaults.VaultCreated))
        number = int(event.id)
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
@sending_options
@connection_options
@json_option
def deposit(
    number: int, amount: str, most_units: int | None, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Put in at most AMOUNT, and the units that belong to it, for shares.

    If the vault trades in the meantime, the same shares may cost more: then nothing happens.
    """
    from btt_chain.scale import u32, u128
    from cli.common.session import run
    from runtime.pallets.vaults import Vaults
    from runtime.splits import ceil_div

    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        most = planck(currency, amount)
        async with work_chain(url, timeout) as chain:
            view = await vault_of(chain, number)
            if not view.money:
                raise Refused(
                    f"vault {number} has no money now, only units: wait until it has sold some, "
                    "or name shares in `btt-chain tx call Vaults.deposit_vault`"
                )
            shares = most * int(view.vault.shares) // int(view.money)
            needed = ceil_div(int(view.units) * shares, int(view.vault.shares))
            done = await sender.submit(
                chain, "Vaults", "deposit_vault", id=u32(number), shares=u128(shares),
                most_money=u128(most), most_units=u128(most_units or needed),
            )  # fmt: skip
        (event,) = (one for one in done.events if isinstance(one, Vaults.Deposited))
        _print_moved("You put in", event, done, currency, as_json)

    run(work())


@examples(
    "btt-chain vault withdraw 0 all --from //Bob",
    "btt-chain vault withdraw 0 25% --from //Bob",
)
@vault.command()
@vault_argument
@click.argument("part", metavar="all|PERCENT|SHARES")
@sending_options
@connection_options
@json_option
def withdraw(
    number: int, part: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Give shares of yours back, all or a part of them, for money and units."""
    from btt_chain.scale import u32, u128
    from cli.common.session import run
    from runtime.pallets.vaults import Vaults

    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        async with work_chain(url, timeout) as chain:
            await vault_of(chain, number)
            own = await shares_of(url, timeout, number, sender.pair.account_id)
            done = await sender.submit(
                chain, "Vaults", "withdraw_vault", id=u32(number),
                shares=u128(some_of(own, part)),
            )  # fmt: skip
        (event,) = (one for one in done.events if isinstance(one, Vaults.Withdrawn))
        _print_moved("You got", event, done, currency, as_json)

    run(work())


def _print_moved(
    verb: str, event: Moved, done: Executed, currency: Currency, as_json: bool
) -> None:
    """Print the money, units and shares that went into a vault or came out of it."""
    money, units, shares = (int(part) for part in (event.money, event.units, event.shares))
    said = f"{verb} {currency.format(money)} and {units:_} units for {SHARES.format(shares)}."
    parts = {"money": str(money), "units": str(units), "shares": str(shares)}
    report_call(done, as_json, said, vault=int(event.id), **parts)


async def vault_of(chain: RuntimeClient, number: int) -> VaultView:
    """Return a vault. NotFound if there is none."""
    from btt_chain.scale import u32
    from runtime.apis.assets import ExchangeApi

    view: VaultView | None = await chain.api(ExchangeApi.vault, u32(number))
    if view is None:
        raise NotFound(f"there is no vault {number}; `btt-chain vault list` shows them")
    return view


async def shares_of(url: str, timeout: float, number: int, who: bytes) -> int:
    """Return the number of shares that an account has of a vault."""
    from cli.common.session import open_chain

    async with open_chain(url, timeout) as state:
        shares = await state.storage("Vaults.Shares", str(number), "0x" + who.hex())
    return int(str(shares))


def worth(view: VaultView, shares: int) -> tuple[int, int]:
    """Return the planck and units of that many shares of a vault, rounded as on the chain."""
    whole = int(view.vault.shares)
    return int(view.money) * shares // whole, int(view.units) * shares // whole


def some_of(own: int, given: str) -> int:
    """Return the shares that a text means, of an account's own. Mistyped if it means none."""
    from btt_chain.scale import u128

    if given == "all":
        return u128.MAX  # all at the time of execution
    if given.endswith("%"):
        return own * hundredths(given) // WHOLE
    try:
        return SHARES.parse(given)
    except AmountError as error:
        raise Mistyped(f"{error}; or write all, or a part as 25%") from None


def hundredths(given: str) -> int:
    """Return a percentage, as 1.25%, in hundredths. Mistyped unless it is 0 to 100%."""
    found = _PERCENT.fullmatch(given)
    parts = WHOLE + 1 if found is None else int(found[1] + (found[2] or "").ljust(2, "0"))
    if parts > WHOLE:
        raise Mistyped(f"{given!r} is no percentage: write 1%, or 1.25% for a finer one")
    return parts


def percent(parts: int) -> str:
    """Return hundredths of a percent as text."""
    return f"{parts // 100}.{parts % 100:02} %"


def facts(number: int, view: VaultView, prefix: int) -> dict[str, object]:
    """Return a vault as JSON."""
    from btt_chain.primitives.ss58 import encode

    return {
        "vault": number,
        "asset": int(view.vault.asset),
        "manager": encode(view.vault.manager, prefix),
        "feeBps": int(view.vault.fee_bps),
        "account": encode(view.account, prefix),
        "money": str(int(view.money)),
        "units": str(int(view.units)),
        "shares": str(int(view.vault.shares)),
    }
