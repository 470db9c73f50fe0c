"""Payments on encoded records against payments on decoded ones: the same in every respect."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountData, AccountId, AccountInfo, ExtraFlags
from btt_chain.scale import codec, u32, u128
from runtime.pallets.balances.packed import (
    charged,
    credited,
    debited,
    free_in,
    reserved_in,
    topped_up,
)
from support.balances import ALICE, BOB, CAROL, EMPTY_POOL, POOL, TREASURY, UNUSED, opened

ACCOUNT = codec(AccountInfo)
PEOPLE = (ALICE, BOB, CAROL, UNUSED, TREASURY, POOL, EMPTY_POOL)

counts = st.builds(u32, st.integers(0, u32.MAX))
amounts = st.one_of(st.integers(0, 1_000), st.integers(0, u128.MAX)).map(u128)
records = st.builds(
    AccountInfo,
    counts,
    counts,
    counts,
    counts,
    st.builds(
        AccountData,
        amounts,
        amounts,
        st.one_of(st.just(u128(0)), amounts),
        st.builds(ExtraFlags, st.integers(0, u128.MAX)),
    ),
)


@given(info=records, amount=amounts, least=st.integers(0, 500))
@settings(max_examples=100)
def test_a_credit_changes_the_free_balance_only(
    info: AccountInfo, amount: u128, least: int
) -> None:
    free = int(info.data.free)
    changed = credited(ACCOUNT.encode(info), int(amount), least)
    if free < least or free + int(amount) > u128.MAX:
        assert changed is None
        return
    assert changed is not None
    expected = replace(info, data=replace(info.data, free=u128(free + int(amount))))
    assert changed == ACCOUNT.encode(expected)


@given(info=records, amount=amounts, least=st.integers(0, 500))
@settings(max_examples=100)
def test_a_debit_changes_only_the_free_balance(info: AccountInfo, amount: u128, least: int) -> None:
    left = int(info.data.free) - int(amount)
    changed = debited(ACCOUNT.encode(info), int(amount), least)
    if left < least or info.data.frozen:
        assert changed is None
        return
    assert changed is not None
    expected = replace(info, data=replace(info.data, free=u128(left)))
    assert changed == ACCOUNT.encode(expected)


@given(info=records, amount=amounts, least=st.integers(0, 500))
@settings(max_examples=100)
def test_a_small_pool_is_topped_up_below_the_deposit_only(
    info: AccountInfo, amount: u128, least: int
) -> None:
    free = int(info.data.free)
    changed = topped_up(ACCOUNT.encode(info), int(amount), least)
    if not info.providers or not free or free + int(amount) >= least:
        assert changed is None
        return
    assert changed is not None
    expected = replace(info, data=replace(info.data, free=u128(free + int(amount))))
    assert changed == ACCOUNT.encode(expected)


@given(info=records, amount=amounts, least=st.integers(0, 500))
@settings(max_examples=100)
def test_a_charged_record_is_that_of_the_decoded_one(
    info: AccountInfo, amount: u128, least: int
) -> None:
    changed = charged(ACCOUNT.encode(info), int(amount), least)
    left = int(info.data.free) - int(amount)
    if info.nonce == u32.MAX or info.data.frozen or left < least:
        assert changed is None
        return
    data = replace(info.data, free=u128(left))
    assert changed == ACCOUNT.encode(replace(info, nonce=u32(info.nonce + 1), data=data))


@given(info=records)
def test_balances_in_a_record_are_those_of_the_decoded_one(info: AccountInfo) -> None:
    raw = ACCOUNT.encode(info)
    assert (free_in(raw), reserved_in(raw)) == (info.data.free, info.data.reserved)


def test_a_usual_transfer_decodes_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = opened()

    def decoded(_: AccountId) -> AccountInfo:
        raise AssertionError("the account was decoded")

    monkeypatch.setattr(type(runtime.system.account), "__getitem__", lambda _, key: decoded(key))
    runtime.balances.transfer(ALICE, BOB, u128(4_000))
    runtime.balances.credit(TREASURY, u128(5))
