"""`btt-chain records`: health records in an encrypted vault."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import click

from btt_chain.keystore.sealed import Password
from btt_chain.records import library
from btt_chain.records.canonical import canonical
from btt_chain.records.custodian.service import PATIENTS
from btt_chain.records.documents import read_document
from btt_chain.records.fhir.validation import FhirVersion
from btt_chain.records.keys import VaultId, VaultKeys
from btt_chain.records.shapes import items
from btt_chain.records.vault.index import Entry
from btt_chain.records.vault.store import create
from cli.commands.records_access import access
from cli.commands.records_consent import consent
from cli.commands.records_custodian import add_to, custodians
from cli.commands.records_guardian import guardian
from cli.commands.records_report import demands
from cli.common import show
from cli.common.errors import Mistyped, Refused
from cli.common.options import Group, output_option, yes_option
from cli.common.vaults import (
    as_refusals,
    folder_of,
    now_ms,
    open_vault,
    password_of,
    vault_options,
    write_private,
)
from cli.declared import program
from cli.parameters import Input

VERSION: Final = click.Choice(("R5", "R4B"))
KIND: Final = click.Choice(("record", "consent", "access", "received"))


records = Group(
    "records",
    help="""Keep health records encrypted, and decide who reads them.

    Records never go to the chain. A vault is a folder on your machine; a custodian, such as your
    hospital, answers the readers that your consents name, and anchors salted hashes.
    """,
)
records.add_command(consent)
records.add_command(guardian)
for _part in (access, demands, custodians):
    for _command in _part.commands.values():
        records.add_command(_command)


@program(
    records, "btt-chain records init",
    "btt-chain records init --vault clinic --vault-password-interactive", options=(vault_options,),
)  # fmt: skip
def init(as_json: bool, **options: object) -> None:
    """Make a vault, and print its public id.

    Without a password the key lies beside the vault: the folder then has to stay private.
    """
    folder, word = folder_of(options), password_of(options)
    keys = VaultKeys.generate()
    with as_refusals():
        create(folder, keys, None if word is None else Password(word))
    facts = {"vault": str(keys.id), "folder": str(folder)}
    if as_json:
        show.document(facts)
        return
    show.record(facts)
    if word is None:
        show.note("without a password: any program that can read the folder can read the records")


@program(records, "btt-chain records id", options=(vault_options,))
def id_(**options: object) -> None:
    """Print the vault's public id: others grant, wrap and send to it."""
    with open_vault(options) as vault:
        click.echo(str(vault.id))


@program(
    records, "btt-chain records import bundle.json",
    "btt-chain records import visit.json --fhir R4B --patient btt-vault:...",
    options=(vault_options,),
)  # fmt: skip
def import_(
    as_json: bool,
    file: Path,
    fhir: Annotated[str | None, Input(help="Accept this version only.", type=VERSION)],
    patient: Annotated[str | None, Input("VAULT", "The patient, if the vault is a custodian's.")],
    **options: object,
) -> None:
    """Validate and store the resources of a FHIR Bundle, or one resource: all, or none.

    A resource that the vault has with another content becomes its next version.
    """
    with open_vault(options) as vault:
        subject = None if patient is None else VaultId.parse(patient)
        if subject is not None:
            add_to(vault, PATIENTS, subject)
        done = library.import_document(
            vault, read_document(file), now_ms(),
            version=None if fhir is None else FhirVersion(fhir), subject=subject,
        )  # fmt: skip
    if as_json:
        added = [_facts(entry) for entry in done.added]
        show.document({"added": added, "unchanged": done.unchanged, "notes": done.notes})
        return
    for note in done.notes:
        show.note(f"note: {note}")
    show.good(f"{len(done.added)} stored, {done.unchanged} unchanged")


@program(
    records, "btt-chain records list", "btt-chain records list --kind consent --json",
    options=(vault_options,),
)  # fmt: skip
def list_(
    as_json: bool,
    kind: Annotated[str | None, Input(help="Entries of this kind only.", type=KIND)],
    **options: object,
) -> None:
    """List what the vault has."""
    with open_vault(options) as vault:
        entries = vault.entries(kind)
    if as_json:
        show.document([_facts(each) for each in entries])
        return
    if not entries:
        show.note("the vault has none; `btt-chain records import` stores some")
        return
    show.table(
        ["id", "kind", ">version", "fhir", "title", ">anchors"],
        [
            [each.id[:8], each.kind, str(each.version), each.fhir, each.title,
             str(len(each.anchors))]
            for each in entries
        ],
    )  # fmt: skip


@program(records, "btt-chain records show 3fa0c1d2", options=(vault_options,))
def show_(entry: str, **options: object) -> None:
    """Print the content of an entry as JSON, in clear."""
    with open_vault(options) as vault:
        click.echo(vault.read(vault.entry(entry)).data.decode())


@program(
    records, "btt-chain records erase 3fa0c1d2", "btt-chain records erase o1 o2 --yes",
    options=(yes_option, vault_options),
)  # fmt: skip
def erase(
    as_json: bool, names: Annotated[list[str], Input("ENTRY...")], yes: bool, **options: object
) -> None:
    """Erase entries with all their versions: contents, keys and salts, in backups, too.

    What was anchored is meaningless afterwards. docs/records.md lists disks that keep old blocks.
    """
    with open_vault(options) as vault:
        entries = [vault.entry(name) for name in names]
        if not yes:
            if as_json:
                raise Mistyped("add --yes to erase")
            titles = ", ".join(each.title for each in entries)
            click.confirm(f"Erase {titles} for ever?", abort=True, err=True)
        pending: list[str] = []
        for each in entries:
            pending = vault.erase(each, now_ms())
    facts = {"erased": [entry.id for entry in entries], "pending": pending}
    show.outcome(facts, f"{len(entries)} erased", as_json=as_json)
    if pending:
        raise Refused(
            f"not erased in the backups {', '.join(pending)}, which are not there: "
            "`btt-chain records backup` completes it"
        )


@program(records, "btt-chain records backup /mnt/stick/vault", options=(vault_options,))
def backup(target: str, **options: object) -> None:
    """Copy the vault, encrypted, to a folder, which later erasures reach."""
    with open_vault(options) as vault:
        pending = vault.back_up(Path(target))
    show.good(f"copied to {target}")
    if pending:
        raise Refused(f"erasures still wait for {', '.join(pending)}")


@program(
    records, "btt-chain records export -o all.json", "btt-chain records export --fhir R4B",
    options=(
        output_option("The file to write. [default: standard output]"), vault_options,
    ),
)  # fmt: skip
def export(
    output: Path | None,
    fhir: Annotated[
        str,
        Input(
            help="The version of FHIR; resources that are not valid in it are left out.",
            default="R5",
            type=VERSION,
        ),
    ],
    with_salts: Annotated[bool, Input(help="With the salts, which prove the anchors.")],
    **options: object,
) -> None:
    """Write all as one FHIR Bundle in clear: records, Consents, AuditEvents, Provenances."""
    with open_vault(options) as vault:
        done = library.export(vault, FhirVersion(fhir), with_salts=with_salts)
    raw = canonical(done.bundle) + b"\n"
    if output is None:
        click.echo(raw.decode(), nl=False)
    else:
        write_private(output, raw)
        show.good(f"{len(items(done.bundle['entry']))} resources in {output}")
    if done.left_out:
        show.note(f"not valid in {fhir}, left out: {', '.join(done.left_out)}")


def _facts(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id, "kind": entry.kind, "version": entry.version, "type": entry.type,
        "fhir": entry.fhir, "resource": entry.logical, "title": entry.title,
        "addedMs": entry.added_ms, "leaf": entry.leaf, "patient": entry.subject,
        "anchors": len(entry.anchors), "revoked": entry.revoked, "url": entry.url,
    }  # fmt: skip
