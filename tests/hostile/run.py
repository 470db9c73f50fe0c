"""`make hostile`: attack four validators and print a table; exit code 1 if a bound was broken.

ATTACKS=D2,D3-old   names of attacks, or of defects; all of them by default
SECONDS=45          how long each lasts
REPORT=FILE         the table is written there, too
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.machine import describe, load
from hostile.field import Field, Outcome, details
from hostile.functional import CHECKS, Check
from hostile.registry import SCENARIOS, Scenario, chosen

COLUMNS: Final = (
    "attack", "what", "slots missed", "gap: others / attacked", "CPU after 5 s", "memory",
    "health p100", "cut off after", "final in 30 s", "verdict",
)  # fmt: skip


def main() -> None:
    """Attack, and print."""
    parser = argparse.ArgumentParser(prog="make hostile", description=__doc__)
    parser.add_argument("--attacks", default="", help="names or defects, with commas between")
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--list", action="store_true", help="names only")
    given = parser.parse_args()
    if given.list:
        for scenario in SCENARIOS.values():
            print(f"{scenario.name:14} {scenario.what}")
        for check in CHECKS:
            print(f"{check.name:14} {check.what}")
        return
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    words = [word for word in given.attacks.split(",") if word]
    checks = [check for check in CHECKS if not words or check.name in words]
    names = {check.name for check in CHECKS}
    try:
        scenarios = (
            chosen([word for word in words if word not in names])
            if (not words or set(words) - names)
            else []
        )
    except KeyError as unknown:
        raise SystemExit(f"unknown attack {unknown.args[0]}") from None
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        failed = report(Path(folder), scenarios, checks, given.seconds, given.report)
    sys.exit(1 if failed else 0)


def report(
    folder: Path,
    scenarios: list[Scenario],
    checks: list[Check],
    seconds: float,
    file: Path | None,
) -> int:
    """Attack, print row by row, and return how many failed."""
    lines: list[str] = []

    def emit(line: str) -> None:
        lines.append(line)
        print(line, flush=True)
        if file is not None:
            file.write_text("\n".join(lines) + "\n")

    for line in (*describe(), f"load {load()}", f"{seconds:g} s each"):
        emit(f"* {line}")
    failed, notes = 0, []
    field = Field(folder)
    try:
        if scenarios:
            emit("\n| " + " | ".join(COLUMNS) + " |")
            emit("|" + "---|" * len(COLUMNS))
        for scenario in scenarios:
            try:
                outcome = field.attack(scenario, seconds)
            except Exception as error:  # noqa: BLE001  (the other attacks go on)
                failed += 1
                emit(f"| {scenario.name} | {scenario.what} {'| - ' * 7}| FAIL: {error!r} |")
                field.down()
                continue
            failed += bool(outcome.failures())
            emit(row(outcome))
            notes.append(details(outcome))
        if checks:
            emit("\n| check | what | verdict |\n|---|---|---|")
        for check in checks:
            try:
                why = check.run(field.net)
            except Exception as error:  # noqa: BLE001  (the other checks go on)
                why = repr(error)
            failed += why is not None
            emit(f"| {check.name} | {check.what} | {'PASS' if why is None else f'FAIL: {why}'} |")
    finally:
        field.down()
    emit("")
    for note in notes:
        emit(f"    {note}")
    return failed


def row(outcome: Outcome) -> str:
    """Return a row of the table."""
    failures = outcome.failures()
    cut = "-" if outcome.cut is None else f"{outcome.cut:.1f} s"
    cells = (
        outcome.scenario.name,
        outcome.scenario.what,
        f"{outcome.missed} of {outcome.slots}",
        f"{outcome.gap:.1f} / {outcome.attacked_gap:.1f}",
        f"{outcome.cpu:.0%}",
        f"{outcome.memory:+.0f} MiB",
        f"{outcome.health:.2f} s",
        cut,
        "-" if outcome.final is None else f"{outcome.final:.0%}",
        "PASS" if not failures else "FAIL: " + ", ".join(failures),
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
