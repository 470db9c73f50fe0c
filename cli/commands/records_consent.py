"""`btt-chain records consent`: grants of reading, and their revocation.

aiohttp takes half a second to import: credentials, which need it, are imported where they are used.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import click

from btt_chain.client.views import ViewClient
from btt_chain.primitives.digits import to_hex
from btt_chain.records import library
from btt_chain.records.canonical import canonical
from btt_chain.records.chain import NodeRecords
from btt_chain.records.grants import Grant, instant
from btt_chain.records.keys import VaultId
from btt_chain.records.scopes import parse_scopes
from btt_chain.records.signed_grants import SignedGrant
from cli.common import show
from cli.common.calls import report
from cli.common.errors import Refused
from cli.common.files import FILE
from cli.common.options import Group, connection_options, examples, json_option, output_option
from cli.common.sending import Sender
from cli.common.session import open_chain
from cli.common.vaults import now_ms, open_vault, run, vault_options, write_private
from cli.declared import program
from cli.parameters import Input

consent = Group("consent", help="Grant reading, and revoke it.")


@examples(
    'btt-chain records consent grant --to btt-vault:... --scope "patient/Observation.rs" \\',
    "  --purpose TREAT --until 180d -o consent.json",
)
@consent.command("grant")
@click.option("--to", "grantee", required=True, metavar="VAULT", help="The reader's vault.")
@click.option(
    "--scope", "scopes", required=True, multiple=True,
    help='A scope of SMART v2, as "patient/Observation.rs?category=laboratory".',
)  # fmt: skip
@click.option("--purpose", "purposes", required=True, multiple=True, help="TREAT, HRESCH, ...")
@click.option(
    "--until", required=True, metavar="DATE",
    help="The last day, or a number of days as 180d; five years at most.",
)  # fmt: skip
@click.option("--at", "custodian", metavar="VAULT", help="The only custodian that may answer.")
@output_option("The file to write.", is_required=True)
@vault_options
@json_option
def grant(
    grantee: str, scopes: tuple[str, ...], purposes: tuple[str, ...], until: str,
    custodian: str | None, output: Path, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Sign a consent, and write the file for the reader.

    The secret that revokes it stays in the vault.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    with open_vault(options) as vault:
        wanted = Grant(
            str(uuid.uuid4()), vault.id, VaultId.parse(grantee),
            None if custodian is None else VaultId.parse(custodian), parse_scopes(scopes),
            purposes, now, _end(until, now),
        )  # fmt: skip
        entry, signed = library.add_grant(vault, wanted, now_ms(), _title(wanted))
        write_private(output, canonical(signed.document()) + b"\n")
    show.outcome(
        {"id": entry.id, "handle": to_hex(signed.handle), "file": str(output)},
        f"consent {entry.id[:8]} is in {output}", as_json=as_json,
    )  # fmt: skip


@program(consent, "btt-chain records consent list", options=(vault_options,))
def list_(as_json: bool, **options: object) -> None:
    """List the consents of the vault."""
    with open_vault(options) as vault:
        rows = [
            (each, library.read_grant(vault, each)[0]) for each in vault.entries(library.CONSENT)
        ]
    if as_json:
        show.document(
            [
                {"id": entry.id, "handle": to_hex(signed.handle), "title": entry.title,
                 "revoked": entry.revoked}
                for entry, signed in rows
            ]
        )  # fmt: skip
        return
    if not rows:
        show.note("there is none; `btt-chain records consent grant` signs one")
        return
    show.table(
        ["id", "consent", "state"],
        [[each.id[:8], each.title, "revoked" if each.revoked else ""] for each, _ in rows],
    )


@program(
    consent, "btt-chain records consent revoke 3fa0c1d2 --from //Alice", options=(vault_options,)
)
async def revoke(
    chain: ViewClient, sender: Sender, name: Annotated[str, Input("CONSENT")], **options: object
) -> None:
    """Publish the secret of a consent, from any account: every custodian then refuses it.

    Nothing on the chain says whose consent it was. Use an account that is not known as yours.
    """
    with open_vault(options) as vault:
        entry = vault.entry(name, library.CONSENT)
        _, secret = library.read_grant(vault, entry)
        if secret is None:
            raise Refused("only the vault of the patient can revoke this consent")
        sent = await sender.send(chain, "HealthRecords", "revoke", secret=secret)
        report(sent, sender.as_json, f"the consent is revoked, in block {to_hex(sent.block)}")
        vault.update([replace(entry, revoked=True)])


@examples(
    "btt-chain records consent issue 3fa0c1d2 -o consent.jwt",
    "btt-chain records consent issue 3fa0c1d2 --as visa -o visa.jwt",
)
@consent.command("issue")
@click.argument("name", metavar="CONSENT")
@click.option(
    "--as", "form", type=click.Choice(["credential", "visa"]), default="credential",
    show_default=True, help="A verifiable credential of W3C, or a visa of GA4GH.",
)  # fmt: skip
@output_option("The file to write.", is_required=True)
@vault_options
def issue(name: str, form: str, output: Path, **options: object) -> None:
    """Write a consent as a signed JWT, for software that reads those.

    The consent must be anchored (`btt-chain records verify`): the token names its place.
    """
    from btt_chain.records.credentials import credential_of, visa_of

    with open_vault(options) as vault:
        entry = vault.entry(name, library.CONSENT)
        if not entry.anchors:
            raise Refused("the consent is not anchored yet: `btt-chain records verify` looks")
        signed, _ = library.read_grant(vault, entry)
        make = credential_of if form == "credential" else visa_of
        write_private(output, make(signed, entry.anchors[-1], vault.keys).encode() + b"\n")
    show.good(f"the {form} is in {output}")


@examples("btt-chain records consent check consent.jwt")
@consent.command("check")
@click.argument("file", type=FILE)
@output_option("Write the consent in it to this file.")
@connection_options
def check(file: Path, output: Path | None, url: str, timeout: float) -> None:
    """Check a credential or a visa: signature, anchor on the chain, revocation.

    With --output the consent in it is written for `btt-chain records open`.
    """
    from btt_chain.records.credentials import MAX_LENGTH, read_credential

    with file.open("rb") as opened:
        token = opened.read(MAX_LENGTH + 1).decode("ascii", "replace")

    async def work() -> SignedGrant:
        async with open_chain(url, timeout) as chain:
            return await read_credential(token, NodeRecords(chain))

    signed = run(work())
    if output is not None:
        write_private(output, canonical(signed.document()) + b"\n")
    show.good(f"valid: {_title(signed.grant())}")


def _end(text: str, now: datetime) -> datetime:
    """Return the end of a consent that was typed as a date or a number of days."""
    days = text.removesuffix("d")
    if text.endswith("d") and days.isdecimal() and len(days) <= 4:
        return now + timedelta(days=int(days))
    return instant(text)


def _title(grant: Grant) -> str:
    scopes = " ".join(map(str, grant.scopes))
    return f"{scopes} for {', '.join(grant.purposes)} until {grant.until:%Y-%m-%d}"
