"""Conversion of values with types from metadata, to and from plain Python.

Numbers are ints, byte strings "0x..." text, lists and tuples lists, structs dicts (a struct of one
unnamed field is that field), enums {"Name": fields} or just "Name" when there are none, an absent
option and the unit type None, bit sequences text of 0 and 1. Accounts are converted by hooks, which
have the address format. Errors name the place: `dest: expected an SS58 address`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from btt_chain.scale.codecs import BIT_SEQUENCE, BOOL, BYTES, STR, BitSequence
from btt_chain.scale.compact import compact_decode, compact_encode
from btt_chain.scale.errors import DecodeError, EncodeError
from btt_chain.scale.metadata import (
    ArrayDef,
    BitSequenceDef,
    CompactDef,
    CompositeDef,
    PortableField,
    PortableType,
    PortableVariant,
    PrimitiveDef,
    PrimitiveKind,
    SequenceDef,
    TupleDef,
    VariantDef,
)

Plain: TypeAlias = "bool | int | str | bytes | list[Plain] | dict[str, Plain] | None"

MAX_NESTING = 128
"""Maximum nesting of values: recursive types would allow any depth."""

MAX_NAME_PARTS = 256
MAX_NAME_NESTING = 16
"""Maximum number of parts in the name of a type, and of their nesting."""

MAX_EMPTY_ITEMS = 1 << 16
"""Maximum number of parts without bytes in an input: nothing else bounds their number."""

MAX_BITS = 1_024
"""Maximum bits of a number that is encoded, fitting or not."""
MAX_DIGITS = 400
"""Maximum characters of a number in text."""

ACCOUNT_ID = ["sp_core", "crypto", "AccountId32"]
MULTI_ADDRESS = ["sp_runtime", "multiaddress", "MultiAddress"]

_INT_SIZES = {"8": 1, "16": 2, "32": 4, "64": 8, "128": 16, "256": 32}


class Portable:
    """The types of one chain.

    `show_account` turns 32 bytes into text, `read_account` text into 32 bytes; the latter raises
    `ValueError` with what it expected. Without them accounts are hex.
    """

    def __init__(
        self,
        types: Sequence[PortableType],
        *,
        show_account: Callable[[bytes], str] | None = None,
        read_account: Callable[[str], bytes] | None = None,
    ) -> None:
        self.types = types
        self.show_account = show_account or (lambda raw: "0x" + raw.hex())
        self.read_account = read_account or _read_hex

    # --- both directions, whole values ---

    def decode(self, type_id: int, raw: bytes) -> Plain:
        """Return the value of type `type_id` that `raw` encodes; `DecodeError` if it does not."""
        value, at = self.decode_at(type_id, raw, 0)
        if at != len(raw):
            raise DecodeError(self.name(type_id), at, f"{len(raw) - at} bytes too many")
        return value

    def decode_at(self, type_id: int, raw: bytes, at: int) -> tuple[Plain, int]:
        """Return the value that starts at `at`, and the offset after it."""
        return _Reader(self, raw).value(type_id, at, 0)

    def encode(self, type_id: int, value: Plain, where: str = "") -> bytes:
        """Return the bytes of `value` as type `type_id`; `EncodeError` names the wrong part.

        Integers may be given as text too; a plain address is accepted as a MultiAddress.
        """
        return _Writer(self).value(type_id, value, where)

    def encode_fields(
        self, fields: Sequence[PortableField], values: Sequence[Plain] | dict[str, Plain]
    ) -> bytes:
        """Return the encoded arguments of a call, given in order or by name."""
        return _Writer(self).fields(fields, values, "")

    # --- names ---

    def type(self, type_id: int) -> PortableType:
        """Return the type with that number; `LookupError` if there is none."""
        if not 0 <= type_id < len(self.types):
            raise LookupError(f"there is no type {type_id}")
        return self.types[type_id]

    def variant(self, type_id: int, name: str) -> PortableVariant:
        """Return the variant `name` of an enum; `LookupError` if there is none."""
        definition = self.type(type_id).definition
        if isinstance(definition, VariantDef):
            for variant in definition.variants:
                if variant.name == name:
                    return variant
        raise LookupError(f"{self.name(type_id)} has no {name}")

    def name(self, type_id: int) -> str:
        """Return a readable name: `Vec<u8>`, `AccountId32`, `(u32, bool)`; `…` for what is long."""
        return self._name(type_id, 0, iter(range(MAX_NAME_PARTS)))

    def _name(self, type_id: int, depth: int, left: Iterator[int]) -> str:
        # Types that contain each other, or that double at each level, would have no end.
        if depth > MAX_NAME_NESTING or next(left, None) is None:
            return "…"
        kind, depth = self.type(type_id), depth + 1
        if kind.path:
            shown = [p for p in kind.params if p.type is not None]
            if kind.path[-1] not in {"Option", "Result", "BoundedVec", "BTreeMap"} or depth > 4:
                return kind.path[-1]
            inner = ", ".join(self._name(p.type, depth, left) for p in shown if p.type is not None)
            return f"{kind.path[-1]}<{inner}>" if inner else kind.path[-1]
        match kind.definition:
            case PrimitiveDef(primitive):
                return primitive.name
            case CompactDef(inner_id):
                return f"Compact<{self._name(inner_id, depth, left)}>"
            case SequenceDef(item):
                return f"Vec<{self._name(item, depth, left)}>"
            case ArrayDef(size, item):
                return f"[{self._name(item, depth, left)}; {size}]"
            case TupleDef(items):
                return f"({', '.join(self._name(item, depth, left) for item in items)})"
            case BitSequenceDef():
                return "BitVec"
            case CompositeDef() | VariantDef():
                return f"type {type_id}"

    # --- shared by both directions ---

    def is_byte(self, type_id: int) -> bool:
        """Return True if the type is u8: lists of it are byte strings."""
        return self.type(type_id).definition == PrimitiveDef(PrimitiveKind.u8)

    def is_plain_bits(self, store: int, order: int) -> bool:
        """Return True if bits are stored in bytes, the first in the lowest place."""
        return self.is_byte(store) and self.type(order).path[-1:] == ["Lsb0"]

    def is_option(self, type_id: int) -> bool:
        """Return True if the type is `Option`."""
        return self.type(type_id).path == ["Option"]

    def compact_size(self, type_id: int) -> int:
        """Return the number of bytes of the integer inside a compact; 0 for the unit type."""
        definition = self.type(type_id).definition
        match definition:
            case PrimitiveDef(kind) if kind.name[0] == "u":
                return _INT_SIZES[kind.name[1:]]
            case CompositeDef([only]):
                return self.compact_size(only.type)
            case TupleDef([only_id]):
                return self.compact_size(only_id)
            case TupleDef([]) | CompositeDef([]):
                return 0
            case _:
                raise LookupError(f"{self.name(type_id)} has no compact form")


class _Reader:
    """A reader of one input by its type description."""

    def __init__(self, portable: Portable, raw: bytes) -> None:
        self.portable = portable
        self.raw = raw
        self.empty = 0

    def value(self, type_id: int, at: int, depth: int) -> tuple[Plain, int]:
        if depth > MAX_NESTING:
            raise DecodeError(self.portable.name(type_id), at, f"nested deeper than {MAX_NESTING}")
        kind, depth = self.portable.type(type_id), depth + 1
        if kind.path == ACCOUNT_ID:
            account, at = self.octets(32, type_id, at)
            return self.portable.show_account(account), at
        match kind.definition:
            case PrimitiveDef(primitive):
                return self.primitive(primitive, at)
            case CompactDef(inner):
                return self.compact(inner, at)
            case SequenceDef(item):
                return self.sequence(type_id, item, at, depth)
            case ArrayDef(size, item) if self.portable.is_byte(item):
                octets, at = self.octets(size, type_id, at)
                return "0x" + octets.hex(), at
            case ArrayDef(size, item):
                if size > max(len(self.raw) - at, MAX_EMPTY_ITEMS):
                    raise DecodeError(self.portable.name(type_id), at, "the input ends too early")
                return self.items([item] * size, at, depth)
            case TupleDef([]):
                return None, at
            case TupleDef(items):
                return self.items(items, at, depth)
            case CompositeDef(fields):
                return self.fields(fields, at, depth)
            case VariantDef(variants):
                return self.variant(type_id, variants, at, depth)
            case BitSequenceDef(store, order):
                if not self.portable.is_plain_bits(store, order):
                    raise DecodeError("BitVec", at, "only Lsb0 bits stored in bytes are known")
                bits, at = BIT_SEQUENCE.decode(self.raw, at)
                return "".join("01"[bit] for bit in bits), at

    def octets(self, size: int, type_id: int, at: int) -> tuple[bytes, int]:
        if at + size > len(self.raw):
            raise DecodeError(self.portable.name(type_id), at, "the input ends too early")
        return self.raw[at : at + size], at + size

    def primitive(self, kind: PrimitiveKind, at: int) -> tuple[Plain, int]:
        if kind is PrimitiveKind.bool:
            return BOOL.decode(self.raw, at)
        if kind is PrimitiveKind.str:
            return STR.decode(self.raw, at)
        size = 4 if kind is PrimitiveKind.char else _INT_SIZES[kind.name[1:]]
        end = at + size
        if end > len(self.raw):
            raise DecodeError(kind.name, at, "the input ends too early")
        number = int.from_bytes(self.raw[at:end], "little", signed=kind.name[0] == "i")
        if kind is not PrimitiveKind.char:
            return number, end
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise DecodeError("char", at, f"{number:#x} is not a character")
        return chr(number), end

    def compact(self, inner: int, at: int) -> tuple[Plain, int]:
        size = self.portable.compact_size(inner)
        if size == 0:
            return None, at
        number, end = compact_decode(self.raw, at)
        if number >> 8 * size:
            name = self.portable.name(inner)
            raise DecodeError(f"Compact<{name}>", at, f"{number} is out of range")
        return number, end

    def sequence(self, type_id: int, item: int, at: int, depth: int) -> tuple[Plain, int]:
        if self.portable.is_byte(item):
            octets, at = BYTES.decode(self.raw, at)
            return "0x" + octets.hex(), at
        count, start = compact_decode(self.raw, at)
        # Most items have at least a byte; the others are bounded separately.
        if count > max(len(self.raw) - start, MAX_EMPTY_ITEMS):
            raise DecodeError(self.portable.name(type_id), at, f"{count} items claimed")
        return self.items([item] * count, start, depth)

    def items(self, kinds: Sequence[int], at: int, depth: int) -> tuple[list[Plain], int]:
        values: list[Plain] = []
        for kind in kinds:
            value, end = self.value(kind, at, depth)
            if end == at:
                self.empty += 1
                if self.empty > MAX_EMPTY_ITEMS:
                    raise DecodeError(self.portable.name(kind), at, "too many parts without bytes")
            values.append(value)
            at = end
        return values, at

    def fields(self, fields: Sequence[PortableField], at: int, depth: int) -> tuple[Plain, int]:
        values, at = self.items([field.type for field in fields], at, depth)
        if not fields:
            return None, at
        if fields[0].name is not None:
            named = {f.name or "": v for f, v in zip(fields, values, strict=True)}
            if len(named) < len(fields):  # of two values, readers would see one
                raise DecodeError("record", at, "two fields have one name")
            return named, at
        return (values[0] if len(values) == 1 else values), at

    def variant(
        self, type_id: int, variants: Sequence[PortableVariant], at: int, depth: int
    ) -> tuple[Plain, int]:
        name = self.portable.name(type_id)
        if at >= len(self.raw):
            raise DecodeError(name, at, "the input ends too early")
        index = self.raw[at]
        variant = next((v for v in variants if v.index == index), None)
        if variant is None:
            raise DecodeError(name, at, f"there is no variant {index}")
        value, end = self.fields(variant.fields, at + 1, depth)
        if not self.portable.is_option(type_id):
            return ({variant.name: value} if variant.fields else variant.name), end
        if not variant.fields:
            return None, end
        return ({"Some": value} if self.portable.is_option(variant.fields[0].type) else value), end


class _Writer:
    """A writer of plain values by their type description; `where` is the path of a value."""

    def __init__(self, portable: Portable) -> None:
        self.portable = portable
        self.depth = 0

    def value(self, type_id: int, value: Plain, where: str) -> bytes:
        if self.depth > MAX_NESTING:
            raise _wrong(where, f"nested deeper than {MAX_NESTING}")
        self.depth += 1
        raw = self.part(type_id, value, where)
        self.depth -= 1
        return raw

    def part(self, type_id: int, value: Plain, where: str) -> bytes:
        kind = self.portable.type(type_id)
        if kind.path == ACCOUNT_ID:
            return self.account(value, where)
        if kind.path == MULTI_ADDRESS and isinstance(value, str):
            return b"\0" + self.account(value, where)
        match kind.definition:
            case PrimitiveDef(primitive):
                return self.primitive(primitive, value, where)
            case CompactDef(inner):
                return self.compact(inner, value, where)
            case SequenceDef(item):
                return self.sequence(item, value, where)
            case ArrayDef(size, item):
                return self.array(size, item, value, where)
            case TupleDef([]):
                return _nothing(value, where)
            case TupleDef(items):
                return self.items(items, _list(value, where), where)
            case CompositeDef(fields):
                return self.body(fields, value, where)
            case VariantDef():
                return self.variant(type_id, value, where)
            case BitSequenceDef(store, order):
                if not self.portable.is_plain_bits(store, order):
                    raise _wrong(where, "only Lsb0 bits stored in bytes are known")
                return self.bits(value, where)

    def sequence(self, item: int, value: Plain, where: str) -> bytes:
        if self.portable.is_byte(item):
            return BYTES.encode(_octets(value, where, text=True))
        values = _list(value, where)
        return compact_encode(len(values)) + self.items([item] * len(values), values, where)

    def array(self, size: int, item: int, value: Plain, where: str) -> bytes:
        if not self.portable.is_byte(item):
            return self.items([item] * size, _list(value, where), where)
        # A name of exactly that length, such as a pool's, may be given as text.
        is_name = isinstance(value, str) and len(value.encode()) == size
        octets = _octets(value, where, text=is_name)
        if len(octets) != size:
            raise _wrong(where, f"expected {size} bytes, {len(octets)} given")
        return octets

    def bits(self, value: Plain, where: str) -> bytes:
        if not isinstance(value, str) or value.strip("01"):
            raise _wrong(where, 'expected bits, such as "0110"')
        return BIT_SEQUENCE.encode(BitSequence(bit == "1" for bit in value))

    def account(self, value: Plain, where: str) -> bytes:
        if isinstance(value, bytes):
            account = value
        elif isinstance(value, str):
            try:
                account = self.portable.read_account(value)
            except ValueError as error:
                raise _wrong(where, str(error)) from None
        else:
            raise _wrong(where, "expected an address")
        if len(account) != 32:
            raise _wrong(where, f"an account has 32 bytes, {len(account)} given")
        return account

    def primitive(self, kind: PrimitiveKind, value: Plain, where: str) -> bytes:
        if kind is PrimitiveKind.bool:
            if isinstance(value, str) and value in {"true", "false"}:
                value = value == "true"
            if not isinstance(value, bool):
                raise _wrong(where, "expected true or false")
            return BOOL.encode(value)
        if kind is PrimitiveKind.str:
            if not isinstance(value, str):
                raise _wrong(where, "expected text")
            return STR.encode(value)
        if kind is PrimitiveKind.char:
            if not isinstance(value, str) or len(value) != 1:
                raise _wrong(where, "expected one character")
            return ord(value).to_bytes(4, "little")
        number, size = _integer(value, where), _INT_SIZES[kind.name[1:]]
        try:
            return number.to_bytes(size, "little", signed=kind.name[0] == "i")
        except OverflowError:
            raise _wrong(where, f"{number} does not fit {kind.name}") from None

    def compact(self, inner: int, value: Plain, where: str) -> bytes:
        size = self.portable.compact_size(inner)
        if size == 0:
            return _nothing(value, where)
        number = _integer(value, where)
        if number < 0 or number >> 8 * size:
            raise _wrong(where, f"{number} does not fit {self.portable.name(inner)}")
        return compact_encode(number)

    def items(self, kinds: Sequence[int], values: Sequence[Plain], where: str) -> bytes:
        if len(values) != len(kinds):
            raise _wrong(where, f"expected {len(kinds)} items, {len(values)} given")
        return b"".join(
            self.value(kind, value, f"{where}[{i}]")
            for i, (kind, value) in enumerate(zip(kinds, values, strict=True))
        )

    def body(self, fields: Sequence[PortableField], value: Plain, where: str) -> bytes:
        """Return the encoded fields of a struct or variant, given in their plain Python form."""
        if not fields:
            return _nothing(value, where)
        if fields[0].name is None and len(fields) == 1:
            return self.value(fields[0].type, value, where)
        if isinstance(value, dict) and fields[0].name is not None:
            return self.fields(fields, value, where)
        if isinstance(value, list):
            return self.fields(fields, value, where)
        names = ", ".join(field.name or self.portable.name(field.type) for field in fields)
        raise _wrong(where, f"expected the fields {names}")

    def fields(
        self,
        fields: Sequence[PortableField],
        values: Sequence[Plain] | dict[str, Plain],
        where: str,
    ) -> bytes:
        names = [field.name or str(i) for i, field in enumerate(fields)]
        if isinstance(values, dict):
            missing = [name for name in names if name not in values]
            unknown = [name for name in values if name not in names]
            if missing:
                raise _wrong(where, f"{', '.join(missing)} missing")
            if unknown:
                raise _wrong(where, f"there is no field {', '.join(unknown)}")
            values = [values[name] for name in names]
        if len(values) != len(fields):
            wanted = ", ".join(names)
            raise _wrong(where, f"expected {len(fields)} values ({wanted}), {len(values)} given")
        return b"".join(
            self.value(field.type, value, f"{where}.{name}" if where else name)
            for field, name, value in zip(fields, names, values, strict=True)
        )

    def variant(self, type_id: int, value: Plain, where: str) -> bytes:
        if self.portable.is_option(type_id):
            return self.option(type_id, value, where)
        if isinstance(value, str):
            name, inner = value, None
        elif isinstance(value, dict) and len(value) == 1:
            ((name, inner),) = value.items()
        else:
            named = self.portable.name(type_id)
            raise _wrong(where, f'expected a variant of {named}: {{"Name": ...}}')
        try:
            variant = self.portable.variant(type_id, name)
        except LookupError as error:
            raise _wrong(where, str(error)) from None
        inside = f"{where}.{name}" if where else name
        return bytes((variant.index,)) + self.body(variant.fields, inner, inside)

    def option(self, type_id: int, value: Plain, where: str) -> bytes:
        if value is None:
            return b"\0"
        inner = self.portable.variant(type_id, "Some").fields[0].type
        if self.portable.is_option(inner) and isinstance(value, dict) and value.keys() == {"Some"}:
            value = value["Some"]
        return b"\1" + self.value(inner, value, where)


def _wrong(where: str, why: str) -> EncodeError:
    return EncodeError(where or "value", why)


def _nothing(value: Plain, where: str) -> bytes:
    if value not in (None, [], {}):
        raise _wrong(where, "expected nothing")
    return b""


def _list(value: Plain, where: str) -> list[Plain]:
    if not isinstance(value, list):
        raise _wrong(where, "expected a list")
    return value


def _integer(value: Plain, where: str) -> int:
    if isinstance(value, str):
        if len(value) > MAX_DIGITS:
            raise _wrong(where, "expected a whole number, not such a long text")
        try:
            return int(value, 0)
        except ValueError:
            raise _wrong(where, f"expected a whole number, not {value!r}") from None
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(where, "expected a whole number")
    if value.bit_length() > MAX_BITS:  # Python does not print numbers of thousands of digits
        raise _wrong(where, "expected a smaller number")
    return value


def _octets(value: Plain, where: str, *, text: bool) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        try:
            return bytes([_integer(item, where) for item in value])
        except ValueError:
            raise _wrong(where, "expected bytes: numbers from 0 to 255") from None
    if not isinstance(value, str):
        raise _wrong(where, "expected bytes")
    if text and not value.startswith("0x"):
        return value.encode()
    try:
        return _read_hex(value)
    except ValueError:
        raise _wrong(where, f"expected 0x and hexadecimal digits, not {value!r}") from None


def _read_hex(text: str) -> bytes:
    if not text.startswith("0x"):
        raise ValueError("expected 0x and hexadecimal digits")
    return bytes.fromhex(text[2:])
