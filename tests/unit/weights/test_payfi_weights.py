"""A payment is charged for its own keys; those that all payments share are charged by the hook."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bench.weights.declare import Case
from bench.weights.pallets.payfi import CNY, PAYER, fill_places, merchant, prices, shared
from bench.weights.pallets.payfi_cards import capture, charging
from bench.weights.state import Bench, address
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u64, u128
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.payfi import weights
from runtime.pallets.payfi.payer_rules import MAX_POLICIES
from storage.overlay import Overlay


@dataclass(frozen=True, slots=True)
class Touched:
    """The keys that a payment read or changed, and its weight."""

    read: frozenset[bytes]
    changed: frozenset[bytes]
    weight: int


@pytest.fixture
def bench() -> Bench:
    bench = Bench(None, accounts=0)
    bench.enter()
    return bench


def pay(
    b: Bench, payer: AccountId, who: AccountId, currency: bytes = b"BTT", reference: int = 0
) -> int:
    """Pay a merchant in the present block; return the weight that the payment is charged with."""
    call = b.call(
        "PayFi", "pay", merchant=address(who), units=u128(5_000 if currency == CNY else BTT),
        currency=currency, max_btt=u128(1_000 * BTT), reference=reference.to_bytes(16, "big"),
        memo=H256(bytes(32)),
    )  # fmt: skip
    post = b.runtime.dispatch(signed(payer), call)
    assert post.weight is not None
    return post.weight


def touched(b: Bench, payer: AccountId, who: AccountId) -> Touched:
    """Pay in a block of its own; return what that touched."""
    overlay: Overlay = b.enter()
    weight = pay(b, payer, who)
    return Touched(frozenset(overlay.base_reads), frozenset(overlay.changes()), weight)


def made(b: Bench, case: Case) -> int:
    """Make the calls of a case in the present block; return what the last one is charged with."""
    for origin, call in case.before:
        b.runtime.dispatch(origin, call)
    assert case.call is not None
    post = b.runtime.dispatch(case.origin, case.call)
    assert post.weight is not None
    return post.weight


def test_the_hook_is_charged_with_all_keys_that_different_payments_share(bench: Bench) -> None:
    payers = [bench.account(PAYER + number) for number in range(2)]
    shops = [merchant(bench, number, category=number) for number in range(2)]
    fill_places(bench, shops[0])
    fill_places(bench, shops[1])
    read, changed = shared(bench)
    with bench.prepared():
        one, other = (touched(bench, *pair) for pair in zip(payers, shops, strict=True))
        common = one.changed & other.changed
        own = {bench.runtime.payfi.payments.payments.key(u64(0))}  # each is the first payment
        assert common - own <= set(changed)
        babe = bench.runtime.babe
        clock = {
            item.prefix
            for item in (babe.current_slot, babe.genesis_slot, bench.runtime.system.number)
        }
        assert (one.read & other.read) - own - clock <= {*read, *changed}


def test_a_payment_is_charged_for_its_kind(bench: Bench) -> None:
    prices(bench)
    payers = [bench.account(PAYER + number) for number in range(2)]
    one, other = merchant(bench), merchant(bench, 1)
    assert pay(bench, payers[0], one) == weights.pay(0, 1, 0)
    assert pay(bench, payers[1], one, reference=1) == weights.pay(0, 0, 0)
    assert pay(bench, payers[1], other, CNY) == weights.pay(0, 1, 1)
    assert pay(bench, payers[0], other, CNY, reference=1) == weights.pay(0, 0, 1)
    bench.at(30_000)
    prices(bench)
    assert pay(bench, payers[0], one, reference=2) == weights.pay(0, 1, 0)


def test_a_payment_declares_the_dearest_kind(bench: Bench) -> None:
    call = bench.call(
        "PayFi", "pay", merchant=address(bench.account(0)), units=u128(1), currency=CNY,
        max_btt=u128(1), reference=bytes(16), memo=None,
    )  # fmt: skip
    assert bench.runtime.info(call).weight == weights.pay(MAX_POLICIES, 1, 1)


@pytest.mark.parametrize("is_p256", [False, True])
@pytest.mark.parametrize("others", [(0, False, False), (2, True, True)])
def test_a_charge_of_a_card_is_charged_for_its_kind(
    bench: Bench, others: tuple[int, bool, bool], is_p256: bool
) -> None:
    policies, first, converts = others
    for capture_ in (False, True):
        bench.enter()
        found = made(
            bench,
            charging(
                bench, policies=policies, first=first, converts=converts, is_p256=is_p256,
                capture=capture_,
            ),
        )  # fmt: skip
        if capture_:
            assert found == weights.charge_card(policies, first, converts, is_p256)
        else:
            assert found == weights.authorise(policies, converts, is_p256)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("closes", [False, True])
def test_a_capture_is_charged_for_its_kind(bench: Bench, first: bool, closes: bool) -> None:
    assert made(bench, capture(bench, first, closes)) == weights.capture(first, closes)


def test_charges_and_captures_declare_their_dearest_kind(bench: Bench) -> None:
    case = charging(
        bench, policies=0, first=False, converts=False, is_p256=False, capture=True
    )  # fmt: skip
    assert case.call is not None
    assert bench.runtime.info(case.call).weight == max(
        weights.charge_card(MAX_POLICIES, 1, 1, 1), weights.authorise(MAX_POLICIES, 1, 1)
    )
    call = bench.call("PayFi", "capture", auth=u64(0), amount=u128(1))
    assert bench.runtime.info(call).weight == weights.capture(1, 1)
