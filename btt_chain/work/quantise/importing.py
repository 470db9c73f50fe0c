"""Import of a float model: all steps in order, with the choices that are made by measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from btt_chain.work.errors import WorkError
from btt_chain.work.package import Preparation
from btt_chain.work.quantise.compare import Comparison, Labels, compared
from btt_chain.work.quantise.correction import channel_means, corrections_of
from btt_chain.work.quantise.emit import emitted
from btt_chain.work.quantise.emitter import Corrections, Port, Quantised, sequence
from btt_chain.work.quantise.floats import Feeds, FloatGraph, float_graph, runner
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

HELD_BACK: Final = 3
"""One calibration item of so many is not used for the numbers, but to choose between them."""


class LossTooLarge(WorkError):
    """Too few decisions of the model of integers are those of the float model."""

    def __init__(self, comparison: Comparison, least: float) -> None:
        super().__init__(
            f"agrees with the float model in {comparison.agreement:.2%} of decisions "
            f"(least {least:.2%}), Dice {comparison.dice:.4f}: calibrate with more items, raise "
            "--budget, or give --accept-loss"
        )
        self.comparison = comparison


@dataclass(frozen=True, slots=True)
class Settings:
    """Decisions of the caller."""

    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    method: str | None = None
    """One of `METHODS`; None measures all."""
    least: float = 0.98
    budget: float = 0.2
    """Growth of the multiplications that 16-bit tensors may cost."""
    accept_loss: bool = False


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
        self.graph = float_graph(path, settings.shapes)
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
        held = list(calibration[HELD_BACK - 1 :: HELD_BACK])
        used = [item for at, item in enumerate(calibration) if at % HELD_BACK != HELD_BACK - 1]
        names = observed_names(self.plan)
        run = runner(self.graph.proto, names)
        self.report("observing the float model")
        seen = observe(run, names, used)
        means = channel_means(self.plan, run, used)
        candidates = self._candidates(seen, means, used, held)
        best = min(candidates, key=lambda each: (each.comparison.error, each.corrected))
        best, widened = self._widened(best, seen, means, used, held)
        self.report("comparing")
        comparison = compared(
            best.quantised, self.plan, runner(self.graph.proto, self.plan.outputs),
            items or calibration, independent=items is not None, labels=labels,
        )  # fmt: skip
        if not comparison.passes(self.settings.least) and not self.settings.accept_loss:
            raise LossTooLarge(comparison, self.settings.least)
        remarks = self._remarks(candidates, best, widened)
        return Imported(best.quantised, self.plan, self.graph, remarks, comparison)

    def _candidates(
        self,
        seen: Mapping[str, Histogram],
        means: Corrections,
        used: Sequence[Feeds],
        held: Sequence[Feeds],
    ) -> list[Candidate]:
        methods = METHODS if self.settings.method is None else (self.settings.method,)
        candidates: list[Candidate] = []
        for method in methods:
            self.report(f"trying {method}")
            plain = self._candidate(method, seen, {}, held, frozenset())
            candidates.append(plain)
            added = corrections_of(plain.quantised, means, used)
            candidates.append(self._candidate(method, seen, added, held, frozenset()))
        return candidates

    def _candidate(
        self,
        method: str,
        seen: Mapping[str, Histogram],
        added: Corrections,
        held: Sequence[Feeds],
        wide: frozenset[str],
    ) -> Candidate:
        numbers = numbers_of(self.plan, self.groups, seen, method, wide)
        quantised = emitted(self.plan, numbers, added)
        run = runner(self.graph.proto, self.plan.outputs)
        comparison = compared(quantised, self.plan, run, held, independent=True)
        return Candidate(method, bool(added), quantised, comparison)

    def _widened(
        self,
        best: Candidate,
        seen: Mapping[str, Histogram],
        means: Corrections,
        used: Sequence[Feeds],
        held: Sequence[Feeds],
    ) -> tuple[Candidate, frozenset[str]]:
        """Return the candidate with 16 bits where they pay, and the tensors that have them."""
        widened: frozenset[str] = frozenset()
        if best.comparison.passes(self.settings.least):
            return best, widened
        order = widening(self.graph, self.plan, self.groups, best.quantised.numbers, held)
        for wide in within_budget(self.plan, self.groups, order, self.settings.budget):
            self.report(f"16 bits in {len(wide)} tensors")
            plain = self._candidate(best.method, seen, {}, held, wide)
            if best.corrected:
                added = corrections_of(plain.quantised, means, used)
                plain = self._candidate(best.method, seen, added, held, wide)
            if plain.comparison.error < best.comparison.error:
                best, widened = plain, wide
            if best.comparison.passes(self.settings.least):
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
            f"ranges: {best.name} (mean error over the held-back items: {tried})",
        ]
        if self.graph.left_out:
            names = ", ".join(self.graph.left_out)
            remarks.append(f"states of recurrent layers are left out, the first is 0: {names}")
        if widened:
            remarks.append(f"16 bits: {', '.join(sorted(widened))}")
        for name, ending in zip(self.plan.results, self.plan.endings, strict=True):
            if ending is not None:
                remarks.append(f"{ending.kind} of output {name!r} is left to the reader of results")
        return remarks
