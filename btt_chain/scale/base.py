"""The codec: one object per type that encodes, decodes and describes.

Invariants of every decoder: a length is checked against the remaining bytes before anything is
allocated, one value has one encoding, and malformed input raises `DecodeError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from btt_chain.scale.budget import MAX_DEPTH, METER
from btt_chain.scale.errors import DecodeError, EncodeError
from btt_chain.scale.shape import Shape
from btt_chain.scale.source import Flat

T = TypeVar("T")

Encode = Callable[[T], bytes]
Decode = Callable[[bytes, int], tuple[T, int]]

MAX_LENGTH = (1 << 32) - 1
"""The length of a list is a compact u32."""


class Traits(NamedTuple, Generic[T]):
    """Properties of the values of some types."""

    flat: Flat | None = None
    """The layout, if all values have one fixed layout: a hint for compiling records."""
    one_byte: Sequence[T] | None = None
    """Values of a compact integer whose form is a single byte: another hint."""
    limit: int | None = None
    """The largest number of items of a collection, MAX_LENGTH if only the wire format bounds it."""


PLAIN: Traits[Any] = Traits()


class Codec(Generic[T]):
    """The wire form of one type: both directions and its description, from one source.

    `encode(value)` returns bytes; `decode(raw, at)` returns the value that starts at offset `at`
    and the offset after it. `min_size` is the minimum number of bytes of a value.
    """

    __slots__ = (
        "_compile", "decode", "encode", "flat", "limit", "min_size", "name", "one_byte", "shape",
    )  # fmt: skip

    # `_compile` is that of a `DeferredCodec`, which becomes a codec of this class: both need the
    # same slots.

    def __init__(
        self,
        name: str,
        encode: Encode[T],
        decode: Decode[T],
        shape: Shape,
        min_size: int,
        traits: Traits[T] = PLAIN,
    ) -> None:
        self.name = name
        self.encode = encode
        self.decode = decode
        self.shape = shape
        self.min_size = min_size
        self.flat, self.one_byte, self.limit = traits

    def decode_all(self, raw: bytes) -> T:
        """Return the value that `raw` encodes; remaining bytes are an error."""
        value, at = self.decode(raw, 0)
        if at != len(raw):
            raise DecodeError(self.name, at, f"{len(raw) - at} bytes too many")
        return value

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class DeferredCodec(Codec[T]):
    """A codec whose functions are compiled when the first of them is needed.

    Most types of a runtime occur in few processes, and compiling one takes a quarter of a
    millisecond. Afterwards it is a `Codec`: each look-up of an attribute takes twice as long in a
    class with `__getattr__`.
    """

    __slots__ = ()

    _compile: Callable[[], tuple[Encode[T], Decode[T]]]

    def __init__(
        self,
        name: str,
        compile: Callable[[], tuple[Encode[T], Decode[T]]],
        shape: Shape,
        min_size: int,
        traits: Traits[T] = PLAIN,
    ) -> None:
        self._compile = compile
        self.name = name
        self.shape = shape
        self.min_size = min_size
        self.flat, self.one_byte, self.limit = traits

    def __getattr__(self, name: str) -> object:
        if name not in {"encode", "decode"}:
            raise AttributeError(name)
        self.encode, self.decode = self._compile()
        object.__setattr__(self, "__class__", Codec)
        return object.__getattribute__(self, name)


class RecursiveCodec(Codec[T]):
    """A codec that is declared before its definition is known.

    Recursive types refer to it; `bind` gives it its definition once the type is complete, and may
    be called again: the last definition applies. Passes through recursive codecs are counted per
    thread, over all of them: a depth above `MAX_DEPTH`, or above the decode budget, is an error.
    With `bounds_itself` only encoding is counted: the defining codec limits its own decoding depth,
    and two counts would take a third of the time of decoding a small item.
    """

    __slots__ = ("bound",)

    def __init__(self, name: str, *, bounds_itself: bool = False) -> None:
        self.bound: Codec[T] | None = None
        super().__init__(
            name,
            self._encode,
            self._decode_unmetered if bounds_itself else self._decode,
            Shape(lambda: self.target.shape.node),
            min_size=1,
        )

    def bind(self, codec: Codec[T]) -> None:
        """Give this codec its definition."""
        if codec.min_size == 0:
            raise TypeError(f"{self.name}: a recursive type has at least one byte")
        self.bound = codec

    @property
    def target(self) -> Codec[T]:
        """The bound codec; `TypeError` before `bind`."""
        if self.bound is None:
            raise TypeError(f"recursive codec {self.name} has no definition")
        return self.bound

    def _encode(self, value: T) -> bytes:
        meter = METER
        depth = meter.depth
        if depth >= MAX_DEPTH:
            raise EncodeError(self.name, f"nested deeper than {MAX_DEPTH}")
        meter.depth = depth + 1
        try:
            return self.target.encode(value)
        finally:
            meter.depth = depth

    def _decode(self, raw: bytes, at: int) -> tuple[T, int]:
        meter = METER
        depth = meter.depth
        if depth >= meter.max_depth:
            raise DecodeError(self.name, at, f"nested deeper than {meter.max_depth}")
        meter.depth = depth + 1
        try:
            return self.target.decode(raw, at)
        finally:
            meter.depth = depth

    def _decode_unmetered(self, raw: bytes, at: int) -> tuple[T, int]:
        return (self.bound or self.target).decode(raw, at)


AnyCodec: TypeAlias = Codec[Any]
"""A codec of any type: types are known at run time only, from annotations."""
Params: TypeAlias = tuple[tuple[str, AnyCodec | None], ...]
"""Type parameters of a description."""
