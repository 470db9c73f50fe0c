"""Runtime APIs and calls with Python classes in place of plain values, without a runtime.

A class names the fields that its reader uses; a runtime API is a protocol whose methods are named
and annotated as the chain's:

    @dataclass(frozen=True, slots=True)
    class Holding:
        id: int
        units: int


    class AssetsApi(Protocol):
        def holdings(self, account: AccountId, begin: int, limit: int) -> list[Holding]: ...


    found = await ViewClient(chain).api(AssetsApi.holdings, who, 0, 100)

The chain's metadata encode and decode, so fields may be added or moved on the chain. A field that
the chain does not have is an `InvalidAnswer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from enum import IntEnum
from functools import cache
from types import NoneType, UnionType
from typing import Final, TypeAlias, TypeVar, TypeVarTuple, Union, cast, get_args, get_origin
from typing import get_type_hints as hints_of

from btt_chain.client.amount import Currency
from btt_chain.client.chain import Chain
from btt_chain.client.errors import InvalidAnswer, InvalidArgument
from btt_chain.client.transactions import Call, Included
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.scale import FixedBytes, Variant
from btt_chain.scale.portable import Plain

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
        """Milliseconds of a slot."""
        return int(str(self.chain.constant(SLOT_MS)))

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
        return cast("Output", _result(method)(answer, name_of(method)))

    def compose(self, pallet: str, call: str, /, **args: object) -> Call:
        """Return a call; arguments may be objects of classes. Raises NotFound, InvalidArgument."""
        named = {name: plain(value) for name, value in args.items()}
        return self.chain.compose(f"{pallet}.{call}", **named)


def event_of(done: Included, name: str, kind: type[Kind]) -> Kind:
    """Return the first event of a name, `Pallet.Event`. Raises InvalidAnswer if there is none."""
    found = events_of(done, name, kind)
    if not found:
        raise InvalidAnswer(f"the call has no event {name}: use the release of the chain's node")
    return found[0]


def events_of(done: Included, name: str, kind: type[Kind]) -> list[Kind]:
    """Return the events of a name, `Pallet.Event`, as objects of a class."""
    return [shaped(kind, each.fields) for each in done.events if each.name == name]


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
            return [plain(each) for each in value]
        case dict():
            return {str(name): plain(each) for name, each in value.items()}
        case Variant():
            parts = {name: plain(each) for name, each in vars(value).items()}
            if not parts:
                return value.NAME
            return {value.NAME: _unnamed(list(parts.values())) if value.UNNAMED else parts}
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    raise InvalidArgument(f"{value!r} has no form in calls of a chain")


def _unnamed(parts: list[Plain]) -> Plain:
    return parts[0] if len(parts) == 1 else parts


def name_of(method: Callable[..., object]) -> str:
    """Return the name of a runtime API's method, `Api.method`."""
    api, _, name = method.__qualname__.rpartition(".")
    return f"{api.rpartition('.')[2]}.{name}"


# ---- readers


@cache
def _result(method: Callable[..., object]) -> Reader:
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
    if origin in (Union, UnionType):
        return _union(args)
    if origin is list:
        return _list(_reader(args[0]))
    if origin is tuple:
        return _tuple([_reader(each) for each in args])
    if isinstance(kind, type):
        for base, make in _SIMPLE:
            if issubclass(kind, base):
                return make(kind)
        if is_dataclass(kind):
            return _struct(kind)
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


def _struct(kind: type) -> Reader:
    hints = hints_of(kind)
    parts = [(field.name, _reader(hints[field.name])) for field in fields(kind)]

    def read(value: Plain, where: str) -> object:
        if not isinstance(value, dict):
            raise _wrong(value, where, "a record")
        given: list[object] = []
        for name, part in parts:
            if name not in value:
                raise InvalidAnswer(
                    f"the chain's {where} has no {name}: use the release of its node"
                )
            given.append(part(value[name], f"{where}.{name}"))
        return kind(*given)

    return read


def _list(item: Reader) -> Reader:
    def read(value: Plain, where: str) -> object:
        if not isinstance(value, list):
            raise _wrong(value, where, "a list")
        return [item(each, where) for each in value]

    return read


def _tuple(parts: Sequence[Reader]) -> Reader:
    def read(value: Plain, where: str) -> object:
        if not isinstance(value, list) or len(value) != len(parts):
            raise _wrong(value, where, f"a list of {len(parts)}")
        return tuple(part(each, where) for part, each in zip(parts, value, strict=True))

    return read


def _union(kinds: Sequence[object]) -> Reader:
    """Return the reader of an optional value."""
    others = [kind for kind in kinds if kind is not NoneType]
    if len(others) != 1 or len(others) == len(kinds):
        raise TypeError(f"values of a chain are not read as one of {kinds}")
    inner = _reader(others[0])
    return lambda value, where: None if value is None else inner(value, where)
