"""The models that `models_errors.py` and `bench_models.py` go through.

Those that tests import from float nets with seeded weights, those that tests build of integers, and
packages of `btt-chain model import`, for published models.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from btt_chain.work.bench import random_inputs
from btt_chain.work.model import Inputs, Model
from btt_chain.work.package import Preparation, load
from btt_chain.work.quantise.importing import Importer, Settings
from unit.work.float_nets import items
from unit.work.test_quantise_nets import NETS, imported
from unit.work.test_transformers import block, matrices, rows_of_every_size
from unit.work.work_world import attention, image_net


class Subject(NamedTuple):
    """A model, and the inputs of one item or more."""

    model: Model
    inputs: Inputs


def of_floats(name: str, count: int = 1) -> Subject:
    """Import a float net of the tests, and return so many items for it."""
    make, _ = NETS[name]
    net = make()
    with tempfile.TemporaryDirectory() as folder:
        quantised = imported(net, Path(folder), count=2).quantised
    return Subject(quantised.model, quantised.items(items(3, count, **net[2])))


def as_a_command(net: str, calibrate: str) -> Model:
    """Import a float net as `model import` does, all ways to choose numbers tried.

    `net` is a net of the tests, or a file that the items of the folder `calibrate` are for. Raises
    ModelRefused, InputRefused, OSError.
    """
    settings = Settings(accept_loss=True)
    if net in NETS:
        make, _ = NETS[net]
        with tempfile.TemporaryDirectory() as folder:
            return imported(make(), Path(folder), settings).quantised.model
    importer = Importer(Path(net), settings)
    calibration = importer.read(Path(calibrate), Preparation())
    return importer.quantised(calibration).quantised.model


def of_package(file: Path) -> Subject:
    """Read a package. Raises PackageRefused, ModelRefused, OSError."""
    model = load(file).model
    return Subject(model, random_inputs(model.graph, 1))


def _image_net() -> Subject:
    model, inputs = image_net()
    return Subject(model, [inputs])


def _attention() -> Subject:
    model, inputs = attention()
    return Subject(model, [inputs])


def _causal_block() -> Subject:
    rng = np.random.default_rng(12)
    return Subject(block(matrices(rng)), [rows_of_every_size(rng)])


BUILT: Final[Mapping[str, Callable[[], Subject]]] = {
    "image_net": _image_net,
    "attention": _attention,
    "causal_block": _causal_block,
}
TESTED: Final = {**{name: partial(of_floats, name) for name in NETS}, **BUILT}


def chosen(names: Sequence[str]) -> dict[str, Callable[[], Subject]]:
    """Return models by name or by the path of a package; all tested ones if none is named.

    Raises SystemExit for a name that is neither.
    """
    made: dict[str, Callable[[], Subject]] = {}
    for name in names or TESTED:
        if name in TESTED:
            made[name] = TESTED[name]
        elif (file := Path(name)).is_file():
            made[file.stem] = partial(of_package, file)
        else:
            raise SystemExit(f"{name} is not a package, nor one of {', '.join(TESTED)}")
    return made
