"""Shared by all readers: their items, their errors, and the limits of sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btt_chain.work.errors import WorkError
from btt_chain.work.model import Float32s

MAX_FILE: Final = 1 << 30
"""Maximum bytes of a file."""
MAX_PIXELS: Final = 1 << 26
"""Maximum pixels of one image, or numbers of one item, before it is scaled down."""
MAX_FRAMES: Final = 4096


class UnreadableInput(WorkError):
    """A file cannot be read, or holds other data than the model takes."""

    @classmethod
    def at(cls, file: Path, why: str) -> UnreadableInput:
        """Return the error for a file; with its name only, because its folder may be private."""
        return cls(f"{file.name}: {why}")


class Item(NamedTuple):
    """One item as read from a file."""

    name: str
    """Name of the file, with the row or frame in it."""
    reals: Float32s


@dataclass(slots=True)
class Notes:
    """Remarks for the user: each once, with the number of its items."""

    remarks: dict[str, int] = field(default_factory=dict)

    def add(self, remark: str) -> None:
        """Add a remark."""
        self.remarks[remark] = self.remarks.get(remark, 0) + 1

    def lines(self) -> list[str]:
        """Return the remarks, with the number of items of each."""
        return [
            remark if count == 1 else f"{remark} ({count} times)"
            for remark, count in self.remarks.items()
        ]


def note_text(notes: Notes, kind: str) -> None:
    """Add a warning about a kind of images that often contain names in their pixels."""
    notes.add(f"WARNING: {kind} often show names or dates in their pixels: look at it first")


def resized(pixels: Float32s, height: int, width: int) -> Float32s:
    """Return an image (height, width) in another size; new pixels are means of those below."""
    from PIL import Image  # noqa: PLC0415 - an extra, needed where there are images only

    if pixels.shape == (height, width):
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels, np.float32))
    made: NDArray[np.float32] = np.asarray(
        image.resize((width, height), Image.Resampling.BILINEAR), np.float32
    )
    return made


def note_shape(notes: Notes, given: tuple[int, int], wanted: tuple[int, int]) -> None:
    """Add a remark if an image is resized; it is stretched if its shape changes by a tenth."""
    if given == wanted:
        return
    across, down = given[1] * wanted[0], given[0] * wanted[1]
    how = "stretched" if abs(across - down) * 10 > max(across, down) else "resized"
    notes.add(f"images of {given[1]} x {given[0]} are {how} to {wanted[1]} x {wanted[0]} pixels")
