"""The numbers of tensors: kind, zero and scale, from histograms over calibration items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from btt_chain.work.build import Numbers
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Float64s
from btt_chain.work.quantise.floats import Array, Feeds, Runner
from btt_chain.work.quantise.steps import (
    Concat,
    Function,
    Hypot,
    Lookup,
    MaxPool,
    Pad,
    Plan,
    Product,
    Recurrent,
    Reshape,
    Resize,
    Slice,
    Step,
    Transpose,
)
from btt_chain.work.tensors import Kind

BINS: Final = 2048
CLIPPINGS: Final = 60
SMALLEST_CLIPPING: Final = 0.25
"""Smallest part of the range that least squares tries."""
BEYOND: Final = 5e-5
"""Share of elements beyond each end of the 99.99 percentile."""
SPARE: Final = 4.0
"""The scale of an output in 16 bits is for this multiple of the largest calibrated value."""
MIN_RANGE: Final = 1e-6
METHODS: Final = ("minmax", "percentile", "squares")

_SAME_NUMBERS: Final = (Transpose, Reshape, Slice, Pad, MaxPool, Resize)


class RealNumbers(NamedTuple):
    """The meaning of a tensor's elements."""

    kind: Kind
    zero: int
    scale: float

    def numbers(self, clamp: tuple[float, float] | None = None) -> Numbers:
        """Return kind and zero for the builder, with the bounds of a fused activation."""
        if clamp is None:
            return Numbers(self.kind, self.zero)
        low, high = (round(min(max(end / self.scale, -1e6), 1e6)) + self.zero for end in clamp)
        return Numbers(
            self.kind, self.zero, max(low, self.kind.low), min(max(high, low), self.kind.high)
        )


@dataclass(frozen=True, slots=True)
class Histogram:
    """The values of a tensor over some items."""

    low: float
    high: float
    counts: Float64s

    @property
    def middles(self) -> Float64s:
        """The middle of each bin."""
        width = (self.high - self.low) / BINS
        middles: Float64s = self.low + (np.arange(BINS, dtype=np.float64) + 0.5) * width
        return middles


def observe(
    run: Runner, names: Sequence[str], items: Sequence[Feeds], *, counted: bool = True
) -> dict[str, Histogram]:
    """Return histograms of tensors, in two passes over the items; without counts in one."""
    ends: dict[str, tuple[float, float]] = dict.fromkeys(names, (0.0, 0.0))
    for feeds in items:
        for name, array in run(feeds).items():
            if not np.isfinite(array).all():
                raise ModelRefused(
                    f"the float model makes NaN or infinity in {name!r} for a calibration item"
                )
            low, high = ends[name]
            ends[name] = min(low, float(array.min())), max(high, float(array.max()))
    ends = {name: (low, max(high, low + MIN_RANGE)) for name, (low, high) in ends.items()}
    counts = {name: np.zeros(BINS) for name in names}
    for feeds in items if counted else ():
        for name, array in run(feeds).items():
            low, high = ends[name]
            places = ((array.astype(np.float32) - low) * (BINS / (high - low))).astype(np.int32)
            clipped_places = np.clip(places.reshape(-1), 0, BINS - 1)
            counts[name] += np.bincount(clipped_places, minlength=BINS)
    return {name: Histogram(*ends[name], counts[name]) for name in names}


def observed_names(plan: Plan) -> list[str]:
    """Return the tensors whose values are needed: those of steps, and those before activations."""
    raw = [step.raw for step in plan.steps if isinstance(step, Product) and step.raw]
    sources = [plan.source_of(step.output) for step in plan.steps]
    made = [name for name in sources if name in plan.observable]
    return list(dict.fromkeys([*plan.inputs, *made, *raw, *plan.ranges_of.values()]))


def clipped(seen: Histogram, method: str) -> tuple[float, float]:
    """Return the part of a range that 8 bits are for."""
    if method == "minmax":
        return seen.low, seen.high
    if method == "percentile":
        share = np.cumsum(seen.counts) / seen.counts.sum()
        low = seen.middles[np.searchsorted(share, BEYOND)]
        high = seen.middles[min(BINS - 1, int(np.searchsorted(share, 1 - BEYOND)))]
        return min(float(low), 0.0), max(float(high), low + MIN_RANGE, 0.0)
    parts = np.linspace(SMALLEST_CLIPPING, 1, CLIPPINGS)
    best = min(parts, key=lambda part: _squares(seen, seen.low * part, seen.high * part))
    return seen.low * float(best), seen.high * float(best)


def _squares(seen: Histogram, low: float, high: float) -> float:
    """Return the sum of squared errors of 8 bits for a range."""
    scale = (high - low) / 255
    zero = round(-128 - low / scale)
    rounded = np.clip(np.rint(seen.middles / scale) + zero, -128, 127) - zero
    return float((seen.counts * (seen.middles - rounded * scale) ** 2).sum())


# ---- tensors with one meaning


class Groups:
    """Sets of tensors that must have the same numbers, because elements move between them."""

    def __init__(self, plan: Plan) -> None:
        self._parents: dict[str, str] = {}
        for step in plan.steps:
            if isinstance(step, _SAME_NUMBERS):
                self._join(step.inputs[0], step.output)
            elif isinstance(step, Hypot):
                self._join(*step.inputs)
        for name, like in plan.ranges_of.items():
            self._join(name, like)
        self._cells = {self.of(step.output) for step in plan.steps if isinstance(step, Recurrent)}
        readers, makers = plan.readers(), plan.makers()
        for step in plan.steps:
            if isinstance(step, Concat):
                for name in step.inputs:
                    alone = readers[name] == [step] and name not in plan.outputs
                    if _may_share(makers.get(name), alone=alone):
                        self._join_parts(name, step.output)
        self.members: dict[str, list[str]] = {}
        made = (step.output for step in plan.steps)
        for name in dict.fromkeys([*plan.inputs, *made, *plan.ranges_of.values()]):
            self.members.setdefault(self.of(name), []).append(name)

    def _join_parts(self, part: str, whole: str) -> None:
        """Join a part with its whole, unless one holds states, whose numbers are fixed."""
        if not self._cells.intersection((self.of(part), self.of(whole))):
            self._join(part, whole)

    def of(self, name: str) -> str:
        """Return the name of the group of a tensor."""
        while name in self._parents:
            name = self._parents[name]
        return name

    def _join(self, first: str, second: str) -> None:
        a, b = self.of(first), self.of(second)
        if a != b:
            self._parents[b] = a


def _may_share(maker: Step | None, *, alone: bool) -> bool:
    """Return True if a part of a `Concat` may be made in the numbers of the whole.

    So a part without another reader is rounded once, and a growing whole not again with each part.
    """
    return isinstance(maker, Concat) or (alone and not isinstance(maker, _SAME_NUMBERS))


def numbers_of(
    plan: Plan,
    groups: Groups,
    seen: Mapping[str, Histogram],
    method: str,
    wide: Iterable[str] = (),
) -> dict[str, RealNumbers]:
    """Return the numbers of all tensors; groups in `wide` have 16 bits, outputs where possible."""
    widened, ends = set(wide), wide_outputs(plan, groups) | wide_beside_rows(plan, groups)
    ids = {groups.of(step.inputs[0]) for step in plan.steps if isinstance(step, Lookup)}
    cells = {groups.of(step.output) for step in plan.steps if isinstance(step, Recurrent)}
    chosen: dict[str, RealNumbers] = {}
    for group, members in groups.members.items():
        if group in cells:
            numbers = _of_state(wide=group in widened)
        elif group in ids:
            numbers = RealNumbers(Kind.I32, 0, 1.0)
        elif members[0] in plan.rows:
            numbers = RealNumbers(plan.rows[members[0]], 0, 1.0)
        else:
            sources = [plan.source_of(name) for name in members]
            observed = [seen[name] for name in sources if name in seen]
            ranges = [clipped(one, method) for one in observed]
            largest = [max(-one.low, one.high) for one in observed]
            if group in ends:
                numbers = _wide(max(largest) * SPARE)
            elif group in widened:
                numbers = _wide(max(largest))
            else:
                numbers = _narrow(min(low for low, _ in ranges), max(high for _, high in ranges))
        chosen |= dict.fromkeys(members, numbers)
    return chosen


def _wide(largest: float) -> RealNumbers:
    return RealNumbers(Kind.I16, 0, float(np.float32(max(largest, MIN_RANGE) / 32767)))


def _of_state(*, wide: bool) -> RealNumbers:
    """Return the numbers of a recurrent layer's rows, which are between -1 and 1."""
    return RealNumbers(Kind.I16, 0, 2.0**-15) if wide else RealNumbers(Kind.I8, 0, 2.0**-7)


def _narrow(low: float, high: float) -> RealNumbers:
    scale = float(np.float32(max(high - low, MIN_RANGE) / 255))
    return RealNumbers(Kind.I8, int(np.clip(round(-128 - low / scale), -128, 127)), scale)


def wide_outputs(plan: Plan, groups: Groups) -> set[str]:
    """Return the groups of outputs that a last product makes, and that no other step computes with.

    They have 16 bits, so that rounding loses nothing.
    """
    ends = {groups.of(name) for name in plan.outputs}
    for step in plan.steps:
        group = groups.of(step.output)
        moves = isinstance(step, _SAME_NUMBERS) and not isinstance(step, MaxPool)
        if group in ends and not moves and not (isinstance(step, Product) and step.clamp is None):
            ends.discard(group)
        if not moves:
            ends.difference_update(groups.of(name) for name in step.inputs)
    return ends.difference(groups.of(name) for name in plan.inputs)


def wide_beside_rows(plan: Plan, groups: Groups) -> set[str]:
    """Return the groups of tensors that are converted to rows with scales of their own, or back."""
    return {group for name in plan.wide for group in can_widen(plan, groups, groups.of(name))}


def can_widen(plan: Plan, groups: Groups, group: str) -> set[str]:
    """Return the groups that have 16 bits if this one has: tables need them before and behind.

    A table makes 16 bits only of 16 bits.
    """
    widened, waiting = set[str](), [group]
    while waiting:
        name = waiting.pop()
        if name in widened:
            continue
        widened.add(name)
        waiting.extend(
            groups.of(step.inputs[0])
            for step in plan.steps
            if isinstance(step, Function) and groups.of(step.output) == name
        )
    return widened


def mean_of_channels(array: Array, axis: int) -> Float64s:
    """Return the mean of each channel."""
    others = tuple(at for at in range(array.ndim) if at != axis)
    means: Float64s = array.astype(np.float64).mean(axis=others)
    return means
