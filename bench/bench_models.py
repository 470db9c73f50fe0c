"""Models in numbers: python bench/bench_models.py [MODEL|PACKAGE.btt|NET.onnx=CALIBRATE ...]

Without names: all models of the tests. Each model is imported, measured, executed by the extra
`fast` and provided in a process of its own on one core, so that the memory is that of this model
alone. Times are of the processor, the medians of rounds taken in turns.

* import: seconds and peak MiB of `model import` for a float net, all ways to choose numbers tried
* numpy, fast: milliseconds an item; x f32: numpy to the same graph in float32 by numpy
* commit %: of executing by numpy; vectors %, again %: checking one item in 16, in percent of a
  provider's work
* proof, judge: the largest proof and the slowest judgement of an error at each node
* bytes: leaves of an item; provide MiB: peak of a process that executes items and commits to them
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

if __name__ == "__main__":
    # Before numpy is loaded: BLAS reads it once.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.machine import memory_of  # noqa: E402
from btt_chain.work.bench import measure, medians, provided, random_inputs  # noqa: E402
from btt_chain.work.engines import Processor  # noqa: E402
from btt_chain.work.execute import Executor  # noqa: E402
from btt_chain.work.package import Package, load, save  # noqa: E402
from btt_chain.work.shapes import committed_bytes  # noqa: E402

Figures = Mapping[str, float]
COLUMNS: Final = {
    "import s": (10, 1), "import MiB": (12, 0), "numpy ms": (10, 2), "x f32": (7, 2),
    "fast ms": (10, 2), "commit %": (10, 1), "vectors %": (11, 1), "again %": (9, 1),
    "proof": (8, 0), "judge ms": (10, 2), "bytes": (12, 0), "provide MiB": (13, 0),
}  # fmt: skip
"""Width and decimal places of each figure."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; or, in a process of its own, one model's figures of a stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--items", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--package", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.stage is not None:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        print(json.dumps(STAGES[options.stage](options)))
        return
    print(f"{'model':<20}" + "".join(f"{name:>{width}}" for name, (width, _) in COLUMNS.items()))
    for name in options.models or _tested():
        print(line_of(name, figures_of(name, options)), flush=True)


def line_of(name: str, figures: Figures) -> str:
    """Return the line of a model; a figure that it has not is a dash."""
    texts = [
        f"{figures[column]:.{places}f}".rjust(width) if column in figures else "-".rjust(width)
        for column, (width, places) in COLUMNS.items()
    ]
    return f"{Path(name.partition('=')[0]).stem:<20}" + "".join(texts)


def figures_of(name: str, options: argparse.Namespace) -> Figures:
    """Return all figures of one model. Raises CalledProcessError if a stage breaks off."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        is_packed = name.endswith(".btt")
        package = Path(name) if is_packed else Path(folder) / "model.btt"
        for stage in list(STAGES)[is_packed:]:
            words = [
                sys.executable, str(Path(__file__).resolve()), name, "--stage", stage,
                "--package", str(package), "--items", str(options.items),
                "--rounds", str(options.rounds),
            ]  # fmt: skip
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
            figures |= json.loads(done.stdout.splitlines()[-1])
    return figures


# ---- stages, each in a process of its own


def import_(options: argparse.Namespace) -> Figures:
    """Write the package of a model; the figures are those of an import from floats."""
    from bench.tested_models import BUILT, as_a_command

    (name,) = options.models
    net, _, calibrate = name.partition("=")
    if net in BUILT:
        save(Package(BUILT[net]().model), options.package)
        return {}
    start = time.process_time()
    save(Package(as_a_command(net, calibrate)), options.package)
    return {"import s": time.process_time() - start, "import MiB": _peak()}


def measure_(options: argparse.Namespace) -> Figures:
    """Return times of numpy, checks and judgements, and the bytes of an item."""
    model = load(options.package).model
    row = measure(options.models[0], model, options.items, options.rounds)
    ratios = row.ratios
    return {
        "numpy ms": row.compute / row.items,
        "x f32": ratios["computeToFloat32"],
        "commit %": ratios["commitPercent"],
        "vectors %": ratios["vectorsPercent"],
        "again %": ratios["againPercent"],
        "proof": row.proof,
        "judge ms": row.judged,
        "bytes": committed_bytes(model.graph),
    }


def fast(options: argparse.Namespace) -> Figures:
    """Return the time of the engine of onnxruntime; nothing without the extra `fast`."""
    try:
        from btt_chain.work.engines.onnxruntime import OnnxRuntime
    except ImportError:
        return {}
    executor = Executor(load(options.package).model)
    inputs = random_inputs(executor.model.graph, options.items)
    run = partial(provided, OnnxRuntime(), executor, inputs, time.process_time)
    run()  # what is prepared once is not measured
    computed, _ = medians([run], options.rounds)
    return {"fast ms": computed / options.items}


def provide(options: argparse.Namespace) -> Figures:
    """Return the memory that a provider's computing takes, without its node's connections."""
    executor = Executor(load(options.package).model)
    inputs = random_inputs(executor.model.graph, options.items)
    provided(Processor(), executor, inputs, time.process_time)
    return {"provide MiB": _peak()}


def _peak() -> float:
    return memory_of(os.getpid(), "VmHWM")


def _tested() -> Sequence[str]:
    from bench.tested_models import TESTED

    return list(TESTED)


STAGES: Final[Mapping[str, Callable[[argparse.Namespace], Figures]]] = {
    "import": import_, "measure": measure_, "fast": fast, "provide": provide,
}  # fmt: skip


if __name__ == "__main__":
    main()
