"""PayFi: merchants are paid one to two hours after a payment, and pay the fee out of it.

A payment moves the gross into a pool account without a key. It settles there with the merchant's
other payments of a ten-minute bucket (`settlement`), less fees computed when it was made (`fees`).
Until then the merchant can return it without a fee, and the payer can dispute it; afterwards the
merchant can refund it for 15 days, out of its own money.

Each component owns its storage, and no other module writes it:

| component | module | storage |
|---|---|---|
| Volumes | `volumes` | Volumes, Reports |
| Merchants | `merchants` | Merchants, Allowances |
| Settlement | `settlement` | Batches, DueCount, Queue |
| Payments | `payments` | Payments, NextPayment, OldestPayment, References |
| PayerRules | `payer_rules` | Policies, CategoryPolicies, OwnPolicies |
| Disputes | `disputes` | Disputes |
| Arbiters | `arbiters` | Arbiters, ArbiterBonds |
| Cards | `cards` | Cards, CardsOf, Retired |
| Authorisations | `authorisations` | Auths, AuthsOf, NextAuth |
| ShiftedQueues | `frame.timers` | Due, Ahead |

The calls of cards are in `card_calls`.

The parts that other components use:

| call | effect |
|---|---|
| `calendar.now()`, `.day()`, `.bucket()` | time of the slot in ms since 1970, day, bucket |
| `merchants.active(who)`, `.get(who)` | a merchant's record; raise NotMerchant, NotActive |
| `merchants.acts_for(caller, merchant)` | True for the merchant and its tills |
| `merchants.suspend(who, cause)`, `.resume(who)` | suspend a merchant, lift it |
| `merchants.free_bond(who)` | part of a bond that no dispute claims |
| `merchants.open_dispute(who, amount)` | count a dispute, reserve bond, return that part |
| `merchants.close_dispute(who, ...)` | end that, pay the payer out of the bond, free the rest |
| `payments.open(...)` | the path of `pay`, out of free balance; returns the number and the cost |
| `payments.enter(...)` | the same for money that the caller moves: `gross` is converted already |
| `payments.gross(record, units, currency)` | planck that an amount costs now |
| `payments.get(id)`, `.state_of(payment)` | a payment, and its real state |
| `payments.legs(gross, payment.terms)` | legs of a part of a payment |
| `payments.payments[id] = payment` | store a payment that a dispute changed |
| `settlement.remove(bucket, merchant, legs)` | take a pending payment out of its batch |
| `settlement.change(bucket, merchant, old, new)` | replace the legs of a pending payment |
| `settlement.settle_rest(merchant, legs, count)` | pay a merchant what a dispute left over |
| `settlement.give_back(to, amount)` | pay out of the pool account, dust to the treasury |
| `volumes.disputed(who)`, `.lost(who)`, `.lost_of(who)` | counts of disputes |
| `volumes.refunded(who, amount)` | count what a late dispute gave the payer |
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.frame import (
    Const,
    Origin,
    OriginCheck,
    Part,
    PostInfo,
    Value,
    Weight,
    call,
    ensure_root,
)
from runtime.frame.aliases import AccountIdLookupOf, CompactBalanceOf, HashOf
from runtime.frame.timers import ShiftedQueues
from runtime.frame.traits import Discounts, IdentityInspect, Moments, Prices, Stalls
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.balances.types import lookup
from runtime.pallets.payfi import errors, events, types, weights
from runtime.pallets.payfi.arbiters import Arbiters
from runtime.pallets.payfi.authorisations import Authorisations
from runtime.pallets.payfi.calendar import Calendar, Deadlines
from runtime.pallets.payfi.card_calls import CardCalls
from runtime.pallets.payfi.cards import Cards
from runtime.pallets.payfi.dispute_types import ArbiterList, DisputeReason, SomeAnswer
from runtime.pallets.payfi.disputed_money import DisputedMoney
from runtime.pallets.payfi.disputes import Disputes
from runtime.pallets.payfi.fees import BTT
from runtime.pallets.payfi.hook_limits import IDLE, PRUNE_COSTS, end_weight, hook_limits, weight_of
from runtime.pallets.payfi.merchants import Merchants
from runtime.pallets.payfi.payer_rules import MAX_POLICIES, PayerRules
from runtime.pallets.payfi.payments import Payments
from runtime.pallets.payfi.policies import Policy, SomePolicyScope
from runtime.pallets.payfi.settlement import Settlement
from runtime.pallets.payfi.types import (
    Bucket,
    Category,
    Cause,
    Currency,
    Money,
    PaymentId,
    Rates,
    Reference,
    Tills,
)
from runtime.pallets.payfi.volumes import Volumes
from runtime.pallets.tokenomics.traits import Fees, HeldBurns

PAID: Final = {
    (policies, first, converts): PostInfo(weights.pay(policies, first, converts))
    for policies in range(MAX_POLICIES + 1)
    for first in (False, True)
    for converts in (False, True)
}
"""Weight of a payment by the number of policies; whether it is the first one of the block to its
merchant; and whether its currency is converted. One object each, so that equal outcomes share
their event; they are never changed."""


class PayFi(CardCalls, events=events, errors=errors):
    """Merchants, payments, their settlement, refunds, disputes and cards."""

    # ---- constants

    hour_ms: Const[u64]
    """Length of an hour of payments, in milliseconds; a bucket is a sixth of it."""
    day_ms: Const[u64]
    """Length of a day of limits and volumes, in milliseconds."""
    hook_weight: Const[Weight]
    """Maximum weight of settlement, ends of clocks and removal of records in a block."""

    # ---- dependencies

    slot_ms: u64
    pool: AccountId
    """Pool account of the money that waits for settlement, without a key."""
    treasury: AccountId
    currency: Money
    moments: Moments
    prices: Prices
    fees: Fees
    discounts: Discounts
    people: IdentityInspect
    penalties: HeldBurns
    clock: BeaconClock
    stalls: Stalls
    beacon_delay: u32
    """Minimum number of slots from a request for a panel to its randomness."""
    beacon_authors: u32
    """Minimum number of distinct block authors between the two."""
    genesis_supply: Value[u128]
    """Issuance in block zero, of which the full volume is a part."""
    params_origin: OriginCheck = ensure_root
    """Origin that sets rates, policies and arbiters."""
    suspend_origin: OriginCheck = ensure_root
    """Origin that suspends merchants."""

    # ---- storage

    rates = Value(Rates, default=Rates())
    """Rates of fees, and rules for merchants."""

    # ---- components

    calendar = Part(Calendar)
    volumes = Part(Volumes)
    merchants = Part(Merchants)
    payer_rules = Part(PayerRules)
    settlement = Part(Settlement)
    payments = Part(Payments)
    timers = Part(ShiftedQueues)
    deadlines = Part(Deadlines)
    arbiters = Part(Arbiters)
    disputed_money = Part(DisputedMoney)
    disputes = Part(Disputes)
    cards = Part(Cards)
    authorisations = Part(Authorisations)

    # ---- hold reasons

    HoldReason = types.HoldReason

    # ---- hooks

    def setup(self) -> None:
        """Compute the limits of the hooks."""
        self.limits = hook_limits(int(self.hook_weight.ref_time))

    def on_initialize(self, number: int) -> int:
        """Settle what is due, end disputes and authorisations, and remove old payments.

        The keys that all payments of a block share are charged here, not by each payment.
        """
        del number
        limits = self.limits
        settled = self.settlement.settle_due(limits.batches)
        used = IDLE + weight_of([weights.settle_due], settled)
        if not self.timers.nothing_due():
            used += end_weight(self.disputes.end_phases(limits.disputes)) + self.end_cards(limits)
        room = int(self.hook_weight.ref_time) - used - PRUNE_COSTS.first
        pruned = self.payments.prune(self.disputes.forget, room)
        return used + (weights.prune(*pruned) if any(pruned) else 0)

    # ---- calls

    @call(0, weight=weights.REGISTER)
    def register(
        self, origin: Origin, category: Category, currency: Currency, plan: u8, meta: HashOf
    ) -> None:
        """Register the caller as a merchant; the bond is put on hold."""
        self.merchants.register(origin.signed(), category, currency, plan, meta)

    @call(1, weight=weights.CONFIGURE)
    def configure(
        self,
        origin: Origin,
        currency: Currency,
        plan: u8,
        policy: u16 | None,
        till_keys: Tills,
        meta: HashOf,
    ) -> None:
        """Replace the caller's configuration as a merchant."""
        who = origin.signed()
        self.payer_rules.ensure_choice(self.merchants, who, policy)
        self.merchants.configure(
            who, currency=currency, plan=plan, policy=policy, till_keys=till_keys, meta=meta
        )

    @call(2, weight=weights.BOND_EXTRA)
    def bond_extra(self, origin: Origin, amount: CompactBalanceOf) -> None:
        """Add to the caller's bond as a merchant."""
        self.merchants.bond_extra(origin.signed(), u128(amount))

    @call(3, weight=weights.CLOSE)
    def close(self, origin: Origin) -> None:
        """Stop accepting payments; a second call, 15 days later, releases the bond."""
        who = origin.signed()
        self.merchants.close(who, is_behind=self.settlement.is_behind())
        if who not in self.merchants.merchants:
            self.payer_rules.forget(who)

    @call(4, weight=weights.pay(MAX_POLICIES, 1, 1))
    def pay(
        self,
        origin: Origin,
        merchant: AccountIdLookupOf,
        units: u128,
        currency: Currency,
        max_btt: CompactBalanceOf,
        reference: Reference,
        memo: H256 | None,
    ) -> PostInfo:
        """Pay `units` minor units of a currency to a merchant, for at most `max_btt` planck.

        An invoice is paid once: it is the 16 random bytes of its reference with the amount.
        """
        made = self.payments.open(
            origin.signed(), lookup(merchant), units, currency, u128(max_btt), reference, memo
        )
        return PAID[made.policies, made.is_first, currency != BTT]

    @call(5, weight=weights.REFUND)
    def refund(self, origin: Origin, payment: PaymentId, amount: CompactBalanceOf) -> None:
        """Give a part of a payment back to the payer. For the merchant and its tills."""
        self.payments.refund(origin.signed(), u64(payment), u128(amount))

    @call(6, weight=weights.DISPUTE)
    def dispute(
        self,
        origin: Origin,
        payment: PaymentId,
        amount: CompactBalanceOf,
        reason: DisputeReason,
        evidence: HashOf,
    ) -> None:
        """Dispute a part of a payment. Origin: its payer, once, within 14 days.

        1 % of the amount is on hold, at least 1 and at most 100 BTT: it is lost only if arbiters
        give the payer nothing. The merchant has 72 hours to answer, or the payer wins.
        """
        self.disputes.open(origin.signed(), payment, u128(amount), reason, evidence)

    @call(7, weight=weights.ANSWER)
    def answer(self, origin: Origin, payment: PaymentId, answer: SomeAnswer) -> None:
        """Accept a dispute, or contest it before arbiters. Origin: the merchant."""
        self.disputes.answer(origin.signed(), payment, answer)

    @call(8, weight=weights.WITHDRAW_DISPUTE)
    def withdraw_dispute(self, origin: Origin, payment: PaymentId) -> None:
        """Withdraw a dispute: the merchant has the money. Origin: the payer.

        The deposit is returned, but goes to the merchant once arbiters were selected.
        """
        self.disputes.withdraw(origin.signed(), payment)

    @call(9, weight=weights.RESOLVE)
    def resolve(self, origin: Origin, payment: PaymentId, to_payer: CompactBalanceOf) -> PostInfo:
        """Answer as an arbiter what part of the amount the payer gets. There is no fee.

        Two equal answers decide, otherwise the median of three.
        """
        self.disputes.judge(origin.signed(), payment, u128(to_payer))
        return PostInfo(pays=False)

    @call(10, weight=weights.SETTLE)
    def settle(self, origin: Origin, bucket: Bucket, merchant: AccountIdLookupOf) -> None:
        """Settle a batch that is due. Any account may call it; blocks do it by themselves."""
        origin.signed()
        self.settlement.settle(bucket, lookup(merchant))

    @call(17, weight=weights.SET_RATES)
    def set_rates(self, origin: Origin, rates: Rates) -> None:
        """Set rates of fees, and rules for merchants; payments already made keep theirs."""
        self.params_origin(origin)
        if rates.problem() is not None:
            raise errors.OutOfCorridor
        self.rates.value = rates
        self.deposit(events.RatesSet(rates))

    @call(18, weight=weights.SET_POLICY)
    def set_policy(self, origin: Origin, scope: SomePolicyScope, policy: Policy | None) -> None:
        """Set or remove a policy that merchants can choose, or that of a category."""
        self.params_origin(origin)
        self.payer_rules.set(scope, policy)

    @call(19, weight=weights.SET_ARBITERS)
    def set_arbiters(self, origin: Origin, arbiters: ArbiterList) -> None:
        """Appoint the arbiters of disputes, and no others; panels already selected stay."""
        self.params_origin(origin)
        self.arbiters.appoint(arbiters)

    @call(20, weight=weights.SUSPEND)
    def suspend(self, origin: Origin, merchant: AccountIdLookupOf, suspended: bool) -> None:
        """Suspend a merchant, or lift its suspension; what is pending settles."""
        self.suspend_origin(origin)
        who = lookup(merchant)
        if suspended:
            self.merchants.suspend(who, Cause.Governance)
        else:
            self.merchants.resume(who)

    @call(22, weight=weights.SET_OWN_POLICY)
    def set_own_policy(self, origin: Origin, policy: Policy | None) -> None:
        """Set or remove the caller's own policy for its payers, as a merchant."""
        self.payer_rules.set_own(self.merchants, origin.signed(), policy)

    @call(23, weight=weights.BOND_ARBITER)
    def bond_arbiter(self, origin: Origin, amount: CompactBalanceOf) -> None:
        """Offer to judge disputes, or add to the bond; governance appoints arbiters."""
        self.arbiters.bond(origin.signed(), u128(amount))

    @call(24, weight=weights.UNBOND_ARBITER)
    def unbond_arbiter(self, origin: Origin) -> None:
        """Stop judging disputes; the bond is released. Not with a seat in an open dispute."""
        self.arbiters.unbond(origin.signed())
