"""Custodians: facilities with a bond and a key, who anchor roots and sign promises.

| state | call | next state |
|---|---|---|
| none | `register_custodian`: the bond is put on hold | custodian |
| custodian | `leave` | leaving |
| leaving for 30 days, without open demands | `withdraw`: the bond is released | none |

A custodian that leaves can still anchor, and be slashed, until its bond is withdrawn: promises that
it made before are over by then.
"""

from __future__ import annotations

from btt_chain.crypto import ed25519
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u64, u128
from runtime.frame import Component, Map, ReasonOf, Value
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.health_records import errors, events
from runtime.pallets.health_records.types import (
    KEPT_EPOCHS,
    Custodian,
    HoldReason,
    Terms,
    TimedClock,
)
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import BPS, FINDER_BPS


class Custodians(Component):
    """The registered custodians."""

    _currency: Balances
    _fees: Tokenomics
    _facilities: Facilities
    _moments: TimedClock
    _terms: Value[Terms]
    _hour_ms: int
    _slot_ms: int
    reason = ReasonOf(HoldReason.CustodianBond)

    custodians = Map(AccountId, Custodian)
    """Facilities that anchor roots, with their bonds and promise keys."""

    def expect(self, who: AccountId) -> Custodian:
        """Return a custodian. Raises NotCustodian."""
        found = self.custodians.get(who)
        if found is None:
            raise errors.NotCustodian
        return found

    def ensure_may_anchor(self, who: AccountId) -> None:
        """Raise NotCustodian, or LowBond after a slash."""
        if self.expect(who).bond < self._terms.peek().bond:
            raise errors.LowBond

    def register(self, who: AccountId, key: bytes, bond: u128) -> None:
        """Register a facility.

        Raises AlreadyCustodian, NotFacility, BadKey, LowBond, TokenError.
        """
        if who in self.custodians:
            raise errors.AlreadyCustodian
        if not self._facilities.is_any_active(who):
            raise errors.NotFacility
        if not ed25519.is_public(key):
            raise errors.BadKey
        if bond < self._terms.peek().bond:
            raise errors.LowBond
        self._currency.hold(self.reason, who, bond)
        self.custodians[who] = Custodian(bond, key, u64(self._moments.now()))
        self.deposit(events.CustodianRegistered(who, bond))

    def add(self, who: AccountId, amount: u128) -> None:
        """Add to a bond. Raises NotCustodian and TokenError."""
        found = self.expect(who)
        self._currency.hold(self.reason, who, amount)
        found.bond += amount
        self.custodians[who] = found
        self.deposit(events.BondAdded(who, found.bond))

    def leave(self, who: AccountId) -> None:
        """Begin to leave. Raises NotCustodian and AlreadyLeaving."""
        found = self.expect(who)
        if found.leaving is not None:
            raise errors.AlreadyLeaving
        until = u64(self._moments.now() + KEPT_EPOCHS * self._hour_ms // self._slot_ms)
        found.leaving = until
        self.custodians[who] = found
        self.deposit(events.Leaving(who, until))

    def withdraw(self, who: AccountId) -> None:
        """Release the bond of a custodian that left. Raises NotCustodian and NotLeaving."""
        found = self.expect(who)
        if found.leaving is None or self._moments.now() < found.leaving:
            raise errors.NotLeaving
        self._currency.release(self.reason, who, found.bond)
        del self.custodians[who]
        self.deposit(events.Withdrawn(who, found.bond))

    def slash(self, who: AccountId, reporter: AccountId) -> None:
        """Slash a custodian for a broken promise: half to the reporter. Raises LowBond."""
        found = self.expect(who)
        amount = min(found.bond, self._terms.peek().penalty)
        if not amount:
            raise errors.LowBond
        share = u128(int(amount) * FINDER_BPS // BPS)
        self._fees.pay_held(self.reason, who, reporter, share)
        self._fees.destroy_held(self.reason, who, amount - share, BurnReason.Slash, force=True)
        found.bond -= amount
        self.custodians[who] = found
        self.deposit(events.Slashed(who, reporter, amount))
