"""A hospital town on a runtime: from the appointment to the money."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from btt_chain.care import blind
from btt_chain.care.auditing import Result
from btt_chain.scale import u32
from runtime.frame import signed
from runtime.pallets.incentives import EpochState
from runtime.pallets.incentives import errors as refusals
from support.hospital_town import Region, lifts
from support.incentives import FRIEND, POINT
from support.runtime import refused

LIMIT = 1.5


@pytest.fixture(autouse=True)
def quick_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets of a town's folders are stretched less."""
    monkeypatch.setattr("btt_chain.care.vault.SCRYPT_N", 2)


def live(town: Region, months: int) -> None:
    """Let a town live for some months."""
    for month in range(1, months + 1):
        town.open_month(month)
        if month > 1:
            finish(town, month - 1)
        town.treat_all(month)
    finish(town, months)


def finish(town: Region, month: int) -> None:
    town.close_month(month)
    findings = town.audit_month(month)
    assert {found.result for found in findings} == {Result.PASS}, findings
    town.redeem_month(month)


def test_points_go_from_the_appointment_to_the_money_of_accounts_without_a_name(
    tmp_path: Path,
) -> None:
    with Region.open(tmp_path, facilities=2, patients=4) as town:
        live(town, 1)
        points = sum(each.points for each in town.seen)
        for who, folder in town.folders.items():
            epoch = town.runtime.epoch(who, 1)
            assert epoch.state is EpochState.Audited
            assert epoch.redeemed == epoch.points == folder.points(1)
        assert sum(town.cash_out(patient) for patient in town.patients) == points * POINT
        assert len({each.account for each in town.seen}) == len(town.seen)


def test_vouchers_are_refused_before_their_month_is_closed_and_the_second_time(
    tmp_path: Path,
) -> None:
    with Region.open(tmp_path, facilities=1, patients=2) as town:
        town.open_month(1)
        town.treat_all(1)
        mine, other = (patient.wallet.vouchers()[0].voucher for patient in town.patients)
        incentives = town.runtime.incentives
        with refused(town.runtime, refusals.MonthOpen):
            incentives.redeem(signed(FRIEND), [mine])
        town.close_month(1)
        stolen = replace(mine, redeemer=other.redeemer)
        with refused(town.runtime, refusals.BadSignature):
            incentives.redeem(signed(FRIEND), [stolen])
        incentives.redeem(signed(FRIEND), [mine])
        with refused(town.runtime, refusals.AlreadySpent):
            incentives.redeem(signed(FRIEND), [mine])


def test_keys_stolen_after_closing_make_no_points(tmp_path: Path) -> None:
    """C7: a thief of a closed month's keys can sign, but no more than the month's points."""
    with Region.open(tmp_path, facilities=1, patients=1) as town:
        town.open_month(1)
        town.treat_all(1)
        town.close_month(1)
        town.redeem_month(1)
        (who,) = town.folders
        patient = town.patients[0]
        keys = town.runtime.incentives.epochs.keys[who, u32(1)]
        folder = town.folders[who]
        found = patient.wallet.vouchers()[0].voucher
        forged = replace(found, nonce=bytes(32))
        key = folder._keys(1)[forged.denomination]
        prepared = forged.prefix + forged.message(town.runtime.incentives.genesis_hash())
        made = blind.blind(key.public, prepared)
        signature = blind.finalize(
            key.public, prepared, blind.blind_sign(key, made.message), made.inverse
        )
        assert len(keys) == 4
        with refused(town.runtime, refusals.OverRight):
            town.runtime.incentives.redeem(signed(FRIEND), [replace(forged, signature=signature)])


def test_a_facility_that_invents_activities_fails_its_audit(tmp_path: Path) -> None:
    """C8: a root over leaves whose evidence follows from nothing."""
    with Region.open(tmp_path, facilities=1, patients=12) as town:
        town.open_month(1)
        town.rule = replace(town.rule, base=u32(60 * 3))
        town.treat_all(1)
        town.rule = replace(town.rule, base=u32(60))
        town.close_month(1)
        assert {found.result for found in town.audit_month(1)} == {Result.FAIL}
        (who,) = town.folders
        assert town.runtime.epoch(who, 1).state is EpochState.Failed
        voucher = town.patients[0].wallet.vouchers()[0].voucher
        with refused(town.runtime, refusals.EpochFailed):
            town.runtime.incentives.redeem(signed(FRIEND), [voucher])


def check_town(town: Region) -> None:
    """Check that a town's chain shows no patient, and links none of its accounts."""
    found = lifts(town.seen, town.owners)
    print(len(town.seen), {name: f"{value:.2f}" for name, value in found.items()})
    assert max(found.values()) <= LIMIT
    state = b"".join(key + value for key, value in town.runtime.state.data.items())
    for who, folder in town.folders.items():
        for activity in folder.activities(1):
            hidden = (activity.patient.encode(), activity.leaf.tag, activity.leaf.evidence)
            assert not any(each in state for each in (*hidden, activity.leaf.hash)), who


def test_the_chain_of_a_small_town_links_no_accounts(tmp_path: Path) -> None:
    with Region.open(tmp_path, facilities=2, patients=18) as town:
        live(town, 1)
        check_town(town)


@pytest.mark.full
def test_the_chain_of_a_hospital_town_links_no_accounts(tmp_path: Path) -> None:
    """12 facilities, 3 auditors, 2 insurers, 300 patients, 3 months."""
    with Region.open(tmp_path, facilities=12, patients=300) as town:
        live(town, 3)
        check_town(town)
