"""`btt-chain records guardian`: shares of a vault's key, of which any two holders restore it."""

from __future__ import annotations

from pathlib import Path

import click

from btt_chain.primitives.files import make_private_folder
from btt_chain.records.canonical import canonical
from btt_chain.records.documents import read_document
from btt_chain.records.guardians import Share, open_first
from btt_chain.records.guardians import restore as restore_keys
from btt_chain.records.guardians import split as split_seed
from btt_chain.records.keys import VaultId
from btt_chain.records.vault.store import replace_key
from cli.common import show
from cli.common.errors import Refused
from cli.common.options import Group, output_option
from cli.common.vaults import open_vault, vault_options, write_private
from cli.declared import program

guardian = Group(
    "guardian", help="Split the key of a vault among three vaults; any two of them restore it."
)
holders_option = click.option(
    "--holder", "holders", multiple=True, required=True, metavar="VAULT",
    help="A vault that gets shares; give it three times.",
)  # fmt: skip
shares_option = output_option("A folder for the three shares.", is_required=True, is_folder=True)
file_option = output_option("The file to write.", is_required=True)
copy_option = click.option(
    "--copy", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A backup of the vault; its key is replaced there, without a password.",
)  # fmt: skip


@program(
    guardian,
    "btt-chain records guardian split --holder btt-vault:... --holder btt-vault:... \\",
    "  --holder btt-vault:... -o shares", options=(holders_option, shares_option, vault_options),
)  # fmt: skip
def split(holders: tuple[str, ...], output: Path, **options: object) -> None:
    """Write three shares, one for each pair of the three holders.

    Each names the two vaults that open it, in order. A share opens for no other vault.
    """
    with open_vault(options) as vault:
        shares = split_seed(vault.keys, tuple(VaultId.parse(each) for each in holders))
    make_private_folder(output)
    for number, share in enumerate(shares, 1):
        write_private(output / f"share-{number}.json", canonical(share.document()) + b"\n")
    show.good(f"three shares are in {output}")


@program(
    guardian, "btt-chain records guardian open share-1.json -o for-the-other.json",
    options=(file_option, vault_options),
)  # fmt: skip
def open_(file: Path, output: Path, **options: object) -> None:
    """Open a share as its first holder, for its second one."""
    with open_vault(options) as vault:
        share = open_first(Share.from_document(read_document(file)), vault.keys)
    write_private(output, canonical(share.document()) + b"\n")
    show.good(f"{output} is for {share.second}")


@program(
    guardian, "btt-chain records guardian restore for-the-other.json --copy backup",
    options=(copy_option, vault_options),
)  # fmt: skip
def restore(file: Path, copy: Path, **options: object) -> None:
    """Restore the key as the second holder, into a backup of the vault."""
    with open_vault(options) as vault:
        keys = restore_keys(Share.from_document(read_document(file)), vault.keys)
        try:
            replace_key(copy, keys)
        except FileNotFoundError:
            raise Refused(f"{copy} is not a backup of a vault") from None
    show.good(f"{copy} opens without a password now")
