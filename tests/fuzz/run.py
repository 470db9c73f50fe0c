"""Fuzz the entrances for bytes from outside, guided by coverage: `make fuzz MINUTES=5`.

    python tests/fuzz/run.py [--minutes 1] [--targets blocks,gossip] [--corpus .fuzz] [--seed N]
    python tests/fuzz/run.py --repeat FILE --targets NAME

Each target runs in a process of its own (atheris, libFuzzer's driver). Inputs that reach something
new are kept under `--corpus`, from where the next run goes on. Each target has a line with the
executions, the coverage (branches and values of comparisons that were met) and what was found: a
finding is a file, with the command that repeats it. Exits with 1 if there is any.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fuzz import target as targets

ROOT: Final = Path(__file__).resolve().parents[2]
SECONDS_OF_ONE: Final = 20
"""An input that takes longer counts as a hang; shared machines need room."""
MEMORY_MB: Final = 3_000
STATUS: Final = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")
EXECUTED: Final = re.compile(r"stat::number_of_executed_units:\s*(\d+)|^#(\d+)\s", re.MULTILINE)
FOUND: Final = ("crash-", "timeout-", "oom-", "leak-")


@dataclass(slots=True)
class Result:
    """The results of one target."""

    name: str
    executions: int
    coverage: str
    seconds: float
    findings: list[Path]
    output: str


def fuzz(name: str, seconds: int, corpus: Path, seed: int) -> Result:
    """Run one target for some seconds in a process of its own."""
    kept, found = corpus / name / "inputs", corpus / name / "found"
    for folder in (kept, found):
        folder.mkdir(parents=True, exist_ok=True)
    known = set(found.iterdir())
    target = targets.load(name)
    inputs = [*target.seeds(), *(file.read_bytes() for file in targets.found_inputs(name))]
    for raw in inputs:
        (kept / targets.file_name(raw)).write_bytes(raw)
    command = [
        sys.executable, str(Path(__file__)), "--inside", name, "--", str(kept),
        f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={target.max_length}",
        f"-timeout={SECONDS_OF_ONE}", f"-report_slow_units={SECONDS_OF_ONE}",
        f"-rss_limit_mb={MEMORY_MB}", "-print_final_stats=1",
        f"-artifact_prefix={found}/", "-reload=0", "-len_control=20",
    ]  # fmt: skip
    begun = time.monotonic()
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    output = done.stdout + done.stderr
    counts = [int(one or other) for one, other in EXECUTED.findall(output)]
    coverage = STATUS.findall(output)
    findings = sorted(set(found.iterdir()) - known)
    if done.returncode and not findings:
        findings = [found / "no-input"]  # the target itself broke: the output says why
        findings[0].write_text(output[-20_000:], encoding="utf-8")
    text = "cov {} ft {} corpus {}".format(*coverage[-1]) if coverage else "no coverage"
    spent = time.monotonic() - begun
    return Result(name, max(counts, default=0), text, spent, findings, output)


def inside(name: str, arguments: Sequence[str]) -> None:
    """Be the process that fuzzes: never returns."""
    import atheris

    with atheris.instrument_imports(include=targets.instrumented(name)):
        target = targets.load(name)

    def run(raw: bytes) -> None:
        target.run(raw)

    atheris.Setup([sys.argv[0], *arguments], run)
    atheris.Fuzz()


def repeat(name: str, file: Path) -> None:
    """Run one input in this process, with its traceback."""
    targets.load(name).run(file.read_bytes())
    print(f"{file}: nothing happens")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz what was asked for; return the exit code."""
    parser = argparse.ArgumentParser(description="Fuzz the entrances for bytes from outside.")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target")
    parser.add_argument("--targets", default="", help=f"some of {', '.join(targets.names())}")
    parser.add_argument("--corpus", type=Path, default=ROOT / ".fuzz")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--repeat", type=Path, metavar="FILE")
    parser.add_argument("--inside", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inside:
        inside(options.inside, options.rest)
    chosen = list(filter(None, options.targets.split(","))) or targets.names()
    if unknown := set(chosen) - set(targets.names()):
        known = ", ".join(targets.names())
        parser.error(f"--targets: unknown {', '.join(sorted(unknown))}; use {known}")
    if options.repeat:
        repeat(chosen[0], options.repeat)
        return 0
    seed = secrets.randbits(31) if options.seed is None else options.seed
    print(f"seed {seed}, {options.minutes:g} minutes a target", flush=True)
    results = []
    for name in chosen:
        result = fuzz(name, max(1, round(60 * options.minutes)), options.corpus, seed)
        results.append(result)
        rate = result.executions / result.seconds
        print(f"{name:16} {result.executions:12,} executions, {rate:8,.0f}/s, {result.coverage}",
              flush=True)  # fmt: skip
        for file in result.findings:
            tool = Path(__file__).relative_to(ROOT)
            print(f"  FOUND {file}\n  python {tool} --targets {name} --repeat {file}")
            print("\n".join(f"    {line}" for line in traceback_of(result.output)), flush=True)
    print(f"{sum(result.executions for result in results):,} executions in all")
    return int(any(result.findings for result in results))


def traceback_of(output: str) -> list[str]:
    """Return the part of the output that says what happened."""
    lines = output.splitlines()
    begin = next((n for n, line in enumerate(lines) if "Uncaught Python exception" in line), None)
    return lines[-15:] if begin is None else lines[begin : begin + 40]


if __name__ == "__main__":
    sys.exit(main())
