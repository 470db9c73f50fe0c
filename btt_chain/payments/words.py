"""Text for people: no character that is invisible, or that changes how the others are read.

A label or a description is written by the requester and shown to the payer. Two texts that look
alike must be alike, and a text must not look like another part of the wallet's window.
"""

from __future__ import annotations

import re
from typing import Final

from btt_chain.payments.errors import PaymentError

_RANGES: Final = (
    "\x00-\x1f\x7f-\x9f"  # controls
    "\u00ad\u034f\u061c"  # soft hyphen, grapheme joiner, Arabic letter mark
    "\u115f\u1160\u3164\uffa0"  # Hangul fillers: letters without a glyph
    "\u17b4\u17b5\u180b-\u180f"  # vowels and separators without a glyph
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero width, line separators, direction
    "\u2800"  # the Braille pattern without dots
    "\ud800-\udfff\ue000-\uf8ff"  # surrogates, private use: each font shows its own
    "\ufe00-\ufe0f\ufeff\ufff0-\uffff"  # variation selectors, byte order mark, specials
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # format controls of shorthand and music
    "\U000e0000-\U000e0fff"  # tags and further variation selectors
    "\U000f0000-\U0010ffff"  # private use
)
_HIDDEN: Final = re.compile(f"[{_RANGES}]")
"""Controls, and characters that are invisible or change the direction of text.

Source: Unicode 15, Default_Ignorable_Code_Point, Bidi_Control, and general category C.
"""


def ensure_visible(text: str, what: str) -> str:
    """Return the text; raise PaymentError, which names `what`, if a character is hidden."""
    found = _HIDDEN.search(text)
    if found is not None:
        raise PaymentError(f"{what} has a hidden character, U+{ord(found[0]):04X}")
    return text


def made_visible(text: str) -> str:
    """Return the text with U+FFFD in the place of each hidden character."""
    return _HIDDEN.sub("\ufffd", text)
