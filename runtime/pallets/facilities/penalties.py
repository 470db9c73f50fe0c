"""Penalties: parts of bonds that other pallets take, and their restoration."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame import Component, DoubleMap, Map, Reason, Value
from runtime.frame.traits import Operators
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.facilities import errors, events
from runtime.pallets.facilities.roster import Roster
from runtime.pallets.facilities.types import Bonds, Facility, FacilityState, Kind


class Penalties(Component):
    """Changes of the bonds of registered facilities."""

    facilities: Map[AccountId, Facility]
    bonds: Value[Bonds]
    roster: Roster
    currency: Balances
    reason: Reason
    """The reason of bonds in Balances."""

    def is_bonded(self, who: AccountId) -> bool:
        """Return True if the account is a facility with at least the bond of its kind."""
        facility = self.facilities.get(who)
        return facility is not None and facility.bond >= self.bonds.peek().of(facility.kind)

    def take_bond(self, who: AccountId, amount: u128) -> u128:
        """Take a penalty of up to `amount` off a facility's bond; return what was taken.

        The caller moves it out of the hold. An account without a facility has no bond.
        """
        facility = self.facilities.get(who)
        taken = u128(0) if facility is None else min(amount, facility.bond)
        if facility is not None and taken:
            self._set(who, facility, facility.bond - taken)
        return taken

    def top_up(self, who: AccountId, facility: Facility) -> None:
        """Restore the bond of a facility to that of its kind. Raises BondComplete, TokenError."""
        bond = self.bonds.peek().of(facility.kind)
        if facility.bond >= bond:
            raise errors.BondComplete
        self.currency.hold(self.reason, who, bond - facility.bond)
        self._set(who, facility, bond)

    # ---- internals

    def _set(self, who: AccountId, facility: Facility, bond: u128) -> None:
        if facility.kind is Kind.Hospital and facility.state is FacilityState.Active:
            self.roster.change_bond(facility.bond, bond)
        facility.bond = bond
        self.facilities[who] = facility
        self.deposit(events.BondChanged(who, bond))


class OperatorIndex(Component):
    """The recorded operators, which follow changes of identities when they are compared."""

    facilities: Map[AccountId, Facility]
    by_operator: DoubleMap[Kind, AccountId, AccountId]
    identities: Operators

    def is_taken(self, kind: Kind, operator: AccountId) -> bool:
        """Return True if an operator has a facility of a kind; forget one that is no longer its."""
        owner = self.by_operator.get((kind, operator))
        if owner is None:
            return False
        self.follow(owner, self.facilities[owner])
        return (kind, operator) in self.by_operator

    def follow(self, who: AccountId, facility: Facility) -> bool:
        """Record the present operator. Return True if it has no other facility of the kind."""
        operator = self.identities.operator_of(who)
        if operator == facility.operator:
            return True
        if (facility.kind, operator) in self.by_operator:
            return False
        del self.by_operator[facility.kind, facility.operator]
        facility.operator = operator
        self.by_operator[facility.kind, operator] = who
        self.facilities[who] = facility
        return True
