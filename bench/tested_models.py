"""The models that `models_errors.py` and `bench_models.py` go through.

Float nets with seeded weights, of the tests and of published architectures, which are imported;
models that tests build of integers; and packages of `btt-chain model import`.
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
from btt_chain.work.quantise.emitter import Quantised
from btt_chain.work.quantise.importing import Importer, Settings
from unit.work.architectures import ARCHITECTURES
from unit.work.float_nets import items
from unit.work.test_quantise_nets import NETS, Made
from unit.work.test_transformers import block, matrices, rows_of_every_size
from unit.work.work_world import attention, image_net

CALIBRATION: Final = 12
COMPARED: Final = 2
"""Items that a float net is imported with, and those that it is compared over."""
FLOATS: Final[Mapping[str, Callable[[], Made]]] = {
    **{name: make for name, (make, _) in NETS.items()},
    **ARCHITECTURES,
}


class Subject(NamedTuple):
    """A model, and the inputs of one item or more."""

    model: Model
    inputs: Inputs


def of_floats(name: str, count: int = 1) -> Subject:
    """Import a float net by its whole ranges, and return so many items for it."""
    made = FLOATS[name]()
    quantised = _imported(made, Settings(method="minmax", budget=0, accept_loss=True))
    _, _, shapes = made
    return Subject(quantised.model, quantised.items(items(3, count, **shapes)))


def as_a_command(net: str, calibrate: str) -> Model:
    """Import a float net as `model import` does, all ways to choose numbers tried.

    `net` is a net of the tests, or a file that the items of the folder `calibrate` are for. Raises
    ModelRefused, InputRefused, OSError.
    """
    settings = Settings(accept_loss=True)
    if net in FLOATS:
        return _imported(FLOATS[net](), settings).model
    importer = Importer(Path(net), settings)
    calibration = importer.read(Path(calibrate), Preparation())
    return importer.quantised(calibration).quantised.model


def _imported(made: Made, settings: Settings) -> Quantised:
    net, outputs, shapes = made
    with tempfile.TemporaryDirectory() as folder:
        importer = Importer(net.save(Path(folder), *outputs), settings)
    calibration, compared = items(1, CALIBRATION, **shapes), items(2, COMPARED, **shapes)
    return importer.quantised(calibration, compared).quantised


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
TESTED: Final[Mapping[str, Callable[[], Subject]]] = {
    **{name: partial(of_floats, name) for name in FLOATS},
    **BUILT,
}


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
