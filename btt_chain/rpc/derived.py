"""RPC methods derived from runtime APIs.

    job = derived("work_job", WorkApi.job)

makes `work_job`: its parameters are the API method's, converted from JSON by their types, and then
`at`; its answer is the API's result as JSON. An argument that may be None is optional.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import partial
from types import NoneType
from typing import Annotated, Final, TypeAlias, get_args

from btt_chain.lazyclass import dataclass
from btt_chain.present import Json
from btt_chain.present.scalars import lower_initial
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.rpc.params import U32, Flag, Hash, Parsed, Unfit, text, unsigned
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Account, Views
from btt_chain.scale import Codec, codec, u32, u64, u128
from btt_chain.scale.hints import hints_of
from runtime.apis.base import api_name

Handler: TypeAlias = Callable[..., Json]


def decimal(value: object, *, bits: int) -> int:
    """Return an integer from 0 to 2**bits - 1, given as decimal text or a number."""
    digits = len(str((1 << bits) - 1))
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= digits:
        value = int(value)
    return unsigned(value, bits=bits)


def chosen(kind: type[IntEnum], value: object) -> IntEnum:
    """Return the member of an enumeration with this name, in upper or lower case."""
    word = text(value).lower()
    for member in kind:
        if member.name.lower() == word:
            return member
    raise Unfit(f"expected one of {', '.join(lower_initial(member.name) for member in kind)}")


def page_size(most: int, value: object) -> int:
    """Return the number of records of a page: at most `most`, which also 0 means."""
    return min(unsigned(value, bits=32) or most, most)


FORMS: Final[Mapping[object, object]] = {
    AccountId: Account,
    H256: Hash,
    bool: Flag,
    u32: U32,
    u64: Annotated[int, Parsed(partial(decimal, bits=64))],
    u128: Annotated[int, Parsed(partial(decimal, bits=128))],
}
"""JSON forms of the types of arguments. Answers have large numbers as text, so it is read, too."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of an API method."""

    name: str
    """Its name on the wire."""
    kind: Callable[[object], object]
    codec: Codec[object]
    form: object
    """Its JSON form, as an annotation that `params.parser` takes."""
    default: object

    def encode(self, value: object) -> bytes:
        """Return the encoding of a value that was read from JSON."""
        return self.codec.encode(None if value is None else self.kind(value))


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
    of arguments whose types have none. `page` is the maximum and the default of `limit`. `convert`
    makes the answer if the result's own JSON is not it.
    """
    hints = hints_of(function)
    called, result = api_name(function), hints.pop("return")
    arguments = []
    for each, hint in hints.items():
        kind, is_optional = _without_none(hint)
        form = (forms or {}).get(each) or form_of(kind)
        default: object = None if is_optional else inspect.Parameter.empty
        if each == "limit" and page is not None:
            form, default = Annotated[int, Parsed(partial(page_size, page))], page
        default = (defaults or {}).get(each, default)
        wire_name = (names or {}).get(each, each)
        arguments.append(Argument(wire_name, kind, codec(hint), form, default))

    def handler(self: Views, *values: object) -> Json:
        *given, at = values
        data = b"".join(
            argument.encode(value) for argument, value in zip(arguments, given, strict=True)
        )
        answer = self.ask(called, result, at if isinstance(at, bytes) else None, data)
        return self.json(result, answer) if convert is None else convert(self, answer)

    where = inspect.Parameter.POSITIONAL_OR_KEYWORD
    vars(handler)["__signature__"] = inspect.Signature([
        inspect.Parameter("self", where),
        *(inspect.Parameter(each.name, where, default=each.default) for each in arguments),
        inspect.Parameter("at", where, default=None),
    ])  # fmt: skip
    handler.__annotations__ = {each.name: each.form for each in arguments} | {"at": Hash | None}
    handler.__doc__ = inspect.getdoc(function)
    return method(name, cost=HEAVY)(handler)


def form_of(kind: object) -> object:
    """Return the JSON form of a type. TypeError if it has none."""
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return Annotated[IntEnum, Parsed(partial(chosen, kind))]
    if kind not in FORMS:
        raise TypeError(f"{kind!r} has no JSON form: add it to FORMS")
    return FORMS[kind]


def _without_none(hint: Callable[[object], object]) -> tuple[Callable[[object], object], bool]:
    """Return the type of an argument, and True if it may be None."""
    arms = get_args(hint)
    return (arms[0], True) if arms[1:] == (NoneType,) else (hint, False)
