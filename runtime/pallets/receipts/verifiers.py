"""Verifiers: their bonds, their record of missed votes, and the roster of selectable ones."""

from __future__ import annotations

from collections.abc import Callable

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32, u128
from runtime.frame import Component, Constant, DispatchError, Map, Reason, Section, Value
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.receipts import errors, events
from runtime.pallets.receipts.constants import Rules
from runtime.pallets.receipts.types import (
    MAX_MISSES,
    MAX_VERIFIERS,
    OUTAGE_SLOTS,
    Keys,
    Payer,
    Roster,
    Verifier,
)
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import BPS, FINDER_BPS


class VerifierBonds(Component):
    """The bonded verifiers."""

    finder_share = Constant(u32(FINDER_BPS))
    """Share of a slash for the account that proved it, in basis points; the rest is burned."""
    max_misses = Constant(u32(MAX_MISSES))
    """Number of consecutive missed votes after which a verifier is removed."""
    outage_slots = Constant(u32(OUTAGE_SLOTS))
    """Slots within which missed votes count once: a restart misses all open receipts."""
    max_verifiers = Constant(u32(MAX_VERIFIERS))
    """Maximum number of verifiers."""

    _reason: Reason
    _rules: Rules
    _clock: BeaconClock
    _currency: Balances
    _payer: Payer
    _keys: Keys

    verifiers = Map(AccountId, Verifier)
    """All bonded verifiers, active or leaving."""
    roster = Value(Roster, default=[])
    """Verifiers that can be selected, with bond and slot of the last bonding."""

    def genesis(self, rows: list[Section]) -> None:
        """Bond verifiers; each row is [address, planck]. Raises GenesisError."""
        for row in rows:
            account, amount = row.rows(2)
            who, bond = account.account(), amount.planck()
            if bond < self._rules.minimum_bond:
                raise amount.wrong(f"at least {self._rules.minimum_bond} planck")
            if who in self.verifiers:
                raise account.wrong("each verifier once")
            if len(self.roster.value) >= MAX_VERIFIERS:
                raise row.wrong(f"at most {MAX_VERIFIERS} verifiers")
            try:
                self._add(who, bond)
            except DispatchError as error:
                raise row.wrong(f"an account that can bond so much ({error})") from error

    # ---- calls

    def join(self, who: AccountId, bond: u128) -> None:
        """Bond free balance of an account that is not a verifier; see `Receipts.join`."""
        if bond < self._rules.minimum_bond:
            raise errors.BondTooSmall
        if self._keys.babe_key(who) is None:
            raise errors.NoSessionKeys
        if who in self.verifiers:
            raise errors.AlreadyVerifier
        if len(self.roster.peek()) >= MAX_VERIFIERS:
            raise errors.VerifiersFull
        self._add(who, bond)

    def bond_extra(self, who: AccountId, amount: u128) -> None:
        """Add free balance to a bond; see `Receipts.bond_extra`."""
        found = self._verifier(who)
        self._currency.hold(self._reason, who, amount)
        found.bond, found.since = found.bond + amount, u32(self._clock.now())
        self._store(who, found)
        self.deposit(events.VerifierJoined(who, found.bond))

    def leave(self, who: AccountId) -> None:
        """Stop being a verifier; see `Receipts.leave`."""
        found = self._verifier(who)
        if found.free_at is not None:
            raise errors.NotVerifier
        self._retire(who, found)

    def withdraw(self, who: AccountId, is_seated: Callable[[AccountId], bool]) -> None:
        """Release the bond of a verifier that left and has no seat; see `Receipts.withdraw`."""
        found = self._verifier(who)
        if found.free_at is None or found.free_at > self._clock.now():
            raise errors.StillBonded
        if is_seated(who):
            raise errors.StillBonded
        del self.verifiers[who]
        self._currency.release(self._reason, who, found.bond)
        self.deposit(events.VerifierWithdrew(who, found.bond))

    # ---- public interface

    def note_vote(self, who: AccountId, *, voted: bool) -> None:
        """Note whether a verifier voted; one that repeatedly does not is removed."""
        found = self.verifiers.get(who)
        if found is None or found.free_at is not None:
            return
        now = self._clock.now()
        if not found.misses if voted else found.misses and now < found.missed + OUTAGE_SLOTS:
            return
        found.misses, found.missed = u8(0 if voted else found.misses + 1), u32(now)
        if found.misses >= MAX_MISSES:
            self._retire(who, found)
        else:
            self.verifiers[who] = found

    def slash(
        self,
        receipt: H256,
        who: AccountId,
        amount: int,
        to: AccountId | None,
        *,
        whole: bool = False,
    ) -> None:
        """Take up to `amount` of a bond: half of it (or all) for `to`, the rest is destroyed."""
        found = self.verifiers.get(who)
        if found is None:
            return
        taken = min(amount, int(found.bond))
        gain = 0 if to is None else taken if whole else taken * FINDER_BPS // BPS
        if to is not None:
            self._payer.pay_held(self._reason, who, to, u128(gain))
        rest = u128(taken - gain)
        self._payer.destroy_held(self._reason, who, rest, BurnReason.Slash, force=True)
        found.bond -= taken
        if found.bond < self._rules.minimum_bond and found.free_at is None:
            self._retire(who, found)
        else:
            self._store(who, found)
        self.deposit(events.VerifierSlashed(receipt, who, u128(taken)))

    def total(self) -> int:
        """Return the sum of all bonds, in planck. Reads all: for queries only."""
        return sum(int(verifier.bond) for _, verifier in self.verifiers.items())

    # ---- internals

    def _verifier(self, who: AccountId) -> Verifier:
        found = self.verifiers.get(who)
        if found is None:
            raise errors.NotVerifier
        return found

    def _add(self, who: AccountId, bond: u128) -> None:
        self._currency.hold(self._reason, who, bond)
        self._store(who, Verifier(bond, since=u32(self._clock.now())))
        self.deposit(events.VerifierJoined(who, bond))

    def _store(self, who: AccountId, verifier: Verifier) -> None:
        """Store a verifier, and update the roster of selectable ones."""
        self.verifiers[who] = verifier
        roster = [row for row in self.roster.value if row[0] != who]
        if verifier.free_at is None:
            roster.append((who, verifier.bond, verifier.since))
        self.roster.value = sorted(roster)

    def _retire(self, who: AccountId, verifier: Verifier) -> None:
        until = u32(self._clock.now() + self._rules.unbonding_slots)
        verifier.free_at = until
        self._store(who, verifier)
        self.deposit(events.VerifierLeft(who, until))
