"""Data classes whose methods are compiled when they are first used.

A node imports several hundred data classes and makes values of few. `dataclasses.dataclass`
compiles up to six methods for each, a quarter of the processor time of the imports. Here a class
with `slots=True`, frozen or not, gets its fields and slots at once; `__init__`, `__repr__`,
`__eq__` and `__hash__` are compiled when they are first used. A frozen value is initialized through
its slots, in two thirds of the time that `object.__setattr__` takes.

All else is as in `dataclasses`: fields, parameters, `replace`, `match`, copies and pickles. Classes
with other options, with `InitVar` or keyword-only fields, or with a data class as their base, are
made by `dataclasses`. Type checkers see `dataclasses.dataclass`.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - exported to type checkers
else:

    def dataclass(kind=None, /, **options):
        """Make a class a data class, as `dataclasses.dataclass` does."""
        if kind is None:
            return lambda decorated: _data_class(decorated, options)
        return _data_class(kind, options)


Method = Callable[..., object]
Make = Callable[[type], Method]

_SLOTS: Final = {"slots": True}
_FROZEN: Final = {"slots": True, "frozen": True}
_FIELDS: Final = "__dataclass_fields__"
_PARAMETERS: Final = "__dataclass_params__"
_HASH: Final = "__hash__"
_OWN_WAYS: Final = frozenset({"__setattr__", "__delattr__", "__getstate__", "__setstate__"})
"""Methods with which a class does itself what is done for frozen classes here."""


class Later:
    """A method of a data class that is compiled when it is first looked up."""

    __slots__ = ("_make", "_name", "_owner")

    def __init__(self, owner: type, name: str, make: Make) -> None:
        self._owner = owner
        self._name = name
        self._make = make

    def __get__(self, value: object, kind: type | None = None) -> Method:
        made = self._make(self._owner)
        made.__qualname__ = f"{self._owner.__qualname__}.{self._name}"
        setattr(self._owner, self._name, made)
        bound: Method = made.__get__(value, kind)
        return bound


def _data_class(kind: type, options: dict[str, bool]) -> type:
    if options not in (_SLOTS, _FROZEN) or not _is_simple(kind):
        usual: type = dataclasses.dataclass(**options)(kind)
        return usual
    is_frozen = "frozen" in options
    given = vars(kind)
    has_hash = given.get(_HASH) is not None or (_HASH in given and "__eq__" not in given)
    made: type = dataclasses.dataclass(slots=True, init=False, repr=False, eq=False)(kind)
    params = getattr(made, _PARAMETERS)
    params.init = params.repr = params.eq = True
    params.frozen = is_frozen
    for name, make in (("__init__", initializer), ("__repr__", _repr), ("__eq__", _eq)):
        if name not in given:
            setattr(made, name, Later(made, name, make))
    if not has_hash:
        setattr(made, _HASH, Later(made, _HASH, _hash) if is_frozen else None)
    if is_frozen:
        _freeze(made)
    return made


def _is_simple(kind: type) -> bool:
    """Return True if all fields are positional and declared by the class itself."""
    given = vars(kind)
    notes = given.get("__annotations__", {}).values()
    return not (
        any(hasattr(base, _FIELDS) for base in kind.__bases__)
        or any("InitVar" in str(note) or "KW_ONLY" in str(note) for note in notes)
        or any(isinstance(value, Field) and value.kw_only is True for value in given.values())
        or not _OWN_WAYS.isdisjoint(given)
    )


def _freeze(kind: type) -> None:
    names = frozenset(field.name for field in fields(kind))

    def set_attribute(self: object, name: str, value: object) -> None:
        if type(self) is kind or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def delete_attribute(self: object, name: str) -> None:
        if type(self) is kind or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    for name, method in (
        ("__setattr__", set_attribute),
        ("__delattr__", delete_attribute),
        ("__getstate__", _state_of),
        ("__setstate__", _set_state),
    ):
        setattr(kind, name, method)


def _state_of(self: object) -> list[object]:
    kind: type = type(self)
    return [getattr(self, field.name) for field in fields(kind)]


def _set_state(self: object, state: list[object]) -> None:
    kind: type = type(self)
    for field, value in zip(fields(kind), state, strict=True):
        object.__setattr__(self, field.name, value)


# ---- methods


def initializer(kind: type) -> Method:
    """Compile the `__init__` of a data class, which a frozen one performs through its slots."""
    is_frozen = vars(kind)[_PARAMETERS].frozen
    scope: dict[str, object] = {"_dc_absent": MISSING}
    parameters, steps = ["self"], []
    for field in fields(kind):
        name, value = field.name, field.name
        has_factory = field.default_factory is not MISSING
        if has_factory:
            scope[f"_dc_make_{name}"] = field.default_factory
            value = f"_dc_make_{name}()"
        elif field.default is not MISSING:
            scope[f"_dc_default_{name}"] = field.default
        if field.init:
            if has_factory:
                value = f"{value} if {name} is _dc_absent else {name}"
            default = "_dc_absent" if has_factory else f"_dc_default_{name}"
            has_default = has_factory or field.default is not MISSING
            parameters.append(f"{name}={default}" if has_default else name)
        elif field.default is not MISSING:
            value = f"_dc_default_{name}"
        elif not has_factory:
            continue
        if is_frozen:
            scope[f"_dc_set_{name}"] = vars(kind)[name].__set__
            steps.append(f"_dc_set_{name}(self, {value})")
        else:
            steps.append(f"self.{name} = {value}")
    if hasattr(kind, "__post_init__"):
        steps.append("self.__post_init__()")
    made = _compiled(kind, "__init__", parameters, steps or ["pass"], scope)
    made.__annotations__ = {field.name: field.type for field in fields(kind) if field.init}
    made.__annotations__["return"] = None
    return made


def _eq(kind: type) -> Method:
    names = [field.name for field in fields(kind) if field.compare]
    steps = [
        "if other.__class__ is self.__class__:",
        f"    return {_tuple('self', names)} == {_tuple('other', names)}",
        "return NotImplemented",
    ]
    return _compiled(kind, "__eq__", ["self", "other"], steps, {})


def _hash(kind: type) -> Method:
    hashed = [
        field.name
        for field in fields(kind)
        if (field.compare if field.hash is None else field.hash)
    ]
    return _compiled(kind, "__hash__", ["self"], [f"return hash({_tuple('self', hashed)})"], {})


def _repr(kind: type) -> Method:
    shown = ", ".join(
        f"{field.name}={{self.{field.name}!r}}" for field in fields(kind) if field.repr
    )
    steps = [f"return f'{{self.__class__.__qualname__}}({shown})'"]
    made = cast("Callable[[object], str]", _compiled(kind, "__repr__", ["self"], steps, {}))
    return recursive_repr()(made)


def _tuple(value: str, names: list[str]) -> str:
    return f"({''.join(f'{value}.{name},' for name in names)})"


def _compiled(
    kind: type, name: str, parameters: list[str], steps: list[str], scope: dict[str, object]
) -> Method:
    """Return the function; `scope` has the objects that it uses, by name."""
    body = "".join(f"        {step}\n" for step in steps)
    source = (
        f"def make({', '.join(scope)}):\n"
        f"    def {name}({', '.join(parameters)}):\n{body}"
        f"    return {name}\n"
    )
    # The globals of the class's module, in which its annotations mean something.
    module = sys.modules.get(kind.__module__)
    made: dict[str, Callable[..., Method]] = {}
    code = compile(source, f"<{kind.__qualname__}.{name}>", "exec")
    exec(code, {} if module is None else vars(module), made)  # noqa: S102 - our own text
    method: Method = made["make"](**scope)
    return method
