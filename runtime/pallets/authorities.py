"""Authorities: who may make and finalise blocks, by what they have at stake.

Money is bonded by a hold, which may lie under a vesting lock. Who has bonded enough and has
session keys may stand as a candidate; every few sessions those with the greatest bonds are
elected. An election freezes the bonds of the elected: what is frozen is at stake for every
session that the election is for, as long as an offence of those sessions can be reported, and no
withdrawal takes an account below it.

Two weights follow from it. GRANDPA's is the frozen bond alone: finality rests on what can be
taken away. BABE's is work and bond (ruling A7), and may change every session.

A session is an epoch. Where epochs are skipped sessions last longer, so that counting sessions
never shortens what is at stake.
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
"""Elections remembered at most; a chain that reaches it waits with the next one."""

LEAST_BOND: Final = BTT
"""What a bond is at least, so that what is stored for it has its price."""
MAX_BOND: Final = u128(10**10 * BTT)
"""What a bond is at most: the weights of 1,000 such bonds add up to less than 2^64."""
LOWEST_MINIMUM: Final = u128(1_000 * BTT)
HIGHEST_MINIMUM: Final = u128(1_000_000 * BTT)
"""Between these lies what a candidate must have bonded."""

PLANCK_PER_VOTE: Final = 10**12
"""Planck that give one unit of weight in GRANDPA (ruling A10)."""

BABE_UNIT: Final = 10**9
WORK_PART: Final = 8 * 10**8
BOND_PART: Final = 2 * 10**8
"""The weight that is shared out in BABE, and the parts of it for work and for bond."""
OMEGA: Final = 4
"""A validator's work counts up to so many times its share of all bonds."""
OPERATOR_CAP: Final = BABE_UNIT * 20 // 100
SHARED_CAP: Final = BABE_UNIT * 150 // 100
"""One operator weighs at most the first, or the second divided by their number, if that is more."""


Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
Stash = Annotated[AccountId, TypeName("T::AccountId")]
Session = Annotated[u32, TypeName("SessionIndex")]


@path("pallet_authorities::UnlockChunk", params={"Balance": u128})
@dataclass(slots=True)
class UnlockChunk:
    """Money on its way out of a bond: from session `session` on it can be withdrawn."""

    value: Annotated[Compact[u128], TypeName("Balance")]
    session: Annotated[Compact[u32], TypeName("SessionIndex")]


@path("pallet_authorities::Ledger", params={"Balance": u128})
@dataclass(slots=True)
class Ledger:
    """What a stash has bonded, and what of it is on its way out. All of it is on hold."""

    active: Annotated[Compact[u128], TypeName("Balance")]
    unlocking: Annotated[
        Bounded[list[UnlockChunk], MAX_CHUNKS], TypeName("BoundedVec<UnlockChunk, MaxChunks>")
    ] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All that is on hold, in planck."""
        return int(self.active) + sum(int(chunk.value) for chunk in self.unlocking)


@path("pallet_authorities::Exposure", params={"Balance": u128})
@dataclass(slots=True)
class Exposure:
    """What an election put at stake for one of the elected, and what was lost of it since."""

    bond: Annotated[Compact[u128], TypeName("Balance")]
    slashed: Annotated[Compact[u128], TypeName("Balance")]

    @property
    def left(self) -> int:
        """What can still be taken, in planck."""
        return int(self.bond) - int(self.slashed)


class Bonds(Protocol):
    """The money that bonds are made of; Balances satisfies it. Amounts in planck."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put free money on hold; raise DispatchError if there is not enough."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Make what is on hold free again."""

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
        """Move what is on hold; with `force` even what a lock needs."""


class SessionKeys(Protocol):
    """Who has keys to make blocks with; Session satisfies it."""

    def has_keys(self, account: AccountId) -> bool:
        """Tell whether `account` has set its session keys."""


class NoKeys:
    """SessionKeys of a chain without sessions: nobody has any, so nobody is elected."""

    def has_keys(self, account: AccountId) -> bool:
        """Tell that there are none."""
        return False


class WorkScores(Protocol):
    """How much verified work validators did.

    The scores are those of a snapshot two epochs old: no work of the epoch in which the
    randomness of the next is made may move a weight. Which snapshot that is, is kept behind
    this door.
    """

    def scores(self, validators: Sequence[AccountId]) -> Sequence[int]:
        """Return one score, zero or more, for each of `validators`, in their order."""


class NoWork:
    """WorkScores of a chain on which nobody works: weights are by bond alone."""

    def scores(self, validators: Sequence[AccountId]) -> Sequence[int]:
        """Return a zero for each."""
        return [0] * len(validators)


class Operators(Protocol):
    """Who stands behind a validator: a cap on weight is a cap on these."""

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the operator's account."""


class OwnOperators:
    """Operators of a chain without identities: every stash is its own operator."""

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the account itself."""
        return account


def withdrawing(pallet: Authorities, *_: object) -> DispatchInfo:
    """Weigh a call that may withdraw: it asks every election that is remembered."""
    return DispatchInfo(weights.unbond(int(pallet.report_epochs) + 3))


def joining(pallet: Authorities) -> DispatchInfo:
    """Weigh `validate` as if the list were full and the least of it had to be found."""
    return DispatchInfo(weights.validate(int(pallet.max_candidates)))


class Authorities(Pallet):
    """Who may make and finalise blocks, by what they have at stake."""

    min_validators: Const[u32]
    """The set is never smaller: if fewer can be elected, the old set stays."""
    max_validators: Const[u32]
    """The set is never greater."""
    unbonding_epochs: Const[u32]
    """Sessions between unbonding and withdrawing."""
    report_epochs: Const[u32]
    """Sessions for which an offence can be reported; fewer than `unbonding_epochs`."""
    reelection_epochs: Const[u32]
    """Sessions between two elections."""
    max_candidates: Const[u32] = u32(MAX_CANDIDATES)
    """How many candidates there may be; then only a greater bond than the least one's helps."""
    max_chunks: Const[u32] = u32(MAX_CHUNKS)
    """How many parts of one bond may be on their way out."""
    currency: Bonds
    keys: SessionKeys = NoKeys()
    work: WorkScores = NoWork()
    operators: Operators
    treasury: AccountId
    """Takes what is slashed."""

    ledger = Map(AccountId, Ledger)
    """The bonds, by stash."""
    candidates = Map(AccountId, u128, hasher=Hasher.Twox64Concat)
    """Who stands for election, and with what active bond."""
    counter_for_candidates = Value(u32, default=u32(0))
    """How many candidates there are."""
    barred = Map(AccountId, u32, default=u32(0))
    """Offenders, and from which session on they may stand again."""
    minimum_bond = Value(u128, default=u128(10_000 * BTT))
    """What a candidate must have bonded."""
    validator_count = Value(u32)
    """How many are elected; `max_validators` if it was never set."""
    current_session = Value(u32, default=u32(0))
    """The session that runs."""
    last_election = Value(u32)
    """The first session of the last election, whether it changed anything or not."""
    election_due = Value(bool, default=False)
    """Whether the next session that is planned is elected before its time, after an offence."""
    elections = Value(Bounded[list[u32], MAX_ELECTIONS], default=[])
    """The first sessions of the elections whose offences can still be reported, in order."""
    exposures = DoubleMap(
        u32, AccountId, Exposure, hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat)
    )
    """What is at stake, by the election's first session and the validator."""

    class HoldReason(IntEnum):
        """Why money is on hold."""

        ValidatorBond = 0
        """It answers for what a validator does."""

    class Bonded(Event, index=0):
        """Money was added to a bond."""

        stash: Stash
        amount: Amount

    class Unbonded(Event, index=1):
        """A part of a bond is on its way out; it can be withdrawn from `session` on."""

        stash: Stash
        amount: Amount
        session: Session

    class Withdrawn(Event, index=2):
        """Money that was unbonded is free again."""

        stash: Stash
        amount: Amount

    class CandidateAdded(Event, index=3):
        """A stash stands for election."""

        stash: Stash

    class Chilled(Event, index=4):
        """A stash does not stand for election any more."""

        stash: Stash

    class Displaced(Event, index=5):
        """The list was full, and a greater bond took the place of the least."""

        stash: Stash
        by: Stash

    class Elected(Event, index=6):
        """The validators from `session` on were elected."""

        session: Session
        validators: Annotated[u32, TypeName("u32")]

    class TooFewCandidates(Event, index=7):
        """An election failed, because so few could be elected; the old set stays."""

        session: Session
        found: Annotated[u32, TypeName("u32")]

    class Slashed(Event, index=8):
        """Money of a bond went to the treasury for an offence."""

        validator: Stash
        amount: Amount

    class MinimumBondSet(Event, index=9):
        """What a candidate must have bonded was changed."""

        amount: Amount

    class ValidatorCountSet(Event, index=10):
        """How many validators are elected was changed."""

        count: Annotated[u32, TypeName("u32")]

    class NotBonded(Error, index=0):
        """The account has bonded nothing; call bond first."""

    class AlreadyBonded(Error, index=1):
        """The account has a bond already; add to it with bond_extra."""

    class InsufficientBond(Error, index=2):
        """The bond is, or would be, too small; a candidate keeps the minimum until it chills."""

    class BondTooLarge(Error, index=3):
        """The bond would be greater than weights can count."""

    class NoMoreChunks(Error, index=4):
        """Too many parts of the bond are on their way out; wait until one can be withdrawn."""

    class NothingToUnbond(Error, index=5):
        """The amount is zero, or nothing of the bond is active any more."""

    class NothingToWithdraw(Error, index=6):
        """Nothing is ripe yet, or it is still at stake for sessions that you were elected for."""

    class NoSessionKeys(Error, index=7):
        """Set session keys first; a validator without keys cannot make a block."""

    class AlreadyCandidate(Error, index=8):
        """The account is a candidate already."""

    class NotCandidate(Error, index=9):
        """The account is no candidate."""

    class CandidatesFull(Error, index=10):
        """There are as many candidates as there can be; bond more than the least of them."""

    class Barred(Error, index=11):
        """The account offended a short while ago and may not stand yet."""

    class CannotChillOther(Error, index=12):
        """The candidate has keys and a sufficient bond; only itself may chill it."""

    class OutOfBounds(Error, index=13):
        """The value lies outside of what the chain allows."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Bond the rows of `bonds` ([[address, planck], ...]); each is a candidate.

        `minimumBond` (planck) and `validatorCount` may be set. Session keys are Session's part:
        who has none is not elected. Raises GenesisError.
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
            # What is locked counts too: the hold may lie under a vesting lock.
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
        """Bond `amount`. Money that is still vesting can be bonded, too."""
        stash = origin.signed()
        if stash in self.ledger:
            raise self.AlreadyBonded
        self._add_to_bond(stash, Ledger(u128(0)), amount)

    @call(1, weight=weights.BOND_EXTRA)
    def bond_extra(self, origin: Origin, amount: CompactAmount) -> None:
        """Add `amount` to your bond. It counts from the next election on."""
        stash = origin.signed()
        self._add_to_bond(stash, self._ledger(stash), amount)

    @call(2, weight=withdrawing)
    def unbond(self, origin: Origin, amount: CompactAmount) -> PostInfo:
        """Start taking `amount` out of your bond; it can be slashed until you withdraw it.

        More than is active counts as all of it, and so does what would leave hardly anything.
        """
        stash = origin.signed()
        ledger, elections = self._ledger(stash), 0
        amount = min(amount, u128(ledger.active))
        if ledger.active - amount < LEAST_BOND:
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
        """Make free what was unbonded long enough ago and is at stake no more."""
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
        """Stand for election, now and whenever there is one, until you chill.

        It needs the minimum bond and session keys. If the list of candidates is full, the one
        with the least bond (of equal ones the last by account) gives way to a greater bond.
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
        """Stand for election no more. You stay a validator until the next set takes over."""
        stash = origin.signed()
        if stash not in self.candidates:
            raise self.NotCandidate
        self._chill(stash)

    @call(6, weight=weights.CHILL_OTHER)
    def chill_other(
        self, origin: Origin, stash: Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
    ) -> None:
        """Take a candidate off the list that could not be elected: too small a bond, or no keys.

        The chain itself may take any candidate off.
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
        """Set what a candidate must have bonded. Root only.

        Candidates with less stay on the list and are not elected.
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
        """Set how many validators are elected, within what the chain allows. Root only."""
        origin.root()
        if not self.min_validators <= count <= self.max_validators:
            raise self.OutOfBounds
        self.validator_count.value = count
        self.deposit(self.ValidatorCountSet(count))

    # ---- doors: sessions (Session calls these and nobody else)

    def plan_session(self, index: int) -> list[AccountId] | None:
        """Return the validators of session `index`, the greatest bond first; None: as before.

        An election is due every `reelection_epochs` sessions, and at once after an offence. If it
        finds fewer than `min_validators`, the old set stays with what it has at stake, and the
        next session tries again.
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
            # Nothing new is at stake. But one who was without keys for a while may be back.
            return list(elected)
        for stash, bond in elected.items():
            self.exposures[u32(index), stash] = Exposure(bond, u128(0))
        self.elections.value = [*known, u32(index)]
        self.deposit(self.Elected(u32(index), u32(len(elected))))
        return list(elected)

    def planning_weight(self) -> int:
        """Return what planning costs now, in picoseconds: all candidates and scores are read."""
        seats = int(self.validator_count.get() or self.max_validators)
        return weights.plan(int(self.counter_for_candidates.value), seats)

    def start_session(self, index: int) -> None:
        """Note that session `index` runs, and forget an election that cannot matter any more."""
        self.current_session.value = u32(index)
        known = self.elections.value
        if len(known) > 1 and int(known[1]) - 1 + int(self.report_epochs) < index:
            for stash, _ in self.exposures.under(known[0]):
                del self.exposures[known[0], stash]
            self.elections.value = known[1:]

    def end_session(self, index: int) -> None:
        """Nothing hangs on a session's end; what matters happens when the next one starts."""

    def babe_weights(self, validators: Sequence[AccountId]) -> list[u64]:
        """Return the weights in BABE for the newest planned session, each at least 1 (ruling A7).

        By work and by what is at stake; of the latter, what was slashed does not count.
        """
        at_stake = [exposure.left for exposure in map(self._newest_exposure, validators)]
        operators = [self.operators.operator_of(stash) for stash in validators]
        weights = shared_weights(at_stake, self.work.scores(validators))
        return [u64(weight) for weight in capped_weights(weights, operators)]

    def grandpa_weights(self, validators: Sequence[AccountId]) -> list[u64]:
        """Return the weights in GRANDPA for the newest planned session, each at least 1.

        Frozen at the election. Raises Overflow if they add up to more than 64 bits hold, which
        bonds within their bounds cannot.
        """
        bonds = [int(self._newest_exposure(stash).bond) for stash in validators]
        weights = [u64(max(1, bond // PLANCK_PER_VOTE)) for bond in bonds]
        u64(sum(map(int, weights)))
        return weights

    # ---- doors: offences

    def at_stake(self, validator: AccountId, session: int) -> u128 | None:
        """Return what the election of `session` put at stake for `validator`, in planck.

        None if it was not elected then, or if that is forgotten.
        """
        exposure = self.exposures.get((self._election_of(session), validator))
        return None if exposure is None else u128(exposure.bond)

    def slash(self, validator: AccountId, session: int, amount: u128) -> u128:
        """Take up to `amount` planck of the bond for an offence in `session`; return what it took.

        It goes to the treasury. Never more than was at stake in that session, all offences in the
        sessions of one election together; and never more than is still bonded or on its way out.
        The active bond goes first, then what was unbonded last.
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
        """Take an offender off the list, bar it for a term, and have the next session elected.

        The bar covers the next session, too, which it may be chosen for already.
        """
        if validator in self.candidates:
            self._chill(validator)
        until = int(self.current_session.value) + 1 + int(self.reelection_epochs)
        self.barred[validator] = u32(until)
        self.election_due.value = True

    def is_barred(self, validator: AccountId) -> bool:
        """Tell whether the account offended so short a while ago that it may not stand."""
        return self.barred[validator] > self.current_session.value

    # ---- doors: the rest

    def lean_on(self, keys: SessionKeys, work: WorkScores | None = None) -> None:
        """Tie to the pallets of session keys and of work, which stand below in the table."""
        self.keys = keys
        if work is not None:
            self.work = work

    @property
    def reason(self) -> Reason:
        """Why Balances holds the bonds."""
        return Reason(self.index, self.HoldReason.ValidatorBond)

    def bonded(self, stash: AccountId) -> u128:
        """Return what `stash` has on hold here: its active bond and what is on its way out."""
        ledger = self.ledger.get(stash)
        return u128(0 if ledger is None else ledger.total)

    def staked_total(self) -> int:
        """Return all that is on hold here, in planck. Reads every ledger: for looking only."""
        return sum(ledger.total for _, ledger in self.ledger.items())

    # ---- steps: bonds

    def _ledger(self, stash: AccountId) -> Ledger:
        ledger = self.ledger.get(stash)
        if ledger is None:
            raise self.NotBonded
        return ledger

    def _store(self, stash: AccountId, ledger: Ledger) -> None:
        """Store what a bond has become; nothing is stored of an empty one."""
        if ledger.total:
            self.ledger[stash] = ledger
        else:
            del self.ledger[stash]
        if stash in self.candidates:
            self.candidates[stash] = u128(ledger.active)

    def _add_to_bond(self, stash: AccountId, ledger: Ledger, amount: u128) -> None:
        active = int(ledger.active) + int(amount)
        if active < LEAST_BOND:
            raise self.InsufficientBond
        if active > MAX_BOND:
            raise self.BondTooLarge
        self.currency.hold(self.reason, stash, amount)
        ledger.active = u128(active)
        self._store(stash, ledger)
        self.deposit(self.Bonded(stash, amount))

    def _withdraw(self, stash: AccountId, ledger: Ledger) -> int:
        """Release what is ripe, the oldest first; return how many elections were asked.

        What stays behind covers the greatest of what remembered elections put at stake: the same
        money answers for all of them.
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

    # ---- steps: candidates

    def _make_room(self, stash: AccountId, bond: u128) -> int:
        """Displace the least candidate if the list is full; return how many were looked at."""
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

    # ---- steps: elections

    def _elect(self) -> dict[AccountId, u128]:
        """Return who would be elected now, and with what bond, in the order of their rank."""
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
        """Tell whether the elected of `election` were the same, with the same bonds, all whole."""
        parts = dict(self.exposures.under(election))
        whole = all(not part.slashed for part in parts.values())
        return whole and {who: part.bond for who, part in parts.items()} == elected

    def _election_of(self, session: int) -> u32:
        """Return the first session of the election that `session` is of."""
        return max((first for first in self.elections.value if first <= session), default=u32(0))

    def _newest_exposure(self, stash: AccountId) -> Exposure:
        """Return what `stash` has at stake by the newest election that elected it."""
        for first in reversed(self.elections.value):
            exposure = self.exposures.get((first, stash))
            if exposure is not None:
                return exposure
        return Exposure(u128(0), u128(0))


def take_from(ledger: Ledger, amount: int) -> None:
    """Take `amount` out of a bond: of what is active first, then of what was unbonded last."""
    part = min(amount, int(ledger.active))
    ledger.active -= part
    amount -= part
    for chunk in reversed(ledger.unlocking):
        part = min(amount, int(chunk.value))
        chunk.value -= part
        amount -= part
    ledger.unlocking = [chunk for chunk in ledger.unlocking if chunk.value]


def shared_weights(bonds: Sequence[int], scores: Sequence[int]) -> list[int]:
    """Return the weights in BABE before the cap (ruling A7); each is at least 1.

    Four fifths go by work, of which a validator's counts up to `OMEGA` times its share of the
    bonds, and one fifth by bond; all of it by bond where there is no work. `bonds` are in planck.
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
    """Return `weights` with each operator's sum clipped once; what is cut off goes to nobody.

    The cap is a fifth of `BABE_UNIT`, or one and a half of it divided by the operators, if that is
    more. An operator's validators are cut in proportion; each keeps at least 1.
    """
    sums: dict[AccountId, int] = {}
    for operator, weight in zip(operators, weights, strict=True):
        sums[operator] = sums.get(operator, 0) + weight
    cap = max(OPERATOR_CAP, SHARED_CAP // max(1, len(sums)))
    return [
        weight if sums[operator] <= cap else max(1, weight * cap // sums[operator])
        for operator, weight in zip(operators, weights, strict=True)
    ]
