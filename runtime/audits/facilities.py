"""Check of facilities and the hospitals that count: I48."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.audits.state import AuditedState, Finding
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.types import Facility, FacilityState, Kind


def facilities(audited: AuditedState) -> Iterator[Finding]:
    """Check I48: operators are distinct, and hospitals that count are active and old enough."""
    pallet = audited.runtime.pallet(Facilities)
    known = dict(pallet.facilities.items())
    owners = {(found.kind, found.operator): who for who, found in known.items()}
    if len(owners) != len(known) or dict(pallet.by_operator.items()) != owners:
        yield Finding("I48", "facilities are not one of each kind for each recorded operator")
    active = {who: found for who, found in known.items() if is_active_hospital(found)}
    yield from hospitals(audited, {who: int(found.bond) for who, found in active.items()})
    now = audited.runtime.babe.now()
    for who, entry in pallet.roster.hospitals.items():
        age = now - int(active[who].since) if who in active else 0
        if entry.counted and age < pallet.count_after:
            yield Finding("I48", f"{who.hex()}: counts as a hospital, active for {age} slots")


def is_active_hospital(facility: Facility) -> bool:
    """Return True if the facility belongs in the roster of hospitals."""
    return facility.kind is Kind.Hospital and facility.state is FacilityState.Active


def hospitals(audited: AuditedState, active: dict[bytes, int]) -> Iterator[Finding]:
    """Check I48: the roster is the active hospitals, given with their bonds, and adds up."""
    roster = audited.runtime.pallet(Facilities).roster
    tally, entries = roster.tally.value, dict(roster.hospitals.items())
    places = {int(place): who for place, who in roster.roster.items()}
    taken = {int(entry.place): who for who, entry in entries.items()}
    if places != taken or sorted(places) != list(range(len(places))):
        yield Finding("I48", "the roster of hospitals has other places than its entries")
    if sorted(entries) != sorted(active) or int(tally.active) != len(active):
        yield Finding("I48", f"{tally.active} hospitals in the roster, {len(active)} are active")
    counted = sum(entry.counted for entry in entries.values())
    if counted != tally.counted:
        yield Finding("I48", f"{tally.counted} hospitals counted, {counted} are marked so")
    bonds = sum(active.values())
    if bonds != tally.bonds:
        yield Finding("I48", f"{tally.bonds} planck of bonds added up, hospitals have {bonds}")
