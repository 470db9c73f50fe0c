"""`btt-chain records share|open|log|verify`: readers, custodians and their logs.

aiohttp takes half a second to import: only what talks to a custodian needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import click

from btt_chain.client.errors import ClientError
from btt_chain.client.views import ViewClient
from btt_chain.records import library
from btt_chain.records.accesses import LoggedAccess, Row, Status
from btt_chain.records.canonical import canonical
from btt_chain.records.chain import NodeRecords
from btt_chain.records.documents import Json, Resource, parse, read_document
from btt_chain.records.grants import EMERGENCY
from btt_chain.records.keys import VaultId
from btt_chain.records.messages import MAX_FILE, receive, send
from btt_chain.records.shapes import items, member, objects, octets
from btt_chain.records.signed_grants import SignedGrant
from btt_chain.records.vault.index import Entry
from btt_chain.records.vault.store import Vault, with_anchor
from cli.common import show
from cli.common.errors import ExitCode, Mistyped, Refused
from cli.common.files import FILE
from cli.common.options import (
    Group,
    connection_options,
    examples,
    output_option,
    query_options,
)
from cli.common.session import open_chain
from cli.common.vaults import (
    custodian_option,
    now_ms,
    open_custodian,
    open_vault,
    run,
    vault_options,
    write_private,
)
from cli.declared import program
from cli.parameters import Input

BATCH: Final = 200
"""Resources in one message."""

access = Group("access")
"""Commands that `btt-chain records` has."""


@program(
    access, "btt-chain records share --custodian https://records.clinic.example",
    options=(custodian_option, vault_options),
)  # fmt: skip
async def share(
    as_json: bool,
    names: Annotated[list[str], Input("ENTRY...", default="")],
    custodian: str,
    **options: object,
) -> None:
    """Send records and consents to a custodian: those named, or all of them.

    The custodian can read them; it answers the readers that your consents name.
    """
    added = granted = 0
    with open_vault(options) as vault:
        entries = [vault.entry(name) for name in names] or vault.entries()
        own = [entry for entry in entries if entry.kind == library.RECORD]
        resources = [parse(vault.read(entry).data) for entry in own]
        leaves: list[Json] = [entry.leaf for entry in own]
        grants = [library.read_grant(vault, entry)[0].document() for entry in entries
                  if entry.kind == library.CONSENT and not entry.revoked]  # fmt: skip
        async with open_custodian(custodian, vault) as remote:
            for at in range(0, max(len(resources), len(grants), 1), BATCH):
                body: Resource = {
                    "resources": resources[at : at + BATCH], "leaves": leaves[at : at + BATCH],
                    "grants": grants[at : at + BATCH],
                }  # fmt: skip
                answer = await remote.ask("deposit", body)
                added += int(str(answer["added"]))
                granted += int(str(answer["grants"]))
    shared = f"{show.counted(added, 'record')} and {show.counted(granted, 'consent')}"
    show.outcome(
        {"added": added, "grants": granted}, f"with the custodian now: {shared}", as_json=as_json
    )


@examples(
    "btt-chain records open consent.json 'Observation?category=laboratory' \\",
    "  --custodian https://records.clinic.example --purpose TREAT",
    "btt-chain records open --emergency btt-vault:... Observation --custodian http://127.0.0.1:8480",
)
@access.command("open")
@click.argument("words", metavar="[CONSENT] QUERY", nargs=-1, required=True)
@custodian_option
@click.option("--purpose", default="TREAT", show_default=True, help="A purpose of the consent.")
@click.option("--emergency", metavar="VAULT", help="The patient; without a consent, logged so.")
@click.option("--keep", is_flag=True, help="Store the records in the own vault, too.")
@vault_options
@connection_options
def open_(
    words: tuple[str, ...], custodian: str, purpose: str, emergency: str | None, keep: bool,
    url: str, timeout: float, **options: object,
) -> None:  # fmt: skip
    """Read a patient's records from a custodian, under a consent, and print them as a Bundle.

    The custodian's promise that the access is logged is checked, also on the chain if a node
    answers, and kept in the vault.
    """
    from btt_chain.records.remote import ensure_promised

    if len(words) != (1 if emergency else 2):
        raise Mistyped("give the file of the consent and a query, as Observation/o1")
    body: dict[str, Json] = {"query": words[-1], "purpose": purpose}
    if emergency:
        body |= {"purpose": EMERGENCY, "patient": emergency}

    async def work(vault: Vault) -> list[Resource]:
        if not emergency:
            signed = SignedGrant.from_document(read_document(Path(words[0])))
            signed.grant()
            body["grant"] = signed.document()
        async with open_custodian(custodian, vault) as remote:
            answer = await remote.ask("access", body)
        logged = LoggedAccess.from_document(answer["access"])
        ensure_promised(logged, remote.facts, octets(answer, "request", 32), vault.id)
        problem = await _problem_on_chain(logged, url, timeout)
        if problem is not None and not emergency:
            raise Refused(f"{problem}: report it to the patient")
        if problem is not None:
            show.note(problem)
        library.store_access(vault, logged, f"{logged.access.purpose} {words[-1]}")
        found = [objects(each) for each in items(answer["resources"])]
        if keep:
            library.import_resources(
                vault, found, now_ms(), subject=logged.access.patient, kind=library.RECEIVED
            )
        return found

    with open_vault(options) as vault:
        found = run(work(vault))
    bundle: Resource = {
        "resourceType": "Bundle", "type": "collection",
        **({"entry": [{"resource": each} for each in found]} if found else {}),
    }  # fmt: skip
    click.echo(canonical(bundle).decode())


@examples(
    "btt-chain records log --custodian https://records.clinic.example --copy reader.log",
    "btt-chain records log --for btt-vault:... -o reader.log",
)
@access.command()
@click.option("--custodian", metavar="URL", help="The custodian whose log is checked.")
@click.option(
    "--copy", "copies", multiple=True, type=FILE,
    help="A reader's entries for you, as `--for` writes them.",
)  # fmt: skip
@click.option("--for", "patient", metavar="VAULT", help="Write own entries for a patient instead.")
@output_option("The file to write with --for.")
@vault_options
@query_options
def log(
    custodian: str | None, copies: tuple[Path, ...], patient: str | None, output: Path | None,
    url: str, timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Print who read your records, checked against the chain; exit code 1 if something is missing.

    An entry that a reader has and the custodian has not, and one without its root in time, are
    shown: the promise is the proof of it.
    """
    with open_vault(options) as vault:
        if patient is not None:
            if output is None:
                raise Mistyped("--for needs --output")
            written = show.counted(_write_copies(vault, patient, output), "entry", "entries")
            show.good(f"written to {output}: {written}")
            return
        if custodian is None:
            raise Mistyped("name the --custodian")
        own = [access for path in copies for access in read_copies(vault, path)]

        async def work() -> list[Row]:
            async with open_chain(url, timeout) as chain:
                return await checked_log(vault, custodian, own, NodeRecords(chain))

        rows = run(work())
    if as_json:
        show.document([_row(each) for each in rows])
    elif rows:
        show.table(
            ["time", "reader", "purpose", "query", ">records", "state", "missing"],
            [[str(value) for value in _row(each).values()] for each in rows],
        )
    else:
        show.note("no access to your records there")
    if not all(_is_well(each) for each in rows):
        raise click.exceptions.Exit(ExitCode.REFUSED)


@program(
    access, "btt-chain records verify --custodian https://records.clinic.example",
    options=(custodian_option, vault_options),
)  # fmt: skip
async def verify(chain: ViewClient, as_json: bool, custodian: str, **options: object) -> None:
    """Fetch where the custodian anchored your consents and its entries, and check it on the chain.

    The proofs are kept in the vault, and are part of `export`.
    """
    with open_vault(options) as vault:
        counts = await _verified(vault, custodian, NodeRecords(chain.chain))
    if as_json:
        show.document(counts)
    else:
        show.record({name: str(value) for name, value in counts.items()})
    if counts["invalid"]:
        raise click.exceptions.Exit(ExitCode.REFUSED)


async def _verified(vault: Vault, custodian: str, node: NodeRecords) -> dict[str, int]:
    from btt_chain.records.remote import anchor_of, is_anchored

    kinds = {library.CONSENT: "consents", library.ACCESS: "accesses", library.RECORD: "records"}
    entries = [each for each in vault.index.all() if each.kind in kinds and each.leaf]
    counts = {"anchored": 0, "pending": 0, "invalid": 0}
    changed: list[Entry] = []
    async with open_custodian(custodian, vault) as remote:
        for at in range(0, len(entries), BATCH):
            part = entries[at : at + BATCH]
            leaves: list[Json] = [{"kind": kinds[each.kind], "leaf": each.leaf} for each in part]
            answer = await remote.ask("anchors", {"leaves": leaves})
            for entry, value in zip(part, items(answer["anchors"]), strict=True):
                anchor = anchor_of(value)
                if anchor is None:
                    counts["pending"] += 1
                elif anchor in entry.anchors:
                    # Checked before: after 30 days its root is no longer stored.
                    counts["anchored"] += 1
                elif await is_anchored(node, bytes.fromhex(entry.leaf), anchor):
                    counts["anchored"] += 1
                    changed.append(with_anchor(entry, anchor))
                else:
                    counts["invalid"] += 1
    vault.update(changed)
    return counts


async def _problem_on_chain(logged: LoggedAccess, url: str, timeout: float) -> str | None:
    """Return why a promise is worth nothing on the chain; None if it is, or no node answers."""
    from btt_chain.records.remote import promise_problem

    try:
        async with open_chain(url, timeout) as chain:
            return await promise_problem(NodeRecords(chain), logged)
    except ClientError as error:
        show.note(f"the promise was not checked on the chain: {error}")
        return None


# ---- logs


async def checked_log(
    vault: Vault, custodian: str, own: Sequence[LoggedAccess], node: NodeRecords
) -> list[Row]:
    """Return a custodian's log for a vault, checked against the chain and own entries."""
    from btt_chain.records.remote import check_log

    async with open_custodian(custodian, vault) as remote:
        entries = items((await remote.ask("log", {}))["entries"])
        return await check_log(node, remote.facts, entries, own)


def _write_copies(vault: Vault, patient: str, output: Path) -> int:
    """Seal the own entries about a patient for its vault; return their number."""
    to = VaultId.parse(patient)
    logged = own_entries(vault)
    about: list[Json] = [entry.document() for entry in logged if entry.access.patient == to]
    sealed, _ = send(vault.keys, to, b"", "copies", {"entries": about}, now_ms())
    write_private(output, sealed)
    return len(about)


def own_entries(vault: Vault) -> list[LoggedAccess]:
    """Return the accesses of a vault as a reader."""
    return [library.read_access(vault, entry) for entry in vault.entries(library.ACCESS)]


def read_copies(vault: Vault, path: Path) -> list[LoggedAccess]:
    """Return the entries that a reader wrote for the owner of a vault."""
    with path.open("rb") as file:
        sealed = file.read(MAX_FILE)
    message = receive(sealed, vault.keys, b"", now_ms(), window_ms=None)
    return [LoggedAccess.from_document(each) for each in items(member(message.body, "entries"))]


def _is_well(row: Row) -> bool:
    """Return True if nothing is missing about an entry."""
    well = (Status.ANCHORED, Status.PENDING, Status.PRUNED)
    return row.in_custodians_log and row.status in well


def _row(row: Row) -> dict[str, object]:
    access = row.access
    moment = datetime.fromtimestamp(access.time_ms // 1_000, UTC)
    missing = "" if row.in_custodians_log else "in the custodian's log"
    return {
        "time": f"{moment:%Y-%m-%d %H:%M:%S}", "reader": str(access.reader)[:22],
        "purpose": access.purpose, "query": access.query, "records": len(access.records),
        "state": row.status.value, "missing": missing,
    }  # fmt: skip
