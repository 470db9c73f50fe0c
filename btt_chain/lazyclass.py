"""Data classes whose methods are compiled when they are first used.

A node imports several hundred data classes and makes values of few. `dataclasses.dataclass`
compiles up to six methods for each, a quarter of the processor time of the imports. Here a class
with `slots=True`, frozen or not, gets its slots at once; `__init__`, `__repr__`, `__eq__` and
`__hash__` are compiled, and descriptions of the fields made, when they are first used; `__init__`
for the third value, because compiling takes as long as thirty values. A frozen value is then
initialized through its slots, in two thirds of the time that `object.__setattr__` takes.

All else is as in `dataclasses`: fields, parameters, `replace`, `match`, copies and pickles. Classes
with other options, without a docstring, with `InitVar` or keyword-only fields, or with a data class
as their base, are made by `dataclasses`. Type checkers see `dataclasses.dataclass`.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from functools import partial
from inspect import get_annotations
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
_FEW: Final = 2
"""Values of a class that are initialized before its `__init__` is compiled."""
_OWN_WAYS: Final = frozenset({"__setattr__", "__delattr__", "__getstate__", "__setstate__"})
"""Methods with which a class does itself what is done for frozen classes here."""


class Later:
    """A method of a data class that is compiled when it is first looked up."""

    __slots__ = ("_make", "_name", "_owner")

    def __init__(self, make: Make) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner = owner
        self._name = name

    def __get__(self, value: object, kind: type | None = None) -> Method:
        made = self._make(self._owner)
        made.__qualname__ = f"{self._owner.__qualname__}.{self._name}"
        setattr(self._owner, self._name, made)
        bound: Method = made.__get__(value, kind)
        return bound


class _InitializerLater(Later):
    """The `__init__` of a data class, which initializes a few values without being compiled."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        super().__init__(initializer)
        self._values = 0

    def __get__(self, value: object, kind: type | None = None) -> Method:
        if value is None or self._values >= _FEW:
            return super().__get__(value, kind)
        self._values += 1
        return partial(_initialize, self._owner, value)


def _initialize(kind: type, value: object, /, *args: object, **named: object) -> None:
    """Initialize a value as the compiled `__init__` of its class does."""
    described = fields(kind)
    taken = [field.name for field in described if field.init]
    given = dict(zip(taken, args, strict=False)) | named
    needed = {field.name for field in described if field.init and not _has_default(field)}
    if len(args) + len(named) != len(given) or not needed <= given.keys() <= set(taken):
        initializer(kind)(value, *args, **named)  # raises the right error
        return
    put = object.__setattr__ if vars(kind)[_PARAMETERS].frozen else setattr
    for field in described:
        if field.name in given:
            put(value, field.name, given[field.name])
        elif field.default_factory is not MISSING:
            put(value, field.name, field.default_factory())
        elif field.default is not MISSING:
            put(value, field.name, field.default)
    complete = getattr(value, "__post_init__", None)
    if complete is not None:
        complete()


def _has_default(field: Field[object]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


class _FieldsLater:
    """The fields of a data class, which are described when they are first looked up."""

    __slots__ = ("_defaults", "_names", "_owner")

    def __init__(self, names: Sequence[str], defaults: dict[str, object]) -> None:
        self._names = names
        self._defaults = defaults

    def __set_name__(self, owner: type, _: str) -> None:
        self._owner = owner

    def __get__(self, value: object, kind: type | None = None) -> dict[str, Field[object]]:
        notes = get_annotations(self._owner)
        found = {
            name: _described(name, notes[name], self._defaults.get(name, MISSING))
            for name in self._names
        }
        setattr(self._owner, _FIELDS, found)
        return found


def _described(name: str, note: object, default: object) -> Field[object]:
    """Return the description of a field with this default, or with the options of `field(...)`."""
    made = copy(_FIELD)
    made.name, made.type = name, cast("type", note)
    if isinstance(default, Field):
        for option in ("default", "default_factory", *_OPTIONS):
            setattr(made, option, getattr(default, option))
    else:
        made.default = default
    return made


_OPTIONS: Final = ("init", "repr", "hash", "compare", "metadata")


@dataclasses.dataclass(slots=True, init=False, repr=False, eq=False)
class _Pattern:
    """Source of the parameters of all classes, and of a description of a field."""

    field: object


_FIELD: Final[Field[object]] = fields(_Pattern)[0]
_OPEN_PARAMETERS: Final = getattr(_Pattern, _PARAMETERS)
_OPEN_PARAMETERS.init = _OPEN_PARAMETERS.repr = _OPEN_PARAMETERS.eq = True
_FROZEN_PARAMETERS: Final = copy(_OPEN_PARAMETERS)
_FROZEN_PARAMETERS.frozen = True


def _data_class(kind: type, options: dict[str, bool]) -> type:
    notes = get_annotations(kind)
    if options not in (_SLOTS, _FROZEN) or not _is_simple(kind, notes):
        usual: type = dataclasses.dataclass(**options)(kind)
        return usual
    is_frozen = "frozen" in options
    given = dict(vars(kind))
    names = tuple(name for name, note in notes.items() if not _is_class_variable(note))
    defaults = {name: given.pop(name) for name in names if name in given}
    _check(kind, given, defaults)
    has_hash = given.get(_HASH) is not None or (_HASH in given and "__eq__" not in given)
    for name in ("__dict__", "__weakref__"):
        given.pop(name, None)
    bases = kind.__mro__[1:-1]  # without object
    slots = {slot for base in bases for slot in vars(base).get("__slots__", ())}
    made = {
        "__init__": _InitializerLater(),
        "__repr__": Later(_repr),
        "__eq__": Later(_eq),
        "__match_args__": tuple(name for name in names if _is_given(defaults.get(name))),
        **given,
        "__qualname__": kind.__qualname__,
        "__slots__": tuple(name for name in names if name not in slots),
        _FIELDS: _FieldsLater(names, defaults),
        _PARAMETERS: _FROZEN_PARAMETERS if is_frozen else _OPEN_PARAMETERS,
    }
    if not has_hash:
        made[_HASH] = Later(_hash) if is_frozen else None
    if is_frozen:
        made |= _FROZEN_METHODS
    return type(kind)(kind.__name__, kind.__bases__, made)


def _is_simple(kind: type, notes: Mapping[str, object]) -> bool:
    """Return True if all fields are positional and declared by the class itself."""
    given = vars(kind)
    text = " ".join(map(str, notes.values()))
    return not (
        any(_FIELDS in vars(base) for base in kind.__mro__[:-1])
        or not given.get("__doc__")
        or "__slots__" in given
        or "InitVar" in text
        or "KW_ONLY" in text
        or any(isinstance(value, Field) and value.kw_only is True for value in given.values())
        or not _OWN_WAYS.isdisjoint(given)
    )


def _is_class_variable(annotation: object) -> bool:
    text = annotation if isinstance(annotation, str) else str(annotation)
    return text.startswith(("ClassVar", "typing.ClassVar"))


def _check(kind: type, given: dict[str, object], defaults: dict[str, object]) -> None:
    """Raise the errors of `dataclasses` for wrong declarations of fields."""
    for name, value in given.items():
        if isinstance(value, Field):
            raise TypeError(f"{name!r} is a field but has no type annotation")
    for name, value in defaults.items():
        default = value.default if isinstance(value, Field) else value
        if default.__class__.__hash__ is None:
            raise ValueError(
                f"mutable default {type(default)} for field {name} of {kind.__name__}: "
                "use default_factory"
            )


def _is_given(default: object) -> bool:
    """Return True if `__init__` takes a field with this default."""
    return not isinstance(default, Field) or default.init


def _set_attribute(self: object, name: str, value: object) -> None:
    if _FIELDS in vars(type(self)) or name in getattr(self, _FIELDS):
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _delete_attribute(self: object, name: str) -> None:
    if _FIELDS in vars(type(self)) or name in getattr(self, _FIELDS):
        raise FrozenInstanceError(f"cannot delete field {name!r}")
    object.__delattr__(self, name)


def _state_of(self: object) -> list[object]:
    kind: type = type(self)
    return [getattr(self, field.name) for field in fields(kind)]


def _set_state(self: object, state: list[object]) -> None:
    kind: type = type(self)
    for field, value in zip(fields(kind), state, strict=True):
        object.__setattr__(self, field.name, value)


_FROZEN_METHODS: Final[dict[str, Method]] = {
    "__setattr__": _set_attribute,
    "__delattr__": _delete_attribute,
    "__getstate__": _state_of,
    "__setstate__": _set_state,
}


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
