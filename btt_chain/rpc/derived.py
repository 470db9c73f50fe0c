"""RPC methods derived from runtime APIs.

    job = derived("work_job", WorkApi.job)

makes `work_job`: its parameters are the API method's, converted from JSON by their types, and then
`at`; its answer is the API's result as JSON. An argument that may be None is optional.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from types import NoneType
from typing import Annotated, Final, TypeAlias, get_args, get_origin

from typing_extensions import TypeForm

from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, Json, rule_of
from btt_chain.present.composites import camel_case
from btt_chain.present.scalars import lower_initial
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.rpc.params import (
    READER,
    U32,
    Hash,
    Parameter,
    Parsed,
    Parser,
    parser,
    unsigned,
    wire_name,
)
from btt_chain.rpc.protocol import invalid_params
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Account, Views
from btt_chain.scale import Codec, EncodeError, codec, u32
from btt_chain.scale.hints import hints_of
from runtime.frame.api import RuntimeApi, api_name

Handler: TypeAlias = Callable[..., Json]


def read_as(kind: object) -> Parser:
    """Return the reader of a type's JSON, by the rule of the type. TypeError if it has none."""
    form = rule_of(kind)
    return lambda value: form.read(value, Context())


def page_size(most: int, value: object) -> int:
    """Return the number of records of a page: at most `most`, which also 0 means."""
    return min(unsigned(value, bits=32) or most, most)


PAGE: Final = 100
"""Maximum number of records of a page of a default group."""

EMPTY: Final = inspect.Parameter.empty

API: Final = "__api__"
"""Attribute of a handler: the name of the runtime API that it calls."""

AT: Final = {"at": "at_argument"}
"""The name on the wire of an argument `at`, because each method has one of this name."""

FORMS: Final[Mapping[object, object]] = {AccountId: Account, H256: Hash, u32: U32}
"""JSON forms of arguments that all methods share: hashes also without 0x, numbers not as text."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of an API method."""

    name: str
    """Its name on the wire."""
    kind: Callable[[object], object]
    """Its type, of which values of the shared `FORMS` are made."""
    codec: Codec[object]
    parse: Parser
    """Reads its JSON form."""
    default: object

    def encode(self, value: object) -> bytes:
        """Return the encoding of a value that was read from JSON. Raises RpcError if it is long."""
        if value is not None and isinstance(self.kind, type) and not isinstance(value, self.kind):
            value = self.kind(value)
        try:
            return self.codec.encode(value)
        except EncodeError as error:
            raise invalid_params(f"`{self.name}`: {error}") from None


def derived(
    name: str,
    function: Callable[..., object],
    *,
    defaults: Mapping[str, object] | None = None,
    names: Mapping[str, str] | None = None,
    forms: Mapping[str, object] | None = None,
    page: int | None = None,
    convert: Callable[[Views, object], Json] | None = None,
) -> Handler:
    """Return the handler of a method that calls a runtime API's method.

    `defaults` makes arguments optional; `names` are other names on the wire, `forms` the JSON forms
    of arguments whose types have none. `page` is the maximum and the default of a `limit` of 32
    bits, a number of records. `convert` makes the answer if the result's own JSON is not it. Types
    are read at the first call.
    """
    called = api_name(function)

    @cache
    def plan() -> tuple[list[Argument], TypeForm[object]]:
        hints = hints_of(function)
        result = hints.pop("return")
        arguments = []
        for each, hint in hints.items():
            kind, is_optional = _without_none(hint)
            bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
            parse: Parser = parser((forms or {}).get(each) or form_of(kind))
            default: object = EMPTY
            if is_optional:
                parse, default = partial(_or_none, parse), None
            if each == "limit" and page is not None and bare is u32:
                parse, default = partial(page_size, page), page
            default = (defaults or {}).get(each, default)
            wire = (names or {}).get(each, each)
            arguments.append(Argument(wire, bare, codec(hint), parse, default))
        return arguments, result

    def handler(self: Views, *values: object) -> Json:
        arguments, result = plan()
        *given, at = values
        data = b"".join(
            argument.encode(value) for argument, value in zip(arguments, given, strict=True)
        )
        answer: object = self.ask(called, result, at if isinstance(at, bytes) else None, data)
        return self.json(result, answer) if convert is None else convert(self, answer)

    setattr(handler, READER, lambda: _parameters(plan()[0]))
    handler.__doc__ = inspect.getdoc(function)
    setattr(handler, API, called.partition("_")[0])
    return method(name, cost=HEAVY)(handler)


def _parameters(arguments: Sequence[Argument]) -> list[Parameter]:
    """Return the parameters of a method: these, and `at`."""
    # An argument before one that is required is required, too.
    required = max((at for at, each in enumerate(arguments) if each.default is EMPTY), default=-1)
    own = [
        Parameter(wire_name(each.name), each.parse, at > required, each.default)
        for at, each in enumerate(arguments)
    ]
    return [*own, Parameter("at", parser(Hash | None), optional=True, default=None)]


class DefaultViews(Views):
    """The methods of a runtime API without a group of its own."""


def start_of(api: type[RuntimeApi]) -> str:
    """Return the begin of the names of an API's methods: `exchange_`."""
    return lower_initial(api.__name__.removesuffix("Api")) + "_"


def default_group(api: type[RuntimeApi]) -> type[DefaultViews]:
    """Return a group with a method for each function of a pallet's runtime API.

    `exchange_book` calls `ExchangeApi.book`. A function for trusted callers, or with a value that
    has no JSON, as a call, has no method.
    """
    handlers = {
        # Not `name`: it could be that of a method which groups have.
        f"method_{name}": derived(
            f"{start_of(api)}{camel_case(name)}", declared.run, names=AT, page=PAGE
        )
        for name, declared in api.METHODS.items()
        if not declared.is_unsafe and has_json(declared.run)
    }
    return type(api.__name__, (DefaultViews,), dict(handlers))


def has_json(function: Callable[..., object]) -> bool:
    """Return True if all arguments and the result of a function have a rule."""
    try:
        for hint in hints_of(function).values():
            rule_of(hint)
    except TypeError:
        return False
    return True


def form_of(kind: object) -> object:
    """Return the JSON form of a type. TypeError if it has none."""
    return FORMS.get(kind) or Annotated[object, Parsed(read_as(kind))]


def _or_none(parse: Parser, value: object) -> object:
    return None if value is None else parse(value)


def _without_none(hint: Callable[[object], object]) -> tuple[Callable[[object], object], bool]:
    """Return the type of an argument, and True if it may be None."""
    arms = get_args(hint)
    return (arms[0], True) if arms[1:] == (NoneType,) else (hint, False)
