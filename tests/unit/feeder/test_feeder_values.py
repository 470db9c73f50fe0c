"""Prices are read from text exactly, and nothing else is read as a price."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.feeder.values import (
    MAX_TEXT,
    MAX_VALUE,
    ONE,
    BadValue,
    Trade,
    median,
    parse_answer,
    parse_decimal,
    price_of_trades,
    resolve,
    shown_price,
    time_weighted,
)

MINUTE = 60_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", ONE),
        ("0.4021", 402_100_000_000_000_000),
        (" 12.5\n", 125 * ONE // 10),
        ("4e-1", 4 * ONE // 10),
        ("1.5E+3", 1_500 * ONE),
        ("0.0000000000000000019", 1),
        ("000001.0", ONE),
        ("1e18", MAX_VALUE),
    ],
)
def test_a_decimal_number_is_a_price(text: str, value: int) -> None:
    assert parse_decimal(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "x", "-1", "+1", "1,5", "1_000", "0x10", "NaN", "Infinity", "1.", ".5", "1e999", "1e-40",
     "0", "0.0", "1e-19", "1e19", "1" * 61, "1 2", "٣", "1e1e1"],
)  # fmt: skip
def test_other_text_is_no_price(text: str) -> None:
    with pytest.raises(BadValue):
        parse_decimal(text)


@given(st.integers(1, MAX_VALUE))
def test_what_is_shown_is_read_again(value: int) -> None:
    assert parse_decimal(shown_price(value)) == value


@given(st.decimals(min_value="0.000000000000000001", max_value=10**17, places=12))
def test_numbers_are_read_without_the_errors_of_floats(number: Decimal) -> None:
    with localcontext() as context:
        context.prec = 60
        assert parse_answer(json.dumps({"p": str(number)}).encode(), "/p") == int(number * ONE)
        assert parse_answer(f'{{"p": {number:f}}}'.encode(), "/p") == int(number * ONE)


def test_a_pointer_names_a_number_of_a_document() -> None:
    raw = b'{"a/b": [{"x~y": 7, "p": "0.5"}], "": 3}'
    assert parse_answer(raw, "/a~1b/0/x~0y") == 7 * ONE
    assert parse_answer(raw, "/a~1b/0/p") == ONE // 2
    assert parse_answer(raw, "/") == 3 * ONE
    assert parse_answer(b"5", "") == 5 * ONE
    assert resolve([1, 2], "/1") == 2


@pytest.mark.parametrize(
    ("raw", "pointer", "why"),
    [
        (b"{}", "/p", "has no '/p'"),
        (b"[1]", "/1", "has no '/1'"),
        (b"[1]", "/-1", "has no '/-1'"),
        (b'{"p": null}', "/p", "not a number"),
        (b'{"p": true}', "/p", "not a number"),
        (b'{"p": [1]}', "/p", "not a number"),
        (b'{"p": NaN}', "/p", "NaN is not a number"),
        (b'{"p": 1, "p": 2}', "/p", "stands twice"),
        (b'{"q": {"x": 1, "x": 1}, "p": 2}', "/p", "stands twice"),
        (b'{"p": 1e400}', "/p", "is not a price"),
        (b'{"p": -Infinity}', "/p", "-Infinity is not a number"),
        (b"[1]", "/" + "0" * 5_000, "has no"),
        (b"[1]", "/00", "has no"),
        (b"[1]", "/٠", "has no"),
        (b"{", "/p", "not JSON"),
        (b"[" * 50_000, "/p", "not JSON"),
        (b"\xff", None, "not UTF-8 text"),
        (b"1" * (MAX_TEXT + 1), None, "longer than"),
        (b"1", "p", "not a JSON pointer"),
        (b"\x1b[2J", None, "not a price"),
    ],
)
def test_an_answer_without_a_number_is_refused(raw: bytes, pointer: str | None, why: str) -> None:
    with pytest.raises(BadValue, match=why) as raised:
        parse_answer(raw, pointer)
    assert str(raised.value).isprintable()


# ---- the exchange


def test_prices_of_trades_are_weighted_by_time() -> None:
    trades = [Trade(0, 100), Trade(20 * MINUTE, 200), Trade(50 * MINUTE, 400)]
    # From minute 30 to 60: 20 minutes at 200, 10 minutes at 400.
    assert time_weighted(trades, 60 * MINUTE) == (20 * 200 + 10 * 400) // 30
    assert time_weighted(trades, 50 * MINUTE) == 200


def test_one_large_trade_moves_the_mean_by_its_time_only() -> None:
    calm = [Trade(minute * MINUTE, 100) for minute in range(30)]
    assert time_weighted([*calm, Trade(30 * MINUTE - 6_000, 10_000)], 30 * MINUTE) == 133


def test_a_market_without_trades_has_no_price() -> None:
    for trades in ([], [Trade(0, 100)]):
        with pytest.raises(BadValue, match="no trade in the last 30 minutes"):
            time_weighted(trades, 31 * MINUTE)


def test_a_first_trade_of_this_moment_is_the_price() -> None:
    assert time_weighted([Trade(5, 100)], 5) == 100


def test_the_price_of_btt_is_the_inverse_of_that_of_the_voucher() -> None:
    assert price_of_trades(5 * 10**17, 1) == 2 * ONE, "half a BTT buys a voucher for 1 CNY"
    assert price_of_trades(25 * 10**15, 100) == 4 * ONE // 10, "2.5 BTT buy a hundred of a cent"
    for price, units in ((0, 1), (10**37, 1), (1, 0)):
        with pytest.raises(BadValue):
            price_of_trades(price, units)


def test_the_median_is_that_of_the_oracle() -> None:
    assert [median(values) for values in ([3, 1, 2], [4, 1, 3, 2], [7])] == [2, 3, 7]
