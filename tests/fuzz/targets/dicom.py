"""DICOM files: items, or a refusal that names the file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydicom.data import get_testdata_file

from btt_chain.scale import i16, u16, u32
from btt_chain.work.errors import WorkError
from btt_chain.work.inputs.common import Notes
from btt_chain.work.inputs.dicom import read_scan
from btt_chain.work.package import Preparation, Scan
from btt_chain.work.tensors import Kind, Tensor
from fuzz.target import Target, memory_folder

FILE: Final = memory_folder() / "scan.dcm"
TENSOR: Final = Tensor(Kind.I8, [u32(8), u32(8), u32(1)], i16(-128), u16(0))
PREPARATION: Final = Preparation(Scan(None, []))
SMALL: Final = ("MR_small.dcm", "CT_small.dcm", "JPEG2000.dcm", "MR_small_RLE.dcm", "OBXXXX1A.dcm")


def run(raw: bytes) -> None:
    """Read a file as a scan."""
    FILE.write_bytes(raw)
    try:
        for item in read_scan(FILE, PREPARATION, TENSOR, Notes()):
            assert item.reals.shape == (8, 8, 1)
    except WorkError:
        return


def seeds() -> list[bytes]:
    """Return small scans that pydicom brings."""
    found = [get_testdata_file(name, download=False) for name in SMALL]
    return [Path(str(path)).read_bytes() for path in found if path]


TARGET = Target(run=run, seeds=seeds, instrument=("btt_chain.work.inputs", "pydicom"),
                max_length=40_000)  # fmt: skip
