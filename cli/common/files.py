"""Files that commands read and write."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import click

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
