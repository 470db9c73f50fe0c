"""Every fuzz target takes its well-formed inputs, and those that once found something."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from fuzz import cost
from fuzz.target import FOLDER, Target, found_inputs, instrumented, load, names, round_trip

pytestmark = pytest.mark.fuzz

FEW = 60
"""Mutated inputs for each target: shows that it refuses what is broken."""
SLOW = {"dicom", "onnx_models", "runtime_api", "transactions", "chain_spec"}


@pytest.mark.parametrize("name", names())
def test_a_target_has_its_property_for_known_and_for_broken_inputs(name: str) -> None:
    if name in {"dicom", "inputs", "onnx_models", "packages"}:
        pytest.importorskip("onnx", reason="the extra `work` is not installed")
        pytest.importorskip("pydicom", reason="the extra `work` is not installed")
    target = load(name)
    seeds = list(target.seeds())
    assert seeds
    rng = random.Random(name)
    chosen = rng.sample(seeds, min(len(seeds), 40))
    for raw in [*chosen, *(file.read_bytes() for file in found_inputs(name))]:
        target.run(raw)
    for _ in range(FEW // 4 if name in SLOW else FEW):
        target.run(cost.mutated(rng, rng.choice(seeds), seeds)[:2_000])


@pytest.mark.parametrize("name", names())
def test_a_target_says_what_counts_as_coverage(name: str) -> None:
    assert tuple(instrumented(name)) == load(name).instrument


def test_the_corpus_belongs_to_targets() -> None:
    assert {path.name for path in (FOLDER / "corpus").iterdir()} <= {*names(), "README.md"}


def test_a_decoder_that_loses_something_is_found() -> None:
    with pytest.raises(AssertionError, match="is not what its encoding decodes to"):
        round_trip(b"\1\2", lambda raw: raw, lambda value: value[:1])


def test_the_search_for_costs_finds_the_byte_that_is_dear() -> None:
    def run(raw: bytes) -> None:
        sum(range(100 * raw.count(b"\xff")))

    rng = random.Random(1)
    raws = [cost.mutated(rng, bytes(100), [bytes(100)]) for _ in range(200)]
    dearest = max((cost.measured(run, raw, 0) for raw in raws), key=lambda one: one.worth)
    assert dearest.raw.count(b"\xff") > 10


@pytest.mark.full
def test_the_fuzzer_finds_a_planted_error() -> None:
    pytest.importorskip("atheris", reason="atheris is not installed")
    planted = (
        "import sys, atheris\n"
        "@atheris.instrument_func\n"
        "def run(raw):\n"
        "    if raw[:1] == b'b' and raw[1:2] == b't' and raw[2:3] == b'!':\n"
        "        raise KeyError('planted')\n"
        "atheris.Setup([sys.argv[0], '-max_total_time=60', '-artifact_prefix=/dev/null'], run)\n"
        "atheris.Fuzz()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", planted], capture_output=True, text=True, check=False
    )
    assert done.returncode
    assert "KeyError: 'planted'" in done.stdout + done.stderr


def test_every_target_is_one() -> None:
    assert all(isinstance(load(name), Target) for name in names())
