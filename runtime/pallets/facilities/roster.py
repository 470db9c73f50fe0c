"""The active hospitals: a list without gaps, reviewed in turn, and the number that counts.

Whether a hospital counts depends on other records that change without notice: its age, a
registrar's judgement, its operator. So each block reviews a few hospitals, the next ones in the
list; the number of those that count is always at hand.
"""

from __future__ import annotations

from collections.abc import Callable

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.frame import Component, Hasher, Map, Value
from runtime.pallets.facilities import events
from runtime.pallets.facilities.types import (
    Facility,
    FacilityState,
    HospitalEntry,
    HospitalTally,
    Kind,
)


class Roster(Component):
    """The active hospitals, and sums over them."""

    hospitals = Map(AccountId, HospitalEntry)
    """The active hospitals, with their places in `Roster`."""
    roster = Map(u32, AccountId, hasher=Hasher.Twox64Concat)
    """The active hospitals by place: 0 to `Tally.active` - 1."""
    tally = Value(HospitalTally, default=HospitalTally())
    """Sums over the active hospitals."""

    def add(self, who: AccountId, bond: u128) -> None:
        """Add a hospital that became active; it counts after a review."""
        tally = self.tally.value
        self.roster[tally.active] = who
        self.hospitals[who] = HospitalEntry(tally.active, counted=False)
        tally.active += 1
        tally.bonds += bond
        self.tally.value = tally

    def remove(self, who: AccountId, bond: u128) -> None:
        """Remove a hospital that is no longer active; the last one takes its place."""
        entry = self.hospitals[who]
        if entry.counted:
            self._count(who, entry, counted=False)
        tally = self.tally.value
        tally.active -= 1
        tally.bonds -= bond
        last = self.roster[tally.active]
        if last != who:
            moved = self.hospitals[last]
            moved.place = entry.place
            self.hospitals[last], self.roster[entry.place] = moved, last
        del self.roster[tally.active]
        del self.hospitals[who]
        self.tally.value = tally

    def drop(self, who: AccountId, facility: Facility) -> None:
        """Remove a facility that is about to be active no longer, if it is in the roster."""
        if facility.kind is Kind.Hospital and facility.state is FacilityState.Active:
            self.remove(who, facility.bond)

    def change_bond(self, old: u128, new: u128) -> None:
        """Change the bond of an active hospital."""
        tally = self.tally.value
        tally.bonds = tally.bonds - old + new
        self.tally.value = tally

    def review(self, limit: int, may_count: Callable[[AccountId], bool]) -> int:
        """Review up to `limit` hospitals, each at most once; return their number."""
        tally = self.tally.peek()
        active, cursor = int(tally.active), int(tally.cursor)
        number = min(limit, active)
        for place in range(cursor, cursor + number):
            who = self.roster[u32(place % active)]
            entry, counted = self.hospitals[who], may_count(who)
            if entry.counted != counted:
                self._count(who, entry, counted=counted)
        if number:
            tally = self.tally.value
            tally.cursor = u32((cursor + number) % active)
            self.tally.value = tally
        return number

    # ---- internals

    def _count(self, who: AccountId, entry: HospitalEntry, *, counted: bool) -> None:
        entry.counted = counted
        self.hospitals[who] = entry
        tally = self.tally.value
        if counted:
            tally.counted += 1
        else:
            tally.counted -= 1
        self.tally.value = tally
        event = events.HospitalCounted if counted else events.HospitalDropped
        self.deposit(event(who, tally.counted))
