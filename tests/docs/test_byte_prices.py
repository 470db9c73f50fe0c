"""No call leaves bytes on every node's disk below the price of a byte, and the page says so."""

from __future__ import annotations

import re

import pytest

from bench import byte_prices
from bench.byte_prices import Row
from bench.weights.state import Bench
from runtime.constants import BTT

PRICE = 1.0
"""BTT per MB."""
PAID_BEFORE = {"Models.set_endpoints", "Models.describe", "Identity.agree_sub"}
"""Calls that in a batch are cheaper, for whose state an earlier call has bound money."""
MAX_FREE = 20_000
"""Maximum bytes of a call that costs no fee."""
SOME = ("System", "Balances", "Utility", "Preimage", "Oracle")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SOME, id="some pallets"),
        pytest.param((), id="all pallets", marks=pytest.mark.full),
    ],
)
def rows(request: pytest.FixtureRequest) -> list[Row]:
    return byte_prices.measured(Bench(None, accounts=0), request.param)


def test_no_call_costs_less_per_stored_byte_than_a_byte_costs(rows: list[Row]) -> None:
    paid = [row for row in rows if row.fee]
    assert [row.call for row in paid if row.fee < row.length * 10**12] == []
    assert [row.call for row in paid if row.bound_per_mb < PRICE] == []


def test_no_call_costs_less_per_stored_byte_inside_of_a_batch(rows: list[Row]) -> None:
    inner = [row.in_batch for row in rows if row.in_batch is not None]
    assert {row.call for row in inner if row.bound_per_mb < PRICE} <= PAID_BEFORE


def test_bytes_without_a_fee_are_few_and_each_call_that_carries_them_has_its_bound(
    rows: list[Row],
) -> None:
    free = [row for row in rows if not row.fee and row.sender != "root"]
    assert free
    assert [row.call for row in free if row.stored > MAX_FREE] == []
    chapter = byte_prices.PAGE.read_text(encoding="utf-8").partition(byte_prices.MARK)[0]
    bounds = "\n".join(line.split("|")[1] for line in chapter.splitlines() if line.startswith("| "))
    for row in free:
        pallet, _, call = row.call.partition(".")
        assert pallet in bounds or call.removesuffix("_unsigned") in bounds, row.call
        assert re.search(rf"\b{call.removesuffix('_unsigned')}\b|{pallet}\.\*", bounds), row.call


def test_the_page_of_byte_prices_is_what_the_runtime_charges(rows: list[Row]) -> None:
    page = byte_prices.PAGE.read_text(encoding="utf-8")
    lines = page.splitlines()
    for row in rows:
        assert byte_prices.line(row) in lines or row.sender == "root", "run `make byte-prices`"
    if len(rows) > 250:
        assert byte_prices.page(rows) == page


def test_a_megabyte_of_remarks_costs_a_coin(rows: list[Row]) -> None:
    (remark,) = [row for row in rows if row.call == "System.remark"]
    assert int(BTT) <= remark.fee * 10**6 // remark.length < int(BTT) * 101 // 100
