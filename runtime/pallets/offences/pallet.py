"""Offences: breaches of the rules by validators, and their penalties.

Other pallets prove an offence and report it here. Offences of one kind in one time slot are
concurrent: k offenders of n validators lose min(1, (3k / n)^2) of what they had at stake, each at
least a hundredth. So an accident costs little, and an offence of a third of the validators, which
endangers finality, costs everything. An offender that was reported first pays the difference when
others follow; no part is paid twice.

The money goes to the treasury; reporters earn nothing. A report is stored for as long as the
offence could be reported again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Final, Protocol

from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Compact, Fixed, TypeName, encode, path, u32, u64, u128
from runtime.frame import Const, DoubleMap, Error, Event, Hasher, Map, Pallet, Value
from runtime.frame.aliases import Account, Balance
from runtime.pallets.authorities.pallet import Authorities
from runtime.pallets.offences import weights

MIN_PART: Final = 100
"""Divisor of the smallest penalty: a hundredth of what is at stake."""
PRUNED_PER_BLOCK: Final = 16


Kind = Annotated[bytes, Fixed(16), TypeName("Kind")]
TimeSlot = Annotated[bytes, TypeName("OpaqueTimeSlot")]


@path("sp_staking::IndividualExposure", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class IndividualExposure:
    """A nominator's amount at stake. This chain has no nominators."""

    who: Account
    value: Annotated[Compact[u128], TypeName("Balance")]


@path("sp_staking::Exposure", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Exposure:
    """An offender's stake in the session of its offence, in planck; all its own."""

    total: Annotated[Compact[u128], TypeName("Balance")]
    own: Annotated[Compact[u128], TypeName("Balance")]
    others: Annotated[
        list[IndividualExposure], TypeName("Vec<IndividualExposure<AccountId, Balance>>")
    ] = field(default_factory=list)


@path(
    "sp_staking::offence::OffenceDetails",
    params={"Reporter": AccountId, "Offender": tuple[AccountId, Exposure]},
)
@dataclass(slots=True)
class OffenceDetails:
    """An offender and the reporters: none if the report was unsigned."""

    offender: Annotated[tuple[AccountId, Exposure], TypeName("Offender")]
    reporters: Annotated[list[AccountId], TypeName("Vec<Reporter>")]


@path("pallet_offences::Charge", params={"Balance": u128})
@dataclass(slots=True)
class Charge:
    """An offender's penalty so far: `charged` planck, as one of `validators` in `session`.

    More than was paid if the stake was too small.
    """

    session: Annotated[u32, TypeName("SessionIndex")]
    validators: u32
    charged: Balance


@path("pallet_offences::Queued")
@dataclass(slots=True)
class Queued:
    """A report in the order of reporting, with the session of the report."""

    session: Annotated[u32, TypeName("SessionIndex")]
    report: Annotated[H256, TypeName("ReportIdOf<T>")]
    kind: Kind
    timeslot: TimeSlot


class Sessions(Protocol):
    """The current session; Session implements it."""

    def session_index(self) -> int:
        """Return its index."""

    def validators_now(self) -> Sequence[AccountId]:
        """Return its validators, in the order of their indices."""

    def is_disabled(self, index: int) -> bool:
        """Return True if a validator is disabled."""

    def shares_now(self) -> Sequence[int]:
        """Return their shares of the blocks."""

    def disable(self, validator_index: int) -> None:
        """Disable a validator in block production for the rest of this session."""


class Offences(Pallet):
    """Breaches of the rules by validators, and their penalties."""

    # ---- constants

    report_epochs: Const[u32]
    """Number of past sessions whose offences can be reported."""

    # ---- dependencies

    sessions: Sessions
    stakes: Authorities

    # ---- storage

    reports = Map(H256, OffenceDetails, hasher=Hasher.Twox64Concat)
    """The reported offences."""
    concurrent_reports_index = DoubleMap(
        Kind, TimeSlot, list[H256], default=[], hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat)
    )
    """The offences of one kind in one time slot, one for each offender."""
    charges = Map(H256, Charge, hasher=Hasher.Twox64Concat)
    """The penalty of each offence so far."""
    queue = Map(u32, Queued, hasher=Hasher.Twox64Concat)
    """The reports in their order, to be removed when they expire."""
    queue_head = Value(u32, default=u32(0))
    """Queue position of the oldest report."""
    queue_tail = Value(u32, default=u32(0))
    """Queue position of the next report."""
    looked_through = Value(u32, default=u32(0))
    """The session whose validators were last checked for offenders."""

    # ---- events

    class Offence(Event, index=0):
        """An offence of this kind was reported for this time slot, in the kind's own unit."""

        kind: Kind
        timeslot: TimeSlot

    # ---- errors

    class DuplicateReport(Error, index=0):
        """The offence was reported before."""

    class TooOld(Error, index=1):
        """The offence is outside the sessions that can be reported now."""

    class NotAtStake(Error, index=2):
        """The account was not an elected validator in that session."""

    # ---- hooks

    def on_initialize(self, number: int) -> int:
        """Disable offenders that a new session includes again, and remove a few expired reports."""
        return self._disable_again() + self._prune()

    # ---- public interface

    def report(
        self,
        kind: bytes,
        session_index: int,
        validator_count: int,
        offender: AccountId,
        time_slot: int,
        reporter: AccountId | None,
    ) -> u128:
        """Slash and disable `offender`, whose offence the caller has proven.

        It was one of `validator_count` validators in session `session_index`. `time_slot` is
        BABE's slot, or GRANDPA's `set_id | round << 64`. Returns the amount taken from all
        concurrent offenders, in planck. Raises DuplicateReport, TooOld, NotAtStake.
        """
        stake = self.check(kind, session_index, offender, time_slot)
        now, timeslot = self.sessions.session_index(), opaque(time_slot)
        report = report_id(kind, timeslot, offender)
        reporters = [] if reporter is None else [reporter]
        self.reports[report] = OffenceDetails((offender, Exposure(stake, stake)), reporters)
        self.charges[report] = Charge(u32(session_index), u32(validator_count), u128(0))
        concurrent = [*(self.concurrent_reports_index.get((kind, timeslot)) or []), report]
        self.concurrent_reports_index[kind, timeslot] = concurrent
        self._remember(Queued(u32(now), report, kind, timeslot))
        taken = sum(self._charge(known, len(concurrent)) for known in concurrent)
        self.stakes.expel(offender)
        self._disable(offender)
        self.deposit(self.Offence(kind, timeslot))
        return u128(taken)

    def check(self, kind: bytes, session_index: int, offender: AccountId, time_slot: int) -> u128:
        """Return the stake of `offender`, in planck, if `report` would be accepted now.

        Raises DuplicateReport, TooOld, NotAtStake.
        """
        now = self.sessions.session_index()
        if session_index > now or self._is_past(session_index, now):
            raise self.TooOld
        if report_id(kind, opaque(time_slot), offender) in self.reports:
            raise self.DuplicateReport
        stake = self.stakes.at_stake(offender, session_index)
        if stake is None:
            raise self.NotAtStake
        return stake

    def concurrent(self, kind: bytes, time_slot: int) -> int:
        """Return the number of offences of this kind that are reported for the same time."""
        return len(self.concurrent_reports_index.get((kind, opaque(time_slot))) or [])

    # ---- internals

    def _disable_again(self) -> int:
        """Disable expelled validators that a new session still includes; return the weight used."""
        now = self.sessions.session_index()
        if now == self.looked_through.value:
            return 0
        self.looked_through.value = u32(now)
        validators = self.sessions.validators_now()
        for offender in [who for who in validators if self.stakes.is_barred(who)]:
            self._disable(offender)
        return weights.disable_again(len(validators))

    def _prune(self) -> int:
        """Remove a few reports that cannot be repeated; return the weight used."""
        head, tail = int(self.queue_head.value), int(self.queue_tail.value)
        now, place = self.sessions.session_index() if head < tail else 0, head
        while place < min(tail, head + PRUNED_PER_BLOCK):
            queued = self.queue[u32(place)]
            if not self._is_past(int(queued.session), now):
                break
            self._forget(queued)
            del self.queue[u32(place)]
            place += 1
        if place > head:
            self.queue_head.value = u32(place)
        return weights.prune(place - head) if place > head else 0

    def _is_past(self, session: int, now: int) -> bool:
        """Return True if offences in `session` can no longer be reported in session `now`."""
        return session + int(self.report_epochs) < now

    def _charge(self, report: H256, offenders: int) -> int:
        """Charge the offender the rest of its penalty for `offenders`; return the amount taken."""
        offender, exposure = self.reports[report].offender
        charge = self.charges[report]
        owed = slash_of(int(exposure.total), offenders, int(charge.validators))
        if owed <= charge.charged:
            return 0
        missing = u128(owed - int(charge.charged))
        charge.charged = u128(owed)
        self.charges[report] = charge
        return int(self.stakes.slash(offender, int(charge.session), missing))

    def _disable(self, offender: AccountId) -> None:
        """Disable the offender if it is a validator now, and if enough others are left.

        Only fewer than a third of them are disabled, with less than half of the blocks: more could
        not stop a majority of offenders, but would stop the chain.
        """
        validators = list(self.sessions.validators_now())
        if offender not in validators:
            return
        place = validators.index(offender)
        if self.sessions.is_disabled(place):
            return
        out = [place, *filter(self.sessions.is_disabled, range(len(validators)))]
        shares = self.sessions.shares_now()
        lost = sum(int(shares[index]) for index in out)
        if 3 * len(out) < len(validators) and 2 * lost < sum(map(int, shares)):
            self.sessions.disable(place)

    def _remember(self, queued: Queued) -> None:
        tail = self.queue_tail.value
        self.queue[tail] = queued
        self.queue_tail.value = tail + 1

    def _forget(self, queued: Queued) -> None:
        del self.reports[queued.report]
        del self.charges[queued.report]
        place = (queued.kind, queued.timeslot)
        known = self.concurrent_reports_index.get(place) or []
        left = [report for report in known if report != queued.report]
        if left:
            self.concurrent_reports_index[place] = left
        else:
            del self.concurrent_reports_index[place]


def slash_of(stake: int, offenders: int, validators: int) -> int:
    """Return an offender's penalty, in planck: min(1, (3k / n)^2), at least a hundredth."""
    share = stake * (3 * offenders) ** 2 // max(1, validators) ** 2
    return min(stake, max(share, stake // MIN_PART))


def opaque(time_slot: int) -> bytes:
    """Return a time slot's bytes: 8 for BABE's slot, 16 for GRANDPA's set and round."""
    return encode(u64, u64(time_slot)) if time_slot <= u64.MAX else encode(u128, u128(time_slot))


def report_id(kind: bytes, timeslot: bytes, offender: AccountId) -> H256:
    """Return the storage key of an offence. Source: pallet_offences, `report_id`."""
    return H256(blake2_256(kind + encode(bytes, timeslot) + offender))
