"""Constants of nodes: weights in 8 bits, tables, windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btt_chain.work.build import window
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Float64s
from btt_chain.work.quantise.ranges import RealNumbers
from btt_chain.work.quantise.steps import Frame, RealFunction, Step
from btt_chain.work.tensors import Window

ACCUMULATORS: Final = (1 << 31) - 1
WEIGHT: Final = 127
"""Largest weight."""
MIN_SCALE: Final = 1e-12
BIAS_BITS: Final = 29
"""Bits of a bias, at most: a dead channel's must leave room for the sums."""
MAX_AXES: Final = 3
MAX_SPAN: Final = 4096
"""Maximum bytes from the first to the last tap of a line that a proof opens as one."""


def weight_scales(weights: Float64s, bias: Float64s, read: RealNumbers) -> Float64s:
    """Return one scale for each output channel, so that no sum can leave 32 bits."""
    flat = np.abs(weights).reshape(len(weights), -1)
    reach = max(read.zero - read.kind.low, read.kind.high - read.zero)
    units = np.abs(bias) / read.scale
    room = ACCUMULATORS - reach * (flat.shape[1] / 2 + 1) - 1
    whole = (flat.sum(axis=1) * reach + units) / max(room, 1.0)
    scales: Float64s = np.maximum.reduce(
        [
            flat.max(axis=1) / WEIGHT,
            units / 2.0**BIAS_BITS,
            whole,
            np.full(len(flat), MIN_SCALE),
        ]
    )
    return scales


def tabled(
    apply: RealFunction, elements: NDArray[np.int64], scale: float, made: RealNumbers
) -> list[int]:
    """Return the elements of a function of elements times a scale; infinity becomes an end."""
    arguments = elements.astype(np.float64) * scale
    with np.errstate(all="ignore"):
        values = np.nan_to_num(np.asarray(apply(arguments)) / made.scale, nan=0.0)
    whole = np.clip(np.rint(values) + made.zero, made.kind.low, made.kind.high)
    return [int(value) for value in whole]


def window_of(step: Step, frame: Frame, batch: int) -> Window:
    """Return a window, with an axis of size 1 for a batch of several rows."""
    rank = len(frame.size) + batch
    if rank > MAX_AXES:
        raise ModelRefused.at(step.name, f"a window of {rank} axes: at most {MAX_AXES}")
    ones, none = (1,) * batch, (0,) * batch
    pads = (*none, *frame.before, *none, *frame.after)
    return window((*ones, *frame.size), (*ones, *frame.step), pads, (*ones, *frame.apart))


def covers(frame: Frame, at: int, sides: Sequence[int]) -> bool:
    """Return True if a window covers a whole axis of more than one place, without padding."""
    return (
        frame.size[at] == sides[at] > 1
        and frame.apart[at] == 1
        and not frame.before[at]
        and not frame.after[at]
    )


def columns_of(frame: Frame) -> tuple[tuple[int, ...], ...]:
    """Return the fields of a frame in their order."""
    return frame.size, frame.step, frame.apart, frame.before, frame.after


def has_distant_taps(frame: Frame, channels: int) -> bool:
    """Return True if neighbouring taps of a line are far apart, and another axis is possible."""
    span = (frame.size[-1] - 1) * frame.apart[-1] * channels
    return frame.apart[-1] > 1 and span > MAX_SPAN and len(frame.size) < MAX_AXES


def with_inner_axis(frame: Frame) -> Frame:
    """Return a window with an axis of size 1 behind the others."""
    ends = (1, 1, 1, 0, 0)
    return Frame(*((*column, end) for column, end in zip(columns_of(frame), ends, strict=True)))
