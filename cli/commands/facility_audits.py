"""`btt-chain facility answer|appeal`: the audits of a facility's months."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from btt_chain.care.auditing import Disclosure, Place, seal
from btt_chain.client.views import ViewClient
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import u32
from cli.common import show
from cli.common.care import Facility, last_month
from cli.common.care_folders import FOLDER, facility_folder, month_option
from cli.common.errors import NotFound, Refused
from cli.common.options import Group
from cli.common.vaults import write_folder
from cli.declared import program, send
from cli.parameters import Input
from runtime.pallets.incentives.api import IncentivesApi
from runtime.pallets.incentives.pallet import Incentives
from runtime.pallets.incentives.types import AuditPhase

audits = Group("audits")
"""Commands that `btt-chain facility` has."""
NOT_OPEN: Final = {
    AuditPhase.Answerable: "the first auditors of month {month} have reported: nothing is "
    "opened to them any more. `btt-chain facility appeal --month {month}` has three others check "
    "the evidence",
    AuditPhase.Waiting: "the auditors of the second round of month {month} are not selected "
    "yet. Run this again as soon as `btt-chain facility month` shows the second round: without "
    "that they find against the month",
}
"""Phases of an audit in which no auditor waits for evidence, with the error."""


out_option = click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path),
    help="A folder for the sealed files; without it `facility serve` gives them out.",
)  # fmt: skip


@program(
    audits, "btt-chain facility answer //Bob --out openings --secret secret.txt",
    options=(month_option, out_option, *FOLDER),
)  # fmt: skip
async def answer(
    chain: ViewClient, as_json: bool, who: Facility, month: int | None, out: Path | None,
    secret: str, base_path: Path | None,
) -> None:  # fmt: skip
    """Open the selected evidence of a month to its auditors, sealed to each of them."""
    number = await last_month(chain) if month is None else month
    with facility_folder(base_path, secret, chain.genesis, who) as folder:
        sealed = await openings(chain, who, number, folder.disclosure)
        for auditor, content in sealed:
            folder.keep_opening(number, auditor, content)
    if out is not None:
        write_folder(out, {f"{auditor.hex()}.sealed": content for auditor, content in sealed})
    text = f"sealed to {show.counted(len(sealed), 'auditor')}"
    show.outcome([to_hex(auditor) for auditor, _ in sealed], text, as_json=as_json)


async def openings(
    chain: ViewClient,
    owner: AccountId,
    month: int,
    disclosure: Callable[[int, bytes], Disclosure],
) -> list[tuple[bytes, bytes]]:
    """Return the disclosure sealed to each auditor of an audit. NotFound if there is none.

    It is sealed to the keys that the auditors had when the month was settled.
    """
    view = await chain.api(IncentivesApi.audit, owner, u32(month))
    if view is None:
        raise NotFound(f"there is no audit of month {month} now")
    if not view.audit.seats:
        raise Refused(
            f"no auditor of another operator was enlisted when month {month} was settled: there is "
            "nothing to answer, and the month cannot fail"
        )
    if view.audit.phase in NOT_OPEN:
        raise Refused(NOT_OPEN[view.audit.phase].format(month=month))
    place = Place(chain.genesis, owner, month, view.audit.seed)
    opened = disclosure(month, place.seed)
    return [(seat.auditor, seal(opened, seat.key, place)) for seat in view.audit.seats]


send(
    audits, "appeal", Incentives.answer_audit,
    "btt-chain facility appeal --month 4 --from clinic.key",
    help="Answer a failed audit: three other auditors are selected, once.",
    inputs={"month": Input(help="Number of the month.")}, done="appealed, in block {block}",
)  # fmt: skip
