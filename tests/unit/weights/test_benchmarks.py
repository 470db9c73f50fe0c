"""Each call has a benchmark whose preparation works, and a weight that was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.weights import run, stubs
from bench.weights.declare import Benchmark, load
from bench.weights.fit import fit
from bench.weights.state import Bench, Sample
from scripts.lint_weights import UNMEASURED, benchmarks, lint

BENCHMARKS = load()
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(None, accounts=0)


@pytest.mark.parametrize("each", BENCHMARKS.found.values(), ids=lambda each: each.key)
def test_what_a_benchmark_prepares_lets_its_call_succeed(bench: Bench, each: Benchmark) -> None:
    bench.enter()
    case = each.case(bench, each.smallest)
    assert bench.measure(case, repeats=1).picos >= 0


def test_calls_measured_together_share_the_cost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = BENCHMARKS.found["Utility.if_else"]
    bench.enter()
    case = each.case(bench, {})
    taken = iter((1_000_000, 200_000, 300_000))
    monkeypatch.setattr(bench, "once", lambda _: Sample(next(taken), 0, 0))
    assert case.times == 100
    assert bench.measure(case, repeats=1).picos == 5_000


def test_every_call_has_a_benchmark(bench: Bench) -> None:
    missing = [
        f"{pallet.name}.{call.name}"
        for pallet in bench.runtime.pallets.values()
        for call in pallet.CALLS.values()
        if f"{pallet.name}.{call.name}" not in BENCHMARKS.found
    ]
    assert missing == []


def test_names_without_a_benchmark_are_found() -> None:
    assert run.unknown(["Balances", "Balances.burn", "block"]) == []
    assert run.unknown(["NoticeBoard", "Balances.pin"]) == ["NoticeBoard", "Balances.pin"]


def test_every_weight_that_the_runtime_uses_was_measured() -> None:
    assert stubs.missing() == {}
    modules = sorted((ROOT / "runtime").rglob("*weights.py"))
    assert len(modules) > 40
    for path in modules:
        assert "Written by `make weights`" in path.read_text(), path


def test_a_formula_lies_above_every_sample() -> None:
    rows, values = [(0,), (50,), (100,)], [10_000, 70_000, 108_000]
    constant, slope = fit(rows, values)
    for (count,), value in zip(rows, values, strict=True):
        assert constant + slope * count >= value
    assert fit(rows, [10, 60, 110]) == [10, 1]
    assert fit([()], [7]) == [7]


def test_a_formula_of_two_components_has_no_negative_part() -> None:
    rows = [(0, 0), (0, 10), (10, 0), (10, 10)]
    assert fit(rows, [5, 5, 25, 25]) == [5, 2, 0]
    assert fit(rows, [5, 35, 25, 55]) == [5, 2, 3]


HAND_WRITTEN = """
from runtime.frame.weight import PICOS_PER_MICRO
class Bank(Pallet):
    @call(0, weight=40 * PICOS_PER_MICRO)
    def pay(self, origin: Origin) -> None:
        pass
"""
GENERATED = """
def by_length(_: object, text: bytes) -> DispatchInfo:
    return DispatchInfo(weights.note(len(text)))
class Bank(Pallet):
    @call(0, weight=weights.PAY)
    def pay(self, origin: Origin) -> None:
        pass
    @call(1, weight=by_length)
    def note(self, origin: Origin, text: bytes) -> None:
        pass
"""


def test_a_weight_written_by_hand_is_refused() -> None:
    assert lint(HAND_WRITTEN, frozenset({"Bank.pay"})) == [
        (4, "PICOS_PER_MICRO: take weights from the pallet's module"),
        (5, "Bank.pay: its weight is written by hand: take it from the pallet's weights"),
    ]


def test_a_call_without_a_benchmark_is_refused() -> None:
    assert lint(GENERATED, frozenset({"Bank.pay", "Bank.note"})) == []
    found = lint(GENERATED, frozenset({"Bank.pay"}))
    assert [finding.message for finding in found] == [f"Bank.note: {UNMEASURED}"]


PARTS = """
class Accounts(Pallet):
    @call(0, weight=weights.OPEN)
    def open(self, origin: Origin) -> None:
        pass
class Bank(Accounts):
    @call(1, weight=weights.PAY)
    def pay(self, origin: Origin) -> None:
        pass
"""


def test_calls_of_a_base_class_are_measured_as_calls_of_the_pallet() -> None:
    assert lint(PARTS, frozenset({"Bank.pay", "Bank.open"})) == []
    found = lint(PARTS, frozenset({"Accounts.open"}))
    assert [finding.message for finding in found] == [
        f"Bank.open: {UNMEASURED}",
        f"Bank.pay: {UNMEASURED}",
    ]


def test_the_lint_finds_the_benchmarks_that_are_declared() -> None:
    folder = Path(stubs.__file__).parent / "pallets"
    assert benchmarks(folder) == frozenset(BENCHMARKS.found)


def test_the_slowest_call_to_apply_fits_the_bounds_of_calls(bench: Bench) -> None:
    carrying = BENCHMARKS.found["Utility.carrying"]
    bench.enter()
    assert bench.measure(carrying.case(bench, carrying.largest), repeats=1).picos > 0
