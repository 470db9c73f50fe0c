"""Operators of facilities: each has at most one facility of a kind."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from runtime.frame import Component, DoubleMap, Map
from runtime.frame.traits import Operators
from runtime.pallets.facilities.types import Facility, Kind


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
