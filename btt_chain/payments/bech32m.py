"""bech32m: bytes as text with a checksum that finds every single wrong character.

The limit of 90 characters is lifted, as in BOLT 11: invoices are longer. Up to 1,023 characters the
code detects any three errors; beyond, all but one in 10^9 random changes. Source: BIP 173, BIP 350.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from btt_chain.payments.errors import PaymentError

CHARACTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
CHECKSUM_LENGTH: Final = 6
MAX_LENGTH: Final = 8_192
"""Maximum number of characters that are decoded."""

_VALUE: Final = {character: value for value, character in enumerate(CHARACTERS)}
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32M: Final = 0x2BC830A3


def encode(prefix: str, data: bytes) -> str:
    """Return `prefix`, the separator 1, the data and the checksum, in lower case."""
    values = _regroup(data, 8, 5, pad=True)
    check = _polymod([*_expanded(prefix), *values, *[0] * CHECKSUM_LENGTH]) ^ _BECH32M
    values += [check >> 5 * (CHECKSUM_LENGTH - 1 - at) & 31 for at in range(CHECKSUM_LENGTH)]
    return f"{prefix}1" + "".join(CHARACTERS[value] for value in values)


def decode(prefix: str, text: str) -> bytes:
    """Return the data of a text that begins with `prefix`, all in one case (QR codes use upper).

    Raises PaymentError for another prefix, a foreign character, mixed case or a wrong checksum.
    """
    if len(text) > MAX_LENGTH:
        raise PaymentError(f"{len(text)} characters, at most {MAX_LENGTH}")
    if not text.isascii():
        raise PaymentError("it has characters other than ASCII")
    if text not in (text.lower(), text.upper()):
        raise PaymentError("upper and lower case are mixed: the text was altered")
    text = text.lower()
    if not text.startswith(f"{prefix}1"):
        raise PaymentError(f"does not begin with {prefix}1")
    body = text[len(prefix) + 1 :]
    values = []
    for at, character in enumerate(body, len(prefix) + 2):
        value = _VALUE.get(character)
        if value is None:
            raise PaymentError(f"character {at}, {character!r}, does not occur in such texts")
        values.append(value)
    if len(values) < CHECKSUM_LENGTH or _polymod([*_expanded(prefix), *values]) != _BECH32M:
        raise PaymentError("the checksum is wrong: a character was altered or lost")
    return bytes(_regroup(values[:-CHECKSUM_LENGTH], 5, 8, pad=False))


def _polymod(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate(_GENERATOR):
            if top >> bit & 1:
                check ^= term
    return check


def _expanded(prefix: str) -> list[int]:
    raw = prefix.encode()
    return [*(byte >> 5 for byte in raw), 0, *(byte & 31 for byte in raw)]


def _regroup(values: Iterable[int], width: int, new_width: int, *, pad: bool) -> list[int]:
    """Return the bits of `values` in groups of another width; PaymentError if padding is wrong."""
    regrouped, held, bits = [], 0, 0
    for value in values:
        held = held << width | value
        bits += width
        while bits >= new_width:
            bits -= new_width
            regrouped.append(held >> bits & (1 << new_width) - 1)
        held &= (1 << bits) - 1
    if pad and bits:
        regrouped.append(held << new_width - bits)
    elif not pad and (bits >= width or held):
        raise PaymentError("the last group of bits is not zero: not a canonical text")
    return regrouped
