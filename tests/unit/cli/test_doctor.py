"""`doctor` names what stops a node: the judgement on what was seen, and a whole run."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from btt_chain.keystore import Ledger
from btt_chain.keystore.record import SigningRecord
from cli.commands import doctor, doctor_data, doctor_rules
from cli.commands.doctor_rules import GIB, Verdict
from cli.common.key_state import report_of
from cli.program import program
from genesis.build import build
from genesis.catalogue import load
from genesis.presets import CHAINS


def verdicts(checks: list[doctor_rules.Check]) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in checks}


def test_a_node_without_peers_cannot_go_on_unless_it_is_meant_to_be_alone() -> None:
    lonely = doctor_rules.judge_peers(0, should_have=True, is_syncing=False)
    assert verdicts(lonely)["peers"] is Verdict.FAIL
    assert "--bootnodes" in lonely[0].todo
    meant = doctor_rules.judge_peers(0, should_have=False, is_syncing=False)
    assert verdicts(meant) == {"peers": Verdict.OK, "sync": Verdict.OK}


def test_a_node_that_catches_up_needs_patience_only() -> None:
    checks = doctor_rules.judge_peers(3, should_have=True, is_syncing=True)
    assert verdicts(checks) == {"peers": Verdict.OK, "sync": Verdict.WARN}


def test_a_best_block_that_stands_still_stops_a_validator_not_a_chain_sealed_by_hand() -> None:
    stuck = doctor_rules.judge_moving(7, None, 8.0, 93.0, alone=False)
    assert stuck.verdict is Verdict.FAIL
    assert "7 for 8 s, the last one is 93 s old" in stuck.seen
    assert doctor_rules.judge_moving(7, None, 8.0, None, alone=True).verdict is Verdict.WARN
    assert doctor_rules.judge_moving(7, 8, 2.0, None, alone=False).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("offset", "verdict"),
    [
        (0.3, Verdict.OK),
        (6.5, Verdict.OK),
        (8.0, Verdict.WARN),
        (25.0, Verdict.FAIL),
        (-0.5, Verdict.OK),
        (-2.0, Verdict.WARN),
        (-30.0, Verdict.FAIL),
        (None, Verdict.WARN),
    ],
)
def test_a_clock_is_judged_by_the_age_of_another_validators_block(
    offset: float | None, verdict: Verdict
) -> None:
    assert doctor_rules.judge_clock(offset, 6.0).verdict is verdict


def test_who_catches_up_sees_old_blocks_and_who_sees_new_ones_has_a_slow_clock() -> None:
    assert doctor_rules.judge_clock(900.0, 6.0, is_syncing=True).verdict is Verdict.OK
    slow = doctor_rules.judge_clock(-1.0, 6.0, is_syncing=True)
    assert slow.verdict is Verdict.FAIL
    assert "this clock is slow" in slow.todo


def test_voters_that_are_missing_are_named_before_finality_stops() -> None:
    checks = doctor_rules.judge_finality(
        100, 99, doctor_rules.Votes(["5G…a (Bob)"], quorum=doctor_rules.Quorum(0, 4, 3))
    )
    assert verdicts(checks) == {"finality": Verdict.OK, "voters": Verdict.WARN}
    assert checks[1].seen == "votes of 3 of 4 voters received, 3 needed; none of 5G…a (Bob)"
    checks = doctor_rules.judge_finality(100, 99, doctor_rules.Votes())
    assert verdicts(checks) == {"finality": Verdict.OK, "voters": Verdict.OK}


def test_a_stall_of_finality_is_said_at_once_and_names_who_is_missing() -> None:
    missing = [f"V{i}" for i in range(8)]
    checks = doctor_rules.judge_finality(
        102, 100, doctor_rules.Votes(missing, stuck=True, quorum=doctor_rules.Quorum(57, 12, 9))
    )
    assert verdicts(checks) == {"finality": Verdict.FAIL, "voters": Verdict.FAIL}
    assert "57 % of the weight: V0, V1, V2, V3, V4, V5 and 2 more" in checks[1].seen


def test_a_node_whose_own_votes_are_missing_is_reported_so() -> None:
    votes = doctor_rules.Votes(["Alice"], ours=["Alice"])
    checks = doctor_rules.judge_finality(100, 99, votes)
    assert verdicts(checks)["voters"] is Verdict.FAIL
    assert "does not vote itself" in checks[1].todo


def test_finality_far_behind_is_reported_even_without_a_list_of_voters() -> None:
    assert verdicts(doctor_rules.judge_finality(110, 100, None)) == {"finality": Verdict.WARN}
    (check,) = doctor_rules.judge_finality(200, 100, None)
    assert check.verdict is Verdict.FAIL
    assert "no grandpa_roundState" in check.todo
    assert doctor_rules.judge_finality(200, 100, None, is_syncing=True)[0].verdict is Verdict.OK


def test_a_validator_without_keys_is_reported_how_to_get_them() -> None:
    (check,) = doctor_rules.judge_keys([], ["Alice"], is_validator=True, asked=True)
    assert check.verdict is Verdict.FAIL
    assert "session.setKeys" in check.todo
    (check,) = doctor_rules.judge_keys([], ["Alice"], is_validator=False, asked=True)
    assert check.verdict is Verdict.OK
    (check,) = doctor_rules.judge_keys([], [], is_validator=True, asked=False)
    assert check.verdict is Verdict.WARN


def test_a_key_outside_of_the_active_set_is_named() -> None:
    checks = doctor_rules.judge_keys(["Alice", "Eve"], ["Alice"], is_validator=True, asked=True)
    assert verdicts(checks) == {"session keys": Verdict.OK, "active set": Verdict.WARN}
    assert "Eve" in checks[1].seen
    assert "Alice" not in checks[1].seen


def test_a_set_that_tolerates_no_absence_is_a_warning() -> None:
    (check,) = doctor_rules.judge_validators(3)
    assert check.verdict is Verdict.WARN
    assert "finality stops while one of them is off" in check.seen
    assert doctor_rules.judge_validators(4) == doctor_rules.judge_validators(1) == []


def test_a_key_that_does_not_sign_is_named_with_its_reason() -> None:
    barred = {
        "type": "gran", "publicKey": "0x4396" + "00" * 30, "state": "barred",
        "why": "another node voted in round 306 of set 1 with it", "until": None,
    }  # fmt: skip
    signs = {"type": "babe", "publicKey": "0x" + "11" * 32, "state": "signs", "why": "",
             "until": None}  # fmt: skip
    waits = signs | {"state": "watches", "why": "it is older than its block", "until": 77}
    (check,) = doctor_rules.judge_signing([report_of(signs), report_of(barred)])
    assert check.verdict is Verdict.FAIL
    assert "gran 0x43960000… barred: another node voted in round 306 of set 1 with it" in check.seen
    assert "stop the other node" in check.todo
    (check,) = doctor_rules.judge_signing([report_of(signs), report_of(waits)])
    assert check.verdict is Verdict.WARN
    assert "until slot 77" in check.seen
    (check,) = doctor_rules.judge_signing([report_of(signs)])
    assert check.verdict is Verdict.OK
    assert doctor_rules.judge_signing(None) == []


def test_disk_and_files_are_judged_by_what_a_node_needs() -> None:
    here = Path("/")
    assert doctor_rules.judge_disk(GIB // 2, here).verdict is Verdict.FAIL
    assert doctor_rules.judge_disk(2 * GIB, here).verdict is Verdict.WARN
    assert doctor_rules.judge_disk(50 * GIB, here).verdict is Verdict.OK
    assert doctor_rules.judge_files(100).verdict is Verdict.FAIL
    assert doctor_rules.judge_files(512).verdict is Verdict.WARN
    assert doctor_rules.judge_files(65_536).verdict is Verdict.OK


def test_a_key_that_others_may_read_and_one_without_a_record_stop_a_live_chain(
    tmp_path: Path,
) -> None:
    keystore = tmp_path / "keystore"
    keystore.mkdir()
    file = keystore / f"babe-{'ab' * 32}.json"
    file.write_text("{}")
    file.chmod(0o644)
    live = load("seed-000")
    assert live.is_live
    assert verdicts(doctor_data.look_at_keys(keystore, tmp_path / "signing", live)) == {
        "keystore": Verdict.FAIL,
        "signing record": Verdict.FAIL,
    }
    file.chmod(0o600)
    local = load(CHAINS["dev-manual"].preset)
    assert verdicts(doctor_data.look_at_keys(keystore, tmp_path / "signing", local)) == {
        "keystore": Verdict.OK,
        "signing record": Verdict.OK,
    }


def test_a_record_that_waits_for_the_watch_is_said(tmp_path: Path) -> None:
    keystore, local = tmp_path / "keystore", load(CHAINS["dev-manual"].preset)
    keystore.mkdir()
    file = keystore / f"babe-{'ab' * 32}.json"
    file.write_text("{}")
    file.chmod(0o600)
    genesis = build(local).hash
    signing = tmp_path / "signing"
    SigningRecord.create(signing, genesis, b"\xab" * 32, Ledger(unsure=True)).close()
    *_, check = doctor_data.look_at_keys(keystore, signing, local)
    assert (check.name, check.verdict) == ("signing record", Verdict.WARN)
    assert "watches a session" in check.todo


def test_a_node_that_is_down_is_the_first_thing_said(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        program, ["doctor", "--url", "ws://127.0.0.1:1", "-d", str(tmp_path), "--chain", "nowhere"]
    )
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("FAIL  node")
    assert any(line.startswith("FAIL  chain") for line in lines)


def test_a_port_that_a_outsider_holds_is_named(tmp_path: Path) -> None:
    import socket

    with socket.socket() as outsider:
        outsider.bind(("127.0.0.1", 0))
        outsider.listen()
        url = f"ws://127.0.0.1:{outsider.getsockname()[1]}"
        checks = doctor.look_at_machine(url, is_up=False)
    assert checks[0].verdict is Verdict.FAIL
    assert "(pid " in checks[0].seen
