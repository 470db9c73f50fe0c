"""Arbiters: accounts with a bond and a judged identity, appointed by governance.

| state | call | next state |
|---|---|---|
| none | `bond_arbiter` | offers |
| offers | `set_arbiters` with it | can be selected |
| can be selected | `set_arbiters` without it | offers |
| offers, can be selected | `unbond_arbiter`, without a seat; the bond is released | none |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u64, u128
from runtime.constants import BTT
from runtime.frame import Component, Constant, Map, ReasonOf, Value
from runtime.frame.traits import IdentityInspect, MutateHold
from runtime.pallets.payfi import errors, events, panel
from runtime.pallets.payfi.dispute_types import Arbiter, ArbiterList
from runtime.pallets.payfi.types import HoldReason, Payment
from runtime.pallets.tokenomics.traits import HeldBurns
from runtime.pallets.tokenomics.types import BurnReason

BOND: Final = u128(100 * BTT)
FINE: Final = u128(10 * BTT)


class Arbiters(Component):
    """Bonds and seats of arbiters."""

    arbiter_bond = Constant(BOND)
    """Minimum bond of an arbiter, in planck."""
    arbiter_fine = Constant(FINE)
    """Penalty of an arbiter that does not answer in time, in planck."""

    currency: MutateHold
    people: IdentityInspect
    penalties: HeldBurns
    reason = ReasonOf(HoldReason.ArbiterBond)

    arbiters = Value(ArbiterList, default=[])
    """Appointed arbiters, among whom panels are selected."""
    arbiter_bonds = Map(AccountId, Arbiter)
    """Accounts that offer to judge disputes, with bonds and open seats."""

    # ---- calls

    def bond(self, who: AccountId, amount: u128) -> None:
        """Bond an account that offers to judge disputes, or add to its bond.

        Raises NotArbiter for a first bond below the minimum: a record without one would be free.
        """
        record = self.arbiter_bonds.get(who)
        if record is None and amount < BOND:
            raise errors.NotArbiter
        record = record or Arbiter()
        self.currency.hold(self.reason, who, amount)
        record.bond += amount
        self.arbiter_bonds[who] = record
        self.deposit(events.ArbiterBonded(who, record.bond))

    def unbond(self, who: AccountId) -> None:
        """Release a bond, and dismiss the arbiter. Raises NotArbiter, StillSeated."""
        record = self.arbiter_bonds.get(who)
        if record is None:
            raise errors.NotArbiter
        if record.seats:
            raise errors.StillSeated
        appointed = self.arbiters.value
        if who in appointed:
            self.arbiters.value = [one for one in appointed if one != who]
        del self.arbiter_bonds[who]
        self.currency.release(self.reason, who, record.bond)
        self.deposit(events.ArbiterLeft(who, record.bond))

    def appoint(self, arbiters: Sequence[AccountId]) -> None:
        """Replace the list of arbiters. Raises NotArbiter for one that cannot judge."""
        chosen = sorted(dict.fromkeys(arbiters))
        if not all(self.can_judge(who, BOND) for who in chosen):
            raise errors.NotArbiter
        self.arbiters.value = chosen
        self.deposit(events.ArbitersSet(chosen))

    # ---- public interface

    def can_judge(self, who: AccountId, least: u128) -> bool:
        """Return True if the account has a bond of at least `least`, and a judged identity."""
        record = self.arbiter_bonds.get(who)
        return record is not None and record.bond >= least and self.people.verified(who)

    def select(
        self,
        beacon: H256,
        payment: u64,
        round_: int,
        parties: Sequence[AccountId],
        used: Sequence[AccountId],
        wanted: int,
    ) -> list[AccountId]:
        """Select arbiters for a dispute and give them seats.

        None has the operator of a party, or of one in `used`.
        """
        able = [who for who in self.arbiters.peek() if self.can_judge(who, FINE)]
        found = panel.select(
            panel.seed_of(beacon, int(payment), round_),
            able,
            self.people.operator_of,
            barred=[self.people.operator_of(who) for who in (*parties, *used)],
            wanted=wanted,
        )
        for who in found:
            self._count(who, 1)
        return found

    def release(self, arbiters: Sequence[AccountId]) -> None:
        """Take the seats of a dispute away."""
        for who in arbiters:
            self._count(who, -1)

    def fine(self, id: u64, payment: Payment, who: AccountId) -> None:
        """Destroy a part of the bond of an arbiter that did not answer."""
        record = self.arbiter_bonds[who]
        amount = min(FINE, record.bond)
        self.penalties.destroy_held(self.reason, who, amount, BurnReason.Slash, force=True)
        record.bond -= amount
        self.arbiter_bonds[who] = record
        self.deposit(events.ArbiterFined(id, payment.payer, payment.merchant, who, amount))

    # ---- internals

    def _count(self, who: AccountId, change: int) -> None:
        record = self.arbiter_bonds[who]
        record.seats += change
        self.arbiter_bonds[who] = record
