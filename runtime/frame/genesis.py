"""Genesis configuration: typed reading, with errors that name the place of a mistake.

A chain specification is edited by hand, so an error names the row and the field, and what was
expected there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128

DIGITS: Final = re.compile(r"[0-9]{1,40}")
"""A decimal number; 2^128 has 39 digits."""


HEX: Final = re.compile(r"[0-9A-Fa-f]*")

T = TypeVar("T")


class GenesisError(ValueError):
    """A part of the genesis configuration is missing or invalid; the message names it."""


class Section:
    """One node of the configuration, and its path."""

    def __init__(self, value: object, path: str) -> None:
        self._value = value
        self.path = path

    def wrong(self, expected: str) -> GenesisError:
        """Return an error that states the expected value of this node."""
        return GenesisError(f"{self.path}: expected {expected}, found {shown(self._value)}")

    def fields(
        self, *, required: Sequence[str] = (), optional: Sequence[str] = ()
    ) -> dict[str, Section]:
        """Return the members of an object. Raises GenesisError for missing and unknown ones."""
        if not isinstance(self._value, Mapping):
            raise self.wrong("an object")
        known = {*required, *optional}
        for name in self._value:
            if name not in known:
                raise GenesisError(
                    f"{self.path}.{name}: unknown field; known are {', '.join(sorted(known))}"
                )
        for name in required:
            if name not in self._value:
                raise GenesisError(f"{self.path}.{name}: missing")
        return {name: Section(value, f"{self.path}.{name}") for name, value in self._value.items()}

    def rows(self, length: int | None = None) -> list[Section]:
        """Return the elements of a list; its length must be `length` if that is given."""
        if not isinstance(self._value, Sequence) or isinstance(self._value, (str, bytes)):
            raise self.wrong("a list")
        if length is not None and len(self._value) != length:
            raise self.wrong(f"a list of {length}")
        return [Section(value, f"{self.path}[{place}]") for place, value in enumerate(self._value)]

    def __iter__(self) -> Iterator[Section]:
        return iter(self.rows())

    def text(self) -> str:
        """Return the string."""
        if not isinstance(self._value, str):
            raise self.wrong("a string")
        return self._value

    def flag(self) -> bool:
        """Return True if the value is true. Raises GenesisError unless it is true or false."""
        if not isinstance(self._value, bool):
            raise self.wrong("true or false")
        return self._value

    def integer(self, limit: int) -> int:
        """Return an integer from 0 to `limit`, written as a number or as decimal text."""
        value = self._value
        if isinstance(value, str) and DIGITS.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
            raise self.wrong(f"a whole number from 0 to {limit}")
        return value

    def u32(self) -> u32:
        """Return a 32-bit integer."""
        return u32(self.integer(u32.MAX))

    def u64(self) -> u64:
        """Return a 64-bit integer."""
        return u64(self.integer(u64.MAX))

    def planck(self) -> u128:
        """Return an amount in planck."""
        return u128(self.integer(u128.MAX))

    def account(self) -> AccountId:
        """Return the account of an SS58 address."""
        text = self.text()
        try:
            account, _ = ss58.decode(text)
        except ss58.Ss58Error as error:
            raise GenesisError(f"{self.path}: {error}") from None
        if len(account) != AccountId.SIZE:
            raise self.wrong("the address of a 32-byte account")
        return AccountId(account)

    def hex_bytes(self, size: int) -> bytes:
        """Return `size` bytes, written as 0x and hexadecimal digits."""
        text = self.text()
        digits = text.removeprefix("0x")
        if digits == text or not HEX.fullmatch(digits) or len(digits) != 2 * size:
            raise self.wrong(f"0x and {2 * size} hexadecimal digits")
        return bytes.fromhex(digits)

    def raw_bytes(self, most: int) -> bytes:
        """Return at most `most` bytes, written as 0x and hexadecimal digits."""
        digits = self.text().removeprefix("0x")
        if digits == self.text() or not HEX.fullmatch(digits) or not 0 < len(digits) <= 2 * most:
            raise self.wrong(f"0x and at most {2 * most} hexadecimal digits")
        if len(digits) % 2:
            raise self.wrong("an even number of hexadecimal digits")
        return bytes.fromhex(digits)

    def one_of(self, options: Mapping[str, T]) -> T:
        """Return the option that the text names."""
        text = self.text()
        if text not in options:
            raise self.wrong(" or ".join(f'"{name}"' for name in options))
        return options[text]

    def present(self) -> bool:
        """Return True if the value is not null."""
        return self._value is not None


def shown(value: object) -> str:
    """Return `value` shortened for one line of an error."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
