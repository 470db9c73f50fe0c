"""Images of all kinds that Pillow opens: one item each, pixels from 0 to 1, without metadata."""

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
except ImportError as error:
    raise ImportError(needs_extra("reading images needs", "work")) from error

DEEP: Final = {"I;16": 65535.0, "I;16L": 65535.0, "I;16B": 65535.0, "I": 65535.0, "F": 1.0}
"""Modes with more than 8 bits, and their white value."""

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
            with Image.open(file) as opened:
                _check(file, opened)
                upright = ImageOps.exif_transpose(opened)
                pixels = _pixels(upright, channels, notes)
    except UnidentifiedImageError:
        raise UnreadableInput.at(file, "is no image of a known kind, or is damaged") from None
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


def _pixels(image: Image.Image, channels: int, notes: Notes) -> Float32s:
    """Return height, width, channels; from 0 to 1."""
    if image.mode in DEEP:
        grey = np.asarray(image, np.float32) / np.float32(DEEP[image.mode])
        return np.repeat(grey[:, :, None], channels, axis=2)
    if image.mode in {"LA", "PA", "RGBA", "La", "RGBa"} or "transparency" in image.info:
        notes.add("transparency is not looked at")
    if channels == 1 and image.mode not in {"1", "L", "LA"}:
        notes.add("colours are made grey")
    plain = np.asarray(image.convert("L" if channels == 1 else "RGB"), np.float32)
    return plain.reshape(image.height, image.width, channels) / np.float32(255)
