"""The pure half of an operator: what the runtime needs of every kind of node.

An operator is a variant of the wire format. Its fields are the node's parameters, its methods are
the rules of the node: which inputs it reads, which output it makes of them, what it costs, how its
constants are laid out, what a fraud proof opens, and the value of one element of the output. The
abstract ones are required; the others have the default of an operator without constants and
windows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple, Protocol, Self

from btt_chain.scale import Variant
from btt_chain.work.arithmetic import RowScale, row_element, row_scale, scaled, usable_scale
from btt_chain.work.errors import ModelRefused, ProofRefused
from btt_chain.work.layout import tensor_layout
from btt_chain.work.tensors import BYTES, RECORD_TAIL, ROWS, Kind, RowTail, Tensor, Weights

ACCUMULATORS: Final = 1 << 31
"""Bound of the absolute value of an accumulator, itself not allowed."""
MAX_GROWTH: Final = 64
"""Maximum elements that a node makes of each element when it repeats them."""


class Inputs(Protocol):
    """Inputs of a node as numbers; tensors without a commitment are computed."""

    def tensor(self, tensor: int) -> Tensor:
        """Return the kind and shape of a tensor."""

    def zero(self, tensor: int) -> int:
        """Return the element of a tensor with the value zero."""

    def one(self, tensor: int, index: int) -> int:
        """Return one element of a tensor."""

    def row(self, tensor: int, row: int) -> Sequence[int]:
        """Return one row of a tensor."""

    def numbers(self, tensor: int, start: int, length: int) -> Sequence[int]:
        """Return successive elements of a committed tensor; of rows with tails within one row."""

    def scale(self, tensor: int, row: int) -> RowScale:
        """Return the scale of a row; ProofRefused unless it is one that a node can make."""

    def claimed(self, index: int) -> int:
        """Return an element of the output that is judged, as it was committed to."""

    def claimed_tail(self, row: int) -> RowTail:
        """Return the tail of a row of the output that is judged, as it was committed to."""

    def record(self, row: int) -> tuple[Sequence[int], int, int]:
        """Return the weights of a channel, and the two numbers after them (signed; raw bits)."""

    def number(self, row: int, at: int, kind: Kind) -> int:
        """Return number `at` of a record that holds nothing but numbers of one kind."""

    def split_record(self, row: int, tail: int) -> tuple[Sequence[int], bytes]:
        """Return the weights of a record, and the `tail` bytes after them."""

    def own(self, start: int, length: int) -> Sequence[int]:
        """Return successive elements of the node's own output (`Operator.reads_itself`)."""


class Judgement(NamedTuple):
    """A claim of a commitment and the right value; equal if the commitment is right."""

    claimed: int
    right: int


class Operator(Variant, ABC):
    """One kind of node of a graph."""

    reads_computed_elements: ClassVar[bool] = False
    """True if an element of the output needs at most one element of each input."""
    makes_computed_rows: ClassVar[bool] = False
    """True if a row of the output can be computed from one row of the input: `row`."""
    reads: ClassVar[frozenset[Kind]] = BYTES
    """Kinds that the inputs may have."""
    makes: ClassVar[frozenset[Kind]] = BYTES
    """Kinds that the output may have."""
    remedy: ClassVar[str] = ""
    """Advice in the error about an input of a kind that it cannot read."""
    reads_itself: ClassVar[bool] = False
    """True if claims are judged by others of the same output, which must have leaves for that."""
    record_tail: ClassVar[int] = RECORD_TAIL
    """Bytes that follow the weights in a record of the constants."""
    smaller_proof: ClassVar[str] = ""
    """Advice for a node of which a proof would be too large, for the end of a message."""

    # ---- the graph

    @property
    @abstractmethod
    def inputs(self) -> tuple[int, ...]:
        """The input tensors, in the order of the fields."""

    @property
    def constants(self) -> Weights | None:
        """The committed constants of the node, if it has any."""
        return None

    def with_constants(self, constants: Weights) -> Self:
        """Return the operator with other constants; TypeError if it has none."""
        raise TypeError(f"{type(self).__name__} has no weights")

    # ---- shapes and costs

    @abstractmethod
    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Raise ModelRefused, with the node's name, unless the node makes `out` of its inputs."""

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the number of multiplications of one item; only products count."""
        return 0

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of one record of the constants; ValueError if there are none."""
        raise ValueError(f"{type(self).__name__} has no weights")

    def record_count(self, out: Tensor) -> int:
        """Return the number of records of the constants: by default one for each channel."""
        return out.dims[-1]

    @property
    def records_read(self) -> int:
        """The number of successive records that an element reads."""
        return 1

    @property
    def records_opened(self) -> int:
        """The number of places at which a proof reads so many records."""
        return 1

    @property
    def partial_sums(self) -> int:
        """The number of partial sums that a product makes of each channel."""
        return 1

    # ---- proofs

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the maximum of numbers that are read or multiplied to judge an output element.

        By default that is an element of each input. The claim itself does not count.
        """
        return len(inputs)

    @property
    def reads_computed_rows(self) -> bool:
        """True if a row of an input may be computed instead of opened."""
        return False

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the number of pieces that an element reads of an input, and of their leaves."""
        return 1, 1

    def openings_of_output(self, out: Tensor) -> tuple[int, int]:
        """Return the same of the output: the element, and those it depends on."""
        return 1, 1

    @property
    def lines(self) -> int:
        """The number of lines of the operator's window; 0 if it has none."""
        return 0

    @property
    def checked_by_vectors(self) -> bool:
        """True if random vectors can check the node (Freivalds)."""
        return False

    def accumulators(self, out: Tensor) -> tuple[int, ...]:
        """Return the shape of a product's accumulators of one item: by default the output's."""
        return out.dims

    def accumulator_limit(self, inputs: Sequence[Tensor]) -> int:
        """Return the maximum absolute value of an accumulator; TypeError if there are none."""
        raise TypeError(f"{type(self).__name__} has no accumulators")

    # ---- claims

    def claims(self, out: Tensor) -> int:
        """Return the number of claims that can be judged: by default one for each element."""
        return out.size

    def judgement(self, claim: int, witness: int | None, out: Tensor, read: Inputs) -> Judgement:
        """Compare a claim with its right value; ProofRefused if it takes no witness, or another."""
        if witness is not None:
            raise ProofRefused(f"a claim of {type(self).__name__} has no witness")
        return Judgement(read.claimed(claim), self.element(claim, out, read))

    @abstractmethod
    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the right value of element `index` of the output."""

    def row(self, row: int, out: Tensor, read: Inputs) -> Sequence[int]:
        """Return the right values of one row of the output (`makes_computed_rows`)."""
        raise TypeError(f"no rows are made of {type(self).__name__} without leaves")


class RowOperator(Operator):
    """An operator that makes rows with a scale of their own (kinds D8 and D16).

    The elements of a row are its exact numbers, divided by the largest absolute one. A commitment
    makes three kinds of claims about a row, each of which is judged from two exact numbers: an
    element (from itself and the largest one), the scale (from the largest one), and the position of
    the largest (refuted by a larger number, or by an equal one before it: the witness). The claims
    of elements come first, then one for the tail of each row.
    """

    makes: ClassVar[frozenset[Kind]] = ROWS
    reads_itself: ClassVar[bool] = True

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the numbers that are read or multiplied for two exact numbers."""
        return 2 * self.numbers_of_exact(inputs)

    def numbers_of_exact(self, inputs: Sequence[Tensor]) -> int:
        """Return the same for one; by default an element of each input."""
        return len(inputs)

    @abstractmethod
    def exact(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the exact number of an element; the same unit holds for all of a row."""

    @abstractmethod
    def unit(self, row: int, out: Tensor, read: Inputs) -> RowScale:
        """Return the value of the exact number 1 in a row."""

    def rank(self, number: int) -> int:
        """Return the number by which the largest of a row is found."""
        return abs(number)

    def part(self, number: int, largest: int, out: Tensor) -> int:
        """Return the element of an exact number of a row with this largest one."""
        return row_element(number, abs(largest), out.kind.high)

    def row_scale(self, largest: int, unit: RowScale, out: Tensor) -> RowScale:
        """Return the scale of a row with this largest number."""
        return row_scale(abs(largest), unit, out.kind.high)

    @property
    def records_opened(self) -> int:
        """Two: those of an element and of the largest one."""
        return 2

    def openings_of_output(self, out: Tensor) -> tuple[int, int]:
        """Return the openings of an element and of the tail of its row."""
        return elements_of_row(out, 1)

    def claims(self, out: Tensor) -> int:
        """Return one claim for each element and for each tail."""
        return out.size + out.rows

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return an element, by the largest number at the position that the row's tail claims."""
        row, width = index // out.dims[-1], out.dims[-1]
        top = read.claimed_tail(row).top
        if top >= width:
            raise ProofRefused(f"the largest of row {row} is claimed at {top}: prove its tail")
        largest = self.exact(row * width + top, out, read)
        return self.part(self.exact(index, out, read), largest, out)

    def judgement(self, claim: int, witness: int | None, out: Tensor, read: Inputs) -> Judgement:
        """Judge an element, the scale of a row, or, by a witness, the position of its largest."""
        if claim < out.size:
            return super().judgement(claim, witness, out, read)
        row, width = claim - out.size, out.dims[-1]
        top, scale = read.claimed_tail(row)
        if top >= width:
            return Judgement(top, 0)
        largest = self.exact(row * width + top, out, read)
        if witness is None:
            right = self.row_scale(largest, self.unit(row, out, read), out)
            return Judgement(_number(scale), _number(right))
        if witness >= width:
            raise ProofRefused(f"witness {witness} in a row of {width}")
        other = self.rank(self.exact(row * width + witness, out, read))
        beats = (other, -witness) > (self.rank(largest), -top)
        return Judgement(top, witness if beats else top)


def _number(scale: RowScale) -> int:
    """Return a scale as one number, to compare it."""
    return scale.mantissa << 16 | scale.exponent & 0xFFFF


# ---- shared by the operators


def elements_of_row(tensor: Tensor, count: int) -> tuple[int, int]:
    """Return the openings of some elements of one row, and of its tail if it has one."""
    layout = tensor_layout(tensor)
    pieces = min(count + bool(tensor.kind.tail), layout.leaves_of_row)
    leaves = count + 2 * bool(tensor.kind.tail)  # a tail may lie in two leaves
    return pieces, min(leaves, layout.leaves_of_row)


def piece_of_row(tensor: Tensor, length: int) -> tuple[int, int]:
    """Return the openings of some successive elements of one row, and of its tail if it has one."""
    layout, tail = tensor_layout(tensor), bool(tensor.kind.tail)
    leaves = -(-length * tensor.kind.width // layout.leaf) + 1 + 2 * tail
    return min(1 + tail, layout.leaves_of_row), min(leaves, layout.leaves_of_row)


def whole_row(tensor: Tensor) -> tuple[int, int]:
    """Return the openings of an element that reads one row of an input."""
    layout = tensor_layout(tensor)
    return 1, layout.most_leaves(layout.row)


def part_of_row(tensor: Tensor, parts: int) -> tuple[int, int]:
    """Return the openings of an element that reads one of the equal parts of a row."""
    layout = tensor_layout(tensor)
    if layout.leaves_of_row == 1:
        return 1, 1
    length = -(-tensor.dims[-1] // parts) * tensor.kind.width
    aligned = length % layout.leaf == 0
    return 1, min(layout.leaves_of_row, -(-length // layout.leaf) + (not aligned))


def within(value: int, out: Tensor) -> int:
    """Return a number clamped to the elements of a tensor."""
    return min(max(value, out.kind.low), out.kind.high)


def offset_and_factor(read: Inputs, row: int) -> tuple[int, int]:
    """Return the two signed numbers of a record without weights."""
    _, offset, bits = read.record(row)
    return offset, bits - (1 << 32) if bits >> 31 else bits


def check_read(name: str, kind_of_node: type[Operator], tensor: Tensor) -> None:
    """Raise ModelRefused unless a kind of node can read a tensor."""
    if tensor.kind not in kind_of_node.reads:
        remedy = kind_of_node.remedy and f": {kind_of_node.remedy}"
        raise ModelRefused.at(
            name, f"{kind_of_node.__name__} cannot read {tensor.kind.name}{remedy}"
        )


def expect(name: str, out: Tensor, dims: tuple[int, ...]) -> None:
    """Raise ModelRefused unless the output has this shape."""
    if out.dims != dims:
        raise ModelRefused.at(name, f"says it makes {out.dims}, but makes {dims}")


def check_same_numbers(name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
    """Raise ModelRefused unless the inputs and the output have one kind and one zero."""
    for tensor in inputs:
        if (tensor.kind, tensor.zero) != (out.kind, out.zero):
            raise ModelRefused.at(name, "moves elements, so all must have one kind and one zero")


def check_growth(name: str, x: Tensor, out: Tensor) -> None:
    """Raise ModelRefused if the output repeats the elements of its input too often."""
    if out.size > MAX_GROWTH * x.size:
        raise ModelRefused.at(
            name,
            f"makes {out.size} elements of {x.size}, allowed are {MAX_GROWTH} of each: "
            "enlarge in several layers",
        )


def check_scale(name: str, bits: int) -> None:
    """Raise ModelRefused unless a scale is in the range of exact computation."""
    if not usable_scale(bits):
        raise ModelRefused.at(name, f"scale {bits:#010x} is not between 2^-63 and 2^64")


def check_bounds(name: str, bounds: tuple[int, int], out: Tensor) -> None:
    """Raise ModelRefused unless the bounds of a fused activation are elements of the output."""
    low, high = map(int, bounds)
    if not out.kind.low <= low <= high <= out.kind.high:
        raise ModelRefused.at(name, f"bounds {low} to {high} of {out.kind.name}")


def check_reaches(name: str, bound: int, bits: int) -> None:
    """Raise ModelRefused if the largest number times a scale is 0, as then is every element."""
    if scaled(bound, bits) == 0:
        raise ModelRefused.at(
            name, f"scale {bits:#010x} makes 0 of every number up to {bound}: choose a larger one"
        )


def check_accumulator(name: str, bound: int, remedy: str = "") -> None:
    """Raise ModelRefused, with advice, unless accumulators up to `bound` fit 32 bits."""
    if bound >= ACCUMULATORS:
        advice = remedy and f": {remedy}"
        raise ModelRefused.at(
            name, f"an accumulator may reach {bound}, allowed is less than 2^31{advice}"
        )
