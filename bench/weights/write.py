"""Write measured benchmarks: the module `weights` of each pallet, integers that it uses.

What surrounds calls is in `runtime/block_weights.py`.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.weights.database import Costs
from bench.weights.declare import Benchmark
from bench.weights.fit import fit
from bench.weights.state import Bench, Sample
from runtime.frame import Pallet

ROOT: Final = Path(__file__).resolve().parents[2]
RUNTIME: Final = ROOT / "runtime"
MARGIN_PERCENT: Final = 115
"""Declared percentage of the measured weight: for other machines, fuller caches, deeper tries."""
ROUND: Final = 100_000
"""Unit to which weights are rounded, in picoseconds: a tenth of a microsecond."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """The formula of one benchmark, and the point with the largest values."""

    benchmark: Benchmark
    formula: Sequence[int]
    """The constant, and the slope of each component."""
    most: Sample


def total(sample: Sample, costs: Costs) -> int:
    """Return the cost of a sample with the keys it writes, in picoseconds."""
    bytes_ = sample.written * costs.written_byte + sample.removed * costs.removed_byte
    return sample.picos + sample.writes * costs.write + bytes_


def weigh(bench: Bench, each: Benchmark, costs: Costs) -> Weighed:
    """Measure a benchmark at its points; return its formula, with the margin."""
    rows, values, most = [], [], None
    for point in each.points():
        bench.enter()
        sample = bench.measure(each.case(bench, point))
        rows.append(list(point.values()))
        values.append(total(sample, costs))
        if most is None or point == each.largest:
            most = sample
    assert most is not None
    formula = [part * MARGIN_PERCENT // 100 for part in fit(rows, values)]
    return Weighed(each, formula, most)


def header(title: str) -> list[str]:
    """Return the first lines of a generated module."""
    return [
        f'"""{title} Written by `make weights`: do not edit.',
        "",
        f"Measured on {machine()}, {interpreter()},",
        # No commit: the present one does not exist yet, and a rebase loses the one before it.
        f"on {datetime.now(UTC).date().isoformat()}; `git log` of this file names the commit.",
        f"Picoseconds, with a margin of {MARGIN_PERCENT - 100} percent, and keys that are written.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Final",
        "",
    ]


def machine() -> str:
    """Return the processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return f"{os.cpu_count()} x {next(names, platform.machine())}"


def interpreter() -> str:
    """Return the interpreter's name and version."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def rounded(picos: int) -> int:
    """Return a weight in its written form: rounded up to three digits, or to `ROUND`."""
    step = 1
    while picos // step >= 1_000:
        step *= 10
    return -(-picos // step) * step


def module_of(pallet: str, found: Iterable[Weighed]) -> str:
    """Return the text of a pallet's generated module."""
    lines = header(f"Weights of {pallet}.")
    for each in found:
        lines += function_of(each) if each.benchmark.components else constant_of(each)
    return "\n".join(lines) + "\n"


def constant_of(each: Weighed) -> list[str]:
    """Return the lines of a weight without components."""
    return [
        f"{each.benchmark.name.upper()}: Final = {rounded(each.formula[0]):_}",
        f'"""{touched(each.most)}"""',
    ]


def function_of(each: Weighed) -> list[str]:
    """Return the lines of a weight with components."""
    benchmark = each.benchmark
    terms = [f"{rounded(each.formula[0]):_}"]
    for name, slope in zip(benchmark.components, each.formula[1:], strict=True):
        terms.append(f"{rounded(slope):_} * {name}")
    ranges = ", ".join(
        f"`{name}` {least:_} to {most:_}" for name, (least, most) in benchmark.components.items()
    )
    arguments = ", ".join(f"{name}: int" for name in benchmark.components)
    return [
        "",
        "",
        f"def {benchmark.name}({arguments}) -> int:",
        f'    """{touched(each.most)}',
        "",
        f"    {ranges}.",
        '    """',
        f"    return {' + '.join(terms)}",
        "",
        "",
    ]


def touched(sample: Sample) -> str:
    """Return the number of keys a call writes, in words."""
    return f"{sample.writes} keys written." if sample.writes != 1 else "1 key written."


def block_module(costs: Costs) -> str:
    """Return the text of the module of costs that surround calls."""
    lines = header("Weights of a block, around its calls.")
    names: Mapping[str, tuple[int, str]] = {
        "BASE_BLOCK": (costs.block, "Opening and closing a block, with its inherent."),
        "BASE_EXTRINSIC": (
            costs.extrinsic, "A signed extrinsic before its call: decoding, signature, nonce, fee."
        ),
        "EXTRINSIC_BYTE": (costs.extrinsic_byte, "A byte of an extrinsic, whatever it means."),
        "READ": (costs.read, "Reading a key that the block has not read yet."),
        "WRITE": (costs.write, "A changed key: its part of the trie and of the batch."),
        "WRITTEN_BYTE": (costs.written_byte, "A byte of a value that is written."),
        "REMOVED_BYTE": (costs.removed_byte, "A byte of a value that was there before."),
    }  # fmt: skip
    for name, (picos, text) in names.items():
        lines += [f"{name}: Final = {rounded(picos * MARGIN_PERCENT // 100):_}", f'"""{text}"""']
    return "\n".join(lines) + "\n"


def file_of(pallet: Pallet) -> Path:
    """Return the path of a pallet's generated module, in the folder of the pallet."""
    return RUNTIME.joinpath(*type(pallet).__module__.split(".")[1:-1], "weights.py")


def write(path: Path, text: str) -> None:
    """Write a generated module."""
    path.write_text(text)
    formatter = Path(sys.executable).with_name("ruff")
    subprocess.run([formatter, "check", "--fix", "--quiet", path], cwd=ROOT, check=True)
    subprocess.run([formatter, "format", "--quiet", path], cwd=ROOT, check=True)
