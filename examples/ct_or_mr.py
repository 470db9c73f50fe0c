"""From a scanner's file to a job: a small convolutional net over pydicom's CT and MR images.

    python examples/ct_or_mr.py OUT

It distinguishes CT from MR slices by their texture. It is trained on pieces of two patients'
images, so its results have no medical meaning; it demonstrates the path of the data. Writes
OUT/ct-or-mr.onnx, .json, and copies of the files that it was not trained on.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.data import get_testdata_file
from sklearn.neural_network import MLPClassifier

from btt_chain.scale import i16, u16, u32
from btt_chain.work.execute import Executor
from btt_chain.work.inputs.common import Notes
from btt_chain.work.inputs.dicom import read_scan
from btt_chain.work.inputs.files import read
from btt_chain.work.model import real_outputs
from btt_chain.work.onnx_import import load
from btt_chain.work.package import read_preparation
from btt_chain.work.tensors import LEAF_BYTES, Kind, Tensor
from onnx8 import Floats, Net, convolved

NAME = "ct-or-mr"
SIDE: Final = 64
WINDOW: Final = 8
STEP: Final = 2
FILTERS: Final = 16
LABELS: Final = ("CT", "MR")
SEEN: Final = ("CT_small.dcm", "MR_small.dcm")
"""By label: what it is trained on."""
UNSEEN: Final = ("693_J2KI.dcm", "examples_overlay.dcm")
PREPARATION: Final = {
    "source": "scan",
    "modalities": list(LABELS),
    "labels": list(LABELS),
}
"""No window: CT and MR have no common unit, so each image's own range is what is looked at."""


def main(out: Path) -> list[tuple[str, str]]:
    """Train, write, try; returns the file and the answer for those that it was not trained on.

    Raises OSError where `out` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(PREPARATION, indent=2)
    images = np.concatenate([pixels(bundled(name), text) for name in SEEN])
    pieces, labels = training_pieces(images)
    # A perceptron over pieces of an image is a convolution followed by one of a single pixel.
    trained = MLPClassifier((FILTERS,), alpha=0.01, tol=1e-3, max_iter=300, random_state=1)
    trained.fit(pieces, labels)
    print(f"{trained.score(pieces, labels):.1%} of {len(pieces)} pieces of two images are right")

    kernels = np.asarray(trained.coefs_[0].T, np.float32).reshape(FILTERS, 1, WINDOW, WINDOW)
    last = np.asarray(trained.coefs_[1].T, np.float32).reshape(1, FILTERS, 1, 1) / 2
    bias = np.asarray(trained.intercepts_[1], np.float32) / 2
    net = Net(images, 1 / 127)
    net.conv("texture", kernels, np.asarray(trained.intercepts_[0], np.float32), STEP, relu=True)
    net.conv("pieces", np.concatenate([-last, last]), np.concatenate([-bias, bias]), 1)
    net.mean("classes")
    onnx_file = out / f"{NAME}.onnx"
    onnx_file.write_bytes(net.raw())
    (out / f"{NAME}.json").write_text(text + "\n")

    files = [Path(shutil.copy(bundled(name), out)) for name in UNSEEN]
    model = load(onnx_file).model
    items = read(files, model.manifest, read_preparation(text))
    outputs = real_outputs(model.manifest, Executor(model).run(*items.elements).outputs[0])
    answers = [LABELS[number] for number in outputs.argmax(axis=1)]
    for note in items.notes:
        print(note)
    for file, answer in zip(files, answers, strict=True):
        print(f"{file.name}: looks like {answer}")
    print(
        f"next: btt-chain model import {onnx_file} --prepare {out / NAME}.json -o {out / NAME}.btt"
    )
    return [(file.name, answer) for file, answer in zip(files, answers, strict=True)]


def bundled(name: str) -> Path:
    """A file that comes with pydicom; FileNotFoundError if it does not any more."""
    found = get_testdata_file(name, download=False)
    if not isinstance(found, str):
        raise FileNotFoundError(f"pydicom brings no {name}")
    return Path(found)


def pixels(file: Path, preparation: str) -> Floats:
    """An image as the net will see it: item, channel, y, x."""
    tensor = Tensor(Kind.I8, [u32(SIDE), u32(SIDE), u32(1)], i16(0), u16(LEAF_BYTES))
    read_as = read_preparation(preparation)
    read_items = [item.reals for item in read_scan(file, read_as, tensor, Notes())]
    return np.stack(read_items).transpose(0, 3, 1, 2)


def training_pieces(images: Floats) -> tuple[Floats, np.ndarray]:
    """All windows of each image, also mirrored, and which image each is of."""
    identity = np.eye(WINDOW * WINDOW, dtype=np.float32).reshape(-1, 1, WINDOW, WINDOW)
    pieces: list[Floats] = []
    labels: list[np.ndarray] = []
    for label, image in enumerate(images):
        for turned in (image, image[:, ::-1], image[:, :, ::-1], image.transpose(0, 2, 1)):
            seen = convolved(turned[None], identity, STEP)[0].reshape(WINDOW * WINDOW, -1).T
            pieces.append(seen)
            labels.append(np.full(len(seen), label))
    return np.concatenate(pieces), np.concatenate(labels)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
