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
from typing import ClassVar, Final, Protocol, Self

from btt_chain.scale import Variant
from btt_chain.work.arithmetic import scaled, usable_scale
from btt_chain.work.errors import ModelRefused
from btt_chain.work.layout import tensor_layout
from btt_chain.work.tensors import BYTES, RECORD_TAIL, Kind, Tensor, Weights

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
        """Return successive elements of a committed tensor."""

    def record(self, row: int) -> tuple[Sequence[int], int, int]:
        """Return the weights of a channel, and the two numbers after them (signed; raw bits)."""

    def number(self, row: int, at: int, kind: Kind) -> int:
        """Return number `at` of a record that holds nothing but numbers of one kind."""

    def split_record(self, row: int, tail: int) -> tuple[Sequence[int], bytes]:
        """Return the weights of a record, and the `tail` bytes after them."""

    def own(self, start: int, length: int) -> Sequence[int]:
        """Return successive elements of the node's own output (`Operator.reads_itself`)."""


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
    """True if elements depend on others of the same output, which must have leaves for that."""
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
    def partial_sums(self) -> int:
        """The number of partial sums that a product makes of each channel."""
        return 1

    # ---- proofs

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the number of multiplications with which one element of the output is judged."""
        return 1

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

    def accumulator_limit(self, inputs: Sequence[Tensor]) -> int:
        """Return the maximum absolute value of an accumulator; TypeError if there are none."""
        raise TypeError(f"{type(self).__name__} has no accumulators")

    # ---- one element

    @abstractmethod
    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the right value of element `index` of the output."""

    def row(self, row: int, out: Tensor, read: Inputs) -> Sequence[int]:
        """Return the right values of one row of the output (`makes_computed_rows`)."""
        raise TypeError(f"no rows are made of {type(self).__name__} without leaves")


# ---- shared by the operators


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
