"""DICOM: pixels without patient data.

A file is stripped to the tags of `ALLOWED` before its pixels are decoded; `dicom_values` applies
the tags that give pixels a value, or refuses the file. The output has only the model's elements, no
tags. Text in the pixels cannot
be stripped: if a file declares such text, or its modality often has it, a warning is given. Faces
can be reconstructed from slices of a head; nothing here prevents it.
"""

from __future__ import annotations

import logging
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btt_chain.extras import needs_extra
from btt_chain.work.inputs.common import (
    MAX_FRAMES,
    MAX_PIXELS,
    Item,
    Notes,
    UnreadableInput,
    note_shape,
    note_text,
    resized,
)
from btt_chain.work.model import Float32s, Float64s
from btt_chain.work.package import Level, Preparation, Scan, floats
from btt_chain.work.tensors import Tensor

try:
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.errors import BytesLengthException, InvalidDicomError
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

    from btt_chain.work.inputs.dicom_values import PixelValues
except ImportError as error:
    raise ImportError(needs_extra("reading DICOM files needs", "work")) from error

# pydicom's warnings contain values of tags, which belong neither on a screen nor in a log.
logging.getLogger("pydicom").addHandler(logging.NullHandler())
logging.getLogger("pydicom").propagate = False

ALLOWED: Final = (
    "Modality",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "BurnedInAnnotation",
    "RecognizableVisualFeatures",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
)
"""Tags that are kept of a file: layout of its pixels, and text in them."""

OFTEN_WITH_TEXT: Final = {
    "US": "ultrasound",
    "SC": "secondary captures",
    "OT": "files of no modality",  # codespell:ignore ot
    "ES": "endoscopy",
    "XC": "photographs",
    "GM": "microscopy",
    "RF": "fluoroscopy",
    "DOC": "documents",
}
"""Modalities whose images often show a name or a date."""

BROKEN: Final = (
    OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
    RuntimeError, StopIteration, struct.error, zlib.error, BytesLengthException, InvalidDicomError,
)  # fmt: skip
"""Errors of pydicom for damaged files."""


class Decoded(NamedTuple):
    """The pixels of a file, and what gives them a value."""

    whole: Dataset
    """All its tags."""
    frames: NDArray[np.integer]
    """Stored pixels: frame, row, column."""
    values: PixelValues
    is_inverted: bool
    """True if its lowest value is white."""

    def grey(
        self, file: Path, number: int, window: Level | None, measured: Float64s | None = None
    ) -> Float32s:
        """Return a frame from 0 (black) to 1; `measured` are values whose range is the window."""
        values, padding = self.values.of(number, self.frames[number])
        if padding.all():
            raise UnreadableInput.at(file, "has a frame of padding (0028,0120) only")
        grey = windowed(values, window, values[~padding] if measured is None else measured)
        if self.is_inverted:
            grey = 1 - grey
        # Padding has no value, so it must turn out black.
        if grey[padding].any():
            raise UnreadableInput.at(
                file,
                "has padding (0028,0120) that would not be black: export it without padding, or "
                "with a value below all others",
            )
        return grey


def read_scan(file: Path, preparation: Preparation, tensor: Tensor, notes: Notes) -> Iterator[Item]:
    """Yield one item for each frame: rescaled, windowed to 0..1, resized; grey in each channel."""
    scan = decoded(file, preparation, notes)
    height, width, channels = tensor.dims
    note_shape(notes, scan.frames.shape[1:], (height, width))
    for number in range(len(scan.frames)):
        name = file.name if len(scan.frames) == 1 else f"{file.name} frame {number}"
        grey = resized(scan.grey(file, number, window_of(preparation)), height, width)
        yield Item(name, np.repeat(grey[:, :, None], channels, axis=2))


def window_of(preparation: Preparation) -> Level | None:
    """Return the window of the model's scans."""
    return preparation.source.window if isinstance(preparation.source, Scan) else None


def decoded(file: Path, preparation: Preparation, notes: Notes) -> Decoded:
    """Return the pixels of a file for a model; only those of the allowed tags are decoded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for the same reason
        whole = opened(file)
        _note_text(whole, notes)
        try:
            # Values are decoded on access, and may turn out damaged only then.
            kept = stripped(whole)
        except BROKEN as broken:
            raise UnreadableInput.at(file, f"has damaged tags ({type(broken).__name__})") from None
        if len(whole) > len(kept):
            notes.add("DICOM: all tags but those of the pixels were removed; no tag leaves at all")
        _check(file, kept, preparation)
        number_of_frames = frames_of(kept)
        is_ct = str(kept.get("Modality", "")).upper() == "CT"
        hounsfield = window_of(preparation) is not None and is_ct
        try:
            values = PixelValues(file, whole, number_of_frames, notes, hounsfield=hounsfield)
        except BROKEN as broken:
            raise UnreadableInput.at(file, f"has damaged tags ({type(broken).__name__})") from None
        try:
            pixels = pixel_array(kept)
        except BROKEN as broken:
            raise UnreadableInput.at(file, _why_no_pixels(kept, broken)) from None
        inverted = kept.PhotometricInterpretation == "MONOCHROME1"
    frames = pixels.reshape(-1, *pixels.shape[-2:])
    if len(frames) != number_of_frames:
        raise UnreadableInput.at(
            file, f"holds {len(frames)} frames, but its tag (0028,0008) says {number_of_frames}"
        )
    return Decoded(whole, frames, values, inverted)


def stripped(whole: Dataset) -> Dataset:
    """Return a new data set with the allowed tags only, and the file's transfer syntax."""
    kept = Dataset()
    for keyword in ALLOWED:
        if keyword in whole:
            kept[keyword] = whole[keyword]
    kept.file_meta = FileMetaDataset()
    kept.file_meta.TransferSyntaxUID = whole.file_meta.TransferSyntaxUID
    return kept


def frames_of(kept: Dataset) -> int:
    """Return the number of frames that a file has by its tags."""
    value = kept.get("NumberOfFrames")
    return 1 if value in {None, ""} else int(value)


def windowed(values: Float64s, window: Level | None, measured: Float64s | None = None) -> Float32s:
    """Return pixels from 0 (at or below the window) to 1; None: the range of `measured`."""
    if window is None:
        within = values if measured is None else measured
        low, high = float(within.min()), float(within.max())
    else:
        centre, width = floats([window.centre, window.width]).tolist()
        low, high = centre - width / 2, centre + width / 2
    if not high > low:
        return np.zeros(values.shape, np.float32)
    return np.clip((values - low) / (high - low), 0, 1).astype(np.float32)


def opened(file: Path, *, with_pixels: bool = True) -> Dataset:
    """Return the tags of a DICOM file. UnreadableInput for another file or an unknown coding."""
    try:
        syntax = pydicom.filereader.read_file_meta_info(file).get("TransferSyntaxUID")
        if syntax is None:
            raise UnreadableInput.at(file, "does not say how it is coded (transfer syntax)")
        if not UID(syntax).is_transfer_syntax:
            raise UnreadableInput.at(file, "is coded in a way that is not known")
        if syntax == DeflatedExplicitVRLittleEndian:
            # Its size is only known after decompression.
            raise UnreadableInput.at(file, "is deflated: save it without compression")
        return pydicom.dcmread(file, stop_before_pixels=not with_pixels)
    except BROKEN as broken:
        kind = type(broken).__name__
        raise UnreadableInput.at(file, f"is not a DICOM file, or is cut short ({kind})") from None


def _note_text(whole: Dataset, notes: Notes) -> None:
    """Add remarks about text and faces in the pixels."""
    try:
        said = str(whole.get("BurnedInAnnotation", "")).strip().upper()
        faces = str(whole.get("RecognizableVisualFeatures", "")).strip().upper()
        modality = str(whole.get("Modality", "")).strip().upper()
        kind = str(whole.get("ImageType", "")).upper()
        captured = "ConversionType" in whole or "SECONDARY" in kind or "SCREEN" in kind
    except BROKEN:
        said, faces, modality, captured = "", "", "", True
    if said == "YES":
        notes.add("WARNING: the file says that text is burnt into its pixels: look at it first")
    elif said != "NO" and (captured or modality in OFTEN_WITH_TEXT):
        kind = OFTEN_WITH_TEXT.get(modality, "derived or captured pictures")
        note_text(notes, kind)
    if faces == "YES":
        notes.add("WARNING: the file says that the patient could be recognised in it")


def _check(file: Path, kept: Dataset, preparation: Preparation) -> None:
    """Raise an error if the pixels cannot be decoded, before any of them is unpacked."""
    if "PixelData" not in kept:
        raise UnreadableInput.at(file, "has no pixels (or floating ones, which are not read)")
    try:
        rows, columns = int(kept.Rows), int(kept.Columns)
        frames, samples = frames_of(kept), int(kept.SamplesPerPixel)
        photometric = str(kept.PhotometricInterpretation)
        modality = str(kept.get("Modality", "")).upper()
    except BROKEN:
        raise UnreadableInput.at(file, "does not say how its pixels lie") from None
    if min(rows, columns, frames) < 1 or frames > MAX_FRAMES:
        raise UnreadableInput.at(file, f"has {frames} frames of {columns} x {rows} pixels")
    if rows * columns * frames > MAX_PIXELS:
        raise UnreadableInput.at(
            file, f"has {frames} x {columns} x {rows} pixels, allowed are {MAX_PIXELS} in all"
        )
    if samples != 1 or photometric not in {"MONOCHROME1", "MONOCHROME2"}:
        raise UnreadableInput.at(file, f"is a coloured image ({photometric}); scans are grey")
    if isinstance(preparation.source, Scan):
        wanted = list(preparation.source.modalities)
        if wanted and modality not in wanted:
            raise UnreadableInput.at(
                file, f"is of modality {modality or 'unknown'}, the model is for {wanted}"
            )


def _why_no_pixels(kept: Dataset, broken: Exception) -> str:
    syntax = UID(kept.file_meta.TransferSyntaxUID)
    # ValueError: pydicom has a decoder, and it found other pixels than the tags promise.
    if not syntax.is_compressed or not isinstance(broken, RuntimeError | NotImplementedError):
        return f"its pixels are cut short or damaged ({type(broken).__name__})"
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        return f"no decoder for {syntax.name} exists here: save the file without compression"
    packages = next(
        (
            re.sub(r">=[\d.]+", "", needed.partition(" requires ")[2]).replace(" and ", " ")
            for needed in decoder.missing_dependencies
            if needed.startswith("pylibjpeg ")
        ),
        None,
    )
    cure = "save the file without compression"
    if packages is not None and syntax != RLELossless:  # pydicom itself decodes that one
        cure = f"`pip install {packages}`, or {cure}"
    if decoder.is_available:
        return f"its pixels ({syntax.name}) are damaged, or of a form not decoded here: {cure}"
    return f"no decoder for {syntax.name} is installed: {cure}"
