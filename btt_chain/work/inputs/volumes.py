"""Volumes: the slices of a series of scans, in the order of their places.

A slice lies at its position along the normal of its plane (axial ones: from the feet to the head).
The slices must be parallel, one behind the other and at equal distances within a hundredth: a
missing slice would move everything behind it. Sources: DICOM PS3.3 C.7.6.2 and C.7.6.16.2.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from pydicom.dataset import Dataset

from btt_chain.work.inputs.common import (
    MAX_FRAMES,
    MAX_PIXELS,
    Item,
    Notes,
    UnreadableInput,
    resized,
)
from btt_chain.work.inputs.dicom import BROKEN, Decoded, decoded, opened, read_scan, window_of
from btt_chain.work.inputs.dicom_values import GROUPS
from btt_chain.work.model import Float32s, Float64s
from btt_chain.work.package import Preparation
from btt_chain.work.tensors import Tensor

TOLERANCE: Final = 0.01
"""Part of a distance by which another one may differ."""
PARALLEL: Final = 1e-3
"""The same for the components of directions, which have length 1."""


class Slice(NamedTuple):
    """A frame of a file, and its place."""

    file: Path
    number: int
    plane: Float64s
    """Directions of a row and of a column, 6 components."""
    corner: Float64s
    """Position of its first pixel, in mm."""
    size: tuple[int, int]
    pixel_mm: float

    @property
    def normal(self) -> Float64s:
        """The direction in which slices follow each other."""
        return np.cross(self.plane[:3], self.plane[3:])


def read_scans(
    files: Sequence[Path], preparation: Preparation, tensor: Tensor, notes: Notes
) -> Iterator[Item]:
    """Yield the item of each series for a model of volumes, of each frame for one of images."""
    if len(tensor.dims) == 3:
        for file in files:
            yield from read_scan(file, preparation, tensor, notes)
        return
    series: dict[str, list[Path]] = {}
    for file in files:
        series.setdefault(series_of(file), []).append(file)
    for slices in series.values():
        yield read_volume(slices, preparation, tensor, notes)


def series_of(file: Path) -> str:
    """Return the identifier of the series of a scan. UnreadableInput if it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = opened(file, with_pixels=False)
        try:
            series = str(whole.get("SeriesInstanceUID", "")).strip()
        except BROKEN as broken:
            raise UnreadableInput.at(file, f"has damaged tags ({type(broken).__name__})") from None
    if not series:
        raise UnreadableInput.at(file, "belongs to no series (0020,000E)")
    return series


def read_volume(
    files: Sequence[Path], preparation: Preparation, tensor: Tensor, notes: Notes
) -> Item:
    """Return the item of a series: windowed to 0..1, in the size of the model's input.

    Without a window it is the range of the whole series. UnreadableInput names the file and what
    prevents a volume.
    """
    depth, height, width, channels = tensor.dims
    window, measured = window_of(preparation), None
    slices: list[Slice] = []
    greys: dict[tuple[Path, int], Float32s] = {}
    if window is None:
        measured = np.array([
            end
            for file in files
            for end in _range_of(file, decoded(file, preparation, Notes()))
        ])  # fmt: skip
        measured = np.array([measured.min(), measured.max()])
    for file in files:
        scan = decoded(file, preparation, notes)
        slices += _slices(file, scan)
        _check_size(file, slices)
        for number in range(len(scan.frames)):
            grey = scan.grey(file, number, window, measured)
            greys[file, number] = resized(grey, height, width)
    ordered = _ordered(slices)
    rows, columns = ordered[0].size
    if (len(ordered), rows, columns) != (depth, height, width):
        notes.add(
            f"volumes of {len(ordered)} x {rows} x {columns} are resized to "
            f"{depth} x {height} x {width}"
        )
    stack = np.stack([greys[frame.file, frame.number] for frame in ordered])
    volume = resized(stack.reshape(len(ordered), -1), depth, height * width)
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    volume = volume.reshape(depth, height, width, 1)
    return Item(f"{ordered[0].file.name}{more}", np.repeat(volume, channels, axis=3))


def _range_of(file: Path, scan: Decoded) -> Iterator[float]:
    """Yield the lowest and the highest value of each frame, padding left out."""
    for number, frame in enumerate(scan.frames):
        values, padding = scan.values.of(number, frame)
        if padding.all():
            raise UnreadableInput.at(file, "has a frame of padding (0028,0120) only")
        yield float(values[~padding].min())
        yield float(values[~padding].max())


def _slices(file: Path, scan: Decoded) -> Iterator[Slice]:
    """Yield the places of the frames of a file."""
    rows, columns = scan.frames.shape[1:]
    try:
        for number in range(len(scan.frames)):
            groups = list(_groups(scan.whole, number))
            plane = _numbers(file, groups, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
            corner = _numbers(file, groups, "PlanePositionSequence", "ImagePositionPatient", 3)
            (pixel, _) = _numbers(file, groups, "PixelMeasuresSequence", "PixelSpacing", 2)
            if not np.allclose(
                [plane[:3] @ plane[:3], plane[3:] @ plane[3:], plane[:3] @ plane[3:]],
                [1, 1, 0],
                atol=TOLERANCE,
            ):
                raise UnreadableInput.at(file, f"has directions {plane.tolist()} (0020,0037)")
            yield Slice(file, number, plane, corner, (rows, columns), float(pixel))
    except BROKEN as broken:
        raise UnreadableInput.at(file, f"has damaged tags ({type(broken).__name__})") from None


def _groups(whole: Dataset, number: int) -> Iterator[Dataset]:
    """Yield the groups of tags that a frame may have its place in: the most specific first."""
    for name, at in zip(reversed(GROUPS), (number, 0), strict=True):
        if name in whole:
            yield whole[name].value[at]
    yield whole


def _numbers(
    file: Path, groups: Sequence[Dataset], sequence: str, keyword: str, count: int
) -> Float64s:
    """Return the components of a tag that gives a frame its place."""
    for group in groups:
        place = group[sequence].value[0] if sequence in group else group
        if place.get(keyword) is None:
            continue
        numbers = np.array([float(number) for number in place[keyword].value])
        if numbers.shape == (count,) and np.isfinite(numbers).all():
            return numbers
        raise UnreadableInput.at(file, f"has {keyword} {place[keyword].value}")
    raise UnreadableInput.at(file, f"does not say where its slices lie (it has no {keyword})")


def _check_size(file: Path, slices: Sequence[Slice]) -> None:
    pixels = sum(rows * columns for rows, columns in (frame.size for frame in slices))
    if len(slices) > MAX_FRAMES or pixels > MAX_PIXELS:
        raise UnreadableInput.at(
            file,
            f"its series has {len(slices)} slices with {pixels} pixels or more, allowed are "
            f"{MAX_FRAMES} with {MAX_PIXELS}",
        )


def _ordered(slices: Sequence[Slice]) -> list[Slice]:
    """Return slices in the order of their places. UnreadableInput unless they make a volume."""
    first = slices[0]
    for frame in slices:
        if (
            frame.size != first.size
            or abs(frame.pixel_mm - first.pixel_mm) > TOLERANCE * first.pixel_mm
        ):
            raise UnreadableInput.at(
                frame.file,
                f"has {frame.size[1]} x {frame.size[0]} pixels of {frame.pixel_mm:g} mm, "
                f"{first.file.name} of the same series {first.size[1]} x {first.size[0]} of "
                f"{first.pixel_mm:g} mm: give the slices of one volume",
            )
        if np.abs(frame.plane - first.plane).max() > PARALLEL:
            raise UnreadableInput.at(
                frame.file, f"is not parallel to {first.file.name}: give the slices of one volume"
            )
    ordered = sorted(slices, key=lambda frame: float(frame.corner @ first.normal))
    if len(ordered) < 2:
        raise UnreadableInput.at(
            first.file, "is a single slice, the model takes volumes: give all files of the series"
        )
    steps = np.diff([float(frame.corner @ first.normal) for frame in ordered])
    usual = float(np.median(steps))
    for before, after, step in zip(ordered, ordered[1:], steps, strict=False):
        names = f"{before.file.name} and {after.file.name}"
        if step <= TOLERANCE * usual:
            raise UnreadableInput(f"{names} lie at one place: give one series of slices")
        if abs(step - usual) > TOLERANCE * usual:
            raise UnreadableInput(
                f"{names} are {step:g} mm apart, most slices {usual:g} mm: slices are missing "
                "between them, or the distances change"
            )
        aside = after.corner - before.corner - step * first.normal
        if np.abs(aside).max() > TOLERANCE * max(step, first.pixel_mm):
            raise UnreadableInput(
                f"{names} do not lie one behind the other (a tilted gantry): resample the series"
            )
    return ordered
