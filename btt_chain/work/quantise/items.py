"""Files of a folder as items of a float model: calibration, comparison, labels.

Arrays are in the model's own axes (those of the file, the batch may be left out) or in the order of
the package, channels last; tables, images and scans are read and prepared as for jobs.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.lib import format as npy

from btt_chain.scale import i16, u16, u32
from btt_chain.work.errors import InputRefused
from btt_chain.work.inputs.arrays import read_array
from btt_chain.work.inputs.common import Notes, UnreadableInput
from btt_chain.work.inputs.files import ARRAYS, MAX_ITEMS, grouped, readable, real_items
from btt_chain.work.package import Preparation
from btt_chain.work.quantise.compare import Labels
from btt_chain.work.quantise.emitter import Port
from btt_chain.work.quantise.floats import Array, Feeds
from btt_chain.work.tensors import LEAF_BYTES, Kind, Tensor

MIN_ITEMS: Final = 8
"""Minimum number of calibration items."""


def read_folder(folder: Path, ports: Sequence[Port], preparation: Preparation) -> list[Feeds]:
    """Return the items of all files of a folder, in the order of their names.

    Raises UnreadableInput, with the name of the file.
    """
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name[0] != ".")
    items: list[Feeds] = []
    for group in grouped(files, _packed(ports[0])):
        with readable(group[0]):
            items.extend(_items(group, ports, preparation))
        if len(items) > MAX_ITEMS:
            raise UnreadableInput(f"{folder.name} has more than {MAX_ITEMS} items")
    if not items:
        raise UnreadableInput(f"{folder.name} has no items")
    return items


def check_calibration(items: Sequence[Feeds]) -> None:
    """Raise InputRefused if there are too few items to choose numbers by."""
    if len(items) < MIN_ITEMS:
        raise InputRefused(
            f"{len(items)} calibration items: give at least {MIN_ITEMS}, like those of later jobs"
        )


def _items(
    files: Sequence[Path], ports: Sequence[Port], preparation: Preparation
) -> Iterator[Feeds]:
    several, file = len(ports) > 1, files[0]
    suffix = file.suffix.lower()
    if suffix in ARRAYS and (not several or suffix == ".npz"):
        columns = [
            list(_arrays(file, port, f"input{number}" if several else None))
            for number, port in enumerate(ports)
        ]
        if len({len(column) for column in columns}) > 1:
            raise UnreadableInput.at(file, "its arrays have different numbers of items")
        for row in zip(*columns, strict=True):
            yield {
                port.name: _prepared(file, port, array, preparation)
                for port, array in zip(ports, row, strict=True)
            }
        return
    if several:
        raise UnreadableInput.at(
            file, f"the model has {len(ports)} inputs: give .npz files with input0, input1, ..."
        )
    (port,) = ports
    for item in real_items(files, preparation, _packed(port), Notes()):
        yield {port.name: _prepared(file, port, item.reals, preparation)}


def _arrays(file: Path, port: Port, part: str | None) -> Iterator[Array]:
    """Yield the items of an array in the model's order, whichever order the file has."""
    whole = [port.shape, port.shape[1:]] if port.shape[0] == 1 else [port.shape]
    for shape in whole:
        try:
            rows = list(read_array(file, _tensor(shape), most=MAX_ITEMS, elements=False, part=part))
        except UnreadableInput:
            continue
        for _, array in rows:
            yield port.packed(np.asarray(array))
        return
    for _, array in read_array(file, _packed(port), most=MAX_ITEMS, elements=False, part=part):
        yield array


def _packed(port: Port) -> Tensor:
    """Return an input as a package has it, channels last."""
    return _tensor([port.shape[axis] for axis in port.order])


def _tensor(shape: Sequence[int]) -> Tensor:
    return Tensor(Kind.I8, [u32(size) for size in shape], i16(0), u16(LEAF_BYTES))


def _prepared(
    file: Path, port: Port, values: Array, preparation: Preparation
) -> np.typing.NDArray[np.float32]:
    """Return a prepared item in the shape of the file's input."""
    with np.errstate(over="ignore", invalid="ignore"):
        reals = preparation.adjusted(values.astype(np.float32))
    if not np.isfinite(reals).all():
        raise UnreadableInput.at(file, "has a number that is not finite (NaN, inf)")
    return np.ascontiguousarray(port.unpacked(reals)).astype(np.float32)


def read_labels(file: Path, names: Sequence[str]) -> Labels:
    """Return the right classes of items, in their order: an .npy, or a text with one a line.

    The last cell of a line counts: a number, or one of `names`. Raises UnreadableInput.
    """
    try:
        if file.suffix.lower() == ".npy":
            with file.open("rb") as source:
                array = npy.read_array(source, allow_pickle=False)
            if array.dtype.kind not in "biu":
                raise UnreadableInput.at(file, f"labels of {array.dtype}: give whole numbers")
            return array.astype(np.int64)
        with file.open(encoding="utf-8-sig", newline="") as source:
            cells = [row[-1].strip() for row in csv.reader(source) if row]
    except (OSError, ValueError, csv.Error) as broken:
        raise UnreadableInput.at(file, f"cannot be read: {broken}") from None
    numbers = [names.index(cell) if cell in names else cell for cell in cells]
    if numbers and not _is_label(numbers[0]):
        numbers = numbers[1:]
    wrong = next((number for number in numbers if not _is_label(number)), None)
    if wrong is not None or not numbers:
        raise UnreadableInput.at(file, "labels are whole numbers or names of the preparation")
    return np.array([int(number) for number in numbers], np.int64)


def _is_label(value: int | str) -> bool:
    """Return True if a cell is a class."""
    return isinstance(value, int) or value.isdecimal()
