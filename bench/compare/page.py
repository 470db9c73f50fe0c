"""Write docs/performance.md from its template and a recorded run: `make performance-doc`.

    python bench/compare/page.py [--check]

Figures come from recorded.json only, explanations from performance.template only. With `--check`
nothing is written: exits with 1 if the page is not that of the recorded run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.compare.outcome import AGAIN, BASE, HERE
from bench.compare.record import Pair, Record, TargetRow, read_record
from bench.compare.workloads import WORKLOADS
from bench.machine import ROOT
from bench.report import TARGETS, WHAT, Target

HERE_FILE: Final = Path(__file__)
TEMPLATE: Final = HERE_FILE.with_name("performance.template")
RECORDED: Final = HERE_FILE.with_name("recorded.json")
PAGE: Final = ROOT / "docs" / "performance.md"


def page(template: str, record: Record) -> str:
    """Return the page of a recorded run."""
    for name, make in SECTIONS.items():
        mark = "{{" + name + "}}"
        if mark not in template:
            raise ValueError(f"the template has no {mark}")
        template = template.replace(mark, "\n".join(make(record)))
    if "{{" in template:
        raise ValueError("the template has an unknown mark")
    return template


# ---- sections


def origin(record: Record) -> Iterator[str]:
    """Say where the figures come from."""
    yield f"Recorded on {record.date} at commit {record.commit}, {record.mode} mode, "
    yield f"{record.rounds} rounds of {record.repeats} measurements; base {record.base}."
    yield ""
    yield from (f"* {line}" for line in record.machine)
    yield f"* load averages before: {record.load[0]}; after: {record.load[1]}"


def pairs(record: Record) -> Iterator[str]:
    """Yield the table of both trees."""
    heads = "rows", "workload", record.base, "here", "here / base (95 %)", AGAIN, "pairs", "verdict"
    yield f"| {' | '.join(heads)} |"
    yield "|---|---|---|---|---|---|---|---|"
    for pair in record.pairs:
        name = f"| {pair.rows or '-'} | `{pair.workload}`: {pair.unit} |"
        if pair.trouble:
            yield f"{name} | | | | | {_cell(pair.trouble)} |"
            continue
        noise = "-" if pair.noise is None else f"[{pair.noise[0]:.2f}, {pair.noise[1]:.2f}]"
        yield (
            f"{name} {_cost(pair, pair.base)} | {_cost(pair, pair.here)} | "
            f"**{pair.ratio:.2f}** [{pair.low:.2f}, {pair.high:.2f}] | {noise} | "
            f"{pair.pairs}, {pair.faster} faster (chance {pair.chance:.3f}) | {pair.verdict} |"
        )


def profiles(record: Record) -> Iterator[str]:
    """Yield the profiles of what is slower here."""
    slower = [pair for pair in record.pairs if pair.profiles]
    if not slower:
        yield "No workload was slower than 0.98 in this run."
    for pair in slower:
        yield f"`{pair.workload}`, for one {pair.unit}: calls, own microseconds under cProfile"
        yield ""
        yield f"| {record.base} | | | here | | |"
        yield "|---|---|---|---|---|---|"
        both = pair.profiles or {}
        for left, right in zip(both.get(BASE, []), both.get(HERE, []), strict=False):
            yield "| " + " | ".join(_profiled(row) for row in (left, right)) + " |"
        yield ""


def targets(record: Record) -> Iterator[str]:
    """Yield the targets, with the figures of this run."""
    yield "| # | what | must | aim | here | ratio | verdict |"
    yield "|---|---|---|---|---|---|---|"
    for number, target in TARGETS.items():
        row = next((one for one in record.targets if one["number"] == number), None)
        bounds = f"{_bound(target, target.must)} | {_bound(target, target.aim)}"
        yield f"| {number} | {WHAT[number]} | {bounds} | {_measured(target, row)} |"


def others(record: Record) -> Iterator[str]:
    """Yield the figures without a target."""
    rows = [row for row in record.targets if row["number"] not in TARGETS]
    if not rows:
        yield "None in this run."
        return
    yield "| what | figure | peer | |"
    yield "|---|---|---|---|"
    for row in rows:
        yield f"| {_cell(row['what'])} | {row['ours']} | {row['peer']} | {_cell(row['note'])} |"


def workloads(_: Record) -> Iterator[str]:
    """Yield the workloads and their units."""
    yield "| workload | rows | a unit is | what is done |"
    yield "|---|---|---|---|"
    for name, workload in WORKLOADS.items():
        prepare = getattr(workload.open, "func", workload.open)
        said = (prepare.__doc__ or "").strip().partition("\n")[0]
        network = ", validators: whole mode only" * workload.is_network
        yield f"| `{name}` | {workload.row or '-'} | {workload.unit}{network} | {said} |"


SECTIONS: Final[dict[str, Callable[[Record], Iterator[str]]]] = {
    "origin": origin,
    "pairs": pairs,
    "profiles": profiles,
    "targets": targets,
    "others": others,
    "workloads": workloads,
}


# ---- cells


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


def _cost(pair: Pair, cost: float) -> str:
    if pair.cost == "MB":
        return f"{cost:,.1f} MB"
    if pair.cost == "share":
        return f"{cost:.3f}"
    return f"{cost * 1e6:,.1f} us" if cost < 0.01 else f"{cost * 1e3:,.1f} ms"


def _profiled(row: Sequence[object]) -> str:
    name, calls, own = row
    return f"`{_cell(str(name))}` | {calls:,.1f} | {own:,.1f}"


def _bound(target: Target, bound: float) -> str:
    return target.written(bound).replace(">=", "≥").replace("<=", "≤")


def _measured(target: Target, row: TargetRow | None) -> str:
    if row is None:
        return "not in this run | | "
    figure = row["ours"] + (f"; peer {row['peer']}" if row["peer"] else "")
    value = row["value"]
    if value is None:
        return f"{figure} | | {_cell(row['note'])}"
    ratio = f"{value:.2f}" if target.unit == "x" else ""
    return f"{figure} | {ratio} | {target.verdict(value)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description="Write docs/performance.md from a recorded run.")
    parser.add_argument("--check", action="store_true", help="only compare")
    options = parser.parse_args(arguments)
    record = read_record(RECORDED.read_text(encoding="utf-8"))
    made = page(TEMPLATE.read_text(encoding="utf-8"), record)
    if options.check:
        return int(PAGE.read_text(encoding="utf-8") != made)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
