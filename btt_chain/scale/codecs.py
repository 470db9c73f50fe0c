"""Codecs of numbers, byte strings, lists and records, built out of codecs.

`btt_chain.scale.derive` builds them from annotations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Sized
from itertools import pairwise
from operator import itemgetter
from struct import calcsize
from typing import TypeVar

from btt_chain.scale import source
from btt_chain.scale.base import (
    MAX_LENGTH,
    AnyCodec,
    Codec,
    Decode,
    DeferredCodec,
    Encode,
    Params,
    Traits,
)
from btt_chain.scale.budget import METER, charge
from btt_chain.scale.compact import compact_decode, compact_encode
from btt_chain.scale.errors import DecodeError, EncodeError
from btt_chain.scale.shape import (
    ArrayOf,
    Bits,
    CompactOf,
    Composite,
    Docs,
    Field,
    Primitive,
    Shape,
    TupleOf,
    class_docs,
)
from btt_chain.scale.shape import (
    Sequence as SequenceOf,
)
from btt_chain.scale.source import Flat, compile_many, compile_record
from btt_chain.scale.uint import Integer, u8, u32

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
I = TypeVar("I", bound=Integer)  # noqa: E741  (an integer type)
S = TypeVar("S", bound=Sized)


# --- numbers ----------------------------------------------------------------

_WORDS = {(1, False): "B", (2, False): "H", (4, False): "I", (8, False): "Q",
          (1, True): "b", (2, True): "h", (4, True): "i", (8, True): "q"}  # fmt: skip


def integer(kind: type[I]) -> Codec[I]:
    """Return the codec of a little-endian, fixed-width integer; a newtype if it has a path."""
    size, signed, low, high = kind.BYTES, kind.SIGNED, kind.MIN, kind.MAX
    letter = "i" if signed else "u"
    primitive = f"{letter}{size * 8}"
    name = kind.__name__ if kind.PATH else primitive
    full, new, from_bytes = kind.FULL_RANGE, int.__new__, int.from_bytes

    def encode(value: I) -> bytes:
        if not low <= value <= high:
            raise EncodeError(name, f"{int(value)} is out of range")
        return int.to_bytes(value, size, "little", signed=signed)

    def decode(raw: bytes, at: int) -> tuple[I, int]:
        end = at + size
        if end > len(raw):
            raise DecodeError(name, at, "the input ends too early")
        value = from_bytes(raw[at:end], "little", signed=signed)
        if not full and not low <= value <= high:
            raise DecodeError(name, at, f"{value} is out of range")
        return new(kind, value), end

    flat: Flat | None = None
    if full and (size, signed) in _WORDS:
        flat = source.word(kind, _WORDS[size, signed])
    elif full and size == 16 and not signed:
        flat = source.double_word(kind)
    shape = Shape(lambda: Primitive(primitive))
    inner = Codec(name, encode, decode, shape, size, Traits(flat))
    if not kind.PATH:
        return inner
    return newtype(inner, name, kind.PATH, docs=class_docs(kind), type_name=primitive)


def compact_of(inner: Codec[I], kind: type[I]) -> Codec[I]:
    """Return the codec of the compact form of the integer `kind`, whose plain codec is `inner`."""
    name, high = f"Compact<{inner.name}>", kind.MAX
    new, from_bytes = int.__new__, int.from_bytes
    one_byte = source.small_values(kind)[:64]

    def encode(value: I) -> bytes:
        if not 0 <= value <= high:
            raise EncodeError(name, f"{int(value)} is out of range")
        return compact_encode(value)

    def decode(raw: bytes, at: int) -> tuple[I, int]:
        # The usual cases are written out because they are frequent; all other forms go to
        # `compact_decode`.
        try:
            first = raw[at]
            mode = first & 3
            if mode == 3:
                end = at + 5 + (first >> 2)
                if first > 3 and raw[end - 1]:
                    value = from_bytes(raw[at + 1 : end], "little")
                    if value <= high:
                        return new(kind, value), end
            elif mode == 1:
                value = first >> 2 | raw[at + 1] << 6
                if 63 < value <= high:
                    return new(kind, value), at + 2
            elif mode == 2:
                value = from_bytes(raw[at : at + 3], "little") >> 2 | raw[at + 3] << 22
                if 16383 < value <= high:
                    return new(kind, value), at + 4
        except IndexError:
            raise DecodeError(name, at, "the input ends too early") from None
        value, end = compact_decode(raw, at)
        if value > high:
            raise DecodeError(name, at, f"{value} is out of range")
        return new(kind, value), end

    shape = Shape(lambda: CompactOf(inner))
    return Codec(
        name, encode, decode, shape, 1, Traits(one_byte=one_byte if len(one_byte) == 64 else None)
    )


def _bool() -> Codec[bool]:
    forms = {0: False, 1: True}

    def decode(raw: bytes, at: int) -> tuple[bool, int]:
        try:
            return forms[raw[at]], at + 1
        except KeyError:
            raise DecodeError("bool", at, f"{raw[at]} is neither 0 nor 1") from None
        except IndexError:
            raise DecodeError("bool", at, "the input ends too early") from None

    return Codec(
        "bool", lambda v: b"\1" if v else b"\0", decode, Shape(lambda: Primitive("bool")), 1
    )


BOOL = _bool()
U8: Codec[u8] = integer(u8)
COMPACT_U32: Codec[u32] = compact_of(integer(u32), u32)


# --- byte strings and text --------------------------------------------------


def byte_string(limit: int = MAX_LENGTH) -> Codec[bytes]:
    """Return the codec of at most `limit` bytes after their number; checked in both directions."""

    def encode(value: bytes) -> bytes:
        if len(value) > limit:
            raise EncodeError("Vec<u8>", f"{len(value)} bytes given, {limit} are the most")
        return compact_encode(len(value)) + value

    def decode(raw: bytes, at: int) -> tuple[bytes, int]:
        if at < len(raw) and not raw[at] & 3:  # the usual case, without a call
            size, start = raw[at] >> 2, at + 1
        else:
            size, start = compact_decode(raw, at)
        end = start + size
        if end > len(raw):
            raise DecodeError("Vec<u8>", at, f"{size} bytes claimed, {len(raw) - start} there")
        if size > limit:
            raise DecodeError("Vec<u8>", at, f"{size} bytes claimed, {limit} are the most")
        return raw[start:end], end

    return Codec("Vec<u8>", encode, decode, Shape(lambda: SequenceOf(U8)), 1, Traits(limit=limit))


BYTES = byte_string()


def _str() -> Codec[str]:
    def encode(value: str) -> bytes:
        try:
            raw = value.encode()
        except UnicodeEncodeError as error:
            raise EncodeError("str", str(error)) from None
        return compact_encode(len(raw)) + raw

    def decode(raw: bytes, at: int) -> tuple[str, int]:
        if at < len(raw) and not raw[at] & 3:  # as for byte strings; metadata have 15,000 texts
            size, start = raw[at] >> 2, at + 1
        else:
            size, start = compact_decode(raw, at)
        end = start + size
        if end > len(raw):
            raise DecodeError("Vec<u8>", at, f"{size} bytes claimed, {len(raw) - start} there")
        try:
            return raw[start:end].decode(), end
        except UnicodeDecodeError as error:
            raise DecodeError("str", at, str(error)) from None

    return Codec("str", encode, decode, Shape(lambda: Primitive("str")), 1)


STR = _str()


def octets(size: int, kind: type[bytes] = bytes, path: str = "", docs: Docs = ()) -> Codec[bytes]:
    """Return the codec of exactly `size` bytes, as `kind`; a newtype if `path` is given."""
    name = kind.__name__ if path else f"[u8; {size}]"
    plain, new = kind is bytes, bytes.__new__

    def encode(value: bytes) -> bytes:
        if len(value) != size:
            raise EncodeError(name, f"{len(value)} bytes given")
        return bytes(value)

    def decode(raw: bytes, at: int) -> tuple[bytes, int]:
        end = at + size
        if end > len(raw):
            raise DecodeError(name, at, "the input ends too early")
        value = raw[at:end]
        return (value if plain else new(kind, value)), end

    flat = source.octets(kind, size) if size else None
    inner = Codec(name, encode, decode, Shape(lambda: ArrayOf(size, U8)), size, Traits(flat))
    return newtype(inner, name, path, docs=docs, type_name=f"[u8; {size}]") if path else inner


# --- lists ------------------------------------------------------------------


def vec(item: Codec[V], limit: int = MAX_LENGTH) -> Codec[list[V]]:
    """Return the codec of at most `limit` items after their number, which is checked first.

    `TypeError` for items that may have no bytes: nothing would bound the declared number.
    """
    name, floor = f"Vec<{item.name}>", item.min_size
    if not floor:
        raise TypeError(f"{name}: an item may have no bytes")

    def compiled() -> tuple[Encode[list[V]], Decode[list[V]]]:
        encode_items, decode_items = _items(item)

        def encode(values: list[V]) -> bytes:
            if len(values) > limit:
                raise EncodeError(name, f"{len(values)} items given, {limit} are the most")
            return compact_encode(len(values)) + encode_items(values)

        def decode(raw: bytes, at: int) -> tuple[list[V], int]:
            if at < len(raw) and not raw[at]:  # most lists are empty
                return [], at + 1
            count, start = compact_decode(raw, at)
            if count * floor > len(raw) - start:
                raise DecodeError(
                    name, at, f"{count} items claimed, {len(raw) - start} bytes there"
                )
            if count > limit:
                raise DecodeError(name, at, f"{count} items claimed, {limit} are the most")
            if METER.items is not None:
                charge(name, at, count)
            return decode_items(raw, start, count)

        return encode, decode

    shape = Shape(lambda: SequenceOf(item))
    return DeferredCodec(name, compiled, shape, 1, Traits(limit=limit))


def array_of(item: Codec[V], size: int) -> Codec[list[V]]:
    """Return the codec of exactly `size` items, without a number in front."""
    name, floor = f"[{item.name}; {size}]", item.min_size * size
    encode_items, decode_items = _items(item)

    def encode(values: list[V]) -> bytes:
        if len(values) != size:
            raise EncodeError(name, f"{len(values)} items given")
        return encode_items(values)

    def decode(raw: bytes, at: int) -> tuple[list[V], int]:
        if floor > len(raw) - at:
            raise DecodeError(name, at, "the input ends too early")
        if METER.items is not None:
            charge(name, at, size)
        return decode_items(raw, at, size)

    return Codec(name, encode, decode, Shape(lambda: ArrayOf(size, item)), floor)


def _items(
    item: Codec[V],
) -> tuple[Callable[[Iterable[V]], bytes], Callable[[bytes, int, int], tuple[list[V], int]]]:
    """Return the codec of a list's items without their number, which the caller has checked."""
    if item.flat is not None and item.flat.count:
        size = calcsize("<" + item.flat.format)
        encode_flat, decode_flat = compile_many(item.name, item.flat)

        def decode_run(raw: bytes, at: int, count: int) -> tuple[list[V], int]:
            end = at + size * count
            return decode_flat(raw[at:end]), end

        return encode_flat, decode_run
    encode_one, decode_one = item.encode, item.decode

    def encode(values: Iterable[V]) -> bytes:
        return b"".join([encode_one(value) for value in values])

    def decode(raw: bytes, at: int, count: int) -> tuple[list[V], int]:
        values = []
        for _ in range(count):
            value, at = decode_one(raw, at)
            values.append(value)
        return values, at

    return encode, decode


def mapping(key: Codec[K], value: Codec[V], limit: int = MAX_LENGTH) -> Codec[dict[K, V]]:
    """Return the codec of a map: at most `limit` pairs, in strictly ascending order of keys."""
    name = f"BTreeMap<{key.name}, {value.name}>"
    pairs, first = vec(tuple_of(key, value), limit), itemgetter(0)

    def encode(items: dict[K, V]) -> bytes:
        return pairs.encode(sorted(items.items(), key=first))

    def decode(raw: bytes, at: int) -> tuple[dict[K, V], int]:
        found, end = pairs.decode(raw, at)
        for (before, _), (after, _) in pairwise(found):
            if not before < after:
                raise DecodeError(name, at, "the keys are not in ascending order")
        return dict(found), end

    shape = Shape(
        lambda: Composite((Field(None, pairs),)), path="BTreeMap", params=(("K", key), ("V", value))
    )
    return Codec(name, encode, decode, shape, 1, Traits(limit=limit))


# --- records ----------------------------------------------------------------


def tuple_of(*parts: AnyCodec) -> AnyCodec:
    """Return the codec of a Python tuple of parts in sequence; no parts is the unit type."""
    name = f"({', '.join(part.name for part in parts)})"
    accesses = [(f"[{i}]", part) for i, part in enumerate(parts)]

    def compiled() -> tuple[Encode[tuple[object, ...]], Decode[tuple[object, ...]]]:
        encode, decode = compile_record(name, accesses, None)

        def checked(value: tuple[object, ...]) -> bytes:
            if len(value) != len(parts):
                raise EncodeError(name, f"{len(value)} parts given")
            return encode(value)

        return checked, decode

    size = sum(part.min_size for part in parts)
    flat = group(accesses, None)
    return DeferredCodec(name, compiled, Shape(lambda: TupleOf(parts)), size, Traits(flat))


def record(make: Callable[..., T], name: str, /, **parts: AnyCodec) -> Codec[T]:
    """Return the codec of an object's named attributes; decoding calls `make` with keywords.

    For several wire forms of one class; it has no description.
    """
    accesses = [(f".{attribute}", part) for attribute, part in parts.items()]
    encode, decode = compile_record(name, accesses, make, keywords=tuple(parts))
    shape = Shape(lambda: Composite(tuple(Field(key, part) for key, part in parts.items())))
    return Codec(name, encode, decode, shape, sum(part.min_size for part in parts.values()))


def group(
    accesses: Sequence[tuple[str, AnyCodec]], make: Callable[..., object] | None
) -> Flat | None:
    """Return the parts as one flat value if all of them are flat, else None."""
    flats = [(access, part.flat) for access, part in accesses if part.flat is not None]
    return source.group(flats, make) if len(flats) == len(accesses) else None


def newtype(
    inner: Codec[T],
    name: str,
    path: str,
    *,
    params: Params = (),
    docs: Docs = (),
    type_name: str | None = None,
) -> Codec[T]:
    """Return a codec of the same value with its own name: a struct of one unnamed field."""

    def functions() -> tuple[Encode[T], Decode[T]]:
        return inner.encode, inner.decode

    plain = DeferredCodec(type_name or inner.name, functions, inner.shape, inner.min_size)
    shape = Shape(
        lambda: Composite((Field(None, plain, plain.name),)), path=path, params=params, docs=docs
    )
    if isinstance(inner, DeferredCodec):
        return DeferredCodec(name, functions, shape, inner.min_size, Traits(inner.flat))
    return Codec(name, *functions(), shape, inner.min_size, Traits(inner.flat))


def bounded(inner: Codec[S], limit: int, path: str, params: Params) -> Codec[S]:
    """Return the codec of a collection of at most `limit` items, checked before any is decoded."""
    name = f"Bounded<{inner.name}, {limit}>"

    def encode(value: S) -> bytes:
        if len(value) > limit:
            raise EncodeError(name, f"{len(value)} items given")
        return inner.encode(value)

    def decode(raw: bytes, at: int) -> tuple[S, int]:
        count, _ = compact_decode(raw, at)
        if count > limit:
            raise DecodeError(name, at, f"{count} items claimed")
        return inner.decode(raw, at)

    shape = Shape(
        lambda: Composite((Field(None, inner, inner.name),)),
        path=path,
        params=(*params, ("S", None)),
    )
    return Codec(name, encode, decode, shape, inner.min_size, Traits(limit=limit))


def at_most_bytes(inner: Codec[T], limit: int) -> Codec[T]:
    """Return a codec of the same type with at most `limit` bytes; checked in both directions.

    The input is read before its length is known: `inner` needs a bound of its own on the number of
    its items.
    """
    name = inner.name

    def encode(value: T) -> bytes:
        raw = inner.encode(value)
        if len(raw) > limit:
            raise EncodeError(name, f"{len(raw)} bytes, {limit} are the most")
        return raw

    def decode(raw: bytes, at: int) -> tuple[T, int]:
        value, end = inner.decode(raw, at)
        if end - at > limit:
            raise DecodeError(name, at, f"{end - at} bytes, {limit} are the most")
        return value, end

    return Codec(name, encode, decode, inner.shape, inner.min_size, Traits(limit=inner.limit))


# --- special forms ----------------------------------------------------------


def opaque(inner: Codec[T]) -> Codec[T]:
    """Return the codec of a value's encoding as a byte string, with its length in front.

    Source: `WrapperOpaque` of frame_support, described there as (Compact<u32>, T).
    """
    name = f"WrapperOpaque<{inner.name}>"

    def encode(value: T) -> bytes:
        return BYTES.encode(inner.encode(value))

    def decode(raw: bytes, at: int) -> tuple[T, int]:
        size, start = compact_decode(raw, at)
        if size > len(raw) - start:
            raise DecodeError(name, at, f"{size} bytes claimed, {len(raw) - start} there")
        value, end = inner.decode(raw, start)
        if end != start + size:
            raise DecodeError(name, at, f"{size} bytes claimed, {end - start} used")
        return value, end

    def describe() -> Composite:
        return Composite((Field(None, COMPACT_U32), Field(None, inner, "T")))

    shape = Shape(
        describe,
        path="frame_support::traits::misc::WrapperOpaque",
        params=(("T", inner),),
    )
    return Codec(name, encode, decode, shape, 1 + inner.min_size)


UNIT: Codec[tuple[()]] = tuple_of()


class BitSequence(tuple[bool, ...]):
    """Bits in a row, of any number: `BitVec<u8, Lsb0>`."""

    __slots__ = ()


def _bit_sequence() -> Codec[BitSequence]:
    name = "BitVec<u8, Lsb0>"
    order = Shape(lambda: Composite(()), path="bitvec::order::Lsb0")
    lsb0 = Codec("Lsb0", UNIT.encode, UNIT.decode, order, 0)

    def encode(bits: BitSequence) -> bytes:
        word = int("".join("1" if bit else "0" for bit in reversed(bits)) or "0", 2)
        return compact_encode(len(bits)) + word.to_bytes((len(bits) + 7) // 8, "little")

    def decode(raw: bytes, at: int) -> tuple[BitSequence, int]:
        count, start = compact_decode(raw, at)
        end = start + (count + 7) // 8
        if end > len(raw):
            raise DecodeError(name, at, f"{count} bits claimed, {len(raw) - start} bytes there")
        if METER.items is not None:
            charge(name, at, count)
        word = int.from_bytes(raw[start:end], "little")
        if word >> count:
            raise DecodeError(name, at, "a bit behind the last one is set")
        bits = f"{word:0{count}b}"[::-1] if count else ""
        return BitSequence(bit == "1" for bit in bits), end

    return Codec(name, encode, decode, Shape(lambda: Bits(U8, lsb0)), 1)


BIT_SEQUENCE = _bit_sequence()
