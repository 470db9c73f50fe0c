"""Calls of cards: the part of PayFi that owners, tills and guardians of cards use."""

from __future__ import annotations

from typing import ClassVar, Final

from btt_chain.primitives.voucher import Voucher
from btt_chain.scale import u128
from runtime.frame import Origin, Pallet, PostInfo, call
from runtime.frame.aliases import CompactBalanceOf
from runtime.pallets.payfi import weights
from runtime.pallets.payfi.authorisations import Authorisations
from runtime.pallets.payfi.card_types import (
    AuthId,
    CardId,
    Guardian,
    Limits,
    Proof,
    Signature,
    SomeCardKey,
)
from runtime.pallets.payfi.cards import Cards
from runtime.pallets.payfi.fees import BTT
from runtime.pallets.payfi.hook_limits import HookLimits, weight_of
from runtime.pallets.payfi.payer_rules import MAX_POLICIES
from runtime.pallets.system.pallet import System


def dearest_charge() -> int:
    """Return the weight of the dearest charge or authorisation."""
    return max(weights.charge_card(MAX_POLICIES, 1, 1, 1), weights.authorise(MAX_POLICIES, 1, 1))


CHARGED: Final = {
    (policies, first, converts, p256): PostInfo(
        weights.charge_card(policies, first, converts, p256)
    )
    for policies in range(MAX_POLICIES + 1)
    for first in (False, True)
    for converts in (False, True)
    for p256 in (False, True)
}
"""Weight of a charge, as that of a payment; and by the kind of the card's key."""
AUTHORISED: Final = {
    (policies, converts, p256): PostInfo(weights.authorise(policies, converts, p256))
    for policies in range(MAX_POLICIES + 1)
    for converts in (False, True)
    for p256 in (False, True)
}
"""Weight of an authorisation: `charge_card` without `capture`."""
CAPTURED: Final = {
    (first, closes): PostInfo(weights.capture(first, closes))
    for first in (False, True)
    for closes in (False, True)
}
"""Weight of a capture: whether it is the first payment of the block to its merchant, and whether
nothing is left of the authorisation."""


class CardCalls(Pallet, crate="pallet_payfi"):
    """Events, errors and calls of cards and their authorisations."""

    # ---- dependencies

    system: System

    # ---- components

    cards: ClassVar[Cards]
    authorisations: ClassVar[Authorisations]

    # ---- hooks

    def end_cards(self, limits: HookLimits) -> int:
        """Void expired authorisations, and forget dropped cards; return the weight used."""
        voided = self.authorisations.void_expired(limits.holds)
        forgotten = self.cards.end_retired(limits.cards)
        return weight_of([weights.void_expired], voided) + weight_of(
            [weights.end_retired], forgotten
        )

    # ---- calls

    @call(11, weight=weights.REGISTER_CARD)
    def register_card(
        self, origin: Origin, key: SomeCardKey, limits: Limits, guardian: Guardian, proof: Proof
    ) -> None:
        """Register a card of the caller: a key that makes payments within these limits.

        The key signs that it agrees, for at most seven days. A deposit is on hold until eight days
        after `drop_card`. The guardian can freeze the card, and nothing else.
        """
        self.cards.register(origin.signed(), key, limits, guardian, proof)

    @call(12, weight=weights.SET_CARD)
    def set_card(
        self, origin: Origin, card: CardId, limits: Limits, guardian: Guardian, frozen: bool
    ) -> None:
        """Replace the limits, the guardian and the state of the caller's card."""
        self.cards.set(origin.signed(), card, limits, guardian, frozen=frozen)

    @call(13, weight=weights.DROP_CARD)
    def drop_card(self, origin: Origin, card: CardId) -> None:
        """Remove the caller's card. Its key pays nothing any more.

        What it authorised before can still be captured until it expires. The deposit is returned
        after eight days, when the key is removed from the chain.
        """
        self.cards.drop(origin.signed(), card)

    @call(14, weight=dearest_charge())
    def charge_card(
        self, origin: Origin, voucher: Voucher, signature: Signature, capture: bool
    ) -> PostInfo:
        """Charge a card by a voucher that it signed. Origin: the merchant or one of its tills.

        With `capture` it is a payment of the card's owner. Otherwise the amount is on hold in the
        owner's account until the voucher expires, and can be captured until then.
        """
        made = self.authorisations.charge(origin.signed(), voucher, signature, capture=capture)
        converts = voucher.currency != BTT
        if capture:
            return CHARGED[made.policies, made.is_first, converts, made.is_p256]
        return AUTHORISED[made.policies, converts, made.is_p256]

    @call(15, weight=weights.capture(1, 1))
    def capture(self, origin: Origin, auth: AuthId, amount: CompactBalanceOf) -> PostInfo:
        """Capture a part of an authorisation, as a payment. Origin: the merchant or its tills.

        The rest stays on hold until it is captured, voided or expires. Further parts are payments
        with references of their own.
        """
        made = self.authorisations.capture(origin.signed(), auth, u128(amount))
        return CAPTURED[made.is_first, made.closes]

    @call(16, weight=weights.VOID)
    def void(self, origin: Origin, auth: AuthId) -> None:
        """Release what is left of an authorisation.

        Origin: the merchant or its tills; any account once it has expired.
        """
        self.authorisations.void(origin.signed(), auth)

    @call(21, weight=weights.FREEZE_CARD)
    def freeze_card(self, origin: Origin, card: CardId) -> None:
        """Freeze a card. Origin: its owner or its guardian; only the owner activates it again."""
        self.cards.freeze(origin.signed(), card)
