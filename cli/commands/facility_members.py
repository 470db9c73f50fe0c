"""`btt-chain facility member|subtotals`: the facilities for which an issuer signs."""

from __future__ import annotations

from pathlib import Path

import click

from btt_chain.care.evidence import Subtotal
from btt_chain.care.members import MIN_MEMBERS
from btt_chain.primitives.ss58 import encode
from cli.common import show
from cli.common.care import (
    account_id,
    current,
    facility_folder,
    folder_options,
    month_option,
)
from cli.common.errors import NotFound, Refused
from cli.common.options import Group, examples, json_option
from cli.common.session import run
from cli.common.working import view_chain
from runtime.pallets.facilities.api import FacilitiesApi

members = Group("members")
"""Commands that `btt-chain facility` has."""


@members.group("member", cls=Group)
def member() -> None:
    """The facilities for which an issuer signs: at least eight.

    A facility of a sensitive field publishes no keys, because a voucher names the key's facility.
    It gives its activities to an issuer, which signs for several. The chain shows the issuer only;
    auditors of the issuer see the members, and the points of each.
    """


@examples("btt-chain facility member add //Bob //Dave //Eve --secret secret.txt")
@member.command()
@folder_options
@click.argument("others", metavar="MEMBER...", nargs=-1, required=True)
def add(
    who: str, others: tuple[str, ...], secret: str, base_path: Path | None, url: str,
    timeout: float,
) -> None:  # fmt: skip
    """Make registered facilities members, from this month on."""
    _change(who, others, secret, base_path, url, timeout, is_added=True)
    show.good("members from this month on" if len(others) > 1 else "a member from this month on")


@examples("btt-chain facility member remove //Bob //Dave --secret secret.txt")
@member.command()
@folder_options
@click.argument("other", metavar="MEMBER")
def remove(
    who: str, other: str, secret: str, base_path: Path | None, url: str, timeout: float
) -> None:
    """Let a membership end with this month."""
    _change(who, (other,), secret, base_path, url, timeout, is_added=False)
    show.good("no member after this month")


def _change(
    who: str, others: tuple[str, ...], secret: str, base_path: Path | None, url: str,
    timeout: float, *, is_added: bool,
) -> None:  # fmt: skip
    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            prefix = chain.chain.metadata.prefix
            owner = account_id(who, prefix)
            accounts = {account_id(other, prefix): other for other in others}
            for account, other in accounts.items():
                if owner == account:
                    raise Refused("an issuer is not a member of itself")
                if is_added and await chain.api(FacilitiesApi.facility, account) is None:
                    raise NotFound(f"{other} is not a registered facility")
            month = int((await current(chain)).month)
            with facility_folder(base_path, secret, chain.genesis, owner) as folder:
                change = folder.members.add if is_added else folder.members.remove
                for account in accounts:
                    change(account, month)

    run(work())


@examples("btt-chain facility member list //Bob --secret secret.txt")
@member.command("list")
@folder_options
@month_option
@json_option
def list_(
    who: str, month: int | None, secret: str, base_path: Path | None, url: str, timeout: float,
    as_json: bool,
) -> None:  # fmt: skip
    """List the members in a month (the current one by default)."""
    rows = _subtotals(who, month, secret, base_path, url, timeout)[1]
    if as_json:
        show.document([name for name, _ in rows])
        return
    if rows:
        show.table(["member"], [[name] for name, _ in rows])
    if len(rows) < MIN_MEMBERS:
        show.note(f"{len(rows)} members: `facility issue` needs at least {MIN_MEMBERS}")


@examples("btt-chain facility subtotals //Bob --month 4 --secret secret.txt")
@members.command("subtotals")
@folder_options
@month_option
@json_option
def subtotals(
    who: str, month: int | None, secret: str, base_path: Path | None, url: str, timeout: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Show an issuer's points of a month (the current one by default) by facility.

    They are in the month's commitment, and shown to its auditors only: to publish them would show
    what the issuer hides.
    """
    number, rows = _subtotals(who, month, secret, base_path, url, timeout)
    if not rows:
        raise NotFound(f"the facility has no members in month {number}")
    if as_json:
        show.document({"month": number, "subtotals": dict(rows)})
    else:
        show.table(["member", ">points"], [[name, str(points)] for name, points in rows])


def _subtotals(
    who: str, month: int | None, secret: str, base_path: Path | None, url: str, timeout: float
) -> tuple[int, list[tuple[str, int]]]:
    """Return the month, and its members with their points."""

    async def work() -> tuple[int, list[Subtotal], int]:
        async with view_chain(url, timeout) as chain:
            prefix = chain.chain.metadata.prefix
            owner = account_id(who, prefix)
            number = int((await current(chain)).month) if month is None else month
            with facility_folder(base_path, secret, chain.genesis, owner) as folder:
                return number, folder.subtotals(number), prefix

    number, found, prefix = run(work())
    return number, [(encode(each.facility, prefix), int(each.points)) for each in found]
