"""A series of scans as one item of a model of volumes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("PIL", reason="pillow is not installed: pip install '.[work]'")
pytest.importorskip("pydicom", reason="pydicom is not installed: pip install it")

from pydicom.dataset import Dataset

from btt_chain.work.build import Builder, Numbers, window
from btt_chain.work.graph import Manifest
from btt_chain.work.inputs.common import UnreadableInput
from btt_chain.work.inputs.files import Inputs, read
from btt_chain.work.package import read_preparation
from btt_chain.work.tensors import Kind
from support.scans import item, scan

WINDOWED = '{"source": "scan", "window": {"centre": 500, "width": 1000}}'
OWN_RANGE = '{"source": "scan"}'
AXIAL = [1.0, 0, 0, 0, 1, 0]


def volumes(*dims: int) -> Manifest:
    """Return the manifest of a model of volumes with a scale of 1/255."""
    builder, axes = Builder(Kind.U8, dims, 0, 1 / 255), (1,) * (len(dims) - 1)
    kernels, scales = np.ones((1, *axes, dims[-1]), np.int8), np.full(1, 0.1, np.float32)
    bias = np.zeros(1, np.int32)
    builder.conv("conv", 0, kernels, bias, scales, window(axes), Numbers(Kind.I8, 0))
    return builder.model().manifest


def plane(value: int, height: float, **tags: object) -> Dataset:
    """Return a slice of one value, `height` mm above the origin."""
    pixels = np.full((4, 6), value, np.uint16)
    place = {
        "SeriesInstanceUID": "1.2.9",
        "ImageOrientationPatient": AXIAL,
        "ImagePositionPatient": [-3.0, 5.0, height],
        "PixelSpacing": [0.5, 0.5],
        "RescaleIntercept": 0,
        "RescaleSlope": 1,
    }
    return scan(pixels, **place | tags)


def saved(folder: Path, slices: Sequence[Dataset]) -> list[Path]:
    files = [folder / f"{number}.dcm" for number in range(len(slices))]
    for file, whole in zip(files, slices, strict=True):
        whole.save_as(file, enforce_file_format=True)
    return files


def taken(files: Sequence[Path], manifest: Manifest, preparation: str = WINDOWED) -> Inputs:
    return read(files, manifest, read_preparation(preparation))


def greys(found: Inputs, number: int = 0) -> npt.NDArray[np.int64]:
    """Return the mean elements of the slices of an item."""
    means: npt.NDArray[np.float64] = found.elements[0][number].mean(axis=(1, 2, 3))
    return means.round().astype(np.int64)


def test_slices_are_ordered_by_their_places_whatever_the_names_are(tmp_path: Path) -> None:
    files = saved(tmp_path, [plane(800, 7.5), plane(0, 2.5), plane(1000, 10), plane(400, 5)])
    found = taken(files, volumes(4, 4, 6, 1))
    assert greys(found).tolist() == [0, 102, 204, 255]
    assert found.names == ["1.dcm and 3 more"]


def test_each_series_is_an_item_and_a_folder_may_hold_several(tmp_path: Path) -> None:
    other = {"SeriesInstanceUID": "1.2.10"}
    slices = [plane(0, 0), plane(1000, 0, **other), plane(0, 1), plane(1000, 1, **other)]
    found = taken(saved(tmp_path, slices), volumes(2, 4, 6, 1))
    assert [greys(found, number).tolist() for number in range(2)] == [[0, 0], [255, 255]]


def test_a_volume_is_resized_along_all_axes_and_says_so(tmp_path: Path) -> None:
    files = saved(tmp_path, [plane(100 * number, 2.0 * number) for number in range(8)])
    found = taken(files, volumes(4, 8, 3, 1))
    assert found.elements[0].shape == (1, 4, 8, 3, 1)
    means = greys(found)
    assert (np.diff(means) > 0).all()
    assert abs(int(means.mean()) - 350 * 255 // 1000) <= 1
    assert "volumes of 8 x 4 x 6 are resized to 4 x 8 x 3" in found.notes


def test_without_a_window_it_is_the_range_of_the_whole_series(tmp_path: Path) -> None:
    files = saved(tmp_path, [plane(200, 0), plane(360, 1), plane(440, 2)])
    assert greys(taken(files, volumes(3, 4, 6, 1), OWN_RANGE)).tolist() == [0, 170, 255]


def test_a_file_of_many_frames_is_a_volume_by_the_place_of_each(tmp_path: Path) -> None:
    pixels = np.repeat(np.array([600, 200, 400], np.uint16), 24).reshape(3, 4, 6)
    frames = [
        item(PlanePositionSequence=[item(ImagePositionPatient=[0.0, 0, height])])
        for height in (3.0, 1.0, 2.0)
    ]
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=AXIAL)],
        PixelMeasuresSequence=[item(PixelSpacing=[1, 1])],
        PixelValueTransformationSequence=[
            item(RescaleIntercept=0, RescaleSlope=1, RescaleType="HU")
        ],
    )
    whole = scan(
        pixels,
        SeriesInstanceUID="1.2.9",
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
    )
    found = taken(saved(tmp_path, [whole]), volumes(3, 4, 6, 1))
    assert greys(found).tolist() == [51, 102, 153]


def test_grey_is_repeated_for_a_model_of_colours(tmp_path: Path) -> None:
    files = saved(tmp_path, [plane(0, 0), plane(1000, 1)])
    found = taken(files, volumes(2, 4, 6, 3)).elements[0]
    assert found.shape == (1, 2, 4, 6, 3)
    assert (found == found[..., :1]).all()
    picture = taken(files[1:], volumes(4, 6, 3)).elements[0]
    assert picture.shape == (1, 4, 6, 3)
    assert (picture == 255).all()


@pytest.mark.parametrize(
    ("slices", "why"),
    [
        ([plane(0, 0)], "0.dcm: is a single slice, the model takes volumes"),
        ([plane(0, at) for at in (0, 2.5, 5, 10)],
         r"2.dcm and 3.dcm are 5 mm apart, most slices 2.5 mm: slices are missing"),
        ([plane(0, at) for at in (0, 1, 1, 2)], "1.dcm and 2.dcm lie at one place"),
        ([plane(0, 0), plane(0, 1), plane(0, 2, ImageOrientationPatient=[1, 0, 0, 0, 0, 1])],
         "2.dcm: is not parallel to 0.dcm"),
        ([plane(0, 0), plane(0, 1, PixelSpacing=[0.7, 0.7])], r"1.dcm: has 6 x 4 pixels of 0.7 mm"),
        ([plane(0, at, ImagePositionPatient=[0, at / 3, at]) for at in (0.0, 1.0, 2.0)],
         "0.dcm and 1.dcm do not lie one behind the other"),
        ([plane(0, 0), plane(0, 1, ImagePositionPatient=None)],
         "1.dcm: does not say where its slices lie .it has no ImagePositionPatient"),
        ([plane(0, 0), plane(0, 1, ImageOrientationPatient=[1, 0, 0, 1, 0, 0])],
         "1.dcm: has directions"),
        ([plane(0, 0), plane(0, 1, SeriesInstanceUID="")], "1.dcm: belongs to no series"),
    ],
)  # fmt: skip
def test_what_is_no_volume_is_refused_by_the_place(
    tmp_path: Path, slices: Sequence[Dataset], why: str
) -> None:
    with pytest.raises(UnreadableInput, match=why):
        taken(saved(tmp_path, slices), volumes(3, 4, 6, 1))


def test_other_files_than_scans_are_no_volumes(tmp_path: Path) -> None:
    file = tmp_path / "x.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    with pytest.raises(UnreadableInput, match=r"x.png: the model takes volumes of"):
        taken([file], volumes(2, 4, 6, 1))
    array = tmp_path / "x.npy"
    np.save(array, np.zeros((2, 4, 6, 1), np.float32))
    assert taken([array], volumes(2, 4, 6, 1)).names == ["x.npy"]
