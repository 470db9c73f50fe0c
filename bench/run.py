"""Measure, and print each figure with its target and its ratio to the peers: `make bench`.

    python bench/run.py [--quick | --brief] [--only standing,rpc,submit,...] [--json FILE]

Rows 1-12 are those of docs/performance.md. Every ratio comes from rounds that ran in
turn in this one run, so that other load on the machine meets both sides; figures by CPU second
survive it best. `--quick` does a little of everything without peers: it shows that the benches
run, its figures mean nothing. `--brief` does less of everything, with the peers; `--json` writes
the rows to a file. Nothing here fails because a figure is bad or a peer is absent. A part that
breaks is a row that says why; the others are measured all the same, and the program ends with 1.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import (
    bench_network,
    bench_payments,
    bench_sync,
    explorer,
    imports,
    machine,
    report,
    simulated,
    submit,
)
from bench.bench_rpc import rpc_rows
from bench.chains import SPAWN
from bench.economy import economy_rows
from bench.parts import part_rows
from bench.report import Row
from bench.standing import standing_rows

BROKEN: Final = "!"
"""The number of a row that is not a figure: its part broke off."""

Part = Callable[[Path, bool], Iterator[Row]]

BRIEF: dict[str, Callable[[Path], Iterator[Row]]] = {
    "standing": lambda folder: standing_rows(folder, 1),
    "rpc": lambda folder: rpc_rows(folder, 8_000, 3),
    "submit": lambda folder: submit.submit_rows(folder, submit.BRIEF, peers=True),
    "imports": lambda folder: imports.import_rows(folder, imports.BRIEF, peers=True),
    "simulator": lambda _: simulated.simulator_rows(40, 1),
}
"""Parts with fewer rounds; the others have no brief form."""

PARTS: dict[str, Part] = {
    "standing": lambda folder, quick: standing_rows(folder, 1 if quick else 3),
    "parts": lambda folder, quick: part_rows(folder, *((2_000, 1) if quick else (100_000, 7))),
    "rpc": lambda folder, quick: rpc_rows(folder, *((800, 1) if quick else ())),
    "submit": lambda folder, quick: submit.submit_rows(
        folder, submit.QUICK if quick else submit.Plan(), peers=not quick
    ),
    "imports": lambda folder, quick: imports.import_rows(
        folder, imports.QUICK if quick else imports.Plan(), peers=not quick
    ),
    "sync": lambda folder, quick: bench_sync.sync_rows(
        folder, bench_sync.QUICK if quick else bench_sync.Plan()
    ),
    "network": lambda folder, quick: bench_network.network_rows(
        folder, bench_network.QUICK if quick else bench_network.Plan()
    ),
    "payments": lambda folder, quick: bench_payments.payment_rows(
        folder, bench_payments.QUICK if quick else bench_payments.Plan()
    ),
    "economy": lambda folder, quick: economy_rows(folder, *((30,) if quick else ())),
    "explorer": lambda folder, quick: explorer.explorer_rows(
        folder, explorer.QUICK if quick else explorer.Plan()
    ),
    "simulator": lambda _, quick: simulated.simulator_rows(*((6, 1) if quick else (120, 3))),
}


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Run what was asked for, print the report, and return its rows."""
    parser = argparse.ArgumentParser(description="Measure, against targets and peers.")
    parser.add_argument("--quick", action="store_true", help="a little of everything, no peers")
    parser.add_argument("--brief", action="store_true", help="fewer rounds, where a part can")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--only", default="", help=f"some of {', '.join(PARTS)}")
    options = parser.parse_args(arguments)
    chosen = list(filter(None, options.only.split(","))) or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; {', '.join(PARTS)} are")
    machine.end_in_order()
    before = machine.load()
    rows: list[Row] = []
    for name in chosen:
        rows += measured(name, options.quick, brief=options.brief)
    rows.sort(key=lambda row: (row.number == "-", row.number.rstrip("abc").zfill(2), row.number))
    report.show(rows, "docs/performance.md, targets", judged=not options.quick)
    print("\n".join(machine.describe()))
    print(f"load before {before}, after {machine.load()}")
    if options.json is not None:
        text = json.dumps([dataclasses.asdict(row) for row in rows])
        options.json.write_text(text, encoding="utf-8")
    return rows


def measured(name: str, quick: bool, *, brief: bool = False) -> list[Row]:
    """Run one part in a process of its own: the memory that one leaves behind slows the next."""
    try:
        with ProcessPoolExecutor(1, SPAWN) as process:
            return process.submit(measure, name, quick, brief=brief).result()
    except BrokenExecutor as error:  # the process was killed: by a lack of memory, or by a crash
        return [broken(name, error)]


def measure(name: str, quick: bool, *, brief: bool = False) -> list[Row]:
    """Run one part, and print each line as it comes; its last row may say why it broke off."""
    rows: list[Row] = []
    try:
        with tempfile.TemporaryDirectory(prefix="btt-bench-") as folder:
            shorter = BRIEF.get(name) if brief else None
            found = PARTS[name](Path(folder), quick) if shorter is None else shorter(Path(folder))
            for row in found:
                print(f"[{name}] {row.number} {row.what}: {row.ours}", flush=True)
                rows.append(row)
    except Exception as error:  # noqa: BLE001 - one part never costs the report of the others
        traceback.print_exc()
        rows.append(broken(name, error))
    return rows


def broken(name: str, error: BaseException) -> Row:
    """Return the row of a part that broke off."""
    text = str(error).partition("\n")[0]
    return Row(BROKEN, f"part {name}", "BROKE OFF", note=f"{type(error).__name__}: {text}")


if __name__ == "__main__":
    sys.exit(any(row.number == BROKEN for row in main()))
