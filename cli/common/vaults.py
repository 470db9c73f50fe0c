"""Shared by `records`: the vault's folder and password, and errors of records.

Vaults and custodians are imported inside of functions: they take half a second and a second.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from btt_chain.node.service.paths import default_base_path
from btt_chain.records.errors import RecordsError, UnknownRecord
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import write
from cli.common.options import Command, password
from cli.common.session import run as run_client

if TYPE_CHECKING:
    from btt_chain.records.remote import RemoteCustodian
    from btt_chain.records.vault.store import Vault

Result = TypeVar("Result")
DEFAULT: Final = "~/.local/share/btt-chain/vault"


def vault_options(command: Command) -> Command:
    """Add `--vault` and the options of its password, which `open_vault` reads.

    They have names of their own: commands that send calls have a password of their key, too.
    """
    folder = click.option(
        "--vault",
        "folder",
        envvar="BTT_VAULT",
        show_envvar=True,
        type=click.Path(file_okay=False, path_type=Path),
        help=f"The folder of the vault. [default: {DEFAULT}]",
    )
    asked = click.option(
        "--vault-password-interactive", is_flag=True, help="Ask for the vault's password."
    )
    filed = click.option(
        "--vault-password-filename",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Read the vault's password from a file.",
    )
    return folder(asked(filed(command)))


def custodian_option(command: Command) -> Command:
    """Add `--custodian`: the URL of a custodian."""
    return click.option(
        "--custodian", required=True, metavar="URL", help="The custodian, as https://host:port."
    )(command)


def folder_of(options: dict[str, object]) -> Path:
    """Return the vault's folder, which is removed from `options`."""
    folder = options.pop("folder")
    return folder if isinstance(folder, Path) else default_base_path() / "vault"


def password_of(options: dict[str, object]) -> str | None:
    """Return the password, which is removed from `options`; None if there is none."""
    asked, file = (options.pop(f"vault_password_{name}") for name in ("interactive", "filename"))
    return password(None, asked is True, file if isinstance(file, Path) else None)


@contextmanager
def open_vault(options: dict[str, object]) -> Iterator[Vault]:
    """Open the vault of the `vault_options`."""
    from btt_chain.records.vault.store import Vault

    folder, word = folder_of(options), password_of(options)
    with as_refusals(), Vault.open(folder, word) as vault:
        yield vault


@contextmanager
def as_refusals() -> Iterator[None]:
    """Turn errors of records into those of commands."""
    try:
        yield
    except UnknownRecord as error:
        raise NotFound(str(error)) from None
    except RecordsError as error:
        raise Refused(str(error)) from None


@asynccontextmanager
async def open_custodian(url: str, vault: Vault) -> AsyncIterator[RemoteCustodian]:
    """Connect to a custodian."""
    from btt_chain.records.remote import RemoteCustodian

    if not url.startswith(("http://", "https://")):
        raise Mistyped(f"--custodian: {url!r} is not a URL: write https://host:port")
    async with RemoteCustodian.connect(url, vault.keys, now_ms) as custodian:
        yield custodian


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run the asynchronous part of a command of records."""
    with as_refusals():
        return run_client(work)


def now_ms() -> int:
    """Return the time of this machine, in milliseconds."""
    return time.time_ns() // 1_000_000


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files that only their owner can read into a folder, which is made. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_private(folder / name, content)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read; - is standard output. Raises OSError."""
    write(path, data, private=True)
