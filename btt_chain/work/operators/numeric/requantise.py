"""From accumulators to elements, and from elements to factors of a product."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from btt_chain.work.model import Elements, Float32s, Int32s, Int64s
from btt_chain.work.operators.numeric import blocks
from btt_chain.work.tensors import Kind, Tensor

Whole = TypeVar("Whole", np.int32, np.int64)


def requantise(
    total: Float32s | Int32s | Int64s,
    scales: Float32s,
    out: Tensor,
    bounds: tuple[int, int],
    made: Elements,
) -> None:
    """Apply `arithmetic.requantised` with the machine's binary32.

    `made` is contiguous, or has two axes.
    """
    width = total.shape[-1]
    repeats = repeats_of(width, total.size // width) if made.flags.c_contiguous else 1
    rows, sums = made.reshape(-1, repeats * width), total.reshape(-1, repeats * width)
    if out.kind is Kind.I32:
        rows[...] = sums
        return
    scaling = scales if len(scales) == 1 else np.tile(scales, repeats)
    low, high = map(np.float32, bounds)
    zero = np.float32(out.zero)
    step = max(1, blocks.BLOCK_ELEMENTS // rows.shape[1])
    room = np.empty((min(step, len(rows)), rows.shape[1]), np.float32)
    for at in range(0, len(rows), step):
        part = sums[at : at + step].astype(np.float32, copy=False)
        block = room[: len(part)]
        np.multiply(part, scaling, out=block)
        np.rint(block, out=block)
        if zero:
            block += zero
        np.clip(block, low, high, out=block)
        rows[at : at + step] = block


def shift_right(total: NDArray[Whole], shift: int, room: NDArray[Whole] | None = None) -> None:
    """Divide by 2^shift in place, halves to even (`arithmetic.shifted`); `room` is overwritten."""
    if shift:
        # Just below a half is added, and the rest of it where the quotient is odd.
        odd = np.right_shift(total, shift, out=room)
        odd &= total.dtype.type(1)
        total += odd
        total += total.dtype.type((1 << (shift - 1)) - 1)
        total >>= shift


def repeats_of(width: int, count: int) -> int:
    """Return the number of rows to combine into one."""
    repeats = 1
    while repeats * width < blocks.MIN_ROW and count % (2 * repeats) == 0:
        repeats *= 2
    return repeats


def scale_of(bits: int) -> Float32s:
    """Return the scale with these bits."""
    return np.array([bits], np.uint32).view(np.float32)


def centred(x: Elements, zero: int, room: Float32s | None = None) -> Float32s:
    """Return elements counted from their zero, in `room` if it is given."""
    made = np.empty(x.shape, np.float32) if room is None else room
    made[...] = x
    if zero:
        made -= np.float32(zero)
    return made
