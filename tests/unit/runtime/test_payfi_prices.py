"""P7: payments in other currencies take the oracle's price, or its reason why there is none."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u64, u128
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import ROOT, DispatchError, signed
from runtime.pallets.oracle import errors as oracle_errors
from runtime.pallets.oracle.types import Round, Rule, TimestampedValue, Waiting
from runtime.pallets.payfi import errors as payfi_errors
from runtime.pallets.payfi.types import Rates
from support.chain import ALICE, BOB, DevChain, account

SHOP, PAYER = account(ALICE), account(BOB)
KEY, CNY = b"BTT/CNY", b"CNY"
UNITS, COST = u128(500), u128(25 * BTT // 2)
"""5.00 CNY, and what it costs at 0.40."""
META = H256(bytes(32))


@pytest.fixture
def runtime() -> BttRuntime:
    """A chain with a merchant that asks for CNY, and a fresh price of 0.40."""
    chain = DevChain(economy={})
    chain.seal()
    made = chain.at()
    made.payfi.set_rates(ROOT, Rates(bond=100 * BTT))
    made.payfi.register(signed(SHOP), u16(5_912), CNY, u8(0), META)
    now, quotes = made.timestamp.now.value, made.oracle.quotes
    quotes.rules[KEY] = Rule()
    quotes.values[KEY] = TimestampedValue(u128(4 * 10**17), now)
    quotes.round[KEY] = Round(u64(int(now) + 1_000), [])
    return made


def pay(runtime: BttRuntime, most: u128 = COST) -> None:
    runtime.payfi.pay(signed(PAYER), Id(AccountId(SHOP)), UNITS, CNY, most, bytes(16), None)


def test_a_payment_in_another_currency_costs_what_the_oracle_says(runtime: BttRuntime) -> None:
    before = runtime.balances.free(PAYER)
    pay(runtime)
    assert before - runtime.balances.free(PAYER) == COST


def test_a_moved_price_is_bounded_by_what_the_payer_allows(runtime: BttRuntime) -> None:
    now = runtime.timestamp.now.value
    runtime.oracle.quotes.values[KEY] = TimestampedValue(u128(4 * 10**17 - 1), now)
    with pytest.raises(payfi_errors.TooDear):
        pay(runtime)
    pay(runtime, u128(COST * 101 // 100))


def test_no_price_stops_payments_with_the_oracles_word(runtime: BttRuntime) -> None:
    quotes, now = runtime.oracle.quotes, runtime.timestamp.now.value
    fresh = quotes.round[KEY]

    def refused(error: type[DispatchError]) -> None:
        with pytest.raises(error):
            pay(runtime)

    quotes.round[KEY] = Round(u64(0), [])
    refused(oracle_errors.Few)
    quotes.round[KEY] = Round(now, [])
    refused(oracle_errors.Stale)
    quotes.round[KEY] = fresh
    quotes.waiting[KEY] = Waiting(TimestampedValue(u128(10**18), now), now)
    refused(oracle_errors.Jumping)
    del quotes.waiting[KEY], quotes.rules[KEY]
    refused(oracle_errors.UnknownKey)
    quotes.rules[KEY] = Rule()
    pay(runtime)
