"""Merchants: registration, bonds, and limits of merchants without a judged identity.

| state | event | next state |
|---|---|---|
| none | `register` with a bond | Active |
| Active | `suspend`, too many lost disputes, a bond of which they left too little | Suspended |
| Suspended | lifted by governance, or by a full bond if that was the cause | Active |
| Active, Suspended | `close` | Closing |
| Closing | `close` after 15 days and all disputes; the bond is released | none |
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.frame import Component, Map, ReasonOf, TokenError, TokenErrorKind, Value
from runtime.frame.traits import IdentityInspect
from runtime.pallets.payfi import errors, events
from runtime.pallets.payfi.calendar import REFUND_DAYS, Calendar
from runtime.pallets.payfi.fees import DECIMALS
from runtime.pallets.payfi.types import (
    ANALYTICS,
    PLANS,
    Allowance,
    Cause,
    HoldReason,
    Merchant,
    MerchantActive,
    MerchantClosing,
    MerchantSuspended,
    Money,
    Rates,
)
from runtime.pallets.payfi.volumes import Volumes


class Merchants(Component):
    """Registered merchants with their bonds."""

    currency: Money
    people: IdentityInspect
    rates: Value[Rates]
    volumes: Volumes
    calendar: Calendar
    treasury: AccountId
    reason = ReasonOf(HoldReason.Bond)

    merchants = Map(AccountId, Merchant)
    """Registered merchants."""
    allowances = Map(AccountId, Allowance)
    """Amounts that merchants without a judged identity accepted on their last day."""

    # ---- calls

    def register(
        self, who: AccountId, category: u16, currency: bytes, plan: u8, meta: H256
    ) -> None:
        """Register a merchant. Raises AlreadyMerchant, WrongCurrency, UnknownPlan, TokenError."""
        self.currency.ensure_not_pool(who)
        if who in self.merchants:
            raise errors.AlreadyMerchant
        ensure_valid(currency, plan)
        bond = self.rates.peek().bond
        self.currency.hold(self.reason, who, bond)
        self.merchants[who] = Merchant(category, currency, plan, None, bond, [], meta)
        self.volumes.open(who, analytics=bool(plan & ANALYTICS))
        self.deposit(events.Registered(who, category, currency, bond))

    def configure(
        self,
        who: AccountId,
        *,
        currency: bytes,
        plan: u8,
        policy: u16 | None,
        till_keys: list[AccountId],
        meta: H256,
    ) -> None:
        """Replace a merchant's configuration. Raises NotMerchant, WrongCurrency, UnknownPlan."""
        record = self.get(who)
        ensure_valid(currency, plan)
        record.currency, record.plan, record.policy = currency, plan, policy
        record.till_keys, record.meta = till_keys, meta
        self.merchants[who] = record
        self.volumes.set_plan(who, analytics=bool(plan & ANALYTICS))
        self.deposit(events.Configured(who, record.bond))

    def bond_extra(self, who: AccountId, amount: u128) -> None:
        """Add to a bond; a full one lifts a suspension that a missing bond caused."""
        record = self.get(who)
        self.currency.hold(self.reason, who, amount)
        record.bond += amount
        self.deposit(events.Configured(who, record.bond))
        self._lift_if_covered(who, record)
        self.merchants[who] = record

    def close(self, who: AccountId, *, is_behind: bool = False) -> None:
        """Begin or end the closing of a merchant. Raises NotMerchant and NotDue.

        It does not end while settlement `is_behind`: a payment that still waits can be disputed,
        and a dispute needs the record that counts it.
        """
        record = self.get(who)
        if not isinstance(record.state, MerchantClosing):
            until = u64(self.calendar.now() + REFUND_DAYS * self.calendar.day_ms)
            record.state = MerchantClosing(until)
            self.merchants[who] = record
            self.deposit(events.Closing(who, until))
            return
        if self.calendar.now() < record.state.until or record.disputes or is_behind:
            raise errors.NotDue
        self.currency.release(self.reason, who, record.bond)
        del self.merchants[who]
        del self.allowances[who]
        self.volumes.remove(who)
        self.deposit(events.Closed(who, record.bond))

    # ---- public interface

    def get(self, who: AccountId) -> Merchant:
        """Return a merchant's record. Raises NotMerchant."""
        record = self.merchants.get(who)
        if record is None:
            raise errors.NotMerchant
        return record

    def active(self, who: AccountId) -> Merchant:
        """Return the record of a merchant that accepts payments, which must not be changed.

        Raises NotMerchant and NotActive.
        """
        record = self.merchants.peek(who)
        if record is None:
            raise errors.NotMerchant
        if not isinstance(record.state, MerchantActive):
            raise errors.NotActive
        return record

    def acts_for(self, caller: AccountId, merchant: AccountId) -> bool:
        """Return True if `caller` is the merchant or one of its tills."""
        if caller == merchant:
            return True
        record = self.merchants.get(merchant)
        return record is not None and caller in record.till_keys

    def allowance(self, who: AccountId, gross: u128, now: int | None = None) -> Allowance | None:
        """Return the day's volume of an unjudged merchant with a further payment.

        None for a merchant with a judged identity, which has no limits. `now` is the present time,
        if the caller has read it. Raises OverLimit.
        """
        if self.people.verified(who):
            return None
        rates, known = self.rates.peek(), self.allowances.peek(who)
        today, used = self.calendar.day(now), int(gross)
        if known is not None and known.day == today:
            used += int(known.used)
        if gross > rates.unjudged_payment or used > rates.unjudged_day:
            raise errors.OverLimit
        return Allowance(u32(today), u128(used))

    def suspend(self, who: AccountId, cause: Cause) -> None:
        """Suspend a merchant; one that is closing or suspended already stays as it is.

        A suspension that a full bond would lift becomes one that only governance lifts.
        """
        record = self.get(who)
        lasting = cause is not Cause.Bond and record.state == MerchantSuspended(Cause.Bond)
        if lasting or isinstance(record.state, MerchantActive):
            record.state = MerchantSuspended(cause)
            self.merchants[who] = record
            self.deposit(events.Suspended(who, True, cause))

    def resume(self, who: AccountId) -> None:
        """Lift the suspension of a merchant, whatever its cause."""
        record = self.get(who)
        if isinstance(record.state, MerchantSuspended):
            cause = record.state.cause
            record.state = MerchantActive()
            self.merchants[who] = record
            self.deposit(events.Suspended(who, False, cause))

    # ---- public interface: bonds in disputes

    def free_bond(self, who: AccountId) -> u128:
        """Return the part of a bond that no dispute claims; 0 for others than merchants."""
        record = self.merchants.get(who)
        return u128(0) if record is None else record.bond - record.reserved

    def lacks_bond(self, who: AccountId) -> bool:
        """Return True if a merchant has less than half of its bond; False for other accounts."""
        record = self.merchants.get(who)
        return record is not None and 2 * record.bond < self.rates.peek().bond

    def open_dispute(self, who: AccountId, amount: u128 = u128(0)) -> u128:
        """Count an open dispute; reserve up to `amount` of the free bond, and return that part.

        An account that is no longer a merchant has no bond.
        """
        record = self.merchants.get(who)
        if record is None:
            return u128(0)
        part = min(amount, record.bond - record.reserved)
        record.reserved += part
        record.uncovered += amount - part
        record.disputes += 1
        self.merchants[who] = record
        return part

    def close_dispute(
        self,
        who: AccountId,
        reserved: u128,
        payer: AccountId,
        paid: u128,
        *,
        uncovered: u128 = u128(0),
    ) -> None:
        """Count a closed dispute, and free its part of the bond after paying `paid` to the payer.

        `uncovered` is what the bond did not cover when it was opened. Once the bond is full and
        covers all open disputes, a suspension for a missing bond ends. An amount too small to
        create the payer's account goes to the treasury.
        """
        record = self.merchants.get(who)
        if record is None:
            return
        if paid:
            try:
                self._pay_bond(who, payer, paid)
            except TokenError as error:
                if error.kind is not TokenErrorKind.CannotCreate:
                    raise
                self._pay_bond(who, self.treasury, paid)
        record.bond -= paid
        record.reserved -= reserved
        record.uncovered -= uncovered
        record.disputes -= 1
        self._lift_if_covered(who, record)
        self.merchants[who] = record

    # ---- internals

    def _lift_if_covered(self, who: AccountId, record: Merchant) -> None:
        """Lift a suspension for a missing bond if the bond is full and covers all open disputes."""
        full = max(self.rates.peek().bond, record.reserved + record.uncovered)
        if record.state == MerchantSuspended(Cause.Bond) and record.bond >= full:
            record.state = MerchantActive()
            self.deposit(events.Suspended(who, False, Cause.Bond))

    def _pay_bond(self, who: AccountId, to: AccountId, amount: u128) -> None:
        self.currency.transfer_on_hold(self.reason, who, to, amount, on_hold=False)


def ensure_valid(currency: bytes, plan: int) -> None:
    """Raise WrongCurrency or UnknownPlan unless both exist."""
    if currency not in DECIMALS:
        raise errors.WrongCurrency
    if plan & ~PLANS:
        raise errors.UnknownPlan
