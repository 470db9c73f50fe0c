"""Files of items mean what their tags say: each tag is applied, or the file is refused by it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("PIL", reason="pillow is not installed: pip install '.[work]'")
pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed: pip install it")

from PIL import Image, ImageCms  # noqa: E402
from pydicom.data import get_testdata_file  # noqa: E402
from pydicom.dataset import Dataset  # noqa: E402
from pydicom.uid import (  # noqa: E402
    ExplicitVRBigEndian,
)

from btt_chain.scale import i16, u16, u32  # noqa: E402
from btt_chain.work.inputs.arrays import read_table  # noqa: E402
from btt_chain.work.inputs.common import Notes, UnreadableInput  # noqa: E402
from btt_chain.work.inputs.dicom import read_scan  # noqa: E402
from btt_chain.work.inputs.images import read_image  # noqa: E402
from btt_chain.work.package import read_preparation  # noqa: E402
from btt_chain.work.tensors import Kind, Tensor  # noqa: E402
from support.scans import STORED, item, scan  # noqa: E402

WINDOWED = '{"source": "scan", "window": {"centre": 40, "width": 400}}'
OWN_RANGE = '{"source": "scan"}'


def tensor(*dims: int) -> Tensor:
    return Tensor(Kind.U8, [u32(size) for size in dims], i16(0), u16(0))


# ---- DICOM


def frame_of(whole: Dataset, folder: Path, preparation: str = WINDOWED) -> list[list[float]]:
    file = folder / "x.dcm"
    whole.save_as(file, enforce_file_format=True)
    target = tensor(int(whole.Rows), int(whole.Columns), 1)
    items = list(read_scan(file, read_preparation(preparation), target, Notes()))
    return [found.reals[:, :, 0].astype(float).round(3).ravel().tolist() for found in items]


def in_window(units: npt.ArrayLike) -> list[float]:
    grey: list[float] = np.clip((np.asarray(units, float) + 160) / 400, 0, 1).round(3).tolist()
    return grey


def rescaled(intercept: float, slope: float = 1) -> Dataset:
    values = item(RescaleIntercept=intercept, RescaleSlope=slope, RescaleType="HU")
    return item(PixelValueTransformationSequence=[values])


def lookup(entries: Sequence[int], first: int = 0, bits: int = 16, code: str = "<u2") -> Dataset:
    table = item(LUTDescriptor=[len(entries), first, bits], ModalityLUTType="HU")
    table["LUTDescriptor"].VR = "SS" if first < 0 else "US"
    table.LUTData = np.array(entries, code).tobytes()
    table["LUTData"].VR = "OW"
    return table


HU = (STORED.astype(float) - 1024).ravel()


def test_a_rescale_in_functional_groups_is_that_of_its_frames(tmp_path: Path) -> None:
    two = np.stack([STORED, STORED])
    shared = scan(two, SharedFunctionalGroupsSequence=[rescaled(-1024)])
    each = scan(two, PerFrameFunctionalGroupsSequence=[rescaled(-1024), rescaled(-24, 0.5)])

    assert frame_of(shared, tmp_path) == [in_window(HU)] * 2
    assert frame_of(each, tmp_path) == [in_window(HU), in_window(STORED.ravel() / 2 - 24)]


def test_a_modality_table_is_applied_with_its_ends(tmp_path: Path) -> None:
    whole = scan(ModalityLUTSequence=[lookup([8, 90, 180], first=823)])
    signed = scan(np.array([[-3, -2, 5]], np.int16))
    signed.ModalityLUTSequence = [lookup([100, 50], first=-3)]
    big = scan(STORED.astype(">u2"), ModalityLUTSequence=[lookup([8, 90, 180], 823, code=">u2")])
    big.file_meta.TransferSyntaxUID = ExplicitVRBigEndian

    assert frame_of(whole, tmp_path) == [in_window([8, 90, 180, 180, 180, 180])]
    assert frame_of(signed, tmp_path) == [in_window([100, 50, 50])]
    assert frame_of(big, tmp_path) == [in_window([8, 90, 180, 180, 180, 180])]


def test_a_dose_is_scaled_and_equal_real_world_values_are_taken(tmp_path: Path) -> None:
    world = item(RealWorldValueSlope=1.0, RealWorldValueIntercept=-1024.0)
    agreeing = scan(RescaleSlope=1, RescaleIntercept=-1024, RealWorldValueMappingSequence=[world])
    dose = scan(DoseGridScaling="0.1", Modality="RTDOSE")

    assert frame_of(agreeing, tmp_path) == [in_window(HU)]
    assert frame_of(dose, tmp_path) == [in_window(STORED.ravel() / 10)]


@pytest.mark.parametrize("limit", [None, 824])
def test_padding_has_no_part_in_the_range_of_an_image(tmp_path: Path, limit: int | None) -> None:
    whole = scan(PixelPaddingValue=0)
    if limit is not None:
        whole.PixelPaddingRangeLimit = limit
    low = 824 if limit is None else 1024

    expected = np.clip((STORED.astype(float) - low) / (2024 - low), 0, 1).round(3).ravel().tolist()

    assert frame_of(whole, tmp_path, OWN_RANGE) == [expected]


def test_unused_bits_are_left_out_by_sign(tmp_path: Path) -> None:
    unsigned = scan(STORED | 0xF000, BitsStored=12, HighBit=11)
    signed = scan(np.array([[0x0FF8, 0x0008]], np.uint16), BitsStored=12, HighBit=11)
    signed.PixelRepresentation = 1

    assert frame_of(unsigned, tmp_path) == [in_window(STORED.ravel())]
    assert frame_of(signed, tmp_path) == [in_window([-8, 8])]


def palette(whole: Dataset) -> None:
    whole.RedPaletteColorLookupTableDescriptor = [256, 0, 16]
    whole["RedPaletteColorLookupTableDescriptor"].VR = "US"


def set_tags(**tags: object) -> Callable[[Dataset], None]:
    def change(whole: Dataset) -> None:
        for name, value in tags.items():
            setattr(whole, name, value)

    return change


def overlay(whole: Dataset) -> None:
    whole.add_new(0x60000100, "US", 16)
    whole.add_new(0x60000102, "US", 12)


def padded(value: int) -> Callable[[Dataset], None]:
    def change(whole: Dataset) -> None:
        whole.add_new(0x00280120, "US", value)

    return change


REFUSED_SCANS: Sequence[tuple[Callable[[Dataset], None], str]] = [
    (palette, r"\(0028,1101\) RedPalette"),
    (set_tags(MaskSubtractionSequence=[item(MaskOperation="AVG_SUB")]), r"\(0028,6100\) Mask"),
    (set_tags(ICCProfile=b"\0\0"), r"\(0028,2000\) ICCProfile"),
    (set_tags(PixelIntensityRelationshipLUTSequence=[item()]), r"\(0028,9422\) PixelIntensity"),
    (set_tags(PresentationLUTSequence=[item()]), r"\(2050,0010\) PresentationLUTSequence"),
    (set_tags(FloatPixelData=b"\0" * 24), r"\(7FE0,0008\) FloatPixelData"),
    (set_tags(SharedFunctionalGroupsSequence=[item(FramePixelShiftSequence=[item()])]),
     r"\(0028,9415\) FramePixelShiftSequence"),
    (set_tags(SharedFunctionalGroupsSequence=[rescaled(0)], RescaleSlope=2, RescaleIntercept=0),
     "different conversions of one pixel"),
    (set_tags(ModalityLUTSequence=[lookup([1, 2])], RescaleSlope=1, RescaleIntercept=0),
     "different conversions of one pixel"),
    (set_tags(ModalityLUTSequence=[lookup([1, 2]), lookup([1, 2])]), "2 items in .0028,3000"),
    (set_tags(ModalityLUTSequence=[lookup([1, 300], bits=8)]), "modality LUT .* of 8 bits"),
    (set_tags(ModalityLUTSequence=[item(LUTDescriptor=[2, 0, 16])]), "damaged modality LUT"),
    (set_tags(PerFrameFunctionalGroupsSequence=[rescaled(0)] * 2), "groups of 2 frames"),
    (set_tags(RescaleSlope=2), "only one of RescaleSlope and RescaleIntercept"),
    (set_tags(RescaleSlope=1, RescaleIntercept=0, RescaleType="MGML"), "in MGML .*window is in HU"),
    (set_tags(RealWorldValueMappingSequence=[item(RealWorldValueSlope=2.0,
                                                  RealWorldValueIntercept=0.0)]),
     r"real-world values \(0040,9096\)"),
    (set_tags(PixelAspectRatio=[2, 1]), r"pixels of 2 x 1 \(\(0028,0034\)"),
    (set_tags(PixelSpacing=[0.5, 1]), r"pixels of 0.5 x 1 \(\(0028,0030\)"),
    (set_tags(SharedFunctionalGroupsSequence=[
        item(PixelMeasuresSequence=[item(PixelSpacing=[1, 2])])]), r"pixels of 1 x 2"),
    (set_tags(BitsStored=17), "bits .0028,0101. in 16"),
    (set_tags(BitsStored=12, HighBit=15), "the highest 15"),
    (set_tags(PixelRepresentation=2), "sign 2"),
    (set_tags(PresentationLUTShape="INVERSE"), "turns black and white"),
    (set_tags(PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="IDENTITY"),
     "turns black and white"),
    (set_tags(PixelPresentation="COLOR"), "shown in colours"),
    (set_tags(RecommendedViewingMode="SUB"), "subtracted from a mask"),
    (set_tags(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), "mosaic of slices"),
    (set_tags(SegmentationType="BINARY"), "not a scan, but made from one"),
    (set_tags(PixelData=STORED.tobytes() * 2), "24 bytes of pixels .* 1 frames have 12"),
    (overlay, r"overlay within its pixels, by \(6000,0100\)"),
    (padded(1024), r"padding \(0028,0120\) that would not be black"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "why"), REFUSED_SCANS)
def test_a_scan_with_a_tag_that_may_change_its_pixels_is_refused_by_that_tag(
    tmp_path: Path, change: Callable[[Dataset], None], why: str
) -> None:
    whole = scan()
    change(whole)

    with pytest.raises(UnreadableInput, match=why):
        frame_of(whole, tmp_path)


def test_a_missing_decoder_is_named_with_the_packages_that_decode() -> None:
    file = Path(str(get_testdata_file("MR_small_jpeg_ls_lossless.dcm", download=False)))

    with pytest.raises(UnreadableInput, match="`pip install pylibjpeg pylibjpeg-libjpeg`"):
        list(read_scan(file, read_preparation(OWN_RANGE), tensor(64, 64, 1), Notes()))


# ---- tables


def rows_of(folder: Path, text: str, columns: str = '["a", "b"]') -> tuple[list[list[float]], str]:
    file, notes = folder / "t.csv", Notes()
    file.write_bytes(text.encode())
    preparation = read_preparation(f'{{"columns": {columns}}}')
    found = [found.reals.tolist() for found in read_table(file, preparation, tensor(2), notes)]
    return found, " ".join(notes.lines())


@pytest.mark.parametrize(
    ("text", "columns", "why"),
    [
        ("id,note,a,b\n1,temp 38,5,120,80\n", '["a", "b"]', "line 2 has 5 columns"),
        ("a,b\n1,2,\n", '["a", "b"]', "line 2 has 3 columns"),
        ("a,b,note\n1,2\n", '["a", "b"]', "line 2 has 2 columns"),
        ("a,b\n1,2,3,4\n", "[]", "line 2 has 4 columns"),
        ("a,b\n1,2\n,\n3,4\n", '["a", "b"]', "line 3 has empty cells only"),
        ('a,b,note\n1,2,"open\n3,4,x\n', '["a", "b"]', "unexpected end of data"),
        ('a,b,note\n1,2,"open\n3,4,"x"\n', '["a", "b"]', "not a table of text"),
        ("1,n/a\n3,4\n", "[]", "line 1 has both names and numbers"),
        ("a,b\n1_000,2\n", '["a", "b"]', "line 2, number 1"),
        ("a,b\n\u0661,2\n", '["a", "b"]', "line 2, number 1"),
        ("a;b\n1,5;2\n", '["a", "b"]', "line 2, number 1"),
    ],
)
def test_a_row_that_does_not_fit_its_columns_is_refused_with_its_line(
    tmp_path: Path, text: str, columns: str, why: str
) -> None:
    with pytest.raises(UnreadableInput, match=why):
        rows_of(tmp_path, text, columns)


def test_columns_whose_names_are_numbers_are_names(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "2020,2021\n1,2\n", '["2020", "2021"]')[0] == [[1, 2]]
    assert rows_of(tmp_path, "a;b;\n1;2;\n")[0] == [[1, 2]]


def test_a_table_without_names_is_remarked(tmp_path: Path) -> None:
    found, notes = rows_of(tmp_path, "1,2\n3,4\n")

    assert found == [[1, 2], [3, 4]]
    assert "in the model's order" in notes


# ---- images


def tiff(raw: bytes, bits: int, photometric: int = 1, kind: int = 1, **more: int) -> bytes:
    """Return a TIFF of one row and four pixels; `more` are tags by `t` and their number."""
    tags = {256: 4, 257: 1, 258: bits, 259: 1, 262: photometric, 273: 0, 277: 1, 278: 1}
    tags |= {279: len(raw), 339: kind}
    tags |= {int(name[1:]): value for name, value in more.items()}
    begin = 8 + 2 + 12 * len(tags) + 4
    made = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, value in sorted(tags.items()):
        made += struct.pack("<HHII", tag, 4, 1, begin if tag == 273 else value)
    return made + bytes(4) + raw


def greys_of(folder: Path, raw: bytes, name: str = "x.tif", *dims: int) -> list[float]:
    file = folder / name
    file.write_bytes(raw)
    items = list(read_image(file, tensor(*(dims or (1, 4, 1))), Notes()))
    found: list[float] = items[0].reals.astype(float)[..., 0].round(3).ravel().tolist()
    return found


UP = [0.0, 0.333, 0.667, 1.0]
DOWN = UP[::-1]
EIGHT = bytes([0, 85, 170, 255])
SIXTEEN = np.array([0, 21845, 43690, 65535], "<u2").tobytes()
TWELVE = int("".join(f"{grey:012b}" for grey in (0, 1365, 2730, 4095)), 2).to_bytes(6, "big")


@pytest.mark.parametrize(
    ("raw", "greys"),
    [
        (tiff(EIGHT, 8), UP), (tiff(EIGHT, 8, 0), DOWN), (tiff(SIXTEEN, 16), UP),
        (tiff(SIXTEEN, 16, 0), DOWN), (tiff(TWELVE, 12), UP), (tiff(b"\x1b", 2), UP),
        (tiff(b"\x05\xaf", 4, 0), DOWN), (tiff(SIXTEEN, 16, t281=65535), UP),
    ],
)  # fmt: skip
def test_black_and_white_of_a_tiff_are_those_of_its_tags(
    tmp_path: Path, raw: bytes, greys: list[float]
) -> None:
    assert greys_of(tmp_path, raw) == greys


def test_a_tiff_with_a_tag_twice_is_refused_because_readers_take_either(tmp_path: Path) -> None:
    raw = tiff(EIGHT, 8)
    last = raw.index(struct.pack("<HHI", 339, 4, 1))
    # The last tag becomes a second photometric interpretation.
    (tmp_path / "a.tif").write_bytes(
        raw[:last] + struct.pack("<HHII", 262, 4, 1, 0) + raw[last + 12 :]
    )
    with pytest.raises(UnreadableInput, match="TIFF tag 262 twice"):
        list(read_image(tmp_path / "a.tif", tensor(1, 4, 1), Notes()))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (tiff(EIGHT, 8, kind=2), "339 format"), (tiff(SIXTEEN, 16, kind=2), "mode I"),
        (tiff(np.zeros(4, "<f4").tobytes(), 32, kind=3), "mode F"),
        (tiff(np.zeros(4, "<u4").tobytes(), 32), "mode I"),
        (tiff(SIXTEEN, 16, t281=4095), "280, 281"), (tiff(EIGHT, 8, t266=2), "266 order"),
        (tiff(EIGHT, 8, t33445=2), "TIFF tag 33445"), (tiff(EIGHT, 8, t290=2), "TIFF tag 290"),
        (tiff(EIGHT, 8, t254=1), "thumbnail"), (tiff(EIGHT, 8, t274=9), "orientation 9"),
    ],
)  # fmt: skip
def test_a_tiff_with_a_tag_that_is_not_read_is_refused_by_it(
    tmp_path: Path, raw: bytes, why: str
) -> None:
    with pytest.raises(UnreadableInput, match=why):
        greys_of(tmp_path, raw)


@pytest.mark.parametrize("turned", range(1, 9))
def test_an_orientation_turns_every_format_alike(tmp_path: Path, turned: int) -> None:
    stored = Image.fromarray(np.array([[0, 50, 100], [150, 200, 250]], np.uint8))
    exif = Image.Exif()
    exif[0x0112] = turned
    stored.save(tmp_path / "a.png", exif=exif)
    stored.save(tmp_path / "a.tif", tiffinfo={0x0112: turned})
    stored.save(tmp_path / "b.tif", tiffinfo={0x0112: turned}, compression="tiff_lzw")
    dims = (2, 3, 1) if turned < 5 else (3, 2, 1)
    upright = [
        next(iter(read_image(tmp_path / name, tensor(*dims), Notes()))).reals.tolist()
        for name in ("a.png", "a.tif", "b.tif")
    ]

    assert upright[0] == upright[1] == upright[2]


def png_with(name: bytes, data: bytes, folder: Path) -> bytes:
    file = folder / "plain.png"
    Image.fromarray(np.frombuffer(EIGHT, np.uint8)[None]).save(file)
    raw, body = file.read_bytes(), name + data
    chunk = struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    return raw[:33] + chunk + raw[33:]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        (b"gAMA", struct.pack(">I", 45455), None), (b"sRGB", b"\0", None), (b"vpAg", b"x", None),
        (b"gAMA", struct.pack(">I", 100000), "other colours than sRGB"),
        (b"cICP", b"\x09\x10\0\1", "PNG chunk b'cICP'"), (b"pCAL", b"x" * 9, "chunk b'pCAL'"),
        (b"pHYs", struct.pack(">IIB", 2, 1, 0), "not square"),
        (b"iCCP", b"x\0\0" + zlib.compress(b"junk" * 50), "colour profile that cannot be read"),
    ],
)  # fmt: skip
def test_a_png_with_a_chunk_that_changes_colours_is_refused(
    tmp_path: Path, name: bytes, data: bytes, why: str | None
) -> None:
    raw = png_with(name, data, tmp_path)

    if why is None:
        assert greys_of(tmp_path, raw, "x.png") == UP
        return
    with pytest.raises(UnreadableInput, match=why):
        greys_of(tmp_path, raw, "x.png")


def test_transparency_is_taken_only_where_there_is_none(tmp_path: Path) -> None:
    grey = Image.fromarray(np.frombuffer(EIGHT, np.uint8)[None])
    for alpha, name in ((255, "full.png"), (128, "half.png")):
        layered = grey.copy().convert("LA")
        layered.putalpha(alpha)
        layered.save(tmp_path / name)
    deep = Image.fromarray(np.frombuffer(SIXTEEN, "<u2")[None])
    deep.save(tmp_path / "deep.png", transparency=0)

    assert greys_of(tmp_path, (tmp_path / "full.png").read_bytes(), "x.png") == UP
    for name in ("half.png", "deep.png"):
        with pytest.raises(UnreadableInput, match="transparent pixels"):
            greys_of(tmp_path, (tmp_path / name).read_bytes(), "x.png")


def test_colours_that_are_not_srgb_are_refused(tmp_path: Path) -> None:
    red = Image.new("RGB", (4, 1), (200, 30, 40))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red.save(tmp_path / "srgb.png", icc_profile=profile)
    red.convert("CMYK").save(tmp_path / "cmyk.tif")
    swapped = profile.replace(b"rXYZ", b"tmpX").replace(b"bXYZ", b"rXYZ").replace(b"tmpX", b"bXYZ")
    red.save(tmp_path / "swapped.png", icc_profile=swapped)

    exif = Image.Exif()
    exif[0x8769] = {0xA001: 2}
    red.save(tmp_path / "exif.jpg", exif=exif)
    camera = Image.Exif()
    camera[0x8769] = {0xA001: 65535, 0xA005: {1: "R03"}}
    red.save(tmp_path / "camera.jpg", exif=camera)

    assert len(greys_of(tmp_path, (tmp_path / "srgb.png").read_bytes(), "x.png")) == 4
    for name, why in (
        ("cmyk.tif", "mode CMYK"),
        ("swapped.png", "profile that is not sRGB"),
        ("exif.jpg", "Adobe RGB"),
        ("camera.jpg", "Adobe RGB"),
    ):
        with pytest.raises(UnreadableInput, match=why):
            greys_of(tmp_path, (tmp_path / name).read_bytes(), "x" + name[-4:])


def test_a_grey_map_has_the_white_of_its_header_and_one_image(tmp_path: Path) -> None:
    deep = b"P5 4 1 4095\n" + struct.pack(">4H", 0, 1365, 2730, 4095)

    assert greys_of(tmp_path, deep, "x.pgm") == UP
    assert greys_of(tmp_path, b"P5 4 1 15\n" + bytes([0, 5, 10, 15]), "x.pgm") == UP
    with pytest.raises(UnreadableInput, match="more than one image"):
        greys_of(tmp_path, deep * 2, "x.pgm")
