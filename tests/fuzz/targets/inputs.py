"""Files of a job's inputs: arrays, archives of arrays, tables, pictures."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from btt_chain.scale import i16, u16, u32
from btt_chain.work.errors import WorkError
from btt_chain.work.inputs.arrays import read_array, read_table
from btt_chain.work.inputs.common import Notes
from btt_chain.work.inputs.images import read_image
from btt_chain.work.package import Preparation, Values
from btt_chain.work.tensors import Kind, Tensor
from fuzz.target import Target, memory_folder

FOLDER: Final = memory_folder()
KINDS: Final = (".npy", ".npz", ".csv", ".png")
ROW: Final = Tensor(Kind.I8, [u32(4)], i16(0), u16(0))
PICTURE: Final = Tensor(Kind.I8, [u32(8), u32(8), u32(3)], i16(-128), u16(0))
MAX_ELEMENTS: Final = 64


def run(raw: bytes) -> None:
    """Read a file of the kind that the first byte names."""
    if not raw:
        return
    suffix = KINDS[raw[0] % len(KINDS)]
    file = FOLDER / f"input{suffix}"
    file.write_bytes(raw[1:])
    try:
        match suffix:
            case ".csv":
                for item in read_table(file, Preparation(Values([])), ROW, Notes()):
                    assert item.reals.shape == (4,)
            case ".png":
                for item in read_image(file, PICTURE, Notes()):
                    assert item.reals.shape == (8, 8, 3)
            case _:
                for _, array in read_array(file, ROW, most=MAX_ELEMENTS, elements=bool(raw[0] & 8)):
                    assert array.shape == (4,)
    except (WorkError, OSError):  # `files.read` makes the second the first
        return


def seeds() -> list[bytes]:
    """Return a file of each kind."""
    array, archive = io.BytesIO(), io.BytesIO()
    np.save(array, np.arange(8, dtype=np.float32).reshape(2, 4))
    np.savez_compressed(archive, items=np.arange(8, dtype=np.int8).reshape(2, 4))
    found = [b"\0" + array.getvalue(), b"\1" + archive.getvalue(), b"\x08" + array.getvalue()]
    found += [b"\2a,b,c,d\n1,2,3,4\n5,6,7,8.5\n", b"\2" + b"1;2;3;4\n"]
    for kind in ("PNG", "GIF", "BMP", "JPEG", "TIFF", "WEBP"):
        picture = io.BytesIO()
        Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(picture, kind)
        found.append(b"\3" + picture.getvalue())
    return found


TARGET = Target(run=run, seeds=seeds, instrument=("btt_chain.work.inputs", "zipfile"))
