"""The executor gives the same roots with any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from btt_chain.work.build import Builder, Numbers
from btt_chain.work.model import Elements, Model
from btt_chain.work.tensors import Kind
from unit.work.test_execute import GOLDEN
from unit.work.work_world import items_of, weights


def wide() -> tuple[Model, Elements]:
    """A product so large that BLAS gives a part of it to every thread it has."""
    rng = np.random.default_rng(3)
    made = Builder(Kind.I8, (64, 1024))
    made.linear("wide", 0, *weights(rng, 1024, 1024, most=40), Numbers(Kind.I8))
    model = made.model()
    return model, items_of(rng, model.graph.inputs[0])


def test_the_number_of_threads_changes_nothing() -> None:
    program = (
        "from programs.work.test_threads import wide\n"
        "from unit.work.test_execute import NETS, job_root\n"
        "print(*(job_root(*net()) for net in (*NETS.values(), wide)))"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    roots = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": paths},
            capture_output=True,
            check=True,
        ).stdout.split()
        for threads in ("1", "2", "3")
    ]
    assert roots[0] == roots[1] == roots[2]
    assert [root.decode() for root in roots[0][:-1]] == list(GOLDEN.values())
