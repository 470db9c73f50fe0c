"""Refusal of file names as secret URIs.

`subkey` reads `/home/me/key` as a soft derivation path below the public development phrase, whose
keys are public. So a mistyped file name would silently become a public key. `//home/me/key` is such
a name, too: a key below the public phrase is taken if it begins with a development name
(`//Alice/soft`), or if all its parts are hard (`//net//payer`), which is not a usual form of a file
name.
"""

from __future__ import annotations

import re
from typing import Final

import click

from btt_chain.client.accounts import FILE_NAME, is_path_like, path_like
from cli.common.errors import NotFound

PHRASE_LENGTHS: Final = (12, 15, 18, 21, 24)
FORMS: Final = "a file, a phrase of words, 0x and a seed, or a development key such as //Alice"

_HEX: Final = "[0-9a-fA-F]{32,}"
"""Pattern of a possible seed, which is not repeated in a message."""


def check_secret(text: str) -> None:
    """Raise NotFound or UsageError for a text that is or resembles a file name.

    `text` names no file that exists. Messages contain no phrase and no seed.
    """
    if text.startswith("//"):
        _check_development(text)
        return
    head, slash, _ = text.partition("/")
    if not slash:
        if re.fullmatch(FILE_NAME, text):
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


def _no_file(text: str) -> NotFound:
    if re.match(_HEX, text):
        return NotFound("the key names no file; a seed begins with 0x")
    return NotFound(f"{text}: there is no such file; a key is {FORMS}")


def _counts() -> str:
    *most, last = map(str, PHRASE_LENGTHS)
    return f"{', '.join(most)} or {last}"
