"""Checks of referrals and of the roots of health records: I44, I47."""

from __future__ import annotations

from collections.abc import Iterator

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.evidence_tree import is_tree_size
from runtime.audits.facilities import facilities
from runtime.audits.holds import values_of
from runtime.audits.incentives import incentives
from runtime.audits.state import AuditedState, FeatureAudit, Finding, HoldRecord
from runtime.features.work import Work
from runtime.pallets.facilities.pallet import Facilities
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
    """Yield the expected holds of facilities, referrals and custodians of health records."""
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


AUDIT = FeatureAudit(checks=(facilities, incentives, referrals, roots), holds=holds)
