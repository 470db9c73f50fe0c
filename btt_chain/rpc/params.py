"""Parameters: from JSON to the types in a method's signature.

The annotation of a handler's argument is its specification: `at: Hash | None = None` accepts 32
bytes of hex, null, or nothing. Hex comes with or without `0x`, and `""` is zero bytes: some clients
send it so. Invalid values are refused with -32602 and a sentence that names the argument.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from types import NoneType, UnionType
from typing import Annotated, Final, Union, cast, get_args, get_origin

from btt_chain.lazyclass import dataclass
from btt_chain.present.rule import Unfit as Unfit  # noqa: PLC0414 - exported
from btt_chain.rpc.protocol import invalid_params
from btt_chain.scale.hints import hints_of

MAX_ITEMS: Final = 10_000
"""Maximum number of items of an array whose parameter sets no limit."""

Parser = Callable[[object], object]
"""Turns a JSON value into an argument; raises `Unfit`."""


class TooMany(Unfit):
    """An array of too many items."""


@dataclass(frozen=True, slots=True)
class MaxItems:
    """Annotation of a list: a longer one is refused before its items are parsed."""

    items: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """Annotation: this argument is parsed by `parse`."""

    parse: Parser


def hex_bytes(value: object) -> bytes:
    """Return the bytes of hex text, with or without 0x; an empty string is zero bytes."""
    if not isinstance(value, str):
        raise Unfit("expected a hex string")
    digits = value[2:] if value[:2] in {"0x", "0X"} else value
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        even = " with an even number of digits" if len(digits) % 2 else ""
        raise Unfit(f"expected a hex string{even}") from None
    if 2 * len(raw) != len(digits):
        # `bytes.fromhex` skips white space. Checking each digit would cost ten times as much.
        raise Unfit("expected a hex string")
    return raw


def block_hash(value: object) -> bytes:
    """Return the 32 bytes of a hash."""
    raw = hex_bytes(value)
    if len(raw) != 32:
        raise Unfit(f"expected a hash of 32 bytes, got {len(raw)}")
    return raw


def unsigned(value: object, *, bits: int) -> int:
    """Return an integer from 0 to 2**bits - 1."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << bits:
        raise Unfit(f"expected an integer from 0 to {(1 << bits) - 1}")
    return value


def block_number(value: object) -> int:
    """Return a block number, given as a JSON number or as hex text."""
    if isinstance(value, str):
        digits = value[2:] if value[:2] in {"0x", "0X"} else value
        if not 0 < len(digits) <= 16 or not digits.isascii() or not digits.isalnum():
            raise Unfit("expected a block number, as a number or as hex")
        try:
            value = int(digits, 16)
        except ValueError:
            raise Unfit("expected a block number, as a number or as hex") from None
    try:
        return unsigned(value, bits=32)
    except Unfit:
        raise Unfit("expected a block number below 2^32") from None


def text(value: object) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise Unfit("expected a string")
    return value


def flag(value: object) -> bool:
    """Return True if the value is JSON's true; Unfit if it is not a boolean."""
    if not isinstance(value, bool):
        raise Unfit("expected true or false")
    return value


def identifier(value: object) -> str:
    """Return the id of a subscription: a string; a number is converted to its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise Unfit("expected the id of a subscription")
    return value


Hex = Annotated[bytes, Parsed(hex_bytes)]
Hash = Annotated[bytes, Parsed(block_hash)]
U32 = Annotated[int, Parsed(partial(unsigned, bits=32))]
BlockNumber = Annotated[int, Parsed(block_number)]
Text = Annotated[str, Parsed(text)]
Flag = Annotated[bool, Parsed(flag)]
SubscriptionId = Annotated[str, Parsed(identifier)]


def parser(annotation: object) -> Parser:
    """Return the parser of an annotation: `Annotated[..., Parsed(f)]`, or lists and unions of such.

    A list takes up to `MAX_ITEMS` items, or the limit of `Annotated[list[...], MaxItems(n)]`.

    Raises:
        TypeError: for an annotation without a parser: a mistake in a signature.

    """
    origin = get_origin(annotation)
    if origin is Annotated:
        found = [item for item in get_args(annotation)[1:] if isinstance(item, Parsed)]
        if found:
            return found[0].parse
        bounds = [item.items for item in get_args(annotation)[1:] if isinstance(item, MaxItems)]
        array = get_args(annotation)[0]
        if bounds and get_origin(array) is list:
            return partial(_list, parser(get_args(array)[0]), bounds[0])
    elif annotation is NoneType:
        return _nothing
    elif origin is list:
        return partial(_list, parser(get_args(annotation)[0]), MAX_ITEMS)
    elif origin is Union or origin is UnionType:
        return partial(_first_that_fits, [parser(arm) for arm in get_args(annotation)])
    raise TypeError(
        f"{annotation!r} has no JSON form: use a type of btt_chain.rpc.params, such as Hash or U32"
    )


def _nothing(value: object) -> None:
    if value is not None:
        raise Unfit("expected null")


def _list(item: Parser, limit: int, value: object) -> list[object]:
    if not isinstance(value, list):
        raise Unfit("expected an array")
    if len(value) > limit:
        raise TooMany(f"{len(value)} items, at most {limit} are answered at once")
    return [item(element) for element in value]


def _first_that_fits(arms: Sequence[Parser], value: object) -> object:
    problem: Unfit | None = None
    for arm in arms:
        try:
            return arm(value)
        except TooMany:
            # The right type, only too long: no other alternative has a better error.
            raise
        except Unfit as unfit:
            problem = problem or unfit
    raise problem or Unfit("nothing is expected here")


@dataclass(slots=True)
class Parameter:
    """One argument: its name on the wire, its parser, and its default."""

    name: str
    parse: Parser
    optional: bool
    default: object


READER: Final = "__read_parameters__"
"""Attribute of a handler that is made of something else: a function that returns its parameters."""


class Signature:
    """The parameters of a handler, to be bound to `params`."""

    def __init__(self, handler: Callable[..., object], skip: int = 0) -> None:
        """Take a bound `handler`; its first `skip` arguments are not the caller's."""
        self._handler = handler
        self._skip = skip

    @cached_property
    def parameters(self) -> list[Parameter]:
        """The parameters, read when the first call needs them: a node has 200 methods.

        TypeError if an argument's annotation cannot be read from JSON.
        """
        # The signature of a bound method is that of its function, copied.
        function = getattr(self._handler, "__func__", self._handler)
        if (read := getattr(function, READER, None)) is not None:
            return cast("list[Parameter]", read())
        hints = hints_of(function)
        first = self._skip + (function is not self._handler)
        return [
            Parameter(
                wire_name(argument.name),
                parser(hints[argument.name]),
                argument.default is not inspect.Parameter.empty,
                argument.default,
            )
            for argument in list(inspect.signature(function).parameters.values())[first:]
        ]

    def place(self, name: str) -> int:
        """Return the position of a parameter; ValueError if there is none of this name."""
        return [parameter.name for parameter in self.parameters].index(name)

    def raw(self, params: list[object] | dict[str, object] | None, place: int) -> object:
        """Return the JSON value of the parameter at a position, unparsed; None if it is missing."""
        if isinstance(params, dict):
            return params.get(self.parameters[place].name)
        return params[place] if params is not None and place < len(params) else None

    def bind(self, params: list[object] | dict[str, object] | None) -> list[object]:
        """Return the arguments, in order.

        Raises:
            RpcError: -32602, naming the first argument that is missing, too much or unfit.

        """
        if not params:
            if not self.parameters:
                return []
            params = []
        values = params if isinstance(params, list) else self._by_name(params)
        expected = self.parameters
        if len(values) > len(expected):
            if any(value is not None for value in values[len(expected) :]):
                raise invalid_params(f"{len(values)} given, at most {len(expected)} expected")
            values = values[: len(expected)]
        given = len(values)
        arguments: list[object] = []
        for place, parameter in enumerate(expected):
            if place >= given or (values[place] is None and parameter.optional):
                if not parameter.optional:
                    raise invalid_params(f"`{parameter.name}` is missing")
                arguments.append(parameter.default)
                continue
            try:
                arguments.append(parameter.parse(values[place]))
            except Unfit as unfit:
                raise invalid_params(f"`{parameter.name}`: {unfit}") from None
        return arguments

    def _by_name(self, params: dict[str, object]) -> list[object]:
        names = [parameter.name for parameter in self.parameters]
        for name in params:
            if name not in names:
                raise invalid_params(f"there is no parameter `{name[:40]}`")
        for parameter in self.parameters:
            if not parameter.optional and parameter.name not in params:
                raise invalid_params(f"`{parameter.name}` is missing")
        return [params.get(name) for name in names]


def wire_name(name: str) -> str:
    """Convert `start_key` to `startKey`; a trailing underscore (for a keyword) is dropped."""
    head, *tail = name.rstrip("_").split("_")
    return head + "".join(word.capitalize() for word in tail)
