"""Cards: a voucher pays one merchant once, within limits, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from btt_chain.crypto import p256
from btt_chain.primitives.account import Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import VOUCHER, Ed25519Key, P256Key
from btt_chain.scale import DecodeError, codec, u32, u64, u128
from runtime.accounts import PAYFI
from runtime.audits.payfi import payfi_findings
from runtime.constants import BTT
from runtime.features.economy import SCOPES
from runtime.frame import ROOT, DispatchError, TokenError, TokenErrorKind, signed
from runtime.frame.traits import Reasons
from runtime.pallets.payfi import errors, events, weights
from runtime.pallets.payfi.authorisations import reference_of
from runtime.pallets.payfi.card_types import MAX_AUTHS, Limits, Proof
from runtime.pallets.payfi.cards import DEPOSIT
from runtime.pallets.payfi.types import Invoice, PaymentState
from runtime.pallets.proxy.types import ProxyType
from support.payfi import (
    ALICE,
    BOB,
    BTT_CODE,
    CAROL,
    CNY,
    DAY,
    DAY_MS,
    HOUR,
    KIOSK,
    MAX,
    RICH,
    SHOP,
    TILL,
)
from support.payfi_cards import (
    BLUE,
    GENESIS,
    LIMITS,
    RED,
    CardInHand,
    Tills,
    categories,
    ed25519_card,
    p256_card,
    with_changes,
)
from support.runtime import refused

PAID = 100 * BTT
BOTH = pytest.mark.parametrize("card", [RED, BLUE], ids=["ed25519", "p256"])


@pytest.fixture
def tills() -> Tills:
    return Tills()


# ---- charges


@BOTH
def test_a_voucher_becomes_a_payment_of_the_owner(tills: Tills, card: CardInHand) -> None:
    alice, shop = tills.money(ALICE), tills.money(SHOP)
    tills.charge(tills.voucher(card), card)
    assert tills.money(ALICE) == alice - PAID
    assert tills.state_of(0) is PaymentState.Pending
    assert tills.payment(0).payer == ALICE
    charged = events.Charged(card.id, u64(tills.counter), u64(0), ALICE, SHOP)
    assert tills.announced()[-1] == charged
    tills.settle_all()
    assert tills.money(SHOP) == shop + PAID - PAID * 80 // 10_000


@pytest.mark.parametrize("capture", [True, False])
def test_an_amount_beyond_all_money_is_over_the_limit(tills: Tills, capture: bool) -> None:
    voucher = tills.voucher(units=int(u128.MAX), currency=CNY)
    with refused(tills, errors.OverCardLimit):
        tills.charge(voucher, capture=capture)


def test_a_till_charges_for_its_merchant_only(tills: Tills) -> None:
    tills.configure(SHOP, tills=[TILL])
    tills.charge(tills.voucher(), by=TILL)
    for who in (BOB, KIOSK, ALICE):
        voucher = tills.voucher()
        with refused(tills, errors.NotYours):
            tills.charge(voucher, by=who)


def test_a_charge_in_a_currency_is_converted(tills: Tills) -> None:
    tills.charge(tills.voucher(units=5_000, currency=CNY))
    assert tills.payment(0).legs.gross == 125 * BTT
    assert tills.spent() == 125 * BTT
    assert tills.payment(0).terms.conversion == 75


def test_one_invoice_is_paid_once_by_card_and_by_hand(tills: Tills) -> None:
    voucher = tills.voucher()
    tills.charge(voucher)
    again = replace(tills.voucher(), reference=voucher.reference)
    for capture in (True, False):
        with pytest.raises(errors.AlreadyPaid):
            dispatch_charge(tills, again, capture=capture)


def dispatch_charge(tills: Tills, voucher: object, *, capture: bool = True) -> None:
    """Charge through the dispatcher, which undoes a refused call."""
    assert isinstance(voucher, type(tills.voucher()))
    call = tills.call(
        "PayFi", "charge_card", voucher=voucher, signature=RED.sign(voucher), capture=capture
    )
    tills.dispatch(signed(SHOP), call)


# ---- P12: what a voucher does not pay


def test_a_voucher_for_another_chain_pays_nothing(tills: Tills) -> None:
    voucher = tills.voucher(genesis=H256(b"\x01" * 32))
    with refused(tills, errors.OtherChain):
        tills.charge(voucher)


def test_a_voucher_for_another_merchant_pays_nothing(tills: Tills) -> None:
    voucher = tills.voucher()
    with refused(tills, errors.NotYours):
        tills.charge(voucher, by=KIOSK)
    stolen = replace(voucher, merchant=KIOSK)
    with refused(tills, errors.BadSignature):
        tills.charge(stolen, by=KIOSK, signature=RED.sign(voucher))


@pytest.mark.parametrize(
    "changes",
    [
        {"units": u128(101 * BTT)},
        {"reference": bytes(16)},
        {"counter": u64(77)},
        {"context": b"BTT-CARD-2"},
        {"currency": CNY},
        {"expires_ms": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
@BOTH
def test_a_changed_voucher_is_not_signed(
    tills: Tills, card: CardInHand, changes: dict[str, object]
) -> None:
    voucher = tills.voucher(card, units=5_000)
    if "expires_ms" in changes:
        changes = {"expires_ms": u64(voucher.expires_ms + 1)}
    changed = with_changes(voucher, changes)
    with refused(tills, errors.BadSignature):
        tills.charge(changed, card, signature=card.sign(voucher))


def test_a_voucher_pays_once(tills: Tills) -> None:
    voucher = tills.voucher()
    tills.charge(voucher)
    again = replace(voucher, reference=b"another invoice.")
    for one in (voucher, again):
        with refused(tills, errors.CounterUsed):
            tills.charge(one)
    with refused(tills, errors.CounterUsed):
        tills.charge(voucher, capture=False)


def test_a_till_delivers_late_and_out_of_order_but_not_65_behind(tills: Tills) -> None:
    tills.limit(day=u128(RICH))
    for number in (100, 99, 36, 70):
        tills.charge(tills.voucher(units=int(BTT), counter=number))
    for number in (100, 99, 70, 36, 35, 1, 0):
        voucher = tills.voucher(counter=number)
        with refused(tills, errors.CounterUsed):
            tills.charge(voucher)
    assert (tills.card().high, tills.card().window.bit_count()) == (100, 3)


def test_a_frozen_card_pays_nothing(tills: Tills) -> None:
    voucher = tills.voucher()
    tills.payfi.freeze_card(signed(CAROL), RED.id)
    with refused(tills, errors.CardFrozen):
        tills.charge(voucher)
    tills.limit()  # the owner activates it again
    tills.charge(voucher)


def test_an_expired_voucher_or_card_pays_nothing(tills: Tills) -> None:
    voucher = tills.voucher(minutes=60)
    tills.run(HOUR)
    with refused(tills, errors.CardExpired):
        tills.charge(voucher)
    long = tills.voucher(minutes=7 * 24 * 60 + 1)
    with refused(tills, errors.CardExpired):
        tills.charge(long)
    tills.limit(expires_ms=u64(tills.time.moment()))
    fresh = tills.voucher()
    with refused(tills, errors.CardExpired):
        tills.charge(fresh)


def test_another_card_does_not_sign_for_this_one(tills: Tills) -> None:
    voucher = tills.voucher()
    with refused(tills, errors.BadSignature):
        tills.charge(voucher, BLUE)
    unknown = ed25519_card(b"\x77" * 32)
    foreign = tills.voucher(unknown)
    with refused(tills, errors.NoCard):
        tills.charge(foreign, unknown)


def test_a_dropped_card_pays_nothing_and_its_vouchers_never_count_again(tills: Tills) -> None:
    used = tills.voucher(units=int(BTT), minutes=7 * 24 * 60)
    tills.charge(used)
    tills.payfi.drop_card(signed(ALICE), RED.id)
    with refused(tills, errors.NoCard):
        tills.charge(used)
    for _ in range(8):
        with refused(tills, errors.CardExists):
            tills.register_card(RED)
        tills.run(DAY)
    tills.register_card(RED)
    with refused(tills, errors.CardExpired):
        tills.charge(used)


# ---- P13: keys and signatures


def flipped(signature: bytes) -> bytes:
    s = p256.ORDER - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")


def test_a_second_form_of_a_signature_is_refused(tills: Tills) -> None:
    voucher = tills.voucher(BLUE)
    for wrong in (
        flipped(BLUE.sign(voucher)),
        bytes(64),
        bytes(32) + BLUE.sign(voucher)[32:],
        BLUE.sign(voucher)[:32] + bytes(32),
        p256.ORDER.to_bytes(32, "big") + BLUE.sign(voucher)[32:],
    ):
        with refused(tills, errors.BadSignature):
            tills.charge(voucher, BLUE, signature=wrong)
    tills.charge(voucher, BLUE)


@pytest.mark.parametrize(
    "key",
    [
        P256Key(b"\x02" + b"\xff" * 32),
        P256Key(bytes(33)),
        P256Key(b"\x04" + p256.public_from_secret(b"\x12" * 32)[1:]),
        P256Key(b"\x02" + (1).to_bytes(32, "big")),
        Ed25519Key(bytes(32)),
        Ed25519Key(b"\x01" + bytes(31)),
        Ed25519Key(b"\xec" + b"\xff" * 30 + b"\x7f"),
        Ed25519Key(b"\xff" * 32),
        Ed25519Key(b"\x02" + bytes(31)),
    ],
)
def test_a_key_that_is_no_point_or_of_small_order_is_not_registered(
    tills: Tills, key: Ed25519Key | P256Key
) -> None:
    with refused(tills, errors.BadKey):
        tills.payfi.register_card(signed(ALICE), key, LIMITS, None, Proof(u64(0), bytes(64)))


def test_a_voucher_has_one_size_whatever_it_says(tills: Tills) -> None:
    raw = VOUCHER.encode(tills.voucher())
    assert len(raw) == 157
    for wrong in (raw[:-1], raw + b"\0"):
        with pytest.raises(DecodeError):
            VOUCHER.decode_all(wrong)


# ---- limits


def test_each_limit_of_a_card(tills: Tills) -> None:
    big = tills.voucher(units=int(501 * BTT))
    with refused(tills, errors.OverCardLimit):
        tills.charge(big)
    for _ in range(2):
        tills.charge(tills.voucher(units=int(500 * BTT)))
    more = tills.voucher(units=2)
    with refused(tills, errors.OverCardLimit):
        tills.charge(more)
    tills.charge(tills.voucher(BLUE), BLUE)  # each card has a day of its own
    tills.run(DAY)
    tills.charge(tills.voucher(units=int(500 * BTT)))
    tills.limit(categories=categories(8_062))
    shoes = tills.voucher()
    with refused(tills, errors.WrongCategory):
        tills.charge(shoes)
    tills.limit(categories=categories(8_062, 5_912))
    tills.charge(tills.voucher())


def test_the_categories_of_a_card_are_bounded() -> None:
    with pytest.raises(DecodeError):
        codec(Limits).decode_all(bytes(32) + bytes([17 << 2]) + bytes(34) + bytes(8))
    most = codec(Limits).decode_all(bytes(32) + bytes([16 << 2]) + bytes(32) + bytes(8))
    assert len(most.categories) == 16


def test_a_card_is_no_way_around_a_merchants_limits(tills: Tills) -> None:
    tills.limit(payment=u128(RICH), day=u128(RICH))
    voucher = tills.voucher(units=int(1_001 * BTT), merchant=KIOSK)
    with pytest.raises(errors.OverLimit):
        tills.charge(voucher)
    tills.payfi.suspend(ROOT, Id(SHOP), True)
    suspended = tills.voucher()
    for capture in (True, False):
        with refused(tills, errors.NotActive):
            tills.charge(suspended, capture=capture)


# ---- owners and guardians


def test_a_card_costs_a_deposit_until_the_chain_forgets_it(tills: Tills) -> None:
    assert tills.card_deposit() == 2 * DEPOSIT
    tills.payfi.drop_card(signed(ALICE), RED.id)
    assert list(tills.payfi.cards.cards_of.under(ALICE)) == [(BLUE.id, ())]
    assert tills.card_deposit() == 2 * DEPOSIT  # its key is stored for eight days
    tills.run(8 * DAY)
    assert RED.id not in tills.payfi.cards.retired
    assert tills.card_deposit() == DEPOSIT
    with refused(tills, errors.CardExists):
        tills.register_card(BLUE, BOB)


def test_records_of_dropped_cards_cost_as_much_as_those_of_others(tills: Tills) -> None:
    # With the deposit back at once, 0.1 BTT would fill the state with dropped keys.
    for number in range(10):
        card = ed25519_card(bytes([50 + number]) * 32)
        tills.register_card(card)
        tills.payfi.drop_card(signed(ALICE), card.id)
    stored = len(list(tills.payfi.cards.retired.items())) + 2
    assert tills.card_deposit() == stored * DEPOSIT == 12 * DEPOSIT


@BOTH
def test_the_key_of_another_card_is_not_registered(tills: Tills, card: CardInHand) -> None:
    fresh = p256_card(b"\x33" * 32) if card is BLUE else ed25519_card(b"\x33" * 32)
    thief = p256_card(b"\x34" * 32) if card is BLUE else ed25519_card(b"\x34" * 32)
    until = tills.time.moment() + DAY_MS
    of_alice = fresh.proof(ALICE, GENESIS, until)
    changed = replace(of_alice, expires_ms=u64(until + 1))
    for proof in (
        thief.proof(BOB, GENESIS, until),  # another key signed
        of_alice,  # the card agreed to another owner
        fresh.proof(BOB, b"\x01" * 32, until),  # on another chain
        changed,
        Proof(u64(until), bytes(64)),
    ):
        with refused(tills, errors.BadSignature):
            tills.register_card(fresh, BOB, proof=proof)
    tills.register_card(fresh, ALICE, proof=of_alice)
    assert tills.card(fresh).owner == ALICE


def test_a_proof_registers_a_card_once(tills: Tills) -> None:
    card = ed25519_card(b"\x35" * 32)
    now = tills.time.moment()
    for until in (now, now + 7 * DAY_MS + 1):
        with refused(tills, errors.CardExpired):
            tills.register_card(card, proof=card.proof(ALICE, GENESIS, until))
    proof = card.proof(ALICE, GENESIS, now + 7 * DAY_MS)
    tills.register_card(card, proof=proof)
    tills.payfi.drop_card(signed(ALICE), card.id)
    tills.run(8 * DAY)  # its owner sold it
    with refused(tills, errors.CardExpired):
        tills.register_card(card, proof=proof)
    tills.register_card(card, BOB)


def test_a_voucher_is_no_proof_and_a_proof_no_voucher(tills: Tills) -> None:
    card = ed25519_card(b"\x36" * 32)
    voucher = tills.voucher(card)
    stolen = Proof(voucher.expires_ms, card.sign(voucher))
    with refused(tills, errors.BadSignature):
        tills.register_card(card, BOB, proof=stolen)


def test_the_guardian_freezes_and_does_nothing_else(tills: Tills) -> None:
    for who in (BOB, SHOP):
        with refused(tills, errors.NotYours):
            tills.payfi.freeze_card(signed(who), RED.id)
    tills.payfi.freeze_card(signed(CAROL), RED.id)
    assert tills.is_frozen()
    for who in (CAROL, BOB):
        with refused(tills, errors.NotYours):
            tills.payfi.set_card(signed(who), RED.id, LIMITS, None, False)
        with refused(tills, errors.NotYours):
            tills.payfi.drop_card(signed(who), RED.id)
    tills.payfi.freeze_card(signed(ALICE), BLUE.id)
    assert tills.is_frozen(BLUE)
    tills.payfi.set_card(signed(ALICE), RED.id, LIMITS, None, False)
    with refused(tills, errors.NotYours):  # no guardian any more
        tills.payfi.freeze_card(signed(CAROL), RED.id)


def test_a_proxy_without_transfers_freezes_a_card_and_makes_no_payment() -> None:
    scope = SCOPES[ProxyType.NonTransfer]
    assert [name for name in scope if name.startswith("PayFi")] == ["PayFi.freeze_card"]


# ---- authorisations


@BOTH
def test_an_authorisation_is_captured_in_parts_and_the_rest_released(
    tills: Tills, card: CardInHand
) -> None:
    free = tills.balances.free(ALICE)
    id = tills.authorise(card=card)
    assert tills.held() == PAID
    assert tills.balances.free(ALICE) == free - PAID
    tills.payfi.capture(signed(SHOP), id, u128(30 * BTT))
    tills.payfi.capture(signed(SHOP), id, u128(50 * BTT))
    assert (tills.auth(id).held, tills.auth(id).captured) == (20 * BTT, 80 * BTT)
    assert tills.money(PAYFI) == 80 * BTT
    assert tills.payment(0).reference != tills.payment(1).reference
    assert [tills.payment(n).units for n in (0, 1)] == [30 * BTT, 50 * BTT]
    tills.payfi.void(signed(SHOP), id)
    assert tills.held() == 0
    assert tills.balances.free(ALICE) == free - 80 * BTT
    assert tills.announced()[-1] == events.Voided(id, ALICE, SHOP, u128(20 * BTT))
    assert tills.card(card).auths == 0


def test_a_captured_amount_settles_like_a_payment(tills: Tills) -> None:
    shop = tills.money(SHOP)
    id = tills.authorise()
    tills.run(5)
    tills.payfi.capture(signed(SHOP), id, u128(PAID))
    with refused(tills, errors.NoAuth):
        tills.payfi.void(signed(SHOP), id)
    tills.settle_all()
    assert tills.money(SHOP) == shop + PAID - PAID * 80 // 10_000


def test_more_than_is_held_is_never_captured(tills: Tills) -> None:
    id = tills.authorise()
    for amount in (0, PAID + 1):
        with refused(tills, errors.TooMuch):
            tills.payfi.capture(signed(SHOP), id, u128(amount))
    tills.payfi.capture(signed(SHOP), id, u128(60 * BTT))
    with refused(tills, errors.TooMuch):
        tills.payfi.capture(signed(SHOP), id, u128(41 * BTT))
    for who in (KIOSK, ALICE, BOB):
        with refused(tills, errors.NotYours):
            tills.payfi.capture(signed(who), id, u128(1))
    tills.payfi.void(signed(SHOP), id)
    with refused(tills, errors.NoAuth):
        tills.payfi.capture(signed(SHOP), id, u128(1))


def test_only_the_merchant_voids_until_it_expires_and_any_account_after(tills: Tills) -> None:
    id = tills.authorise(minutes=10)
    for who in (ALICE, BOB):
        with refused(tills, errors.NotYours):
            tills.payfi.void(signed(who), id)
    tills.time.slot += 100  # expired; no block has voided it yet
    with refused(tills, errors.CardExpired):
        tills.payfi.capture(signed(SHOP), id, u128(1))
    tills.payfi.void(signed(BOB), id)
    assert tills.held() == 0


def test_a_block_voids_a_bounded_number_of_what_expired(tills: Tills) -> None:
    tills.payfi.limits = tills.payfi.limits._replace(holds=64)
    cards = [ed25519_card(bytes([n]) * 32) for n in range(1, 8)]
    for card in cards:
        tills.register_card(card)
        for _ in range(MAX_AUTHS):
            tills.authorise(int(BTT), card, minutes=10)
    tills.run(100)
    assert tills.held() == (7 * MAX_AUTHS - 64) * BTT
    tills.run(1)
    assert tills.held() == 0


def test_a_card_has_a_bounded_number_of_open_authorisations(tills: Tills) -> None:
    for _ in range(MAX_AUTHS):
        tills.authorise(int(BTT))
    voucher = tills.voucher(units=int(BTT))
    with refused(tills, errors.TooManyAuths):
        tills.charge(voucher, capture=False)


def test_an_authorisation_leans_on_no_locked_money(tills: Tills) -> None:
    tills.limit(payment=u128(RICH), day=u128(2 * RICH))
    free = tills.balances.free(ALICE)
    tills.balances.lockable_currency.set_lock(b"vesting ", ALICE, free - 50 * BTT, Reasons.All)
    voucher = tills.voucher()
    for capture in (True, False):
        with pytest.raises(TokenError) as raised:
            dispatch_charge(tills, voucher, capture=capture)
        assert raised.value.kind in (TokenErrorKind.Frozen, TokenErrorKind.FundsUnavailable)
    assert tills.held() == 0
    id = tills.authorise(int(49 * BTT))
    # A lock that comes later does not take the merchant's money.
    tills.balances.lockable_currency.set_lock(b"vesting ", ALICE, free, Reasons.All)
    tills.payfi.capture(signed(SHOP), id, u128(49 * BTT))
    assert tills.money(PAYFI) == 49 * BTT


def test_an_authorisation_of_nothing_is_refused(tills: Tills) -> None:
    voucher = tills.voucher(units=0)
    with refused(tills, errors.NothingLeft):
        tills.charge(voucher, capture=False)


def test_released_money_comes_back_to_the_limit_of_the_same_day_only(tills: Tills) -> None:
    day_left = DAY - tills.time.slot % DAY
    tills.run(day_left)  # a new day begins
    first, second = tills.authorise(minutes=3_000), tills.authorise(minutes=3_000)
    assert tills.spent() == 2 * PAID
    tills.payfi.capture(signed(SHOP), first, u128(40 * BTT))
    tills.payfi.void(signed(SHOP), first)
    assert tills.spent() == 140 * BTT
    tills.run(DAY)
    tills.charge(tills.voucher(units=int(BTT)))
    tills.payfi.void(signed(SHOP), second)
    assert tills.spent() == BTT


def test_a_dropped_cards_authorisation_can_still_be_captured(tills: Tills) -> None:
    id = tills.authorise()
    tills.payfi.drop_card(signed(ALICE), RED.id)
    tills.payfi.capture(signed(SHOP), id, u128(PAID))
    other = tills.authorise(card=BLUE)
    tills.payfi.freeze_card(signed(CAROL), BLUE.id)
    tills.payfi.capture(signed(SHOP), other, u128(PAID))


def test_the_hook_is_charged_with_what_expires(tills: Tills) -> None:
    nothing = tills.payfi.on_initialize(0)
    tills.authorise()
    tills.payfi.drop_card(signed(ALICE), BLUE.id)
    tills.time.slot += 9 * DAY
    used = tills.payfi.on_initialize(0) - nothing
    ends = (weights.void_expired, weights.end_retired)
    assert used == sum(each(1) for each in ends)


def test_an_authorisation_leaves_what_keeps_the_account_alive(tills: Tills) -> None:
    tills.limit(RED, payment=u128(u128.MAX), day=u128(u128.MAX))
    free = tills.money(ALICE) - tills.card_deposit()
    least = int(tills.balances.existential_deposit)
    with refused(tills, TokenError(TokenErrorKind.FundsUnavailable)):
        tills.authorise(free - least + 1)
    tills.authorise(free - least)


def test_an_authorised_invoice_is_not_paid_by_hand_until_it_is_voided(tills: Tills) -> None:
    voucher = tills.voucher()
    tills.charge(voucher, capture=False)
    pay = partial(
        tills.payfi.pay, signed(BOB), Id(SHOP), u128(PAID), BTT_CODE, MAX, voucher.reference, None
    )
    with refused(tills, errors.AlreadyPaid):
        pay()
    again = tills.voucher(BLUE, reference=voucher.reference)
    with refused(tills, errors.AlreadyPaid):
        tills.charge(again, BLUE, capture=False)
    # Another amount is another invoice, and does not keep the merchant from capturing this one.
    tills.pay(BOB, SHOP, 2, reference=int.from_bytes(voucher.reference, "big"))
    tills.payfi.capture(signed(SHOP), u64(0), u128(PAID // 4))
    assert not list(payfi_findings(tills.payfi, tills.money(PAYFI)))
    with refused(tills, errors.AlreadyPaid):
        pay()


def test_a_voided_invoice_can_be_paid_by_hand(tills: Tills) -> None:
    voucher = tills.voucher()
    tills.charge(voucher, capture=False)
    pay = partial(tills.pay, BOB, reference=int.from_bytes(voucher.reference, "big"))
    with refused(tills, errors.AlreadyPaid):
        pay()
    assert not list(payfi_findings(tills.payfi, tills.money(PAYFI)))
    tills.payfi.void(signed(SHOP), u64(0))
    pay()
    assert not list(payfi_findings(tills.payfi, tills.money(PAYFI)))


def test_a_captured_invoice_is_paid(tills: Tills) -> None:
    voucher = tills.voucher()
    tills.charge(voucher, capture=False)
    for _ in range(2):
        tills.payfi.capture(signed(SHOP), u64(0), u128(PAID // 4))
        assert not list(payfi_findings(tills.payfi, tills.money(PAYFI)))
    tills.payfi.void(signed(SHOP), u64(0))
    invoice = Invoice(voucher.reference, BTT_CODE, u128(PAID))
    assert tills.payfi.payments.references.get((SHOP, invoice)) == 0
    assert tills.payment(0).part_of == PAID
    with refused(tills, errors.AlreadyPaid):
        tills.charge(tills.voucher(reference=voucher.reference))


def test_the_reference_of_a_further_part_is_not_known_before_its_block(tills: Tills) -> None:
    auth = tills.auth(tills.authorise())
    auth.parts = u32(1)
    made = {reference_of(auth, u64(0), bytes((parent,)) * 32) for parent in range(4)}
    assert len(made) == 4


@BOTH
def test_a_charge_is_decoded_from_its_bytes(tills: Tills, card: CardInHand) -> None:
    voucher = tills.voucher(card)
    call = tills.call(
        "PayFi", "charge_card", voucher=voucher, signature=card.sign(voucher), capture=True
    )
    tills.dispatch(signed(SHOP), call)
    with pytest.raises(DispatchError):
        tills.dispatch(signed(SHOP), call)


def test_a_dispute_of_a_charge_is_the_owners(tills: Tills) -> None:
    tills.charge(tills.voucher())
    assert tills.payment(0).payer == ALICE


def test_another_p256_key_is_another_card() -> None:
    assert p256_card(b"\x13" * 32).id != BLUE.id
    assert DAY_MS == 24 * HOUR * 6_000
