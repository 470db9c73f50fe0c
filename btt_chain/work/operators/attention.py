"""Attention: how far each key is behind the best one of its query, and means of values by that.

Rows of queries and keys hold all heads; values are transposed, so that a channel is a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import ClassVar, Final

from btt_chain.scale import i16, u16
from btt_chain.work.arithmetic import RowScale, fixed_point, shifted
from btt_chain.work.errors import ModelRefused
from btt_chain.work.functions import attention_weights
from btt_chain.work.layout import position
from btt_chain.work.operators.base import (
    Inputs,
    RowOperator,
    expect,
    piece_of_row,
    whole_row,
)
from btt_chain.work.operators.dynamic import check_mantissa, narrow_numbers, narrow_scale
from btt_chain.work.tensors import BYTES, ROWS, Kind, Tensor, TensorId

MAX_HEAD: Final = 1 << 13
"""Maximum length of a head: its products are below 2^27."""
MAX_KEYS: Final = 1 << 12
SCORE_BITS: Final = 8
"""Fraction bits of scores, which are in 1/16 octave of a key's weight."""
PRODUCT_SHIFT: Final = 20
"""Bits by which a product with two mantissas is shortened before the third one."""
MASKED: Final = -(1 << 50)
"""Score of keys that a query does not see: less than all others."""
BEST: Final = 127
"""Element of the best key; each 1/16 octave less of weight is one less."""
WORST: Final = -127
MEAN_BITS: Final = 12
"""Fraction bits of means of values."""


class Scores(RowOperator, index=28):
    """Keys by their distance from the best one, for each head and query, in 1/16 octave of weight.

    A key at the distance t has the element 127 - t, at least -127. A score is the product of a
    query and a key, times both scales and that of the operator. The scale of a row is 2^-4.
    """

    queries: TensorId
    keys: TensorId
    length: u16
    """Elements of a head; if there are fewer heads of keys, each is for a group of the queries'."""
    causal: bool
    """True if the last query sees all keys, and each query before it one key less."""
    mantissa: u16
    """Scores have the scale mantissa * 2^exponent: 16 / (ln 2 * root of the head's length)."""
    exponent: i16

    reads: ClassVar[frozenset[Kind]] = ROWS
    makes: ClassVar[frozenset[Kind]] = frozenset((Kind.D8,))

    @property
    def inputs(self) -> tuple[int, ...]:
        """The queries and the keys."""
        return int(self.queries), int(self.keys)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check heads, groups and bounds."""
        queries, keys = inputs
        length, wide, narrow = int(self.length), queries.dims[-1], keys.dims[-1]
        if len(queries.dims) != 2 or len(keys.dims) != 2:
            raise ModelRefused.at(name, "queries and keys have two axes: rows, heads")
        if not length or wide % length or narrow % length or wide % narrow:
            raise ModelRefused.at(
                name, f"heads of {length} in rows of {wide} and {narrow}: not whole groups of heads"
            )
        count = keys.dims[0]
        if length > MAX_HEAD or count > MAX_KEYS:
            raise ModelRefused.at(
                name,
                f"{count} keys and heads of {length}, allowed are {MAX_KEYS} and {MAX_HEAD}",
            )
        if self.causal and count < queries.dims[0]:
            raise ModelRefused.at(name, f"{queries.dims[0]} queries of {count} keys: too few keys")
        check_mantissa(name, int(self.mantissa))
        expect(name, out, (wide // length, queries.dims[0], count))

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return one multiplication for each element of a head, for each key that is seen."""
        return keys_seen(out, causal=self.causal) * int(self.length)

    def numbers_of_exact(self, inputs: Sequence[Tensor]) -> int:
        """Return the lengths of two heads."""
        return 2 * int(self.length)

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of a head of two rows, and of their tails."""
        pieces, leaves = piece_of_row(tensor, int(self.length))
        return 2 * pieces, 2 * leaves

    def rank(self, number: int) -> int:
        """Return the score."""
        return number

    def part(self, number: int, largest: int, out: Tensor) -> int:
        """Return the element of a score."""
        return max(BEST - shifted(largest - number, SCORE_BITS), WORST)

    def row_scale(self, largest: int, unit: RowScale, out: Tensor) -> RowScale:
        """Return the scale of each row."""
        return unit

    def exact(self, index: int, out: Tensor, read: Inputs) -> int:
        """Multiply a query and a key."""
        head, query, key = position(index, out.dims)
        if self.causal and key > query + out.dims[2] - out.dims[1]:
            return MASKED
        queries, keys = read.tensor(self.queries), read.tensor(self.keys)
        length = int(self.length)
        first = query * queries.dims[-1] + head * length
        group = head // (queries.dims[-1] // keys.dims[-1])
        second = key * keys.dims[-1] + group * length
        product: int = sum(
            map(
                mul,
                narrow_numbers(read, self.queries, first, length),
                narrow_numbers(read, self.keys, second, length),
            )
        )
        exponent = int(self.exponent) + PRODUCT_SHIFT + SCORE_BITS
        for tensor, row in ((self.queries, query), (self.keys, key)):
            mantissa, more = narrow_scale(read, tensor, row)
            product, exponent = product * mantissa, exponent + more
        return fixed_point(shifted(product, PRODUCT_SHIFT) * int(self.mantissa), exponent)

    def unit(self, row: int, out: Tensor, read: Inputs) -> RowScale:
        """Return 1/16."""
        return RowScale(1 << 15, -19)


class Attend(RowOperator, index=22):
    """Means of values, weighted by the distances of their keys (`Scores`); rows hold all heads."""

    scores: TensorId
    values: TensorId
    mantissa: u16
    """The scale of the values is mantissa * 2^exponent."""
    exponent: i16

    reads: ClassVar[frozenset[Kind]] = BYTES | {Kind.D8}

    @property
    def inputs(self) -> tuple[int, ...]:
        """The distances and the values."""
        return int(self.scores), int(self.values)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that each channel has a value for each key, and each head its channels."""
        scores, values = inputs
        if scores.kind is not Kind.D8 or values.kind not in BYTES:
            raise ModelRefused.at(name, "reads scores as D8, and values of 8 bits with one scale")
        if len(scores.dims) != 3 or len(values.dims) != 2 or scores.dims[-1] != values.dims[-1]:
            raise ModelRefused.at(name, f"scores of {scores.dims} of values of {values.dims}")
        heads, queries, _ = scores.dims
        channels = out.dims[-1]
        if channels % heads or values.dims[0] % (channels // heads):
            raise ModelRefused.at(name, f"{heads} heads of {channels} channels: not whole heads")
        if heads % (values.dims[0] // (channels // heads)):
            raise ModelRefused.at(name, f"{heads} heads on {values.dims[0]} channels of values")
        check_mantissa(name, int(self.mantissa))
        expect(name, out, (queries, channels))

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return one multiplication for each channel of a head, for each key that is surely seen.

        The scores do not show whether they are causal, so the work is that of causal ones.
        """
        scores = inputs[0]
        return keys_seen(scores, causal=True) * (out.dims[-1] // scores.dims[0])

    def numbers_of_exact(self, inputs: Sequence[Tensor]) -> int:
        """Return the number of keys, which have a distance and a value each."""
        return 2 * inputs[0].dims[-1]

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of two rows."""
        pieces, leaves = whole_row(tensor)
        return 2 * pieces, 2 * leaves

    def exact(self, index: int, out: Tensor, read: Inputs) -> int:
        """Return the mean of one channel."""
        query, channel = divmod(index, out.dims[-1])
        heads, queries, _ = read.tensor(self.scores).dims
        length = out.dims[-1] // heads
        head, at = divmod(channel, length)
        group = head // (out.dims[-1] // read.tensor(self.values).dims[0])
        weights = weights_of(read.row(self.scores, head * queries + query))
        values = read.row(self.values, group * length + at)
        whole = sum(weights)
        total = sum(map(mul, weights, values)) - read.zero(self.values) * whole
        mean: int = (total << MEAN_BITS) // max(whole, 1)
        return mean

    def unit(self, row: int, out: Tensor, read: Inputs) -> RowScale:
        """Return the scale of the values in 2^-12."""
        return RowScale(int(self.mantissa), int(self.exponent) - MEAN_BITS)


def weights_of(elements: Sequence[int]) -> list[int]:
    """Return the weights of keys: 255 of the best one, half of it for each octave."""
    table = attention_weights()
    return [table[min(BEST - element, BEST - WORST)] for element in elements]


def keys_seen(scores: Tensor, *, causal: bool) -> int:
    """Return the number of keys that all queries of all heads see."""
    heads, queries, keys = scores.dims
    least = min(queries, keys)
    unseen = least * (least - 1) // 2 if causal else 0
    return heads * (queries * keys - unseen)
