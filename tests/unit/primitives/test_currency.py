"""Amounts as text: one reading each, or an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.currency import (
    CURRENCIES,
    MAX_UNITS,
    CurrencyError,
    currency,
    currency_by_number,
)


@pytest.mark.parametrize(
    ("code", "text", "units"),
    [
        ("CNY", "50.00", 5_000),
        ("CNY", "50", 5_000),
        ("CNY", "0.5", 50),
        ("CNY", "0", 0),
        ("JPY", "1200", 1_200),
        ("BTT", "0.000000000000000001", 1),
        ("BTT", "1.5", 1_500_000_000_000_000_000),
        ("BTT", "340282366920938463463.374607431768211455", MAX_UNITS),
    ],
)
def test_amounts_are_read_exactly(code: str, text: str, units: int) -> None:
    assert currency(code).parse(text) == units


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "1.", ".5", "00.5", "01", "+1", "-1", " 1", "1 ", "1,5", "1_000", "1e3", "0x10",
        "1.234", "\uff11", "1\n", "\u0661", "340282366920938463463374607431768211456",
        "9" * 41, "NaN", "1.5.0",
    ],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(CurrencyError, match="amount"):
        currency("CNY").parse(text)


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, MAX_UNITS))
def test_what_is_written_is_read_back(code: str, units: int) -> None:
    unit = currency(code)
    assert unit.parse(unit.format(units)) == units


@pytest.mark.parametrize("units", [-1, MAX_UNITS + 1])
def test_units_out_of_range_are_not_written(units: int) -> None:
    with pytest.raises(CurrencyError, match="out of range"):
        currency("EUR").format(units)


def test_currencies_are_found_by_letters_and_by_number() -> None:
    assert currency_by_number(156) is currency("CNY")
    assert len({each.number for each in CURRENCIES.values()}) == len(CURRENCIES)
    with pytest.raises(CurrencyError, match="'cny': use one of BTT, CNY"):
        currency("cny")
    with pytest.raises(CurrencyError, match="156 \\(CNY\\)"):
        currency_by_number(1)
