"""`btt-chain facility rules|subscribe|keys|close|month`: a facility's months on the chain."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.views import event_of
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.activity_rule import Evidence
from btt_chain.scale import u32
from cli.commands.gov_view import when
from cli.common import show
from cli.common.care import (
    account_id,
    care_folder_option,
    current,
    epoch_of,
    facility_folder,
    keys_of,
    last_month,
    month_option,
    rules_of,
    secret_option,
    slot_of,
    who_argument,
)
from cli.common.errors import NotFound, Refused
from cli.common.options import examples, query_options
from cli.common.sending import Sender, call_options
from cli.common.session import run
from cli.common.types import words_of
from cli.common.working import view_chain
from runtime.pallets.facilities.types import Size
from runtime.pallets.incentives import events
from runtime.pallets.incentives.api import IncentivesApi
from runtime.pallets.incentives.formulas import subscription
from runtime.pallets.incentives.types import PRICE_KEY, AuditPhase
from runtime.pallets.oracle.api import DataProviderId, OracleApi

if TYPE_CHECKING:
    from btt_chain.care.facility import Closing
    from btt_chain.client.amount import Currency
    from btt_chain.client.transactions import Included
    from btt_chain.client.views import ViewClient
    from btt_chain.primitives.activity_rule import ActivityRule

SIZES: Final = words_of(Size)
AUDIT_PHASES: Final = {
    AuditPhase.FirstRound: "first round: {reported} of {seats} auditors reported, it ends {until}",
    AuditPhase.Answerable: "a fault was found: `btt-chain facility appeal`, it fails {until}",
    AuditPhase.Waiting: "appealed: three other auditors are being selected",
    AuditPhase.SecondRound: "second round: {reported} of {seats} auditors reported, it ends "
    "{until}",
}
"""Phases of an audit as shown by `facility month`."""


@examples("btt-chain facility rules")
@click.command("rules")
@query_options
def rules(url: str, timeout: float, as_json: bool) -> None:
    """List the rules of activities: points, factors, caps and cooldowns."""

    async def ask() -> dict[int, ActivityRule]:
        async with view_chain(url, timeout) as chain:
            return await rules_of(chain)

    found = run(ask())
    fields = (
        "base", "health_ppm", "impact_ppm", "floor_ppm", "cap_ppm", "per_patient_month",
        "cooldown_days", "evidence",
    )  # fmt: skip
    if as_json:
        rows = [
            {"id": id, **{name: int(getattr(rule, name)) for name in fields}}
            for id, rule in found.items()
        ]
        show.document(rows)
        return
    if not found:
        show.note("there is none; the params track sets them: `Incentives.set_rule`")
        return
    show.table(
        [">rule", *(f">{name}" for name in fields[:-1]), "evidence"],
        [
            [
                str(id),
                *(str(int(getattr(rule, name))) for name in fields[:-1]),
                kinds_of_evidence(int(rule.evidence)),
            ]
            for id, rule in found.items()
        ],
    )


def kinds_of_evidence(bits: int) -> str:
    """Return the names of kinds of evidence."""
    return ", ".join(str(kind.name).lower() for kind in Evidence if bits & kind)


@examples("btt-chain facility subscribe small --months 3 --from clinic.key")
@click.command("subscribe")
@click.argument("size", type=click.Choice(list(SIZES)))
@click.option(
    "--months", type=click.IntRange(1, 12), default=1, show_default=True, help="How many months."
)
@call_options
def subscribe(
    size: str, months: int, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Pay for the next months, in which your facility issues points. It is not paid back.

    A month costs 3,000, 10,000 or 25,000 CNY by size, at the oracle's price of BTT now.
    """
    sender = Sender.of(options, as_json)

    async def work() -> Included:
        async with view_chain(url, timeout) as chain:
            price = await price_of(chain, SIZES[size])
            if price is not None and not as_json:
                amount = chain.chain.metadata.currency.format(price * months)
                show.note(f"price   {amount} now, for {months} months" if months > 1
                          else f"price   {amount} now, for a month")  # fmt: skip
            return await sender.send(
                chain, "Incentives", "subscribe", size=SIZES[size], months=months
            )

    done = run(work())
    paid = event_of(done, "Incentives.Subscribed", events.Subscribed)
    first, last = int(paid.first), int(paid.last)
    if as_json:
        show.document(
            {"first": first, "last": last, "planck": str(int(paid.amount) * months),
             "block": "0x" + done.block.hex()}
        )  # fmt: skip
        return
    which = f"month {first}" if first == last else f"months {first} to {last}"
    show.good(f"subscribed for {which}, in block 0x{done.block.hex()}")


async def price_of(chain: ViewClient, size: Size) -> int | None:
    """Return the planck of a month now; None without a price, which the call itself says."""
    price = await chain.api(OracleApi.get_value, DataProviderId.Aggregated, PRICE_KEY)
    return None if price is None else int(subscription(size, price.value))


@examples("btt-chain facility keys --secret secret.txt --from clinic.key")
@click.command("keys")
@month_option
@secret_option
@care_folder_option
@call_options
def keys(
    month: int | None, secret: str, base_path: Path | None, url: str,
    timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Make the four keys of a month (the next one by default) and publish them.

    The keys stay in the folder, encrypted; their public parts go to the chain before the month
    begins. Run again, it publishes the same keys.
    """
    sender = Sender.of(options, as_json)

    async def work() -> tuple[int, str | None]:
        async with view_chain(url, timeout) as chain:
            who = AccountId(sender.account)
            number = int((await current(chain)).month) + 1 if month is None else month
            with facility_folder(base_path, secret, chain.genesis, who) as folder:
                made = await asyncio.to_thread(folder.make_keys, number)
            on_chain = await keys_of(chain, who, number)
            if on_chain and on_chain != made:
                raise Refused(
                    f"the chain has other keys of month {number}: use the folder that has them"
                )
            if on_chain:
                return number, None
            done = await sender.send(chain, "Incentives", "publish_keys", month=number, keys=made)
            return number, done.block.hex()

    number, block = run(work())
    if as_json:
        show.document({"month": number, "block": None if block is None else f"0x{block}"})
    elif block is None:
        show.note(f"the keys of month {number} are on the chain already")
    else:
        show.good(f"the keys of month {number} are published, in block 0x{block}")


@examples("btt-chain facility close --secret secret.txt --from clinic.key")
@click.command("close")
@month_option
@secret_option
@care_folder_option
@call_options
def close(
    month: int | None, secret: str, base_path: Path | None, url: str,
    timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Close a month (the last one by default), in the first three days of the next one.

    The commitment to all evidence goes to the chain, with the sum of points. It is final.
    """
    sender = Sender.of(options, as_json)

    async def work() -> tuple[int, Closing, str]:
        async with view_chain(url, timeout) as chain:
            number = await last_month(chain) if month is None else month
            if number >= int((await current(chain)).month):
                raise Refused(f"month {number} is not over yet")
            who = AccountId(sender.account)
            # An activity that is recorded after the root is computed would be missing under it.
            with facility_folder(base_path, secret, chain.genesis, who) as folder:
                closing = folder.closing(number) if sender.is_dry_run else folder.close(number)
            done = await sender.send(
                chain, "Incentives", "close_month", month=number,
                root=closing.root, leaves=closing.leaves, points=closing.points,
            )  # fmt: skip
            return number, closing, done.block.hex()

    number, closing, block = run(work())
    if as_json:
        show.document(
            {"month": number, "root": "0x" + closing.root.hex(), "leaves": closing.leaves,
             "points": closing.points, "block": "0x" + block}
        )  # fmt: skip
    else:
        show.good(f"month {number} is closed with {closing.points} points, in block 0x{block}")


@examples("btt-chain facility month //Bob")
@click.command("month")
@who_argument
@month_option
@query_options
def month_(who: str, month: int | None, url: str, timeout: float, as_json: bool) -> None:
    """Show a facility's month: its payment, its right, its points and the state of its audit."""

    async def ask() -> tuple[dict[str, object], Currency, str, bool]:
        async with view_chain(url, timeout) as chain:
            owner = account_id(who, chain.chain.metadata.prefix)
            running = int((await current(chain)).month)
            number = running if month is None else month
            view = await epoch_of(chain, owner, number)
            if view is None:
                raise NotFound(
                    f"the facility has not paid for month {number}; months are paid ahead: "
                    f"`btt-chain facility subscribe` pays for month {running + 1} and later ones"
                )
            epoch = view.epoch
            facts: dict[str, object] = {
                "month": number,
                "paid": str(int(view.paid)),
                "right": int(view.right),
                "state": "no keys" if epoch is None else epoch.state.name,
                "points": 0 if epoch is None else int(epoch.points),
                "redeemed": 0 if epoch is None else int(epoch.redeemed),
            }
            audit = await audit_of(chain, owner, number)
            return facts, chain.chain.metadata.currency, audit, number > running

    found, currency, audit, is_planned = run(ask())
    if as_json:
        show.document(found)
        return
    rows = {
        name: f"{value:_}" if isinstance(value, int) and name != "month" else str(value)
        for name, value in found.items()
    }
    rows["paid"] = currency.format(int(rows["paid"]))
    if is_planned:
        rows["right"] = "fixed when the month begins"
    if audit:
        rows["audit"] = audit
    show.record(rows)


async def audit_of(chain: ViewClient, owner: AccountId, month: int) -> str:
    """Return the state of the audit of a month as text; none if there is no audit now."""
    view = await chain.api(IncentivesApi.audit, owner, u32(month))
    if view is None:
        return ""
    audit = view.audit
    phase = AUDIT_PHASES[audit.phase]
    seats = audit.seats
    reported = sum(seat.verdict is not None for seat in seats)
    until = when(int(audit.until), await slot_of(chain), chain.slot_ms)
    return phase.format(reported=reported, seats=len(seats), until=until)


COMMANDS: Final = (rules, subscribe, keys, close, month_)
