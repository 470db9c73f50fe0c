"""Benchmarks of cards: P-256 signatures, all categories, and merchants with three policies."""

from __future__ import annotations

from dataclasses import replace

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.payfi import (
    CNY,
    GROSS,
    OTHER,
    doubted,
    earlier,
    fill_places,
    merchant,
    prices,
)
from bench.weights.pallets.payfi_policies import governed
from bench.weights.state import Bench
from btt_chain.crypto import ed25519, p256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import (
    CONTEXT,
    REGISTRATION,
    VOUCHER,
    Ed25519Key,
    P256Key,
    Registration,
    Voucher,
    card_id,
)
from btt_chain.scale import u16, u64, u128
from runtime.pallets.payfi.calendar import AUTHS, RETIRED, key_of
from runtime.pallets.payfi.card_types import MAX_CATEGORIES, Limits, Proof, Retired
from runtime.pallets.payfi.cards import DEPOSIT
from runtime.pallets.payfi.limits import VOUCHER_DAYS
from runtime.pallets.payfi.payer_rules import MAX_POLICIES

HOLDS = CARDS = 64
"""Maximum number of authorisations and cards that are measured."""
SECRET = bytes(range(1, 33))
SEED = bytes(range(2, 34))
OWNER = 500
"""Number of the account that owns the cards."""


def limits() -> Limits:
    """Return limits with all categories; the last one is that of `merchant`."""
    categories = [u16(MAX_CATEGORIES - place) for place in range(MAX_CATEGORIES)]
    return Limits(u128(u128.MAX // 4), u128(u128.MAX // 4), categories, u64(u64.MAX))


def secret_of(number: int) -> bytes:
    """Return the secret of one of the cards."""
    return bytes([1 + number]) + SECRET[1:]


def card(b: Bench, number: int = 0) -> P256Key:
    """Register a card of an owner of its own, with a guardian."""
    key = P256Key(p256.public_from_secret(secret_of(number)))
    owner, guardian = b.account(OWNER + number), b.account(OWNER - 1)
    b.does(
        owner, "PayFi", "register_card", key=key, limits=limits(), guardian=guardian,
        proof=proof(b, key, owner, number),
    )  # fmt: skip
    return key


def ed25519_card(b: Bench) -> Ed25519Key:
    """Register an Ed25519 card."""
    key, owner, payfi = (
        Ed25519Key(ed25519.public_from_seed(SEED)),
        b.account(OWNER),
        b.runtime.payfi,
    )
    until = u64(payfi.calendar.now() + VOUCHER_DAYS * int(payfi.day_ms))
    asked = Registration.of(H256(payfi.system.genesis_hash()), card_id(key), owner, until)
    b.does(
        owner, "PayFi", "register_card", key=key, limits=limits(), guardian=b.account(OWNER - 1),
        proof=Proof(until, ed25519.sign(SEED, REGISTRATION.encode(asked))),
    )  # fmt: skip
    return key


def proof(b: Bench, key: P256Key, owner: AccountId, number: int = 0) -> Proof:
    """Return the proof of a card's registration."""
    payfi = b.runtime.payfi
    until = u64(payfi.calendar.now() + VOUCHER_DAYS * int(payfi.day_ms))
    asked = Registration.of(H256(payfi.system.genesis_hash()), card_id(key), owner, until)
    return Proof(until, p256.sign(secret_of(number), REGISTRATION.encode(asked)))


def voucher(b: Bench, key: Ed25519Key | P256Key, who: AccountId, number: int = 1) -> Voucher:
    """Make a voucher of a card for a merchant."""
    return Voucher(
        CONTEXT,
        H256(b.runtime.system.genesis_hash()),
        card_id(key),
        who,
        CNY,
        u128(5_000),
        number.to_bytes(16, "big"),
        u64(number),
        u64(b.runtime.payfi.calendar.now() + VOUCHER_DAYS * int(b.runtime.payfi.day_ms)),
    )


def charge(b: Bench, key: P256Key, who: AccountId, *, number: int, capture: bool) -> None:
    """Charge the card of this number."""
    asked = voucher(b, key, who, number + 1)
    b.does(
        who, "PayFi", "charge_card", voucher=asked, capture=capture,
        signature=p256.sign(secret_of(number), VOUCHER.encode(asked)),
    )  # fmt: skip


def authorised(b: Bench, count: int) -> AccountId:
    """Make that many authorisations, each of a card of its own; return their merchant."""
    who = merchant(b)
    prices(b)
    for number in range(count):
        charge(b, card(b, number), who, number=number, capture=False)
    return who


@benchmark("PayFi.register_card")
def register_card(b: Bench) -> Case:
    """Register a P-256 card with all categories and a guardian."""
    key, owner = P256Key(p256.public_from_secret(secret_of(0))), b.account(OWNER)
    return b.signed(
        owner, "PayFi", "register_card", key=key, limits=limits(), guardian=b.account(OWNER + 1),
        proof=proof(b, key, owner),
    )  # fmt: skip


@benchmark("PayFi.set_card")
def set_card(b: Bench) -> Case:
    """Replace limits and guardian."""
    id = card_id(card(b))
    return b.signed(
        b.account(OWNER), "PayFi", "set_card", card=id, limits=limits(),
        guardian=b.account(OWNER + 2), frozen=True,
    )  # fmt: skip


@benchmark("PayFi.drop_card")
def drop_card(b: Bench) -> Case:
    """Drop a card."""
    return b.signed(b.account(OWNER), "PayFi", "drop_card", card=card_id(card(b)))


@benchmark("PayFi.freeze_card")
def freeze_card(b: Bench) -> Case:
    """Freeze a card as its guardian."""
    return b.signed(b.account(OWNER - 1), "PayFi", "freeze_card", card=card_id(card(b)))


def charging(
    b: Bench, *, policies: int, first: bool, converts: bool, is_p256: bool, capture: bool
) -> Case:
    """Charge a card by the last till of a merchant without a judged identity."""
    who, other, payfi = merchant(b), merchant(b, OTHER, OTHER), b.runtime.payfi
    doubted(b, who)
    prices(b)
    key = card(b) if is_p256 else ed25519_card(b)
    doubted(b, b.account(OWNER))
    governed(b, who, policies)
    fill_places(b, who)
    asked = voucher(b, key, who)
    if not converts:
        asked = replace(asked, currency=b"BTT", units=GROSS)
    raw = VOUCHER.encode(asked)
    signature = p256.sign(secret_of(0), raw) if is_p256 else ed25519.sign(SEED, raw)
    till = b.endow(payfi.merchants.get(who).till_keys[-1])
    return replace(
        b.signed(till, "PayFi", "charge_card", voucher=asked, capture=capture, signature=signature),
        before=(earlier(b, other if first else who),),
    )


@benchmark(
    "PayFi.charge_card",
    policies=(0, MAX_POLICIES), first=(0, 1), converts=(0, 1), is_p256=(0, 1),
)  # fmt: skip
def charge_card(b: Bench, policies: int, first: int, converts: int, is_p256: int) -> Case:
    """Charge a card at once, after another payment of the block, which is to it unless `first`."""
    return charging(
        b, policies=policies, first=bool(first), converts=bool(converts), is_p256=bool(is_p256),
        capture=True,
    )  # fmt: skip


@benchmark("PayFi.authorise", policies=(0, MAX_POLICIES), converts=(0, 1), is_p256=(0, 1))
def authorise(b: Bench, policies: int, converts: int, is_p256: int) -> Case:
    """Put the amount of a voucher on hold: `charge_card` without `capture`."""
    return charging(
        b, policies=policies, first=True, converts=bool(converts), is_p256=bool(is_p256),
        capture=False,
    )  # fmt: skip


@benchmark("PayFi.capture", first=(0, 1), closes=(0, 1))
def capture(b: Bench, first: int, closes: int) -> Case:
    """Capture an authorisation or a part of it, for a merchant without a judged identity."""
    who, other, auths = authorised(b, 1), merchant(b, OTHER, OTHER), b.runtime.payfi.authorisations
    doubted(b, who)
    fill_places(b, who)
    till = b.endow(b.runtime.payfi.merchants.get(who).till_keys[-1])
    held = auths.get(u64(0)).held
    return replace(
        b.signed(till, "PayFi", "capture", auth=u64(0), amount=held if closes else u128(held // 2)),
        before=(earlier(b, other if first else who),),
    )


@benchmark("PayFi.void")
def void(b: Bench) -> Case:
    """Void an authorisation by the last till."""
    who = authorised(b, 1)
    till = b.endow(b.runtime.payfi.merchants.get(who).till_keys[-1])
    return b.signed(till, "PayFi", "void", auth=u64(0))


@benchmark("PayFi.void_expired", auths=(1, HOLDS))
def void_expired(b: Bench, auths: int) -> Case:
    """Void that many expired authorisations; one more waits."""
    payfi = b.runtime.payfi
    authorised(b, auths + 1)
    timers, now = payfi.disputes.deadlines.timers, b.runtime.babe.now()
    for id, auth in list(payfi.authorisations.auths.items()):
        timers.remove(AUTHS, auth.timer)
        auth.timer = timers.enter(AUTHS, now, key_of(id))
        payfi.authorisations.auths[id] = auth
    return Case(run=lambda: payfi.authorisations.void_expired(auths))


@benchmark("PayFi.end_retired", cards=(1, CARDS))
def end_retired(b: Bench, cards: int) -> Case:
    """Forget that many dropped cards of different owners; one more waits."""
    payfi, now = b.runtime.payfi, b.runtime.babe.now()
    for number in range(cards + 1):
        id, owner = H256(number.to_bytes(32, "big")), b.account(OWNER + number)
        payfi.cards.currency.hold(payfi.cards.reason, owner, DEPOSIT)
        payfi.cards.retired[id] = Retired(owner, u64(0))
        payfi.disputes.deadlines.timers.enter(RETIRED, now, id)
    return Case(run=lambda: payfi.cards.end_retired(cards))
