"""Refusal of file names as secret URIs.

`subkey` reads `/home/me/key` as a soft derivation path below the public development phrase, whose
keys are public. So a mistyped file name would silently become a public key.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from cli.errors import NotFound

PHRASE_LENGTHS: Final = (12, 15, 18, 21, 24)
FORMS: Final = "a file, a phrase of words, 0x and a seed, or a development key such as //Alice"

_HEX: Final = re.compile("[0-9a-fA-F]{32,}")
"""May be a seed: not repeated in a message."""
_FILE: Final = re.compile(r"~.*|[\w.-]+\.[A-Za-z]{1,5}")
"""A name without a folder; neither a phrase nor a seed has such characters."""


def check_secret(text: str) -> None:
    """Raise NotFound or UsageError for a text that is a file name, or as good as one.

    `text` names no file that exists. Messages repeat no phrase and no seed.
    """
    if text.startswith("//"):
        _check_development(text)
        return
    head, slash, _ = text.partition("/")
    if not slash:
        if _FILE.fullmatch(text):
            raise _no_file(text)
    elif not head:
        if text.count("/") == 1:
            raise click.UsageError(
                f"{text} alone derives from the public development phrase: write the phrase in "
                f"front of it, or /{text} for the development key"
            )
        raise _no_file(text)
    elif len(head.split()) > 1:
        words = len(head.split())
        if words not in PHRASE_LENGTHS:
            raise click.UsageError(
                f"there is no such file, and a phrase has {_counts()} words, not {words}"
            )
    elif not head.startswith("0x"):
        raise _no_file(text)


def _check_development(text: str) -> None:
    """Refuse a path with a doubled slash: `//home/me/key`."""
    path = Path(text)
    is_path = path.is_file() or (path.parent.is_dir() and len(path.parts) > 2)
    is_path = is_path or _FILE.fullmatch(path.name) is not None
    if is_path or (text.startswith("///") and "/" in text[3:]):
        raise click.UsageError(
            f"{text} looks like the path of a file with slashes too many; a development key is "
            "written like //Alice, a path like /home/me/key"
        )


def _no_file(text: str) -> NotFound:
    if _HEX.match(text):
        return NotFound("the key names no file; a seed begins with 0x")
    return NotFound(f"{text}: there is no such file; a key is {FORMS}")


def _counts() -> str:
    *most, last = map(str, PHRASE_LENGTHS)
    return f"{', '.join(most)} or {last}"
