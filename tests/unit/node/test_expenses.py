"""Costs of peers: summed in the engine, reported when they are large or old."""

from __future__ import annotations

from btt_chain.node.engine.expenses import NEVER, REPORT_MS, REPORT_US, USELESS_MS, Expenses
from p2p.network import GRANDPA, TX, Charge


def test_amounts_are_summed_by_peer_and_kind_and_reported_once() -> None:
    expenses = Expenses()
    assert expenses.due == NEVER
    expenses.note("a", GRANDPA, 30, 0, 1_000)
    expenses.note("b", GRANDPA, 5, 0, 1_100)
    expenses.note("a", GRANDPA, 12, 0, 1_200)
    expenses.note("a", TX, -3, 0, 1_200)
    assert expenses.due == 1_000 + REPORT_MS
    assert expenses.take() == [
        Charge("a", GRANDPA, 42, 0),
        Charge("b", GRANDPA, 5, 0),
        Charge("a", TX, 0, 0),
    ]
    assert (expenses.due, expenses.take()) == (NEVER, [])


def test_useless_amounts_are_reported_sooner_and_large_ones_at_once() -> None:
    expenses = Expenses()
    expenses.note("a", GRANDPA, 30, 0, 1_000)
    expenses.note("b", TX, 10, 20, 1_100)
    assert expenses.due == 1_100 + USELESS_MS
    expenses.note("b", TX, 10, 5, 1_200)  # does not put it off
    assert expenses.due == 1_100 + USELESS_MS
    expenses.note("a", TX, REPORT_US, 0, 1_250)
    assert expenses.due == 1_250
    assert expenses.take()[1] == Charge("b", TX, 30, 25)


def test_useless_amounts_after_most_of_the_wait_do_not_put_it_off() -> None:
    expenses = Expenses()
    expenses.note("a", GRANDPA, 30, 0, 1_000)
    expenses.note("b", TX, 10, 10, 1_000 + REPORT_MS - 1)
    assert expenses.due == 1_000 + REPORT_MS
