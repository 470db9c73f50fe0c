"""Times, amounts and payments of merchants as text."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from btt_chain.primitives.currency import currency
from btt_chain.scale import u64
from cli.commands.merchant import state_of
from cli.common.errors import Mistyped
from cli.common.merchants import amount_with_currency, priced, span_of, when
from runtime.pallets.payfi.types import Cause, MerchantActive, MerchantClosing, MerchantSuspended

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (36 * MINUTE_MS - 1, "(in 35 minutes)"),
        (25 * 60 * MINUTE_MS, "(in 1 day)"),
        (364 * 24 * 60 * MINUTE_MS, "(in 364 days)"),
        (0, "(over)"),
        (-MINUTE_MS, "(over)"),
    ],
)
def test_a_time_is_a_date_with_the_rest_in_one_unit(left: int, words: str) -> None:
    text = when(NOW_MS + left, NOW_MS)
    assert text.endswith(f" UTC {words}")


def test_a_time_beyond_the_calendar_is_never() -> None:
    assert when(2**63, NOW_MS) == "never"


async def test_spans_are_those_of_the_chains_hours_and_days() -> None:
    length = {"PayFi.HourMs": 30_000, "PayFi.DayMs": 60_000}
    chain = cast("Chain", SimpleNamespace(constant=length.__getitem__))
    assert await span_of(chain, hours=72) == "36 minutes"
    assert await span_of(chain, days=15) == "15 minutes"


def test_an_amount_has_the_currency_that_it_names_or_the_default_one() -> None:
    cny, btt = currency("CNY"), currency("BTT")
    assert amount_with_currency("50.00", cny) == (5_000, cny)
    assert amount_with_currency("2 btt", cny) == (2 * 10**18, btt)
    assert priced(5_000, b"CNY") == "50.00 CNY"
    with pytest.raises(Mistyped, match="the amount is zero"):
        amount_with_currency("0", cny)


def test_the_state_of_a_merchant_names_its_cause_or_its_end() -> None:
    assert state_of(MerchantActive(), NOW_MS) == "active"
    assert state_of(MerchantSuspended(Cause.Disputes), NOW_MS).startswith("suspended: too many")
    closing = MerchantClosing(u64(NOW_MS + 15 * MINUTE_MS))
    assert "can be released from" in state_of(closing, NOW_MS)
    assert "(in 15 minutes)" in state_of(closing, NOW_MS)
    assert len({state_of(MerchantSuspended(cause), NOW_MS) for cause in Cause}) == len(Cause)
