"""Cards on real money: a card of each kind, and vouchers that they sign."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import TypeVar

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
from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import Reason, signed
from runtime.pallets.payfi.card_types import Auth, Card, CardState, Limits, Proof
from runtime.pallets.payfi.types import HoldReason
from support.payfi import (
    ALICE,
    BTT_CODE,
    CAROL,
    DAY_MS,
    INDEX,
    SHOP,
    SLOT_MS,
    START,
    PayFiRuntime,
    ref,
)

R = TypeVar("R")
GENESIS = H256(b"\x9e" * 32)
LIMITS = Limits(
    payment=u128(500 * BTT),
    day=u128(1_000 * BTT),
    categories=[],
    expires_ms=u64(START * SLOT_MS + 365 * DAY_MS),
)


@dataclass(frozen=True)
class CardInHand:
    """A card with its secret, as a secure element has it."""

    key: Ed25519Key | P256Key
    secret: bytes

    @property
    def id(self) -> H256:
        return card_id(self.key)

    def sign(self, voucher: Voucher) -> bytes:
        return self.sign_bytes(VOUCHER.encode(voucher))

    def sign_bytes(self, message: bytes) -> bytes:
        if isinstance(self.key, P256Key):
            return p256.sign(self.secret, message)
        return ed25519.sign(self.secret, message)

    def proof(self, owner: AccountId, genesis: bytes, expires_ms: int) -> Proof:
        """Agree to the registration by `owner`."""
        until = u64(expires_ms)
        asked = Registration.of(H256(genesis), self.id, owner, until)
        return Proof(until, self.sign_bytes(REGISTRATION.encode(asked)))


def ed25519_card(seed: bytes) -> CardInHand:
    return CardInHand(Ed25519Key(ed25519.public_from_seed(seed)), seed)


def p256_card(secret: bytes) -> CardInHand:
    return CardInHand(P256Key(p256.public_from_secret(secret)), secret)


RED, BLUE = ed25519_card(b"\x11" * 32), p256_card(b"\x12" * 32)
"""Cards of ALICE; CAROL is their guardian."""


class Tills(PayFiRuntime):
    """A runtime of payments with two registered cards of ALICE."""

    def __init__(self) -> None:
        super().__init__()
        self.system.block_hash[u32(0)] = GENESIS
        for card in (RED, BLUE):
            self.register_card(card, guardian=CAROL)
        self.host.events.clear()
        self.counter = 0

    # ---- calls

    def register_card(
        self,
        card: CardInHand,
        owner: AccountId = ALICE,
        guardian: AccountId | None = None,
        proof: Proof | None = None,
    ) -> None:
        """Register a card, with a proof that it signs unless one is given."""
        made = card.proof(owner, GENESIS, self.time.moment() + DAY_MS) if proof is None else proof
        self.payfi.register_card(signed(owner), card.key, LIMITS, guardian, made)

    def voucher(
        self,
        card: CardInHand = RED,
        units: int = int(100 * BTT),
        *,
        merchant: AccountId = SHOP,
        counter: int | None = None,
        minutes: int = 60,
        **changes: object,
    ) -> Voucher:
        """Make a voucher with the next counter and a reference of its own."""
        self.counter += 1
        number = self.counter if counter is None else counter
        made = Voucher(
            context=CONTEXT,
            genesis=GENESIS,
            card=card.id,
            merchant=merchant,
            currency=BTT_CODE,
            units=u128(units),
            reference=ref(10**9 + self.counter),
            counter=u64(number),
            expires_ms=u64(self.time.moment() + minutes * 60_000),
        )
        return with_changes(made, changes)

    def charge(
        self,
        voucher: Voucher,
        card: CardInHand = RED,
        *,
        capture: bool = True,
        by: AccountId | None = None,
        signature: bytes | None = None,
    ) -> None:
        by = voucher.merchant if by is None else by
        signature = card.sign(voucher) if signature is None else signature
        self.payfi.charge_card(signed(by), voucher, signature, capture)

    def authorise(
        self, units: int = int(100 * BTT), card: CardInHand = RED, minutes: int = 60
    ) -> u64:
        """Authorise an amount; return the number of the authorisation."""
        id = self.payfi.authorisations.next_auth.value
        self.charge(self.voucher(card, units, minutes=minutes), card, capture=False)
        return id

    def limit(self, card: CardInHand = RED, **changes: object) -> None:
        limits = with_changes(LIMITS, changes)
        self.payfi.set_card(signed(ALICE), card.id, limits, CAROL, False)

    # ---- the state

    def card(self, card: CardInHand = RED) -> Card:
        return self.payfi.cards.get(card.id)

    def spent(self, card: CardInHand = RED) -> int:
        return int(self.card(card).spent.amount)

    def auth(self, id: int) -> Auth:
        return self.payfi.authorisations.get(u64(id))

    def held(self, who: AccountId = ALICE) -> int:
        return int(self.balances.held(Reason(INDEX, HoldReason.Card), who))

    def card_deposit(self, who: AccountId = ALICE) -> int:
        return int(self.balances.held(Reason(INDEX, HoldReason.CardDeposit), who))

    def is_frozen(self, card: CardInHand = RED) -> bool:
        return self.card(card).state is CardState.Frozen


def categories(*codes: int) -> list[u16]:
    return [u16(code) for code in codes]


def with_changes(record: R, changes: Mapping[str, object]) -> R:
    """Return a copy of a frozen record with other values of some fields."""
    changed = copy(record)
    for name, value in changes.items():
        assert hasattr(record, name)
        object.__setattr__(changed, name, value)
    return changed
