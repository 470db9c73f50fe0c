"""Arrays and tables: .npy, .npz, .csv.

Arrays are one item or several along a first axis, in the model's order of axes. Of a table only the
columns that the model names are read, so that names and numbers of patients are not read. A pickle
is never opened: it could execute code.
"""

from __future__ import annotations

import csv
import lzma
import re
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from itertools import chain
from math import prod
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from btt_chain.work.inputs.common import Item, Notes, UnreadableInput
from btt_chain.work.model import Float32s, dtype_of
from btt_chain.work.package import Preparation, Values
from btt_chain.work.tensors import Tensor

ITEMS: Final = "items"
"""The array that is used of an .npz with several."""
_BAD_HEADER: Final = (
    ValueError, TypeError, LookupError, EOFError, SyntaxError, RecursionError, MemoryError,
    struct.error, tokenize.TokenError,
)  # fmt: skip
"""Errors of numpy for a damaged header, which it parses as a Python literal."""
_BAD_ARCHIVE: Final = (
    OSError, EOFError, ValueError, LookupError, ArithmeticError, RuntimeError, MemoryError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error,
)  # fmt: skip
"""Errors of zipfile for a damaged archive with wrong names, lengths or offsets."""
_NUMBER: Final = re.compile(
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf(inity)?|nan", re.IGNORECASE
)
"""Numbers of a table. Python's own `float` also takes 1_000, and digits of other scripts."""
MAX_LINE: Final = 1 << 20
"""Maximum characters of a line of a table."""


def read_array(
    file: Path, tensor: Tensor, *, most: int, elements: bool, part: str | None = None
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Yield the items of an .npy or .npz, with names; in the model's own kind if `elements`.

    `part` names the array of an archive that is read, for models with several inputs.
    """
    if file.suffix.lower() == ".npz":
        array = _from_archive(file, tensor, most, elements, part)
    else:
        with file.open("rb") as source:
            array = _array(file, source, tensor, most, elements)
    dims = tensor.dims
    if array.shape == dims:
        yield file.name, array
        return
    for number in range(len(array)):
        yield f"{file.name} [{number}]", array[number]


def _from_archive(
    file: Path, tensor: Tensor, most: int, elements: bool, part: str | None
) -> NDArray[np.generic]:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if part is not None and f"{part}.npy" not in names:
                raise UnreadableInput.at(
                    file, f"has no array {part!r}: name those of the inputs input0, input1, ..."
                )
            if part is None and len(names) != 1 and f"{ITEMS}.npy" not in names:
                found = ", ".join(name.removesuffix(".npy") for name in names[:8])
                raise UnreadableInput.at(
                    file, f"holds {len(names)} arrays ({found}): name one of them {ITEMS!r}"
                )
            if len(set(names)) != len(names):
                raise UnreadableInput.at(file, "holds two arrays of one name")
            wanted = f"{part or ITEMS}.npy"
            chosen = wanted if wanted in names else names[0]
            with archive.open(chosen) as source:
                return _array(file, source, tensor, most, elements)
    except _BAD_ARCHIVE as broken:
        raise UnreadableInput.at(file, f"is not a readable .npz file: {broken}") from None


def _array(
    file: Path, source: IO[bytes], tensor: Tensor, most: int, elements: bool
) -> NDArray[np.generic]:
    """Return one array; its header is read first, and its data only if they fit."""
    try:
        version = npy.read_magic(source)
        if version not in {(1, 0), (2, 0), (3, 0)}:
            raise ValueError(f"version {version} of the format is not known")
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header of Python 2 is valid as well
            shape, by_columns, dtype = read_header(source)
    except _BAD_HEADER as broken:
        raise UnreadableInput.at(file, f"is not a .npy array: {broken}") from None
    if dtype.hasobject:
        raise UnreadableInput.at(
            file, "holds pickled Python objects, which could run anything; save numbers only"
        )
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise UnreadableInput.at(file, f"holds {dtype}, not real numbers of at most 64 bits")
    if elements and dtype != dtype_of(tensor.kind):
        raise UnreadableInput.at(
            file, f"holds {dtype}, the elements of the model are {dtype_of(tensor.kind)}"
        )
    _check_shape(file, shape, tensor.dims, most)
    wanted = prod(shape) * dtype.itemsize
    raw = source.read(wanted)
    if len(raw) != wanted or source.read(1):
        raise UnreadableInput.at(
            file, f"is cut short or too long: its header says {wanted} bytes of numbers"
        )
    flat: NDArray[np.generic] = np.frombuffer(raw, dtype)
    return flat.reshape(shape, order="F" if by_columns else "C")


def _check_shape(file: Path, shape: tuple[int, ...], dims: tuple[int, ...], most: int) -> None:
    if min(shape, default=1) < 0 or prod(shape) > most * prod(dims):
        raise UnreadableInput.at(file, f"says it holds {shape} numbers: too many for {most} items")
    if shape == dims or (shape[1:] == dims and shape[0] > 0):
        return
    first = (dims[-1], *dims[:-1])
    hint = ""
    if len(dims) == 3 and shape[-3:] == first:
        hint = "; channels come last: transpose it"
    raise UnreadableInput.at(
        file, f"holds {shape}, the model takes {dims}, or several of them along a first axis{hint}"
    )


def read_table(
    file: Path, preparation: Preparation, tensor: Tensor, notes: Notes
) -> Iterator[Item]:
    """Yield the rows of a .csv, with commas, semicolons or tabs, and names in the first line.

    All lines must have as many cells as the first: with one more or one less, numbers would stand
    in other columns.
    """
    dims = tensor.dims
    if len(dims) != 1:
        raise UnreadableInput.at(file, f"is a table, but the model takes items of {dims}")
    named = list(preparation.source.columns) if isinstance(preparation.source, Values) else []
    try:
        with file.open(encoding="utf-8-sig", newline="") as source:
            rows = _rows(file, source)
            line, row = next(rows, (0, []))
            columns: list[int] | None = None
            if _has_names(file, line, row, named):
                columns = _columns(file, row, named, notes)
            elif row:
                rows = chain([(line, row)], rows)
                if named:
                    notes.add("a table has no names: its columns are taken in the model's order")
            width = len(row)
            for line, row in rows:
                cells = row
                if columns is not None:
                    if len(row) != width:
                        why = f"line {line} has {len(row)} columns, the first line has {width}"
                        raise UnreadableInput.at(file, why)
                    cells = [row[at] for at in columns]  # the rest is not ours to see
                yield Item(f"{file.name} line {line}", _numbers(file, line, cells, dims[0]))
    except (UnicodeDecodeError, csv.Error) as broken:
        raise UnreadableInput.at(file, f"is not a table of text: {broken}") from None


def _rows(file: Path, source: IO[str]) -> Iterator[tuple[int, list[str]]]:
    first = source.readline(MAX_LINE)
    source.seek(0)
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield reader.line_num, cells
        elif len(cells) > 1:
            raise UnreadableInput.at(
                file, f"line {reader.line_num} has empty cells only: delete the line"
            )


def _has_names(file: Path, line: int, row: list[str], named: list[str]) -> bool:
    """Return True if the first line has the names of columns, and not the first item."""
    if named and set(named) <= set(row):
        return True
    filled = [cell for cell in row if cell]
    texts = sum(not _is_number(cell) for cell in filled)
    if texts and texts < len(filled) and not named:
        raise UnreadableInput.at(
            file, f"line {line} has both names and numbers: begin with a line of names"
        )
    return texts > 0


def _columns(file: Path, header: list[str], named: list[str], notes: Notes) -> list[int]:
    """Return the places of the model's columns; all of them, in order, if it names none."""
    if not named:
        return list(range(len(header)))
    missing = [name for name in named if name not in header]
    if missing:
        raise UnreadableInput.at(
            file, f"has no column {missing[0]!r} ({len(missing)} of {len(named)} are missing)"
        )
    twice = [name for name in named if header.count(name) > 1]
    if twice:
        raise UnreadableInput.at(file, f"has the column {twice[0]!r} twice")
    if len(header) > len(named):
        notes.add(f"{len(header) - len(named)} columns that the model does not take stay here")
    return [header.index(name) for name in named]


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def _numbers(file: Path, line: int, row: list[str], width: int) -> Float32s:
    if len(row) != width:
        raise UnreadableInput.at(
            file, f"line {line} has {len(row)} numbers, the model takes {width}"
        )
    made = np.empty(width, np.float32)
    for at, cell in enumerate(row):
        if not _is_number(cell):
            # The cell itself may be private, so it is not in the message.
            raise UnreadableInput.at(
                file, f"line {line}, number {at + 1} of the row is missing or not a number"
            )
        with np.errstate(over="ignore"):  # infinite numbers are refused with their place
            made[at] = float(cell)
    return made
