"""Bias correction: the mean difference of sums between the float and the integer model.

One pass over a few items, product by product in order of execution: each bias is corrected before
the next product reads its output. No training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from btt_chain.work.execute import Executor
from btt_chain.work.model import Elements, Float64s, Int64s, dtype_of
from btt_chain.work.operators import Conv, Linear, Sum
from btt_chain.work.operators.numeric.requantise import requantise
from btt_chain.work.quantise.emitter import Quantised
from btt_chain.work.quantise.floats import Feeds, Runner
from btt_chain.work.quantise.folding import channel_axis
from btt_chain.work.quantise.ranges import mean_of_channels
from btt_chain.work.quantise.steps import Plan, Product

ITEMS: Final = 8
"""Number of calibration items that biases are corrected by, at most."""
MEMORY: Final = 1 << 29
"""Maximum bytes of the sums of one node."""
BYTES_OF_SUM: Final = 16


def channel_means(plan: Plan, run: Runner, items: Sequence[Feeds]) -> dict[str, Float64s]:
    """Return the mean float sum of each channel of each product, before its activation."""
    products = [step for step in plan.steps if isinstance(step, Product)]
    totals: dict[str, Float64s] = {}
    for feeds in items[:ITEMS]:
        tensors = run(feeds)
        for step in products:
            array = tensors[step.raw or step.output]
            means = mean_of_channels(array, channel_axis(step, array.shape))
            totals[step.output] = totals.get(step.output, 0) + means
    return {name: total / len(items[:ITEMS]) for name, total in totals.items()}


def corrections_of(
    quantised: Quantised, means: Mapping[str, Float64s], items: Sequence[Feeds]
) -> dict[str, Float64s]:
    """Return the amount to add to the bias of each product, in real values."""
    executor = Executor(quantised.model)
    graph = quantised.model.graph
    names = {graph.maker_of(tensor): name for name, tensor in quantised.products.items()}
    largest = max(node.out.size for node in graph.nodes)
    count = max(1, min(ITEMS, MEMORY // (BYTES_OF_SUM * largest)))
    tensors: list[Elements] = quantised.items(items[:count])
    added: dict[str, Float64s] = {}
    for number, node in enumerate(graph.nodes):
        sums: dict[int, np.typing.NDArray[np.int32]] = {}
        made = executor.node(number, tensors, sums)
        name = names.get(number)
        op = node.op
        if name is not None and isinstance(op, Linear | Conv | Sum):
            constants = quantised.model.constants[number]
            total = sums[number].astype(np.int64) if number in sums else _summed(
                tensors[int(op.x)], int(op.parts), constants.first
            )  # fmt: skip
            unit = constants.scales * np.float64(quantised.numbers[name].scale)
            axes = tuple(range(total.ndim - 1))
            steps = np.rint(means[name] / unit - total.mean(axis=axes))
            added[name] = steps * unit
            total += steps.astype(np.int64)
            made = np.empty(made.shape, dtype_of(node.out.kind))
            bounds = (int(op.low), int(op.high))
            requantise(total, constants.scales, node.out, bounds, made)
        tensors.append(made)
    return added


def _summed(parts: Elements, count: int, bias: np.typing.NDArray[np.int32]) -> Int64s:
    """Return the sums of parts of products."""
    total: Int64s = parts.reshape(*parts.shape[:-1], -1, count).sum(axis=-1, dtype=np.int64)
    return total + bias
