"""A payment costs the payer the gross, and pays the merchant the net one to two hours later."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId
from runtime.accounts import DEVELOPMENT_FUND, OPERATIONS, PAYFI
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.payfi import PayFi, PaymentState
from support.payfi import (
    ALICE,
    BOB,
    BUCKET,
    CNY,
    DAY,
    FOUNDATION,
    HOUR,
    KIOSK,
    RICH,
    SHOP,
    Mall,
)
from support.runtime import refused


@pytest.fixture
def mall() -> Mall:
    return Mall()


def test_a_payment_is_settled_after_an_hour_less_its_fee(mall: Mall) -> None:
    before = mall.money(SHOP)
    id = mall.pay(ALICE, SHOP, 5_000, CNY)
    assert mall.money(ALICE) == RICH - 125 * BTT
    assert mall.money(PAYFI) == 125 * BTT
    assert mall.state_of(id) is PaymentState.Pending
    mall.run(HOUR - 1)
    assert mall.money(SHOP) == before
    mall.run(BUCKET + 1)
    assert mall.money(SHOP) == before + 123_062_500_000_000_000_000
    assert mall.money(PAYFI) == 0
    assert mall.state_of(id) is PaymentState.Settled
    assert mall.burned() == 9_687_500_000_000_000
    assert mall.money(DEVELOPMENT_FUND) == 963_906_250_000_000_001
    assert mall.money(OPERATIONS) == 321_302_083_333_333_333
