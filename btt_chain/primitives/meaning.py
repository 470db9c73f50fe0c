"""Marks for annotations: the meaning of a value that its type on the wire does not have.

`Annotated[u32, BILLIONTHS]` is a `u32` on the wire and in the metadata; `btt_chain.present` shows
it as a percentage and reads it from one. A mark on an optional value or on a list is that of the
values in it. `@means(mark)` gives a class a mark, for all of its values.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Final, TypeVar

from btt_chain.lazyclass import dataclass
from btt_chain.scale import Meaning

C = TypeVar("C")

_MEANING: Final = "__meaning__"


def means(mark: Meaning) -> Callable[[type[C]], type[C]]:
    """Give a class a mark; not inherited by subclasses."""

    def decorate(kind: type[C]) -> type[C]:
        setattr(kind, _MEANING, mark)
        return kind

    return decorate


def meaning_of(kind: type) -> Meaning | None:
    """Return the mark that `means` gave this class itself; None if it has none."""
    mark = kind.__dict__.get(_MEANING)
    return mark if isinstance(mark, Meaning) else None


# ---- numbers


class Money(Meaning):
    """An amount of the chain's currency in planck."""

    __slots__ = ()


class Units(Meaning):
    """A number of units of an asset, where the metadata have a balance."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Share(Meaning):
    """A share, in parts of `whole`, which is a power of ten from 100 on."""

    whole: int


class Unit(Enum):
    """Unit of a time."""

    SLOT = "slot"
    MS = "ms"


class Origin(Enum):
    """Point from which a time counts."""

    SPAN = "span"
    """None: the time is a duration."""
    FIRST_BLOCK = "first block"
    YEAR_1970 = "1970"


@dataclass(frozen=True, slots=True)
class Time(Meaning):
    """A point in time, or a duration."""

    unit: Unit
    origin: Origin


MONEY: Final = Money()
UNITS: Final = Units()
BILLIONTHS: Final = Share(10**9)
MILLIONTHS: Final = Share(10**6)
BASIS_POINTS: Final = Share(10**4)
PERCENT: Final = Share(10**2)
SLOT: Final = Time(Unit.SLOT, Origin.FIRST_BLOCK)
"""A slot, counted from the slot of the first block."""
SLOTS: Final = Time(Unit.SLOT, Origin.SPAN)
"""A number of slots."""
CHAIN_MS: Final = Time(Unit.MS, Origin.FIRST_BLOCK)
"""A time in milliseconds since the first block."""
UNIX_MS: Final = Time(Unit.MS, Origin.YEAR_1970)
"""A time in milliseconds since 1970."""
SPAN_MS: Final = Time(Unit.MS, Origin.SPAN)
"""A duration in milliseconds."""


# ---- bytes


class Text(Meaning):
    """Bytes that are UTF-8 text of a user."""

    __slots__ = ()


class Code(Meaning):
    """Bytes that are printable ASCII, as a currency; others are shown in hex."""

    __slots__ = ()


class Lines(Meaning):
    """Bytes that are lines of ASCII, as addresses of blobs: a list of texts."""

    __slots__ = ()


class Undeclared(Meaning):
    """Bytes whose meaning is not declared: text if they are text, else hex. JSON has hex."""

    __slots__ = ()


TEXT: Final = Text()
UNDECLARED: Final = Undeclared()
CODE: Final = Code()
LINES: Final = Lines()


# ---- enumerations


class LowerNames(Meaning):
    """An enumeration whose names have lower-case initials in JSON, as `noProvider`."""

    __slots__ = ()


LOWER_NAMES: Final = LowerNames()


# ---- lists


@dataclass(frozen=True, slots=True)
class ByMember(Meaning):
    """A list with a value for each member of an enumeration, in their order."""

    kind: type[IntEnum]


# ---- records


@dataclass(frozen=True, slots=True)
class Flat(Meaning):
    """A record whose fields have its place in an object, and so have those of its own `parts`."""

    parts: tuple[str, ...] = ()


FLAT: Final = Flat()
