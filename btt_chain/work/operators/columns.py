"""Products with committed columns of weights, one for each output channel."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul

from btt_chain.work.arithmetic import requantised
from btt_chain.work.errors import ModelRefused
from btt_chain.work.operators.base import Inputs, check_accumulator
from btt_chain.work.tensors import Kind, Tensor, Weights


def check_product(name: str, weights: Weights, bounds: tuple[int, int], out: Tensor) -> None:
    """Raise ModelRefused unless accumulators fit 32 bits and `bounds` are elements of `out`."""
    check_accumulator(name, int(weights.limit))
    low, high = bounds
    if out.kind is not Kind.I32 and not out.kind.low <= low <= high <= out.kind.high:
        raise ModelRefused.at(name, f"bounds {int(low)} to {int(high)} of {out.kind.name}")


def product_element(
    read: Inputs, zero: int, channel: int, taps: Sequence[int], out: Tensor, bounds: tuple[int, int]
) -> int:
    """Return the element of a channel: taps times its weights, plus bias, requantised."""
    weights, bias, scale = read.record(channel)
    total: int = sum(map(mul, taps, weights)) - zero * sum(weights) + bias
    if out.kind is Kind.I32:
        return total
    return requantised(total, scale, int(out.zero), int(bounds[0]), int(bounds[1]))
