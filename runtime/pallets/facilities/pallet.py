"""Facilities: hospitals and other registered institutions of health care.

An account with an identity that a registrar judged `KnownGood` applies with a bond; a decision of
the Technical track confirms it. An operator (`Identity.operator_of`) has at most one facility of
each kind.

| state | call | next state |
|---|---|---|
| none | `apply`: the bond is put on hold | Asked |
| Asked | `confirm` | Active |
| Asked | `refuse`, or `leave`: the bond is released | none |
| Active, Left | `suspend`: the bond stays on hold | Suspended |
| Suspended | `suspend(.., false)`: its age begins anew | Active |
| Active | `leave` | Left |
| Suspended for `MaxSuspension` | `leave` | Left |
| Left for `LeaveSlots` | none: the bond is released | none |

A hospital counts for milestones while it is active for `CountAfter` slots, its identity is still
judged `KnownGood`, and its operator has no other hospital. A lost judgement ends the counting until
there is a new one; it does not restart the age, because every change of an identity's data removes
its judgements. A suspension restarts the age.

Invariants: the amount on hold is the sum of the bonds; the roster is the active hospitals; the
number of hospitals is that of the entries counted in it; those have distinct operators.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.iso3166 import is_assigned
from btt_chain.scale import TypeName, u16, u32, u64, u128
from runtime.frame import (
    Const,
    Constant,
    DoubleMap,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    ReasonOf,
    Value,
    call,
    ensure_root,
)
from runtime.frame.aliases import AccountIdLookupOf, HashOf
from runtime.frame.timers import TimerQueues
from runtime.frame.traits import Clock, Judgements
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import lookup
from runtime.pallets.facilities import errors, events, weights
from runtime.pallets.facilities.penalties import OperatorIndex, Penalties
from runtime.pallets.facilities.roster import Roster
from runtime.pallets.facilities.types import REQUESTERS, Bonds, Facility, FacilityState, Kind, Size

LEAVING: Final = 0
"""The timer queue of facilities that left."""
MAX_REVIEWS: Final = 2
MAX_REMOVALS: Final = 8
"""Constants of `Facilities`, described there."""

Region = Annotated[u16, TypeName("Region")]


class Facilities(Pallet, events=events, errors=errors):
    """Hospitals and other registered institutions. Amounts in planck, times in slots."""

    # ---- constants

    count_after: Const[u64]
    """Number of slots after which an active hospital counts for milestones."""
    leave_slots: Const[u64]
    """Number of slots from leaving to the release of the bond."""
    max_suspension: Const[u64]
    """Number of slots after which a suspended facility may leave."""
    max_reviews = Constant(u32(MAX_REVIEWS))
    """Maximum number of hospitals that a block reviews."""
    max_removals = Constant(u32(MAX_REMOVALS))
    """Maximum number of facilities that left and that a block removes."""

    # ---- dependencies

    currency: Balances
    clock: Clock
    identities: Judgements
    technical: OriginCheck = ensure_root
    """Origin that confirms and refuses."""
    suspending: OriginCheck = ensure_root
    """Origin that suspends, and ends suspensions."""
    params_origin: OriginCheck = ensure_root
    """Origin that sets the bonds."""

    # ---- storage

    facilities = Map(AccountId, Facility)
    """The facilities by account."""
    by_operator = DoubleMap(
        Kind, AccountId, AccountId, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat)
    )
    """The account of an operator's facility of a kind."""
    bonds = Value(Bonds, default=Bonds())
    """Bonds of new facilities."""

    # ---- components

    timers = Part(TimerQueues)
    operators = Part(OperatorIndex)
    roster = Part(Roster)
    penalties = Part(Penalties)

    # ---- hold reasons

    class HoldReason(IntEnum):
        """Reasons for which money is on hold."""

        FacilityBond = 0
        """Bond of a facility."""

    reason = ReasonOf(HoldReason.FacilityBond)
    """The reason of bonds in Balances."""

    # ---- hooks

    def on_initialize(self, number: int) -> int:
        """Remove facilities that left long enough ago, and review the next hospitals."""
        del number
        due = self.timers.take(LEAVING, MAX_REMOVALS)
        for entry in due:
            self._end_leave(AccountId(entry))
        return weights.open_block(len(due), self.roster.review(MAX_REVIEWS, self._may_count))

    # ---- calls

    @call(0, weight=weights.APPLY)
    def apply(
        self, origin: Origin, kind: Kind, size: Size, region: Region, sensitive: bool, meta: HashOf
    ) -> None:
        """Apply to be a facility. The bond of the kind is put on hold until it has left.

        `region` is the number of the country by ISO 3166-1, `meta` the hash of a public
        description. `sensitive` is for fields where being a patient is a diagnosis.
        """
        who = origin.signed()
        if who in self.facilities:
            raise errors.AlreadyRegistered
        if not is_assigned(region):
            raise errors.UnknownRegion
        if not self.identities.known_good(who):
            raise errors.NotKnownGood
        operator = self.identities.operator_of(who)
        if self.operators.is_taken(kind, operator):
            raise errors.OperatorTaken
        bond = self.bonds.peek().of(kind)
        self.currency.hold(self.reason, who, bond)

        self.facilities[who] = Facility(
            kind,
            size,
            region,
            sensitive,
            operator,
            bond,
            u64(self.clock.now()),
            FacilityState.Asked,
            meta,
        )
        self.by_operator[kind, operator] = who
        self.deposit(events.Applied(who, kind, bond))

    @call(1, weight=weights.CONFIRM)
    def confirm(self, origin: Origin, who: AccountIdLookupOf) -> None:
        """Confirm a facility: it is active from now on. Origin: the Technical track."""
        self.technical(origin)
        account = lookup(who)
        facility = self._expect(account)
        if facility.state is not FacilityState.Asked:
            raise errors.NotAsked
        if not self.identities.known_good(account):
            raise errors.NotKnownGood
        self._activate(account, facility)
        self.deposit(events.Confirmed(account, facility.kind))

    @call(2, weight=weights.REFUSE)
    def refuse(self, origin: Origin, who: AccountIdLookupOf) -> None:
        """Refuse an application; the bond is released. Origin: the Technical track."""
        self.technical(origin)
        account = lookup(who)
        facility = self._expect(account)
        if facility.state is not FacilityState.Asked:
            raise errors.NotAsked
        self._remove(account, facility)
        self.deposit(events.Refused(account))

    @call(3, weight=weights.UPDATE)
    def update(self, origin: Origin, size: Size, meta: HashOf) -> None:
        """Change the size and the description of the caller's facility; its operator is renewed."""
        who = origin.signed()
        facility = self._expect(who)
        if facility.state is FacilityState.Left:
            raise errors.AlreadyLeft
        self.operators.follow(who, facility)
        facility.size, facility.meta = size, meta
        self.facilities[who] = facility
        self.deposit(events.Updated(who, size, meta))

    @call(4, weight=weights.LEAVE)
    def leave(self, origin: Origin) -> None:
        """Leave. The bond of an application is released at once, others after `LeaveSlots`.

        Until then the facility can still be suspended. A suspended facility can leave once the
        suspension has lasted `MaxSuspension`.
        """
        who = origin.signed()
        facility = self._expect(who)
        match facility.state:
            case FacilityState.Asked:
                self._remove(who, facility)
                self.deposit(events.Removed(who, facility.bond))
                return
            case FacilityState.Left:
                raise errors.AlreadyLeft
            case FacilityState.Suspended if self._age(facility) < self.max_suspension:
                raise errors.StillSuspended
        self.roster.drop(who, facility)
        self._enter(who, facility, FacilityState.Left)
        until = u64(self.clock.now() + int(self.leave_slots))
        self.timers.enter(LEAVING, int(until), H256(who))
        self.deposit(events.Leaving(who, until))

    @call(5, weight=weights.SUSPEND)
    def suspend(self, origin: Origin, who: AccountIdLookupOf, suspended: bool) -> None:
        """Suspend a facility, or end its suspension. Origin: the Technical or Emergency track.

        The bond stays on hold, that of a facility that left included. When the suspension ends,
        the facility is active, and its age begins anew.
        """
        self.suspending(origin)
        account = lookup(who)
        facility = self._expect(account)
        if facility.state is FacilityState.Asked:
            raise errors.NotConfirmed
        if suspended == (facility.state is FacilityState.Suspended):
            raise errors.AlreadySuspended if suspended else errors.NotSuspended
        if suspended:
            self.roster.drop(account, facility)
            self._enter(account, facility, FacilityState.Suspended)
            self.deposit(events.Suspended(account))
        else:
            self._activate(account, facility)
            self.deposit(events.Reinstated(account))

    @call(6, weight=weights.SET_BONDS)
    def set_bonds(
        self, origin: Origin, bonds: Annotated[Bonds, TypeName("Bonds<BalanceOf<T>>")]
    ) -> None:
        """Set the bonds of new facilities. Registered ones keep theirs. Origin: parameters."""
        self.params_origin(origin)
        if not bonds.in_order:
            raise errors.BondsOutOfOrder
        self.bonds.value = bonds
        self.deposit(events.BondsSet(bonds))

    @call(7, weight=weights.TOP_UP)
    def top_up(self, origin: Origin) -> None:
        """Restore the bond of the caller's facility to that of its kind, after a penalty."""
        who = origin.signed()
        facility = self._expect(who)
        if facility.state is FacilityState.Left:
            raise errors.AlreadyLeft
        self.penalties.top_up(who, facility)

    # ---- public interface

    def get(self, who: AccountId) -> Facility | None:
        """Return the facility of an account; None if there is none."""
        return self.facilities.get(who)

    def is_active(self, who: AccountId, kind: Kind) -> bool:
        """Return True if the account is an active facility of a kind, and still `KnownGood`."""
        facility = self.facilities.get(who)
        return (
            facility is not None
            and facility.kind is kind
            and facility.state is FacilityState.Active
            and self.identities.known_good(who)
        )

    def is_any_active(self, who: AccountId) -> bool:
        """Return True if the account is an active facility of any kind, and still `KnownGood`."""
        facility = self.facilities.get(who)
        return facility is not None and self.is_active(who, facility.kind)

    def count(self) -> int:
        """Return the number of hospitals that count for milestones, as of their last reviews."""
        return int(self.roster.tally.peek().counted)

    def is_requester(self, who: AccountId) -> bool:
        """Return True if the account, or its operator, is an active facility of `REQUESTERS`."""
        own = self.facilities.get(who)
        if own is not None and own.kind in REQUESTERS and self.is_active(who, own.kind):
            return True
        operator = self.identities.operator_of(who)
        for kind in REQUESTERS:
            owner = self.by_operator.get((kind, operator))
            # The entry may be of a former part of the operator.
            if (
                owner is not None
                and self.identities.operator_of(owner) == operator
                and self.is_active(owner, kind)
            ):
                return True
        return False

    def voting_bond(self, who: AccountId) -> u128:
        """Return the bond of an active hospital, in planck; 0 for other accounts."""
        facility = self.facilities.get(who) if who in self.roster.hospitals else None
        return u128(0) if facility is None else facility.bond

    def voting_bonds(self) -> u128:
        """Return the sum of `voting_bond` over all accounts, in planck."""
        return self.roster.tally.peek().bonds

    # ---- internals

    def _expect(self, who: AccountId) -> Facility:
        facility = self.facilities.get(who)
        if facility is None:
            raise errors.UnknownFacility
        return facility

    def _age(self, facility: Facility) -> int:
        """Return the number of slots since the present state began."""
        return self.clock.now() - int(facility.since)

    def _enter(self, who: AccountId, facility: Facility, state: FacilityState) -> None:
        facility.state, facility.since = state, u64(self.clock.now())
        self.facilities[who] = facility

    def _activate(self, who: AccountId, facility: Facility) -> None:
        self._enter(who, facility, FacilityState.Active)
        if facility.kind is Kind.Hospital:
            self.roster.add(who, facility.bond)

    def _remove(self, who: AccountId, facility: Facility) -> None:
        """Remove a facility that is not active, and release its bond."""
        self.currency.release(self.reason, who, facility.bond)
        del self.by_operator[facility.kind, facility.operator]
        del self.facilities[who]

    def _end_leave(self, who: AccountId) -> None:
        """Remove a facility that left, unless it was suspended or came back since."""
        facility = self.facilities.get(who)
        if (
            facility is not None
            and facility.state is FacilityState.Left
            and self._age(facility) >= self.leave_slots
        ):
            self._remove(who, facility)
            self.deposit(events.Removed(who, facility.bond))

    def _may_count(self, who: AccountId) -> bool:
        """Return True if an active hospital counts now; record a change of its operator."""
        facility = self._expect(who)
        return (
            self.operators.follow(who, facility)
            and self._age(facility) >= self.count_after
            and self.identities.known_good(who)
        )
