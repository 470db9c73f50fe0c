"""Annotations of classes and functions as types.

`typing.get_type_hints` compiles every annotation anew, and a runtime repeats the same few hundred
(`AccountId`, `u32`, ...) thousands of times. Here a text is evaluated once in each module.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType, NoneType
from typing import Any, ClassVar, ForwardRef, TypeVar, get_args, get_origin, get_type_hints

Hints = dict[str, Any]
"""Types by name, as `typing.get_type_hints` returns them."""

_evaluated: dict[tuple[str, str], object] = {}
"""Types by the name of an imported module and the text of an annotation in it."""


def hints_of(described: type | Callable[..., object], *, class_variables: bool = True) -> Hints:
    """Return the types of the annotations of a class or function, as `get_type_hints` does.

    Without `class_variables`, those are left out. NameError if a name is not defined.
    """
    found: Hints = {}
    try:
        for annotations, module in _sources(described):
            for name, text in annotations.items():
                if class_variables or not is_class_variable(text):
                    found[name] = _type(text, module)
    except (NameError, LookupError):
        # A name of the class's own body, or of a module that is not imported under its name.
        every = get_type_hints(described, include_extras=True)
        return {
            name: hint
            for name, hint in every.items()
            if class_variables or not is_class_variable(hint)
        }
    return found


def type_arguments(kind: type, args: tuple[object, ...]) -> dict[object, object]:
    """Return the types that the type parameters of a generic class are bound to."""
    return dict(zip(getattr(kind, "__parameters__", ()), args, strict=False))


def substitute(hint: Any, bound: Mapping[object, object]) -> Any:
    """Return `hint` with type variables replaced by their bindings."""
    if isinstance(hint, TypeVar):
        if hint not in bound:
            raise TypeError(f"nothing is known of {hint}")
        return bound[hint]
    free = getattr(hint, "__parameters__", ())
    if isinstance(hint, type) or not free:
        return hint
    return hint[tuple(substitute(parameter, bound) for parameter in free)]


def is_class_variable(annotation: object) -> bool:
    """Return True if an annotation, evaluated or not, is `ClassVar` or `ClassVar[...]`."""
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is ClassVar or get_origin(annotation) is ClassVar


def _sources(described: type | Callable[..., object]) -> list[tuple[dict[str, object], str]]:
    """Return annotations with the name of their module; those of base classes first."""
    if isinstance(described, type):
        bases = reversed(described.__mro__)
        return [(vars(base).get("__annotations__", {}), base.__module__) for base in bases]
    function = described.__func__ if isinstance(described, MethodType) else described
    if not isinstance(function, FunctionType):
        raise LookupError(function)
    if sys.modules[function.__module__].__dict__ is not function.__globals__:
        raise LookupError(function)
    return [(function.__annotations__, function.__module__)]


def _type(text: object, module: str) -> object:
    if not isinstance(text, str):
        return NoneType if text is None else text
    key = (module, text)
    if key not in _evaluated or module == "__main__":
        names = sys.modules[module].__dict__
        # Most annotations are a name, which is looked up ten times faster than it is compiled.
        kind = names[text] if text in names else eval(text, names)  # noqa: S307 - our own text
        if any(isinstance(part, (str, ForwardRef)) for part in (kind, *get_args(kind))):
            raise LookupError(text)
        _evaluated[key] = NoneType if kind is None else kind
    return _evaluated[key]
