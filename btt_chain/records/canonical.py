"""Canonical JSON: the bytes of a resource that are hashed, signed and encrypted.

RFC 8785 for everything but decimals: members sorted by the UTF-16 code units of their names, no
white space, the shortest escapes, integers of at most 2**53 - 1. RFC 8785 writes numbers as
ECMAScript does, which loses the digits of a decimal (1.50 becomes 1.5); FHIR counts them as part of
the value (https://hl7.org/fhir/R5/datatypes.html#decimal). So a decimal is written with the digits
that it was read with: `1.50` stays `1.50`, and `1.5E+2` stays apart from `150`. A document without
decimals has exactly the bytes of RFC 8785.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from btt_chain.records.documents import Json
from btt_chain.records.errors import BadDocument

MAX_INTEGER: Final = (1 << 53) - 1
"""Largest integer that every JSON reader keeps (RFC 8785, 3.2.2.3; RFC 7493)."""


def canonical(value: Json) -> bytes:
    """Return the canonical bytes of a JSON value. Raises BadDocument."""
    parts: list[str] = []
    _write(value, parts)
    try:
        return "".join(parts).encode("utf-8")
    except UnicodeEncodeError:
        raise BadDocument("a string has half of a surrogate pair") from None


def decimal_text(value: Decimal) -> str:
    """Return a decimal in JSON with all its digits. Raises BadDocument for NaN and Infinity."""
    if not value.is_finite():
        raise BadDocument("a decimal is not finite")
    exponent = value.as_tuple().exponent
    # Positional where that keeps the digits: `str` would write 0.0000001 as 1E-7.
    positional = isinstance(exponent, int) and -64 <= exponent <= 0
    return format(value, "f") if positional else str(value)


def _write(value: Json, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(json.dumps(value, ensure_ascii=False))
    elif value is None or isinstance(value, bool):
        parts.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise BadDocument(f"the integer {value} is larger than 2**53 - 1")
        parts.append(str(value))
    elif isinstance(value, Decimal):
        parts.append(decimal_text(value))
    elif isinstance(value, Mapping):
        _write_object(value, parts)
    elif isinstance(value, Sequence):
        for at, member in enumerate(value):
            parts.append("," if at else "[")
            _write(member, parts)
        parts.append("]" if value else "[]")
    else:
        raise BadDocument(f"{type(value).__name__} is not a JSON value")


def _write_object(value: Mapping[str, Json], parts: list[str]) -> None:
    # The order of UTF-16 code units: the surrogates of U+10000 and above sort below U+E000.
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    for at, name in enumerate(names):
        parts.append("," if at else "{")
        parts.append(json.dumps(name, ensure_ascii=False))
        parts.append(":")
        _write(value[name], parts)
    parts.append("}" if names else "{}")
