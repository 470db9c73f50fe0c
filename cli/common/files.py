"""Files that commands read and write."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from btt_chain.primitives.digest import H256

FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


def write_json(document: object, output: str) -> None:
    """Write a document whole or not at all; - is standard output."""
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if output == "-":
        click.echo(text, nl=False)
        return
    path = Path(output)
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(text)
    os.replace(aside, path)  # noqa: PTH105 - the same as Path.replace, and named in the docs


def hash_of(file: Path) -> H256:
    """Return the SHA-256 of a file of any size."""
    from btt_chain.primitives.digest import H256

    with file.open("rb") as opened:
        return H256(hashlib.file_digest(opened, "sha256").digest())
