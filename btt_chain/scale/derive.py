"""Codecs from annotations: `codec(kind)` compiles a type once and caches it.

bool, str and bytes are themselves; `list[T]`, `tuple[...]`, `dict[K, V]` and `T | None` are
Vec, tuple, BTreeMap and Option; a dataclass is a struct, an IntEnum an enum without fields
(names as written), a union of `Variant` classes an enum. The marks of `bounded` refine them,
and any `Codec` in `Annotated` is used as it is (for example a `RecursiveCodec`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from enum import IntEnum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

from typing_extensions import TypeForm

from btt_chain.scale import codecs as build
from btt_chain.scale import enums
from btt_chain.scale.base import AnyCodec, Codec, DeferredCodec, Params, Traits
from btt_chain.scale.bounded import (
    COMPACT,
    Array,
    BoundedLen,
    Fixed,
    FixedBytes,
    MaxBytes,
    MaxLen,
    Meaning,
    Opaque,
    Path,
    TypeName,
)
from btt_chain.scale.codecs import BitSequence
from btt_chain.scale.enums import Arm
from btt_chain.scale.hints import hints_of, substitute, type_arguments
from btt_chain.scale.shape import (
    CompactOf,
    Composite,
    Docs,
    Field,
    Shape,
    attribute_docs,
    class_docs,
)
from btt_chain.scale.source import compile_record
from btt_chain.scale.uint import Integer
from btt_chain.scale.variant import Err, Ok, Variant, complete, origin_of

T = TypeVar("T")


def codec(kind: TypeForm[T]) -> Codec[T]:
    """Return the codec of `kind`, compiled at first use; `TypeError` if it has no SCALE form."""
    compiled: Codec[T] = _compiled(cast("object", kind))
    return compiled


def encode(kind: TypeForm[T], value: T) -> bytes:
    """Encode `value` as a `kind`."""
    return codec(kind).encode(value)


def decode(kind: TypeForm[T], raw: bytes) -> T:
    """Decode the whole of `raw` as a `kind`."""
    return codec(kind).decode_all(raw)


@cache
def _compiled(kind: object) -> AnyCodec:
    # Unions and generic aliases compare equal if they mean the same, so the cache is exact.
    under_way: list[object] = _now.__dict__.setdefault("under_way", [])
    if kind in under_way:
        raise TypeError(f"{kind!r} contains itself: put a RecursiveCodec in between")
    under_way.append(kind)
    try:
        return _compile(kind)
    finally:
        under_way.pop()


_now = threading.local()


def _compile(kind: object) -> AnyCodec:
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated(args[0], args[1:])
    if origin in {Union, UnionType}:
        return _union(args)
    if origin is list:
        return build.vec(_compiled(args[0]))
    if origin is tuple:
        if Ellipsis in args:
            raise TypeError(f"{kind!r} has no length: use list")
        return build.tuple_of(*map(_compiled, args))
    if origin is dict:
        if not _ordered(args[0]):
            raise TypeError(f"the keys of {kind!r} have no order")
        return build.mapping(_compiled(args[0]), _compiled(args[1]))
    base = origin if origin is not None else kind
    if isinstance(base, type):
        found = _class(base, type_arguments(base, args))
        if found is not None:
            return found
    hint = ": use a sized integer, such as u32" if kind is int else ""
    raise TypeError(f"no SCALE form for {kind!r}{hint}")


def _ordered(kind: object) -> bool:
    """Return True if Python's order of `kind` values is the order on the wire."""
    if get_origin(kind) is Annotated:
        return _ordered(get_args(kind)[0])
    if get_origin(kind) is tuple:
        return all(map(_ordered, get_args(kind)))
    return isinstance(kind, type) and issubclass(kind, (int, bytes, str))


_PLAIN: dict[object, AnyCodec] = {
    bool: build.BOOL,
    str: build.STR,
    bytes: build.BYTES,
    BitSequence: build.BIT_SEQUENCE,
}


def _class(kind: type, bound: Mapping[object, object]) -> AnyCodec | None:
    if issubclass(kind, Integer) and kind.BYTES:
        return build.integer(kind)
    if issubclass(kind, FixedBytes):
        return build.octets(kind.SIZE, kind, kind.PATH, class_docs(kind))
    if issubclass(kind, IntEnum):
        values = [(member.name, int(member), member) for member in kind]
        if not all(0 <= index <= 255 for _, index, _ in values):
            raise TypeError(f"{kind.__name__}: an index does not fit a byte")
        return enums.constants(
            kind.__name__,
            values,
            path=origin_of(kind).path,
            docs=class_docs(kind),
            variant_docs=lambda: attribute_docs(kind),
        )
    if issubclass(kind, Variant):
        raise TypeError(f"{kind.__name__} is one variant: `variants([...])` makes an enum of it")
    if is_dataclass(kind):
        return _struct(kind, bound)
    return None


# --- annotations ------------------------------------------------------------


def _annotated(base: object, marks: tuple[object, ...]) -> AnyCodec:
    found: AnyCodec | None = None
    for mark in marks:
        if isinstance(mark, TypeName | Meaning):
            continue
        if isinstance(mark, Codec):
            found = mark
        elif isinstance(mark, Fixed):
            found = build.octets(mark.size)
        elif isinstance(mark, Array):
            found = build.array_of(_compiled(_item_of(base)), mark.size)
        elif mark is COMPACT:
            found = _compact(base)
        elif isinstance(mark, BoundedLen):
            found = _bounded(base, found or _compiled(base), mark.limit)
        elif isinstance(mark, MaxLen):
            found = _limited(base, mark.limit)
        elif isinstance(mark, MaxBytes):
            found = build.at_most_bytes(found or _compiled(base), mark.limit)
        elif mark is Opaque:
            found = build.opaque(found or _compiled(base))
        elif isinstance(mark, Path):
            found = _named(base, found, mark)
        else:
            raise TypeError(f"{mark!r} means nothing on the wire (on {base!r})")
    return found or _compiled(base)


def _item_of(kind: object) -> object:
    if get_origin(kind) is not list:
        raise TypeError(f"an Array is a list of something, not {kind!r}")
    return get_args(kind)[0]


def _compact(kind: object) -> AnyCodec:
    inner = _compiled(kind)
    if isinstance(kind, type) and issubclass(kind, Integer) and not kind.SIGNED:
        return build.compact_of(inner, kind)
    if kind == tuple[()]:
        # The index of an account is the unit type because accounts have none.
        shape = Shape(lambda: CompactOf(inner))
        return Codec("Compact<()>", inner.encode, inner.decode, shape, 0)
    raise TypeError(f"{kind!r} has no compact form")


def _bounded(base: object, inner: AnyCodec, limit: int) -> AnyCodec:
    while get_origin(base) is Annotated:
        base = get_args(base)[0]
    if base is bytes:
        return build.bounded(inner, limit, _BOUNDED_VEC, (("T", build.U8),))
    if get_origin(base) is list:
        return build.bounded(inner, limit, _BOUNDED_VEC, (("T", _compiled(get_args(base)[0])),))
    if get_origin(base) is dict:
        key, value = map(_compiled, get_args(base))
        return build.bounded(inner, limit, _BOUNDED_MAP, (("K", key), ("V", value)))
    raise TypeError(f"only list, bytes and dict can be bounded, not {base!r}")


def _limited(base: object, limit: int) -> AnyCodec:
    origin, args = get_origin(base), get_args(base)
    if base is bytes:
        return build.byte_string(limit)
    if origin is list:
        return build.vec(_compiled(args[0]), limit)
    if origin is dict and _ordered(args[0]):
        return build.mapping(_compiled(args[0]), _compiled(args[1]), limit)
    raise TypeError(f"only list, bytes and dict can have at most so many items, not {base!r}")


_BOUNDED_VEC = "bounded_collections::bounded_vec::BoundedVec"
_BOUNDED_MAP = "bounded_collections::bounded_btree_map::BoundedBTreeMap"


def _named(base: object, inner: AnyCodec | None, mark: Path) -> AnyCodec:
    params = _params(mark.params)
    name = mark.path.rsplit("::", maxsplit=1)[-1]
    if inner is None and get_origin(base) in {Union, UnionType} and NoneType not in get_args(base):
        return variants(get_args(base), mark.path, params=params)
    if inner is None and isinstance(base, type) and issubclass(base, Variant):
        return variants((base,), mark.path, params=params)
    return build.newtype(inner or _compiled(base), name, mark.path, params=params)


def _union(args: tuple[Any, ...]) -> AnyCodec:
    rest = tuple(arg for arg in args if arg is not NoneType)
    if len(rest) < len(args):
        inner = _compiled(rest[0]) if len(rest) == 1 else _union(rest)
        return enums.option(inner)
    result = {get_origin(arg): arg for arg in args}
    if result.keys() == {Ok, Err}:
        return result_of(*(_compiled(get_args(result[kind])[0]) for kind in (Ok, Err)))
    return variants(args)


def result_of(value: AnyCodec, error: AnyCodec) -> AnyCodec:
    """Return the codec of `Result<T, E>`: an `Ok` or an `Err`."""
    arms = [
        _arm(Ok, lambda: [("value", value, None)], Ok.__name__, value.min_size),
        _arm(Err, lambda: [("error", error, None)], Err.__name__, error.min_size),
    ]
    name = f"Result<{value.name}, {error.name}>"
    return enums.enum_of(name, arms, path="Result", params=(("T", value), ("E", error)))


# --- structs and variants ---------------------------------------------------


def _struct(kind: type, bound: Mapping[object, object]) -> AnyCodec:
    members = _members(kind, bound)
    parts = [(f".{name}", part) for name, part, _ in members]
    compiled = partial(compile_record, kind.__name__, parts, kind)
    origin = origin_of(kind)
    shape = Shape(
        lambda: Composite(_fields(kind, members, unnamed=origin.unnamed)),
        path=origin.path,
        params=_params((key, substitute(param, bound)) for key, param in origin.params),
        docs=class_docs(kind),
    )
    size = sum(part.min_size for _, part, _ in members)
    return DeferredCodec(kind.__name__, compiled, shape, size, Traits(build.group(parts, kind)))


def variants(
    kinds: Iterable[type[Variant]],
    path: str = "",
    *,
    params: Params = (),
    docs: Docs = (),
    deferred: bool = False,
) -> AnyCodec:
    """Return the codec of an enum of these variant classes, as for a union of them.

    `deferred` reads a class's fields when the first of its values is coded or described: for enums
    that do not contain themselves. The minimum size of a value then counts its first byte only.
    """
    arms = []
    for kind in kinds:
        base = get_origin(kind) or kind
        if not (isinstance(base, type) and issubclass(base, Variant)) or base.INDEX is None:
            raise TypeError(f"{kind!r} in the enum {path or '(without a path)'} is not a variant")
        members = cache(partial(_members, base, type_arguments(base, get_args(kind))))
        floor = 0 if deferred else sum(part.min_size for _, part, _ in members())
        arms.append(_arm(base, members, base.NAME, floor))
    name = path.rsplit("::", maxsplit=1)[-1] or " | ".join(arm.name for arm in arms)
    return enums.enum_of(name, arms, path=path, params=params, docs=docs)


Member = tuple[str, AnyCodec, str | None]
"""A field of a class: its attribute, its codec, the name that metadata gives its type."""


def _arm(kind: type[Variant], members: Callable[[], list[Member]], name: str, min_size: int) -> Arm:
    index = kind.INDEX
    assert index is not None  # noqa: S101 - the callers have looked

    def compile() -> tuple[Callable[..., bytes], Callable[[bytes, int], tuple[object, int]]]:
        parts = [(f".{attribute}", part) for attribute, part, _ in members()]
        return compile_record(name, parts, kind, prefix=bytes((index,)))

    return Arm(
        kind,
        name,
        index,
        compile,
        min_size,
        lambda: _fields(kind, members(), unnamed=kind.UNNAMED),
        class_docs(kind),
    )


def _members(kind: type, bound: Mapping[object, object]) -> list[Member]:
    if issubclass(kind, Variant):
        complete(kind)
    if not is_dataclass(kind):
        raise TypeError(f"{kind!r} is not a dataclass")
    try:
        hints = hints_of(kind)
    except NameError as error:
        raise TypeError(f"{kind.__name__}: {error}") from error
    found: list[Member] = []
    for field in dataclass_fields(kind):
        if not field.init:
            continue  # stored beside the value (a cached hash), not part of it
        hint = substitute(hints[field.name], bound)
        try:
            found.append((field.name, _compiled(hint), _type_name(hint)))
        except TypeError as error:
            raise TypeError(f"{kind.__name__}.{field.name}: {error}") from error
    return found


def _fields(kind: type, members: list[Member], *, unnamed: bool) -> tuple[Field, ...]:
    docs = attribute_docs(kind)
    return tuple(
        Field(
            None if unnamed else attribute.removesuffix("_"),
            part,
            type_name or part.name,
            docs.get(attribute, ()),
        )
        for attribute, part, type_name in members
    )


def _type_name(hint: object) -> str | None:
    if get_origin(hint) is not Annotated:
        return None
    return next((m.name for m in get_args(hint)[1:] if isinstance(m, TypeName)), None)


def _params(params: Iterable[tuple[str, object]]) -> Params:
    return tuple(
        (name, None if param is None else param if isinstance(param, Codec) else _compiled(param))
        for name, param in params
    )
