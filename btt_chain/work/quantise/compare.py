"""Agreement of a model of integers with the float model it was made of.

Decisions are classes, or 1 above the threshold; of masks (several places, or an image of classes)
there is the Dice coefficient as well. Of embeddings (normalised rows at the end) a decision is a
row, which is equal if its cosine with the float model is at least `MIN_COSINE`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from btt_chain.scale import u8, u32, u64
from btt_chain.work.agreement import (
    MAX_CLASSES,
    ClassAgreement,
    MeasuredAgreement,
    OutputAgreement,
    Reference,
    items_in_words,
)
from btt_chain.work.execute import Executor
from btt_chain.work.ids import PPM
from btt_chain.work.model import Float64s, Int64s, real_outputs
from btt_chain.work.quantise.emitter import Quantised
from btt_chain.work.quantise.endings import applied, class_count, decisions
from btt_chain.work.quantise.floats import Array, Feeds, Runner
from btt_chain.work.quantise.steps import (
    Attention,
    Ending,
    FromRows,
    Mean,
    Normalize,
    Plan,
    Reshape,
    RowTotal,
    Slice,
    Transpose,
)

MIN_DICE: Final = 0.97
MIN_COSINE: Final = 0.99
BATCH: Final = 4
IMAGE_AXES: Final = 4
"""Axes from which on an output of classes is an image of them."""
SHOWN_MARGINS: Final = 5
MIN_SIZE: Final = 1e-12
SHOWN_CLASSES: Final = 20

Labels: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """One output of both models over some items."""

    name: str
    decided: int
    """Number of decisions: one for each item and place."""
    equal: int
    dice: float | None
    """None if the output is not a mask."""
    largest_error: float
    mean_error: float
    relative_error: float
    """The mean error over the mean absolute value of the float model's output."""
    by_class: Mapping[int, tuple[int, int]]
    """Number of decisions and of equal ones, by the class of the float model."""
    margins: Sequence[float]
    """Distances of the float model's best two scores in changed decisions, the largest first."""
    by_label: Mapping[int, tuple[int, int, int]] | None = None
    """Number of decisions, and of those of the float model and the integers that are right."""
    auc: tuple[float, float] | None = None
    cosines: tuple[float, float] | None = None
    """Mean and least cosine of the rows of an embedding with those of the float model."""

    @property
    def share(self) -> float:
        """The share of equal decisions."""
        return self.equal / self.decided

    @property
    def right(self) -> tuple[int, int] | None:
        """Number of right decisions of the float model and of the integers, if there are labels."""
        if self.by_label is None:
            return None
        _, floats, integers = map(sum, zip(*self.by_label.values(), strict=True))
        return floats, integers

    @property
    def accuracy(self) -> tuple[float, float] | None:
        """The accuracy of the float model and of the integers, if there are labels."""
        if self.right is None:
            return None
        return self.right[0] / self.decided, self.right[1] / self.decided

    def as_json(self) -> dict[str, object]:
        """Return the agreement as JSON."""
        return {
            "output": self.name,
            "decisions": self.decided,
            "equal": self.equal,
            "agreement": round(self.share, 6),
            "dice": None if self.dice is None else round(self.dice, 6),
            "largestError": self.largest_error,
            "meanError": self.mean_error,
            "relativeError": self.relative_error,
            "byClass": {str(key): list(pair) for key, pair in self.by_class.items()},
            "changedMargins": list(self.margins),
            "accuracy": None if self.accuracy is None else list(self.accuracy),
            "auc": None if self.auc is None else list(self.auc),
            "cosines": None if self.cosines is None else list(self.cosines),
        }

    def lines(self) -> list[str]:
        """Return the agreement in words."""
        equal = f"{self.equal} of {self.decided} decisions equal ({self.share:.2%})"
        errors = f"error mean {self.mean_error:.4g}, largest {self.largest_error:.4g}"
        lines = [f"{self.name}: {equal}, {errors}"]
        if self.dice is not None:
            lines.append(f"{self.name}: Dice of the masks {self.dice:.4f}")
        if self.cosines is not None:
            mean, least = self.cosines
            lines.append(f"{self.name}: cosine of rows mean {mean:.4f}, least {least:.4f}")
        for what, pair in (("accuracy", self.accuracy), ("AUC", self.auc)):
            if pair is not None:
                lines.append(f"{self.name}: {what} float {pair[0]:.4f}, integers {pair[1]:.4f}")
        if self.margins:
            shown = ", ".join(f"{margin:.3g}" for margin in self.margins[:SHOWN_MARGINS])
            lines.append(f"{self.name}: margins of the changed decisions {shown}")
        if len(self.by_class) > 1:
            parts = [f"{key}: {same}/{total}" for key, (total, same) in self.shown_classes()]
            more = len(self.by_class) - len(parts)
            rest = f" and {more} others" if more else ""
            lines.append(f"{self.name}: equal by class {', '.join(parts)}{rest}")
        return lines

    def measured(self, output: int) -> list[OutputAgreement]:
        """Return the counts for the package: with the float model, then with labels."""
        dice = None if self.dice is None else u32(int(self.dice * PPM))
        rows = [OutputAgreement(
            u8(output), Reference.FloatModel, u64(self.decided), u64(self.equal), dice=dice
        )]  # fmt: skip
        if self.by_label is not None and self.right is not None:
            classes = [
                ClassAgreement(u32(number), u64(decided), u64(right))
                for number, (decided, _, right) in sorted(self.by_label.items())
            ]
            floats, integers = map(u64, self.right)
            rows.append(OutputAgreement(
                u8(output), Reference.Labels, u64(self.decided), integers, floats,
                classes=classes if len(classes) <= MAX_CLASSES else [],
            ))  # fmt: skip
        return rows

    def shown_classes(self) -> list[tuple[int, tuple[int, int]]]:
        """Return the classes of a report: of many, those with the smallest shares."""
        worst = sorted(self.by_class.items(), key=lambda pair: pair[1][1] / pair[1][0])
        return sorted(worst[:SHOWN_CLASSES])


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both models over some items."""

    items: int
    independent: bool
    """False if the items are those that the numbers were chosen by."""
    outputs: Sequence[Agreement]

    @property
    def agreement(self) -> float:
        """The smallest share of equal decisions of an output."""
        return min(output.share for output in self.outputs)

    @property
    def dice(self) -> float:
        """The smallest Dice coefficient; 1 without masks."""
        return min((output.dice for output in self.outputs if output.dice is not None), default=1.0)

    @property
    def error(self) -> float:
        """The largest relative error of an output."""
        return max(output.relative_error for output in self.outputs)

    def passes(self, least: float, dice: float = MIN_DICE) -> bool:
        """Return True if enough decisions are equal, and masks are alike."""
        return self.agreement >= least and self.dice >= dice

    def lines(self) -> list[str]:
        """Return the comparison in words."""
        return [items_in_words(self.items, independent=self.independent), *(
            line for output in self.outputs for line in output.lines()
        )]  # fmt: skip

    def measured(self) -> MeasuredAgreement:
        """Return the counts for the package."""
        return MeasuredAgreement(u32(self.items), self.independent, [
            row for number, output in enumerate(self.outputs) for row in output.measured(number)
        ])  # fmt: skip

    def as_json(self) -> dict[str, object]:
        """Return the comparison as JSON."""
        return {
            "items": self.items,
            "independent": self.independent,
            "agreement": round(self.agreement, 6),
            "dice": round(self.dice, 6),
            "outputs": [output.as_json() for output in self.outputs],
        }

    def picture(self) -> str:
        """Return an SVG with a bar for each class of each output: the share of equal decisions."""
        bars = [
            (f"{output.name} {key}", same / total)
            for output in self.outputs
            for key, (total, same) in output.shown_classes()
        ]
        height = 22 * len(bars) + 10
        rows = [
            f'<text x="4" y="{22 * at + 20}">{escape(name)}</text>'
            f'<rect x="220" y="{22 * at + 8}" width="{300 * share:.1f}" height="14" fill="#26f"/>'
            f'<text x="526" y="{22 * at + 20}">{share:.1%}</text>'
            for at, (name, share) in enumerate(bars)
        ]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="600" height="{height}" '
            f'font-family="sans-serif" font-size="12">{"".join(rows)}</svg>\n'
        )


# ---- measuring


@dataclass(slots=True)
class _Tally:
    """Running counts of one output."""

    embedding: bool = False
    """True if the output is rows whose directions count."""
    cosines: list[float] = field(default_factory=list)
    items: int = 0
    decided: int = 0
    equal: int = 0
    largest: float = 0.0
    total: float = 0.0
    size: float = 0.0
    """Sum of absolute values of the float model."""
    numbers: int = 0
    classes: Counter[int] = field(default_factory=Counter)
    found: Counter[int] = field(default_factory=Counter)
    same: Counter[int] = field(default_factory=Counter)
    margins: list[float] = field(default_factory=list)
    chosen: tuple[list[Array], list[Array]] = field(default_factory=lambda: ([], []))
    scores: tuple[list[Float64s], list[Float64s]] = field(default_factory=lambda: ([], []))

    def fits(self, labels: Labels | None, classes: int) -> bool:
        """Return True if there is a label for each decision, and each is one of the classes."""
        if labels is None or labels.size != self.decided:
            return False
        return bool(labels.min() >= 0 and labels.max() < classes)


def compared(
    quantised: Quantised,
    plan: Plan,
    run: Runner,
    items: Sequence[Feeds],
    *,
    independent: bool,
    labels: Labels | None = None,
) -> Comparison:
    """Return the agreement over some items; `run` yields the outputs of the plan in floats."""
    executor = Executor(quantised.model)
    tallies = [_Tally(is_embedding(plan, number)) for number in range(len(plan.outputs))]
    axes = [quantised.class_axis(plan, number) for number in range(len(plan.outputs))]
    for at in range(0, len(items), BATCH):
        part = items[at : at + BATCH]
        outputs = executor.run(*quantised.items(part)).outputs
        for place, feeds in enumerate(part):
            exact = run(feeds)
            for number, tally in enumerate(tallies):
                reals = real_outputs(quantised.model.manifest, outputs[number][place], number)
                found = quantised.outputs[number].unpacked(reals).astype(np.float64)
                real = exact[plan.outputs[number]].astype(np.float64)
                axis = axes[number]
                chosen = _count(tally, plan.endings[number], found, real, axis)
                if labels is not None:
                    _keep(tally, plan.endings[number], chosen, (real, found))
    agreements: list[Agreement] = []
    for number, (name, tally) in enumerate(zip(plan.results, tallies, strict=True)):
        ending, shape = plan.endings[number], plan.shapes[plan.outputs[number]]
        own = labels if tally.fits(labels, class_count(ending, shape, axes[number])) else None
        agreements.append(_agreement(name, tally, ending, shape, own))
    return Comparison(len(items), independent, agreements)


def _count(
    tally: _Tally, ending: Ending | None, found: Float64s, real: Float64s, axis: int | None
) -> tuple[Array, Array]:
    """Add one item's output to the counts; return the decisions of the float model, and ours."""
    exact = shown(ending, real)
    apart = np.abs(shown(ending, found) - exact)
    tally.size += float(np.abs(exact).sum())
    tally.largest = max(tally.largest, float(apart.max()))
    tally.total += float(apart.sum())
    tally.numbers += apart.size
    mine, theirs = _decided(tally, ending, (found, real), axis)
    changed = mine != theirs
    tally.decided += mine.size
    tally.equal += int((~changed).sum())
    tally.classes.update(theirs.tolist())
    tally.found.update(mine.tolist())
    tally.same.update(theirs[~changed].tolist())
    if changed.any() and not tally.embedding:
        tally.margins.extend(margins(ending, real, axis)[changed].tolist())
    tally.items += 1
    return theirs, mine


def _decided(
    tally: _Tally, ending: Ending | None, values: tuple[Float64s, Float64s], axis: int | None
) -> tuple[Array, Array]:
    """Return the decisions in both outputs; of an embedding, 1 for each row that is near enough."""
    if not tally.embedding:
        mine, theirs = (decisions(ending, one, axis).reshape(-1) for one in values)
        return mine, theirs
    near = cosines(*values)
    tally.cosines.extend(near.tolist())
    return (near >= MIN_COSINE).astype(np.int64), np.ones(len(near), np.int64)


def _keep(
    tally: _Tally,
    ending: Ending | None,
    chosen: tuple[Array, Array],
    values: tuple[Float64s, Float64s],
) -> None:
    """Keep decisions and outputs of one item, for the comparison with labels."""
    for number in range(len(values)):
        tally.chosen[number].append(chosen[number])
        tally.scores[number].append(shown(ending, values[number]))


def shown(ending: Ending | None, values: Float64s) -> Float64s:
    """Return an output as the file has it; before an ArgMax, its argument."""
    if ending is not None and ending.kind == "ArgMax":
        return values
    return applied(ending, values)


def margins(ending: Ending | None, values: Float64s, axis: int | None) -> Float64s:
    """Return how far the best class is from the second, or a value from the threshold."""
    at = ending.axis if ending is not None and ending.kind != "Sigmoid" else axis
    if at is None or values.shape[at] == 1 or (ending is not None and ending.kind == "Sigmoid"):
        reals = shown(ending, values)
        return np.abs(reals - (0.0 if ending is None else 0.5)).reshape(-1)
    ordered = np.sort(shown(ending, values), axis=at)
    best, second = (np.take(ordered, place, at) for place in (-1, -2))
    difference: Float64s = (best - second).reshape(-1)
    return difference


def _agreement(
    name: str, tally: _Tally, ending: Ending | None, shape: tuple[int, ...], labels: Labels | None
) -> Agreement:
    places = tally.decided // tally.items
    binary = set(tally.classes) | set(tally.found) <= {0, 1}
    masks = not tally.embedding and places > 1 and (binary or len(shape) >= IMAGE_AXES)
    classes = sorted(tally.classes)
    by_label: dict[int, tuple[int, int, int]] | None = None
    auc: tuple[float, float] | None = None
    if labels is not None:
        flat = labels.reshape(-1)
        by_label = _by_label(flat, tally.chosen)
        areas = [area(np.stack(scores), ending, flat) for scores in tally.scores]
        if areas[0] is not None and areas[1] is not None:
            auc = areas[0], areas[1]
    return Agreement(
        name=name,
        decided=tally.decided,
        equal=tally.equal,
        dice=_dice(tally) if masks else None,
        largest_error=tally.largest,
        mean_error=tally.total / max(tally.numbers, 1),
        relative_error=tally.total / max(tally.size, MIN_SIZE),
        by_class={key: (tally.classes[key], tally.same[key]) for key in classes},
        margins=sorted(tally.margins, reverse=True),
        by_label=by_label,
        auc=auc,
        cosines=_mean_and_least(tally.cosines),
    )


def _by_label(
    labels: Labels, chosen: tuple[list[Array], list[Array]]
) -> dict[int, tuple[int, int, int]]:
    """Return the items of each class, and how many of them each model decides rightly."""
    floats, integers = (np.concatenate(decided) == labels for decided in chosen)
    counts: dict[int, tuple[int, int, int]] = {}
    for key in np.unique(labels).tolist():
        of_class = labels == key
        right = [int(np.count_nonzero(of_class & each)) for each in (floats, integers)]
        counts[key] = int(np.count_nonzero(of_class)), right[0], right[1]
    return counts


def is_embedding(plan: Plan, number: int) -> bool:
    """Return True if an output is normalised or attended rows, or means of them."""
    makers, name = plan.makers(), plan.outputs[number]
    while isinstance(makers.get(name), FromRows | Slice | Reshape | Transpose | Mean):
        name = makers[name].inputs[0]
    ends = isinstance(makers.get(name), Normalize | Attention | RowTotal)
    return ends and plan.endings[number] is None


def cosines(found: Float64s, real: Float64s) -> Float64s:
    """Return the cosine of each row (the last axis) of two arrays."""
    sizes = np.linalg.norm(found, axis=-1) * np.linalg.norm(real, axis=-1)
    products: Float64s = (found * real).sum(axis=-1) / np.maximum(sizes, MIN_SIZE)
    return products.reshape(-1)


def _mean_and_least(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the mean and the least of some numbers; None if there are none."""
    return (sum(values) / len(values), min(values)) if values else None


def _dice(tally: _Tally) -> float:
    """Return the mean Dice coefficient of the classes above 0 that either model finds."""
    classes = sorted((set(tally.classes) | set(tally.found)) - {0})
    parts = [2 * tally.same[key] / (tally.classes[key] + tally.found[key]) for key in classes]
    return sum(parts) / len(parts) if parts else 1.0


def area(scores: Float64s, ending: Ending | None, labels: Labels) -> float | None:
    """Return the area under the ROC curve, of several classes the mean of each against the rest.

    None if the scores are not one number, or one for each class, for each label.
    """
    if scores.size == labels.size:
        return ranked_area(scores.reshape(-1), labels == 1)
    axis = -1 if ending is None or ending.kind == "Sigmoid" else ending.axis + 1
    columns = np.moveaxis(scores, axis, -1)
    columns = columns.reshape(-1, columns.shape[-1])
    if len(columns) != labels.size:
        return None
    areas = [ranked_area(columns[:, at], labels == at) for at in range(columns.shape[1])]
    valid = [each for each in areas if each is not None]
    return sum(valid) / len(valid) if valid else None


def ranked_area(scores: Float64s, positive: NDArray[np.bool_]) -> float | None:
    """Return the share of pairs in which the positive one has the higher score; ties count half."""
    count = int(positive.sum())
    others = len(scores) - count
    if not count or not others:
        return None
    ordered = np.sort(scores)
    below = np.searchsorted(ordered, scores, "left")
    up_to = np.searchsorted(ordered, scores, "right")
    ranks: Int64s = below + up_to + 1
    total = float(ranks[positive].sum()) / 2
    return (total - count * (count + 1) / 2) / (count * others)
