"""Authorities: selection of the validators, which make and finalize blocks, by bonded stake.

A bond is a hold on money, which may overlap a vesting lock. Accounts with a sufficient bond and
session keys may become candidates; every few sessions the candidates with the greatest bonds are
elected. An election freezes the bonds of the elected: the frozen amount is at stake for every
session of that election, as long as an offence in those sessions can be reported, and no withdrawal
takes an account below it.

Two weights follow. The weight in GRANDPA is the frozen bond alone: finality rests on what can be
slashed. The weight in BABE combines work and bond, and may change every session.

A session is an epoch. Where epochs are skipped sessions last longer, so counting sessions never
shortens the time at stake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.scale import Bounded, Compact, TypeName, path, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import (
    Const,
    DispatchError,
    DispatchInfo,
    DoubleMap,
    Error,
    Event,
    GenesisError,
    Hasher,
    Map,
    Origin,
    Pallet,
    PostInfo,
    Reason,
    Section,
    Value,
    call,
)
from runtime.frame.origin import OriginKind
from runtime.pallets.balances import lookup
from runtime.weights import authorities as weights

MAX_CHUNKS: Final = 32
MAX_CANDIDATES: Final = 256
MAX_ELECTIONS: Final = 1_024
"""Maximum number of remembered elections; at this limit the next election waits."""

MIN_BOND: Final = BTT
"""Minimum active bond, in planck: it pays for the storage of the ledger."""
MAX_BOND: Final = u128(10**10 * BTT)
"""Maximum active bond, in planck: the weights of 1,000 such bonds add up to less than 2^64."""
LOWEST_MINIMUM: Final = u128(1_000 * BTT)
HIGHEST_MINIMUM: Final = u128(1_000_000 * BTT)
"""Bounds of the minimum bond of a candidate, in planck."""

PLANCK_PER_VOTE: Final = 10**12
"""Planck of bond per unit of weight in GRANDPA."""

BABE_UNIT: Final = 10**9
WORK_PART: Final = 8 * 10**8
BOND_PART: Final = 2 * 10**8
"""Total weight shared out in BABE, and its parts by work and by bond."""
OMEGA: Final = 4
"""Cap of the work that counts for a validator, as a multiple of its share of all bonds."""
OPERATOR_CAP: Final = BABE_UNIT * 20 // 100
SHARED_CAP: Final = BABE_UNIT * 150 // 100
"""An operator's cap: the first, or the second divided by the number of operators, if greater."""


Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
Stash = Annotated[AccountId, TypeName("T::AccountId")]
Session = Annotated[u32, TypeName("SessionIndex")]


@path("pallet_authorities::UnlockChunk", params={"Balance": u128})
@dataclass(slots=True)
class UnlockChunk:
    """A part of a bond that was unbonded; it can be withdrawn from session `session` on."""

    value: Annotated[Compact[u128], TypeName("Balance")]
    session: Annotated[Compact[u32], TypeName("SessionIndex")]


@path("pallet_authorities::Ledger", params={"Balance": u128})
@dataclass(slots=True)
class Ledger:
    """A stash's active bond and the parts being unbonded. All of it is on hold."""

    active: Annotated[Compact[u128], TypeName("Balance")]
    unlocking: Annotated[
        Bounded[list[UnlockChunk], MAX_CHUNKS], TypeName("BoundedVec<UnlockChunk, MaxChunks>")
    ] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Amount on hold, in planck."""
        return int(self.active) + sum(int(chunk.value) for chunk in self.unlocking)


@path("pallet_authorities::Exposure", params={"Balance": u128})
@dataclass(slots=True)
class Exposure:
    """Amount that an election put at stake for one validator, and the part slashed since."""

    bond: Annotated[Compact[u128], TypeName("Balance")]
    slashed: Annotated[Compact[u128], TypeName("Balance")]

    @property
    def left(self) -> int:
        """Amount that can still be slashed, in planck."""
        return int(self.bond) - int(self.slashed)


class Bonds(Protocol):
    """The hold operations for bonds; Balances implements them. Amounts in planck."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put free balance on hold; raise DispatchError if there is not enough."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Release balance on hold."""

    def transfer_on_hold(
        self,
        reason: Reason,
        source: AccountId,
        dest: AccountId,
        amount: u128,
        *,
        on_hold: bool,
        force: bool,
    ) -> None:
        """Transfer balance on hold; with `force` even the part that a lock needs."""


class SessionKeys(Protocol):
    """Lookup of session keys; Session implements it."""

    def has_keys(self, account: AccountId) -> bool:
        """Return True if `account` has set its session keys."""


class NoKeys:
    """SessionKeys of a chain without sessions: no account has keys, so none is elected."""

    def has_keys(self, account: AccountId) -> bool:
        """Return True if `account` has session keys: never."""
        return False


class WorkScores(Protocol):
    """Scores of verified work, by validator.

    The scores are those of a snapshot two epochs old: work in the epoch that makes the next
    randomness must not change a weight. The implementation chooses the snapshot.
    """

    def scores(self, validators: Sequence[AccountId]) -> Sequence[int]:
        """Return one score, zero or more, for each of `validators`, in their order."""


class NoWork:
    """WorkScores of a chain without work: weights are by bond alone."""

    def scores(self, validators: Sequence[AccountId]) -> Sequence[int]:
        """Return a zero for each of `validators`."""
        return [0] * len(validators)


class Operators(Protocol):
    """Lookup of a validator's operator, to whom the cap on weight applies."""

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the operator's account."""


class OwnOperators:
    """Operators of a chain without identities: every stash is its own operator."""

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the account itself."""
        return account


def withdrawing(pallet: Authorities, *_: object) -> DispatchInfo:
    """Return the weight of a call that may withdraw: it reads every remembered election."""
    return DispatchInfo(weights.unbond(int(pallet.report_epochs) + 3))


def joining(pallet: Authorities) -> DispatchInfo:
    """Return the weight of `validate` for a full list, searched for the least candidate."""
    return DispatchInfo(weights.validate(int(pallet.max_candidates)))


class Authorities(Pallet):
    """Selection of the validators, which make and finalize blocks, by bonded stake."""

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
    max_chunks: Const[u32] = u32(MAX_CHUNKS)
    """Maximum number of parts of one bond that are being unbonded."""
    currency: Bonds
    keys: SessionKeys = NoKeys()
    work: WorkScores = NoWork()
    operators: Operators
    treasury: AccountId
    """Account that receives slashed amounts."""

    ledger = Map(AccountId, Ledger)
    """Bonds, by stash."""
    candidates = Map(AccountId, u128, hasher=Hasher.Twox64Concat)
    """Candidates for election and their active bonds, in planck."""
    counter_for_candidates = Value(u32, default=u32(0))
    """Number of candidates."""
    barred = Map(AccountId, u32, default=u32(0))
    """Barred offenders, and the first session in which each may be a candidate again."""
    minimum_bond = Value(u128, default=u128(10_000 * BTT))
    """Minimum bond of a candidate, in planck."""
    validator_count = Value(u32)
    """Number of validators to elect; `max_validators` if it was never set."""
    current_session = Value(u32, default=u32(0))
    """Index of the current session."""
    last_election = Value(u32)
    """First session of the last election, including an election without changes."""
    election_due = Value(bool, default=False)
    """True if an offence made an early election due for the next planned session."""
    elections = Value(Bounded[list[u32], MAX_ELECTIONS], default=[])
    """First sessions of the elections whose offences can still be reported, in order."""
    exposures = DoubleMap(
        u32, AccountId, Exposure, hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat)
    )
    """Amounts at stake, by first session of the election and validator."""

    class HoldReason(IntEnum):
        """Reasons for holds."""

        ValidatorBond = 0
        """The bond of a validator, which is slashed for its offences."""

    class Bonded(Event, index=0):
        """`amount` planck were added to a bond."""

        stash: Stash
        amount: Amount

    class Unbonded(Event, index=1):
        """A part of a bond was unbonded; it can be withdrawn from `session` on."""

        stash: Stash
        amount: Amount
        session: Session

    class Withdrawn(Event, index=2):
        """Unbonded money was released to the stash's free balance."""

        stash: Stash
        amount: Amount

    class CandidateAdded(Event, index=3):
        """A stash became a candidate for election."""

        stash: Stash

    class Chilled(Event, index=4):
        """A stash is no longer a candidate for election."""

        stash: Stash

    class Displaced(Event, index=5):
        """The list was full, and a new candidate displaced the one with the least bond."""

        stash: Stash
        by: Stash

    class Elected(Event, index=6):
        """`validators` validators were elected, for `session` and later ones."""

        session: Session
        validators: Annotated[u32, TypeName("u32")]

    class TooFewCandidates(Event, index=7):
        """An election failed because only `found` could be elected; the old set stays."""

        session: Session
        found: Annotated[u32, TypeName("u32")]

    class Slashed(Event, index=8):
        """`amount` planck of a bond went to the treasury for an offence."""

        validator: Stash
        amount: Amount

    class MinimumBondSet(Event, index=9):
        """The minimum bond of a candidate was changed."""

        amount: Amount

    class ValidatorCountSet(Event, index=10):
        """The number of validators to elect was changed."""

        count: Annotated[u32, TypeName("u32")]

    class NotBonded(Error, index=0):
        """The account has no bond; `bond` creates one."""

    class AlreadyBonded(Error, index=1):
        """The account has a bond already; `bond_extra` adds to it."""

    class InsufficientBond(Error, index=2):
        """The bond is, or would become, too small; a candidate must keep the minimum bond."""

    class BondTooLarge(Error, index=3):
        """The bond would exceed the maximum that weights can represent."""

    class NoMoreChunks(Error, index=4):
        """Too many parts of the bond are being unbonded; one must become withdrawable first."""

    class NothingToUnbond(Error, index=5):
        """The amount is zero, or no part of the bond is active."""

    class NothingToWithdraw(Error, index=6):
        """No unbonded part is due, or it is still at stake for an earlier election's sessions."""

    class NoSessionKeys(Error, index=7):
        """The account has no session keys; a validator without keys cannot make a block."""

    class AlreadyCandidate(Error, index=8):
        """The account is a candidate already."""

    class NotCandidate(Error, index=9):
        """The account is not a candidate."""

    class CandidatesFull(Error, index=10):
        """The list of candidates is full; only a bond greater than the least one displaces it."""

    class Barred(Error, index=11):
        """The account offended recently and may not be a candidate yet."""

    class CannotChillOther(Error, index=12):
        """The candidate has keys and a sufficient bond; only the candidate itself may chill it."""

    class OutOfBounds(Error, index=13):
        """The value is outside the allowed bounds."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Bond the rows of `bonds` ([[address, planck], ...]); each becomes a candidate.

        `minimumBond` (planck) and `validatorCount` are optional. Session keys are set by Session:
        accounts without keys are not elected. Raises GenesisError.
        """
        section = Section(config, "authorities")
        fields = section.fields(optional=("bonds", "minimumBond", "validatorCount"))
        if "minimumBond" in fields:
            lowest, given = fields["minimumBond"], fields["minimumBond"].planck()
            if not LOWEST_MINIMUM <= given <= HIGHEST_MINIMUM:
                raise lowest.wrong(f"{LOWEST_MINIMUM} to {HIGHEST_MINIMUM} planck")
            self.minimum_bond.value = given
        if "validatorCount" in fields:
            count = fields["validatorCount"].u32()
            if not self.min_validators <= count <= self.max_validators:
                bounds = f"{self.min_validators} to {self.max_validators}"
                raise fields["validatorCount"].wrong(bounds)
            self.validator_count.value = count
        rows = fields["bonds"].rows() if "bonds" in fields else []
        if rows and not self.min_validators <= len(rows) <= self.max_candidates:
            bounds = f"{self.min_validators} to {self.max_candidates} rows, or none"
            raise GenesisError(f"{fields['bonds'].path}: expected {bounds}, found {len(rows)}")
        for row in rows:
            self._genesis_bond(row)

    def _genesis_bond(self, row: Section) -> None:
        account, planck = row.rows(length=2)
        stash, amount = account.account(), planck.planck()
        if stash in self.ledger:
            raise GenesisError(f"{account.path}: this account has a bond already")
        if not self.minimum_bond.value <= amount <= MAX_BOND:
            raise planck.wrong(f"{self.minimum_bond.value} to {MAX_BOND} planck")
        try:
            # Locked money counts too: the hold may overlap a vesting lock.
            self.currency.hold(self.reason, stash, amount)
        except DispatchError:
            raise planck.wrong(
                "no more than the account has, and keeps itself alive without"
            ) from None
        self.ledger[stash] = Ledger(amount)
        self._add_candidate(stash, amount)

    # ---- calls

    @call(0, weight=weights.BOND)
    def bond(self, origin: Origin, amount: CompactAmount) -> None:
        """Bond `amount` planck of the caller. Money that is still vesting can be bonded, too."""
        stash = origin.signed()
        if stash in self.ledger:
            raise self.AlreadyBonded
        self._add_to_bond(stash, Ledger(u128(0)), amount)

    @call(1, weight=weights.BOND_EXTRA)
    def bond_extra(self, origin: Origin, amount: CompactAmount) -> None:
        """Add `amount` planck to the caller's bond. It counts from the next election on."""
        stash = origin.signed()
        self._add_to_bond(stash, self._ledger(stash), amount)

    @call(2, weight=withdrawing)
    def unbond(self, origin: Origin, amount: CompactAmount) -> PostInfo:
        """Start unbonding `amount` planck of the caller's bond; it can be slashed until withdrawn.

        More than the active bond means all of it, as does a rest of less than 1 BTT.
        """
        stash = origin.signed()
        ledger, elections = self._ledger(stash), 0
        amount = min(amount, u128(ledger.active))
        if ledger.active - amount < MIN_BOND:
            amount = u128(ledger.active)
        if not amount:
            raise self.NothingToUnbond
        left = u128(ledger.active - amount)
        if stash in self.candidates and left < self.minimum_bond.value:
            raise self.InsufficientBond
        ledger.active = left
        ripe = u32(int(self.current_session.value) + int(self.unbonding_epochs))
        if ledger.unlocking and ledger.unlocking[-1].session == ripe:
            ledger.unlocking[-1].value += amount
        else:
            if len(ledger.unlocking) >= self.max_chunks:
                elections = self._withdraw(stash, ledger)
            if len(ledger.unlocking) >= self.max_chunks:
                raise self.NoMoreChunks
            ledger.unlocking.append(UnlockChunk(amount, ripe))
        self._store(stash, ledger)
        self.deposit(self.Unbonded(stash, amount, ripe))
        return PostInfo(weight=weights.unbond(elections))

    @call(3, weight=withdrawing)
    def withdraw_unbonded(self, origin: Origin) -> PostInfo:
        """Release the caller's unbonded parts that are due and no longer at stake."""
        stash = origin.signed()
        ledger = self._ledger(stash)
        before = len(ledger.unlocking)
        elections = self._withdraw(stash, ledger)
        if len(ledger.unlocking) == before:
            raise self.NothingToWithdraw
        self._store(stash, ledger)
        return PostInfo(weight=weights.unbond(elections))

    @call(4, weight=joining)
    def validate(self, origin: Origin) -> PostInfo:
        """Make the caller a candidate for this and all later elections, until it chills.

        Requires the minimum bond and session keys. If the list of candidates is full, the candidate
        with the least bond (of equal ones the last by account) is displaced by a greater bond.
        """
        stash = origin.signed()
        bond = u128(self._ledger(stash).active)
        if stash in self.candidates:
            raise self.AlreadyCandidate
        if bond < self.minimum_bond.value:
            raise self.InsufficientBond
        if not self.keys.has_keys(stash):
            raise self.NoSessionKeys
        if self.is_barred(stash):
            raise self.Barred
        looked_at = self._make_room(stash, bond)
        del self.barred[stash]
        self._add_candidate(stash, bond)
        self.deposit(self.CandidateAdded(stash))
        return PostInfo(weight=weights.validate(looked_at))

    @call(5, weight=weights.CHILL)
    def chill(self, origin: Origin) -> None:
        """Withdraw the caller's candidacy. A validator stays until the next set takes over."""
        stash = origin.signed()
        if stash not in self.candidates:
            raise self.NotCandidate
        self._chill(stash)

    @call(6, weight=weights.CHILL_OTHER)
    def chill_other(
        self, origin: Origin, stash: Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
    ) -> None:
        """Remove a candidate that could not be elected: its bond is too small, or it has no keys.

        Any signed origin; Root may remove any candidate.
        """
        who, by_root = lookup(stash), origin.kind is OriginKind.ROOT
        if not by_root:
            origin.signed()
        bond = self.candidates.get(who)
        if bond is None:
            raise self.NotCandidate
        fit = bond >= self.minimum_bond.value and self.keys.has_keys(who)
        if fit and not by_root:
            raise self.CannotChillOther
        self._chill(who)

    @call(7, weight=weights.SET_MINIMUM_BOND)
    def set_minimum_bond(self, origin: Origin, amount: CompactAmount) -> None:
        """Set the minimum bond of a candidate, in planck. Root only.

        Candidates with less stay on the list but are not elected.
        """
        origin.root()
        if not LOWEST_MINIMUM <= amount <= HIGHEST_MINIMUM:
            raise self.OutOfBounds
        self.minimum_bond.value = amount
        self.deposit(self.MinimumBondSet(amount))

    @call(8, weight=weights.SET_VALIDATOR_COUNT)
    def set_validator_count(
        self, origin: Origin, count: Annotated[Compact[u32], TypeName("u32")]
    ) -> None:
        """Set the number of validators to elect, within the chain's bounds. Root only."""
        origin.root()
        if not self.min_validators <= count <= self.max_validators:
            raise self.OutOfBounds
        self.validator_count.value = count
        self.deposit(self.ValidatorCountSet(count))

    # ---- public interface: sessions (called by Session only)

    def plan_session(self, index: int) -> list[AccountId] | None:
        """Return the validators of session `index`, the greatest bond first; None if unchanged.

        An election is due every `reelection_epochs` sessions, and at once after an offence. If it
        finds fewer than `min_validators`, the old set stays with its exposures, and the next
        session tries again.
        """
        last = self.last_election.get()
        due = last is None or self.election_due.value
        due = due or index >= int(last or 0) + int(self.reelection_epochs)
        known = self.elections.value
        if not due or len(known) >= MAX_ELECTIONS:
            return None
        elected = self._elect()
        if len(elected) < self.min_validators:
            self.deposit(self.TooFewCandidates(u32(index), u32(len(elected))))
            return None
        self.last_election.value = u32(index)
        self.election_due.kill()
        if known and self._is_at_stake(known[-1], elected):
            # Exposures are unchanged. But a validator that had no keys for a while may be back.
            return list(elected)
        for stash, bond in elected.items():
            self.exposures[u32(index), stash] = Exposure(bond, u128(0))
        self.elections.value = [*known, u32(index)]
        self.deposit(self.Elected(u32(index), u32(len(elected))))
        return list(elected)

    def planning_weight(self) -> int:
        """Return the weight of planning now, in picoseconds: it reads all candidates and scores."""
        seats = int(self.validator_count.get() or self.max_validators)
        return weights.plan(int(self.counter_for_candidates.value), seats)

    def start_session(self, index: int) -> None:
        """Store `index` as the current session, and remove an election that is past its reports."""
        self.current_session.value = u32(index)
        known = self.elections.value
        if len(known) > 1 and int(known[1]) - 1 + int(self.report_epochs) < index:
            for stash, _ in self.exposures.under(known[0]):
                del self.exposures[known[0], stash]
            self.elections.value = known[1:]

    def end_session(self, index: int) -> None:
        """Do nothing: all changes happen at the start of the next session."""

    def babe_weights(self, validators: Sequence[AccountId]) -> list[u64]:
        """Return the weights in BABE for the newest planned session, each at least 1.

        They combine work and the amounts at stake, without the slashed part.
        """
        at_stake = [exposure.left for exposure in map(self._newest_exposure, validators)]
        operators = [self.operators.operator_of(stash) for stash in validators]
        weights = shared_weights(at_stake, self.work.scores(validators))
        return [u64(weight) for weight in capped_weights(weights, operators)]

    def grandpa_weights(self, validators: Sequence[AccountId]) -> list[u64]:
        """Return the weights in GRANDPA for the newest planned session, each at least 1.

        They are frozen at the election. Raises Overflow if their sum exceeds 64 bits, which bonds
        within their bounds cannot.
        """
        bonds = [int(self._newest_exposure(stash).bond) for stash in validators]
        weights = [u64(max(1, bond // PLANCK_PER_VOTE)) for bond in bonds]
        u64(sum(map(int, weights)))
        return weights

    # ---- public interface: offences

    def at_stake(self, validator: AccountId, session: int) -> u128 | None:
        """Return the amount that the election of `session` put at stake for `validator`, in planck.

        None if it was not elected then, or if that election was removed.
        """
        exposure = self.exposures.get((self._election_of(session), validator))
        return None if exposure is None else u128(exposure.bond)

    def slash(self, validator: AccountId, session: int, amount: u128) -> u128:
        """Slash up to `amount` planck of the bond for an offence in `session`; return the amount.

        It goes to the treasury. The limit is what was at stake in that session, for all offences in
        the sessions of one election together, and what is still bonded or being unbonded. The
        active bond is slashed first, then the part unbonded last.
        """
        election = self._election_of(session)
        exposure, ledger = self.exposures.get((election, validator)), self.ledger.get(validator)
        if exposure is None or ledger is None:
            return u128(0)
        charged = min(int(amount), exposure.left)
        taken = u128(min(charged, ledger.total))
        if not charged:
            return taken
        exposure.slashed += charged
        self.exposures[election, validator] = exposure
        self.currency.transfer_on_hold(
            self.reason, validator, self.treasury, taken, on_hold=False, force=True
        )
        take_from(ledger, int(taken))
        self._store(validator, ledger)
        if validator in self.candidates and ledger.active < self.minimum_bond.value:
            self._chill(validator)
        self.deposit(self.Slashed(validator, taken))
        return taken

    def expel(self, validator: AccountId) -> None:
        """Remove an offender from the candidates, bar it for a term, and make an election due.

        The bar also covers the next session, for which it may already be elected.
        """
        if validator in self.candidates:
            self._chill(validator)
        until = int(self.current_session.value) + 1 + int(self.reelection_epochs)
        self.barred[validator] = u32(until)
        self.election_due.value = True

    def is_barred(self, validator: AccountId) -> bool:
        """Return True if the account is barred from candidacy for a recent offence."""
        return self.barred[validator] > self.current_session.value

    # ---- public interface: the rest

    def lean_on(self, keys: SessionKeys, work: WorkScores | None = None) -> None:
        """Bind the pallets of session keys and of work, which come later in the runtime's table."""
        self.keys = keys
        if work is not None:
            self.work = work

    @property
    def reason(self) -> Reason:
        """Reason of the holds for bonds."""
        return Reason(self.index, self.HoldReason.ValidatorBond)

    def bonded(self, stash: AccountId) -> u128:
        """Return the amount that `stash` has on hold here: the active bond and unbonding parts."""
        ledger = self.ledger.get(stash)
        return u128(0 if ledger is None else ledger.total)

    def staked_total(self) -> int:
        """Return the sum of all bonds on hold, in planck. Reads every ledger: for queries only."""
        return sum(ledger.total for _, ledger in self.ledger.items())

    # ---- internals: bonds

    def _ledger(self, stash: AccountId) -> Ledger:
        ledger = self.ledger.get(stash)
        if ledger is None:
            raise self.NotBonded
        return ledger

    def _store(self, stash: AccountId, ledger: Ledger) -> None:
        """Store a changed bond; an empty one is removed."""
        if ledger.total:
            self.ledger[stash] = ledger
        else:
            del self.ledger[stash]
        if stash in self.candidates:
            self.candidates[stash] = u128(ledger.active)

    def _add_to_bond(self, stash: AccountId, ledger: Ledger, amount: u128) -> None:
        active = int(ledger.active) + int(amount)
        if active < MIN_BOND:
            raise self.InsufficientBond
        if active > MAX_BOND:
            raise self.BondTooLarge
        self.currency.hold(self.reason, stash, amount)
        ledger.active = u128(active)
        self._store(stash, ledger)
        self.deposit(self.Bonded(stash, amount))

    def _withdraw(self, stash: AccountId, ledger: Ledger) -> int:
        """Release the parts that are due, the oldest first; return the number of elections read.

        The rest covers the greatest amount that a remembered election put at stake: the same money
        is at stake for all of them.
        """
        now, elections = self.current_session.value, self.elections.value
        parts = (self.exposures.get((first, stash)) for first in elections)
        needed = max((part.left for part in parts if part is not None), default=0)
        spare, released, kept = ledger.total - needed, 0, []
        for chunk in ledger.unlocking:
            value = int(chunk.value)
            if chunk.session <= now and value <= spare:
                spare -= value
                released += value
            else:
                kept.append(chunk)
        ledger.unlocking = kept
        if released:
            self.currency.release(self.reason, stash, u128(released))
            self.deposit(self.Withdrawn(stash, u128(released)))
        return len(elections)

    # ---- internals: candidates

    def _make_room(self, stash: AccountId, bond: u128) -> int:
        """Displace the least candidate of a full list; return the number of candidates read."""
        if self.counter_for_candidates.value < self.max_candidates:
            return 0
        ranked = self._ranked()
        least, least_bond = ranked[-1]
        if bond <= least_bond:
            raise self.CandidatesFull
        self._remove_candidate(least)
        self.deposit(self.Displaced(least, stash))
        return len(ranked)

    def _ranked(self) -> list[tuple[AccountId, u128]]:
        """Return the candidates and their bonds, the greatest first; equal ones by account."""
        return sorted(self.candidates.items(), key=lambda row: (-int(row[1]), row[0]))

    def _add_candidate(self, stash: AccountId, bond: u128) -> None:
        self.candidates[stash] = bond
        self.counter_for_candidates.value += 1

    def _remove_candidate(self, stash: AccountId) -> None:
        del self.candidates[stash]
        self.counter_for_candidates.value -= 1

    def _chill(self, stash: AccountId) -> None:
        self._remove_candidate(stash)
        self.deposit(self.Chilled(stash))

    # ---- internals: elections

    def _elect(self) -> dict[AccountId, u128]:
        """Return the accounts that would be elected now and their bonds, the greatest first."""
        minimum = self.minimum_bond.value
        seats = int(self.validator_count.get() or self.max_validators)
        elected: dict[AccountId, u128] = {}
        for stash, bond in self._ranked():
            if len(elected) >= seats or bond < minimum:
                break
            if self.keys.has_keys(stash):
                elected[stash] = bond
        return elected

    def _is_at_stake(self, election: u32, elected: Mapping[AccountId, u128]) -> bool:
        """Return True if `election` elected the same accounts with the same bonds, none slashed."""
        parts = dict(self.exposures.under(election))
        whole = all(not part.slashed for part in parts.values())
        return whole and {who: part.bond for who, part in parts.items()} == elected

    def _election_of(self, session: int) -> u32:
        """Return the first session of the election that covers `session`."""
        return max((first for first in self.elections.value if first <= session), default=u32(0))

    def _newest_exposure(self, stash: AccountId) -> Exposure:
        """Return the exposure of `stash` in the newest election that elected it."""
        for first in reversed(self.elections.value):
            exposure = self.exposures.get((first, stash))
            if exposure is not None:
                return exposure
        return Exposure(u128(0), u128(0))


def take_from(ledger: Ledger, amount: int) -> None:
    """Take `amount` out of a bond: from the active part first, then from the newest unbonded."""
    part = min(amount, int(ledger.active))
    ledger.active -= part
    amount -= part
    for chunk in reversed(ledger.unlocking):
        part = min(amount, int(chunk.value))
        chunk.value -= part
        amount -= part
    ledger.unlocking = [chunk for chunk in ledger.unlocking if chunk.value]


def shared_weights(bonds: Sequence[int], scores: Sequence[int]) -> list[int]:
    """Return the weights in BABE before the cap; each is at least 1.

    Four fifths go by work, of which a validator's counts up to `OMEGA` times its share of the
    bonds, and one fifth by bond; without work, all of it goes by bond. `bonds` are in planck.
    """
    all_bonds, all_scores = sum(bonds), sum(scores)
    if not all_bonds:
        return [1] * len(bonds)
    pairs = list(zip(bonds, scores, strict=True))
    counted = [min(score, OMEGA * all_scores * bond // all_bonds) for bond, score in pairs]
    work = sum(counted)
    if not work:
        return [max(1, BABE_UNIT * bond // all_bonds) for bond in bonds]
    return [
        max(1, WORK_PART * part // work + BOND_PART * bond // all_bonds)
        for bond, part in zip(bonds, counted, strict=True)
    ]


def capped_weights(weights: Sequence[int], operators: Sequence[AccountId]) -> list[int]:
    """Return `weights` with each operator's sum clipped once; the excess is not redistributed.

    The cap is a fifth of `BABE_UNIT`, or one and a half of it divided by the number of operators,
    if that is more. An operator's validators are cut in proportion; each keeps at least 1.
    """
    sums: dict[AccountId, int] = {}
    for operator, weight in zip(operators, weights, strict=True):
        sums[operator] = sums.get(operator, 0) + weight
    cap = max(OPERATOR_CAP, SHARED_CAP // max(1, len(sums)))
    return [
        weight if sums[operator] <= cap else max(1, weight * cap // sums[operator])
        for operator, weight in zip(operators, weights, strict=True)
    ]
