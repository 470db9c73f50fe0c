"""The bench of useful work runs. What it measures is not looked at, what it checks is."""

from __future__ import annotations

import pytest

from bench.bench_work import main
from btt_chain.work.bench import float_graph
from btt_chain.work.graph import PROOF_BYTES
from unit.work.work_world import KINDS, single


def test_a_quick_run_has_a_line_for_every_small_net(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--rounds", "1"])

    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split()[0] == "net"
    assert len(rows) == 2
    assert all(0 < int(row.split()[-2]) <= PROOF_BYTES for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_what_exactness_is_measured_against_computes_every_node_there_is(kind: str) -> None:
    model, _ = single(kind, 1)
    run = float_graph(model.graph, 1, 3, 1)
    run()  # refuses a node whose result has another shape
