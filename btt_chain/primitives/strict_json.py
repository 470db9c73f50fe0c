"""JSON from users and files, read in one way everywhere.

Programs differ in what they make of JSON that RFC 8259 leaves open, so it is refused: a name twice
in an object, NaN and Infinity, numbers beyond a double, texts that are not Unicode. So is what
costs too much: more than `MAX_DEPTH` brackets open at once, and numbers of more than `MAX_DIGITS`
digits.
A byte order mark in front, as Windows editors write it, is dropped.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

MAX_DEPTH: Final = 128
MAX_DIGITS: Final = 1_000
"""Maximum number of digits of a number: amounts have 39 at most."""

_TOO_DEEP: Final = f"it is nested deeper than {MAX_DEPTH} levels"
_OTHER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
# Possessive: a string without an end is found once, not once for each of its characters.
_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
_SURROGATE: Final = r"[\ud800-\udfff]"
"""Compiled at its first use: every command imports this module, few read JSON."""
_PERHAPS: Final = rf"\\u[dD]|{_SURROGATE}"
"""Pattern of a document that may have half of a surrogate pair."""


JsonValue: TypeAlias = Any
"""A value as `json` reads it."""


class BadJson(ValueError):
    """A document is not valid; the text says why, as the end of "FILE is not JSON: ..."."""


class NotJson(BadJson):
    """A text does not have the form of JSON."""


def decode_text(raw: bytes) -> str:
    """Return UTF-8 text, without a byte order mark. Raises BadJson."""
    if raw.startswith(_OTHER_MARKS):
        raise BadJson("it is UTF-16 text: store it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadJson(f"byte {error.start} is not UTF-8 text") from None


def read_json(
    raw: str | bytes,
    *,
    integer: Callable[[str], object] = int,
    decimal: Callable[[str], object] = float,
    halves: bool = False,
) -> JsonValue:
    """Return the value of a document; `integer` and `decimal` read its numbers. Raises BadJson.

    With `halves` its texts may have half of a surrogate pair, as JavaScript writes them.
    """
    text = decode_text(raw) if isinstance(raw, bytes) else raw.removeprefix("\ufeff")
    _check_depth(text)
    try:
        found: JsonValue = json.loads(
            text,
            parse_int=lambda digits: integer(_checked(digits)),
            parse_float=lambda digits: _finite(decimal(_checked(digits))),
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    if not halves and re.search(_PERHAPS, text) and any(map(_has_half, texts_of(found))):
        raise BadJson("a text has half of a surrogate pair")
    return found


def read_object(raw: str | bytes) -> dict[str, JsonValue]:
    """Return the object of a document. Raises BadJson, also for another value."""
    found = read_json(raw)
    if not isinstance(found, dict):
        raise BadJson("an object was expected")
    return found


def texts_of(document: object) -> Iterator[str]:
    """Yield all texts of a document, and the names of its fields."""
    ahead = [document]
    while ahead:
        value = ahead.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            ahead += [*value, *value.values()]
        elif isinstance(value, list):
            ahead += value


def _has_half(text: str) -> bool:
    """Return True if a text has half of a surrogate pair."""
    return re.search(_SURROGATE, text) is not None


def _check_depth(text: str) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise BadJson(_TOO_DEEP)
        elif first in "]}":
            depth -= 1


def _checked(digits: str) -> str:
    if len(digits) > MAX_DIGITS:
        raise BadJson(f"the number {digits[:12]}... has more than {MAX_DIGITS} digits")
    return digits


def _finite(number: object) -> object:
    if isinstance(number, float) and not math.isfinite(number):
        raise BadJson("a number is beyond 10^308")
    return number


def _constant(word: str) -> object:
    raise BadJson(f"{word} is not a number")


def _object(pairs: list[tuple[str, object]]) -> Mapping[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = counts.most_common(1)[0][0]
        raise BadJson(f"the field {twice[:64]!r} stands twice in one object")
    return fields
