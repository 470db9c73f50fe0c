"""Events of PayFi."""

from __future__ import annotations

from btt_chain.scale import u32, u64
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, HashOf, MomentOf
from runtime.pallets.payfi.card_types import AuthId, CardId, CardState
from runtime.pallets.payfi.dispute_types import ArbiterList, DisputeReason, Panel, Resolution
from runtime.pallets.payfi.policies import Policy, SomePolicyScope
from runtime.pallets.payfi.types import (
    Bucket,
    Category,
    Cause,
    Currency,
    PaymentId,
    Rates,
    Reference,
)

# ---- merchants, payments and settlement


class Registered(Event, index=0):
    """An account registered as a merchant; `bond` planck are on hold."""

    merchant: AccountIdOf
    category: Category
    currency: Currency
    bond: BalanceOf


class Configured(Event, index=1):
    """A merchant changed its configuration or topped up its bond, which is `bond` planck now."""

    merchant: AccountIdOf
    bond: BalanceOf


class Closing(Event, index=2):
    """A merchant stopped accepting payments; it has its bond back from `until` on."""

    merchant: AccountIdOf
    until: MomentOf


class Closed(Event, index=3):
    """A merchant ended; `bond` planck were released."""

    merchant: AccountIdOf
    bond: BalanceOf


class Suspended(Event, index=4):
    """A merchant was suspended, or its suspension for this cause was lifted."""

    merchant: AccountIdOf
    suspended: bool
    cause: Cause


class Paid(Event, index=5):
    """A payment was made; it settles in `bucket`, less `fee`."""

    payment: PaymentId
    payer: AccountIdOf
    merchant: AccountIdOf
    reference: Reference
    gross: BalanceOf
    fee: BalanceOf
    bucket: Bucket


class Settled(Event, index=6):
    """`count` payments were settled: the merchant received `net`; `burned` is a part of `fee`."""

    merchant: AccountIdOf
    bucket: Bucket
    net: BalanceOf
    fee: BalanceOf
    burned: BalanceOf
    count: u32


class Refunded(Event, index=7):
    """The payer has `amount` back. `settled`: by the merchant, after settlement."""

    payment: PaymentId
    payer: AccountIdOf
    merchant: AccountIdOf
    amount: BalanceOf
    settled: bool


class RatesSet(Event, index=8):
    """Rates and rules were changed."""

    rates: Rates


# ---- disputes and their arbiters


class Disputed(Event, index=20):
    """A payer disputes `amount` of a payment; the merchant has until `deadline_ms` to answer."""

    payment: PaymentId
    merchant: AccountIdOf
    payer: AccountIdOf
    amount: BalanceOf
    deposit: BalanceOf
    reason: DisputeReason
    evidence: HashOf
    late: bool
    deadline_ms: MomentOf


class Contested(Event, index=21):
    """A merchant contests a dispute; `evidence` is a hash."""

    payment: PaymentId
    payer: AccountIdOf
    merchant: AccountIdOf
    evidence: HashOf


class PanelSelected(Event, index=22):
    """Arbiters were selected for a dispute; they have until `deadline_ms`."""

    payment: PaymentId
    payer: AccountIdOf
    merchant: AccountIdOf
    arbiters: Panel
    deadline_ms: MomentOf


class Judged(Event, index=23):
    """An arbiter answered that the payer should get `to_payer`."""

    payment: PaymentId
    payer: AccountIdOf
    merchant: AccountIdOf
    arbiter: AccountIdOf
    to_payer: BalanceOf


class Resolved(Event, index=24):
    """A dispute ended. `late`: it was about a settled payment, and the bond pays the payer.

    `unpaid` is the part decided for the payer that the bond did not cover.
    """

    payment: PaymentId
    payer: AccountIdOf
    merchant: AccountIdOf
    late: bool
    resolution: Resolution
    to_payer: BalanceOf
    to_merchant: BalanceOf
    unpaid: BalanceOf


class ArbitersSet(Event, index=25):
    """Governance appointed these arbiters, and no others."""

    arbiters: ArbiterList


class ArbiterBonded(Event, index=26):
    """An account offers to judge disputes; its bond is `bond` planck now."""

    arbiter: AccountIdOf
    bond: BalanceOf


class ArbiterLeft(Event, index=27):
    """An account judges disputes no more; `bond` planck were released."""

    arbiter: AccountIdOf
    bond: BalanceOf


class ArbiterFined(Event, index=28):
    """An arbiter did not answer in time; `amount` planck of its bond were destroyed."""

    payment: PaymentId
    payer: AccountIdOf
    merchant: AccountIdOf
    arbiter: AccountIdOf
    amount: BalanceOf


# ---- policies


class PolicySet(Event, index=29):
    """Governance set a policy, or removed it."""

    scope: SomePolicyScope
    policy: Policy | None


class OwnPolicySet(Event, index=30):
    """A merchant set its own policy, or removed it."""

    merchant: AccountIdOf
    exists: bool


# ---- cards


class CardRegistered(Event, index=40):
    """A card was registered."""

    card: CardId
    owner: AccountIdOf


class CardSet(Event, index=41):
    """The limits, the guardian or the state of a card were changed."""

    card: CardId
    owner: AccountIdOf
    state: CardState


class CardDropped(Event, index=42):
    """A card was removed; what it authorised can still be captured.

    Its deposit is released once its key can be registered again.
    """

    card: CardId
    owner: AccountIdOf


class Charged(Event, index=43):
    """A card paid: the voucher with this counter became a payment."""

    card: CardId
    counter: u64
    payment: PaymentId
    owner: AccountIdOf
    merchant: AccountIdOf


class Authorised(Event, index=44):
    """A card authorised a merchant; `held` planck of its owner are on hold until `expires_ms`."""

    auth: AuthId
    card: CardId
    counter: u64
    owner: AccountIdOf
    merchant: AccountIdOf
    held: BalanceOf
    expires_ms: MomentOf


class Captured(Event, index=45):
    """A merchant captured a part of an authorisation, as a payment."""

    auth: AuthId
    payment: PaymentId
    owner: AccountIdOf
    merchant: AccountIdOf
    amount: BalanceOf


class Voided(Event, index=46):
    """An authorisation ended; `released` planck of the card's owner are free again."""

    auth: AuthId
    owner: AccountIdOf
    merchant: AccountIdOf
    released: BalanceOf
