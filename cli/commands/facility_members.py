"""`btt-chain facility member|subtotals`: the facilities for which an issuer signs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from btt_chain.care.members import MIN_MEMBERS
from btt_chain.client.views import ViewClient
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.ss58 import encode
from cli.common import show
from cli.common.care import Facility, current
from cli.common.care_folders import FOLDER, facility_folder, month_option
from cli.common.errors import NotFound, Refused
from cli.common.options import Group
from cli.declared import program
from cli.parameters import Input
from runtime.pallets.facilities.api import FacilitiesApi

members = Group("members")
"""Commands that `btt-chain facility` has."""


member = Group(
    "member",
    help="""The facilities for which an issuer signs: at least eight.

    A facility of a sensitive field publishes no keys, because a voucher names the key's facility.
    It gives its activities to an issuer, which signs for several. The chain shows the issuer only;
    auditors of the issuer see the members, and the points of each.
    """,
)
members.add_command(member)


@program(
    member, "btt-chain facility member add //Bob //Dave //Eve --secret secret.txt", options=FOLDER
)
async def add(
    chain: ViewClient,
    who: Facility,
    others: Annotated[list[AccountId], Input("MEMBER...")],
    secret: str,
    base_path: Path | None,
) -> None:
    """Make registered facilities members, from this month on."""
    month = int((await current(chain)).month)
    for other in others:
        if who == other:
            raise Refused("an issuer is not a member of itself")
        if await chain.api(FacilitiesApi.facility, other) is None:
            raise NotFound(f"{encode(other, chain.prefix)} is not a registered facility")
    with facility_folder(base_path, secret, chain.genesis, who) as folder:
        for other in others:
            folder.members.add(other, month)
    show.good("members from this month on" if len(others) > 1 else "a member from this month on")


@program(
    member, "btt-chain facility member remove //Bob //Dave --secret secret.txt", options=FOLDER
)
async def remove(
    chain: ViewClient,
    who: Facility,
    other: Annotated[AccountId, Input("MEMBER")],
    secret: str,
    base_path: Path | None,
) -> None:
    """Let a membership end with this month."""
    month = int((await current(chain)).month)
    with facility_folder(base_path, secret, chain.genesis, who) as folder:
        folder.members.remove(other, month)
    show.good("no member after this month")


@program(
    member, "btt-chain facility member list //Bob --secret secret.txt",
    options=(month_option, *FOLDER),
)  # fmt: skip
async def list_(
    chain: ViewClient, as_json: bool, who: Facility, month: int | None, secret: str,
    base_path: Path | None,
) -> None:  # fmt: skip
    """List the members in a month (the current one by default)."""
    number = int((await current(chain)).month) if month is None else month
    with facility_folder(base_path, secret, chain.genesis, who) as folder:
        names = [encode(each.facility, chain.prefix) for each in folder.subtotals(number)]
    if as_json:
        show.document(names)
        return
    if names:
        show.table(["member"], [[name] for name in names])
    if len(names) < MIN_MEMBERS:
        show.note(f"{len(names)} members: `facility issue` needs at least {MIN_MEMBERS}")


@program(
    members, "btt-chain facility subtotals //Bob --month 4 --secret secret.txt",
    options=(month_option, *FOLDER),
)  # fmt: skip
async def subtotals(
    chain: ViewClient, as_json: bool, who: Facility, month: int | None, secret: str,
    base_path: Path | None,
) -> None:  # fmt: skip
    """Show an issuer's points of a month (the current one by default) by facility.

    They are in the month's commitment, and shown to its auditors only: to publish them would show
    what the issuer hides.
    """
    number = int((await current(chain)).month) if month is None else month
    with facility_folder(base_path, secret, chain.genesis, who) as folder:
        rows = folder.subtotals(number)
    if not rows:
        raise NotFound(f"the facility has no members in month {number}")
    points = {encode(row.facility, chain.prefix): int(row.points) for row in rows}
    if as_json:
        show.document({"month": number, "subtotals": points})
    else:
        show.table(["member", ">points"], [[name, str(count)] for name, count in points.items()])
