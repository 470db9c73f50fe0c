"""`btt-chain oracle`: prices of BTT, and the bonds of their feeders.

The Technical track admits feeders; `btt-chain feeder` feeds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.jsonrpc import Json, WebSocket
from btt_chain.client.views import event_of
from btt_chain.feeder.values import shown_price
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import whole_number
from btt_chain.primitives.ss58 import encode
from cli.common import show
from cli.common.errors import NotFound, Refused
from cli.common.options import Group, examples, query_options
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import run
from cli.common.working import account, asked, money, planck, properties, report_call, view_chain
from runtime.pallets.oracle import events

if TYPE_CHECKING:
    from btt_chain.client.amount import Currency

CLASSES: Final = ("A", "B", "C", "D", "E")


@click.group(cls=Group)
def oracle() -> None:
    """See prices of BTT, and join, leave and manage their feeders.

    A price is the median of what bonded and admitted feeders say. `btt-chain feeder` is their
    program.
    """


# ---- queries


@examples("btt-chain oracle prices", "btt-chain oracle prices --json")
@oracle.command()
@query_options
def prices(url: str, timeout: float, as_json: bool) -> None:
    """Show the price of BTT in each currency, or why there is none now."""
    found = _ask(url, timeout, "oracle_prices")
    if as_json:
        show.document(found)
        return
    views = found if isinstance(found, list) else []
    rows = [_row(view) for view in views if isinstance(view, dict)]
    show.table(["key", ">1 BTT is", "state", ">feeders", ">jump", ">fed at"], rows)


@examples("btt-chain oracle feeders")
@oracle.command()
@query_options
def feeders(url: str, timeout: float, as_json: bool) -> None:
    """List the admitted feeders with their newest values."""

    async def ask() -> tuple[Json, Currency]:
        currency, _ = await properties(url, timeout)
        async with await WebSocket.connect(url, timeout) as client:
            return await asked(client, "oracle_feeders"), currency

    found, currency = run(ask())
    if as_json:
        show.document(found)
        return
    views = [view for view in found if isinstance(view, dict)] if isinstance(found, list) else []
    if not views:
        show.note("no feeder is admitted: `btt-chain oracle join --help` says how to begin")
        return
    show.table(
        ["feeder", "state", ">bond", ">fed today", ">missed", "values"],
        [
            [
                str(view["account"]),
                str(view["state"]).lower(),
                money(currency, view["bond"]),
                str(view["fed"]),
                str(view["missed"]),
                ", ".join(f"{key} {value}" for key, value in _values(view["values"])) or "-",
            ]
            for view in views
        ],
    )


@examples("btt-chain oracle show //Dave")
@oracle.command("show")
@click.argument("who", metavar="ACCOUNT")
@query_options
def show_(who: str, url: str, timeout: float, as_json: bool) -> None:
    """Show one feeder: its bond, its state, its values."""

    async def ask() -> tuple[Json, Currency]:
        currency, prefix = await properties(url, timeout)
        address = encode(account(who, prefix), prefix)
        async with await WebSocket.connect(url, timeout) as client:
            return await asked(client, "oracle_feeder", address), currency

    found, currency = run(ask())
    if not isinstance(found, dict):
        raise NotFound(f"{who} is no feeder; `btt-chain oracle join` bonds one")
    if as_json:
        show.document(found)
        return
    fields = {
        "feeder": str(found["account"]),
        "state": str(found["state"]).lower(),
        "bond": money(currency, found["bond"]),
        "heartbeats": f"{found['fed']} today, {found['missed']} missed",
    }
    if found["state"] == "Leaving":
        fields["bond free"] = _moment(found["freeAt"])
    show.record(fields | dict(_values(found["values"])))


# ---- calls


@examples("btt-chain oracle join 1000BTT --from //Bob")
@oracle.command(cls=SendingCommand)
@click.argument("amount")
@call_options
def join(amount: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Bond AMOUNT as a feeder, or add it to the bond. The Technical track admits feeders."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        currency, _ = await properties(url, timeout)
        bond = planck(currency, amount)
        async with view_chain(url, timeout) as chain:
            done = await sender.send(chain, "Oracle", "join", bond=bond)
        said = f"{currency.format(bond)} bonded; the Technical track admits feeders"
        report_call(done, as_json, said, bond=str(bond))

    run(work())


@examples("btt-chain oracle leave --from //Bob")
@oracle.command()
@call_options
def leave(url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Stop being a feeder. The bond can be withdrawn seven days later."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            done = await sender.send(chain, "Oracle", "leave")
        event = event_of(done, "Oracle.Left", events.Left)
        said = f"you are no feeder any more; the bond is free at {_moment(int(event.free_at))}"
        report_call(done, as_json, said, freeAt=str(int(event.free_at)))

    run(work())


@examples("btt-chain oracle withdraw --from //Bob")
@oracle.command()
@call_options
def withdraw(url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Get the bond back, once it is free after `leave`."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            currency = chain.currency
            done = await sender.send(chain, "Oracle", "withdraw")
        event = event_of(done, "Oracle.Withdrawn", events.Withdrawn)
        said = f"{currency.format(int(event.bond))} are free again"
        report_call(done, as_json, said, bond=str(int(event.bond)))

    run(work())


@examples("btt-chain oracle attest //Bob --region 0 --energy B --from //Dave")
@oracle.command()
@click.argument("provider", metavar="PROVIDER")
@click.option("--region", type=click.IntRange(0, 65_535), required=True, help="Number of a region.")
@click.option(
    "--energy", type=click.Choice(CLASSES, case_sensitive=False), required=True,
    help="Class of the work for a kilowatt-hour: A is the best.",
)  # fmt: skip
@call_options
def attest(
    provider: str, region: int, energy: str, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """State the region and the energy class of a provider, as a feeder.

    Mining uses them once a majority of the feeders, and at least three, state the same.
    """
    sender = Sender.of(options, as_json)

    async def work() -> None:
        _, prefix = await properties(url, timeout)
        who = AccountId(account(provider, prefix))
        async with view_chain(url, timeout) as chain:
            done = await sender.send(
                chain, "Oracle", "attest", provider=who, region=region,
                energy=energy.upper(),
            )  # fmt: skip
        agreed = any(one.name == "Oracle.ProviderAttested" for one in done.events)
        said = "a majority agrees" if agreed else "no majority agrees yet"
        report_call(done, as_json, f"stated; {said}", agreed=agreed)

    run(work())


# ---- internals


def _ask(url: str, timeout: float, method: str) -> Json:
    """Return the answer of a method of the node."""

    async def ask() -> Json:
        async with await WebSocket.connect(url, timeout) as client:
            return await asked(client, method)

    return run(ask())


def _row(view: dict[str, Json]) -> list[str]:
    """Return the row of a key in the table of prices."""
    value, waiting, rule = view["value"], view["waiting"], view["rule"]
    center = waiting.get("center") if isinstance(waiting, dict) else None
    least = rule.get("minCount") if isinstance(rule, dict) else "-"
    return [
        str(view["key"]),
        _price(value),
        str(view["state"]).lower(),
        f"at least {least}",
        _price(center) if center is not None else "-",
        _moment(value.get("timestamp")) if isinstance(value, dict) else "-",
    ]


def _values(answer: Json) -> list[tuple[str, str]]:
    """Return keys and prices of a feeder's values."""
    pairs = answer if isinstance(answer, list) else []
    return [(str(pair[0]), _price(pair[1])) for pair in pairs if isinstance(pair, list)]


def _price(answer: Json) -> str:
    """Return a price as decimal text."""
    if not isinstance(answer, dict):
        return "-"
    value = answer.get("value")
    price = whole_number(value) if isinstance(value, str) else None
    if price is None:
        raise Refused(f"the node answered {value!r} where a price was expected")
    return shown_price(price)


def _moment(answer: Json) -> str:
    """Return a time in milliseconds as text."""
    try:
        return f"{datetime.fromtimestamp(int(str(answer)) / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return str(answer)
