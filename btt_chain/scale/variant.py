"""Sum types: classes that are the alternatives of an enum, and names for structs.

An enum is a union of variants, consumed by `match`:

    class Id(Variant, index=0, unnamed=True):
        account: AccountId

    class Raw(Variant, index=2, unnamed=True):
        data: bytes

    Address = Annotated[Id | Raw, Path("sp_runtime::multiaddress::MultiAddress")]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field
from inspect import get_annotations
from typing import ClassVar, Generic, TypeAlias, TypeVar, dataclass_transform

from btt_chain.lazyclass import Later, dataclass, initializer

C = TypeVar("C")
E = TypeVar("E")
T = TypeVar("T")

_INIT = "__init__"
_FIELDS = "__dataclass_fields__"


@dataclass_transform()
class Variant:
    """One alternative of an enum; its annotations are its fields.

    `index` is its first byte on the wire. `unnamed` fields have no names in metadata. `name` is its
    name there, the class's own if not given. A class without an index is a base class and has no
    wire form. Variants are values: immutable, compared and hashed by their fields.
    """

    INDEX: ClassVar[int | None] = None
    NAME: ClassVar[str] = ""
    UNNAMED: ClassVar[bool] = False

    def __init_subclass__(
        cls, index: int | None = None, unnamed: bool = False, name: str | None = None
    ) -> None:
        super().__init_subclass__()
        if index is not None and not 0 <= index <= 255:
            raise TypeError(f"{cls.__name__}: index {index} does not fit a byte")
        cls.INDEX = index
        cls.NAME = name or cls.__name__
        cls.UNNAMED = unnamed
        # Most variants of a runtime occur in few processes, and making a dataclass takes a tenth of
        # a millisecond: the first value does it, or the first use of its fields, which compiles
        # nothing.
        initialize = Later(completed_initializer)
        initialize.__set_name__(cls, _INIT)
        setattr(cls, _INIT, initialize)
        setattr(cls, _FIELDS, LATER)

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__qualname__}({fields})"


def complete(kind: type[Variant]) -> None:
    """Make `kind` and its base classes dataclasses."""
    for base in reversed(kind.__mro__):
        if base.__dict__.get(_FIELDS) is LATER:
            delattr(base, _FIELDS)
            # Comparison and representation are those of `Variant`.
            dataclass(init=False, eq=False, repr=False)(base)


def completed_initializer(kind: type[Variant]) -> Callable[..., object]:
    """Complete a class, and return its `__init__`."""
    complete(kind)
    return initializer(kind)


class FieldsLater:
    """The fields of a class that is not complete: the first use completes it."""

    def __get__(self, value: object, kind: type[Variant]) -> dict[str, Field[object]]:
        complete(kind)
        found: dict[str, Field[object]] = getattr(kind, _FIELDS)
        return found


LATER = FieldsLater()


def is_empty(kind: type[Variant]) -> bool:
    """Return True if a variant declares no fields."""
    return not any(get_annotations(base) for base in kind.__mro__ if base is not Variant)


class Ok(Variant, Generic[T], index=0, unnamed=True):
    """Success, with its result."""

    value: T


class Err(Variant, Generic[E], index=1, unnamed=True):
    """Failure, with its error."""

    error: E


Result: TypeAlias = Ok[T] | Err[E]


@dataclass(frozen=True, slots=True)
class Origin:
    """Path of a class in metadata, with its type parameters; set by `path`."""

    path: str
    params: tuple[tuple[str, object], ...]
    unnamed: bool


_ORIGIN = "__scale_path__"


def path(
    path: str, *, params: Mapping[str, object] | None = None, unnamed: bool = False
) -> Callable[[type[C]], type[C]]:
    """Set the path of a dataclass or an IntEnum in metadata.

    `params` are its type parameters by name (None: one without a type); `unnamed` removes the names
    of the fields, as in a Rust tuple struct. Not inherited by subclasses.
    """
    origin = Origin(path, tuple((params or {}).items()), unnamed)

    def decorate(kind: type[C]) -> type[C]:
        setattr(kind, _ORIGIN, origin)
        return kind

    return decorate


def origin_of(kind: type) -> Origin:
    """Return the origin that `path` set for this class itself; empty if it set none."""
    found = kind.__dict__.get(_ORIGIN)
    return found if isinstance(found, Origin) else Origin("", (), unnamed=False)
