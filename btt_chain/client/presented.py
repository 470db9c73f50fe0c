"""Rules of presentation for the types of a chain, made from its metadata.

    types = presented_types(metadata)
    types.rule(kind).text(types.value(kind, plain), context)

A type becomes the Python type that a program with the chain's source would annotate, and that has
its rule (`btt_chain.present`). Marks are not in metadata: amounts, slots and shares are recognized
by the names that metadata give types, bytes are text if they are text. A type without such a form,
as a call, is presented as `Values` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import make_dataclass
from enum import IntEnum
from functools import lru_cache
from keyword import iskeyword
from types import GenericAlias, SimpleNamespace
from typing import Annotated, Final, Protocol, Union, cast

from btt_chain import scale
from btt_chain.client.items import MAX_DECODED
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.values import Values, has_amounts, is_money
from btt_chain.client.views import shaped
from btt_chain.present import Context, Json, Part, Record, Rule, Schema, Unfit, rule_of
from btt_chain.present.composites import KIND
from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.primitives.meaning import BILLIONTHS, MILLIONTHS, MONEY, PERCENT, UNDECLARED, UNITS
from btt_chain.scale import Fixed, Meaning, TypeName, Variant
from btt_chain.scale.metadata import (
    ArrayDef,
    CompactDef,
    CompositeDef,
    PortableField,
    PortableVariant,
    PrimitiveDef,
    SequenceDef,
    StorageEntry,
    TupleDef,
    VariantDef,
)
from btt_chain.scale.portable import ACCOUNT_ID, MULTI_ADDRESS, Plain

VALUE: Final = "value"
"""Name of a value beside its keys, if it has no fields that can stand there."""

MAX_NESTING: Final = 48
"""Maximum nesting of types; deeper ones have no Python type."""
MAX_PARTS: Final = 1_000
"""Maximum number of parts of a Python type: it is compared and hashed with all of them."""

SHARES: Final = {"Perbill": BILLIONTHS, "Permill": MILLIONTHS, "Percent": PERCENT}
"""Marks of shares by the last part of a type's path."""

PRIMITIVES: Final[Mapping[str, object]] = {
    "bool": bool, "str": str, "u8": scale.u8, "u16": scale.u16, "u32": scale.u32, "u64": scale.u64,
    "u128": scale.u128, "u256": scale.u256, "i8": scale.i8, "i16": scale.i16, "i32": scale.i32,
    "i64": scale.i64, "i128": scale.i128,
}  # fmt: skip


class _Form(Protocol):
    """A form of annotations, such as `Annotated`, that is subscripted at run time."""

    def __getitem__(self, parts: object) -> object: ...


class PresentedTypes:
    """The Python types and rules of one runtime's types, each made when it is first needed."""

    def __init__(self, metadata: ChainMetadata) -> None:
        self._call = metadata.items.call_type
        self._types = metadata.items.types
        self._values = metadata.values
        self._hints: dict[int, object] = {}
        self._sizes: dict[int, int] = {}
        self._unfinished: list[int] = []

    def rule(self, type_id: int, mark: Meaning | None = None) -> Rule[object]:
        """Return the rule of a type; `mark` is the meaning of its numbers."""
        hint = self.annotation(type_id)
        return Undescribed(self._values, type_id) if hint is None else rule_of(hint, mark)

    def value(self, type_id: int, value: Plain) -> object:
        """Return a decoded value in the form that the rule of its type presents."""
        hint = self.annotation(type_id)
        return value if hint is None else shaped(cast("type[object]", hint), value)

    def annotation(self, type_id: int) -> object | None:
        """Return the Python type of a type; None if it has none."""
        if type_id in self._hints:
            return self._hints[type_id]
        if type_id in self._unfinished or len(self._unfinished) > MAX_NESTING:
            return None
        self._unfinished.append(type_id)
        try:
            self._sizes[type_id] = size = 1 + sum(map(self._size, self._within(type_id)))
            hint = None if size > MAX_PARTS else self._annotation(type_id)
        # Names that Python's types cannot have, and numbers of types that the metadata lack.
        except (TypeError, ValueError, LookupError):
            hint = None
        finally:
            self._unfinished.pop()
        self._hints[type_id] = hint
        return hint

    def _size(self, type_id: int) -> int:
        """Return the number of parts of a Python type, in which a class is one."""
        self.annotation(type_id)
        return self._sizes.get(type_id, 1)

    def _within(self, type_id: int) -> list[int]:
        """Return the types of which a Python type consists that is not a class."""
        match self._types.type(type_id).definition:
            case CompactDef(part) | SequenceDef(part) | ArrayDef(_, part):
                return [part]
            case TupleDef(parts):
                return [*parts]
            case CompositeDef(fields) if any(field.name is None for field in fields):
                return [field.type for field in fields]
            case VariantDef(variants) if self._types.is_option(type_id):
                return [field.type for field in variants[-1].fields]
        return []

    def of_field(self, field: PortableField, *, money: bool = False) -> object | None:
        """Return the Python type of a field, marked by the name that metadata give its type.

        With `money`, a u128 without a name of its own is an amount. None if the type has none.
        """
        hint = self.annotation(field.type)
        if hint is None:
            return None
        definition = self._bare(field.type)
        if not isinstance(definition, PrimitiveDef):
            return hint
        if definition.kind.name == "u128" and is_money(self._types, field, money):
            return marked(hint, MONEY)
        if definition.kind.name == "u128" and "Balance" in (field.type_name or ""):
            return marked(hint, UNITS)
        return hint if field.type_name is None else marked(hint, TypeName(field.type_name))

    def _bare(self, type_id: int) -> object:
        """Return the definition of a type without `Compact` around it."""
        definition = self._types.type(type_id).definition
        return self._bare(definition.inner) if isinstance(definition, CompactDef) else definition

    def _annotation(self, type_id: int) -> object | None:
        kind = self._types.type(type_id)
        if type_id == self._call:
            return None
        if kind.path == ACCOUNT_ID:
            return AccountId
        if kind.path == MULTI_ADDRESS:
            return MultiAddress
        match kind.definition:
            case PrimitiveDef(primitive):
                return PRIMITIVES.get(primitive.name)
            case CompactDef(inner):
                return self.annotation(inner)
            case SequenceDef(item) if self._types.is_byte(item):
                return marked(bytes, UNDECLARED)
            case ArrayDef(size, item) if self._types.is_byte(item):
                return marked(bytes, Fixed(size))
            case SequenceDef(item) | ArrayDef(_, item):
                return self._generic(list, [item])
            case TupleDef(parts):
                return self._generic(tuple, parts)
            case CompositeDef(fields):
                mark = SHARES.get(kind.path[-1]) if kind.path else None
                return self._composite(kind.path[-1:], fields, mark)
            case VariantDef(variants):
                return self._choice(type_id, variants)
        return None

    def _generic(self, origin: type, parts: Sequence[int]) -> object | None:
        hints = [self.annotation(part) for part in parts]
        return None if None in hints else GenericAlias(origin, tuple(hints))

    def _composite(
        self, path: Sequence[str], fields: Sequence[PortableField], mark: Meaning | None
    ) -> object | None:
        """Return a record; the type of the field itself if it is the only one and has no name."""
        hints = [self.of_field(field) for field in fields]
        if None in hints:
            return None
        if len(fields) == 1 and fields[0].name is None:
            return hints[0] if mark is None else marked(hints[0], mark)
        if any(field.name is None for field in fields) or not fields:
            return GenericAlias(tuple, tuple(hints))
        names = _attributes(fields)
        if names is None:
            return None
        return make_dataclass("".join(path) or "Record", zip(names, hints, strict=True))

    def _choice(self, type_id: int, variants: Sequence[PortableVariant]) -> object | None:
        """Return an enumeration, an optional type, or a union of variants."""
        if self._types.is_option(type_id):
            some = variants[-1].fields
            # An absent value within an option would be shown as an absent option.
            is_nested = any(self._types.is_option(field.type) for field in some)
            inner = None if is_nested else self._composite((), some, None)
            return None if inner is None else optional(inner)
        names = [variant.name for variant in variants]
        if not names or not _are_names(names) or any(name[0] == "_" for name in names):
            return None
        if not any(variant.fields for variant in variants):
            members = {variant.name: int(variant.index) for variant in variants}
            return cast("Callable[..., object]", IntEnum)("Names", members)
        classes = [self._variant(variant) for variant in variants]
        return None if None in classes else cast("_Form", Union)[tuple(classes)]

    def _variant(self, variant: PortableVariant) -> object | None:
        hints = [self.of_field(field) for field in variant.fields]
        is_unnamed = any(field.name is None for field in variant.fields)
        names = _attributes(variant.fields, is_unnamed=is_unnamed)
        if None in hints or names is None:
            return None
        if any(name in {KIND, "self"} or hasattr(Variant, name) for name in names):
            return None
        body = {"__annotations__": dict(zip(names, hints, strict=True)), "__module__": __name__}
        make = cast("Callable[..., object]", type(Variant))
        return make(variant.name, (Variant,), body, index=int(variant.index), unnamed=is_unnamed)


class StoredRecords:
    """Entries of a storage item as records: the keys of a map, then the value or its fields."""

    def __init__(self, metadata: ChainMetadata, entry: StorageEntry) -> None:
        self._entry = entry
        self._storage = metadata.storage
        self._types = types = presented_types(metadata)
        mark = MONEY if has_amounts(entry.name, entry.docs) else None
        self.value_rule: Final = types.rule(entry.type.value, mark)
        self._names = [name for name, _ in key_names(metadata, entry)]
        kept = metadata.storage.kept_keys(entry)
        rules = [rule_of(str) if kind is None else types.rule(kind) for kind in kept]
        parts = [Part(name, rule) for name, rule in zip(self._names, rules, strict=True)]
        fields = self.value_rule.parts if isinstance(self.value_rule, Record) else []
        self._is_apart = not fields or bool({part.name for part in fields} & {*self._names})
        if self._is_apart:
            fields = [Part(VALUE, self.value_rule)]
        self._fields = [part.name for part in fields]
        self.rule: Final = Record(SimpleNamespace, [*parts, *fields])

    def value(self, raw: bytes | None) -> object:
        """Return a stored value; its default if it is absent, None without one."""
        kind, value = self._storage.stored(self._entry, raw)
        return None if value is None else self._types.value(kind, value)

    def record(self, key: bytes, raw: bytes | None) -> object | None:
        """Return an entry by its key in the state and its value; None if nothing is stored."""
        value = self.value(raw)
        if raw is None and value is None:
            return None
        keys = [
            part if kind is None else self._types.value(kind, part)
            for kind, part in self._storage.key_parts(self._entry, key)
        ]
        record = SimpleNamespace(**dict(zip(self._names, keys, strict=True)))
        for field in self._fields:
            setattr(record, field, value if self._is_apart else getattr(value, field))
        return record


def key_names(metadata: ChainMetadata, entry: StorageEntry) -> list[tuple[str, int]]:
    """Return names of an item's keys, with their types: metadata do not name keys."""
    names: list[tuple[str, int]] = []
    for kind, _ in metadata.storage.key_types(entry):
        is_account = metadata.items.types.type(kind).path == ACCOUNT_ID
        name = "account" if is_account else "key"
        count = sum(other.startswith(name) for other, _ in names)
        names.append((f"{name}{count + 1}" if count else name, kind))
    return names


@lru_cache(maxsize=MAX_DECODED)
def presented_types(metadata: ChainMetadata) -> PresentedTypes:
    """Return the rules of a runtime's types: rules are kept for ever, so they are made once."""
    return PresentedTypes(metadata)


class Undescribed(Rule[object]):
    """A decoded value whose type has no Python type: a call, a recursive type, bits."""

    def __init__(self, values: Values, type_id: int) -> None:
        self._values = values
        self._type = type_id

    def json(self, value: object, context: Context) -> Json:
        """Return the value, its wide numbers as text."""
        return cast("Json", self._values.for_json(self._type, cast("Plain", value)))

    def schema(self, context: Context) -> Schema:
        """Return the schema of any value."""
        return {}

    def read(self, json: object, context: Context) -> object:
        """Raise Unfit: values of this kind are not read."""
        raise Unfit("values of this type are read by the chain's metadata alone")

    def text(self, value: object, context: Context) -> str:
        """Return the value on one line."""
        return self._values.for_people(self._type, cast("Plain", value))


def _attributes(fields: Sequence[PortableField], *, is_unnamed: bool = False) -> list[str] | None:
    """Return the names of fields as attributes; None if they cannot be attributes."""
    if is_unnamed:
        return [f"part_{at}" for at, _ in enumerate(fields)]
    names = [field.name or "" for field in fields]
    if not _are_names(names):
        return None
    # An underscore at the end of an attribute is not on the wire.
    return [name + "_" if iskeyword(name) or name[-1] == "_" else name for name in names]


def _are_names(names: Sequence[str]) -> bool:
    """Return True if names are few, can be those of attributes, and differ in JSON and in words."""
    if len(names) > MAX_PARTS:
        return False
    return len({name.replace("_", "").lower() for name in names}) == len(names) and all(
        name.isascii() and name.isidentifier() and name[:2] != "__" for name in names
    )


def optional(hint: object) -> object:
    """Return the type of values that may be absent."""
    return cast("_Form", Union)[hint, None]


def marked(hint: object, mark: object) -> object:
    """Return a type with a mark, as `Annotated` has it."""
    return cast("_Form", Annotated)[hint, mark]
