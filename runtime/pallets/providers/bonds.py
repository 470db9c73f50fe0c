"""Bonds: the money that providers have on hold for their work, and what is taken of it."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u128
from runtime.frame import Component, Map, Reason, TokenError, TokenErrorKind, Value, bonding
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.providers import errors, events
from runtime.pallets.providers.eras import Calendar
from runtime.pallets.providers.types import Ledger, Params
from runtime.pallets.tokenomics.traits import HeldBurns
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import BPS, FINDER_BPS


class Bonds(Component):
    """Bonds of providers: each method changes one ledger and stores it."""

    ledgers: Map[AccountId, Ledger]
    params: Value[Params]
    _calendar: Calendar
    _currency: Balances
    _burns: HeldBurns
    _reason: Reason
    _unbonding_eras: int
    _max_chunks: int
    _settling_slots: int

    def is_sufficient(self, ledger: Ledger) -> bool:
        """Return True if a bond is at least the minimum."""
        return ledger.bond >= self.params.peek().minimum_bond

    def settled_from(self) -> u32:
        """Return the slot from which a provider that adds bond now can be selected."""
        return u32(self._calendar.slot() + self._settling_slots)

    def open(self, who: AccountId, amount: u128, capacity: u32) -> Ledger:
        """Hold the first bond of a provider; return its ledger, which the caller stores."""
        self._currency.hold(self._reason, who, amount)
        era = u32(self._calendar.era())
        return Ledger(amount, capacity=capacity, last_heartbeat=era,
                      selectable_from=self.settled_from())  # fmt: skip

    def extend(self, who: AccountId, ledger: Ledger, amount: u128) -> None:
        """Add `amount` planck to a bond."""
        self._currency.hold(self._reason, who, amount)
        ledger.active += amount
        ledger.selectable_from = self.settled_from()
        self.ledgers[who] = ledger
        self.deposit(events.Bonded(who, amount))

    def unbond(self, who: AccountId, ledger: Ledger, amount: u128) -> None:
        """Start to unbond `amount` planck. Raises NothingToUnbond, NoMoreChunks."""
        amount = min(amount, u128(ledger.active))
        if not amount:
            raise errors.NothingToUnbond
        due = u32(self._calendar.era() + self._unbonding_eras)
        if not bonding.has_room(ledger, due, self._max_chunks):
            raise errors.NoMoreChunks
        bonding.unbond(ledger, amount, due)
        self.ledgers[who] = ledger
        self.deposit(events.Unbonded(who, amount, due))

    def withdraw(self, who: AccountId, ledger: Ledger) -> None:
        """Release the unbonded parts that are due. Raises NothingToWithdraw."""
        amount = bonding.withdraw(ledger, self._calendar.era())
        if not amount:
            raise errors.NothingToWithdraw
        self._currency.release(self._reason, who, amount)
        self.ledgers[who] = ledger
        self.deposit(events.Withdrawn(who, amount))

    def hold_pay(self, who: AccountId, ledger: Ledger, amount: u128) -> u128:
        """Hold pay as bond, up to the minimum; return the amount. Raises the errors of the hold."""
        room = max(int(self.params.peek().minimum_bond) - ledger.bond, 0)
        part = u128(min(int(amount), room))
        if not part:
            return part
        self._currency.hold(self._reason, who, part)
        ledger.active += part
        self.ledgers[who] = ledger
        self.deposit(events.PayBonded(who, part))
        return part

    def fine(self, who: AccountId, ledger: Ledger, amount: int) -> u128:
        """Burn up to `amount` of the active part and of the parts being unbonded; return it."""
        taken = u128(min(amount, int(ledger.active) + ledger.leaving))
        if not taken:
            return taken
        self._take(who, ledger, taken)
        self._burn(who, taken)
        self.deposit(events.Fined(who, taken))
        return taken

    def slash(
        self, who: AccountId, ledger: Ledger, job: H256, amount: u128, to: AccountId | None
    ) -> u128:
        """Take up to `amount` planck: half is paid to `to`, the rest burned; return the amount.

        The whole is burned if `to` is None, the provider, or an account that so little cannot open.
        """
        taken = u128(min(int(amount), int(ledger.active) + ledger.leaving))
        self._take(who, ledger, taken)
        half = self._reward(who, to, u128(int(taken) * FINDER_BPS // BPS))
        self._burn(who, u128(taken - half))
        self.deposit(events.Slashed(who, job, taken, to if half else None))
        return taken

    def _take(self, who: AccountId, ledger: Ledger, amount: u128) -> None:
        """Take an amount from the active part, then from the parts being unbonded; count it."""
        bonding.take(ledger, int(amount))
        ledger.lost = u128(ledger.lost + amount)
        self.ledgers[who] = ledger

    def _reward(self, who: AccountId, to: AccountId | None, half: u128) -> u128:
        """Move half of a slash to the finder of the fraud; return the amount moved.

        Locked money is excluded: otherwise an owner could free money that is still vesting by
        proving its own fraud from another account.
        """
        if to is None or to == who:
            return u128(0)
        half = min(half, self._currency.unlocked(self._reason, who))
        try:
            self._currency.transfer_on_hold(self._reason, who, to, half, on_hold=False, force=True)
        except TokenError as error:
            if error.kind is not TokenErrorKind.CannotCreate:
                raise
            return u128(0)
        return half

    def _burn(self, who: AccountId, amount: u128) -> None:
        self._burns.destroy_held(self._reason, who, amount, BurnReason.Slash, force=True)
