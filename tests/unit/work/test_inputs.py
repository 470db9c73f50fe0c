"""Files become items: what people have is read, what is broken is refused with its name."""

from __future__ import annotations

import pickle
import random
import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("PIL", reason="pillow is not installed: pip install '.[work]'")
pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed: pip install it")

from PIL import Image  # noqa: E402
from pydicom.data import get_testdata_file  # noqa: E402
from pydicom.dataset import Dataset  # noqa: E402

from btt_chain.work.build import Builder, Numbers, window  # noqa: E402
from btt_chain.work.graph import Manifest  # noqa: E402
from btt_chain.work.inputs.common import UnreadableInput  # noqa: E402
from btt_chain.work.inputs.dicom import ALLOWED, stripped  # noqa: E402
from btt_chain.work.inputs.files import Inputs, read  # noqa: E402
from btt_chain.work.package import read_preparation  # noqa: E402
from btt_chain.work.tensors import Kind  # noqa: E402

f32 = np.float32


def row_manifest(width: int = 3, scale: float = 0.1) -> Manifest:
    builder = Builder(Kind.I8, (width,), 0, scale)
    columns = np.ones((2, width), np.int8)
    ones = np.full(2, 0.1, f32)
    builder.linear("dense", 0, columns, np.zeros(2, np.int32), ones, Numbers(Kind.I8, 0))
    return builder.model().manifest


def image_manifest(side: int = 16, channels: int = 1) -> Manifest:
    """One whose elements are pixels from 0 to 255."""
    builder = Builder(Kind.U8, (side, side, channels), 0, 1 / 255)
    kernels = np.ones((1, 3, 3, channels), np.int8)
    one = np.full(1, 0.1, f32)
    seen = window((3, 3))
    builder.conv("conv", 0, kernels, np.zeros(1, np.int32), one, seen, Numbers(Kind.I8, 0))
    return builder.model().manifest


ROWS = row_manifest()
IMAGES = image_manifest()
SCAN = '{"source": "scan"}'
PICTURE = '{"source": "picture"}'


def taken(
    file: Path, manifest: Manifest = ROWS, preparation: str = "{}", *, elements: bool = False
) -> Inputs:
    return read([file], manifest, read_preparation(preparation), elements=elements)


def saved(folder: Path, name: str, value: npt.ArrayLike) -> Path:
    file = folder / name
    np.save(file, value)
    return file


def bundled(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


# ---- arrays


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.uint8, ">f4"])
def test_an_array_is_one_item_or_several(tmp_path: Path, dtype: str) -> None:
    several = np.array([[0, 1, 2], [3, 4, 5]], dtype)

    found = taken(saved(tmp_path, "x.npy", several))
    one = taken(saved(tmp_path, "y.npy", several[0]))

    assert found.elements[0].tolist() == [[0, 10, 20], [30, 40, 50]]
    assert found.names == ["x.npy [0]", "x.npy [1]"]
    assert one.elements[0].tolist() == [[0, 10, 20]]


def test_numbers_are_shifted_scaled_and_rounded_as_the_package_says(tmp_path: Path) -> None:
    file = saved(tmp_path, "x.npy", np.array([[1.0, 2.0, 3.26]]))

    found = taken(file, preparation='{"offset": [1, 1, 2], "divisor": [2, 1, 1]}')

    assert found.elements[0].tolist() == [[0, 10, 13]]
    assert found.notes == []


def test_what_is_clipped_is_said(tmp_path: Path) -> None:
    found = taken(saved(tmp_path, "x.npy", np.array([[0, 1e6, -1e6]])))

    assert found.elements[0].tolist() == [[0, 127, -128]]
    assert found.notes == ["2 of 3 numbers lie beyond what the model takes, and are clipped"]


def test_elements_are_taken_as_they_are(tmp_path: Path) -> None:
    own = np.array([[-128, 0, 127]], np.int8)

    found = taken(saved(tmp_path, "x.npy", own), preparation='{"offset": [9]}', elements=True)

    assert found.elements[0].tolist() == own.tolist()
    with pytest.raises(UnreadableInput, match="holds float64, the elements of the model are int8"):
        taken(saved(tmp_path, "y.npy", own.astype(float)), elements=True)


def test_an_archive_needs_one_array_or_one_called_items(tmp_path: Path) -> None:
    x, y = np.zeros((2, 3)), np.ones((2, 3))
    np.savez_compressed(tmp_path / "one.npz", x=x)
    np.savez(tmp_path / "named.npz", labels=np.zeros(9), items=y)
    np.savez(tmp_path / "two.npz", x=x, y=y)

    assert len(taken(tmp_path / "one.npz").elements[0]) == 2
    assert taken(tmp_path / "named.npz").elements[0].max() == 10
    with pytest.raises(UnreadableInput, match=r"two.npz: holds 2 arrays \(x, y\)"):
        taken(tmp_path / "two.npz")


def test_columns_first_in_memory_is_the_same_array(tmp_path: Path) -> None:
    value = np.arange(6.0).reshape(2, 3)

    found = taken(saved(tmp_path, "x.npy", np.asfortranarray(value)))

    assert (found.elements[0] == (value * 10)).all()


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('opened')",))


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    np.save(file, np.array([Bomb()], object), allow_pickle=True)
    (tmp_path / "y.npy").write_bytes(pickle.dumps(Bomb()))

    with pytest.raises(UnreadableInput, match=r"x\.npy: holds pickled Python objects"):
        taken(file)
    with pytest.raises(UnreadableInput, match=r"y.npy: is not a .npy array"):
        taken(tmp_path / "y.npy")


def huge_npy() -> bytes:
    out = BytesIO()
    head = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 3)}
    np.lib.format.write_array_header_1_0(out, head)
    return out.getvalue() + bytes(64)


def test_what_a_header_promises_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "huge.npy").write_bytes(huge_npy())
    with zipfile.ZipFile(tmp_path / "huge.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", huge_npy())
    whole = saved(tmp_path, "x.npy", np.zeros((4, 3))).read_bytes()
    (tmp_path / "short.npy").write_bytes(whole[:-1])
    (tmp_path / "long.npy").write_bytes(whole + b"\x00")

    for name, why in (
        ("huge.npy", "too many for 4096 items"),
        ("huge.npz", "too many for 4096 items"),
        ("short.npy", "cut short or too long"),
        ("long.npy", "cut short or too long"),
    ):
        with pytest.raises(UnreadableInput, match=f"{name}: .*{why}"):
            taken(tmp_path / name)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (np.zeros((2, 4)), r"holds \(2, 4\), the model takes \(3,\)"),
        (np.zeros((0, 3)), r"holds \(0, 3\)"),
        (np.zeros((2, 3), complex), "not real numbers"),
        (np.array([["a", "b", "c"]]), "not real numbers"),
        (np.zeros(2, [("a", "f4"), ("b", "f4")]), "not real numbers"),
        (np.zeros((4097, 3)), "too many for 4096"),
        (np.array([[0, np.nan, 0]]), r"x.npy \[0\]: the number at \[1\] is not finite"),
        (np.array([[0, 0, np.inf]]), r"at \[2\] is not finite"),
        (np.array([[0, 0, 1e300]]), r"at \[2\] is not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, value: npt.ArrayLike, why: str) -> None:
    with pytest.raises(UnreadableInput, match=why):
        taken(saved(tmp_path, "x.npy", value))


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3L), }\n(",
        b"{'descr': ['<f4'], 'fortran_order': False, 'shape': (2, 3), }",
        b"{'descr': {}, 'fortran_order': False, 'shape': (2, 3), }",
        b"{'descr': '<f4', 'fortran_order': [], 'shape': 'x', }",
        b"[" * 3_000,
        b"-" * 5_000 + b"1",
        b"{}", b"", b"\0", b"\xff" * 40, b"7" * 5_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("archived", [False, True])
def test_damaged_headers_of_arrays_are_refused(
    tmp_path: Path, header: bytes, archived: bool
) -> None:
    raw = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(24)
    file = tmp_path / ("x.npz" if archived else "x.npy")
    if archived:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("items.npy", raw)
    else:
        file.write_bytes(raw)

    with pytest.raises(UnreadableInput, match=r"x.npz: |x.npy: "):
        taken(file)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_archives_are_refused(tmp_path: Path, method: int) -> None:
    file = tmp_path / "x.npz"
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("\u00e9.npy", saved(tmp_path, "x.npy", np.zeros((2, 3))).read_bytes())
    good = file.read_bytes()
    assert len(taken(file).elements[0]) == 2
    rng = random.Random(method)
    damaged = [good.replace("\u00e9".encode(), b"\xff\xff")]
    for _ in range(300):
        changed = bytearray(good)
        changed[rng.randrange(len(good))] = rng.randrange(256)
        changed[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(changed))
    refused = 0
    for raw in damaged:
        file.write_bytes(raw)
        try:
            taken(file)
        except UnreadableInput:
            refused += 1
    assert refused > 200


def test_channels_first_are_distinguished_from_channels_last(tmp_path: Path) -> None:
    file = saved(tmp_path, "x.npy", np.zeros((2, 1, 16, 16)))

    with pytest.raises(UnreadableInput, match="channels come last: transpose it"):
        taken(file, IMAGES)


# ---- tables

COLUMNS = '{"columns": ["age", "size", "rate"]}'


def table(folder: Path, text: str) -> Path:
    file = folder / "t.csv"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_gives_the_columns_that_are_asked_for(tmp_path: Path, mark: str) -> None:
    text = 'name,rate,age,size\n"Doe, Jane",3,1,2\n\nRoe,6,4,5\n'
    if mark != ",":
        text = text.replace("Doe, Jane", "Jane").replace(",", mark)

    found = taken(table(tmp_path, text), preparation=COLUMNS)

    assert found.elements[0].tolist() == [[10, 20, 30], [40, 50, 60]]
    assert found.notes == ["1 columns that the model does not take stay here"]
    assert "Jane" not in "".join([*found.names, *found.notes])


def test_a_table_without_names_is_taken_in_order(tmp_path: Path) -> None:
    found = taken(table(tmp_path, "1,2,3\n4,5,6\n"), preparation=COLUMNS)

    assert found.elements[0].tolist() == [[10, 20, 30], [40, 50, 60]]
    assert found.names == ["t.csv line 1", "t.csv line 2"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("age,size\n1,2\n", "has no column 'rate'"),
        ("age,size,rate,age\n1,2,3,4\n", "column 'age' twice"),
        ("age,size,rate\n1,2\n", "line 2 has 2 columns"),
        ("age,size,rate\n1,secret,3\n", "line 2, number 2 of the row is missing"),
        ("age,size,rate\n1,,3\n", "line 2, number 2"),
        ("1,2,3,4\n", "line 1 has 4 numbers"),
        ("age,size,rate\n1,nan,3\n", r"line 2: the number at \[1\] is not finite"),
        ("age,size,rate\n", "no items"),
        ("\n\n", "no items"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UnreadableInput, match=why) as refused:
        taken(table(tmp_path, text), preparation=COLUMNS)
    assert "secret" not in str(refused.value)


def test_bytes_are_no_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n\xff\xfe\x00,1\n")

    with pytest.raises(UnreadableInput, match=r"t\.csv: is not a table of text"):
        taken(tmp_path / "t.csv")


# ---- images


def test_an_image_is_turned_grey_resized_and_quantised(tmp_path: Path) -> None:
    left = np.zeros((32, 32, 3), np.uint8)
    left[:, 16:] = 255
    Image.fromarray(left).save(tmp_path / "x.png")

    found = taken(tmp_path / "x.png", IMAGES, PICTURE)

    assert found.elements[0].shape == (1, 16, 16, 1)
    assert found.elements[0][0, :, 0, 0].tolist() == [0] * 16
    assert found.elements[0][0, :, -1, 0].tolist() == [255] * 16
    assert "colours are made grey" in found.notes


def test_an_image_of_16_bits_keeps_its_range(tmp_path: Path) -> None:
    deep = np.full((16, 16), 0x8080, np.uint16)
    Image.fromarray(deep).save(tmp_path / "x.png")

    assert set(taken(tmp_path / "x.png", IMAGES, PICTURE).elements[0].ravel().tolist()) == {128}


def test_colours_stay_where_the_model_takes_them(tmp_path: Path) -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    Image.fromarray(red).save(tmp_path / "x.bmp")

    found = taken(tmp_path / "x.bmp", image_manifest(channels=3), PICTURE)

    assert found.elements[0][0, 5, 5].tolist() == [200, 0, 0]


def test_a_camera_held_upright_is_followed(tmp_path: Path) -> None:
    top = np.zeros((16, 16), np.uint8)
    top[:8] = 255
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down
    Image.fromarray(top).save(tmp_path / "x.png", exif=turned)

    found = taken(tmp_path / "x.png", IMAGES, PICTURE).elements[0]

    assert found[0, 0, 0, 0] == 0
    assert found[0, -1, 0, 0] == 255


def test_stretching_is_said(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((16, 64), np.uint8)).save(tmp_path / "x.png")

    notes = taken(tmp_path / "x.png", IMAGES, PICTURE).notes

    assert "images of 64 x 16 are stretched to 16 x 16 pixels" in notes


def test_text_in_an_image_is_warned_of_once(tmp_path: Path) -> None:
    files = [tmp_path / "one.png", tmp_path / "two.png"]
    for file in files:
        Image.fromarray(np.zeros((16, 16), np.uint8)).save(file)

    notes = read(files, IMAGES, read_preparation(PICTURE)).notes

    assert [note for note in notes if note.startswith("WARNING: images often show names")] == [
        "WARNING: images often show names or dates in their pixels: look at it first (2 times)"
    ]


@pytest.mark.parametrize("more", ["", ', "modalities": ["CT", "MR"]'])
@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
def test_an_image_is_refused_where_scans_are_taken(tmp_path: Path, name: str, more: str) -> None:
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / name)

    with pytest.raises(UnreadableInput, match=f"{name}: is not a DICOM file: .* give the DICOM"):
        taken(tmp_path / name, IMAGES, f'{{"source": "scan"{more}}}')


def test_broken_images_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "short.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "none.png").write_bytes(b"this is not an image at all")
    bomb = Image.new("1", (1 << 14, 1 << 13))
    bomb.save(tmp_path / "bomb.png")
    frames = [Image.new("L", (16, 16), grey) for grey in (0, 255)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])

    for name, why in (
        ("short.png", "cannot be read as an image"),
        ("none.png", "is not an image of a known kind"),
        ("bomb.png", "16384 x 8192 pixels, allowed"),
        ("two.gif", "holds 2 images"),
    ):
        with pytest.raises(UnreadableInput, match=f"{name}: .*{why}"):
            taken(tmp_path / name, IMAGES, PICTURE)


def test_an_image_and_a_scan_need_a_model_whose_source_they_are(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "x.png")

    with pytest.raises(UnreadableInput, match=r"x.png: is an image, .*source.: .picture"):
        taken(tmp_path / "x.png", IMAGES)
    with pytest.raises(UnreadableInput, match=r"is a DICOM file, .*source.: .scan"):
        taken(bundled("CT_small.dcm"), IMAGES, PICTURE)


def test_an_image_is_refused_where_rows_are_taken(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "x.png")

    with pytest.raises(UnreadableInput, match="not images: give"):
        taken(tmp_path / "x.png")


# ---- DICOM


def test_a_scan_is_read_without_its_patient() -> None:
    whole = pydicom.dcmread(bundled("CT_small.dcm"))
    assert "PatientName" in whole

    found = taken(bundled("CT_small.dcm"), IMAGES, SCAN)
    kept = stripped(whole)

    assert found.elements[0].shape == (1, 16, 16, 1)
    assert found.elements[0].max() > 150
    assert {element.keyword for element in kept} <= set(ALLOWED)
    assert not [element for element in kept if element.tag.is_private]
    assert [element.keyword for element in kept.file_meta] == ["TransferSyntaxUID"]
    assert str(whole.PatientName) not in str(kept)
    assert "no tag leaves at all" in found.notes[0]


def test_slope_intercept_and_window_make_the_pixels() -> None:
    manifest = image_manifest(128)
    whole = pydicom.dcmread(bundled("CT_small.dcm"))
    units = whole.pixel_array.astype(f32) * f32(whole.RescaleSlope) + f32(whole.RescaleIntercept)
    expected = np.rint(np.clip((units - -160) / 400, 0, 1) * 255)

    preparation = '{"source": "scan", "window": {"centre": 40, "width": 400}}'
    found = taken(bundled("CT_small.dcm"), manifest, preparation).elements[0]

    assert np.abs(found[0, :, :, 0].astype(int) - expected).max() <= 1
    assert (found[0, :, :, 0] == expected).mean() > 0.99


@pytest.mark.parametrize(
    "name",
    ["MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm",
     "MR_small_jp2klossless.dcm"],
)  # fmt: skip
def test_one_image_is_the_same_however_it_is_coded(name: str) -> None:
    plain = taken(bundled("MR_small.dcm"), IMAGES, SCAN).elements[0]

    assert (taken(bundled(name), IMAGES, SCAN).elements[0] == plain).all()


def test_each_frame_is_an_item() -> None:
    found = taken(bundled("rtdose_rle.dcm"), IMAGES, SCAN)

    assert len(found.elements[0]) == 15
    assert found.names[3] == "rtdose_rle.dcm frame 3"


def altered(folder: Path, **tags: object) -> Path:
    whole = pydicom.dcmread(bundled("MR_small.dcm"))
    for keyword, value in tags.items():
        setattr(whole, keyword, value)
    file = folder / "x.dcm"
    whole.save_as(file)
    return file


def test_black_and_white_are_turned_where_the_file_says_so(tmp_path: Path) -> None:
    plain = taken(bundled("MR_small.dcm"), IMAGES, SCAN).elements[0].astype(int)
    file = altered(tmp_path, PhotometricInterpretation="MONOCHROME1")

    found = taken(file, IMAGES, SCAN).elements[0].astype(int)

    assert np.abs(found + plain - 255).max() <= 1


@pytest.mark.parametrize(
    ("tags", "remark"),
    [
        ({"BurnedInAnnotation": "YES"}, "says that text is burnt into its pixels"),
        ({"Modality": "US"}, "ultrasound often show names"),
        ({"ImageType": ["DERIVED", "SECONDARY"]}, "captured pictures often show names"),
        ({"ConversionType": "WSD"}, "captured pictures often show names"),
        ({"RecognizableVisualFeatures": "YES"}, "patient could be recognised"),
    ],
)
def test_text_in_the_pixels_is_warned_of(
    tmp_path: Path, tags: dict[str, object], remark: str
) -> None:
    notes = taken(altered(tmp_path, **tags), IMAGES, SCAN).notes

    assert any(remark in note and note.startswith("WARNING") for note in notes)


def test_no_text_no_warning(tmp_path: Path) -> None:
    notes = taken(altered(tmp_path, BurnedInAnnotation="NO", Modality="US"), IMAGES, SCAN).notes

    assert not [note for note in notes if "WARNING" in note]


def test_another_modality_is_refused() -> None:
    with pytest.raises(UnreadableInput, match=r"is of modality MR, the model is for \['CT'\]"):
        taken(bundled("MR_small.dcm"), IMAGES, '{"source": "scan", "modalities": ["CT"]}')


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("MR_truncated.dcm", "pixels are cut short or damaged"),
        ("image_dfl.dcm", "is deflated"),
        ("rtplan.dcm", "has no pixels"),
        ("SC_rgb_rle.dcm", "coloured image"),
        ("examples_palette.dcm", "coloured image"),
        ("no_meta.dcm", "is not a DICOM file"),
        ("meta_missing_tsyntax.dcm", "does not say how it is coded"),
    ],
)
def test_scans_that_cannot_be_read_are_refused(name: str, why: str) -> None:
    with pytest.raises(UnreadableInput, match=f"{name}: .*{why}"):
        taken(bundled(name), IMAGES, SCAN)


def test_a_syntax_without_a_decoder_is_named(tmp_path: Path) -> None:
    # No decoder exists for video as an image.
    whole = pydicom.dcmread(bundled("MR_small_jpeg_ls_lossless.dcm"))
    whole.file_meta.TransferSyntaxUID = pydicom.uid.MPEG2MPML
    whole.save_as(tmp_path / "x.dcm")

    with pytest.raises(UnreadableInput, match=r"x.dcm: no decoder for MPEG2"):
        taken(tmp_path / "x.dcm", IMAGES, SCAN)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9, 0.99])
def test_a_scan_that_is_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    raw = bundled("CT_small.dcm").read_bytes()
    file = tmp_path / "x.dcm"
    file.write_bytes(raw[: int(len(raw) * share)])

    with pytest.raises(UnreadableInput, match=r"x\.dcm"):
        taken(file, IMAGES, SCAN)


def test_a_scan_that_says_it_is_huge_is_not_unpacked(tmp_path: Path) -> None:
    file = altered(tmp_path, Rows=65535, Columns=65535, NumberOfFrames="1000")

    with pytest.raises(UnreadableInput, match="1000 x 65535 x 65535 pixels, allowed"):
        taken(file, IMAGES, SCAN)


@pytest.mark.parametrize("slope", ["0", "1e300"])
def test_a_slope_that_is_none_is_refused(tmp_path: Path, slope: str) -> None:
    file = altered(tmp_path, RescaleSlope=slope, RescaleIntercept="0")

    with pytest.raises(UnreadableInput, match="slope or intercept that cannot be used"):
        taken(file, IMAGES, SCAN)


def test_damaged_scans_end_in_words(tmp_path: Path) -> None:
    raw = bytearray(bundled("MR_small.dcm").read_bytes())
    rng = np.random.default_rng(7)
    file = tmp_path / "x.dcm"
    for _ in range(60):
        broken = bytearray(raw)
        for at in rng.integers(132, 1600, 4):
            broken[at] = int(rng.integers(256))
        file.write_bytes(broken)
        try:
            assert taken(file, IMAGES, SCAN).elements[0].shape[1:] == (16, 16, 1)
        except UnreadableInput as refused:
            assert str(refused).startswith("x.dcm: ")  # noqa: PT017 - both ends are good ones


# ---- files


def test_a_dicom_file_is_known_without_its_ending(tmp_path: Path) -> None:
    file = Path(shutil.copy(bundled("MR_small.dcm"), tmp_path / "IM000001"))

    assert taken(file, IMAGES, SCAN).elements[0].shape == (1, 16, 16, 1)


def test_several_files_are_one_job(tmp_path: Path) -> None:
    first = saved(tmp_path, "x.npy", np.zeros((2, 3)))
    second = table(tmp_path, "1,1,1\n")

    found = read([first, second], ROWS, read_preparation("{}"))

    assert found.elements[0].tolist() == [[0] * 3, [0] * 3, [10] * 3]
    with pytest.raises(UnreadableInput, match="at most 2 items"):
        read([first, second], ROWS, read_preparation("{}"), most=2)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.npy").touch()

    with pytest.raises(UnreadableInput, match="No such file"):
        taken(tmp_path / "none.npy")
    with pytest.raises(UnreadableInput, match="is a folder"):
        taken(tmp_path)
    with pytest.raises(UnreadableInput, match="has 0 bytes"):
        taken(tmp_path / "empty.npy")
    with pytest.raises(UnreadableInput, match=r"only .npy and .npz"):
        taken(table(tmp_path, "1,2,3"), elements=True)


def test_a_data_set_in_memory_is_stripped_of_private_tags() -> None:
    whole = pydicom.dcmread(bundled("MR_small.dcm"))
    whole.private_block(0x0099, "ACME", create=True).add_new(1, "LO", "Jane Doe")

    kept = stripped(whole)

    assert isinstance(kept, Dataset)
    assert "Jane Doe" not in str(kept)
