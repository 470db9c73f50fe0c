"""`btt-chain model import`: a file of integers as it is, a float model quantised.

It needs numpy and onnx, so `model` imports it where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Final

import click

from btt_chain.primitives.files import writing
from btt_chain.work.errors import WorkError
from btt_chain.work.onnx_import import load
from btt_chain.work.package import Package, Preparation, read_preparation, save
from btt_chain.work.quantise.floats import is_quantised
from btt_chain.work.quantise.importing import (
    BUDGET,
    MIN_AGREEMENT,
    Importer,
    LossTooLarge,
    Settings,
)
from btt_chain.work.quantise.items import read_labels
from cli.common import show
from cli.common.errors import ExitCode, Mistyped, Refused

NEEDS: Final[Mapping[str, str]] = {
    "compare": "calibrate",
    "labels": "compare",
    "shapes": "calibrate",
    "fixed": "calibrate",
    "ranges": "calibrate",
    "least": "calibrate",
    "accept_loss": "calibrate",
    "budget": "calibrate",
    "chart": "calibrate",
}
"""Options that are refused without another one, by the names of their parameters."""
REASONS: Final[Mapping[str, str]] = {
    "calibrate": "is for float models, which need --calibrate DIR",
    "compare": "are those of the items of --compare DIR",
}


class LossRefused(click.ClickException):
    """A quantised model agrees too little with its float model."""

    exit_code = ExitCode.LOSS


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The options of `model import`."""

    prepare: Path | None
    calibrate: Path | None
    compare: Path | None
    labels: Path | None
    chart: Path | None
    settings: Settings

    @classmethod
    def of(cls, options: Mapping[str, object]) -> ImportOptions:
        """Return the options of a command line. Raises Mistyped."""
        given = {name for name, value in options.items() if is_given(value)}
        for name, needed in NEEDS.items():
            if name in given and needed not in given:
                raise Mistyped(f"{flag(name)} {REASONS[needed]}: give that, too")
        files = [_path(options, name) for name in ("prepare", "calibrate", "compare", "labels")]
        prepare, calibrate, compare, labels = files
        chart, shapes, fixed = _path(options, "chart"), options["shapes"], options["fixed"]
        method, least, budget = options["ranges"], options["least"], options["budget"]
        settings = Settings(
            shapes_of(shapes if isinstance(shapes, tuple) else ()),
            method if isinstance(method, str) else None,
            least if isinstance(least, float) else MIN_AGREEMENT,
            share_of(str(budget)) if budget is not None else BUDGET,
            bool(options["accept_loss"]),
            values_of(fixed if isinstance(fixed, tuple) else ()),
        )
        return cls(prepare, calibrate, compare, labels, chart, settings)


def is_given(value: object) -> bool:
    """Return True if an option was typed: 0 is a value, too."""
    return value is not None and value is not False and value != ()


def flag(name: str) -> str:
    """Return an option as it is typed, from the name of its parameter."""
    return {"shapes": "--shape", "fixed": "--fix"}.get(name, f"--{name.replace('_', '-')}")


def _path(options: Mapping[str, object], name: str) -> Path | None:
    value = options[name]
    return value if isinstance(value, Path) else None


def shapes_of(texts: Sequence[str]) -> dict[str, list[int]]:
    """Return the shapes of `NAME=1x3x224x224`. Raises Mistyped."""
    shapes: dict[str, list[int]] = {}
    for text in texts:
        name, _, sizes = text.rpartition("=")
        parts = sizes.lower().split("x")
        if not name or not all(part.isdecimal() and int(part) > 0 for part in parts):
            raise Mistyped(f"--shape {text}: write it as NAME=1x3x224x224")
        if name in shapes:
            raise Mistyped(f"--shape {text}: the shape of {name} is given twice")
        shapes[name] = [int(part) for part in parts]
    return shapes


def values_of(texts: Sequence[str]) -> dict[str, float]:
    """Return the values of `NAME=1`. Raises Mistyped."""
    values: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if name in values:
            raise Mistyped(f"--fix {text}: the value of {name} is given twice")
        try:
            values[name] = float(number)
        except ValueError:
            name = ""
        if not name or not isfinite(values[name]):
            raise Mistyped(f"--fix {text}: write it as NAME=1")
    return values


def share_of(text: str) -> float:
    """Return the part of `20%`. Raises Mistyped."""
    number = text.removesuffix("%")
    if not text.endswith("%") or not number.replace(".", "", 1).isdecimal():
        raise Mistyped(f"--budget {text}: write it as 20%")
    return float(number) / 100


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Choices of the import of a float model, and the agreement of the result with it."""

    remarks: Sequence[str]
    agreement: Sequence[str]
    document: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Done:
    """A package that was written, and the report of a float model."""

    package: Package
    report: ImportReport | None


def import_model(file: Path, out: Path, options: ImportOptions, *, silent: bool) -> Done:
    """Write the package of a model. Raises Refused, or LossRefused, and writes nothing then."""
    try:
        prepare = options.prepare
        preparation = Preparation() if prepare is None else read_preparation(prepare.read_bytes())
    except WorkError as reason:
        raise Refused(f"{options.prepare and options.prepare.name}: {reason}") from None
    if options.calibrate is None:
        done = Done(_of_integers(file, preparation, silent=silent), None)
    else:
        done = _of_floats(file, options, options.calibrate, preparation, silent=silent)
    try:
        save(done.package, out)
    except WorkError as reason:
        raise Refused(f"{(options.prepare or file).name}: {reason}") from None
    except OSError as error:
        raise Refused(f"{out} cannot be written: {error.strerror}") from None
    return done


def _of_integers(file: Path, preparation: Preparation, *, silent: bool) -> Package:
    """Return the package of a file of 8-bit integers."""
    try:
        with show.progress(silent=silent) as bar:
            task = bar.add_task("converting nodes", total=None)
            model = load(file, lambda done, of: bar.update(task, completed=done, total=of)).model
    except WorkError as reason:
        raise Refused(f"{file.name}: {reason}{_hint(file)}") from None
    return Package(model, preparation)


def _hint(file: Path) -> str:
    """Return how a float model is imported, if a file is one."""
    try:
        floats = not is_quantised(file)
    except WorkError:
        return ""
    return "; it is a float model: --calibrate DIR quantises it" if floats else ""


def _of_floats(
    file: Path, options: ImportOptions, folder: Path, preparation: Preparation, *, silent: bool
) -> Done:
    """Return the package of a float model, quantised by the items of a folder."""
    try:
        if is_quantised(file):
            raise Refused(f"{file.name} has integers already: import it without --calibrate")
        with show.progress(silent=silent) as bar:
            task = bar.add_task("reading the model", total=None)
            importer = Importer(
                file, options.settings, lambda stage: bar.update(task, description=stage)
            )
            calibration = importer.read(folder, preparation)
            compare, labels = options.compare, options.labels
            items = None if compare is None else importer.read(compare, preparation)
            classes = None if labels is None else read_labels(labels, preparation.labels)
            imported = importer.quantised(calibration, items, classes)
    except LossTooLarge as loss:
        _chart(options, loss.comparison.picture())
        lines = "\n".join(loss.comparison.lines())
        raise LossRefused(f"{file.name}: {loss}\n{lines}") from None
    except WorkError as reason:
        raise Refused(f"{file.name}: {reason}") from None
    comparison = imported.comparison
    _chart(options, comparison.picture())
    document = {"remarks": list(imported.remarks), "comparison": comparison.as_json()}
    report = ImportReport(imported.remarks, comparison.lines(), document)
    package = Package(imported.quantised.model, preparation, comparison.measured())
    return Done(package, report)


def _chart(options: ImportOptions, picture: str) -> None:
    """Write the picture of the agreement, if it is wanted."""
    if options.chart is None:
        return
    try:
        with writing(options.chart) as out:
            out.write(picture.encode())
    except OSError as error:
        raise Refused(f"{options.chart} cannot be written: {error.strerror}") from None
