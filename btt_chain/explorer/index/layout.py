"""Walkers over encoded values: the end of a value and the accounts in it, without decoding it.

A walker is made once for each type of a chain's metadata. It is many times as fast as decoding,
which is left to the pages that show a value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from btt_chain.scale.compact import compact_decode
from btt_chain.scale.errors import DecodeError
from btt_chain.scale.metadata import (
    ArrayDef,
    BitSequenceDef,
    CompactDef,
    CompositeDef,
    PortableVariant,
    PrimitiveDef,
    PrimitiveKind,
    SequenceDef,
    TupleDef,
    VariantDef,
)
from btt_chain.scale.portable import ACCOUNT_ID, Portable

Walk: TypeAlias = Callable[[bytes, int, list[bytes]], int]
"""Takes the input, an offset and a list to which accounts are added; returns the end's offset."""

ACCOUNT: Final = 32
MAX_EMPTY: Final = 1 << 16
"""Maximum number of items without bytes in a sequence: nothing else bounds their number."""

_SIZES: Final = {"8": 1, "16": 2, "32": 4, "64": 8, "128": 16, "256": 32}


class Layout:
    """The walkers of one chain's types."""

    def __init__(self, types: Portable) -> None:
        self._types = types
        self._walks: dict[int, Walk] = {}
        self._sizes: dict[int, int | None] = {}

    def walk(self, type_id: int) -> Walk:
        """Return the walker of a type. LookupError if the metadata do not have it."""
        found = self._walks.get(type_id)
        if found is not None:
            return found

        # A type may contain itself: its parts find this one, which calls the real one later.
        def later(raw: bytes, at: int, accounts: list[bytes]) -> int:
            return self._walks[type_id](raw, at, accounts)

        self._walks[type_id] = later
        made = self._make(type_id)
        self._walks[type_id] = made
        return made

    def size(self, type_id: int) -> int | None:
        """Return the number of bytes of a type of fixed size without accounts, else None."""
        if type_id not in self._sizes:
            self._sizes[type_id] = None  # of a type that contains itself
            self._sizes[type_id] = self._measure(type_id)
        return self._sizes[type_id]

    def fields(self, parts: Sequence[int]) -> Walk:
        """Return the walker of several values in a row."""
        steps: list[int | Walk] = []
        for part in parts:
            size = self.size(part)
            if size is None:
                steps.append(self.walk(part))
            elif steps and isinstance(steps[-1], int):
                steps[-1] += size
            else:
                steps.append(size)
        match steps:
            case []:
                return _fixed(0)
            case [int(only)]:
                return _fixed(only)
            case [only] if not isinstance(only, int):
                return only
        walks = [_fixed(step) if isinstance(step, int) else step for step in steps]

        def walk(raw: bytes, at: int, accounts: list[bytes]) -> int:
            for each in walks:
                at = each(raw, at, accounts)
            return at

        return walk

    def _make(self, type_id: int) -> Walk:
        kind = self._types.type(type_id)
        if kind.path == ACCOUNT_ID:
            return _account
        size = self.size(type_id)
        if size is not None:
            return _fixed(size)
        match kind.definition:
            case CompactDef():
                return _compact
            case PrimitiveDef():  # a text: all others are of fixed size
                return _octets
            case SequenceDef(item) if self.size(item) == 1:
                return _octets
            case SequenceDef(item):
                return self._sequence(item)
            case ArrayDef(count, item):
                return self._array(int(count), item)
            case TupleDef(items):
                return self.fields(items)
            case CompositeDef(fields):
                return self.fields([field.type for field in fields])
            case VariantDef(variants):
                return self._variant(variants)
            case BitSequenceDef():
                return _bits

    def _sequence(self, item: int) -> Walk:
        size, each = self.size(item), self.walk(item)

        def walk(raw: bytes, at: int, accounts: list[bytes]) -> int:
            count, at = compact_decode(raw, at)
            if size is not None:
                return _within(raw, at + count * size)
            _bound(raw, at, count)
            for _ in range(count):
                at = each(raw, at, accounts)
            return at

        return walk

    def _array(self, count: int, item: int) -> Walk:
        each = self.walk(item)

        def walk(raw: bytes, at: int, accounts: list[bytes]) -> int:
            _bound(raw, at, count)
            for _ in range(count):
                at = each(raw, at, accounts)
            return at

        return walk

    def _variant(self, variants: Sequence[PortableVariant]) -> Walk:
        known = {int(variant.index): variant for variant in variants}
        walks: dict[int, Walk] = {}

        def walk(raw: bytes, at: int, accounts: list[bytes]) -> int:
            index = raw[at]
            body = walks.get(index)
            if body is None:
                # Made when it is first met: most variants of a runtime's calls never are.
                body = self.fields([field.type for field in known[index].fields])
                walks[index] = body
            return body(raw, at + 1, accounts)

        return walk

    def _measure(self, type_id: int) -> int | None:
        kind = self._types.type(type_id)
        if kind.path == ACCOUNT_ID:
            return None
        match kind.definition:
            case PrimitiveDef(primitive):
                return _primitive_size(primitive)
            case ArrayDef(count, item):
                size = self.size(item)
                return None if size is None else size * int(count)
            case TupleDef(items):
                return self._sum(items)
            case CompositeDef(fields):
                return self._sum([field.type for field in fields])
            case VariantDef(variants) if variants and not any(v.fields for v in variants):
                return 1
        return None

    def _sum(self, parts: Sequence[int]) -> int | None:
        total = 0
        for part in parts:
            size = self.size(part)
            if size is None:
                return None
            total += size
        return total


def _primitive_size(primitive: PrimitiveKind) -> int | None:
    match primitive:
        case PrimitiveKind.bool:
            return 1
        case PrimitiveKind.char:
            return 4
        case PrimitiveKind.str:
            return None
    return _SIZES[primitive.name[1:]]


def _fixed(size: int) -> Walk:
    def walk(raw: bytes, at: int, _accounts: list[bytes]) -> int:
        return _within(raw, at + size)

    return walk


def _account(raw: bytes, at: int, accounts: list[bytes]) -> int:
    end = _within(raw, at + ACCOUNT)
    accounts.append(raw[at:end])
    return end


def _compact(raw: bytes, at: int, _accounts: list[bytes]) -> int:
    return compact_decode(raw, at)[1]


def _octets(raw: bytes, at: int, _accounts: list[bytes]) -> int:
    count, at = compact_decode(raw, at)
    return _within(raw, at + count)


def _bits(raw: bytes, at: int, _accounts: list[bytes]) -> int:
    count, at = compact_decode(raw, at)
    return _within(raw, at + (count + 7) // 8)


def _within(raw: bytes, end: int) -> int:
    if end > len(raw):
        raise DecodeError("a value", len(raw), "the input ends too early")
    return end


def _bound(raw: bytes, at: int, count: int) -> None:
    if count > max(len(raw) - at, MAX_EMPTY):
        raise DecodeError("a sequence", at, f"{count} items claimed")
