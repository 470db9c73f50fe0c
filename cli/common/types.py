"""Types of arguments that several commands take."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final, TypeVar

import click

Value = TypeVar("Value")


def kebab(name: str) -> str:
    """Convert `KnownGood` to `known-good`."""
    return "".join("-" + letter.lower() if letter.isupper() else letter for letter in name)[1:]


class Seconds(click.FloatRange):
    """A number of seconds in a range, by default above zero; `nan` and `inf` are none."""

    def __init__(self, least: float | None = None, most: float | None = None) -> None:
        super().__init__(min=least or 0, max=most, min_open=least is None)

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        try:
            float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds


class Category(click.ParamType[int]):
    """The category of a business: four digits of ISO 18245."""

    name = "CATEGORY"
    form = "Give four digits of ISO 18245, such as 5411 (groceries), 5814 (café) or 8062 (hospital)"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number."""
        text = str(value)
        if not (text.isascii() and text.isdecimal() and len(text) <= 4):
            self.fail(f"{text!r} is not a category. {self.form}", param, ctx)
        return int(text)

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """Return the accepted values."""
        return self.form


class Digest(click.ParamType[str]):
    """A hash of 32 bytes: `0x` and 64 hex digits, or the digits alone."""

    name = "HEX"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return it with `0x`."""
        digits = str(value).removeprefix("0x")
        if not re.fullmatch(r"[0-9a-fA-F]{64}", digits):
            self.fail(f"{value!r} is not a hash: write 0x and 64 hex digits", param, ctx)
        return f"0x{digits}"


class Form(click.ParamType[Value]):
    """Values that have one form of text."""

    def __init__(self, name: str, read: Callable[[str], Value | None], refusal: str) -> None:
        """`read` returns None for other texts, of which `refusal` says what they are not."""
        self.name = name
        self._read = read
        self._refusal = refusal

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Value:
        """Return the value of a text."""
        found = self._read(str(value))
        if found is None:
            self.fail(f"{value!r} is {self._refusal}", param, ctx)
        return found


def hash_bytes(text: str) -> bytes | None:
    """Return 32 bytes that are written in hex; None for other texts."""
    digits = text.removeprefix("0x")
    return bytes.fromhex(digits) if re.fullmatch("[0-9a-fA-F]{64}", digits) else None


RANDOMNESS: Final = Form("HEX", hash_bytes, "not 32 bytes as 64 hex digits")
