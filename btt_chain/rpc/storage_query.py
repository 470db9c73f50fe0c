"""Storage queries of the new API, shared by chainHead and archive: five kinds."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digits import to_hex
from btt_chain.rpc.backend import StateReader
from btt_chain.rpc.params import Parsed, Unfit, hex_bytes

PAGE_KEYS: Final = 512
PAGE_BYTES: Final = 1 << 20
"""A page of descendants ends at either: one notification must not block the connection."""

Item = dict[str, object]


class QueryKind(Enum):
    """The kind of result for a key."""

    VALUE = "value"
    HASH = "hash"
    CLOSEST = "closestDescendantMerkleValue"
    DESCENDANT_VALUES = "descendantsValues"
    DESCENDANT_HASHES = "descendantsHashes"

    @property
    def is_walk(self) -> bool:
        """True if the query is about all keys below, not about one."""
        return self in {QueryKind.DESCENDANT_VALUES, QueryKind.DESCENDANT_HASHES}


@dataclass(slots=True)
class Query:
    """One query; a walk resumes strictly after `start`."""

    key: bytes
    kind: QueryKind
    start: bytes | None = None


def parse_query(value: object) -> Query:
    """Parse `{"key": "0x..", "type": "..", "paginationStartKey"?: "0x.."}`."""
    if not isinstance(value, dict):
        raise Unfit("expected objects with `key` and `type`")
    if "key" not in value or "type" not in value:
        raise Unfit("each item needs `key` and `type`")
    kinds = {kind.value: kind for kind in QueryKind}
    kind = kinds.get(value["type"]) if isinstance(value["type"], str) else None
    if kind is None:
        raise Unfit(f"`type` must be one of {', '.join(kinds)}")
    start = value.get("paginationStartKey")
    if start is not None and not kind.is_walk:
        raise Unfit("`paginationStartKey` goes with the descendants only")
    return Query(hex_bytes(value["key"]), kind, None if start is None else hex_bytes(start))


QueryParam = Annotated[Query, Parsed(parse_query)]


def look_up(state: StateReader, query: Query) -> Item | None:
    """Return the result for one key; None if it has no value."""
    if query.kind is QueryKind.CLOSEST:
        merkle = state.closest_descendant(query.key)
        if merkle is None:
            return None
        return {"key": to_hex(query.key), "closestDescendantMerkleValue": to_hex(merkle)}
    value = state.get(query.key)
    return None if value is None else _item(query, query.key, value)


def walk(state: StateReader, query: Query) -> tuple[list[Item], bool]:
    """Return the next page of descendants, and True if more may follow; `query` advances."""
    items: list[Item] = []
    size = 0
    keys = state.keys(query.key, query.start, PAGE_KEYS)
    last, has_more = query.start, len(keys) == PAGE_KEYS
    for key in keys:
        item = _item(query, key, state.get(key) or b"")
        items.append(item)
        last = key
        size += sum(len(str(part)) for part in item.values())
        if size > PAGE_BYTES:
            has_more = True
            break
    query.start = last  # once all is read: a walk that is repeated begins where this one did
    return items, has_more


def _item(query: Query, key: bytes, value: bytes) -> Item:
    if query.kind in {QueryKind.VALUE, QueryKind.DESCENDANT_VALUES}:
        return {"key": to_hex(key), "value": to_hex(value)}
    return {"key": to_hex(key), "hash": to_hex(blake2_256(value))}
