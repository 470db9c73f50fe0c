"""The Wisconsin breast cancer data, a small perceptron, and what 8 bits cost it.

    python examples/breast_cancer.py OUT

Writes OUT/breast-cancer.onnx, .json (how inputs are prepared) and -test.csv: rows that the net has
not seen, with two columns more than it takes, as a hospital's table would have them.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from btt_chain.work.execute import Executor
from btt_chain.work.inputs.files import read
from btt_chain.work.model import real_outputs
from btt_chain.work.onnx_import import load
from btt_chain.work.package import read_preparation
from onnx8 import Floats, Net

NAME = "breast-cancer"
REACH = 5.0
"""Range of the 8 bits in standard deviations; values beyond it are clipped."""


def main(out: Path) -> tuple[float, float]:
    """Train, write, compare; returns the shares of the test rows that floats and 8 bits get right.

    Raises OSError where `out` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    data = load_breast_cancer()
    x_train, x_test, y_train, y_test = train_test_split(
        data.data, data.target, test_size=0.3, random_state=1, stratify=data.target
    )
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
    trained = MLPClassifier((32, 16), solver="lbfgs", alpha=5.0, max_iter=500, random_state=1)
    trained.fit((x_train - mean) / deviation, y_train)
    by_floats = float(trained.score((x_test - mean) / deviation, y_test))

    net = Net(np.asarray((x_train - mean) / deviation, np.float32), REACH / 127)
    layers = list(zip(trained.coefs_, trained.intercepts_, strict=True))
    for number, (weights, bias) in enumerate(layers[:-1]):
        net.gemm(f"hidden{number}", _rows(weights), np.asarray(bias, np.float32), relu=True)
    # One logit distinguishes two classes; readers expect two of half its size.
    weights, bias = layers[-1]
    half = _rows(weights / 2)
    both = np.array([-bias[0], bias[0]], np.float32) / np.float32(2)
    net.gemm("classes", np.concatenate([-half, half]), both)
    onnx_file = out / f"{NAME}.onnx"
    onnx_file.write_bytes(net.raw())

    columns = [str(name) for name in data.feature_names]
    text = json.dumps(
        {
            "source": "values",
            "columns": columns,
            "offset": mean.tolist(),
            "divisor": deviation.tolist(),
            "labels": [str(name) for name in data.target_names],
        },
        indent=2,
    )
    (out / f"{NAME}.json").write_text(text + "\n")
    rows = out / f"{NAME}-test.csv"
    with rows.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["patient", *columns, "diagnosis"])
        for number, (row, target) in enumerate(zip(x_test, y_test, strict=True)):
            table.writerow([f"P{number:04}", *row.tolist(), data.target_names[target]])

    model = load(onnx_file).model
    items = read([rows], model.manifest, read_preparation(text))
    outputs = real_outputs(model.manifest, Executor(model).run(*items.elements).outputs[0])
    by_integers = float((outputs.argmax(axis=1) == y_test).mean())
    print(f"{len(x_train)} rows to learn from, {len(x_test)} to test with")
    print(f"accuracy with floats   {by_floats:.1%}")
    print(f"accuracy with 8 bits   {by_integers:.1%}")
    print(
        f"next: btt-chain model import {onnx_file} --prepare {out / NAME}.json -o {out / NAME}.btt"
    )
    return by_floats, by_integers


def _rows(weights: np.ndarray) -> Floats:
    return np.ascontiguousarray(weights.T, np.float32)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
