"""JSON from outside: bounded before it is parsed, and read without loss.

Limits, in the order of the checks; the last two are checked while parsing, the others before:

| what | limit |
|---|---|
| bytes of a document | 64 MiB |
| brackets open at once | 64 |
| values, members and brackets | 2,000,000 |
| bytes of one string | 8 MiB |
| digits of a number | 18 before and 17 after the point, exponent of at most 3 digits |
| members with one name in an object | 1 |

Decimals are `decimal.Decimal`, because FHIR gives a meaning to the digits: 1.50 is not 1.5. XML,
NaN, Infinity, unpaired surrogates and U+0000 are refused, and so are narratives with a document
type, an entity declaration, a processing instruction or a script.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from btt_chain.primitives.strict_json import BadJson, read_json, texts_of
from btt_chain.records.errors import BadDocument

MAX_BYTES: Final = 64 << 20
MAX_DEPTH: Final = 64
MAX_VALUES: Final = 2_000_000
MAX_STRING: Final = 8 << 20
MAX_DIGITS: Final = 18
MAX_FRACTION: Final = 17
MAX_EXPONENT: Final = 3

Json = str | int | bool | Decimal | None | Sequence["Json"] | Mapping[str, "Json"]
Resource = Mapping[str, Json]
"""A FHIR resource, or another JSON object."""

# Possessive: a string without an end is found once, not once for each of its bytes.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},]|"', re.DOTALL)
_NUMBER: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE][+-]?([0-9]+))?")
_ACTIVE: Final = re.compile(r"<!(?!--)|<\?|<\s*script", re.IGNORECASE)
_OPENING: Final = b"[{"
_CLOSING: Final = b"]}"


def read_document(path: Path) -> Resource:
    """Return the JSON object of a file. Raises BadDocument, OSError."""
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    return parse(raw)


def parse(raw: bytes) -> Resource:
    """Return the JSON object of these bytes. Raises BadDocument, which says what is wrong."""
    check_shape(raw)
    try:
        found = read_json(raw, integer=_integer, decimal=_decimal)
    except BadJson as error:
        lines = ""
        if str(error).startswith("Extra data at line"):
            lines = " (one document in each line is NDJSON: import each line as a file of its own)"
        raise BadDocument(f"the document is not JSON: {error}{lines}") from None
    if b"\\u0000" in raw and any("\0" in text for text in texts_of(found)):
        raise BadDocument("a string has U+0000")
    if not isinstance(found, dict):
        raise BadDocument("the document is not a JSON object")
    return found


def check_shape(raw: bytes) -> None:
    """Refuse a document that would cost too much to parse. Raises BadDocument."""
    if len(raw) > MAX_BYTES:
        raise BadDocument(f"the document is larger than {MAX_BYTES >> 20} MiB")
    if raw[:64].removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
        raise BadDocument("the document is XML: only FHIR's JSON is read")
    depth = 0
    for values, found in enumerate(_TOKEN.finditer(raw), 1):
        first = raw[found.start()]
        if values > MAX_VALUES:
            raise BadDocument(f"the document has more than {MAX_VALUES:,} values")
        if first == ord('"'):
            length = found.end() - found.start()
            if length == 1:
                raise BadDocument("the document is not JSON: a string has no end")
            if length > MAX_STRING:
                raise BadDocument(
                    f"a string has {length:,} bytes, {MAX_STRING:,} are the most: store large "
                    "attachments apart, and name them by url and hash"
                )
        elif first in _OPENING:
            depth += 1
            if depth > MAX_DEPTH:
                raise BadDocument(f"the document is nested deeper than {MAX_DEPTH} levels")
        elif first in _CLOSING:
            depth -= 1


def check_narratives(value: Json, name: str = "") -> None:
    """Refuse narratives that are more than text: entities, document types, scripts."""
    if isinstance(value, str):
        if name == "div" and _ACTIVE.search(value):
            raise BadDocument(
                "a narrative has a document type, an entity declaration, a processing instruction "
                "or a script"
            )
    elif isinstance(value, Mapping):
        for key, member in value.items():
            check_narratives(member, key)
    elif isinstance(value, Sequence):
        for member in value:
            check_narratives(member, name)


# ---- hooks of the parser


def _decimal(text: str) -> Decimal:
    _check_number(text)
    return Decimal(text)


def _integer(text: str) -> int | Decimal:
    _check_number(text)
    # FHIR has no negative zero among integers; as a decimal it keeps its sign.
    return Decimal(text) if text == "-0" else int(text)


def _check_number(text: str) -> None:
    found = _NUMBER.fullmatch(text)
    whole, fraction, exponent = found.groups(default="") if found else ("", "", "")
    too_long = len(whole) > MAX_DIGITS or len(fraction) > MAX_FRACTION
    if found is None or too_long or len(exponent.lstrip("0")) > MAX_EXPONENT:
        raise BadDocument(
            f"a number has {len(text)} characters ({text[:24]}...): at most {MAX_DIGITS} digits "
            f"before the point, {MAX_FRACTION} after it and an exponent of {MAX_EXPONENT}"
        )
