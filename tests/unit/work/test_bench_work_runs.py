"""The bench of useful work runs. What it measures is not looked at, what it checks is."""

from __future__ import annotations

import pytest

from bench.bench_work import main
from btt_chain.work.graph import PROOF_BYTES


def test_a_quick_run_has_a_line_for_every_small_net(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--rounds", "1"])

    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split()[0] == "net"
    assert len(rows) == 2
    assert all(0 < int(row.split()[-2]) <= PROOF_BYTES for row in rows)
