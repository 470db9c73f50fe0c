"""Import of a float model: all steps in order, with the choices that are made by measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from btt_chain.work.errors import InputRefused, WorkError
from btt_chain.work.package import Preparation
from btt_chain.work.quantise.compare import MIN_DICE, Comparison, Labels, compared
from btt_chain.work.quantise.correction import channel_means, corrections_of
from btt_chain.work.quantise.emit import emitted
from btt_chain.work.quantise.emitter import Corrections, Port, Quantised, sequence
from btt_chain.work.quantise.endings import class_count
from btt_chain.work.quantise.floats import Array, Feeds, FloatGraph, float_graph, runner
from btt_chain.work.quantise.folding import fold
from btt_chain.work.quantise.items import check_calibration, read_folder
from btt_chain.work.quantise.patterns import plan_of
from btt_chain.work.quantise.ranges import (
    METHODS,
    Groups,
    Histogram,
    numbers_of,
    observe,
    observed_names,
)
from btt_chain.work.quantise.sensitivity import widening, within_budget
from btt_chain.work.quantise.steps import Plan

MIN_AGREEMENT: Final = 0.98
"""Least share of equal decisions unless the caller says another one."""
BUDGET: Final = 0.2
"""Growth of the multiplications for 16 bits unless the caller says another one."""
HELD_BACK: Final = 3
"""Every third calibration item is not used for the numbers, but to choose between them."""


class LossTooLarge(WorkError):
    """Too few decisions of the model of integers are those of the float model."""

    def __init__(self, comparison: Comparison, least: float) -> None:
        super().__init__(
            f"agrees with the float model in {comparison.agreement:.2%} of decisions "
            f"(least {least:.2%}), Dice {comparison.dice:.4f} (least {MIN_DICE}): calibrate with "
            "more items, raise --budget, or give --accept-loss"
        )
        self.comparison = comparison


@dataclass(frozen=True, slots=True)
class Settings:
    """Decisions of the caller."""

    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    method: str | None = None
    """One of `METHODS`; None measures all."""
    least: float = MIN_AGREEMENT
    budget: float = BUDGET
    """Growth of the multiplications that 16-bit tensors may cost."""
    accept_loss: bool = False
    fixed: Mapping[str, float] = field(default_factory=dict)
    """Inputs that always have one value, and are left out for that."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A quantised model, how its numbers were chosen, and its agreement with the float model."""

    quantised: Quantised
    plan: Plan
    graph: FloatGraph
    remarks: Sequence[str]
    comparison: Comparison


Report = Callable[[str], None]
"""Receives the name of each stage."""


def no_report(_stage: str) -> None:
    """Ignore the progress."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The float model over the calibration items."""

    seen: Mapping[str, Histogram]
    means: Corrections
    """Mean sum of each channel of each product."""
    used: Sequence[Feeds]
    held: Sequence[Feeds]
    exact: Mapping[int, dict[str, Array]]
    """Outputs for all items, by the identity of each."""

    def exact_of(self, feeds: Feeds) -> dict[str, Array]:
        """Return the float outputs for an item."""
        return self.exact[id(feeds)]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to choose the numbers, and its agreement over the items that were held back."""

    method: str
    corrected: bool
    quantised: Quantised
    comparison: Comparison

    @property
    def name(self) -> str:
        """The method in words."""
        return self.method + (" with bias correction" if self.corrected else "")


class Importer:
    """A float model, its calibration items, and the candidates made of them."""

    def __init__(self, path: Path, settings: Settings, report: Report = no_report) -> None:
        """Read the model. Raises ModelRefused, with the name of the node."""
        self.settings = settings
        self.report = report
        report("reading the model")
        self.graph = float_graph(path, settings.shapes, settings.fixed)
        self.plan = plan_of(self.graph)
        self.folds = fold(self.plan)
        self.groups = Groups(self.plan)

    @property
    def ports(self) -> list[Port]:
        """The inputs, in the order of axes of the package."""
        plan = self.plan
        return [Port(name, plan.shapes[name], sequence(plan, name)) for name in plan.inputs]

    def read(self, folder: Path, preparation: Preparation) -> list[Feeds]:
        """Return the items of a folder. Raises UnreadableInput."""
        self.report(f"reading {folder.name}")
        return read_folder(folder, self.ports, preparation)

    def quantised(
        self,
        calibration: Sequence[Feeds],
        items: Sequence[Feeds] | None = None,
        labels: Labels | None = None,
    ) -> Imported:
        """Return the model of integers, compared over `items`, else over the calibration.

        Raises LossTooLarge, unless that is accepted, and ModelRefused.
        """
        check_calibration(calibration)
        if labels is not None and (items is None or labels.size % len(items)):
            raise InputRefused(
                f"{labels.size} labels for {len(items or ())} items: give one for each decision"
            )
        self.report("observing the float model")
        observed = self._observed(calibration)
        candidates = self._candidates(observed)
        best = min(candidates, key=lambda each: (each.comparison.error, each.corrected))
        best, widened = self._widened(best, observed)
        self.report("comparing")
        comparison = compared(
            best.quantised, self.plan, runner(self.graph.proto, self.plan.outputs),
            items or calibration, independent=items is not None, labels=labels,
        )  # fmt: skip
        if not comparison.passes(self.settings.least) and not self.settings.accept_loss:
            raise LossTooLarge(comparison, self.settings.least)
        if labels is not None and all(output.accuracy is None for output in comparison.outputs):
            raise InputRefused(self._no_output_of(labels, comparison, best.quantised))
        remarks = self._remarks(candidates, best, widened)
        return Imported(best.quantised, self.plan, self.graph, remarks, comparison)

    def _no_output_of(self, labels: Labels, comparison: Comparison, quantised: Quantised) -> str:
        """Return why labels are those of no output."""
        plan = self.plan
        kinds = [
            f"{output.decided} of {class_count(ending, plan.shapes[name], axis)} classes"
            for number, (output, ending, name) in enumerate(
                zip(comparison.outputs, plan.endings, plan.outputs, strict=True)
            )
            for axis in [quantised.class_axis(plan, number)]
        ]
        return (
            f"{labels.size} labels from {labels.min()} to {labels.max()}, but the outputs have "
            f"{', '.join(kinds)}: give one label for each decision, classes counted from 0"
        )

    def _observed(self, calibration: Sequence[Feeds]) -> Observed:
        """Execute the float model over the calibration items."""
        held = list(calibration[HELD_BACK - 1 :: HELD_BACK])
        used = [item for at, item in enumerate(calibration) if at % HELD_BACK != HELD_BACK - 1]
        names = observed_names(self.plan)
        run = runner(self.graph.proto, names)
        exact = runner(self.graph.proto, self.plan.outputs)
        return Observed(
            observe(run, names, used, counted=self.settings.method != "minmax"),
            channel_means(self.plan, run, used),
            used,
            held,
            {id(feeds): exact(feeds) for feeds in calibration},
        )

    def _candidates(self, observed: Observed) -> list[Candidate]:
        methods = METHODS if self.settings.method is None else (self.settings.method,)
        candidates: list[Candidate] = []
        for method in methods:
            self.report(f"trying {method}")
            plain = self._candidate(method, observed, {}, observed.held)
            candidates.append(plain)
            added = corrections_of(plain.quantised, observed.means, observed.used)
            candidates.append(self._candidate(method, observed, added, observed.held))
        return candidates

    def _candidate(
        self,
        method: str,
        observed: Observed,
        added: Corrections,
        items: Sequence[Feeds],
        wide: frozenset[str] = frozenset(),
    ) -> Candidate:
        """Return a candidate, compared over some of the calibration items."""
        numbers = numbers_of(self.plan, self.groups, observed.seen, method, wide)
        quantised = emitted(self.plan, numbers, added)
        comparison = compared(quantised, self.plan, observed.exact_of, items, independent=True)
        return Candidate(method, bool(added), quantised, comparison)

    def _widened(self, best: Candidate, observed: Observed) -> tuple[Candidate, frozenset[str]]:
        """Return the candidate with 16 bits where they pay, and the tensors that have them.

        It is compared over all calibration items: those that were held back are few. Half of the
        loss that is allowed is kept for other items.
        """
        widened: frozenset[str] = frozenset()
        if best.comparison.passes(self.settings.least):
            return best, widened
        numbers, items = best.quantised.numbers, [*observed.used, *observed.held]
        order = widening(self.graph, self.plan, self.groups, numbers, observed.held)
        for wide in within_budget(self.plan, self.groups, order, self.settings.budget):
            self.report(f"16 bits in {len(wide)} tensors")
            plain = self._candidate(best.method, observed, {}, items, wide)
            added = corrections_of(plain.quantised, observed.means, observed.used)
            corrected = self._candidate(best.method, observed, added, items, wide)
            tried = min(plain, corrected, key=lambda each: each.comparison.error)
            if not widened or tried.comparison.error < best.comparison.error:
                best, widened = tried, wide
            if best.comparison.passes(halfway(self.settings.least), halfway(MIN_DICE)):
                break
        return best, widened

    def _remarks(
        self, candidates: Sequence[Candidate], best: Candidate, widened: frozenset[str]
    ) -> list[str]:
        """Return the folds and choices in words."""
        folds = self.folds
        tried = ", ".join(f"{each.name} {each.comparison.error:.4g}" for each in candidates)
        behind = f"{folds['forward']} into those behind; {folds['kept']} kept"
        remarks = [
            f"affine steps folded: {folds['back']} into the product before, {behind}",
            f"ranges: {best.name} (relative error over the held-back items: {tried})",
        ]
        if self.graph.left_out:
            names = ", ".join(self.graph.left_out)
            remarks.append(f"states of recurrent layers are left out, the first is 0: {names}")
        for name, value in self.settings.fixed.items():
            remarks.append(f"input {name!r} is left out, it is always {value:g}")
        if widened:
            remarks.append(f"16 bits: {', '.join(sorted(widened))}")
        for name, ending in zip(self.plan.results, self.plan.endings, strict=True):
            if ending is not None:
                remarks.append(f"{ending.kind} of output {name!r} is left to the reader of results")
        return remarks


def halfway(share: float) -> float:
    """Return the share with half of the loss."""
    return (1 + share) / 2
