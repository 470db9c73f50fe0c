"""The meaning of a DICOM file's stored pixels: their unit, their padding, and their shape.

Tags of the groups that define pixels are either in `KNOWN`, or the file is refused with the tag's
name: a tag that is skipped could have changed every number. Known tags are applied (rescale,
modality LUT, dose scaling, padding), checked (bits, shape of a pixel, order of grey) or are
statistics and display hints, which change no stored value. All of it is read wherever it may lie:
at the top, in the shared functional groups, or in those of each frame. Sources: DICOM PS3.3
C.7.6.3, C.7.6.16, C.11.1 and C.7.5.1.1.2; PS3.5, section 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from btt_chain.work.inputs.common import Notes, UnreadableInput
from btt_chain.work.model import Float64s

KNOWN: Final = frozenset({
    # Layout, checked here or by the decoder.
    "SamplesPerPixel", "SamplesPerPixelUsed", "PhotometricInterpretation", "PlanarConfiguration",
    "NumberOfFrames", "FrameIncrementPointer", "FrameDimensionPointer", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "UltrasoundColorDataPresent",
    "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "EncapsulatedPixelDataValueTotalLength",
    # Values, applied or checked here.
    "RescaleIntercept", "RescaleSlope", "RescaleType", "ModalityLUTSequence",
    "PixelValueTransformationSequence", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "PixelSpacing", "PixelAspectRatio", "PixelMeasuresSequence", "PresentationLUTShape",
    "RecommendedViewingMode",
    # Windows of the file: the package's own replaces them.
    "WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction",
    "VOILUTSequence", "FrameVOILUTSequence",
    # Statistics and remarks, which change no stored value.
    "SmallestValidPixelValue", "LargestValidPixelValue", "SmallestImagePixelValue",
    "LargestImagePixelValue", "SmallestPixelValueInSeries", "LargestPixelValueInSeries",
    "SmallestImagePixelValueInPlane", "LargestImagePixelValueInPlane",
    "PixelSpacingCalibrationType", "PixelSpacingCalibrationDescription", "ZoomFactor",
    "ZoomCenter", "CorrectedImage", "QualityControlImage", "BurnedInAnnotation",
    "RecognizableVisualFeatures", "LongitudinalTemporalInformationModified",
    "PixelIntensityRelationship", "PixelIntensityRelationshipSign", "RepresentativeFrameNumber",
    "FrameNumbersOfInterest", "FrameOfInterestDescription", "FrameOfInterestType", "RWavePointer",
    "BreastImplantPresent", "PartialView", "PartialViewDescription", "PartialViewCodeSequence",
    "SpatialLocationsPreserved", "LossyImageCompression", "LossyImageCompressionRatio",
    "LossyImageCompressionMethod", "FramePixelDataPropertiesSequence", "GeometricalProperties",
    "GeometricMaximumDistortion", "ImageProcessingApplied", "ImageToEquipmentMappingMatrix",
    "EquipmentCoordinateSystemIdentification",
})  # fmt: skip
"""Tags of the groups of pixels that a file may have."""
REFUSED: Final = frozenset({"SegmentationType", "SegmentSequence"})
"""Tags of other groups that make pixels something else than a quantity that was scanned."""
SPACINGS: Final = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
GROUPS: Final = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")

_PIXELS: Final = frozenset({0x0028, 0x2050, 0x7FE0})
"""Groups of tags whose every tag must be known."""
_VARIABLE: Final = range(0x7F00, 0x7FE0)
"""Groups of the retired variable pixel data."""
_OVERLAYS: Final = range(0x6000, 0x6100)
_OVERLAY: Final = {0x0100: 1, 0x0102: 0}
"""Bits and bit position of an overlay that lies outside of the pixels."""
_SHADES: Final = {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}
"""Shape of the presentation LUT that agrees with an order of grey."""
_WORD: Final = 16


@dataclass(frozen=True, slots=True)
class Linear:
    """Values are stored pixels times a slope plus an intercept."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, stored: NDArray[np.integer]) -> Float64s:
        """Return the values of stored pixels."""
        return stored.astype(np.float64) * self.slope + self.intercept


@dataclass(frozen=True, slots=True)
class Lookup:
    """Values are entries of a table, its ends beyond them."""

    first: int
    """Stored pixel of the first entry."""
    entries: tuple[int, ...]

    def apply(self, stored: NDArray[np.integer]) -> Float64s:
        """Return the values of stored pixels."""
        at = np.clip(stored.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return np.array(self.entries, np.float64)[at]


class PixelValues:
    """The values of a file's pixels, by frame. UnreadableInput names the tag that prevents it."""

    def __init__(
        self, file: Path, whole: Dataset, frames: int, notes: Notes, *, hounsfield: bool
    ) -> None:
        """Read and check all tags; `hounsfield`: a window in Hounsfield units is applied."""
        self._file = file
        self._notes = notes
        self._hounsfield = hounsfield
        self._signed = bool(int(whole.get("PixelRepresentation", 0)))
        self._little = bool(whole.file_meta.TransferSyntaxUID.is_little_endian)
        places = list(self._places(whole, frames))
        for groups in places:
            for group in groups:
                self._check_tags(group)
                self._check_shape(group)
        self._check_layout(whole, frames)
        self._by_frame = [self._conversion(groups) for groups in places]
        if len({conversion is None for conversion in self._by_frame}) > 1:
            raise self._refused("some frames have a rescale slope and others have none")
        self._padding = self._padding_of(whole)

    def of(self, frame: int, stored: NDArray[np.integer]) -> tuple[Float64s, NDArray[np.bool_]]:
        """Return the values of a frame, and True where a pixel is padding."""
        conversion = self._by_frame[frame] or Linear()
        low, high = self._padding
        return conversion.apply(stored), (stored >= low) & (stored <= high)

    def _refused(self, why: str) -> UnreadableInput:
        return UnreadableInput.at(self._file, why)

    def _places(self, whole: Dataset, frames: int) -> Iterator[list[Dataset]]:
        """Yield for each frame the data sets that describe it: top, shared group, own group."""
        shared, own = (whole.get(keyword) for keyword in GROUPS)
        if shared is not None and len(shared) != 1:
            raise self._refused(f"has {len(shared)} shared functional groups, not one")
        if own is not None and len(own) != frames:
            raise self._refused(f"has functional groups of {len(own)} frames, but {frames} frames")
        for frame in range(frames):
            yield [whole, *([shared[0]] if shared else []), *([own[frame]] if own else [])]

    def _check_tags(self, group: Dataset) -> None:
        for element in group:
            number = element.tag.group
            if element.tag.element == 0 or number % 2:
                continue  # the length of a group, or a private tag
            if number in _VARIABLE or (number in _PIXELS and element.keyword not in KNOWN):
                raise self._refused(
                    f"has {named(element)}, which may change its pixels and is not known here: "
                    "export the image without it"
                )
            if element.keyword in REFUSED:
                raise self._refused(f"has {named(element)}: it is not a scan, but made from one")
            usual = _OVERLAY.get(element.tag.element)
            if number in _OVERLAYS and usual is not None and int(element.value or 0) != usual:
                raise self._refused(f"has an overlay within its pixels, by {named(element)}")
            if element.keyword in {"PixelValueTransformationSequence", "PixelMeasuresSequence"}:
                self._check_tags(self._single(element))

    def _check_shape(self, group: Dataset) -> None:
        """Refuse pixels that are not square: the image would be stretched."""
        measured = [group]
        if "PixelMeasuresSequence" in group:
            measured.append(self._single(group["PixelMeasuresSequence"]))
        for place in measured:
            for keyword in (*SPACINGS, "PixelAspectRatio"):
                if place.get(keyword) is None:
                    continue
                down, across = (float(number) for number in place[keyword].value)
                if abs(down - across) * 100 > max(abs(down), abs(across)):
                    raise self._refused(
                        f"has pixels of {down:g} x {across:g} ({named(place[keyword])}): resample "
                        "it to square ones"
                    )

    def _check_layout(self, whole: Dataset, frames: int) -> None:
        allocated, stored, high, signed = (
            int(whole[keyword].value)
            for keyword in ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
        )
        if not 1 <= stored <= allocated or high != stored - 1 or signed not in {0, 1}:
            raise self._refused(
                f"has pixels of {stored} bits (0028,0101) in {allocated} (0028,0100), the highest "
                f"{high} (0028,0102), sign {signed} (0028,0103), which do not fit together"
            )
        shape = whole.get("PresentationLUTShape")
        wanted = _SHADES[str(whole.PhotometricInterpretation)]
        if shape is not None and shape != wanted:
            raise self._refused(
                f"is {whole.PhotometricInterpretation} (0028,0004), but its presentation LUT "
                f"(2050,0020) is {shape}: one turns black and white, the other does not"
            )
        if whole.get("RecommendedViewingMode", "NAT") != "NAT":
            raise self._refused("is to be subtracted from a mask (0028,1090)")
        if "MOSAIC" in (whole.get("ImageType") or []):
            raise self._refused("is a mosaic of slices (0008,0008): save each slice as an image")
        if whole.get("PixelPresentation", "MONOCHROME") != "MONOCHROME":
            raise self._refused("is shown in colours (0008,9205)")
        self._check_length(whole, frames, allocated)

    def _check_length(self, whole: Dataset, frames: int, allocated: int) -> None:
        """Refuse uncompressed pixels with more bytes than the frames have."""
        if whole.file_meta.TransferSyntaxUID.is_encapsulated:
            return
        wanted = (int(whole.Rows) * int(whole.Columns) * frames * allocated + 7) // 8
        found = len(whole.PixelData)
        if found > wanted + wanted % 2:
            raise self._refused(
                f"has {found} bytes of pixels (7FE0,0010), {frames} frames have {wanted}"
            )

    def _conversion(self, groups: Sequence[Dataset]) -> Linear | Lookup | None:
        """Return the conversion of a frame, None if no place has one."""
        conversions = {made for group in groups for made in self._conversions(group)}
        if len(conversions) > 1:
            raise self._refused(
                "has different conversions of one pixel (rescale slope, modality LUT, dose)"
            )
        conversion = next(iter(conversions), None)
        for group in groups:
            for item in group.get("RealWorldValueMappingSequence") or []:
                mapped = self._linear(item, "RealWorldValueSlope", "RealWorldValueIntercept")
                if mapped != (conversion or Linear()):
                    raise self._refused(
                        "has real-world values (0040,9096) that its rescale slope does not give"
                    )
        return conversion

    def _conversions(self, group: Dataset) -> Iterator[Linear | Lookup]:
        places = [group]
        if "PixelValueTransformationSequence" in group:
            places.append(self._single(group["PixelValueTransformationSequence"]))
        for place in places:
            keywords = ("RescaleSlope", "RescaleIntercept")
            if any(place.get(keyword) is not None for keyword in keywords):
                yield self._linear(place, *keywords)
                self._check_unit(place, "RescaleType")
        if "ModalityLUTSequence" in group:
            table = self._single(group["ModalityLUTSequence"])
            self._check_unit(table, "ModalityLUTType")
            yield self._lookup(table)
        if group.get("DoseGridScaling") is not None:
            yield Linear(self._usable(float(group.DoseGridScaling)))

    def _linear(self, place: Dataset, slope: str, intercept: str) -> Linear:
        if place.get(slope) is None or place.get(intercept) is None:
            raise self._refused(f"has only one of {slope} and {intercept}")
        try:
            numbers = float(place[slope].value), float(place[intercept].value)
        except (TypeError, ValueError):
            raise self._refused("has an invalid rescale slope or intercept") from None
        if not np.isfinite(numbers[1]) or abs(numbers[1]) > 1e12:
            raise self._refused("has a rescale slope or intercept that cannot be used")
        return Linear(self._usable(numbers[0]), numbers[1])

    def _usable(self, slope: float) -> float:
        if not np.isfinite(slope) or not slope or abs(slope) > 1e12:
            raise self._refused("has a rescale slope or intercept that cannot be used")
        return slope

    def _check_unit(self, place: Dataset, keyword: str) -> None:
        unit = str(place.get(keyword) or "HU").strip().upper()
        if self._hounsfield and unit != "HU":
            raise self._refused(
                f"is in {unit} ({named(place[keyword])}), the model's window is in HU"
            )

    def _lookup(self, table: Dataset) -> Lookup:
        """Return a modality LUT (PS3.3 C.11.1.1)."""
        try:
            count, first, bits = (int(number) for number in table.LUTDescriptor)
            data = table["LUTData"].value
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._refused("has a damaged modality LUT (0028,3000)") from None
        count = count or 1 << _WORD
        if isinstance(data, bytes):
            byte_each = self._little and bits == 8 and len(data) == count + count % 2
            dtype = np.dtype("u1" if byte_each else "<u2" if self._little else ">u2")
            data = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)
            data = data[:count] if byte_each else data
        entries = tuple(int(entry) for entry in np.atleast_1d(data))
        if len(entries) != count or not 8 <= bits <= _WORD or max(entries) >> bits:
            raise self._refused(
                f"has a modality LUT (0028,3000) of {len(entries)} entries, not {count} of {bits} "
                "bits"
            )
        return Lookup(self._pixel(first), entries)

    def _padding_of(self, whole: Dataset) -> tuple[int, int]:
        """Return the lowest and the highest stored pixel that is padding; none if reversed."""
        value, limit = whole.get("PixelPaddingValue"), whole.get("PixelPaddingRangeLimit")
        if value is None:
            if limit is not None:
                raise self._refused("has a limit of padding (0028,0121), but no value (0028,0120)")
            return 1, 0
        if limit is None and str(whole.get("LossyImageCompression", "")) == "01":
            self._notes.add("padding of a lossy image is not exact, and is taken as pixels")
            return 1, 0
        numbers = [self._pixel(int(value)), self._pixel(int(value if limit is None else limit))]
        return min(numbers), max(numbers)

    def _pixel(self, number: int) -> int:
        """Return a stored pixel, whose sign a writer may have coded as the other one."""
        if self._signed and number >> (_WORD - 1) == 1:
            return number - (1 << _WORD)
        return number if self._signed or number >= 0 else number + (1 << _WORD)

    def _single(self, sequence: DataElement) -> Dataset:
        if len(sequence.value) != 1:
            raise self._refused(f"has {len(sequence.value)} items in {named(sequence)}, not one")
        item: Dataset = sequence.value[0]
        return item


def named(element: DataElement) -> str:
    """Return a tag's number and name."""
    return f"({element.tag.group:04X},{element.tag.element:04X}) {element.keyword or 'unknown'}"
