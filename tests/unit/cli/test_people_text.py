"""Amounts, shares and times as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.client.amount import BTT, Currency
from btt_chain.present.times import date, span
from cli.common import show
from cli.common.chain_time import ChainTime

UNIT = 10**18


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        ([], []),
        ([1_000 * UNIT, 20 * UNIT], ["1_000 BTT", "20 BTT"]),
        ([1_500 * UNIT // 1_000, 20 * UNIT], ["1.5 BTT", "20.0 BTT"]),
        ([UNIT // 3, UNIT], ["0.3333 BTT", "1.0000 BTT"]),
        ([UNIT - 1, 0], ["0.9999 BTT", "0.0000 BTT"]),
        ([1, None, 2 * UNIT], ["<0.0001 BTT", "-", "2 BTT"]),
        ([-UNIT // 2, -1], ["-0.5 BTT", "-<0.0001 BTT"]),
    ],
)
def test_a_column_has_as_many_decimals_as_it_needs_and_four_at_most(
    column: list[int | None], shown: list[str]
) -> None:
    assert show.amounts(BTT, column) == shown


@given(st.lists(st.integers(0, 10**32), min_size=1, max_size=5))
def test_decimal_points_of_a_column_stand_below_each_other(column: list[int]) -> None:
    ends = {
        len(text) - text.index(".") if "." in text else 0
        for text in show.amounts(BTT, column)
        if not text.startswith("<")
    }
    assert len(ends) <= 1


@given(st.integers(0, 10**32))
def test_an_amount_of_a_list_is_never_more_than_the_exact_one(planck: int) -> None:
    (text,) = show.amounts(BTT, [planck])
    if not text.startswith("<"):
        assert planck - 10**14 < BTT.parse(text) <= planck


def test_a_currency_with_few_decimals_is_shown_with_those() -> None:
    assert show.amounts(Currency("CNY", 2), [12_345, 100]) == ["123.45 CNY", "1.00 CNY"]
    assert show.amounts(Currency("YEN", 0), [12_345]) == ["12_345 YEN"]


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        (["1.23456789 BTT", "20 BTT"], ["1.2345 BTT", "20.0000 BTT"]),
        (["1_000.5 BTT", "-", "0 BTT"], ["1_000.5 BTT", "-", "0.0 BTT"]),
        (["5 planck", "2 BTT"], ["<0.0001 BTT", "2 BTT"]),
        (["5 planck", "7 planck"], ["5 planck", "7 planck"]),
        (["1.5 BTT", "2.25 CNY"], ["1.5 BTT", "2.25 CNY"]),
        (["1.5 BTT", "none"], ["1.5 BTT", "none"]),
        (["30 days", "1.50 %"], ["30 days", "1.50 %"]),
    ],
)
def test_amounts_of_a_table_are_aligned_and_nothing_else_is(
    cells: list[str], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    show.table(["name", ">amount"], [["x", cell] for cell in cells])
    lines = capsys.readouterr().out.splitlines()[3:]
    found = [line.split(maxsplit=1)[1] for line in lines if line.startswith(" x")]
    assert found == shown


def test_prices_and_columns_of_text_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show.table([">price", "amount"], [["0.00012345 BTT", "0.123456 BTT"], ["2 BTT", "1 BTT"]])
    printed = capsys.readouterr().out
    assert "0.00012345 BTT" in printed
    assert "0.123456 BTT" in printed


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(1, 3, "33.33 %"), (3, 100, "3 %"), (1, 8, "12.5 %"), (5, 0, "0 %"), (12, 1, "1_200 %")],
)
def test_a_share_has_two_decimals_at_most(part: int, whole: int, shown: str) -> None:
    assert show.percent(part, whole) == shown


def test_a_count_has_its_noun() -> None:
    assert [show.counted(n, "block") for n in (0, 1, 1_200)] == [
        "0 blocks",
        "1 block",
        "1_200 blocks",
    ]
    assert show.counted(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (-5, "less than a second"),
        (999, "less than a second"),
        (1_000, "1 second"),
        (61_000, "1 minute 1 second"),
        (3_600_000, "1 hour"),
        (3_601_000, "1 hour"),
        (90_000_000, "1 day 1 hour"),
        (9 * 86_400_000 + 7_200_000, "9 days 2 hours"),
        (10 * 86_400_000 + 7_200_000, "10 days"),
        (1_095 * 86_400_000, "1_095 days"),
    ],
)
def test_a_span_has_its_two_largest_units(ms: int, shown: str) -> None:
    assert span(ms) == shown


def test_times_of_a_chain_are_dates_with_what_is_left() -> None:
    slot_ms, genesis = 6_000, 1_800_000_000_000 // 6_000
    time = ChainTime(slot_ms, genesis, genesis + 10)
    assert (time.slot, time.ms) == (10, 60_000)
    assert time.until(60_000 + 86_400_000) == "2027-01-16 08:01 UTC (in 1 day)"
    assert time.until(60_000) == "over"


def test_a_chain_without_blocks_has_no_dates() -> None:
    time = ChainTime(6_000, 0, 0)
    assert time.until(60_000) == "in 1 minute"


def test_a_time_beyond_the_calendar_is_never() -> None:
    assert date(1 << 60) == "never"
