"""The agreement of an imported model with its reference, as a package stores it.

The import of a float model measures it. Counts are stored, and shares follow from them. It is the
word of who made the package: the chain stores nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from btt_chain.scale import Bounded, path, u8, u32, u64
from btt_chain.work.ids import PPM

MAX_CLASSES: Final = 4096
"""Maximum number of classes that are counted one by one."""
MAX_ROWS: Final = 16
"""Maximum number of comparisons: eight outputs with two references each."""


@path("btt_work::Reference")
class Reference(IntEnum):
    """The decisions that those of the model are compared with."""

    FloatModel = 0
    """Those of the float model that it was made of."""
    Labels = 1
    """The right classes, as the importer was given them."""


@path("btt_work::ClassAgreement")
@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """The decisions about the items of one class of the reference."""

    number: u32
    decisions: u64
    equal: u64


@path("btt_work::OutputAgreement")
@dataclass(frozen=True, slots=True)
class OutputAgreement:
    """One output compared with one reference."""

    output: u8
    """Position of the output in the graph."""
    reference: Reference
    decisions: u64
    """Number of decisions: one for each item and place."""
    equal: u64
    of_floats: u64 | None = None
    """Number of decisions of the float model that equal the labels."""
    dice: u32 | None = None
    """Dice coefficient of masks with those of the float model, in millionths."""
    classes: Bounded[list[ClassAgreement], MAX_CLASSES] = field(default_factory=list)
    """By class of the labels; empty if the reference is the float model."""

    @property
    def name(self) -> str:
        """The output and its reference in words."""
        of = "labels" if self.reference is Reference.Labels else "the float model"
        return f"output {int(self.output)}, {of}"

    def fault(self) -> str | None:
        """Return the contradiction in the counts, None if there is none."""
        counts = [(self.decisions, self.equal), *(
            (part.decisions, part.equal) for part in self.classes
        )]  # fmt: skip
        if any(not decisions or equal > decisions for decisions, equal in counts):
            return f"{self.name}: more equal decisions than decisions, or none"
        sums = [sum(int(pair[at]) for pair in counts[1:]) for at in (0, 1)]
        if self.classes and sums != [self.decisions, self.equal]:
            return f"{self.name}: the classes do not add up to all decisions"
        numbers = [int(part.number) for part in self.classes]
        if numbers != sorted(set(numbers)):
            return f"{self.name}: the classes are not in order"
        if (self.of_floats or 0) > self.decisions or (self.dice or 0) > PPM:
            return f"{self.name}: a share is above 100 %"
        return None

    def as_json(self) -> dict[str, object]:
        """Return the counts and their share in millionths as JSON."""
        document: dict[str, object] = {
            "output": int(self.output),
            "reference": "labels" if self.reference is Reference.Labels else "floatModel",
            "decisions": int(self.decisions),
            "equal": int(self.equal),
            "agreementPpm": ppm(self.equal, self.decisions),
        }
        if self.of_floats is not None:
            document["floatModelPpm"] = ppm(self.of_floats, self.decisions)
        if self.dice is not None:
            document["dicePpm"] = int(self.dice)
        if self.classes:
            document["byClass"] = [
                {
                    "class": int(part.number),
                    "decisions": int(part.decisions),
                    "equal": int(part.equal),
                    "agreementPpm": ppm(part.equal, part.decisions),
                }
                for part in self.classes
            ]
        return document

    def lines(self, labels: Sequence[str]) -> list[str]:
        """Return the counts in words; `labels` are the names of classes, as far as they are."""
        share = percent(ppm(self.equal, self.decisions))
        lines = [f"{self.name}: {self.equal} of {self.decisions} decisions equal ({share})"]
        if self.of_floats is not None:
            floats = percent(ppm(self.of_floats, self.decisions))
            lines[0] += f", of the float model {self.of_floats} ({floats})"
        if self.dice is not None:
            lines[0] += f", Dice of the masks {percent(int(self.dice))}"
        if self.classes:
            named = dict(enumerate(labels))
            parts = [
                f"{named.get(int(part.number), str(part.number))}: {part.equal}/{part.decisions}"
                for part in self.classes
            ]
            lines.append(f"{self.name}: by class {', '.join(parts)}")
        return lines


@path("btt_work::MeasuredAgreement")
@dataclass(frozen=True, slots=True)
class MeasuredAgreement:
    """All comparisons of an import, over the same items."""

    items: u32
    independent: bool
    """False if the items are those that the numbers were chosen by."""
    outputs: Bounded[list[OutputAgreement], MAX_ROWS]
    """In the order of outputs and references; each output has one with the float model."""

    def fault(self, outputs: int) -> str | None:
        """Return its fault for a model with so many outputs, None if it has none."""
        if not self.items:
            return "has no items"
        rows = [(int(row.output), row.reference) for row in self.outputs]
        compared = [output for output, reference in rows if reference is Reference.FloatModel]
        if rows != sorted(set(rows)) or compared != [*range(outputs)] or rows[-1][0] >= outputs:
            return f"does not have each of the {outputs} outputs once, in order"
        return next((why for row in self.outputs if (why := row.fault()) is not None), None)

    def as_json(self) -> dict[str, object]:
        """Return the agreement as JSON."""
        return {
            "items": int(self.items),
            "independent": self.independent,
            "outputs": [row.as_json() for row in self.outputs],
        }

    def lines(self, labels: Sequence[str]) -> list[str]:
        """Return the agreement in words; `labels` are the names of classes."""
        rows = [line for row in self.outputs for line in row.lines(labels)]
        return [items_in_words(int(self.items), independent=self.independent), *rows]


def items_in_words(items: int, *, independent: bool) -> str:
    """Return the number of compared items, and whether they say more than the calibration did."""
    return f"{items} items" + ("" if independent else " (not independent: the calibration items)")


def ppm(equal: int, decisions: int) -> int:
    """Return a share in millionths, rounded down: all is 1,000,000, and nothing else is."""
    return int(equal) * PPM // int(decisions)


def percent(share: int) -> str:
    """Return a share in millionths as percent, rounded down to two places."""
    hundredths = share * 100 * 100 // PPM
    return f"{hundredths // 100}.{hundredths % 100:02}%"
