"""Authorities: selection of the validators, which make and finalize blocks, by bonded stake.

A bond is a hold on money, which may overlap a vesting lock. Accounts with a sufficient bond and
session keys may become candidates; every few sessions as many of those with the greatest bonds as
make an even set are elected (`candidates.py`). An election freezes the bonds of the elected: the
frozen amount is at stake for every session of that election, as long as an offence in those
sessions can be reported, and no withdrawal takes an account below it.

Two weights follow. The weight in GRANDPA is the frozen bond alone: finality rests on what can be
slashed. Shares of blocks in BABE combine work and bond, and may change every session. The part that
goes by work grows with the money that the work lost, compared with the bonds and with what authors
get of fees; no operator gets more than its cap of the result.

The candidacy of a validator:

    from      | by                                              | to
    none      | validate                                        | candidate
    candidate | chill, chill_other, a slash below the minimum   | none
    candidate | a greater bond on a full list (Displaced)       | none
    candidate | an election, after absence (Absent)             | none
    candidate | an offence                                      | none, barred for a term

A session is an epoch. Where epochs are skipped sessions last longer, so counting sessions never
shortens the time at stake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Annotated

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Compact, TypeName, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import (
    Const,
    Constant,
    DispatchInfo,
    Origin,
    Part,
    PostInfo,
    ReasonOf,
    Value,
    call,
)
from runtime.frame.aliases import AccountIdLookupOf, CompactBalanceOf
from runtime.frame.origin import OriginKind
from runtime.frame.traits import MutateHold, Operators
from runtime.pallets.authorities import errors, events, weights
from runtime.pallets.authorities.bonds import Bonds
from runtime.pallets.authorities.candidates import CandidateList, Terms
from runtime.pallets.authorities.elections import Elections
from runtime.pallets.authorities.formulas import bond_weights
from runtime.pallets.authorities.genesis import read_genesis
from runtime.pallets.authorities.shares import SharePlanning
from runtime.pallets.authorities.types import (
    HIGHEST_MINIMUM,
    LOWEST_MINIMUM,
    MAX_CANDIDATES,
    MAX_CHUNKS,
    MIN_BOND,
    Absences,
    Ledger,
    NoAbsences,
    NoKeys,
    NoWork,
    SessionKeys,
    WorkScores,
)
from runtime.pallets.balances.types import lookup


def over_elections(call: Callable[[int], int]) -> Callable[..., DispatchInfo]:
    """Return the weight function of a call that reads every remembered election."""

    def weigh(pallet: Authorities, *_: object) -> DispatchInfo:
        return DispatchInfo(call(int(pallet.report_epochs) + 3))

    return weigh


def joining(pallet: Authorities) -> DispatchInfo:
    """Return the weight of `validate` for a full list, searched for the least candidate."""
    return DispatchInfo(weights.validate(int(pallet.max_candidates)))


class Authorities(SharePlanning, events=events, errors=errors):
    """Selection of the validators, which make and finalize blocks, by bonded stake."""

    # ---- constants

    min_validators: Const[u32]
    """Minimum size of the validator set: if fewer can be elected, the old set stays."""
    max_validators: Const[u32]
    """Maximum size of the validator set."""
    unbonding_epochs: Const[u32]
    """Sessions between unbonding and withdrawing."""
    report_epochs: Const[u32]
    """Sessions for which an offence can be reported; fewer than `unbonding_epochs`."""
    reelection_epochs: Const[u32]
    """Sessions between two elections."""
    max_candidates: Const[u32] = u32(MAX_CANDIDATES)
    """Maximum number of candidates; at this limit a new one must exceed the least bond."""
    max_chunks = Constant(u32(MAX_CHUNKS))
    """Maximum number of parts of one bond that are being unbonded."""

    # ---- dependencies

    currency: MutateHold
    keys: SessionKeys = NoKeys()
    work: WorkScores = NoWork()
    absences: Absences = NoAbsences()
    operators: Operators
    treasury: AccountId
    """Account that receives slashed amounts."""

    # ---- storage

    minimum_bond = Value(u128, default=u128(10_000 * BTT))
    """Minimum bond of a candidate, in planck."""
    validator_count = Value(u32)
    """Number of validators to elect; `max_validators` if it was never set."""
    current_session = Value(u32, default=u32(0))
    """Index of the current session."""

    # ---- components

    candidate_list = Part(CandidateList)
    elections = Part(Elections)
    bonds = Part(Bonds)

    # ---- hold reasons

    class HoldReason(IntEnum):
        """Reasons for holds."""

        ValidatorBond = 0
        """The bond of a validator, which is slashed for its offences."""

    reason = ReasonOf(HoldReason.ValidatorBond)
    """Reason of the holds for bonds."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Bond the rows of `bonds` ([[address, planck], ...]); each becomes a candidate.

        `minimumBond` (planck) and `validatorCount` are optional. Session keys are set by Session:
        accounts without keys are not elected. Raises GenesisError.
        """
        found = read_genesis(config, self.min_validators, self.max_validators, self.max_candidates)
        if found.minimum_bond is not None:
            self.minimum_bond.value = found.minimum_bond
        if found.validator_count is not None:
            self.validator_count.value = found.validator_count
        for bond in found.bonds:
            self.bonds.add_at_genesis(bond, self.minimum_bond.value)

    # ---- calls

    @call(0, weight=weights.BOND)
    def bond(self, origin: Origin, amount: CompactBalanceOf) -> None:
        """Bond `amount` planck of the caller. Money that is still vesting can be bonded, too."""
        stash = origin.signed()
        if stash in self.bonds.ledger:
            raise errors.AlreadyBonded
        self.bonds.add(stash, Ledger(u128(0)), amount)

    @call(1, weight=weights.BOND_EXTRA)
    def bond_extra(self, origin: Origin, amount: CompactBalanceOf) -> None:
        """Add `amount` planck to the caller's bond. It counts from the next election on."""
        stash = origin.signed()
        self.bonds.add(stash, self.bonds.of(stash), amount)

    @call(2, weight=over_elections(weights.unbond))
    def unbond(self, origin: Origin, amount: CompactBalanceOf) -> PostInfo:
        """Start unbonding `amount` planck of the caller's bond; it can be slashed until withdrawn.

        More than the active bond means all of it, as does a rest of less than 1 BTT.
        """
        stash = origin.signed()
        ledger = self.bonds.of(stash)
        amount = min(amount, u128(ledger.active))
        if ledger.active - amount < MIN_BOND:
            amount = u128(ledger.active)
        if not amount:
            raise errors.NothingToUnbond
        left = ledger.active - amount
        if stash in self.candidate_list and left < self.minimum_bond.value:
            raise errors.InsufficientBond
        now = self.current_session.value
        due = u32(int(now) + int(self.unbonding_epochs))
        elections = self.bonds.unbond(stash, ledger, amount, due, now)
        self.deposit(events.Unbonded(stash, amount, due))
        return PostInfo(weight=weights.unbond(elections))

    @call(3, weight=over_elections(weights.withdraw_unbonded))
    def withdraw_unbonded(self, origin: Origin) -> PostInfo:
        """Release the caller's unbonded parts that are due and no longer at stake."""
        stash = origin.signed()
        ledger = self.bonds.of(stash)
        before = len(ledger.unlocking)
        elections = self.bonds.withdraw(stash, ledger, self.current_session.value)
        if len(ledger.unlocking) == before:
            raise errors.NothingToWithdraw
        self.bonds.store(stash, ledger)
        return PostInfo(weight=weights.withdraw_unbonded(elections))

    @call(4, weight=joining)
    def validate(self, origin: Origin) -> PostInfo:
        """Make the caller a candidate for this and all later elections, until it chills.

        Requires the minimum bond and session keys. If the list of candidates is full, the candidate
        with the least bond (of equal ones the last by account) is displaced by a greater bond.
        """
        stash = origin.signed()
        bond = u128(self.bonds.of(stash).active)
        if stash in self.candidate_list:
            raise errors.AlreadyCandidate
        if bond < self.minimum_bond.value:
            raise errors.InsufficientBond
        if not self.keys.has_keys(stash):
            raise errors.NoSessionKeys
        if self.is_barred(stash):
            raise errors.Barred
        read = self.candidate_list.make_room(stash, bond)
        del self.candidate_list.barred[stash]
        self.candidate_list.add(stash, bond)
        self.absences.forget(stash)
        self.deposit(events.CandidateAdded(stash))
        return PostInfo(weight=weights.validate(read))

    @call(5, weight=weights.CHILL)
    def chill(self, origin: Origin) -> None:
        """Withdraw the caller's candidacy. A validator stays until the next set takes over."""
        stash = origin.signed()
        if stash not in self.candidate_list:
            raise errors.NotCandidate
        self.candidate_list.chill(stash)

    @call(6, weight=weights.CHILL_OTHER)
    def chill_other(self, origin: Origin, stash: AccountIdLookupOf) -> None:
        """Remove a candidate that could not be elected: its bond is too small, or it has no keys.

        Any signed origin; Root may remove any candidate.
        """
        who, by_root = lookup(stash), origin.kind is OriginKind.ROOT
        if not by_root:
            origin.signed()
        bond = self.candidate_list.candidates.get(who)
        if bond is None:
            raise errors.NotCandidate
        if not by_root and bond >= self.minimum_bond.value and self.keys.has_keys(who):
            raise errors.CannotChillOther
        self.candidate_list.chill(who)

    @call(7, weight=weights.SET_MINIMUM_BOND)
    def set_minimum_bond(self, origin: Origin, amount: CompactBalanceOf) -> None:
        """Set the minimum bond of a candidate, in planck. Root only.

        Candidates with less stay on the list but are not elected.
        """
        origin.root()
        if not LOWEST_MINIMUM <= amount <= HIGHEST_MINIMUM:
            raise errors.OutOfBounds
        self.minimum_bond.value = amount
        self.deposit(events.MinimumBondSet(amount))

    @call(8, weight=weights.SET_VALIDATOR_COUNT)
    def set_validator_count(
        self, origin: Origin, count: Annotated[Compact[u32], TypeName("u32")]
    ) -> None:
        """Set the number of validators to elect, within the chain's bounds. Root only."""
        origin.root()
        if not self.min_validators <= count <= self.max_validators:
            raise errors.OutOfBounds
        self.validator_count.value = count
        self.deposit(events.ValidatorCountSet(count))

    # ---- public interface

    def plan_session(self, index: int) -> list[AccountId] | None:
        """Return the validators of session `index`, the greatest bond first; None if unchanged.

        An election is due every `reelection_epochs` sessions, and at once after an offence. It
        removes absent candidates. If it finds fewer than `min_validators`, the old set stays with
        its exposures, and the next session tries again.
        """
        if not self.elections.is_due(index, int(self.reelection_epochs)):
            return None
        elected = self.candidate_list.elect(self._terms(), self.absences.absent())
        if len(elected) < self.min_validators:
            self.deposit(events.TooFewCandidates(u32(index), u32(len(elected))))
            return None
        if self.elections.record(u32(index), elected):
            self.deposit(events.Elected(u32(index), u32(len(elected))))
        # Also if exposures stay: a validator that had no keys for a while may be back.
        return list(elected)

    @property
    def seats(self) -> int:
        """Number of validators to elect."""
        return int(self.validator_count.get() or self.max_validators)

    def planning_weight(self) -> int:
        """Return the weight of planning now, in picoseconds: it reads all candidates and scores."""
        return weights.plan(int(self.candidate_list.counter_for_candidates.value), self.seats)

    def start_session(self, index: int) -> None:
        """Store `index` as the current session, and remove an election that is past its reports."""
        self.current_session.value = u32(index)
        self.elections.prune(index - int(self.report_epochs))

    def end_session(self, index: int) -> None:
        """Do nothing: all changes happen at the start of the next session."""

    def babe_weights(self, validators: Sequence[AccountId]) -> list[u64]:
        """Return the shares of blocks in the newest planned session, each at least 1.

        They combine work and the amounts at stake, without the slashed part.
        """
        at_stake = [exposure.left for exposure in map(self.elections.newest, validators)]
        operators = [self.operators.operator_of(stash) for stash in validators]
        scores, session = self.work.scores(validators), self.current_session.value + 1
        return self.plan_shares(session, at_stake, scores, operators, self.work.snapshot())

    def grandpa_weights(self, validators: Sequence[AccountId]) -> list[u64]:
        """Return the weights in GRANDPA for the newest planned session, each at least 1.

        They are frozen at the election.
        """
        return bond_weights([int(self.elections.newest(stash).bond) for stash in validators])

    def at_stake(self, validator: AccountId, session: int) -> u128 | None:
        """Return the amount that the election of `session` put at stake for `validator`, in planck.

        None if it was not elected then, or if that election was removed.
        """
        exposure = self.elections.exposures.get((self.elections.election_of(session), validator))
        return None if exposure is None else u128(exposure.bond)

    def slash(self, validator: AccountId, session: int, amount: u128) -> u128:
        """Slash up to `amount` planck of the bond for an offence in `session`; return the amount.

        It goes to the treasury. The limit is what was at stake in that session, for all offences in
        the sessions of one election together, and what is still bonded or being unbonded. The
        active bond is slashed first, then the part unbonded last.
        """
        ledger = self.bonds.ledger.get(validator)
        charged = 0 if ledger is None else self.elections.slash(session, validator, int(amount))
        if ledger is None or not charged:
            return u128(0)
        taken = self.bonds.slash(validator, ledger, charged, self.treasury)
        if validator in self.candidate_list and ledger.active < self.minimum_bond.value:
            self.candidate_list.chill(validator)
        self.deposit(events.Slashed(validator, taken))
        return taken

    def expel(self, validator: AccountId) -> None:
        """Remove an offender from the candidates, bar it for a term, and make an election due.

        The bar also covers the next session, for which it may already be elected.
        """
        if validator in self.candidate_list:
            self.candidate_list.chill(validator)
        until = int(self.current_session.value) + 1 + int(self.reelection_epochs)
        self.candidate_list.barred[validator] = u32(until)
        self.elections.election_due.value = True

    def is_barred(self, validator: AccountId) -> bool:
        """Return True if the account is barred from candidacy for a recent offence."""
        return self.candidate_list.barred[validator] > self.current_session.value

    def connect(self, keys: SessionKeys, absences: Absences, work: WorkScores) -> None:
        """Connect the pallets of session keys, block production and work."""
        self.keys, self.absences, self.work = keys, absences, work

    def bonded(self, stash: AccountId) -> u128:
        """Return the amount that `stash` has on hold here: the active bond and unbonding parts."""
        ledger = self.bonds.ledger.get(stash)
        return u128(0 if ledger is None else ledger.total)

    def staked_total(self) -> int:
        """Return the sum of all bonds on hold, in planck. Reads every ledger: for queries only."""
        return sum(ledger.total for _, ledger in self.bonds.ledger.items())

    # ---- internals

    def _terms(self) -> Terms:
        """Return the terms of an election now."""
        return Terms(
            self.seats,
            int(self.min_validators),
            self.minimum_bond.value,
            self.keys.has_keys,
            self.operators.operator_of,
        )
