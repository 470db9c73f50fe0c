"""Paths through the trie, as hexadecimal text.

A nibble is one character of `0123456789abcdef`, so that `key.hex()` is the path of a key, a step is
one character, and the order of texts is the order of keys. It is the fastest way to cut and compare
nibbles in Python.
"""

from typing import Final

DIGITS: Final = "0123456789abcdef"
SLOT: Final = {digit: slot for slot, digit in enumerate(DIGITS)}
"""Child index of a digit."""

MAX_NIBBLES: Final = 0xFFFF
"""Maximum length of a node's partial key (Substrate stores it in a u16)."""


def pack(path: str) -> bytes:
    """Pack two nibbles to a byte; an odd count gets a leading zero (Polkadot spec 2.4.1)."""
    return bytes.fromhex("0" + path if len(path) & 1 else path)
