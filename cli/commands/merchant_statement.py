"""`btt-chain merchant statement`: settlements and refunds, for bookkeeping."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import click

from btt_chain.payments.delivery.events import EventType
from btt_chain.payments.delivery.journal import Journal
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.statement.camt053 import write_camt053
from btt_chain.payments.statement.csv_table import write_csv
from btt_chain.payments.statement.entries import Entry, Kind, day_of, statement_of
from btt_chain.primitives.account import AccountId
from cli.common import show
from cli.common.errors import Mistyped, Refused
from cli.common.files import write
from cli.common.merchant_events import Recorder, journal_option, open_journal
from cli.common.merchants import registered, time_of
from cli.common.options import connection_options, examples, stdout_option
from cli.common.session import open_chain, run
from cli.common.working import account as read_account


@examples(
    "btt-chain merchant statement //Alice --from 2027-01-01 --to 2027-01-31 --csv",
    "btt-chain merchant statement //Alice --camt053 -o january.xml --from 2027-01-01",
)
@click.command()
@click.argument("account")
@click.option("--camt053", is_flag=True, help="Write camt.053 of ISO 20022.")
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV, with exact amounts. [default]")
@click.option("--from", "first", metavar="DAY", help="First day, as 2027-01-31. [default: today]")
@click.option("--to", "last", metavar="DAY", help="Last day. [default: today]")
@stdout_option
@journal_option
@connection_options
def statement(
    account: str, camt053: bool, as_csv: bool, first: str | None, last: str | None, output: str,
    base_path: Path | None, url: str, timeout: float,
) -> None:  # fmt: skip
    """Write the settlements, refunds and judgements of some days, in UTC.

    They come from the journal of `merchant watch`, which is brought up to date first. Without a
    journal one is made, of all blocks whose events the node still has.
    """
    if camt053 and as_csv:
        raise Mistyped("give either --camt053 or --csv")
    today = datetime.now(UTC).date()
    end = _day(last, "--to") if last else today
    begin = _day(first, "--from") if first else end
    if end < begin:
        raise Mistyped(f"--to {end} is before --from {begin}")
    raw = run(_written(account, begin, end, camt053, base_path, url, timeout))
    write(output, raw)


async def _written(
    account: str, first: date, last: date, camt053: bool, base_path: Path | None, url: str,
    timeout: float,
) -> bytes:  # fmt: skip
    async with open_chain(url, timeout) as chain:
        who = read_account(account, chain.metadata.prefix)
        await registered(chain, who)
        with open_journal(base_path, chain, who) as journal:
            recorder = Recorder(chain, journal, who)
            await recorder.begin(None)
            async for _ in recorder.record_to(await recorder.newest()):
                pass
            begun = journal.first
            if begun is not None and begun.number:
                known = day_of(await time_of(chain, begun.hash))
                if first <= known:
                    show.note(
                        f"warning: the journal begins with block {begun.number + 1:_} on {known}; "
                        "what was before is not in this statement"
                    )
            try:
                made = statement_of(
                    AccountId(who), entries_of(journal), first, last, datetime.now(UTC)
                )
                return write_camt053(made) if camt053 else write_csv(made).encode()
            except PaymentError as error:
                raise Refused(str(error)) from None


def entries_of(journal: Journal) -> list[Entry]:
    """Return the entries of a journal, in the order of the chain."""
    kinds = (EventType.SETTLED, EventType.REFUNDED, EventType.RESOLVED)
    found = []
    for id, type, time_ms, body in journal.bodies([kind.value for kind in kinds]):
        try:
            entry = _entry(id, EventType(type), time_ms, json.loads(body)["data"])
        except (ValueError, KeyError, TypeError):
            raise Refused(
                f"journal: the event {id!r} is damaged; move the journal away, and it is made anew"
            ) from None
        found += [] if entry is None else [entry]
    return found


def _entry(id: str, type: object, time_ms: int, data: dict[str, str]) -> Entry | None:
    """Return the entry of an event; None if it moved no money of the merchant.

    A return before settlement and a dispute of a pending payment change a later settlement only.
    """
    if type is EventType.SETTLED:
        net, fee = int(data["net"]), int(data["fee"])
        return Entry(
            id, Kind.SETTLEMENT, time_ms, net, net + fee, fee, int(data["count"]),
            bucket=int(data["bucket"]),
        )  # fmt: skip
    if type is EventType.REFUNDED:
        if data["settled"] != "true":
            return None
        return Entry(id, Kind.REFUND, time_ms, -int(data["amount"]), payment=int(data["payment"]))
    if data.get("late") != "true" or not int(data["to_payer"]):
        return None
    return Entry(id, Kind.DISPUTE, time_ms, -int(data["to_payer"]), payment=int(data["payment"]))


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Mistyped(f"{option}: {text!r} is not a day such as 2027-01-31") from None
