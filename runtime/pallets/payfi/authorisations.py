"""Authorisations: a card's money on hold until a merchant captures it.

| state | call | next state |
|---|---|---|
| none | `charge_card` without capture: the amount is put on hold | open |
| open | `capture` of a part: it becomes a payment | open |
| open | `capture` of all that is left | none |
| open | `void` by the merchant; by any account, or a hook, once it has expired; the rest is released | none |
"""  # noqa: E501 - rows of a table

from __future__ import annotations

from typing import NamedTuple

from btt_chain.crypto.hashing import blake2_128
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import P256Key, Voucher
from btt_chain.scale import u32, u64, u128
from runtime.frame import (
    Component,
    Constant,
    DoubleMap,
    Hasher,
    Map,
    ReasonOf,
    TokenError,
    TokenErrorKind,
    Value,
)
from runtime.pallets.payfi import errors, events
from runtime.pallets.payfi.calendar import AUTHS, Calendar, Deadlines, key_of
from runtime.pallets.payfi.card_types import MAX_AUTHS, Auth, Card
from runtime.pallets.payfi.cards import Asked, Cards
from runtime.pallets.payfi.merchants import Merchants
from runtime.pallets.payfi.payments import Payments
from runtime.pallets.payfi.types import HoldReason, Invoice, Money
from runtime.pallets.system.pallet import System


class Charge(NamedTuple):
    """A charge of a card, with the parts of its cost."""

    policies: int
    """Number of policies that the card's owner was checked against."""
    is_p256: bool
    is_first: bool = False
    """True if it is the first payment of the block in its merchant's batch."""


class Capture(NamedTuple):
    """A capture, with the parts of its cost."""

    is_first: bool
    """True if it is the first payment of the block in its merchant's batch."""
    closes: bool
    """True if nothing is left of the authorisation."""


class Authorisations(Component):
    """Charges of cards, and their open authorisations."""

    max_auths = Constant(u32(MAX_AUTHS))
    """Maximum number of open authorisations of a card."""

    cards: Cards
    payments: Payments
    merchants: Merchants
    calendar: Calendar
    deadlines: Deadlines
    currency: Money
    system: System
    reason = ReasonOf(HoldReason.Card)

    auths = Map(u64, Auth, hasher=Hasher.Twox64Concat)
    """Open authorisations by number."""
    auths_of = DoubleMap(H256, u64, tuple[()], hashers=(Hasher.Identity, Hasher.Twox64Concat))
    """The open authorisations of each card."""
    next_auth = Value(u64, default=u64(0))
    """Number of the next authorisation."""

    # ---- calls

    def charge(
        self, caller: AccountId, voucher: Voucher, signature: bytes, *, capture: bool
    ) -> Charge:
        """Charge a card, at once or by an authorisation; see `PayFi.charge_card`."""
        merchant = voucher.merchant
        if not self.merchants.acts_for(caller, merchant):
            raise errors.NotYours
        record = self.merchants.active(merchant)
        cost = self.payments.gross(record, voucher.units, voucher.currency)
        if cost > u128.MAX:
            raise errors.OverCardLimit
        gross = u128(cost)
        asked = Asked(voucher, gross, record.category)
        card = self.cards.checked(asked, signature)
        is_p256 = isinstance(card.key, P256Key)
        if not capture:
            check = self.payments.payer_rules
            policies = check.ensure_allowed(card.owner, merchant, record, gross)
            self._authorise(card, asked)
            return Charge(policies, is_p256)
        made = self.payments.open(
            card.owner, merchant, voucher.units, voucher.currency, gross, voucher.reference, None
        )
        self.cards.cards[voucher.card] = card
        self.deposit(events.Charged(voucher.card, voucher.counter, made.id, card.owner, merchant))
        return Charge(made.policies, is_p256, made.is_first)

    def capture(self, caller: AccountId, id: u64, amount: u128) -> Capture:
        """Capture a part of an authorisation; see `PayFi.capture`."""
        auth = self.get(id)
        if not self.merchants.acts_for(caller, auth.merchant):
            raise errors.NotYours
        if self.calendar.now() >= auth.expires_ms:
            raise errors.CardExpired
        if not 0 < amount <= auth.held:
            raise errors.TooMuch
        record = self.merchants.active(auth.merchant)
        total = int(auth.held) + int(auth.captured)
        units = u128(int(auth.units) * int(amount) // total)
        reference = reference_of(auth, id, bytes(self.system.parent_hash.value))

        def take() -> None:
            self.currency.transfer_on_hold(
                self.reason, auth.owner, self.payments.pool, amount, on_hold=False
            )

        made = self.payments.enter(
            auth.owner, auth.merchant, record, amount, Invoice(reference, auth.currency, units),
            take, promised=None if auth.parts else auth.units,
        )  # fmt: skip
        auth.held -= amount
        auth.captured += amount
        auth.parts += 1
        if auth.held:
            self.auths[id] = auth
        else:
            self._close(id, auth)
        self.deposit(events.Captured(id, made.id, auth.owner, auth.merchant, amount))
        return Capture(made.is_first, closes=not auth.held)

    def void(self, caller: AccountId, id: u64) -> None:
        """Release what is left of an authorisation; see `PayFi.void`."""
        auth = self.get(id)
        expired = self.calendar.now() >= auth.expires_ms
        if not expired and not self.merchants.acts_for(caller, auth.merchant):
            raise errors.NotYours
        self._void(id, auth)

    # ---- hooks

    def void_expired(self, limit: int) -> int:
        """Void authorisations that expired, at most `limit`; return their number."""
        due = self.deadlines.take_numbers(AUTHS, limit)
        for id in due:
            self._void(id, self.get(id))
        return len(due)

    # ---- public interface

    def get(self, id: u64) -> Auth:
        """Return an open authorisation. Raises NoAuth."""
        auth = self.auths.get(id)
        if auth is None:
            raise errors.NoAuth
        return auth

    # ---- internals

    def _authorise(self, card: Card, asked: Asked) -> None:
        """Put the amount of a voucher on hold, and store the card with its counter."""
        voucher, gross = asked.voucher, asked.gross
        if not gross:
            raise errors.NothingLeft
        if card.auths >= MAX_AUTHS:
            raise errors.TooManyAuths
        if gross > self.currency.reducible_balance(card.owner, keep_alive=True):
            raise TokenError(TokenErrorKind.FundsUnavailable)
        invoice = Invoice(voucher.reference, voucher.currency, voucher.units)
        self.payments.promise(voucher.merchant, invoice)
        self.currency.hold(self.reason, card.owner, gross)
        card.auths += 1
        self.cards.cards[voucher.card] = card
        id = self.next_auth.value
        self.next_auth.value = u64(id + 1)
        left = int(voucher.expires_ms) - self.calendar.now()
        timer = self.deadlines.enter(AUTHS, left, key_of(id))
        self.auths[id] = Auth(
            voucher.card, card.owner, voucher.merchant, gross, voucher.expires_ms,
            voucher.reference, voucher.currency, voucher.units, u32(self.calendar.day()),
            timer=timer,
        )  # fmt: skip
        self.auths_of[voucher.card, id] = ()
        self.deposit(
            events.Authorised(
                id, voucher.card, voucher.counter, card.owner, voucher.merchant, gross,
                voucher.expires_ms,
            )
        )  # fmt: skip

    def _void(self, id: u64, auth: Auth) -> None:
        self.currency.release(self.reason, auth.owner, auth.held)
        self._close(id, auth)
        self.deposit(events.Voided(id, auth.owner, auth.merchant, auth.held))

    def _close(self, id: u64, auth: Auth) -> None:
        """Remove an authorisation; what is left of it comes back to the limit of its day."""
        self.deadlines.timers.remove(AUTHS, auth.timer)
        if not auth.parts:
            invoice = Invoice(auth.reference, auth.currency, auth.units)
            self.payments.end_promise(auth.merchant, invoice)
        del self.auths[id]
        del self.auths_of[auth.card, id]
        self.cards.released(auth.card, auth.held, int(auth.day))


def reference_of(auth: Auth, id: u64, parent_hash: bytes) -> bytes:
    """Return the reference of the next part: the voucher's, then others made from it.

    The hash of the block before makes them unpredictable: otherwise the payer could use them first.
    """
    if not auth.parts:
        return auth.reference
    numbers = int(id).to_bytes(8, "little") + int(auth.parts).to_bytes(4, "little")
    return blake2_128(auth.reference + numbers + parent_hash)
