"""Cards: keys in secure elements that make bounded, counted payments of their owners.

| state | call | next state |
|---|---|---|
| none | `register_card`, which takes a deposit | Active |
| Active | `set_card`, or `freeze_card` by owner or guardian | Frozen |
| Frozen | `set_card` by the owner | Active |
| Active, Frozen | `drop_card` | retired |
| retired | eight days later; the deposit is returned | none |

The card's key signs its registration: otherwise any account could register the key of another
card, which its owner could not use then. A dropped card's key cannot be registered again until
every voucher that it paid has expired: a new record would accept their counters once more. By then
the proof of its registration has expired as well, so that a proof registers a card once.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import (
    Ed25519Key,
    P256Key,
    Registration,
    Voucher,
    card_id,
    is_proven,
    is_signed,
    is_valid_key,
)
from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import Component, Constant, DoubleMap, Hasher, Map, ReasonOf
from runtime.frame.traits import MutateHold
from runtime.pallets.payfi import errors, events, limits
from runtime.pallets.payfi.calendar import RETIRED, Calendar, Deadlines
from runtime.pallets.payfi.card_types import Card, CardState, Limits, Proof, Retired, Spent
from runtime.pallets.payfi.limits import VOUCHER_DAYS, Breach
from runtime.pallets.payfi.types import HoldReason
from runtime.pallets.system.pallet import System

DEPOSIT: Final = u128(BTT // 10)
RETIRED_DAYS: Final = VOUCHER_DAYS + 1
"""Days after which a dropped card's vouchers and authorisations have ended for certain."""
BREACHES: Final = {
    Breach.EXPIRED: errors.CardExpired,
    Breach.CATEGORY: errors.WrongCategory,
    Breach.PAYMENT: errors.OverCardLimit,
    Breach.DAY: errors.OverCardLimit,
}


class Asked(NamedTuple):
    """A voucher with its value now."""

    voucher: Voucher
    gross: u128
    category: u16
    """Category of the merchant."""


class Cards(Component):
    """Registered cards with their limits and counters."""

    card_deposit = Constant(DEPOSIT)
    """Deposit for a card, in planck, until its key is forgotten."""
    voucher_days = Constant(u32(VOUCHER_DAYS))
    """Maximum number of days for which a voucher is valid and money on hold for it, and for which a
    card's proof of its registration is valid."""
    counter_window = Constant(u32(limits.WINDOW))
    """Maximum distance of a voucher's counter below the highest one."""

    currency: MutateHold
    calendar: Calendar
    deadlines: Deadlines
    system: System
    reason = ReasonOf(HoldReason.CardDeposit)

    cards = Map(H256, Card, hasher=Hasher.Identity)
    """Cards by id: blake2_256 of the public key."""
    cards_of = DoubleMap(
        AccountId, H256, tuple[()], hashers=(Hasher.Blake2_128Concat, Hasher.Identity)
    )
    """The cards of each owner."""
    retired = Map(H256, Retired, hasher=Hasher.Identity)
    """Cards that were dropped, until their keys can be registered again."""

    # ---- calls

    def register(
        self,
        who: AccountId,
        key: Ed25519Key | P256Key,
        bounds: Limits,
        guardian: AccountId | None,
        proof: Proof,
    ) -> None:
        """Register a card of `who`, which its key agreed to.

        Raises BadKey, CardExists, CardExpired, BadSignature, TokenError.
        """
        id = card_id(key)
        if not is_valid_key(key):
            raise errors.BadKey
        if id in self.cards or id in self.retired:
            raise errors.CardExists
        now, longest = self.calendar.now(), VOUCHER_DAYS * self.calendar.day_ms
        if not now < proof.expires_ms <= now + longest:
            raise errors.CardExpired
        asked = Registration.of(H256(self.system.genesis_hash()), id, who, proof.expires_ms)
        if not is_proven(asked, key, proof.signature):
            raise errors.BadSignature
        self.currency.hold(self.reason, who, DEPOSIT)
        self.cards[id] = Card(who, key, guardian, bounds)
        self.cards_of[who, id] = ()
        self.deposit(events.CardRegistered(id, who))

    def set(
        self, who: AccountId, id: H256, bounds: Limits, guardian: AccountId | None, *, frozen: bool
    ) -> None:
        """Replace limits, guardian and state of the owner's card. Raises NoCard, NotYours."""
        card = self._owned(who, id)
        card.limits, card.guardian = bounds, guardian
        card.state = CardState.Frozen if frozen else CardState.Active
        self.cards[id] = card
        self.deposit(events.CardSet(id, who, card.state))

    def freeze(self, who: AccountId, id: H256) -> None:
        """Freeze a card, as its owner or guardian. Raises NoCard, NotYours."""
        card = self.get(id)
        if who not in (card.owner, card.guardian):
            raise errors.NotYours
        card.state = CardState.Frozen
        self.cards[id] = card
        self.deposit(events.CardSet(id, card.owner, card.state))

    def drop(self, who: AccountId, id: H256) -> None:
        """Remove the owner's card. Raises NoCard, NotYours."""
        card = self._owned(who, id)
        del self.cards[id]
        del self.cards_of[who, id]
        wait = RETIRED_DAYS * self.calendar.day_ms
        self.retired[id] = Retired(card.owner, u64(self.calendar.now() + wait))
        self.deadlines.enter(RETIRED, wait, id)
        self.deposit(events.CardDropped(id, card.owner))

    # ---- hooks

    def end_retired(self, limit: int) -> int:
        """Forget cards that were dropped long ago, and return their deposits.

        At most `limit` at once; return their number.
        """
        ended = self.deadlines.timers.take(RETIRED, limit)
        for id in ended:
            owner = self.retired[id].owner
            del self.retired[id]
            self.currency.release(self.reason, owner, DEPOSIT)
        return len(ended)

    # ---- public interface

    def get(self, id: H256) -> Card:
        """Return a card. Raises NoCard."""
        card = self.cards.get(id)
        if card is None:
            raise errors.NoCard
        return card

    def checked(self, asked: Asked, signature: bytes) -> Card:
        """Return the card of a voucher with its counter used and the amount spent, not stored.

        Raises NoCard, OtherChain, CardFrozen, CardExpired, WrongCategory, OverCardLimit,
        CounterUsed, BadSignature.
        """
        voucher = asked.voucher
        card = self.get(voucher.card)
        if voucher.genesis != self.system.genesis_hash():
            raise errors.OtherChain
        if card.state is CardState.Frozen:
            raise errors.CardFrozen
        self._ensure_within_limits(card, asked)
        used = limits.accepted(
            limits.Counters(int(card.high), int(card.window)), int(voucher.counter)
        )
        if used is None:
            raise errors.CounterUsed
        if not is_signed(voucher, card.key, signature):  # last: it costs the most
            raise errors.BadSignature
        card.high, card.window = u64(used.high), u64(used.window)
        spent = limits.charged(spent_of(card), int(asked.gross), self.calendar.day())
        card.spent = Spent(u32(spent.day), u128(spent.amount))
        return card

    def released(self, id: H256, amount: u128, day: int) -> None:
        """Count the end of an authorisation of `day`, of which `amount` was released."""
        card = self.cards.get(id)
        if card is None:
            return
        today = self.calendar.day()
        spent = limits.given_back(spent_of(card), int(amount), charged_on=day, day=today)
        card.spent = Spent(u32(spent.day), u128(spent.amount))
        card.auths = u32(max(0, int(card.auths) - 1))
        self.cards[id] = card

    # ---- internals

    def _owned(self, who: AccountId, id: H256) -> Card:
        card = self.get(id)
        if card.owner != who:
            raise errors.NotYours
        return card

    def _ensure_within_limits(self, card: Card, asked: Asked) -> None:
        bounds, now = card.limits, self.calendar.now()
        breach = limits.breach(
            limits.Bounds(
                int(bounds.payment), int(bounds.day), bounds.categories, int(bounds.expires_ms)
            ),
            spent_of(card),
            limits.Charge(int(asked.gross), asked.category, int(asked.voucher.expires_ms)),
            now,
            self.calendar.day_ms,
        )
        if breach is not None:
            raise BREACHES[breach]


def spent_of(card: Card) -> limits.Spent:
    """Return the amount that a card spent on its last day of use."""
    return limits.Spent(int(card.spent.day), int(card.spent.amount))
