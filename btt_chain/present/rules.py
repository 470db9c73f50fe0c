"""The rule of a type, from its annotation: compiled once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Final,
    NotRequired,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from typing_extensions import TypeForm

from btt_chain.present import composites, scalars
from btt_chain.present.rule import Rule
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import (
    BASIS_POINTS,
    MONEY,
    SLOT,
    ByMember,
    Code,
    Flat,
    Lines,
    LowerNames,
    Money,
    Share,
    Text,
    Time,
    Undeclared,
    meaning_of,
)
from btt_chain.scale import Codec, Fixed, FixedBytes, Integer, Meaning, TypeName, Variant
from btt_chain.scale.hints import hints_of, substitute, type_arguments
from btt_chain.scale.variant import origin_of

T = TypeVar("T")


def rule(kind: TypeForm[T]) -> Rule[T]:
    """Return the rule of a type. TypeError if it has none, as calls and events have none."""
    return cast("Rule[T]", rule_of(cast("object", kind)))


def record(kind: object) -> composites.Record:
    """Return the rule of a record. TypeError if the type is not one."""
    compiled = rule_of(kind)
    if not isinstance(compiled, composites.Record):
        raise TypeError(f"{kind!r} is not a record")
    return compiled


def members(kind: object) -> composites.Members:
    """Return the rule of a TypedDict. TypeError if the type is not one."""
    compiled = cast("object", rule_of(kind))
    if not isinstance(compiled, composites.Members):
        raise TypeError(f"{kind!r} is not a TypedDict")
    return compiled


NAMED: Final[Mapping[str, Meaning]] = {
    "Balance": MONEY,
    "BalanceOf<T>": MONEY,
    "Slot": SLOT,
    "Bps": BASIS_POINTS,
}
"""Marks of types by the names that metadata give them; a mark of its own comes before."""
_OPTION: Final = re.compile(r"Option<(.*)>")
NUMBERS: Final[Mapping[type[Meaning], Callable[..., object]]] = {
    Money: lambda kind, _: scalars.Amount(kind),
    Share: scalars.Percentage,
    Time: scalars.Moment,
}
"""Rules of numbers with a mark, from their type and the mark."""
BYTES: Final[Mapping[type[Meaning], Callable[..., object]]] = {
    Text: scalars.UserText,
    Code: scalars.Letters,
    Lines: scalars.TextLines,
    Undeclared: scalars.AnyBytes,
}
"""Rules of bytes with a mark, from their type and their fixed size."""


PLAIN: Final[Mapping[type, str]] = {int: "integer", float: "number"}
"""Types of numbers without a width by their names in schemas."""


@cache
def rule_of(kind: object, mark: Meaning | None = None, size: int | None = None) -> Rule[object]:
    """Return the rule of a type that is known at run time only. TypeError if it has none.

    `mark` is that of a type around it; `size` the fixed number of bytes.
    """
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated(args[0], args[1:], mark)
    if origin in (Union, UnionType):
        return _union(args, mark)
    if origin is list and isinstance(mark, ByMember):
        names = [scalars.lower_initial(member.name) for member in mark.kind]
        return _any(composites.ByName(rule_of(args[0]), names))
    if origin is list:
        return _any(composites.Items(rule_of(args[0], mark)))
    if origin is tuple:
        return _any(_tuple(args))
    if origin is dict:
        return _any(composites.Pairs(cast("Rule[tuple[object, object]]", _tuple(args))))
    if kind is object:
        return _any(scalars.Plain({}))
    base = origin or kind
    if not isinstance(base, type):
        raise TypeError(f"{kind!r} has no rule")
    return _class(base, args, mark or meaning_of(base), size)


def _annotated(base: object, marks: tuple[object, ...], outer: Meaning | None) -> Rule[object]:
    """Return the rule of a marked type: its own mark counts, then `outer`, then its name."""
    size, own, named = None, None, None
    for mark in marks:
        if isinstance(mark, Codec):
            raise TypeError(f"{mark.name} has no rule")
        if isinstance(mark, Meaning):
            own = mark
        elif isinstance(mark, TypeName):
            named = NAMED.get(_OPTION.sub(r"\1", mark.name))
        elif isinstance(mark, Fixed):
            size = mark.size
    return rule_of(base, own or outer or named, size)


def _union(args: tuple[object, ...], mark: Meaning | None) -> Rule[object]:
    arms = [arm for arm in args if arm is not NoneType]
    if len(arms) < len(args):
        inner = Union[tuple(arms)] if len(arms) > 1 else arms[0]  # noqa: UP007 - arms are values
        return composites.Option(rule_of(inner, mark))
    records = {}
    for arm in arms:
        variant = get_origin(arm) or arm
        if not isinstance(variant, type) or not issubclass(variant, Variant):
            raise TypeError(f"{arm!r} is not a variant")
        records[variant] = _record(variant, get_args(arm), variant.__name__)
    return composites.Alternatives(records)


def _tuple(args: tuple[object, ...]) -> composites.Tuple:
    return composites.Tuple([rule_of(part) for part in args])


def _class(
    kind: type, args: tuple[object, ...], mark: Meaning | None, size: int | None
) -> Rule[object]:
    if kind is bool:
        return _any(scalars.Truth())
    if kind is str:
        return _any(scalars.Words())
    if kind in PLAIN:
        return _any(scalars.Plain({"type": PLAIN[kind]}))
    if is_typeddict(kind):
        return _any(_members(kind))
    if issubclass(kind, AccountId):
        return _any(scalars.Account())
    if issubclass(kind, bytes):
        size = kind.SIZE if issubclass(kind, FixedBytes) else size
        make_bytes = scalars.Bytes if mark is None else BYTES.get(type(mark), scalars.Bytes)
        return _any(make_bytes(kind, size))
    if issubclass(kind, IntEnum):
        return _any(scalars.Name(kind, lower_names=isinstance(mark, LowerNames)))
    if issubclass(kind, Integer) and kind.BYTES:
        make = None if mark is None else NUMBERS.get(type(mark))
        return _any(scalars.Count(kind) if make is None else make(kind, mark))
    if issubclass(kind, Variant):
        return composites.Alternatives({kind: _record(kind, args, kind.__name__)})
    if not is_dataclass(kind):
        raise TypeError(f"{kind!r} has no rule")
    record = _record(kind, args)
    if origin_of(kind).unnamed and len(record.parts) == 1:
        return composites.Newtype(kind, record.parts[0].name, record.parts[0].rule)
    return record


def _record(kind: type, args: tuple[object, ...], name: str = "") -> composites.Record:
    bound, hints = type_arguments(kind, args), hints_of(kind)
    names = [field.name for field in fields(kind) if field.init]
    return composites.Record(
        kind,
        [composites.Part(name, rule_of(substitute(hints[name], bound))) for name in names],
        name,
    )


def _members(kind: type) -> composites.Members:
    members = {}
    for name, declared in get_type_hints(kind, include_extras=True).items():
        origin: object = get_origin(declared)
        is_optional = origin is NotRequired
        hint = get_args(declared)[0] if is_optional else declared
        marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        flat = next((mark for mark in marks if isinstance(mark, Flat)), None)
        form = rule_of(hint)
        if flat is not None and isinstance(form, composites.Record):
            form = form.flat(flat.parts)
        members[name] = composites.Member(form, is_optional, flat is not None)
    return composites.Members(members)


def _any(rule: object) -> Rule[object]:
    """Return a rule as one of values whose type is known at run time only."""
    return cast("Rule[object]", rule)
