"""Shared by the commands of points that open the folder of a facility or an auditor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from btt_chain.care.evidence import NO_MEMBER
from btt_chain.care.facility import FacilityFolder
from btt_chain.client.accounts import FILE_NAME
from btt_chain.client.views import ViewClient
from btt_chain.node.service.paths import default_base_path
from btt_chain.primitives.account import AccountId
from cli.common.care import account_id, words
from cli.common.errors import Mistyped, NotFound
from cli.common.options import Command, read_text
from runtime.pallets.facilities.api import FacilitiesApi
from runtime.pallets.facilities.types import Kind

MIN_SECRET: Final = 12


def care_folder_option(command: Command) -> Command:
    """Add `--base-path`: the folder of vouchers and evidence."""
    return click.option(
        "--base-path",
        envvar="BTT_CARE",
        show_envvar=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="Where vouchers and evidence are kept. [default: ~/.local/share/btt-chain]",
    )(command)


def secret_option(command: Command) -> Command:
    """Add `--secret`: the text that encrypts a facility's or an auditor's folder."""
    return click.option(
        "--secret",
        envvar="BTT_CARE_SECRET",
        show_envvar=True,
        required=True,
        metavar="SECRET",
        help="The secret that encrypts the folder; better a file that holds it, or -.",
    )(command)


month_option = click.option("--month", type=click.IntRange(0, 1 << 31), help="Number of the month.")


FOLDER: Final = (secret_option, care_folder_option)
"""Options of a facility's folder."""


def folder_secret(given: str) -> bytes:
    """Return the bytes of a folder's secret. UsageError if it is short.

    NotFound for the name of a missing file: the name itself would become the secret.
    """
    text = read_text(given)
    if text == given and is_file_name(text):
        raise NotFound(f"--secret: {text}: there is no such file")
    if len(text) < MIN_SECRET:
        raise click.UsageError(f"--secret has at least {MIN_SECRET} characters")
    return text.encode()


def is_file_name(text: str) -> bool:
    """Return True if a text resembles the name of a file; random text in base64 does not."""
    folders, _, name = text.rpartition("/")
    if re.fullmatch(FILE_NAME, name) or text.startswith(("./", "../")):
        return True
    first = folders[1:].partition("/")[0] if text.startswith("/") and len(text) < 256 else ""
    return bool(first) and Path("/", first).is_dir()


def care_folder(base: Path | None, role: str, genesis: bytes, owner: bytes) -> Path:
    """Return the folder of a role and an account on a chain."""
    return (
        (base or default_base_path()) / "care" / genesis.hex()[:16] / f"{role}-{owner.hex()[:16]}"
    )


@contextmanager
def facility_folder(
    base: Path | None, secret: str, genesis: bytes, owner: bytes
) -> Iterator[FacilityFolder]:
    """Open a facility's folder; errors become those of commands."""
    place = care_folder(base, "facility", genesis, owner)
    with words(), FacilityFolder.open(place, folder_secret(secret), genesis, owner) as folder:
        yield folder


async def member_of(chain: ViewClient, owner: AccountId, member: str | None) -> bytes:
    """Return the facility behind an issuer. Mistyped if one is missing, or not to be given."""
    found = await chain.api(FacilitiesApi.facility, owner)
    is_issuer = found is not None and found.facility.kind is Kind.Issuer
    if is_issuer != (member is not None):
        raise Mistyped(
            "an issuer names the member that confirmed it: --for"
            if is_issuer
            else "--for is for issuers"
        )
    if member is None:
        return NO_MEMBER
    return bytes(account_id(member, chain.chain.metadata.prefix))
