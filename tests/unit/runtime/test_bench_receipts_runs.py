"""The bench of receipts runs. What it measures is not looked at."""

from __future__ import annotations

import pytest

from bench.bench_receipts import main


def test_a_quick_run_prints_the_cost_of_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--receipts", "1", "--committee", "1"]) > 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.startswith("a receipt's life")
    assert {"post", "submit", "attest_reveal", "hooks", "all"} <= {row.split()[0] for row in rows}
