from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.client.amount import BTT, LARGEST, AmountError, Currency


@pytest.mark.parametrize(
    ("text", "planck"),
    [
        ("1.5BTT", 1_500_000_000_000_000_000),
        ("1 BTT", 10**18),
        ("1btt", 10**18),
        ("1_000 planck", 1_000),
        ("7 PLANCK", 7),
        ("0.1mBTT", 10**14),
        ("0.1 mBTT", 10**14),
        ("3uBTT", 3 * 10**12),
        ("3µBTT", 3 * 10**12),
        ("3\u03bcBTT", 3 * 10**12),
        ("2nBTT", 2 * 10**9),
        ("0BTT", 0),
        ("  21_000_000.000_000_000_000_000_001 BTT ", 21_000_000 * 10**18 + 1),
        (f"{LARGEST}planck", LARGEST),
    ],
)
def test_an_amount_is_a_number_with_its_unit(text: str, planck: int) -> None:
    assert BTT.parse(text) == planck


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1", "has no unit; write 1BTT or 1planck"),
        ("1.5", "has no unit"),
        ("", "is not an amount"),
        ("BTT", "is not an amount"),
        ("1.2345678901234567891BTT", "has 19 decimals, BTT has 18"),
        ("1.0000000000000000000BTT", "has 19 decimals"),
        ("0.5planck", "has 1 decimals, planck has none"),
        ("1.0001 nBTT1", "is not an amount"),
        ("1,5BTT", "has a comma"),
        ("1,000BTT", "has a comma"),
        ("-1BTT", "is negative"),
        ("1e3BTT", "is not an amount"),
        (".5BTT", "is not an amount"),
        ("5.BTT", "is not an amount"),
        ("1__0BTT", "is not an amount"),
        ("1MBTT", "unknown unit 'MBTT'"),
        ("1DOT", "unknown unit 'DOT'; known are planck, BTT, mBTT"),
        ("٣BTT", "is not an amount"),
        (f"{LARGEST + 1}planck", "more than any account can hold"),
        ("9" * 81 + "BTT", "at most 80 characters"),
    ],
)
def test_what_is_no_amount_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(AmountError) as refused:
        BTT.parse(text)
    assert why in str(refused.value)


@given(st.integers(0, LARGEST))
def test_what_is_shown_can_be_typed_again(planck: int) -> None:
    assert BTT.parse(BTT.format(planck)) == planck


@given(st.integers(0, LARGEST), st.integers(0, 30))
def test_what_is_shown_is_exact_for_any_number_of_decimals(planck: int, decimals: int) -> None:
    currency = Currency("UNIT", decimals)
    assert currency.parse(currency.format(planck)) == planck


@given(st.text(max_size=100))
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    with suppress(AmountError):
        assert 0 <= BTT.parse(text) <= LARGEST


@pytest.mark.parametrize(
    ("planck", "shown"),
    [
        (0, "0 BTT"),
        (1, "1 planck"),
        (10**12 - 1, "999_999_999_999 planck"),
        (10**12, "0.000001 BTT"),
        (10**18, "1 BTT"),
        (1_234_567 * 10**18 + 5 * 10**17, "1_234_567.5 BTT"),
    ],
)
def test_an_amount_is_shown_in_the_unit_that_reads_best(planck: int, shown: str) -> None:
    assert BTT.format(planck) == shown


def test_another_chain_has_other_money() -> None:
    westend = Currency("WND", 12)
    assert westend.parse("1.5WND") == 1_500_000_000_000
    assert westend.format(1_500_000_000_000) == "1.5 WND"
    with pytest.raises(AmountError, match="unknown unit 'BTT'"):
        westend.parse("1BTT")
