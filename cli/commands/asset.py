"""`btt-chain asset`: registered real-world assets, and units of their ownership.

Calls of verifiers and governance are sent by `btt-chain tx call AssetRegistry...`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

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
    from btt_chain.client.amount import Currency
    from btt_chain.client.typed import Executed
    from btt_chain.primitives.digest import H256
    from runtime.apis.assets import AssetView, Holding

PAGE: Final = 100
KINDS: Final = (
    "equipment",
    "real-estate",
    "intellectual-property",
    "medical-data",
    "service-right",
)
RIGHTS: Final = ("ownership", "usage", "revenue")

asset_argument = click.argument("number", metavar="ASSET", type=click.IntRange(0, 2**32 - 1))


@click.group(cls=Group)
def asset() -> None:
    """Register real things, issue their units, hold them and share their revenue."""


@examples("btt-chain asset list")
@asset.command("list")
@connection_options
@json_option
def list_(url: str, timeout: float, as_json: bool) -> None:
    """List what is registered."""
    from btt_chain.scale import u32
    from cli.common.session import run

    async def ask() -> tuple[list[AssetView], Currency]:
        from runtime.apis.assets import AssetsApi

        currency, _ = await properties(url, timeout)
        found: list[AssetView] = []
        async with work_chain(url, timeout) as chain:
            while True:
                begin = u32(int(found[-1].id) + 1 if found else 0)
                page: list[AssetView] = await chain.api(AssetsApi.assets, begin, u32(PAGE))
                found += page
                if len(page) < PAGE:
                    return found, currency

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
                str(int(view.id)),
                text(view.info.name),
                view.info.kind.name,
                state(view),
                currency.format(int(view.info.value)),
                f"{int(view.info.units):_}",
                str(int(view.holders)),
                "-" if view.listing is None else "yes",
            ]
            for view in found
        ],
    )


@examples("btt-chain asset show 0")
@asset.command("show")
@asset_argument
@connection_options
@json_option
def show_(number: int, url: str, timeout: float, as_json: bool) -> None:
    """Show one asset."""
    from btt_chain.primitives.ss58 import encode
    from btt_chain.scale import u32
    from cli.common.session import run

    async def ask() -> tuple[AssetView | None, Currency, int]:
        from runtime.apis.assets import AssetsApi

        currency, prefix = await properties(url, timeout)
        async with work_chain(url, timeout) as chain:
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
        "value": currency.format(int(info.value)),
        "units": f"{int(info.units):_}, held by {int(view.holders)}",
        "may be held by": "accounts with a judged identity" if info.restricted else "anybody",
        "revenue so far": currency.format(int(view.distributed)),
        "traded": "no" if view.listing is None else f"since slot {int(view.listing.since)}",
    }
    if poll is not None:
        votes = f"{currency.format(int(poll.ayes))} for, {currency.format(int(poll.nays))} against"
        fields["stakers"] = f"{votes}, until slot {int(poll.ends)}"
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
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What kind of thing it is.")
@click.option(
    "--right", type=click.Choice(RIGHTS), default="ownership", show_default=True,
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
@sending_options
@connection_options
@json_option
def register(
    documents: Path, name: str, symbol: str, kind: str, right: str, value: str, units: int,
    restricted: bool, description: Path | None, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Register something by the hash of its documents. They stay where they are.

    Two verifiers attest it, stakers may object, then `asset issue` makes its units.
    """
    from btt_chain.scale import u128
    from cli.common.session import run
    from runtime.pallets.asset_registry import AssetKind, AssetRegistry, RightKind

    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        done = await sent(
            url, timeout, sender, "register", kind=AssetKind(KINDS.index(kind)),
            right=RightKind(RIGHTS.index(right)), documents=hash_of(documents),
            description=hash_of(description or documents), name=label(name, "name"),
            symbol=label(symbol, "symbol"), value=u128(planck(currency, value)), units=u128(units),
            restricted=restricted,
        )  # fmt: skip
        (event,) = (one for one in done.events if isinstance(one, AssetRegistry.AssetRegistered))
        if as_json:
            show.document({"asset": int(event.id), "block": "0x" + done.block.hex()})
            return
        show.record({"asset": str(int(event.id)), "block": "0x" + done.block.hex()})
        show.good("It is registered, and waits for two verifiers.")

    run(work())


@examples("btt-chain asset issue 0 --from //Alice")
@asset.command()
@asset_argument
@sending_options
@connection_options
@json_option
def issue(number: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Pay the fee of issuing and get the units of your asset, when stakers have voted."""
    from btt_chain.scale import u32
    from cli.common.session import run
    from runtime.pallets.asset_registry import AssetRegistry

    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        done = await sent(url, timeout, sender, "issue", id=u32(number))
        issued = [one for one in done.events if isinstance(one, AssetRegistry.AssetIssued)]
        if not issued:
            raise Refused("more stake said no than yes: it is rejected, its deposit is free again")
        units, fee, burned = (
            int(part) for part in (issued[0].units, issued[0].fee, issued[0].burned)
        )
        paid = f"The fee was {currency.format(fee)}, {currency.format(burned)} of it burned."
        report_call(
            done, as_json, f"{units:_} units exist. {paid}", asset=number, units=str(units),
            fee=str(fee), burned=str(burned),
        )  # fmt: skip

    run(work())


@examples("btt-chain asset transfer 0 5FHn... 100 --from //Alice")
@asset.command()
@asset_argument
@click.argument("dest")
@click.argument("units", type=click.IntRange(1, 2**64 - 1))
@sending_options
@connection_options
@json_option
def transfer(
    number: int, dest: str, units: int, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Send units to another account."""
    from btt_chain.primitives.account import AccountId, Id
    from btt_chain.scale import u32, u128
    from cli.common.session import run

    sender = Sender.of(options, as_json)

    async def work() -> None:
        _, prefix = await properties(url, timeout)
        target = Id(AccountId(account(dest, prefix)))
        async with work_chain(url, timeout) as chain:
            done = await sender.submit(
                chain, "Assets", "transfer", id=u32(number), target=target,
                amount=u128(units),
            )  # fmt: skip
        report_call(done, as_json, f"{units:_} units are sent.", asset=number, units=str(units))

    run(work())


@examples("btt-chain asset holdings 5Grw...", "btt-chain asset holdings //Alice --json")
@asset.command()
@click.argument("who")
@connection_options
@json_option
def holdings(who: str, url: str, timeout: float, as_json: bool) -> None:
    """Show the units that an account has, and the revenue that waits for it."""
    from btt_chain.scale import u32
    from cli.common.session import run

    async def ask() -> tuple[list[Holding], Currency]:
        from btt_chain.primitives.account import AccountId
        from runtime.apis.assets import AssetsApi

        currency, prefix = await properties(url, timeout)
        owner, begin = AccountId(account(who, prefix)), 0
        found: list[Holding] = []
        async with work_chain(url, timeout) as chain:
            while True:
                page = await chain.api(AssetsApi.assets, u32(begin), u32(PAGE))
                found += await chain.api(AssetsApi.holdings, owner, u32(begin), u32(PAGE))
                if len(page) < PAGE:
                    return found, currency
                begin = int(page[-1].id) + 1

    found, currency = run(ask())
    if as_json:
        show.document(
            [
                {"asset": int(one.id), "units": str(int(one.units)),
                 "onHold": str(int(one.on_hold)), "revenue": str(int(one.revenue))}
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
                str(int(one.id)),
                f"{int(one.units):_}",
                f"{int(one.on_hold):_}",
                currency.format(int(one.revenue)),
            ]
            for one in found
        ],
    )


@examples("btt-chain asset distribute 0 100BTT --from //Alice")
@asset.command(cls=SendingCommand)
@asset_argument
@click.argument("amount")
@sending_options
@connection_options
@json_option
def distribute(
    number: int, amount: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Set revenue of your asset aside for those who hold its units now."""
    from btt_chain.scale import u32, u128
    from cli.common.session import run

    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        given = u128(planck(currency, amount))
        done = await sent(url, timeout, sender, "distribute_revenue", id=u32(number), amount=given)
        said = f"{currency.format(int(given))} wait for the holders."
        report_call(done, as_json, said, asset=number, revenue=str(int(given)))

    run(work())


@examples("btt-chain asset claim 0 --from //Bob")
@asset.command()
@asset_argument
@sending_options
@connection_options
@json_option
def claim(number: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Get the revenue that your units have brought."""
    from btt_chain.scale import u32
    from cli.common.session import run
    from runtime.pallets.asset_registry import AssetRegistry

    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        done = await sent(url, timeout, sender, "claim_revenue", id=u32(number))
        (event,) = (one for one in done.events if isinstance(one, AssetRegistry.RevenuePaid))
        amount = int(event.amount)
        said = f"You got {currency.format(amount)}."
        report_call(done, as_json, said, asset=number, revenue=str(amount))

    run(work())


async def sent(
    url: str, timeout: float, sender: Sender, call: str, **arguments: object
) -> Executed:
    """Send a call of the registry and wait until it is in a block."""
    async with work_chain(url, timeout) as chain:
        return await sender.submit(chain, "AssetRegistry", call, **arguments)


def label(given: str, what: str) -> bytes:
    """Return a name in the chain's form. Mistyped if it is empty or too long."""
    from runtime.pallets.assets import STRING_LIMIT

    raw = given.strip().encode()
    if not 1 <= len(raw) <= STRING_LIMIT:
        raise Mistyped(f"the {what} {given!r} has {len(raw)} bytes, expected 1 to {STRING_LIMIT}")
    return raw


def hash_of(file: Path) -> H256:
    """Return the SHA-256 of a file of any size."""
    from btt_chain.primitives.digest import H256

    with file.open("rb") as opened:
        return H256(hashlib.file_digest(opened, "sha256").digest())


def state(view: AssetView) -> str:
    """Return the state of an asset in a word or two."""
    return view.info.state.name + (", frozen" if view.frozen else "")


def facts(view: AssetView) -> dict[str, object]:
    """Return an asset as JSON."""
    from btt_chain.primitives.ss58 import encode

    info = view.info
    return {
        "asset": int(view.id),
        "name": text(info.name),
        "symbol": text(info.symbol),
        "kind": info.kind.name,
        "right": info.right.name,
        "state": info.state.name,
        "frozen": view.frozen,
        "issuer": encode(info.issuer),
        "documents": "0x" + info.documents.hex(),
        "value": str(int(info.value)),
        "units": str(int(info.units)),
        "holders": int(view.holders),
        "restricted": info.restricted,
        "revenue": str(int(view.distributed)),
        "listed": view.listing is not None,
    }
