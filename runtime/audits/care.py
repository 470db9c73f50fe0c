"""Checks of referrals, of the roots of health records, and of evaluations: I44, I47, I54."""

from __future__ import annotations

from collections.abc import Iterator

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.evidence_tree import is_tree_size
from runtime.audits.holds import values_of
from runtime.audits.incentives import incentives
from runtime.audits.state import AuditedState, FeatureAudit, Finding, HoldRecord
from runtime.features.work import Work
from runtime.pallets.evaluation.pallet import Evaluation
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.types import Facility, FacilityState, Kind
from runtime.pallets.health_records.pallet import HealthRecords
from runtime.pallets.referral.formulas import returnable
from runtime.pallets.referral.pallet import Referral


def referrals(audited: AuditedState) -> Iterator[Finding]:
    """Check I44: a referral returns no more than half of the fees that nothing else returns."""
    pallet = audited.runtime.pallet(Referral)
    for who, stored in pallet.referees.items():
        referee = pallet.counted(who, stored)
        usage, amount = referee.usage, int(referee.paid)
        bound = returnable(usage)
        if amount > bound:
            yield Finding("I44", f"{who.hex()}: {amount} planck paid, at most {bound} return")
        if usage.lost > usage.spent or usage.mining > usage.lost:
            yield Finding("I44", f"{who.hex()}: {usage.lost} planck lost of {usage.spent} spent")
        if referee.complete and referee.deposit:
            yield Finding("I44", f"{who.hex()}: complete, {referee.deposit} planck on hold")
    owners = [who for _, who in pallet.by_operator.items()]
    if sorted(owners) != sorted(who for who, _ in pallet.referees.items()):
        yield Finding("I44", "referees are not one of each recorded operator")


def roots(audited: AuditedState) -> Iterator[Finding]:
    """Check I47: trees have a fixed height, and a log has one root of an epoch, in order."""
    pallet = audited.runtime.pallet(HealthRecords)
    anchors = pallet.anchors
    newest: dict[tuple[AccountId, int], int] = {}
    for (id, key), batch in anchors.batches.items():
        name, epoch = f"{id.custodian.hex()} {id.kind.name}", int.from_bytes(key, "big")
        if not is_tree_size(int(batch.leaves)):
            yield Finding("I47", f"{name} {epoch}: a tree of {batch.leaves} leaves")
        log = id.custodian, int(id.kind)
        newest[log] = max(newest.get(log, 0), epoch)
    for id, log_ in anchors.logs.items():
        name = f"{id.custodian.hex()} {id.kind.name}"
        if log_.last != newest.get((id.custodian, int(id.kind))):
            yield Finding("I47", f"{name}: the newest root is not of epoch {log_.last}")
        if len(log_.peaks) != int(log_.count).bit_count():
            yield Finding("I47", f"{name}: {len(log_.peaks)} peaks for {log_.count} roots")
    handles = dict(pallet.revocations.revoked.items())
    queued = [handle for _, handle in pallet.revocations.timers.due.items()]
    if sorted(handles) != sorted(queued):
        yield Finding("I47", f"{len(handles)} handles revoked, {len(queued)} will be removed")


def holds(runtime: Work) -> Iterator[HoldRecord]:
    """Yield the expected holds of the pallets of care."""
    registry = runtime.pallet(Facilities)
    for who, facility in registry.facilities.items():
        yield who, registry.reason, int(facility.bond)
    referral, records = runtime.pallet(Referral), runtime.pallet(HealthRecords)
    for (_, referrer), deposit in referral.offers.items():
        yield referrer, referral.reason, int(deposit)
    for referee in values_of(referral.referees):
        yield referee.referrer, referral.reason, int(referee.deposit)
    for who, custodian in records.custodians.custodians.items():
        yield who, records.custodians.reason, int(custodian.bond)
    for demand in dict(records.promises.demands.items()).values():
        yield demand.by, records.promises.reason, int(demand.deposit)
    evaluation = runtime.pallet(Evaluation)
    for labelled in values_of(evaluation.sets):
        yield labelled.owner, evaluation.set_reason, int(labelled.bond)
    for report in dict(evaluation.reports.items()).values():
        yield report.reporter, evaluation.report_reason, int(evaluation.report_bond)


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


def evaluations(audited: AuditedState) -> Iterator[Finding]:
    """Check I54: runs have their reports, as many items counted, and are counted by their sets."""
    pallet = audited.runtime.pallet(Evaluation)
    runs, sets = dict(pallet.runs.items()), dict(pallet.sets.items())
    parts = dict.fromkeys(runs, 0)
    items = dict.fromkeys(runs, 0)
    for number, part in dict(pallet.reports.items()):
        if number not in runs:
            yield Finding("I54", f"a report of run {number}, which is not open")
            continue
        parts[number] += 1
        items[number] += runs[number].items_of(int(part))
    for number, run in runs.items():
        if (parts[number], items[number]) != (int(run.reported), sum(map(int, run.counts))):
            yield Finding("I54", f"run {number}: {parts[number]} reports of {items[number]} items")
    for id, labelled in sets.items():
        found = sum(run.set == id for run in runs.values())
        if found != labelled.runs or labelled.revoked == bool(labelled.bond):
            yield Finding("I54", f"set {id.hex()}: {found} runs, {labelled.bond} planck of bond")


AUDIT = FeatureAudit(checks=(evaluations, facilities, incentives, referrals, roots), holds=holds)
