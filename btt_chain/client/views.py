"""Runtime APIs, events and calls with Python classes in place of plain values.

The classes are the runtime's own, or any that name the fields which their reader uses; a runtime
API is a class or protocol whose methods are named and annotated as the chain's:

    client = ViewClient(chain)
    holdings = await client.api(AssetsApi.holdings, who, u32(0), u32(100))

The chain's metadata encode and decode, not the classes: they may be those of another version, so
that fields may be added or moved on the chain. A field that the chain does not have is an
`InvalidAnswer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from enum import IntEnum
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Final,
    TypeAlias,
    TypeVar,
    TypeVarTuple,
    Union,
    cast,
    get_args,
    get_origin,
)

from btt_chain.client.amount import Currency
from btt_chain.client.chain import Chain
from btt_chain.client.errors import InvalidAnswer, InvalidArgument
from btt_chain.client.transactions import Call, Included
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import ByMember
from btt_chain.scale import FixedBytes, Variant, u8
from btt_chain.scale.hints import hints_of
from btt_chain.scale.portable import Plain
from btt_chain.scale.variant import origin_of

Api = TypeVar("Api")
Inputs = TypeVarTuple("Inputs")
Output = TypeVar("Output")
Kind = TypeVar("Kind")

Reader: TypeAlias = Callable[[Plain, str], object]
"""Makes an object of a plain value; the text is its place, for errors."""

SLOT_MS: Final = "Babe.ExpectedBlockTime"


class ViewClient:
    """A chain whose values are read as objects of the caller's classes."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain

    @property
    def genesis(self) -> bytes:
        """The hash of block zero."""
        return self.chain.genesis

    @property
    def currency(self) -> Currency:
        """The chain's currency."""
        return self.chain.metadata.currency

    @property
    def prefix(self) -> int:
        """The network prefix of the chain's addresses."""
        return self.chain.metadata.prefix

    @property
    def slot_ms(self) -> int:
        """Milliseconds of a slot. Raises NotFound without Babe, InvalidAnswer for a wrong one."""
        value = self.chain.constant(SLOT_MS)
        ms = _reader(int)(value, SLOT_MS)
        if not isinstance(ms, int) or ms <= 0:
            raise _wrong(value, SLOT_MS, "a time above zero")
        return ms

    async def api(
        self,
        method: Callable[[Api, *Inputs], Output],
        *args: *Inputs,
        at: bytes | None = None,
    ) -> Output:
        """Call a runtime API's method on the state of the best block or of `at`.

        Raises NotFound if the chain has none, InvalidArgument, InvalidAnswer.
        """
        answer = await self.chain.api(name_of(method), *map(plain, args), at=at)
        # The reader is that of the method's annotation.
        return cast("Output", reader_of(method)(answer, name_of(method)))

    async def storage(self, kind: type[Kind], path: str, *keys: object) -> Kind | None:
        """Return a storage item, `Pallet.Item`, as an object of a class.

        None if it is absent and has no default. Raises NotFound, InvalidArgument, InvalidAnswer.
        """
        value = await self.chain.storage(path, *map(plain, keys))
        return None if value is None else cast("Kind", _reader(kind)(value, path))

    def compose(self, pallet: str, call: str, /, **args: object) -> Call:
        """Return a call; arguments may be objects of classes. Raises NotFound, InvalidArgument."""
        named = {name: plain(value) for name, value in args.items()}
        return self.chain.compose(f"{pallet}.{call}", **named)


def event_of(done: Included, name: str, kind: type[Kind]) -> Kind:
    """Return the first event of a name, `Pallet.Event`. Raises InvalidAnswer if there is none."""
    events = events_of(done, name, kind)
    if not events:
        raise InvalidAnswer(f"the call has no event {name}: use the release of the chain's node")
    return events[0]


def events_of(done: Included, name: str, kind: type[Kind]) -> list[Kind]:
    """Return the events of a name, `Pallet.Event`, as objects of a class."""
    return [shaped(kind, event.fields) for event in done.events if event.name == name]


def shaped(kind: type[Kind], value: Plain) -> Kind:
    """Return a plain value as an object of a class. Raises InvalidAnswer."""
    return cast("Kind", _reader(kind)(value, kind.__name__))


def plain(value: object) -> Plain:
    """Return an object as a plain value. Raises InvalidArgument for one that has no such form."""
    match value:
        case None | bool() | str():
            return value
        case IntEnum():
            return value.name
        case int():
            return int(value)
        case bytes():
            return "0x" + value.hex()
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {str(name): plain(item) for name, item in value.items()}
        case Variant():
            if not vars(value):
                return value.NAME
            return {value.NAME: _parts(value, is_unnamed=value.UNNAMED)}
    if is_dataclass(value):
        return _parts(value, is_unnamed=origin_of(type(value)).unnamed)
    raise InvalidArgument(f"{value!r} has no form in calls of a chain")


def _parts(value: object, *, is_unnamed: bool) -> Plain:
    parts = {name: plain(getattr(value, field)) for name, field in _named(type(value))}
    if not is_unnamed:
        return parts
    return next(iter(parts.values())) if len(parts) == 1 else list(parts.values())


def _named(kind: type) -> list[tuple[str, str]]:
    """Return the fields of a class that are on the wire, by their names there and in the class."""
    if not is_dataclass(kind):
        raise TypeError(f"values of a chain are not read as {kind}")
    names = [field.name for field in fields(kind) if field.init]
    return [(name.removesuffix("_"), name) for name in names]


def name_of(method: Callable[..., object]) -> str:
    """Return the name of a runtime API's method, `Api.method`."""
    api, _, name = method.__qualname__.rpartition(".")
    return f"{api.rpartition('.')[2]}.{name}"


# ---- readers


@cache
def reader_of(method: Callable[..., object]) -> Reader:
    """Return the reader of a method's result. TypeError if its annotation has none."""
    return _reader(hints_of(method)["return"])


_READERS: Final[dict[object, Reader]] = {}


def _reader(kind: object) -> Reader:
    """Return the reader of a class or an annotation. TypeError if there is none."""
    if kind not in _READERS:
        _READERS[kind] = _made(kind)
    return _READERS[kind]


def _made(kind: object) -> Reader:
    origin, args = get_origin(kind), get_args(kind)
    if kind is object:
        return lambda value, _: value
    if origin is Annotated:
        base = args[0]
        is_enum = isinstance(base, type) and issubclass(base, Variant)
        sizes = [len(mark.kind) for mark in args[1:] if isinstance(mark, ByMember)]
        if sizes:
            return _sized(_reader(base), sizes[0])
        return _variants([base]) if is_enum else _reader(base)
    if origin in (Union, UnionType):
        return _union(args)
    if kind == list[u8]:
        octets = _bytes(bytes)
        return lambda value, where: [u8(octet) for octet in cast("bytes", octets(value, where))]
    if origin is list:
        return _list(_reader(args[0]))
    if origin is tuple:
        return _tuple([_reader(part) for part in args])
    if origin is dict:
        pairs = _list(_tuple([_reader(part) for part in args]))
        return lambda value, where: dict(cast("list[tuple[object, object]]", pairs(value, where)))
    if isinstance(kind, type):
        for base, make in _SIMPLE:
            if issubclass(kind, base):
                return make(kind)
        if issubclass(kind, Variant):
            return _struct(kind, is_unnamed=kind.UNNAMED)
        return _struct(kind, is_unnamed=origin_of(kind).unnamed)
    raise TypeError(f"values of a chain are not read as {kind}")


def _wrong(value: Plain, where: str, wanted: str) -> InvalidAnswer:
    return InvalidAnswer(
        f"the chain's {where} is {value!r}, and {wanted} was expected: use the release of its node"
    )


def _bool(_: type) -> Reader:
    def read(value: Plain, where: str) -> object:
        if not isinstance(value, bool):
            raise _wrong(value, where, "a yes or no")
        return value

    return read


def _text(_: type) -> Reader:
    def read(value: Plain, where: str) -> object:
        """Return text; the name of a variant, if the value is one with fields."""
        if isinstance(value, dict) and len(value) == 1:
            return next(iter(value))
        if not isinstance(value, str):
            raise _wrong(value, where, "text")
        return value

    return read


def _enum(kind: type[IntEnum]) -> Reader:
    def read(value: Plain, where: str) -> object:
        if not isinstance(value, str) or value not in kind.__members__:
            raise _wrong(value, where, f"one of {', '.join(kind.__members__)}")
        return kind[value]

    return read


def _integer(kind: type[int]) -> Reader:
    def read(value: Plain, where: str) -> object:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise _wrong(value, where, "a number")
        try:
            return kind(int(value))
        except (ValueError, ArithmeticError):
            raise _wrong(value, where, "a number") from None

    return read


def _account(_: type) -> Reader:
    def read(value: Plain, where: str) -> object:
        if not isinstance(value, str):
            raise _wrong(value, where, "an account")
        try:
            if value.startswith("0x"):
                return AccountId(bytes.fromhex(value[2:]))
            return AccountId(ss58.decode(value)[0])
        except ValueError:
            raise _wrong(value, where, "an account") from None

    return read


def _bytes(kind: type[bytes]) -> Reader:
    def read(value: Plain, where: str) -> object:
        if not isinstance(value, str) or not value.startswith("0x"):
            raise _wrong(value, where, "bytes")
        try:
            return kind(bytes.fromhex(value[2:]))
        except ValueError:
            raise _wrong(value, where, "bytes") from None

    return read


_SIMPLE: Final[Sequence[tuple[type, Callable[[type], Reader]]]] = (
    (bool, _bool), (str, _text), (IntEnum, _enum), (int, _integer), (AccountId, _account),
    (FixedBytes, _bytes), (bytes, _bytes),
)  # fmt: skip
"""Readers of classes and their subclasses; the first that fits counts."""


def _struct(kind: type, *, is_unnamed: bool) -> Reader:
    hints = hints_of(kind)
    parts = [(name, _reader(hints[field])) for name, field in _named(kind)]
    if not parts:
        return lambda _, __: kind()
    if is_unnamed and len(parts) == 1:
        ((_, only),) = parts
        return lambda value, where: kind(only(value, where))
    if is_unnamed:
        unnamed = _tuple([part for _, part in parts])
        return lambda value, where: kind(*cast("tuple[object, ...]", unnamed(value, where)))

    def read(value: Plain, where: str) -> object:
        if not isinstance(value, dict):
            raise _wrong(value, where, "a record")
        values: list[object] = []
        for name, part in parts:
            if name not in value:
                raise InvalidAnswer(
                    f"the chain's {where} has no {name}: use the release of its node"
                )
            values.append(part(value[name], f"{where}.{name}"))
        return kind(*values)

    return read


def _variants(kinds: Sequence[type[Variant]]) -> Reader:
    """Return the reader of an enum whose variants may have fields."""
    arms = {kind.NAME: _reader(kind) for kind in kinds}

    def read(value: Plain, where: str) -> object:
        name, inner = value, None
        if isinstance(value, dict) and len(value) == 1:
            ((name, inner),) = value.items()
        if not isinstance(name, str) or name not in arms:
            raise _wrong(value, where, f"one of {', '.join(arms)}")
        return arms[name](inner, f"{where}.{name}")

    return read


def _list(item: Reader) -> Reader:
    def read(value: Plain, where: str) -> object:
        if not isinstance(value, list):
            raise _wrong(value, where, "a list")
        return [item(part, where) for part in value]

    return read


def _sized(items: Reader, size: int) -> Reader:
    """Return the reader of a list with a fixed number of items."""

    def read(value: Plain, where: str) -> object:
        if not isinstance(value, list) or len(value) != size:
            raise _wrong(value, where, f"a list of {size}")
        return items(value, where)

    return read


def _tuple(parts: Sequence[Reader]) -> Reader:
    def read(value: Plain, where: str) -> object:
        values: Plain = [] if value is None else value
        if not isinstance(values, list) or len(values) != len(parts):
            raise _wrong(value, where, f"a list of {len(parts)}")
        return tuple(part(item, where) for part, item in zip(parts, values, strict=True))

    return read


def _union(kinds: Sequence[object]) -> Reader:
    """Return the reader of an optional value, or of an enum whose variants have fields."""
    others = [kind for kind in kinds if kind is not NoneType]
    if len(others) == 1:
        inner = _reader(others[0])
    elif all(isinstance(kind, type) and issubclass(kind, Variant) for kind in others):
        inner = _variants(cast("list[type[Variant]]", others))
    else:
        raise TypeError(f"values of a chain are not read as one of {kinds}")
    if len(others) == len(kinds):
        return inner
    return lambda value, where: None if value is None else inner(value, where)
