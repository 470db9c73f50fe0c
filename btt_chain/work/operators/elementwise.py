"""Functions of one element, and of two tensors element by element."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Annotated, ClassVar, Final, Self

from btt_chain.scale import Fixed, i16, i32, u8
from btt_chain.work.arithmetic import scaled, shifted
from btt_chain.work.errors import ModelRefused
from btt_chain.work.layout import flat, position
from btt_chain.work.operators.base import (
    Inputs,
    Operator,
    check_bounds,
    check_reaches,
    check_scale,
    expect,
    offset_and_factor,
    within,
)
from btt_chain.work.tensors import (
    RECORD_TAIL,
    SMALL,
    Binary32,
    Kind,
    Tensor,
    TensorId,
    Weights,
)

MAX_SHIFT: Final = 29
MAX_FACTOR: Final = 1 << 21
MAX_WIDE_FACTOR: Final = 1 << 14
"""Maximum factor of an `Affine` of 16 bits: a product with an element stays below 2^30."""
MAX_OFFSET: Final = 1 << 30
ROOT_SQUARE: Final = 1 << 8
"""Factor of the sum of two squares, so that its root counts in 1/16."""
_ROOT_EXPONENT: Final = 4 << 23
"""Difference of the bits of a binary32 number and of its sixteenth."""
TABLE_ENTRIES: Final = 1 << 12
"""Number of entries of a wide table."""
RECORD_ENTRIES: Final = 1 << 6
"""Number of entries in each record of a wide table."""
ENTRY_SHIFT: Final = 4
"""Binary logarithm of the elements of 16 bits that share an entry."""


class Add(Operator, index=3):
    """`(a * by_a + b * by_b) / 2^shift`, halves to even; both counted from their zeros."""

    a: TensorId
    b: TensorId
    by_a: i32
    by_b: i32
    shift: u8

    reads_computed_elements: ClassVar[bool] = True
    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """Both terms."""
        return int(self.a), int(self.b)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that all shapes are equal and every sum fits 64 bits."""
        for tensor in inputs:
            expect(name, out, tensor.dims)
        if max(abs(int(self.by_a)), abs(int(self.by_b))) > MAX_FACTOR or self.shift > MAX_SHIFT:
            raise ModelRefused.at(name, "factors up to 2^21 and a shift up to 29 are exact")

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Add two elements."""
        a = read.one(self.a, index) - read.zero(self.a)
        b = read.one(self.b, index) - read.zero(self.b)
        total = shifted(a * int(self.by_a) + b * int(self.by_b), int(self.shift))
        return within(total + int(out.zero), out)


class Table(Operator, index=4):
    """One output byte for each input byte: activations, and changes of scale."""

    x: TensorId
    table: Annotated[bytes, Fixed(256)]

    reads_computed_elements: ClassVar[bool] = True
    remedy: ClassVar[str] = "use WideTable for elements of 16 bits"

    @property
    def inputs(self) -> tuple[int, ...]:
        """The argument."""
        return (int(self.x),)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that the output has the shape of the input. Raises ModelRefused."""
        expect(name, out, inputs[0].dims)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Look up one element."""
        made = self.table[read.one(self.x, index) & 255]
        return made - 256 if out.kind is Kind.I8 and made > 127 else made


class Affine(Operator, index=12):
    """`((x - zero) * factor + offset) / 2^shift`, halves to even; a fused ReLU is a bound."""

    x: TensorId
    weights: Weights
    """Records of offset and factor."""
    per_element: bool
    """True if each element of an item has a record, False if each channel has one."""
    shift: u8
    low: i16
    high: i16

    reads_computed_elements: ClassVar[bool] = True
    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """The elements."""
        return (int(self.x),)

    @property
    def constants(self) -> Weights:
        """The offsets and factors."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the operator with other offsets and factors."""
        return type(self)(self.x, constants, self.per_element, self.shift, self.low, self.high)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check shape, shift and bounds; those of offsets and factors are checked at admission."""
        expect(name, out, inputs[0].dims)
        if self.shift > MAX_SHIFT:
            raise ModelRefused.at(name, f"shift {int(self.shift)}, allowed are {MAX_SHIFT}")
        check_bounds(name, (self.low, self.high), out)

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of an offset and a factor."""
        return RECORD_TAIL

    def record_count(self, out: Tensor) -> int:
        """Return one record for each element of an item, or for each channel."""
        return out.size if self.per_element else out.dims[-1]

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Multiply and move one element. Admitted constants make numbers below 2^31."""
        record = index if self.per_element else index % out.dims[-1]
        offset, factor = offset_and_factor(read, record)
        number = (read.one(self.x, index) - read.zero(self.x)) * factor + offset
        value = shifted(number, int(self.shift)) + int(out.zero)
        return min(max(value, int(self.low)), int(self.high))


class Mul(Operator, index=13):
    """`(a - zero) * (b - zero)`, requantised; `b` may have the size 1 on any axis."""

    a: TensorId
    b: TensorId
    scale: Binary32

    reads_computed_elements: ClassVar[bool] = True
    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """Both factors."""
        return int(self.a), int(self.b)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that `b` has the shape of `a` or is repeated, and that not all products are 0.

        Products of two elements are at most 2^30.
        """
        a, b = inputs
        expect(name, out, a.dims)
        fits = len(a.dims) == len(b.dims)
        if not fits or not all(
            side in {1, size} for size, side in zip(a.dims, b.dims, strict=True)
        ):
            raise ModelRefused.at(
                name, f"cannot repeat {b.dims} along {a.dims}: each size must be equal or 1"
            )
        check_scale(name, self.scale)
        check_reaches(name, a.reach * b.reach, int(self.scale))

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Multiply two elements."""
        a = read.one(self.a, index) - read.zero(self.a)
        dims = read.tensor(self.b).dims
        at = position(index, out.dims)
        repeated = tuple(0 if size == 1 else place for place, size in zip(at, dims, strict=True))
        b = read.one(self.b, flat(repeated, dims)) - read.zero(self.b)
        return within(scaled(a * b, int(self.scale)) + int(out.zero), out)


class Hypot(Operator, index=14):
    """Root of the sum of two squares, requantised: of a and b of one scale, each from its zero."""

    a: TensorId
    b: TensorId
    scale: Binary32
    """Scale of the root; it is computed in 1/16, rounded down."""

    reads_computed_elements: ClassVar[bool] = True
    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = SMALL

    @property
    def inputs(self) -> tuple[int, ...]:
        """Both terms."""
        return int(self.a), int(self.b)

    @property
    def scale_of_root(self) -> int:
        """The bits of the scale of a root in 1/16."""
        return int(self.scale) - _ROOT_EXPONENT

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that both terms have one kind and shape, and that not all roots are 0.

        Of elements of 16 bits the squares are below 2^40, and the root is below 2^20.
        """
        a, b = inputs
        expect(name, out, a.dims)
        expect(name, out, b.dims)
        if a.kind is not b.kind:
            raise ModelRefused.at(
                name, f"terms of {a.kind.name} and {b.kind.name}: give both one kind and one scale"
            )
        check_scale(name, self.scale)
        check_scale(name, self.scale_of_root)
        check_reaches(name, root_of(a.reach, b.reach), self.scale_of_root)

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the requantised root of two elements."""
        a = read.one(self.a, index) - read.zero(self.a)
        b = read.one(self.b, index) - read.zero(self.b)
        return within(scaled(root_of(a, b), self.scale_of_root) + int(out.zero), out)


def root_of(a: int, b: int) -> int:
    """Return the root of the sum of two squares in 1/16, rounded down."""
    return isqrt(ROOT_SQUARE * (a * a + b * b))


class WideTable(Operator, index=15):
    """One of 4,096 numbers for each 16 neighbouring elements of 16 bits: activations.

    The numbers are committed to, 64 in a record, because a manifest has no room for them.
    """

    x: TensorId
    weights: Weights
    """Records of successive numbers (int16)."""

    reads_computed_elements: ClassVar[bool] = True
    reads: ClassVar[frozenset[Kind]] = frozenset((Kind.I16,))
    makes: ClassVar[frozenset[Kind]] = SMALL
    remedy: ClassVar[str] = "use Table for elements of 8 bits"

    @property
    def inputs(self) -> tuple[int, ...]:
        """The argument."""
        return (int(self.x),)

    @property
    def constants(self) -> Weights:
        """The numbers."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the table with other numbers."""
        return type(self)(self.x, constants)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that the output has the shape of the input. Raises ModelRefused."""
        expect(name, out, inputs[0].dims)

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of the numbers in a record."""
        return RECORD_ENTRIES * Kind.I16.width

    def record_count(self, out: Tensor) -> int:
        """Return the number of records, which no shape changes."""
        return TABLE_ENTRIES // RECORD_ENTRIES

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Look up one element."""
        record, at = divmod(entry_of(read.one(self.x, index)), RECORD_ENTRIES)
        return read.number(record, at, Kind.I16)


def entry_of(element: int) -> int:
    """Return the entry of a wide table for an element of 16 bits: the nearest, halves to even."""
    middle = TABLE_ENTRIES // 2
    return min(max(shifted(element, ENTRY_SHIFT), -middle), middle - 1) + middle
