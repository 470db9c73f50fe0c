"""Members of JSON documents by their expected shape; BadDocument names the missing one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from btt_chain.primitives.digits import from_hex
from btt_chain.records.documents import Json
from btt_chain.records.errors import BadDocument


def objects(value: Json, what: str = "member") -> Mapping[str, Json]:
    """Return an object. Raises BadDocument."""
    if not isinstance(value, Mapping):
        raise BadDocument(f"{what}: an object is missing")
    return value


def items(value: Json, what: str = "member") -> Sequence[Json]:
    """Return a list. Raises BadDocument."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadDocument(f"{what}: a list is missing")
    return value


def member(value: Json, name: str) -> Json:
    """Return a member of an object. Raises BadDocument."""
    found = objects(value, name)
    if name not in found:
        raise BadDocument(f"the member {name} is missing")
    return found[name]


def text(value: Json, name: str) -> str:
    """Return a member that is a string. Raises BadDocument."""
    found = member(value, name)
    if not isinstance(found, str):
        raise BadDocument(f"{name}: a text is missing")
    return found


def number(value: Json, name: str) -> int:
    """Return a member that is a whole number of at least 0. Raises BadDocument."""
    found = member(value, name)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise BadDocument(f"{name}: a whole number is missing")
    return found


def octets(value: Json, name: str, length: int | None = None) -> bytes:
    """Return a member that is hex of `length` bytes. Raises BadDocument."""
    try:
        found = from_hex(text(value, name))
    except ValueError:
        raise BadDocument(f"{name}: hex is missing") from None
    if length is not None and len(found) != length:
        raise BadDocument(f"{name}: {length} bytes are missing, {len(found)} are there")
    return found
