"""Texts for people: every invisible character of Unicode is refused, and ordinary text is not."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from btt_chain.client.merchants import shown_name
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.words import ensure_visible

PREPENDED = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD,
             0x110CD}  # fmt: skip
"""Format characters that have a glyph: signs of Arabic, Syriac and Kaithi before numbers."""


def is_refused(code: int) -> bool:
    try:
        ensure_visible(f"a{chr(code)}b", "label")
    except PaymentError:
        return True
    return False


def test_controls_formats_surrogates_and_private_use_are_refused() -> None:
    shown = [
        f"{code:04X}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        and code not in PREPENDED
        and not 0x13430 <= code < 0x13460  # Egyptian quadrats
        and not is_refused(code)
    ]
    assert shown == []


@pytest.mark.parametrize("code", [0x34F, 0x115F, 0x1160, 0x17B4, 0x180B, 0x2065, 0x2800, 0x3164,
                                  0xFE00, 0xFE0F, 0xFFA0, 0xFFFC, 0xE0001, 0xE0100])  # fmt: skip
def test_letters_and_marks_without_a_glyph_are_refused_and_named(code: int) -> None:
    with pytest.raises(PaymentError, match=rf"^label has a hidden character, U\+{code:04X}$"):
        ensure_visible(chr(code), "label")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "二号窗口: 诊疗费",
        "Apothèke № 3 – 50 %",
        "عيادة",
        "ร้านยา",
        "अ",
        "☕ 2 × 3,50 €",
        "日 本",
    ],
)
def test_ordinary_text_passes(text: str) -> None:
    assert ensure_visible(text, "label") == text


@pytest.mark.parametrize("hidden", ["\u202e", "\u3164", "\u115f", "\u2800", "\x1b", "\U000e0041"])
def test_a_hidden_character_of_a_name_on_the_chain_is_shown(hidden: str) -> None:
    raw = "0x" + f"Corner{hidden}Cafe".encode().hex()
    assert shown_name({"Raw14": raw}) == "Corner\ufffdCafe"
