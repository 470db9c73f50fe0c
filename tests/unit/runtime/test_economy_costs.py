"""Calls and hooks of the economy cost no more where there is more of everything."""

from __future__ import annotations

from bench.economy import EXPIRY, measured


def test_no_cost_grows_with_stakes_or_operators() -> None:
    few, many = measured(10), measured(150)
    assert few.keys() == many.keys()
    for what, cost in many.items():
        assert cost.accesses == few[what].accesses or what == EXPIRY, what
        # The first block of an era runs the hook of every pallet; the clock alone is 40 reads.
        assert cost.reads + cost.writes < 300, what
