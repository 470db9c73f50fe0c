"""A validator of JSON by a schema, for the keywords that our descriptions use."""

from __future__ import annotations

import re
from collections.abc import Mapping

TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
    "number": int | float, "null": type(None),
}  # fmt: skip
KEYWORDS = {
    "type", "anyOf", "enum", "const", "required", "properties", "items", "prefixItems", "minItems",
    "pattern", "title", "$ref",
}  # fmt: skip


def conform(value: object, schema: object, where: str = "") -> None:
    """Raise AssertionError with the place if a value does not conform to a schema."""
    assert isinstance(schema, dict), where
    assert schema.keys() <= KEYWORDS, (where, schema.keys())
    if "anyOf" in schema:
        return _any_of(value, schema["anyOf"], where)
    assert value in schema.get("enum", [value]), where
    assert value == schema.get("const", value), where
    kinds = schema.get("type", [*TYPES])
    assert any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)), (
        where, value, kinds,
    )  # fmt: skip
    if isinstance(value, str) and "pattern" in schema:
        assert re.search(schema["pattern"], value), (where, value)
    if isinstance(value, dict):
        _object(value, schema, where)
    if isinstance(value, list):
        _list(value, schema, where)
    return None


def _is(value: object, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and isinstance(value, bool) <= (kind == "boolean")


def _any_of(value: object, schemas: object, where: str) -> None:
    reasons = []
    assert isinstance(schemas, list), where
    for schema in schemas:
        try:
            return conform(value, schema, where)
        except AssertionError as reason:
            reasons.append(reason)
    raise AssertionError(where, reasons)


def _object(value: Mapping[str, object], schema: Mapping[str, object], where: str) -> None:
    parts, required = schema.get("properties", {}), schema.get("required", [])
    assert isinstance(parts, dict), where
    assert isinstance(required, list), where
    assert {*required} <= value.keys(), (where, {*required} - value.keys())
    if parts:
        assert value.keys() <= parts.keys(), (where, value.keys() - parts.keys())
    for name, part in parts.items():
        if name in value:
            conform(value[name], part, f"{where}.{name}")


def _list(value: list[object], schema: Mapping[str, object], where: str) -> None:
    first, rest = schema.get("prefixItems", []), schema.get("items", {})
    assert isinstance(first, list), where
    assert len(value) >= int(str(schema.get("minItems", 0))), where
    assert rest is not False or len(value) <= len(first), where
    for at, item in enumerate(value):
        conform(item, first[at] if at < len(first) else rest, f"{where}[{at}]")
