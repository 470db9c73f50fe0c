"""A facility's folder and a patient's wallet: claims and vouchers, and no cheating by either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from btt_chain.care import blind, vault
from btt_chain.care.blind import PrivateKey
from btt_chain.care.errors import CareError, Refusal
from btt_chain.care.evidence import Statement
from btt_chain.care.facility import Activity, FacilityFolder
from btt_chain.care.messages import Answer, Claim, Request, Wanted
from btt_chain.care.wallet import State, Wallet
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.point_voucher import Denomination, is_signed
from btt_chain.store import StoreError
from support.care_programs import (
    CALENDAR,
    CLINIC,
    GENESIS,
    SECRET,
    activity,
    device,
    measured,
    rule,
    some_key,
)

PATIENT = KeyPair.from_uri("//Patient")
MONTH = 2
NOW = 65 * CALENDAR.day_slots


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of the folder come from a few that are made once; secrets are stretched less."""
    monkeypatch.setattr(vault, "SCRYPT_N", 2)
    numbers = iter(range(1_000))
    monkeypatch.setattr(PrivateKey, "generate", lambda: some_key(next(numbers) % 8))


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[FacilityFolder]:
    with FacilityFolder.open(tmp_path / "clinic", SECRET, GENESIS, CLINIC) as folder:
        yield folder


@pytest.fixture
def wallet(tmp_path: Path) -> Iterator[Wallet]:
    with Wallet.open(tmp_path / "wallet", PATIENT, GENESIS) as found:
        yield found


def earned(clinic: FacilityFolder, wallet: Wallet, claim: Claim) -> int:
    keys = clinic.make_keys(claim.month)
    request = wallet.request(claim, keys, CALENDAR, NOW)
    answer = clinic.sign(Request.decode(request.encode()))
    return wallet.accept(claim, Answer.decode(answer.encode()), keys)


def test_a_patient_gets_vouchers_that_the_chain_s_keys_verify(
    clinic: FacilityFolder, wallet: Wallet
) -> None:
    keys = clinic.make_keys(MONTH)
    claim = clinic.confirm(activity(), rule(base=137))
    assert earned(clinic, wallet, claim) == 137
    found = wallet.vouchers()
    assert [kept.points for kept in found] == [100, 25, 5, 5, 1, 1]
    for kept in found:
        assert is_signed(kept.voucher, GENESIS, keys[kept.voucher.denomination])
        assert kept.voucher.redeemer == wallet.pair(kept.account).account_id
    assert len({kept.voucher.redeemer for kept in found}) == len(found)


def test_the_facility_sees_nothing_of_a_voucher(clinic: FacilityFolder, wallet: Wallet) -> None:
    keys = clinic.make_keys(MONTH)
    claim = clinic.confirm(activity(), rule())
    request = wallet.request(claim, keys, CALENDAR, NOW).encode()
    earned(clinic, wallet, claim)
    for kept in wallet.vouchers():
        for secret in (kept.voucher.redeemer, kept.voucher.nonce, kept.voucher.signature):
            assert secret.hex() not in request


def test_accounts_are_hard_derived_below_the_wallet_s_key(wallet: Wallet) -> None:
    assert wallet.pair(3) == KeyPair.from_uri("//Patient//care//3")


def test_an_account_for_all_points_of_a_facility_is_made_only_when_asked_for(
    clinic: FacilityFolder, wallet: Wallet
) -> None:
    keys = clinic.make_keys(MONTH)
    claim = clinic.confirm(activity(), rule(base=137))
    wallet.request(claim, keys, CALENDAR, NOW, together=True)
    assert {kept.account for kept in wallet.vouchers()} == {0}


def test_a_claim_is_collected_once_and_by_one_request(
    clinic: FacilityFolder, wallet: Wallet, tmp_path: Path
) -> None:
    keys = clinic.make_keys(MONTH)
    claim = clinic.confirm(activity(), rule())
    request = wallet.request(claim, keys, CALENDAR, NOW)
    assert wallet.request(claim, keys, CALENDAR, NOW) == request
    first = clinic.sign(request)
    assert clinic.sign(request) == first
    with Wallet.open(tmp_path / "thief", KeyPair.from_uri("//Thief"), GENESIS) as thief:
        stolen = thief.request(claim, keys, CALENDAR, NOW)
        with pytest.raises(Refusal, match="another request"):
            clinic.sign(stolen)
    assert wallet.accept(claim, first, keys) == 40
    assert wallet.accept(claim, first, keys) == 0


def test_a_facility_signs_no_more_than_the_points_of_the_activity(
    clinic: FacilityFolder, wallet: Wallet
) -> None:
    keys = clinic.make_keys(MONTH)
    claim = clinic.confirm(activity(), rule(base=40))
    more = Claim(claim.genesis, claim.facility, claim.month, 41, claim.code)
    with pytest.raises(Refusal, match="40 points, the request for 41"):
        clinic.sign(wallet.request(more, keys, CALENDAR, NOW))
    with pytest.raises(Refusal, match="no such claim"):
        clinic.sign(Request(bytes(32), [Wanted(Denomination.One, bytes(256))]))
    with pytest.raises(Refusal, match="not below the modulus"):
        clinic.sign(Request(claim.code, [Wanted(Denomination.One, b"\xff" * 256)]))


def test_a_key_for_one_patient_is_found_out(clinic: FacilityFolder, wallet: Wallet) -> None:
    """C5: the facility signs with a key that marks the patient, and that is not on the chain."""
    keys = clinic.make_keys(MONTH)
    claim = clinic.confirm(activity(), rule(base=5))
    request = wallet.request(claim, keys, CALENDAR, NOW)
    tagging = blind.PrivateKey.of_factors(some_key(0).p, some_key(5).q)
    signed = [
        blind.blind_sign(
            tagging,
            (int.from_bytes(each.blinded, "big") % tagging.public.n).to_bytes(256, "big"),
        )
        for each in request.wanted
    ]
    with pytest.raises(Refusal, match="did not sign with the key that is on the chain"):
        wallet.accept(claim, Answer(signed), keys)
    assert {kept.state for kept in wallet.vouchers()} == {State.Asked}
    assert wallet.claims() == [claim]


def test_a_wallet_asks_only_for_keys_that_are_on_the_chain_and_sound(
    clinic: FacilityFolder, wallet: Wallet
) -> None:
    keys = clinic.make_keys(MONTH)
    claim = clinic.confirm(activity(), rule())
    with pytest.raises(Refusal, match="no keys of this facility"):
        wallet.request(claim, [], CALENDAR, NOW)
    with pytest.raises(Refusal, match="unsound: the modulus is even"):
        wallet.request(claim, [*keys[:3], keys[3][:-1] + b"\x02"], CALENDAR, NOW)
    foreign = Claim(bytes(32), claim.facility, claim.month, 40, claim.code)
    with pytest.raises(Refusal, match="another chain"):
        wallet.request(foreign, keys, CALENDAR, NOW)
    with pytest.raises(Refusal, match="no request"):
        wallet.accept(claim, Answer([bytes(256)]), keys)


def test_an_answer_that_is_cut_or_swapped_is_refused_whole(
    clinic: FacilityFolder, wallet: Wallet
) -> None:
    keys = clinic.make_keys(MONTH)
    claim = clinic.confirm(activity(), rule(base=30))
    answer = clinic.sign(wallet.request(claim, keys, CALENDAR, NOW))
    with pytest.raises(Refusal, match="another number"):
        wallet.accept(claim, Answer(answer.signed[:1]), keys)
    with pytest.raises(Refusal, match="did not sign"):
        wallet.accept(claim, Answer(answer.signed[::-1]), keys)
    assert wallet.accept(claim, answer, keys) == 30


def test_caps_and_cooldown_hold_by_patient_and_rule(clinic: FacilityFolder) -> None:
    clinic.make_keys(MONTH)
    clinic.confirm(activity(day=65), rule())
    with pytest.raises(Refusal, match="1 days between"):
        clinic.confirm(activity(day=66), rule())
    clinic.confirm(activity("Li Na", day=66), rule())
    for day in (67, 69, 71):
        clinic.confirm(activity(day=day), rule())
    with pytest.raises(Refusal, match="more than 4 times"):
        clinic.confirm(activity(day=80), rule())


def test_a_device_s_counter_counts_once_and_only_for_registered_devices(
    clinic: FacilityFolder,
) -> None:
    clinic.make_keys(MONTH)

    def send(statement: Statement, day: int) -> Claim:
        return clinic.confirm(Activity("Li Wei", 3, day, statement), rule())

    with pytest.raises(Refusal, match="not registered"):
        send(measured(device(), 1), 60)
    clinic.register_device(device().public)
    assert send(measured(device(), 1), 60).points == 40
    with pytest.raises(Refusal, match="counter 1 of the device was used"):
        send(measured(device(), 1), 63)
    forged = Statement("device", 1_000_000, {"steps": 9_999}, measured(device(), 2).device)
    with pytest.raises(Refusal, match="not signed by its device"):
        send(forged, 63)
    with pytest.raises(Refusal, match="32 bytes"):
        clinic.register_device(b"short")


def test_evidence_never_names_its_patient(clinic: FacilityFolder) -> None:
    clinic.make_keys(MONTH)
    named = Activity("Li Wei", 3, 65, Statement("provider", 1, {"note": "saw LI WEI today"}))
    with pytest.raises(Refusal, match="names the patient"):
        clinic.confirm(named, rule())
    with pytest.raises(Refusal, match="1 to 200 characters"):
        clinic.confirm(activity(" "), rule())


@pytest.mark.parametrize(
    "document", [{"steps": float("nan")}, {"note": "\ud800"}, {"scan": "0" * (64 << 10)}]
)
def test_evidence_that_no_auditor_could_read_is_refused(
    clinic: FacilityFolder, document: dict[str, object]
) -> None:
    """It would fail the audit of the whole month."""
    clinic.make_keys(MONTH)
    with pytest.raises(Refusal, match="evidence"):
        clinic.confirm(Activity("Li Wei", 3, 65, Statement("provider", 1, document)), rule())


def test_a_facility_issues_no_more_points_than_its_right(clinic: FacilityFolder) -> None:
    """With one point more the month could not be closed, and all its vouchers were lost."""
    clinic.make_keys(MONTH)
    clinic.confirm(activity(), rule(base=40), right=50)
    with pytest.raises(Refusal, match=f"11 points, and 10 of month {MONTH} are left"):
        clinic.confirm(activity("Li Na"), rule(base=11), right=50)
    clinic.confirm(activity("Li Na"), rule(base=10), right=50)
    assert clinic.points(MONTH) == 50


def test_a_claim_that_a_crash_lost_is_given_again_by_the_same_activity(
    clinic: FacilityFolder, wallet: Wallet
) -> None:
    """It is recorded before it is written: one that was given is always good."""
    clinic.make_keys(MONTH)
    assert not clinic.is_recorded(activity())
    lost = clinic.confirm(activity(), rule())
    assert clinic.is_recorded(activity())
    assert clinic.confirm(activity(), rule()) == lost
    assert clinic.points(MONTH) == lost.points
    # Other evidence of the day is another activity, which the cooldown refuses.
    with pytest.raises(Refusal, match="days between"):
        clinic.confirm(activity(quality=900_000), rule())
    other = clinic.confirm(activity("Li Na"), rule())
    assert clinic.claims_of("Li Wei", MONTH) == [lost]
    assert clinic.claims_of(" Li Na", MONTH, other.url) == [other]
    earned(clinic, wallet, lost)
    assert clinic.claims_of("Li Wei", MONTH) == []


def test_an_issuer_signs_for_at_least_eight_facilities_with_a_subtotal_for_each(
    clinic: FacilityFolder,
) -> None:
    clinic.make_keys(MONTH)
    members = [bytes((number,)) * 32 for number in range(1, 9)]
    of_first = activity()._replace(member=members[0])
    with pytest.raises(Refusal, match="not a member"):
        clinic.confirm(of_first, rule())
    for who in members[:7]:
        clinic.members.add(who, MONTH)
    with pytest.raises(Refusal, match="at least 8 facilities, this one has 7"):
        clinic.confirm(of_first, rule())
    clinic.members.add(members[7], MONTH - 1)
    clinic.confirm(of_first, rule())
    clinic.confirm(activity("Li Na")._replace(member=members[1]), rule(base=10))
    clinic.members.remove(members[7], MONTH)
    with pytest.raises(Refusal, match="not a member"):
        clinic.members.remove(b"\x63" * 32, MONTH)
    found = clinic.evidence(MONTH).subtotals
    assert [int(each.points) for each in found] == [40, 10, 0, 0, 0, 0, 0, 0]
    assert clinic.members.of(MONTH - 1) == [members[7]]
    assert clinic.members.of(MONTH + 1) == members[:7]
    clinic.members.add(members[7], MONTH + 2)
    assert (len(clinic.members.of(MONTH + 1)), len(clinic.members.of(MONTH + 2))) == (7, 8)


def test_a_wallet_refuses_a_claim_that_would_mark_or_flood_it(
    clinic: FacilityFolder, wallet: Wallet
) -> None:
    """C5 by months: one that has not begun is a set of keys for one patient."""
    keys = clinic.make_keys(MONTH)
    claim = clinic.confirm(activity(), rule())
    ahead = Claim(claim.genesis, claim.facility, MONTH + 1, 40, claim.code)
    with pytest.raises(Refusal, match="has not begun"):
        wallet.request(ahead, keys, CALENDAR, NOW)
    flood = Claim(claim.genesis, claim.facility, MONTH, (1 << 32) - 1, claim.code)
    with pytest.raises(Refusal, match="more than 1024 vouchers"):
        wallet.request(flood, keys, CALENDAR, NOW)


def test_a_closed_month_takes_no_more_activities_and_closes_to_one_root(
    clinic: FacilityFolder,
) -> None:
    with pytest.raises(Refusal, match="no keys of month 2"):
        clinic.confirm(activity(), rule())
    clinic.make_keys(MONTH)
    clinic.confirm(activity(), rule())
    closing = clinic.close(MONTH)
    assert (closing.leaves, closing.points) == (64, 40)
    assert clinic.close(MONTH) == closing
    with pytest.raises(Refusal, match="is closed"):
        clinic.confirm(activity("Li Na"), rule())
    with pytest.raises(Refusal, match="no keys of month 7"):
        clinic.close(7)


def test_the_disk_shows_no_patient_no_key_and_no_voucher(
    clinic: FacilityFolder, wallet: Wallet, tmp_path: Path
) -> None:
    keys = clinic.make_keys(MONTH)
    earned(clinic, wallet, clinic.confirm(activity("Zhang Xiuying 4711"), rule()))
    disk = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(disk) > 10_000
    secrets = [b"Xiuying", b"4711", b"73761001", *(key[:16] for key in keys)]
    for kept in wallet.vouchers():
        secrets += [kept.voucher.nonce, kept.inverse[:16], bytes(kept.voucher.redeemer)]
    assert [secret for secret in secrets if secret in disk] == []
    for path in tmp_path.rglob("*.sqlite"):
        assert path.stat().st_mode & 0o077 == 0


def test_a_folder_opens_only_with_its_secret_for_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "clinic"
    with FacilityFolder.open(folder, SECRET, GENESIS, CLINIC) as found:
        found.make_keys(MONTH)
    for secret, owner in ((b"other", CLINIC), (SECRET, b"\x0d" * 32)):
        with (
            pytest.raises(CareError, match=r"secret|another account"),
            FacilityFolder.open(folder, secret, GENESIS, owner),
        ):
            pass
    (folder / "facility.sqlite").write_bytes(b"no database at all" * 100)
    with (
        pytest.raises(StoreError, match="not a database"),
        FacilityFolder.open(folder, SECRET, GENESIS, CLINIC),
    ):
        pass


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version": 2}', "[" * 9_000, '{"version": 1, "code": "zz", "wanted": [1]}',
     '{"version": 1, "code": "%s", "wanted": [[4, "00"]]}' % ("00" * 32),
     '{"version": 1, "code": "%s", "wanted": [[true, "00"]]}' % ("00" * 32),
     '{"version": 1, "code": "%s", "wanted": [[0, "' % ("00" * 32) + " " * 512 + '"]]}',
     '{"version": 1, "signed": []}', '{"version": 1, "signed": [1]}', "0" * (1 << 20) + "0"],
)  # fmt: skip
def test_messages_that_are_malformed_are_refused_with_words(text: str) -> None:
    for kind in (Claim, Request, Answer):
        with pytest.raises(Refusal):
            kind.decode(text)
