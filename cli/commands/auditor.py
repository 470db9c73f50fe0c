"""`btt-chain auditor`: be selected for audits, check opened evidence, report verdicts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Final, cast

import click

from btt_chain.care import auditing
from btt_chain.care.auditing import Disclosure, Finding, Result
from btt_chain.care.errors import Damaged
from btt_chain.care.evidence import Statement
from btt_chain.care.members import MIN_MEMBERS
from btt_chain.care.vault import Vault
from btt_chain.client.chain import Chain
from btt_chain.client.jsonrpc import Connection
from btt_chain.client.paging import PAGE, pages
from btt_chain.client.views import ViewClient
from btt_chain.compute.blobs.sealing import public_of
from btt_chain.daemon import Daemon
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u32
from cli.common import show
from cli.common.calls import report as report_call
from cli.common.care import Facility, account_id, current, epoch_of, last_month, rules_of, words
from cli.common.care_folders import care_folder, care_folder_option, folder_secret, secret_option
from cli.common.chain_time import ChainTime
from cli.common.errors import Mistyped, NotFound
from cli.common.files import read_bytes, read_json_file
from cli.common.options import Group, examples, query_options
from cli.common.sending import Sender
from cli.common.session import first_step, run_until_stopped
from cli.common.types import Seconds
from cli.common.vaults import write_private
from cli.declared import Chosen, composed, program, send
from cli.parameters import Input
from runtime.pallets.facilities.api import FacilitiesApi
from runtime.pallets.facilities.types import Kind
from runtime.pallets.incentives import events
from runtime.pallets.incentives.api import AuditView, IncentivesApi
from runtime.pallets.incentives.pallet import Incentives
from runtime.pallets.incentives.types import Fail, NotOpened, Pass

KEY: Final = b"audit key"
"""Purpose of the sealing key within an auditor's folder."""

LAST: Final = "[default: the month before this one]"
Month = Annotated[u32 | None, Input(help=LAST)]


auditor = Group(
    "auditor",
    help="""Check the evidence of facilities for which your institution was selected.

    Auditors are registered facilities of the kind auditor that enlisted. What is opened to you is
    sealed to your key; keep it confidential, and delete it when the audit has ended.
    """,
)


@program(
    auditor, "btt-chain auditor enlist --secret secret.txt --from auditor.key",
    options=(secret_option, care_folder_option),
)  # fmt: skip
async def enlist(chain: ViewClient, sender: Sender, secret: str, base_path: Path | None) -> None:
    """Enlist for audits, with the key to which facilities seal what they open."""
    key = public_of(sealing_key(base_path, secret, chain.genesis, sender.account))
    sent = await sender.send(chain, "Incentives", "enlist", key=key)
    text = f"enlisted, in block {to_hex(sent.block)}"
    report_call(sent, sender.as_json, text, key=to_hex(key))


send(
    auditor, "retire", Incentives.retire, "btt-chain auditor retire --from auditor.key",
    help="Be selected no longer. Audits of months that are settled remain.",
    done="retired, in block {block}",
)  # fmt: skip


def sealing_key(base: Path | None, secret: str, genesis: bytes, who: bytes) -> bytes:
    """Return the secret key to which facilities seal, made by the folder of an auditor."""
    place = care_folder(base, "auditor", genesis, who) / "auditor.sqlite"
    owner = b"auditor" + genesis + who
    with words(), Vault.open(place, folder_secret(secret), owner) as vault:
        return vault.derived(KEY)


# ---- audits


@examples("btt-chain auditor watch //Eve", "btt-chain auditor watch //Eve --once --json")
@auditor.command()
@click.argument("who", metavar="ACCOUNT")
@click.option("--once", is_flag=True, help="Print the audits of now, and end.")
@click.option(
    "--interval", type=Seconds(1, 86_400), default=600.0, show_default=True,
    help="Seconds between two looks.",
)  # fmt: skip
@query_options
def watch(who: str, once: bool, interval: float, url: str, timeout: float, as_json: bool) -> None:
    """Print the audits that wait for your verdict in the last final block, until Ctrl-C."""
    shown: set[tuple[bytes, int]] = set()
    if not once:
        show.note(f"watching for audits by {who}, every {interval:g} s; Ctrl-C ends")

    async def look(connection: Connection) -> None:
        chain = ViewClient(await Chain.open(connection, "finalized"))
        prefix = chain.chain.metadata.prefix
        found = await audits_of(chain, account_id(who, prefix))
        time = await ChainTime.read(chain.chain)
        for view in found:
            key = bytes(view.facility), int(view.month)
            if key in shown:
                continue
            shown.add(key)
            facts = {
                "facility": encode(view.facility, prefix),
                "month": int(view.month),
                "until": int(view.audit.until),
            }
            if as_json:
                show.line(facts)
            else:
                show.note(
                    f"month {facts['month']} of {facts['facility']}: "
                    f"report before {time.until(int(view.audit.until) * time.slot_ms)}"
                )
        if once and not found and not as_json:
            show.note("no audit waits for your verdict")

    async def follow(connection: Connection) -> None:
        while True:
            await look(connection)
            await asyncio.sleep(interval)

    async def work() -> None:
        daemon = Daemon(url, timeout, report=show.note, patience=0 if once else None)
        await first_step(daemon, look)
        if not once:
            await daemon.run(follow)

    run_until_stopped(work())


async def audits_of(chain: ViewClient, who: AccountId) -> list[AuditView]:
    """Return the audits of the last month that wait for an auditor's verdict."""
    month = u32(max(0, int((await current(chain)).month) - 1))
    epochs = pages(
        lambda after: chain.api(IncentivesApi.epochs, month, after, u32(PAGE)),
        lambda epoch: epoch.facility,
        first=None,
    )
    audits = [await chain.api(IncentivesApi.audit, epoch.facility, month) async for epoch in epochs]
    return [view for view in audits if view is not None and _waits(view, who)]


def _waits(view: AuditView, who: AccountId) -> bool:
    """Return True if an audit waits for the verdict of an auditor."""
    return any(seat.auditor == who and seat.verdict is None for seat in view.audit.seats)


def check_sources(file: Path | None, from_url: str | None, **_: object) -> None:
    """Check that one source is named at most. Raises Mistyped."""
    if file is not None and from_url is not None:
        raise Mistyped("give --file or --from-url, not both")


@program(
    auditor,
    "btt-chain auditor verify //Bob --auditor //Eve --file 8eaf...sealed --secret secret.txt",
    "btt-chain auditor verify //Bob --auditor //Eve --from-url https://clinic.example \\",
    "    --devices devices.json --opened opened.json --secret secret.txt",
    options=(secret_option, care_folder_option), check=check_sources,
)  # fmt: skip
async def verify(
    chain: ViewClient,
    as_json: bool,
    facility: Facility,
    auditor: Annotated[AccountId, Input("ACCOUNT", "Your account.")],
    month: Month,
    file: Annotated[Path | None, Input(help="What the facility sealed to you.")],
    from_url: Annotated[
        str | None, Input(help="The facility's `facility serve`, to fetch it from.")
    ],
    devices: Annotated[
        Path | None, Input(help="A JSON list of the keys of registered devices, in hex.")
    ],
    opened: Annotated[
        Path | None,
        Input(
            help="Write the opened leaves with their evidence to this file, as JSON, to read them."
        ),
    ],
    secret: str,
    base_path: Path | None,
) -> None:
    """Check what a facility opened, and print the verdict; `auditor report` sends it.

    Without --file and --from-url the verdict is that nothing was opened. Exit code 1 if the month
    does not pass.
    """
    keys = device_keys(devices)
    raw = None if file is None else read_bytes(file)
    number = await last_month(chain) if month is None else int(month)
    key = sealing_key(base_path, secret, chain.genesis, auditor)
    if from_url is not None:
        # Imported here: aiohttp takes a third of a second.
        from btt_chain.care.fetch import opening_of

        with words():
            raw = await opening_of(from_url, number, auditor)
    finding, disclosure = await finding_of(chain, facility, number, raw, key, keys)
    if opened is not None and disclosure is not None:
        write_private(opened, (json.dumps(leaves_of(disclosure), indent=2) + "\n").encode())
    verdict = finding.result.value
    if as_json:
        show.document({"verdict": verdict, "reason": finding.reason, "index": finding.index})
    else:
        rows = {"verdict": verdict, "reason": finding.reason}
        show.record(rows | ({"index": str(finding.index)} if verdict == "Fail" else {}))
    if verdict != "Pass":
        raise click.exceptions.Exit(1)


async def finding_of(
    chain: ViewClient, facility: AccountId, month: int, sealed: bytes | None, key: bytes,
    devices: frozenset[bytes] | None,
) -> tuple[Finding, Disclosure | None]:  # fmt: skip
    """Return the finding about what a facility sealed, and what was in it.

    NotFound if there is no audit.
    """
    view = await chain.api(IncentivesApi.audit, facility, u32(month))
    epoch = await epoch_of(chain, facility, month)
    if view is None or epoch is None or epoch.epoch is None:
        raise NotFound(f"there is no audit of month {month} of this facility now")
    if sealed is None:
        return Finding(Result.NOT_OPENED, "nothing was opened"), None
    place = auditing.Place(chain.genesis, facility, month, view.audit.seed)
    try:
        opened = auditing.open_sealed(sealed, key, place)
    except Damaged as error:
        return Finding(Result.NOT_OPENED, str(error)), None
    rules = {id: [rule] for id, rule in (await rules_of(chain)).items()}
    committed = auditing.Committed(view.root, int(view.leaves), int(epoch.epoch.points))
    is_issuer = await is_issuing(chain, facility)
    terms = auditing.Terms(rules, devices, is_issuer=is_issuer)
    found = auditing.examine(opened, committed, place, terms)
    if found.result is Result.PASS and is_issuer:
        known = await registered_of(chain, [each.facility for each in opened.subtotals])
        if known < MIN_MEMBERS:
            # The register may change: a later auditor could find otherwise.
            reason = f"{known} members are registered facilities of different operators"
            found = Finding(Result.NOT_OPENED, reason)
    return found, opened


async def is_issuing(chain: ViewClient, facility: AccountId) -> bool:
    """Return True if a facility is an issuer."""
    found = await chain.api(FacilitiesApi.facility, facility)
    return found is not None and found.facility.kind is Kind.Issuer


async def registered_of(chain: ViewClient, members: Sequence[bytes]) -> int:
    """Return the number of operators of those members that are registered facilities."""
    operators: set[bytes] = set()
    for each in members:
        found = await chain.api(FacilitiesApi.facility, AccountId(each))
        if found is not None:
            operators.add(found.facility.operator)
    return len(operators)


def leaves_of(opened: Disclosure) -> list[dict[str, object]]:
    """Return opened leaves as JSON; evidence that is malformed is left as hex."""
    found: list[dict[str, object]] = []
    for each in opened.opened:
        leaf = each.leaf
        row: dict[str, object] = {
            "index": int(each.index), "rule": int(leaf.rule), "day": int(leaf.day),
            "points": int(leaf.points), "tag": leaf.tag.hex(), "facility": leaf.member.hex(),
        }  # fmt: skip
        try:
            read = Statement.decode(each.statement)
            row |= {"kind": read.kind, "qualityPpm": read.quality_ppm, "evidence": read.document}
        except Damaged:
            row["malformed"] = each.statement.hex()
        found.append(row)
    return found


def device_keys(path: Path | None) -> frozenset[bytes] | None:
    """Return the keys of a JSON list; None without a file. Mistyped if the file has none."""
    if path is None:
        return None
    try:
        keys = cast("list[str]", read_json_file(path))
        return frozenset(map(from_hex, keys))
    except (ValueError, TypeError):
        raise Mistyped(f"{path} holds no JSON list of keys in hex") from None


class Outcome(IntEnum):
    """A verdict as it is typed."""

    Pass = 0
    Fail = 1
    NotOpened = 2


VERDICTS: Final = {Outcome.Pass: Pass(), Outcome.NotOpened: NotOpened()}
"""The verdicts without an index."""


@composed(
    auditor, Incentives.report_audit, "btt-chain auditor report //Bob pass --from auditor.key",
    "btt-chain auditor report //Bob fail --index 17 --from auditor.key",
    event=events.AuditReported, done="reported, in block {block}",
)  # fmt: skip
async def report(
    chain: ViewClient,
    facility: Facility,
    verdict: Outcome,
    index: Annotated[u32 | None, Input(help="Index of the wrong leaf.")],
    month: Month,
) -> dict[str, object]:
    """Report your verdict. It is final; a wrong `fail` and silence are fined."""
    if (verdict is Outcome.Fail) != (index is not None):
        raise Mistyped("--index goes with fail")
    number = await last_month(chain) if month is None else month
    if index is not None:
        await _ensure_leaf(chain, facility, int(number), index)
    reported = Fail(index) if index is not None else VERDICTS[verdict]
    return {"facility": facility, "month": number, "verdict": reported}


@composed(
    auditor, Incentives.settle_audit,
    "btt-chain auditor settle //Bob --month 4 --from key.txt", done="settled, in block {block}",
)  # fmt: skip
async def settle(chain: ViewClient, facility: Facility, month: Month) -> Chosen:
    """End a phase of an audit whose time is over; any account may. It costs no fee.

    Auditors that have not reported are fined; you get half of the fines.
    """
    month = u32(await last_month(chain)) if month is None else month
    return Chosen({"facility": facility, "month": month}, {"month": month})


async def _ensure_leaf(chain: ViewClient, facility: AccountId, month: int, index: int) -> None:
    """Raise Mistyped if the tree of a month has no leaf of an index, NotFound without an audit."""
    view = await chain.api(IncentivesApi.audit, facility, u32(month))
    if view is None:
        raise NotFound(f"there is no audit of month {month} of this facility now")
    if index >= int(view.leaves):
        raise Mistyped(
            f"--index {index}: the tree of month {month} has {int(view.leaves)} leaves, numbered "
            f"from 0 to {int(view.leaves) - 1}; `btt-chain auditor verify` prints the wrong one"
        )
