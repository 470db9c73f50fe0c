"""Names of accounts: letters, digits, - and _, so that none is a path, an address or a secret."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from btt_chain.primitives import ss58
from btt_chain.wallet.errors import BadName

MAX_LENGTH: Final = 40
"""Maximum characters of a name."""

ACCOUNT: Final = 32
"""Bytes of an account."""

RESERVED: Final = frozenset({"none", "null", "true", "false", "best", "final", "finalized"})
"""Words with another meaning where an account is typed."""

RULES: Final = (
    f"a name has 1 to {MAX_LENGTH} letters, digits, - and _, and begins with a letter or a digit"
)

_LONG_HEX: Final = re.compile("(0x)?[0-9a-fA-F]{32,}")


def is_name_like(text: str) -> bool:
    """Return True if a text has the form of a name."""
    return (
        0 < len(text) <= MAX_LENGTH
        and text[0].isalnum()
        and all(each.isalnum() or each in "-_" for each in text)
    )


def check_name(text: str) -> None:
    """Raise BadName unless `text` can be the name of an account."""
    if not text:
        raise BadName(f"the name is empty: {RULES}")
    if _is_address(text):
        raise BadName("an address cannot be a name: it would be taken for the account itself")
    if _LONG_HEX.fullmatch(text) or text.startswith("0x") or "//" in text:
        raise BadName("a name that looks like a key or a seed is refused: choose a word")
    if not is_name_like(text):
        raise BadName(f"this cannot be a name: {RULES}")
    if unicodedata.normalize("NFKC", text) != text or len(_scripts(text)) > 1:
        raise BadName(
            "the name mixes alphabets or has letters that look like others: use one alphabet"
        )
    if text.isdecimal():
        raise BadName("a name of digits alone could be taken for a number: add a letter")
    if text.casefold() in RESERVED:
        raise BadName(f"{text!r} has another meaning in commands: choose another name")


def same_name(text: str, known: Iterable[str]) -> str | None:
    """Return the known name that differs from `text` in case at most; None without one."""
    folded = text.casefold()
    return next((name for name in known if name.casefold() == folded), None)


def _is_address(text: str) -> bool:
    """Return True if a text is the address of an account; a short index may be any word."""
    try:
        return len(ss58.decode(text)[0]) >= ACCOUNT
    except ss58.Ss58Error:
        return False


def _scripts(text: str) -> set[str]:
    """Return the alphabets of the letters, by the first word of their Unicode names.

    Chinese, Japanese and Korean mix theirs; a mixture with Latin letters is common there, too.
    """
    found = {unicodedata.name(each, "?").partition(" ")[0] for each in text if each.isalpha()}
    eastern = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "KATAKANA-HIRAGANA"}
    return found - eastern - {"LATIN"} if found & eastern else found
