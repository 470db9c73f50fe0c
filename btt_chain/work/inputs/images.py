"""Images: one item each, pixels from 0 (black) to 1 (white), without metadata."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from btt_chain.extras import needs_extra
from btt_chain.work.inputs.common import (
    MAX_PIXELS,
    Item,
    Notes,
    UnreadableInput,
    note_shape,
    note_text,
    resized,
)
from btt_chain.work.model import Float32s
from btt_chain.work.tensors import Tensor

try:
    from PIL import Image, ImageOps, UnidentifiedImageError

    from btt_chain.work.inputs.image_tags import FORMATS, Greys, check_image, check_opaque
except ImportError as error:
    raise ImportError(needs_extra("reading images needs", "work")) from error

_BROKEN: Final = (
    OSError, ValueError, TypeError, LookupError, ArithmeticError, SyntaxError, RuntimeError,
    AttributeError, EOFError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
"""Errors of Pillow's decoders for damaged files."""


def read_image(file: Path, tensor: Tensor, notes: Notes) -> Iterator[Item]:
    """Yield the item of an image file; upright, resized, grey or coloured as the model needs."""
    height, width, channels = tensor.dims
    try:
        # Its own warnings are about metadata, which is not used anyway, and about size.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A stream: by path, Pillow 13 maps a plain TIFF that is turned by 90 degrees wrongly.
            with file.open("rb") as source, Image.open(source, formats=FORMATS) as opened:
                _check(file, opened)
                greys = check_image(file, opened)
                upright = ImageOps.exif_transpose(opened)
                check_opaque(file, upright)
                pixels = _pixels(upright, greys, channels, notes)
    except UnidentifiedImageError:
        kinds = ", ".join(FORMATS)
        raise UnreadableInput.at(
            file, f"is not an image of a known kind ({kinds}), or is damaged"
        ) from None
    except _BROKEN as broken:
        raise UnreadableInput.at(file, f"cannot be read as an image: {broken}") from None
    # No image declares whether it shows a name, and a screenshot of a viewer may contain one.
    note_text(notes, "images")
    note_shape(notes, pixels.shape[:2], (height, width))
    made = [resized(pixels[:, :, channel], height, width) for channel in range(channels)]
    yield Item(file.name, np.stack(made, axis=-1))


def _check(file: Path, image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise UnreadableInput.at(
            file, f"has {image.width} x {image.height} pixels, allowed are {MAX_PIXELS} in all"
        )
    frames = getattr(image, "n_frames", 1)
    if frames != 1:
        raise UnreadableInput.at(file, f"holds {frames} images: save each in a file of its own")


def _pixels(image: Image.Image, greys: Greys, channels: int, notes: Notes) -> Float32s:
    """Return height, width, channels; from 0 to 1."""
    colours = image.mode not in {"1", "L", "LA", "La"} and not image.mode.startswith("I")
    if channels == 1 and colours:
        notes.add("colours are made grey")
    if channels > 1 and not colours:
        notes.add("greys are taken as colours")
    if image.mode.startswith("I"):
        grey = np.asarray(image, np.float32) / np.float32(greys.white)
        grey = 1 - grey if greys.white_is_zero else grey
        return np.repeat(grey[:, :, None], channels, axis=2)
    straight = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode))
    plain = np.asarray(straight.convert("L" if channels == 1 else "RGB"), np.float32)
    return plain.reshape(image.height, image.width, channels) / np.float32(255)
