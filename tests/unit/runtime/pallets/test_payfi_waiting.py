"""I33: who is not refused is paid in one to two hours, on a chain with half of its slots empty.

P4, a queue that others fill: `test_the_last_place_of_a_full_queue_settles_within_two_hours`.
"""

from __future__ import annotations

import random
from statistics import median

import pytest

from bench.bench_payfi import at_random, in_a_full_queue
from bench.settle_times import waits
from support.tiers import amount

pytestmark = pytest.mark.hypothesis  # so that `make test-full` runs it with all payments


def test_merchants_wait_65_minutes_as_a_rule_and_two_hours_at_most() -> None:
    payments = amount(1_000, 10_000)
    waited = at_random(random.Random(7), payments)
    assert len(waited) == payments
    assert min(waited) >= 60
    assert median(waited) <= 66
    assert max(waited) <= 120


@pytest.mark.parametrize("is_usual", [True, False])
def test_in_runs_with_any_queue_of_others_no_payment_waits_longer_than_two_hours(
    is_usual: bool,
) -> None:
    """A run of `bench/settle_times.py` is a chain with another queue and other empty slots."""
    minutes = waits(amount(100 if is_usual else 40, 10_000), 1, is_usual=is_usual)
    assert minutes[0] >= 60
    assert minutes[-1] <= 120
    assert not is_usual or median(minutes) <= 66


@pytest.mark.parametrize("offset", amount((0, 9), tuple(range(10))))
def test_the_last_place_of_a_full_queue_settles_within_two_hours(offset: int) -> None:
    assert 60 <= in_a_full_queue(offset) <= 120
