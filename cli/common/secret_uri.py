"""Refusal of file names as secret URIs.

`subkey` reads `/home/me/key` as a soft derivation path below the public development phrase, whose
keys are public. So a mistyped file name would silently become a public key. `//home/me/key` is such
a name, too: a key below the public phrase is taken if it begins with a development name
(`//Alice/soft`), or if all its parts are hard (`//net//payer`), which is no usual form of a file
name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from cli.common.errors import NotFound

PHRASE_LENGTHS: Final = (12, 15, 18, 21, 24)
FORMS: Final = "a file, a phrase of words, 0x and a seed, or a development key such as //Alice"

OTHERS: Final = ("Validator", "Provider", "holder")
"""First parts of the paths of keys on development chains, besides the names of accounts."""

_HEX: Final = re.compile("[0-9a-fA-F]{32,}")
"""Pattern of a possible seed, which is not repeated in a message."""
_FILE: Final = re.compile(r"~.*|[\w.-]+\.[A-Za-z]{1,5}")
"""Pattern of a file name without a folder; neither a phrase nor a seed has such characters."""


def check_secret(text: str) -> None:
    """Raise NotFound or UsageError for a text that is or resembles a file name.

    `text` names no file that exists. Messages contain no phrase and no seed.
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
    if is_path_like(text):
        raise click.UsageError(path_like(text))


def is_path_like(text: str) -> bool:
    """Return True if a text that begins with // is a path rather than a development key."""
    from btt_chain.crypto.development import DEV_NAMES

    path = Path(text)
    if path.is_file() or (path.parent.is_dir() and len(path.parts) > 2):
        return True
    if _FILE.fullmatch(path.name) or (text.startswith("///") and "/" in text[3:]):
        return True
    first, *others = text.partition("///")[0].removeprefix("//").split("//")
    name, slash, _ = first.partition("/")
    has_soft = bool(slash) or any("/" in other for other in others)
    return has_soft and name not in (*DEV_NAMES, *OTHERS)


def path_like(text: str) -> str:
    """Return the error of such a text."""
    return (
        f"{text} looks like the path of a file with slashes too many: write a path like "
        "/home/me/key, a development key like //Alice, and before any other path of a key its "
        "phrase or seed"
    )


def _no_file(text: str) -> NotFound:
    if _HEX.match(text):
        return NotFound("the key names no file; a seed begins with 0x")
    return NotFound(f"{text}: there is no such file; a key is {FORMS}")


def _counts() -> str:
    *most, last = map(str, PHRASE_LENGTHS)
    return f"{', '.join(most)} or {last}"
