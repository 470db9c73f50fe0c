"""A region with hospitals on a runtime: from the appointment to the money."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from btt_chain.care import blind
from btt_chain.care.auditing import Result
from btt_chain.scale import u32
from runtime.frame import signed
from runtime.pallets.incentives import errors as refusals
from runtime.pallets.incentives.types import EpochState
from support.care_region import Region, lifts
from support.incentives import FRIEND, POINT
from support.runtime import refused

LIMIT = 1.5


@pytest.fixture(autouse=True)
def quick_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets of a region's folders are stretched less."""
    monkeypatch.setattr("btt_chain.care.vault.SCRYPT_N", 2)


def live(region: Region, months: int) -> None:
    """Let a region run for some months."""
    for month in range(1, months + 1):
        region.open_month(month)
        if month > 1:
            finish(region, month - 1)
        region.treat_all(month)
    finish(region, months)


def finish(region: Region, month: int) -> None:
    region.close_month(month)
    findings = region.audit_month(month)
    assert {found.result for found in findings} == {Result.PASS}, findings
    region.redeem_month(month)


def test_points_go_from_the_appointment_to_the_money_of_accounts_without_a_name(
    tmp_path: Path,
) -> None:
    with Region.open(tmp_path, facilities=2, patients=4) as region:
        live(region, 1)
        points = sum(each.points for each in region.seen)
        for who, folder in region.folders.items():
            epoch = region.runtime.epoch(who, 1)
            assert epoch.state is EpochState.Audited
            assert epoch.redeemed == epoch.points == folder.points(1)
        assert sum(region.cash_out(patient) for patient in region.patients) == points * POINT
        assert len({each.account for each in region.seen}) == len(region.seen)


def test_vouchers_are_refused_before_their_month_is_closed_and_the_second_time(
    tmp_path: Path,
) -> None:
    with Region.open(tmp_path, facilities=1, patients=2) as region:
        region.open_month(1)
        region.treat_all(1)
        mine, other = (patient.wallet.vouchers()[0].voucher for patient in region.patients)
        incentives = region.runtime.incentives
        with refused(region.runtime, refusals.MonthOpen):
            incentives.redeem(signed(FRIEND), [mine])
        region.close_month(1)
        stolen = replace(mine, redeemer=other.redeemer)
        with refused(region.runtime, refusals.BadSignature):
            incentives.redeem(signed(FRIEND), [stolen])
        incentives.redeem(signed(FRIEND), [mine])
        with refused(region.runtime, refusals.AlreadySpent):
            incentives.redeem(signed(FRIEND), [mine])


def test_keys_stolen_after_closing_make_no_points(tmp_path: Path) -> None:
    """C7: a thief of a closed month's keys can sign, but no more than the month's points."""
    with Region.open(tmp_path, facilities=1, patients=1) as region:
        region.open_month(1)
        region.treat_all(1)
        region.close_month(1)
        region.redeem_month(1)
        (who,) = region.folders
        patient = region.patients[0]
        keys = region.runtime.incentives.epochs.keys[who, u32(1)]
        folder = region.folders[who]
        found = patient.wallet.vouchers()[0].voucher
        forged = replace(found, nonce=bytes(32))
        key = folder._keys(1)[forged.denomination]
        prepared = forged.prefix + forged.message(region.runtime.system.genesis_hash())
        made = blind.blind(key.public, prepared)
        signature = blind.finalize(
            key.public, prepared, blind.blind_sign(key, made.message), made.inverse
        )
        assert len(keys) == 4
        with refused(region.runtime, refusals.OverRight):
            region.runtime.incentives.redeem(signed(FRIEND), [replace(forged, signature=signature)])


def test_a_facility_that_invents_activities_fails_its_audit(tmp_path: Path) -> None:
    """C8: a root over leaves whose evidence follows from nothing."""
    with Region.open(tmp_path, facilities=1, patients=12) as region:
        region.open_month(1)
        region.rule = replace(region.rule, base=u32(60 * 3))
        region.treat_all(1)
        region.rule = replace(region.rule, base=u32(60))
        region.close_month(1)
        assert {found.result for found in region.audit_month(1)} == {Result.FAIL}
        (who,) = region.folders
        assert region.runtime.epoch(who, 1).state is EpochState.Failed
        voucher = region.patients[0].wallet.vouchers()[0].voucher
        with refused(region.runtime, refusals.EpochFailed):
            region.runtime.incentives.redeem(signed(FRIEND), [voucher])


def check_region(region: Region) -> None:
    """Check that a region's chain shows no patient, and links none of its accounts."""
    found = lifts(region.seen, region.owners)
    print(len(region.seen), {name: f"{value:.2f}" for name, value in found.items()})
    assert max(found.values()) <= LIMIT
    state = b"".join(key + value for key, value in region.runtime.state.data.items())
    for who, folder in region.folders.items():
        for activity in folder.activities(1):
            hidden = (activity.patient.encode(), activity.leaf.tag, activity.leaf.evidence)
            assert not any(each in state for each in (*hidden, activity.leaf.hash)), who


def test_the_chain_of_a_small_region_links_no_accounts(tmp_path: Path) -> None:
    with Region.open(tmp_path, facilities=2, patients=18) as region:
        live(region, 1)
        check_region(region)


@pytest.mark.full
def test_the_chain_of_a_region_of_hospitals_links_no_accounts(tmp_path: Path) -> None:
    """12 facilities, 3 auditors, 2 insurers, 300 patients, 3 months."""
    with Region.open(tmp_path, facilities=12, patients=300) as region:
        live(region, 3)
        check_region(region)
