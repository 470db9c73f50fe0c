"""Shared by commands for session keys: their keystore, its password, and signing records."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from btt_chain.keystore import KeystoreError, Password
from btt_chain.keystore.errors import RecordError, RecordInUse, RecordMissing
from btt_chain.keystore.record import SigningRecord, read, record_path, recorded_keys
from btt_chain.node.service.paths import Paths, default_base_path
from cli.common import show
from cli.common.errors import Refused
from cli.common.keystore_passwords import keystore_password
from cli.common.options import Command, add_options
from cli.common.wallets import Passwords
from genesis.presets import ChainType

PASSWORD_VARIABLE: Final = "BTT_KEYSTORE_PASSWORD"  # noqa: S105 - the name of a variable
KINDS: Final = {"babe": b"babe", "grandpa": b"gran"}
"""The session keys of an entry, and their types in the keystore."""


@dataclass(frozen=True, slots=True)
class Place:
    """A chain, with the paths of its keys."""

    paths: Paths
    genesis: bytes
    is_live: bool
    is_alone: bool
    """True for a development chain of this machine only."""


def place_of(dev: bool, chain: str | None, base_path: Path | None) -> Place:
    """Return the paths of the chain's keys and records."""
    # Imported here: the runtime takes half a second, and commands for a node need none.
    from cli.common.chain_data import block_zero

    spec, genesis = block_zero(dev, chain)
    return Place(
        Paths(base_path or default_base_path(), spec.id),
        genesis.hash,
        spec.is_live,
        spec.chain_type == ChainType.DEVELOPMENT,
    )


def keystore_password_options(command: Command) -> Command:
    """Add `--password` and its safer variants, for the files of the keystore."""
    return add_options(
        command,
        click.option(
            "--password", envvar=PASSWORD_VARIABLE, show_envvar=True,
            help="The keystore's password; as an argument, others on this machine can read it.",
        ),
        click.option(
            "--password-filename", type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A file that holds the keystore's password.",
        ),
        click.option(
            "--password-interactive", is_flag=True, help="Ask for the keystore's password."
        ),
    )  # fmt: skip


def keystore_password_of(options: dict[str, object]) -> Password | None:
    """Return the password of the `keystore_password_options`, which are removed from `options`."""
    typed = Passwords.of(options)
    return keystore_password(typed.given, typed.file, typed.interactive)


def last_signed(place: Place, public: bytes) -> str:
    """Return a key's last signed message, or the fault of its record, in words."""
    try:
        path = record_path(place.paths.signing, place.genesis, public)
        ledger = read(path, place.genesis, public)
    except RecordMissing:
        return "no signing record"
    except RecordError as error:
        return str(error)
    said = []
    if ledger.block is not None:
        said.append(f"slot {ledger.block.slot}")
    if ledger.round is not None:
        said.append(f"the {ledger.round.place}")
    if ledger.launch:
        said.append("nothing, made for the start of the chain")
    if ledger.closed_set is not None:
        said.append(f"no vote up to the end of set {ledger.closed_set}")
    if ledger.unsure:
        why = f": {ledger.reason}" if ledger.reason else ""
        said.append(f"waits for the watch{why}")
    return ", ".join(said) or "nothing"


@contextmanager
def plain_key_errors() -> Iterator[None]:
    """Turn the errors of keys and records into one line."""
    try:
        yield
    except (KeystoreError, RecordError) as error:
        raise Refused(str(error)) from error


def delete_records(place: Place) -> None:
    """Delete every signing record of a chain; Refused while a node signs with one."""
    folder = place.paths.signing / place.genesis.hex()
    for public in recorded_keys(place.paths.signing, place.genesis):
        try:
            SigningRecord.open(place.paths.signing, place.genesis, public).close()
        except RecordInUse as error:
            raise Refused(str(error)) from error
        except RecordError:
            continue  # damaged ones are deleted as well
    shutil.rmtree(folder)
    show.note(f"deleted {folder}")
