"""I33: who is not refused is paid in one to two hours, on a chain with half of its slots empty.

* P4, a queue that others fill: `test_the_last_place_of_a_full_queue_settles_within_two_hours`
* P3, settled on one fork and disputed on the other: `test_forks_agree_with_themselves`
"""

from __future__ import annotations

import random
from statistics import median

import pytest
from hypothesis import settings

from bench.bench_payfi import at_random, in_a_full_queue
from btt_chain.primitives.digest import H256
from btt_chain.scale import u128
from runtime.accounts import PAYFI
from runtime.audits.payfi import payfi_findings
from runtime.frame import signed
from runtime.pallets.payfi import PaymentState
from runtime.pallets.payfi.dispute_types import Accept, DisputeReason
from support.payfi import ALICE, BUCKET, CNY, HOUR, RICH, SHOP, Mall

FULL = settings().max_examples > 100
"""True with `make test-full`."""


def test_merchants_wait_65_minutes_as_a_rule_and_two_hours_at_most() -> None:
    payments = 10_000 if FULL else 1_000
    waited = at_random(random.Random(7), payments)
    assert len(waited) == payments
    assert min(waited) >= 60
    assert median(waited) <= 66
    assert max(waited) <= 120


@pytest.mark.parametrize("offset", range(10) if FULL else (0, 9))
def test_the_last_place_of_a_full_queue_settles_within_two_hours(offset: int) -> None:
    assert 60 <= in_a_full_queue(offset) <= 120


def test_forks_agree_with_themselves() -> None:
    """One payment, settled on one side; disputed a slot before, and given back, on the other."""
    mall = Mall()
    id = mall.pay(ALICE, SHOP, 5_000, CNY)
    mall.run(HOUR - 1)
    before, slot = dict(mall.state.data), mall.time.slot

    mall.run(BUCKET + 1)
    assert mall.state_of(id) is PaymentState.Settled
    assert not list(payfi_findings(mall.payfi, mall.money(PAYFI)))
    mall.payfi.dispute(signed(ALICE), id, u128(10**18), DisputeReason.Other, H256(bytes(32)))
    assert mall.payfi.disputes.disputes[id].late
    assert not list(payfi_findings(mall.payfi, mall.money(PAYFI)))

    mall.state.data = before
    mall.time.slot = slot
    whole = mall.payment(id).legs.gross
    mall.payfi.dispute(signed(ALICE), id, whole, DisputeReason.Other, H256(bytes(32)))
    assert not mall.payfi.disputes.disputes[id].late
    mall.run(BUCKET + 1)
    assert mall.money(PAYFI) == whole  # it left its batch, and does not settle
    assert not list(payfi_findings(mall.payfi, mall.money(PAYFI)))
    mall.payfi.answer(signed(SHOP), id, Accept())
    assert mall.state_of(id) is PaymentState.Returned
    assert (mall.money(ALICE), mall.money(PAYFI)) == (RICH, 0)
    assert not list(payfi_findings(mall.payfi, mall.money(PAYFI)))
