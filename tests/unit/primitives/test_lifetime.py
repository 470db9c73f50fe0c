"""The lifetime in blocks that a transaction has unless its sender names one."""

from __future__ import annotations

import pytest

from btt_chain.primitives.lifetime import period_for


@pytest.mark.parametrize(
    ("slot_ms", "period"),
    [
        (6_000, 64),
        (2_000, 64),
        (1_999, 128),
        (1_000, 128),
        (999, 256),
        (500, 256),
        (250, 512),
        (200, 1_024),
        (32, 4_096),
        (31, 4_096),
        (1, 4_096),
    ],
)
def test_a_transaction_can_be_signed_for_two_minutes_at_any_length_of_slots(
    slot_ms: int, period: int
) -> None:
    assert period_for(slot_ms) == period
