"""The bonds of stashes, which are on hold."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.frame import Component, DispatchError, GenesisError, Map, Reason, bonding
from runtime.frame.traits import MutateHold
from runtime.pallets.authorities import errors, events
from runtime.pallets.authorities.candidates import CandidateList
from runtime.pallets.authorities.elections import Elections
from runtime.pallets.authorities.genesis import GenesisBond
from runtime.pallets.authorities.types import MAX_BOND, MIN_BOND, Ledger


class Bonds(Component):
    """Bonds, by stash: the active part and the parts being unbonded."""

    _currency: MutateHold
    _max_chunks: u32
    _candidates: CandidateList
    _elections: Elections
    _reason: Reason

    ledger = Map(AccountId, Ledger)
    """Bonds, by stash."""

    def of(self, stash: AccountId) -> Ledger:
        """Return the bond of `stash`; raise NotBonded if it has none."""
        ledger = self.ledger.get(stash)
        if ledger is None:
            raise errors.NotBonded
        return ledger

    def store(self, stash: AccountId, ledger: Ledger) -> None:
        """Store a changed bond; an empty one is removed."""
        if ledger.total:
            self.ledger[stash] = ledger
        else:
            del self.ledger[stash]
        self._candidates.update(stash, u128(ledger.active))

    def add(self, stash: AccountId, ledger: Ledger, amount: u128) -> None:
        """Add `amount` planck to a bond. Raises InsufficientBond and BondTooLarge."""
        active = int(ledger.active) + int(amount)
        if active < MIN_BOND:
            raise errors.InsufficientBond
        if active > MAX_BOND:
            raise errors.BondTooLarge
        self._currency.hold(self._reason, stash, amount)
        ledger.active = u128(active)
        self.store(stash, ledger)
        self.deposit(events.Bonded(stash, amount))

    def add_at_genesis(self, bond: GenesisBond, minimum: u128) -> None:
        """Bond a row of the genesis configuration, which becomes a candidate.

        Raises GenesisError.
        """
        stash, amount = bond.stash, bond.amount
        if stash in self.ledger:
            raise GenesisError(f"{bond.account.path}: this account has a bond already")
        if not minimum <= amount <= MAX_BOND:
            raise bond.planck.wrong(f"{minimum} to {MAX_BOND} planck")
        try:
            # Locked money counts too: the hold may overlap a vesting lock.
            self._currency.hold(self._reason, stash, amount)
        except DispatchError:
            raise bond.planck.wrong(
                "no more than the account has, and keeps itself alive without"
            ) from None
        self.ledger[stash] = Ledger(amount)
        self._candidates.add(stash, amount)

    def unbond(self, stash: AccountId, ledger: Ledger, amount: u128, due: u32, session: u32) -> int:
        """Unbond `amount` planck, to be withdrawn from session `due` on.

        Return the number of elections read. A full list is cleared of what is due in `session`, the
        current one, first. Raises NoMoreChunks.
        """
        ledger.active = u128(ledger.active - amount)
        elections = 0
        if not bonding.has_room(ledger, due, self._max_chunks):
            elections = self.withdraw(stash, ledger, session)
        if not bonding.has_room(ledger, due, self._max_chunks):
            raise errors.NoMoreChunks
        bonding.add_chunk(ledger, amount, due)
        self.store(stash, ledger)
        return elections

    def withdraw(self, stash: AccountId, ledger: Ledger, session: u32) -> int:
        """Release the parts that are due in `session`, the oldest first.

        The rest covers what is at stake. Return the number of elections read; the bond must be
        stored then.
        """
        at_stake, elections = self._elections.greatest(stash)
        spare, released, kept = ledger.total - at_stake, 0, []
        for chunk in ledger.unlocking:
            value = int(chunk.value)
            if chunk.due <= session and value <= spare:
                spare -= value
                released += value
            else:
                kept.append(chunk)
        ledger.unlocking = kept
        if released:
            self._currency.release(self._reason, stash, u128(released))
            self.deposit(events.Withdrawn(stash, u128(released)))
        return elections

    def slash(self, stash: AccountId, ledger: Ledger, charged: int, dest: AccountId) -> u128:
        """Move up to `charged` planck of a bond to `dest`; return the amount moved."""
        taken = u128(min(charged, ledger.total))
        self._currency.transfer_on_hold(self._reason, stash, dest, taken, on_hold=False, force=True)
        bonding.take(ledger, int(taken))
        self.store(stash, ledger)
        return taken
