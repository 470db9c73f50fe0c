"""Reading files as items: the reader of each file, and the common last steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from btt_chain.work.graph import Manifest
from btt_chain.work.inputs.arrays import read_array, read_table
from btt_chain.work.inputs.common import MAX_FILE, Item, Notes, UnreadableInput
from btt_chain.work.model import Elements, Float32s, bytes_of, elements_of, quantised
from btt_chain.work.package import Picture, Preparation, Scan
from btt_chain.work.tensors import Tensor

MAX_ITEMS: Final = 4096
"""Maximum items of one job."""
MAX_BYTES: Final = 1 << 30
"""Maximum bytes of one job's items."""
ARRAYS: Final = frozenset({".npy", ".npz"})
TABLES: Final = frozenset({".csv", ".tsv", ".txt"})
SCANS: Final = frozenset({".dcm", ".dicom", ".ima"})
PICTURE: Final = 3
"""Axes of an image: height, width, channels."""
VOLUME: Final = 4
"""Axes of a volume: depth, height, width, channels."""

_DICOM_AT: Final = 128
_DICOM: Final = b"DICM"


@dataclass(frozen=True, slots=True)
class Inputs:
    """The items of a job, ready for execution."""

    elements: Sequence[Elements]
    """The inputs of the model, each with the items along the first axis."""
    names: Sequence[str]
    """Origin of each item; stays with the requester."""
    notes: Sequence[str]
    """Remarks about omissions, changes, and things to check."""

    @property
    def raw(self) -> bytes:
        """The bytes of the items, one after another."""
        return bytes_of(self.elements)


def read(
    files: Sequence[Path],
    manifest: Manifest,
    preparation: Preparation,
    *,
    elements: bool = False,
    most: int = MAX_ITEMS,
) -> Inputs:
    """Read all items of some files, in order.

    Items of a model with several inputs are .npz files with an array input0, input1, ... for each.
    `elements`: arrays hold the model's own integers already. UnreadableInput names the file
    and its fault, which may also be a package that is not installed.
    """
    graph = manifest.graph
    most = min(most, MAX_BYTES // graph.input_bytes)
    names: list[str] = []
    made: list[Sequence[Elements]] = []
    notes = Notes()
    outside = 0
    for group in grouped(files, graph.inputs[0]):
        with readable(group[0]):
            for name, item in _items(group, manifest, preparation, notes, elements, most):
                if len(made) == most:
                    why = f"a job has at most {most} items of this size"
                    raise UnreadableInput.at(group[0], why)
                taken, beyond = item
                outside += beyond
                names.append(name)
                made.append(taken)
    if not made:
        raise UnreadableInput("there are no items in what was given")
    if outside:
        total = len(made) * sum(tensor.size for tensor in graph.inputs)
        notes.add(f"{outside} of {total} numbers lie beyond what the model takes, and are clipped")
    items = [np.stack(column) for column in zip(*made, strict=True)]
    return Inputs(items, names, notes.lines())


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Raise UnreadableInput with a file's name if it cannot be opened or an extra is missing."""
    try:
        yield
    except ImportError as missing:
        raise UnreadableInput.at(file, str(missing)) from None
    except OSError as error:
        raise UnreadableInput.at(file, error.strerror or str(error)) from None


def grouped(files: Sequence[Path], tensor: Tensor) -> Sequence[Sequence[Path]]:
    """Return files that are read together: all scans for a model of volumes, else each.

    The first file of each keeps its place.
    """
    if len(tensor.dims) != VOLUME:
        return [[file] for file in files]
    groups: list[list[Path]] = []
    scans: list[Path] = []
    for file in files:
        with readable(file):
            is_scan = file.is_file() and _is_scan(file)
        if not is_scan or not scans:
            groups.append(scans if is_scan else [file])
        if is_scan:
            scans.append(file)
    return groups


def _is_scan(file: Path) -> bool:
    return file.suffix.lower() in SCANS or _is_dicom(file)


def _items(
    files: Sequence[Path],
    manifest: Manifest,
    preparation: Preparation,
    notes: Notes,
    elements: bool,
    most: int,
) -> Iterator[tuple[str, tuple[Sequence[Elements], int]]]:
    for file in files:
        size = file.stat().st_size
        if file.is_dir():
            raise UnreadableInput.at(file, "is a folder: name its files")
        if not 0 < size <= MAX_FILE:
            raise UnreadableInput.at(file, f"has {size} bytes, allowed are 1 to {MAX_FILE}")
    file = files[0]
    tensors = manifest.graph.inputs
    suffix = file.suffix.lower()
    if suffix in ARRAYS and (len(tensors) == 1 or suffix == ".npz"):
        parts = [f"input{at}" if len(tensors) > 1 else None for at in range(len(tensors))]
        columns = [
            list(read_array(file, tensor, most=most, elements=elements, part=part))
            for tensor, part in zip(tensors, parts, strict=True)
        ]
        if len({len(column) for column in columns}) > 1:
            raise UnreadableInput.at(file, "its arrays have different numbers of items")
        for rows in zip(*columns, strict=True):
            name = rows[0][0]
            yield name, _inputs(file, name, [array for _, array in rows], manifest, preparation,
                                elements=elements)  # fmt: skip
        return
    if elements:
        raise UnreadableInput.at(file, "only .npy and .npz hold a model's own elements")
    if len(tensors) > 1:
        raise UnreadableInput.at(
            file, f"the model has {len(tensors)} inputs: give .npz files with input0, input1, ..."
        )
    for item in real_items(files, preparation, tensors[0], notes):
        taken, beyond = _prepared(file, item, manifest, preparation)
        yield item.name, ([taken], beyond)


def _inputs(
    file: Path,
    name: str,
    arrays: Sequence[np.typing.NDArray[np.generic]],
    manifest: Manifest,
    preparation: Preparation,
    *,
    elements: bool,
) -> tuple[Sequence[Elements], int]:
    """Return the inputs of one item, and the number of clipped values."""
    taken: list[Elements] = []
    clipped = 0
    for number, (array, tensor) in enumerate(zip(arrays, manifest.graph.inputs, strict=True)):
        if elements:
            taken.append(elements_of(tensor.kind, array))
            continue
        item = Item(name, _real(array))
        made, beyond = _prepared(file, item, manifest, preparation, number)
        taken.append(made)
        clipped += beyond
    return taken, clipped


def _real(array: np.typing.NDArray[np.generic]) -> Float32s:
    with np.errstate(over="ignore"):  # infinite results are refused with their name
        return array.astype(np.float32)


def real_items(
    files: Sequence[Path], preparation: Preparation, tensor: Tensor, notes: Notes
) -> Iterable[Item]:
    """Return the items of a file that is not an array, or of scans (`grouped`).

    They are not prepared yet, channels last.
    """
    file, dims = files[0], tensor.dims
    if file.suffix.lower() in TABLES:
        return read_table(file, preparation, tensor, notes)
    if len(dims) not in {PICTURE, VOLUME}:
        raise UnreadableInput.at(
            file, f"the model takes items of {dims}, not images: give .npy or .csv"
        )
    if _is_scan(file):
        if dims[-1] not in {1, 3}:
            raise UnreadableInput.at(file, f"scans are grey, the model takes {dims[-1]} channels")
        if not isinstance(preparation.source, Scan):
            raise UnreadableInput.at(
                file,
                "is a DICOM file, but the model is not for scans: import it with "
                '{"source": "scan"}, or give .npy',
            )
        from btt_chain.work.inputs.volumes import read_scans  # noqa: PLC0415 - an extra

        return read_scans(files, preparation, tensor, notes)
    if len(dims) == VOLUME:
        raise UnreadableInput.at(file, f"the model takes volumes of {dims}: give .npy or DICOM")
    if isinstance(preparation.source, Scan):
        raise UnreadableInput.at(
            file,
            "is not a DICOM file: the model is for scans, whose modality and unit an image lacks; "
            "give the DICOM file, or the numbers from 0 to 1 in .npy",
        )
    if not isinstance(preparation.source, Picture):
        raise UnreadableInput.at(
            file,
            "is an image, but the model takes numbers as they are: import it with "
            '{"source": "picture"} if it takes pixels from 0 to 1, or give .npy',
        )
    if tensor.dims[2] not in {1, 3}:
        raise UnreadableInput.at(file, f"the model takes {tensor.dims[2]} channels: give .npy")
    from btt_chain.work.inputs.images import read_image  # noqa: PLC0415 - an extra

    return read_image(file, tensor, notes)


def _is_dicom(file: Path) -> bool:
    with file.open("rb") as source:
        source.seek(_DICOM_AT)
        return source.read(len(_DICOM)) == _DICOM


def _prepared(
    file: Path, item: Item, manifest: Manifest, preparation: Preparation, number: int = 0
) -> tuple[Elements, int]:
    """Return the elements of an item, and the number of clipped values."""
    with np.errstate(over="ignore", invalid="ignore"):
        reals = preparation.adjusted(item.reals)
    if not np.isfinite(reals).all():
        where = np.argwhere(~np.isfinite(reals))[0].tolist()
        raise UnreadableInput.at(
            file, f"{item.name}: the number at {where} is not finite (NaN, inf)"
        )
    tensor = manifest.graph.inputs[number]
    made = quantised(manifest, reals, number)
    # A clipped number is more than half a step beyond the end.
    step = _step(manifest, number)
    zero = int(tensor.zero)
    low = np.float32(tensor.kind.low - zero - 1) * step
    high = np.float32(tensor.kind.high - zero + 1) * step
    return made, int(np.count_nonzero((reals <= low) | (reals >= high)))


def _step(manifest: Manifest, number: int) -> np.float32:
    """Return the scale of an input."""
    return np.float32(np.uint32(manifest.input_scales[number]).view(np.float32))
