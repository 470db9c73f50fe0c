"""Marks for annotations: compact, fixed, bounded, opaque, and byte strings of their own type.

`Annotated[bytes, Fixed(64)]` and its like are ordinary types to a type checker; only `codec`
interprets the marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self, TypeVar

from btt_chain.lazyclass import dataclass

T = TypeVar("T")

__all__ = [
    "COMPACT",
    "Array",
    "Bounded",
    "BoundedLen",
    "Compact",
    "Fixed",
    "FixedBytes",
    "Mark",
    "MaxBytes",
    "MaxLen",
    "Meaning",
    "Opaque",
    "Path",
    "TypeName",
]


class Mark:
    """A mark in `Annotated` that changes the wire form."""

    __slots__ = ()


class Meaning(Mark):
    """A mark with the meaning of a value, for readers; without effect on wire and metadata."""

    __slots__ = ()


class _CompactMark(Mark):
    __slots__ = ()


class _OpaqueMark(Mark):
    __slots__ = ()


COMPACT: Final = _CompactMark()
Compact = Annotated[T, COMPACT]
"""`Compact[u128]` is a `u128` that is encoded in one to seventeen bytes."""

Opaque: Final = _OpaqueMark()
"""`Annotated[T, Opaque]` is encoded as a byte string that holds the encoding of a T."""


@dataclass(frozen=True, slots=True)
class Fixed(Mark):
    """`Annotated[bytes, Fixed(64)]` is exactly 64 bytes, without a length in front."""

    size: int


@dataclass(frozen=True, slots=True)
class Array(Mark):
    """`Annotated[list[T], Array(4)]` is exactly four items, without a number in front."""

    size: int


@dataclass(frozen=True, slots=True)
class BoundedLen(Mark):
    """A collection holds at most `limit` items, in both directions."""

    limit: int


@dataclass(frozen=True, slots=True)
class MaxLen(Mark):
    """A list, byte string or dict has at most `limit` items, in both directions.

    As `BoundedLen`, but metadata shows the plain type: for types that Substrate does not bound.
    """

    limit: int


@dataclass(frozen=True, slots=True)
class MaxBytes(Mark):
    """The value's encoding has at most `limit` bytes, in both directions; not in metadata.

    The value is decoded before it is measured: bound the number of its items with `MaxLen`.
    """

    limit: int


@dataclass(frozen=True, slots=True)
class TypeName(Mark):
    """Name of a field's type in metadata; for readers, without effect on the wire."""

    name: str


class Path(Mark):
    """Path of a type in metadata, and its parameters (None: one without a type).

    On a union of variants it names the enum; on anything else it makes a newtype.
    """

    __slots__ = ("params", "path")

    def __init__(self, path: str, params: Mapping[str, object] | None = None) -> None:
        self.path = path
        self.params = tuple((params or {}).items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and (self.path, self.params) == (other.path, other.params)

    def __hash__(self) -> int:
        return hash((self.path, self.params))


if TYPE_CHECKING:
    from typing import Annotated as Bounded
else:

    class Bounded:
        """`Bounded[list[T], 28]`: a list, byte string or dict of at most 28 items."""

        def __class_getitem__(cls, item: tuple[object, int]) -> object:
            inner, limit = item
            return Annotated[inner, BoundedLen(limit)]


class FixedBytes(bytes):
    """A byte string of one length: `class H256(FixedBytes, size=32, path="...")`.

    With a path it has its own name in metadata; without one it is an array of u8.
    Equal to plain bytes of the same content, and hashed like them.
    """

    __slots__ = ()
    SIZE: ClassVar[int] = 0
    PATH: ClassVar[str] = ""

    def __init_subclass__(cls, size: int | None = None, path: str = "") -> None:
        if size is not None:
            cls.SIZE = size
        cls.PATH = path

    def __new__(cls, raw: bytes = b"") -> Self:
        """Check the length; raise `ValueError` if it differs."""
        if not isinstance(raw, (bytes, bytearray, memoryview)):
            raise TypeError(f"{cls.__name__} is made of bytes, not of {type(raw).__name__}")
        value = bytes.__new__(cls, raw)
        if len(value) != cls.SIZE:
            raise ValueError(f"{cls.__name__} has {cls.SIZE} bytes, {len(value)} given")
        return value

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Read hexadecimal, with or without 0x in front."""
        return cls(bytes.fromhex(text.removeprefix("0x")))

    def to_hex(self) -> str:
        """Return hexadecimal with 0x in front, as in JSON-RPC."""
        return "0x" + self.hex()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.to_hex()})"

    def __str__(self) -> str:
        return self.to_hex()
