"""Tensors of a model, and what describes them: kinds, constants of a node, windows of an image.

These are the parts of the wire format that the operators share.
"""

from __future__ import annotations

from enum import IntEnum
from math import prod
from typing import Annotated, Final, NamedTuple, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, TypeName, i16, path, u16, u32
from btt_chain.work.arithmetic import RowScale

LEAF_BYTES: Final = 4096
"""Maximum size of a leaf, in bytes."""
MIN_LEAF_BYTES: Final = 256
RECORD_TAIL: Final = 8
"""Bytes that follow the weights in a record: two 32-bit numbers, lowest byte first."""
ROW_TAIL: Final = 8
"""Bytes that follow the elements of a row with a scale of its own (`RowTail`)."""

Binary32: TypeAlias = Annotated[u32, TypeName("Binary32")]
TensorId: TypeAlias = Annotated[u16, TypeName("TensorId")]


@path("btt_work::Kind")
class Kind(IntEnum):
    """The type of an element."""

    I8 = 0
    """-128 to 127, one byte."""
    U8 = 1
    """0 to 255, one byte."""
    I32 = 2
    """A raw accumulator, four bytes with the lowest first: of an output, or of a part of a sum."""
    I16 = 3
    """-32768 to 32767, two bytes with the lowest first; its zero is 0."""
    D8 = 4
    """-127 to 127, one byte, in rows with a scale of their own (`RowTail`); its zero is 0."""
    D16 = 5
    """-32767 to 32767, two bytes, in such rows. Products read it rounded to D8."""

    @property
    def width(self) -> int:
        """Bytes of an element."""
        return (1, 1, 4, 2, 1, 2)[self]

    @property
    def tail(self) -> int:
        """Bytes that follow the elements of a row."""
        return ROW_TAIL if self in ROWS else 0

    @property
    def low(self) -> int:
        """The smallest element."""
        return (-128, 0, -(1 << 31), -(1 << 15), -127, -(1 << 15) + 1)[self]

    @property
    def high(self) -> int:
        """The largest element."""
        return (127, 255, (1 << 31) - 1, (1 << 15) - 1, 127, (1 << 15) - 1)[self]


BYTES: Final = frozenset((Kind.I8, Kind.U8))
"""Kinds with elements of one byte."""
SMALL: Final = BYTES | {Kind.I16}
"""Kinds of activations with one scale: all but accumulators."""
ROWS: Final = frozenset((Kind.D8, Kind.D16))
"""Kinds of rows that have a scale of their own."""


class RowTail(NamedTuple):
    """The bytes after the elements of a row."""

    top: int
    """First position of the largest absolute number, u32."""
    scale: RowScale
    """The value of a step of the elements: a mantissa of u16 and an exponent of i16."""


@path("btt_work::Tensor")
@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of an item."""

    kind: Kind
    shape: Bounded[list[u32], 5]
    zero: i16
    """The element with the value zero."""
    leaf: u16
    """Maximum bytes of a leaf of its commitment; rows are the last axis. 0: it has none."""

    @property
    def committed(self) -> bool:
        """True if a provider commits to it."""
        return self.leaf != 0

    @property
    def dims(self) -> tuple[int, ...]:
        """The shape in Python integers."""
        return tuple(map(int, self.shape))

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.dims)

    @property
    def nbytes(self) -> int:
        """The bytes of one item's tensor."""
        return self.rows * self.row_bytes

    @property
    def rows(self) -> int:
        """The number of rows: the last axis is one."""
        return prod(self.dims[:-1])

    @property
    def row_bytes(self) -> int:
        """The bytes of a row, with its tail if it has one."""
        return self.dims[-1] * self.kind.width + self.kind.tail

    @property
    def stored(self) -> tuple[int, ...]:
        """The shape of the array that holds one item's tensor: rows with tails are bytes."""
        return (*self.dims[:-1], self.row_bytes) if self.kind.tail else self.dims

    def offset(self, index: int) -> int:
        """Return the place of an element among the bytes of one item's tensor."""
        row, at = divmod(index, self.dims[-1])
        return row * self.row_bytes + at * self.kind.width

    @property
    def reach(self) -> int:
        """The largest distance of an element from zero."""
        return max(int(self.zero) - self.kind.low, self.kind.high - int(self.zero))


@path("btt_work::Weights")
@dataclass(frozen=True, slots=True)
class Weights:
    """Constants of a node, committed as records: by default one for each output channel.

    A record of a product is the column's weights (int8), then its bias (int32) and its scale
    (binary32 bits). A record of a normalisation, or of an `Affine`, is its offset and its factor
    (both int32). A record of a `WideTable` is successive numbers (int16). A `Scan` has a record for
    each gate of each hidden unit: weights of the input and of the state, then bias and scale of the
    input, and those of the state.
    """

    root: H256
    leaf: u16
    limit: u32
    """Maximum absolute value of an accumulator: reach * sum of |weights| + |bias|."""


@path("btt_work::Axis")
@dataclass(frozen=True, slots=True)
class Axis:
    """A window's taps along one axis, and the padding on both sides of the image."""

    size: u16
    """Number of taps."""
    step: u16
    """Distance of neighbouring windows."""
    apart: u16
    """Distance of neighbouring taps."""
    before: u16
    after: u16

    @property
    def extent(self) -> int:
        """The distance from the first tap to the end of the last one."""
        return (int(self.size) - 1) * int(self.apart) + 1


@path("btt_work::Window")
@dataclass(frozen=True, slots=True)
class Window:
    """The part of an image for an output pixel; outside of the image is padding."""

    axes: Bounded[list[Axis], 3]
    """The axis of a signal; height and width of an image; depth, height and width of a volume."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of taps along each axis."""
        return tuple(int(axis.size) for axis in self.axes)

    @property
    def lines(self) -> int:
        """The number of lines of taps: those of all axes but the last."""
        return prod(self.sizes[:-1])
