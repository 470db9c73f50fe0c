"""Checks of an image file's tags, chunks and colours, which decide on the meaning of its numbers.

Pillow decodes more than it reports: it leaves out samples, takes signed ones for unsigned, and
ignores most tags. So each format is read by a list of what is known; a file with anything else is
refused with its name. Sources: TIFF 6.0; PNG (third edition), section 11; EXIF 2.32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageFile
from PIL.ExifTags import IFD, Base, Interop
from PIL.TiffImagePlugin import TiffImageFile

from btt_chain.work.inputs.common import UnreadableInput

FORMATS: Final = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM")
MODES: Final = frozenset({"1", "L", "P", "RGB", "LA", "PA", "RGBA", "La", "RGBa"})
"""Modes of 8 bits or fewer. Of the others, unsigned greys of up to 16 bits are read."""
WHITE: Final = 65535
TIFF_TAGS: Final = frozenset({
    254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 296,
    317, 320, 322, 323, 324, 325, 338, 339, 347, 529, 530, 531, 532,  # layout
    269, 270, 271, 272, 285, 297, 305, 306, 315, 316, 700, 33432, 33723, 34377, 34665, 34675, 34853,
})  # fmt: skip
"""Tags of a TIFF that are used, checked, or (the last line) describe no pixel."""
PNG_CHUNKS: Final = frozenset({
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT",
    b"bKGD", b"hIST", b"pHYs", b"sPLT", b"tIME", b"iTXt", b"tEXt", b"zTXt", b"eXIf", b"oFFs",
})  # fmt: skip
"""Public chunks of a PNG that are used, checked, or describe no pixel."""

_LAYOUTS: Final[Mapping[int, frozenset[tuple[tuple[int, ...], tuple[int, ...]]]]] = {
    0: frozenset({((bits,), ()) for bits in (1, 2, 4, 8, 16)}),
    1: frozenset({
        *(((bits,), ()) for bits in (1, 2, 4, 8, 12, 16)), ((8, 8), (1,)), ((8, 8), (2,)),
    }),
    2: frozenset({((8,) * 3, ()), ((8,) * 4, (1,)), ((8,) * 4, (2,))}),
    3: frozenset({((bits,), ()) for bits in (1, 2, 4, 8)}),
    6: frozenset({((8,) * 3, ())}),
}  # fmt: skip
"""Bits of the samples and meaning of extra ones, by TIFF's photometric interpretation."""
_FULL_RANGE: Final = (0, 255, 128, 255, 128, 255)
_WHITE_IS_ZERO, _YCBCR, _JPEG_IN_TIFF = 0, 6, 7
_SRGB_GAMMA: Final = 0.45455
_SRGB_POINTS: Final = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
_NEAR: Final = 0.003
_LEVELS: Final = 3
"""Maximum difference of a colour profile from sRGB, of 255."""
_ORIENTATION: Final = 0x0112
_ADOBE_RGB, _NOT_SRGB = 2, "R03"
"""EXIF's colour space, and the interoperability index that cameras write instead of it."""
_PNG_HEAD: Final = 8
_BIG_TIFF: Final = 43


class Greys(NamedTuple):
    """The range of an image with more than 8 bits."""

    white: int = WHITE
    white_is_zero: bool = False


def check_image(file: Path, image: ImageFile.ImageFile) -> Greys:
    """Return the range of deep greys. UnreadableInput if something is not known, or not read."""
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    if image.mode not in MODES and not deep:
        raise UnreadableInput.at(
            file,
            f"has pixels of mode {image.mode}: save it as sRGB or grey of 8 bits, or unsigned grey "
            "of 16; floats as .npy",
        )
    exif = image.getexif()
    orientation = exif.get(_ORIENTATION, 1)
    if orientation not in range(1, 9):
        raise UnreadableInput.at(file, f"has the orientation {orientation}, which does not exist")
    _check_square(file, image)
    greys = Greys()
    if isinstance(image, TiffImageFile):
        _check_once(file)
        greys = _check_tiff(file, image.tag_v2)
    elif image.format == "PNG":
        _check_png(file, image)
    elif image.format == "PPM":
        _check_length(file, image)
    profile = image.info.get("icc_profile")
    if profile:
        _check_profile(file, profile)
    elif exif.get_ifd(IFD.Exif).get(Base.ColorSpace) == _ADOBE_RGB or str(
        exif.get_ifd(IFD.Interop).get(Interop.InteropIndex)
    ).startswith(_NOT_SRGB):
        raise UnreadableInput.at(file, "is in Adobe RGB, by its EXIF tags: convert it to sRGB")
    return greys


def check_opaque(file: Path, image: Image.Image) -> None:
    """Refuse an image with transparent pixels: their colours depend on a background."""
    if not image.has_transparency_data:
        return
    straight = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode))
    if image.mode.startswith("I") or np.asarray(straight.convert("RGBA"))[..., 3].min() < 255:
        raise UnreadableInput.at(file, "has transparent pixels: save it on a background")


def _check_square(file: Path, image: ImageFile.ImageFile) -> None:
    for name in ("dpi", "resolution", "jfif_density", "aspect"):
        try:
            across, down = (float(number) for number in image.info[name])
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
        if min(across, down) > 0 and abs(across - down) * 100 > max(across, down):
            raise UnreadableInput.at(
                file, f"has pixels that are not square ({name} {across:g} x {down:g}): resample it"
            )


def _check_once(file: Path) -> None:
    """Refuse a TIFF with a tag twice: which one counts depends on the reader."""
    with file.open("rb") as source:
        head = source.read(16)
        order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
        is_big = int.from_bytes(head[2:4], order) == _BIG_TIFF
        start, counted, size = (head[8:], 8, 20) if is_big else (head[4:8], 2, 12)
        source.seek(int.from_bytes(start, order))
        seen: set[bytes] = set()
        for _ in range(int.from_bytes(source.read(counted), order)):
            tag = source.read(size)[:2]
            if tag in seen:
                number = int.from_bytes(tag, order)
                raise UnreadableInput.at(file, f"has the TIFF tag {number} twice: save it anew")
            seen.add(tag)


def _check_tiff(file: Path, tags: Mapping[int, object]) -> Greys:
    unknown = sorted(set(tags) - TIFF_TAGS)
    if unknown:
        raise UnreadableInput.at(
            file, f"has the TIFF tag {unknown[0]}, which is not known here: save it without"
        )
    photometric = tags.get(262)
    bits, extra = _numbers(tags, 258, 1), _numbers(tags, 338)
    samples = tags.get(277, 1)
    if len(bits) == 1 and isinstance(samples, int):
        bits *= min(samples, len(bits) * 8)
    layouts = _LAYOUTS.get(photometric, frozenset()) if isinstance(photometric, int) else ()
    of_jpeg = photometric != _YCBCR or tags.get(259) == _JPEG_IN_TIFF
    usual = set(_numbers(tags, 339, 1)) == {1} and tags.get(266, 1) == 1
    if (bits, extra) not in layouts or not of_jpeg or not usual:
        raise UnreadableInput.at(
            file,
            f"has TIFF samples that are not read (262 photometric {photometric}, 258 bits {bits}, "
            f"338 extra {extra}, 339 format {_numbers(tags, 339, 1)}, 266 order "
            f"{tags.get(266, 1)}): save it as sRGB or grey of 8 bits, or unsigned grey of 16",
        )
    white = (1 << bits[0]) - 1
    if tags.get(532, _FULL_RANGE) != _FULL_RANGE:
        raise UnreadableInput.at(file, "has other black and white points (TIFF tag 532): save anew")
    if tags.get(254, 0) not in {0, 2} or tags.get(255, 1) not in {1, 3}:
        raise UnreadableInput.at(file, "begins with a thumbnail or a mask (TIFF tag 254 or 255)")
    if any(_numbers(tags, 280)) or set(_numbers(tags, 281)) - {white}:
        raise UnreadableInput.at(
            file,
            f"has black or white (TIFF tags 280, 281) elsewhere than at 0 and {white}: stretch it "
            "to the whole range, and save it without these tags",
        )
    if 0 < max(_numbers(tags, 320), default=0) <= 255:
        raise UnreadableInput.at(file, "has a palette (TIFF tag 320) of 8 bits: it must have 16")
    text = str(tags.get(270, ""))
    if text.startswith("ImageJ") and "images=" in text:
        raise UnreadableInput.at(file, "is a stack of ImageJ: save each image in a file of its own")
    return Greys(white, photometric == _WHITE_IS_ZERO)


def _numbers(tags: Mapping[int, object], tag: int, *default: int) -> tuple[int, ...]:
    value = tags.get(tag, default)
    whole = value if isinstance(value, tuple) else (value,)
    return tuple(int(number) for number in whole if isinstance(number, int))


def _check_png(file: Path, image: ImageFile.ImageFile) -> None:
    for chunk in _chunks(file):
        public = chunk[1:2].isupper() or chunk[:1].isupper()
        if public and chunk not in PNG_CHUNKS:
            raise UnreadableInput.at(
                file, f"has the PNG chunk {chunk!r}, which is not known here: save it without"
            )
    rawmode = str(image.tile[0].args) if image.tile else ""
    if "16" in rawmode and not image.mode.startswith("I"):
        raise UnreadableInput.at(
            file, "has colours or transparency of 16 bits: save it with 8, or as grey"
        )
    if "icc_profile" in image.info or "srgb" in image.info:
        return
    gamma = image.info.get("gamma", _SRGB_GAMMA)
    points = image.info.get("chromaticity", _SRGB_POINTS)
    if not math.isclose(gamma, _SRGB_GAMMA, abs_tol=_NEAR) or any(
        not math.isclose(point, usual, abs_tol=_NEAR)
        for point, usual in zip(points, _SRGB_POINTS, strict=True)
    ):
        raise UnreadableInput.at(
            file, "has other colours than sRGB (PNG chunks gAMA, cHRM): convert it to sRGB"
        )


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        source.seek(_PNG_HEAD)
        while len(head := source.read(8)) == 8:
            yield head[4:]
            source.seek(int.from_bytes(head[:4], "big") + 4, 1)


def _check_length(file: Path, image: ImageFile.ImageFile) -> None:
    """Refuse a PNM file with more bytes than one image has: others may follow."""
    decoder, _, offset, args = image.tile[0]
    maximum = args[-1] if isinstance(args, tuple) else 255
    bytes_each = 2 if args == "I;16B" or (isinstance(maximum, int) and maximum > 255) else 1
    row = (image.width + 7) // 8 if image.mode == "1" else image.width * len(image.getbands())
    if decoder == "ppm_plain":
        raise UnreadableInput.at(file, "is a PNM file of text: save it as a binary one")
    if file.stat().st_size > offset + row * bytes_each * image.height:
        raise UnreadableInput.at(file, "has more than one image: save each in a file of its own")


def _check_profile(file: Path, profile: bytes) -> None:
    """Refuse a colour profile under which the same numbers are other greys or colours."""
    levels = np.arange(256, dtype=np.uint8)
    few = levels[::51]
    greys = levels[None, :]
    colours = np.stack(np.meshgrid(few, few, few), axis=-1).reshape(1, -1, 3)
    try:
        opened = ImageCms.ImageCmsProfile(BytesIO(profile))
        chart = greys if opened.profile.xcolor_space.strip() == "GRAY" else colours
        shown = ImageCms.profileToProfile(
            Image.fromarray(chart),
            opened,
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        raise UnreadableInput.at(
            file, "has a colour profile that cannot be read: convert it to sRGB"
        ) from None
    wanted = np.repeat(chart[..., None], 3, axis=-1) if chart is greys else chart
    if np.abs(np.asarray(shown, np.int16) - wanted).max() > _LEVELS:
        raise UnreadableInput.at(
            file, "has a colour profile that is not sRGB, so its numbers mean others: convert it"
        )
