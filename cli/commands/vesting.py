"""`btt-chain vesting`: money that is released over time."""

from __future__ import annotations

from typing import Final

import click

from cli.common import show
from cli.common.calls import report, send_calls
from cli.common.chain_time import ChainTime
from cli.common.errors import NotFound, Refused
from cli.common.options import Group, examples, query_options
from cli.common.schedules import Vested, first_release, next_dates, read_vested
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import open_chain, run
from cli.common.working import account
from runtime.schedules import Schedule

MONTH_MS: Final = 30 * 86_400_000
MAX_DATES: Final = 120


@click.group(cls=Group)
def vesting() -> None:
    """See what is released when, and unlock what has been released."""


@examples("btt-chain vesting show //Alice", "btt-chain vesting show 5FHneW46... --months 12")
@vesting.command("show")
@click.argument("who", metavar="ACCOUNT")
@click.option(
    "--months", type=click.IntRange(0, MAX_DATES), default=3, show_default=True,
    help="Next months of 30 days to show.",
)  # fmt: skip
@query_options
def show_(who: str, months: int, url: str, timeout: float, as_json: bool) -> None:
    """Show the schedules of ACCOUNT: what is free, what is locked, and the next dates."""

    async def ask() -> None:
        async with open_chain(url, timeout) as chain:
            time = await ChainTime.read(chain)
            found = await read_vested(chain, account(who, chain.metadata.prefix))
            currency = chain.metadata.currency
        dates = next_dates(found.schedules, time.slot, MONTH_MS // time.slot_ms, months)
        if as_json:
            show.document(_document(found, time, dates))
            return
        if not found.schedules:
            show.note("nothing of this account is vesting")
            return
        money, slot = currency.format, time.slot
        show.record(
            {
                "locked": money(found.unvested(slot)),
                "released": money(sum(int(each.vested(slot)) for each in found.schedules)),
                "to unlock": money(found.claimable(slot)),
            }
        )
        schedules = found.schedules
        show.table(
            [">amount", ">released", ">locked", "first release", "all released"],
            zip(
                show.amounts(currency, [each.locked for each in schedules]),
                show.amounts(currency, [each.vested(slot) for each in schedules]),
                show.amounts(currency, [each.unvested(slot) for each in schedules]),
                [_when(time, first_release(each)) for each in schedules],
                [_when(time, each.end) for each in schedules],
                strict=True,
            ),
            title="Schedules",
        )
        show.table(
            ["at", ">locked then"],
            zip(
                [_when(time, each) for each in dates],
                show.amounts(currency, [found.unvested(each) for each in dates]),
                strict=True,
            ),
            title="Next dates",
        )
        if found.claimable(slot):
            show.note("unlock what is released: btt-chain vesting claim --from KEY")

    run(ask())


def _when(time: ChainTime, slot: int) -> str:
    """Return a slot as a date; with its distance if it is to come."""
    ms = int(slot) * time.slot_ms
    return time.until(ms) if slot > time.slot else time.date(ms) or "at the start"


def _document(found: Vested, time: ChainTime, dates: list[int]) -> dict[str, object]:
    """Return schedules as JSON: planck, and slots since the first block."""

    def row(each: Schedule) -> dict[str, object]:
        return {
            "locked": str(each.locked), "start": each.start, "length": each.length,
            "cliff": each.cliff, "vested": str(each.vested(time.slot)),
            "unvested": str(each.unvested(time.slot)),
        }  # fmt: skip

    return {
        "slot": time.slot,
        "slotMs": time.slot_ms,
        "unvested": str(found.unvested(time.slot)),
        "claimable": str(found.claimable(time.slot)),
        "schedules": [row(each) for each in found.schedules],
        "dates": [{"slot": each, "unvested": str(found.unvested(each))} for each in dates],
    }


@examples(
    "btt-chain vesting claim --from //Alice",
    "btt-chain vesting claim --for 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty --from //Alice",
)
@vesting.command(cls=SendingCommand)
@click.option(
    "--for", "other", metavar="ACCOUNT", help="Unlock money of this account, and pay the fee."
)
@call_options
def claim(other: str | None, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Unlock what has been released. Only then can it be spent."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            money = chain.metadata.currency.format
            mine = sender.account
            who = mine if other is None else account(other, chain.metadata.prefix)
            time = (await ChainTime.read(chain)).at_next_block()
            before = await read_vested(chain, who)
            if not before.schedules:
                raise NotFound(f"nothing of {chain.metadata.address(who)} is vesting")
            if not before.claimable(time.slot):
                first = min(map(first_release, before.schedules))
                soon = f"; the first release is {_when(time, first)}" if first > time.slot else ""
                raise Refused(f"nothing was released since the last time{soon}")
            call = ("Vesting.vest", {}) if who == mine else (
                "Vesting.vest_other", {"target": "0x" + who.hex()}
            )  # fmt: skip
            done = await send_calls(sender, chain, [call])
            after = await read_vested(chain, who)
        free = before.lock - after.lock
        report(
            done, as_json, f"{money(free)} are free now; {money(after.lock)} are still locked.",
            unlocked=str(free), locked=str(after.lock),
        )  # fmt: skip

    run(work())
