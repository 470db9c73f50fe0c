"""`btt-chain asset`: registered real-world assets, and units of their ownership."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.paging import PAGE, pages
from btt_chain.client.views import event_of, events_of
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u32
from cli.commands.asset_verifiers import COMMANDS
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import hash_of
from cli.common.options import Group, examples, query_options
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import run
from cli.common.types import words_of
from cli.common.working import (
    account,
    planck,
    properties,
    report_call,
    text,
    view_chain,
)
from runtime.apis.assets import AssetsApi, AssetView, Holding
from runtime.pallets.asset_registry import AssetKind, RightKind, events
from runtime.pallets.assets import STRING_LIMIT

if TYPE_CHECKING:
    from btt_chain.client.amount import Currency
    from btt_chain.client.transactions import Included

KINDS: Final = words_of(AssetKind)
RIGHTS: Final = words_of(RightKind)

asset_argument = click.argument("number", metavar="ASSET", type=click.IntRange(0, 2**32 - 1))


@click.group(cls=Group)
def asset() -> None:
    """Register real things, issue their units, hold them and share their revenue."""


@examples("btt-chain asset list")
@asset.command("list")
@query_options
def list_(url: str, timeout: float, as_json: bool) -> None:
    """List what is registered."""

    async def ask() -> tuple[list[AssetView], Currency]:

        currency, _ = await properties(url, timeout)
        async with view_chain(url, timeout) as chain:
            assets = pages(
                lambda begin: chain.api(AssetsApi.assets, begin, u32(PAGE)),
                lambda view: view.id + 1,
                first=u32(0),
            )
            return [view async for view in assets], currency

    found, currency = run(ask())
    if as_json:
        show.document([facts(view) for view in found])
        return
    if not found:
        show.note("nothing is registered")
        return
    show.table(
        [">asset", "name", "kind", "state", ">value", ">units", ">holders", "traded"],
        [
            [
                str(view.id),
                text(view.info.name),
                view.info.kind.name,
                state(view),
                currency.format(view.info.value),
                f"{view.info.units:_}",
                str(view.holders),
                "-" if view.listing is None else "yes",
            ]
            for view in found
        ],
    )


@examples("btt-chain asset show 0")
@asset.command("show")
@asset_argument
@query_options
def show_(number: int, url: str, timeout: float, as_json: bool) -> None:
    """Show one asset."""

    async def ask() -> tuple[AssetView | None, Currency, int]:
        async with view_chain(url, timeout) as chain:
            currency, prefix = chain.currency, chain.prefix
            return await chain.api(AssetsApi.asset, u32(number)), currency, prefix

    view, currency, prefix = run(ask())
    if view is None:
        raise NotFound(f"there is no asset {number}; `btt-chain asset list` shows them")
    if as_json:
        show.document(facts(view))
        return
    info, poll = view.info, view.poll
    fields = {
        "asset": f"{number}, {text(info.name)} ({text(info.symbol)})",
        "kind": f"{info.kind.name}, {info.right.name}",
        "state": state(view),
        "issuer": encode(info.issuer, prefix),
        "documents": "0x" + info.documents.hex(),
        "value": currency.format(info.value),
        "units": f"{info.units:_}, held by {view.holders}",
        "may be held by": "accounts with a judged identity" if info.restricted else "any account",
        "revenue so far": currency.format(view.distributed),
        "traded": "no" if view.listing is None else f"since slot {view.listing.since}",
    }
    if poll is not None:
        votes = f"{currency.format(poll.ayes)} for, {currency.format(poll.nays)} against"
        fields["stakers"] = f"{votes}, until slot {poll.ends}"
    show.record(fields)


@examples(
    "btt-chain asset register scan.pdf --name 'CT scanner' --symbol CT1 --kind equipment \\",
    "  --value 20_000BTT --units 1000 --from //Alice",
)
@asset.command()
@click.argument("documents", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="What people call it: at most 50 bytes.")
@click.option(
    "--symbol", required=True, help="What wallets show behind a number of units: at most 50 bytes."
)
@click.option(
    "--kind", type=click.Choice(list(KINDS)), required=True, help="What kind of thing it is."
)
@click.option(
    "--right", type=click.Choice(list(RIGHTS)), default="ownership", show_default=True,
    help="What its units give a right to.",
)  # fmt: skip
@click.option("--value", required=True, metavar="AMOUNT", help="What it is worth.")
@click.option(
    "--units", type=click.IntRange(1, 2**64 - 1), required=True, help="How many there will ever be."
)
@click.option(
    "--restricted", is_flag=True, help="Only accounts with a judged identity may hold it."
)
@click.option(
    "--description", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What describes it to people; the documents themselves without.",
)  # fmt: skip
@call_options
def register(
    documents: Path, name: str, symbol: str, kind: str, right: str, value: str, units: int,
    restricted: bool, description: Path | None, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Register something by the hash of its documents. They stay where they are.

    Two verifiers attest it, stakers may object, then `asset issue` makes its units.
    """
    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        done = await sent(
            url, timeout, sender, "register", kind=KINDS[kind],
            right=RIGHTS[right], documents=hash_of(documents),
            description=hash_of(description or documents), name=label(name, "name"),
            symbol=label(symbol, "symbol"), value=planck(currency, value), units=units,
            restricted=restricted,
        )  # fmt: skip
        event = event_of(done, "AssetRegistry.AssetRegistered", events.AssetRegistered)
        if as_json:
            show.document({"asset": event.id, "block": "0x" + done.block.hex()})
            return
        show.record({"asset": str(event.id), "block": "0x" + done.block.hex()})
        show.good("It is registered, and waits for two verifiers.")

    run(work())


@examples("btt-chain asset issue 0 --from //Alice")
@asset.command()
@asset_argument
@call_options
def issue(number: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Pay the fee of issuing and get the units of your asset, when stakers have voted."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        done = await sent(url, timeout, sender, "issue", id=number)
        issued = events_of(done, "AssetRegistry.AssetIssued", events.AssetIssued)
        if not issued:
            raise Refused("more stake said no than yes: it is rejected, its deposit is free again")
        units, fee, burned = issued[0].units, issued[0].fee, issued[0].burned
        paid = f"The fee was {currency.format(fee)}, {currency.format(burned)} of it burned."
        report_call(
            done, as_json, f"Units that exist now: {units:_}. {paid}", asset=number,
            units=str(units), fee=str(fee), burned=str(burned),
        )  # fmt: skip

    run(work())


@examples("btt-chain asset transfer 0 5FHn... 100 --from //Alice")
@asset.command()
@asset_argument
@click.argument("dest")
@click.argument("units", type=click.IntRange(1, 2**64 - 1))
@call_options
def transfer(
    number: int, dest: str, units: int, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Send units to another account."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        _, prefix = await properties(url, timeout)
        target = Id(AccountId(account(dest, prefix)))
        async with view_chain(url, timeout) as chain:
            done = await sender.send(
                chain, "Assets", "transfer", id=number, target=target,
                amount=units,
            )  # fmt: skip
        report_call(
            done, as_json, f"Sent: {show.counted(units, 'unit')}.", asset=number, units=str(units)
        )

    run(work())


@examples("btt-chain asset holdings 5Grw...", "btt-chain asset holdings //Alice --json")
@asset.command()
@click.argument("who")
@query_options
def holdings(who: str, url: str, timeout: float, as_json: bool) -> None:
    """Show the units that an account has, and the revenue that waits for it."""

    async def ask() -> tuple[list[Holding], Currency]:
        from btt_chain.primitives.account import AccountId

        currency, prefix = await properties(url, timeout)
        owner, begin = AccountId(account(who, prefix)), u32(0)
        found: list[Holding] = []
        async with view_chain(url, timeout) as chain:
            while True:
                page = await chain.api(AssetsApi.assets, begin, u32(PAGE))
                found += await chain.api(AssetsApi.holdings, owner, begin, u32(PAGE))
                if len(page) < PAGE:
                    return found, currency
                begin = page[-1].id + 1

    found, currency = run(ask())
    if as_json:
        show.document(
            [
                {"asset": one.id, "units": str(one.units),
                 "onHold": str(one.on_hold), "revenue": str(one.revenue)}
                for one in found
            ]
        )  # fmt: skip
        return
    if not found:
        show.note("the account has no units")
        return
    show.table(
        [">asset", ">units", ">of them for sale", ">revenue to claim"],
        [
            [
                str(one.id),
                f"{one.units:_}",
                f"{one.on_hold:_}",
                currency.format(one.revenue),
            ]
            for one in found
        ],
    )


@examples("btt-chain asset distribute 0 100BTT --from //Alice")
@asset.command(cls=SendingCommand)
@asset_argument
@click.argument("amount")
@call_options
def distribute(
    number: int, amount: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Set revenue of your asset aside for those who hold its units now."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        given = planck(currency, amount)
        done = await sent(url, timeout, sender, "distribute_revenue", id=number, amount=given)
        said = f"{currency.format(int(given))} wait for the holders."
        report_call(done, as_json, said, asset=number, revenue=str(int(given)))

    run(work())


@examples("btt-chain asset claim 0 --from //Bob")
@asset.command()
@asset_argument
@call_options
def claim(number: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Get the revenue that your units have brought."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        done = await sent(url, timeout, sender, "claim_revenue", id=number)
        event = event_of(done, "AssetRegistry.RevenuePaid", events.RevenuePaid)
        amount = event.amount
        said = f"You got {currency.format(amount)}."
        report_call(done, as_json, said, asset=number, revenue=str(amount))

    run(work())


for command in COMMANDS:
    asset.add_command(command)


async def sent(
    url: str, timeout: float, sender: Sender, call: str, **arguments: object
) -> Included:
    """Send a call of the registry and wait until it is in a block."""
    async with view_chain(url, timeout) as chain:
        return await sender.send(chain, "AssetRegistry", call, **arguments)


def label(given: str, what: str) -> bytes:
    """Return a name in the chain's form. Mistyped if it is empty or too long."""
    raw = given.strip().encode()
    if not 1 <= len(raw) <= STRING_LIMIT:
        raise Mistyped(f"the {what} {given!r} has {len(raw)} bytes, expected 1 to {STRING_LIMIT}")
    return raw


def state(view: AssetView) -> str:
    """Return the state of an asset in a word or two."""
    return view.info.state.name + (", frozen" if view.frozen else "")


def facts(view: AssetView) -> dict[str, object]:
    """Return an asset as JSON."""
    info = view.info
    return {
        "asset": view.id,
        "name": text(info.name),
        "symbol": text(info.symbol),
        "kind": info.kind.name,
        "right": info.right.name,
        "state": info.state.name,
        "frozen": view.frozen,
        "issuer": encode(info.issuer),
        "documents": "0x" + info.documents.hex(),
        "value": str(info.value),
        "units": str(info.units),
        "holders": view.holders,
        "restricted": info.restricted,
        "revenue": str(view.distributed),
        "listed": view.listing is not None,
    }
