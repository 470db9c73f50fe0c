"""`btt-chain records` on a small chain: a patient, a hospital and a doctor, as people type."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner, Result

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.records.canonical import canonical
from btt_chain.records.documents import parse
from cli.common.vaults import folder_of
from cli.program import program
from support.instant_node import instant_node
from support.records import SECRET_WORD, bundle, records_of_a_patient
from support.running import running

SOON = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%d")


Answer = TypeVar("Answer")


@dataclass
class World:
    """A chain with a hospital's program, and the vaults of all."""

    folder: Path
    url: str
    hospital: str = ""

    def run(self, vault: str, *args: str) -> Result:
        env = {"BTT_VAULT": str(self.folder / vault), "BTT_URL": self.url, "COLUMNS": "200"}
        return CliRunner().invoke(program, ["records", *args], prog_name="btt-chain", env=env)

    def good(self, vault: str, *args: str) -> str:
        result = self.run(vault, *args)
        assert result.exit_code == 0, result.output
        return result.output

    def refusal(self, vault: str, *args: str) -> str:
        result = self.run(vault, *args)
        assert result.exit_code != 0, result.output
        return result.stderr

    def id(self, vault: str) -> str:
        return self.good(vault, "id").strip()

    def chain(self, *args: str) -> str:
        result = CliRunner().invoke(program, [*args, "--url", self.url])
        assert result.exit_code == 0, result.output
        return result.stdout

    def open_demands(self) -> list[object]:
        bob = ss58.encode(KeyPair.from_uri("//Bob").account_id)
        found: list[object] = json.loads(self.chain("query", "rpc", "records_demands", bob))
        return found

    def until(self, ask: Callable[[], Answer], is_good: Callable[[Answer], bool]) -> Answer:
        """Ask until the answer is good, while the chain goes on; return the last one.

        A block takes a slot of a second, however soon it is made, and an hour has thirty.
        """
        for _ in range(40):
            found = ask()
            if is_good(found):
                break
            for _ in range(8):
                self.chain("query", "rpc", "engine_createBlock", "true", "true")
            time.sleep(0.5)
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with instant_node(folder / "node") as url:
        found = World(folder, url)
        found.chain("identity", "appoint", "//Charlie", "--sudo", "--from", "//Alice")
        found.chain("identity", "set", "--display", "Hospital", "--from", "//Bob")
        found.chain("identity", "judge", "//Bob", "known-good", "--from", "//Charlie")
        found.chain("facility", "apply", "hospital", "--country", "CN", "--from", "//Bob")
        found.chain("facility", "confirm", "//Bob", "--sudo", "--from", "//Alice")
        for vault in ("patient", "hospital", "doctor"):
            found.good(vault, "init")
        found.good("hospital", "admit", found.id("patient"))
        assert "is not a custodian" in found.refusal("hospital", "serve", "--from", "//Bob")
        found.good("hospital", "register", "1000BTT", "--from", "//Bob")
        # The program that runs day and night has no key of the hospital's money.
        appoint = ("tx", "call", "Proxy.add_proxy", "//Eve", "NonTransfer", "0")
        found.chain(*appoint, "--from", "//Bob")
        hospital_id = found.id("hospital")
        with running(
            folder / "log", "records", "serve", "--proxy-for", "//Bob", "--from", "//Eve", "--port",
            "0", "--interval", "0.5", "--max-block-age", "3600", "--json",
            env={"BTT_URL": url, "BTT_VAULT": str(folder / "hospital")},
        ) as server:  # fmt: skip
            line = server.document()
            assert line["vault"] == hospital_id
            found.hospital = line["url"]
            yield found
            assert server.stop(signal.SIGINT) == 0


def granted_and_shared(world: World, folder: Path) -> tuple[str, Path]:
    """The patient imports, grants and shares; the id of the consent, and its file."""
    records, consent = folder / "bundle.json", folder / "consent.json"
    records.write_bytes(canonical(bundle(*records_of_a_patient())))
    assert "6 stored, 0 unchanged" in world.good("patient", "import", str(records))
    listed = json.loads(world.good("patient", "list", "--json"))
    assert [each["resource"] for each in listed] == ["o1", "o2", "o3", "o4", "o5", "p1"]
    granted = json.loads(
        world.good("patient", "consent", "grant", "--to", world.id("doctor"), "--scope",
                   "patient/Observation.rs?category=laboratory", "--purpose", "TREAT", "--until",
                   SOON, "-o", str(consent), "--json")
    )  # fmt: skip
    shared = world.good("patient", "share", "--custodian", world.hospital)
    assert "with the custodian now: 6 records and 1 consent" in shared
    return str(granted["id"]), consent


def check_tokens(world: World, granted: str, consent: Path, folder: Path) -> str:
    """The consent as a token of other standards, checked by the doctor; the last file."""
    for form in ("credential", "visa"):
        token, back = str(folder / f"{form}.jwt"), folder / "back.json"
        world.good("patient", "consent", "issue", granted, "--as", form, "-o", token)
        checked = world.good("doctor", "consent", "check", token, "-o", str(back))
        assert "valid: patient/Observation.rs" in checked
        assert back.read_bytes() == consent.read_bytes()
    return token


def check_reports(world: World, copies: Path, folder: Path) -> None:
    """A custodian that keeps its promises cannot be reported."""
    report = ("report", "omission", "--copy", str(copies), "--from", "//Ferdie")
    assert "has a root: its leaves are needed" in world.refusal("patient", *report)
    leaves = folder / "leaves.json"
    leaves.write_text("[]")
    no_lists = world.refusal("patient", *report, "--leaves", str(leaves))
    assert "holds no lists of leaves" in no_lists
    double = ("report", "double", "--copy", str(copies), "--from", "//Ferdie")
    assert "no two entries" in world.refusal("patient", *double)
    unanswered = ("report", "unanswered", "//Bob", "--from", "//Ferdie")
    assert "no demand is due; 0 can still be" in world.refusal("patient", *unanswered)


def test_a_patient_decides_who_reads(world: World, tmp_path: Path) -> None:
    granted, consent = granted_and_shared(world, tmp_path)

    # The doctor reads what the consent covers, and nothing else.
    query = (str(consent), "Observation", "--custodian", world.hospital)
    opened = parse(world.good("doctor", "open", *query, "--keep").encode())
    assert opened["type"] == "collection"
    assert world.good("doctor", "open", *query).count('"resourceType":"Observation"') == 3
    patient_only = world.good("doctor", "open", str(consent), "Patient", *query[2:])
    assert '"entry"' not in patient_only
    assert "another reader" in world.refusal("patient", "open", *query)
    assert "not for the purpose" in world.refusal("doctor", "open", *query, "--purpose", "HRESCH")
    emergency = ("open", "--emergency", world.id("patient"), "Observation", *query[2:])
    assert "may not read in an emergency" in world.refusal("doctor", *emergency)
    received = json.loads(world.good("doctor", "list", "--kind", "received", "--json"))
    assert [each["patient"] for each in received] == [world.id("patient")] * 3

    # Hours later all is anchored, and the patient's log is complete.
    copies = tmp_path / "doctor.log"
    world.good("doctor", "log", "--for", world.id("patient"), "-o", str(copies))
    log = ("log", "--custodian", world.hospital, "--copy", str(copies), "--json")
    rows = world.until(lambda: json.loads(world.good("patient", *log)), lambda rows: all(
        each["state"] == "anchored" for each in rows))  # fmt: skip
    assert [(each["purpose"], each["records"]) for each in rows] == [
        ("TREAT", 3), ("TREAT", 3), ("TREAT", 0),
    ]  # fmt: skip
    # What the custodian proves needs no demand; what is demanded, its program answers.
    demand = ("demand", "--copy", str(copies), "--from", "//Ferdie")
    proven = world.refusal("patient", *demand, "--custodian", world.hospital)
    assert "there is no entry to demand" in proven
    demanded = world.until(
        lambda: json.loads(world.good("patient", *demand, "--json")),
        lambda found: found["waiting"] == 0,
    )
    assert len(demanded["demanded"]) == 3
    assert world.until(world.open_demands, lambda found: found == []) == []
    check_reports(world, copies, tmp_path)
    verify = ("verify", "--custodian", world.hospital, "--json")
    counts = world.until(lambda: json.loads(world.good("patient", *verify)),
                    lambda counts: counts["pending"] == 0)  # fmt: skip
    assert counts == {"anchored": 7, "pending": 0, "invalid": 0}
    exported = json.loads(world.good("patient", "export"))
    kinds = [each["resource"]["resourceType"] for each in exported["entry"]]
    assert (kinds.count("Provenance"), kinds.count("Consent")) == (7, 1)
    token = check_tokens(world, granted, consent, tmp_path)

    # Revoked by any account: nothing is read any more.
    world.good("patient", "consent", "revoke", granted, "--from", "//Ferdie")
    assert "the consent is revoked" in world.refusal("doctor", "open", *query)
    assert "revoked" in world.good("patient", "consent", "list")
    assert "is revoked" in world.refusal("doctor", "consent", "check", token)
    again = world.refusal("patient", "consent", "revoke", granted, "--from", "//Ferdie")
    assert "HealthRecords.AlreadyRevoked" in again

    # Erased: gone from the vault and its export.
    world.good("patient", "backup", str(tmp_path / "backup"))
    assert "1 erased" in world.good("patient", "erase", "o1", "--yes")
    assert "no entry 'o1'" in world.refusal("patient", "show", "o1")
    assert f"{SECRET_WORD} 1 " not in world.good("patient", "list")
    assert '"id":"o1"' not in world.good("patient", "export", "--fhir", "R4B")


def test_nothing_of_a_record_is_on_the_chain_or_in_the_log(world: World) -> None:
    for path in (world.folder / "node").rglob("*"):
        if path.is_file():
            assert SECRET_WORD.encode() not in path.read_bytes(), path


def test_any_two_of_three_guardians_restore_a_vault(world: World, tmp_path: Path) -> None:
    for name in ("old", "device", "guardian", "clinic", "other"):
        world.good(name, "init")
    holders = [world.id(each) for each in ("device", "guardian", "clinic")]
    options = [word for each in holders for word in ("--holder", each)]
    world.good("old", "guardian", "split", *options, "-o", str(tmp_path / "shares"))
    world.good("old", "backup", str(tmp_path / "copy"))
    (tmp_path / "copy" / "owner.key").write_bytes(b"lost")
    share = str(tmp_path / "shares" / "share-3.json")  # guardian, clinic
    half = str(tmp_path / "half.json")
    for name in ("device", "clinic", "other"):
        assert "opens this share first" in world.refusal(
            name, "guardian", "open", share, "-o", half
        )
    copy = ("--copy", str(tmp_path / "copy"))
    assert "opens it first" in world.refusal("clinic", "guardian", "restore", share, *copy)
    world.good("guardian", "guardian", "open", share, "-o", half)
    assert "opens it first" in world.refusal("other", "guardian", "restore", half, *copy)
    world.good("clinic", "guardian", "restore", half, *copy)
    result = CliRunner().invoke(program, ["records", "id", *("--vault", str(tmp_path / "copy"))])
    assert result.output.strip() == world.id("old")
    half = str(tmp_path)
    twice = world.refusal(
        "old", "guardian", "split", *options[:4], *options[:2], "-o", str(tmp_path)
    )
    assert "three different vaults" in twice


def test_a_password_protects_a_vault(world: World, tmp_path: Path) -> None:
    word = tmp_path / "word.txt"
    word.write_text("a long password\n")
    world.good("locked", "init", "--vault-password-filename", str(word))
    assert "needs its password" in world.refusal("locked", "list")
    assert "none" in world.run("locked", "list", "--vault-password-filename", str(word)).stderr
    word.write_text("another")
    wrong = world.refusal("locked", "list", "--vault-password-filename", str(word))
    assert "wrong password" in wrong
    assert "is not a vault" in world.refusal("nowhere", "list")


def test_a_vault_without_a_name_lies_beside_the_chains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert folder_of({"folder": None}) == tmp_path / "btt-chain" / "vault"


def test_a_custodian_is_named_by_its_url(world: World) -> None:
    assert "'clinic' is not a URL: write https" in world.refusal(
        "doctor", "share", "--custodian", "clinic"
    )


def test_a_bad_document_is_refused_in_one_line(world: World, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(b'{"resourceType":"Patient","resourceType":"Observation"}')
    assert "stands twice" in world.refusal("doctor", "import", str(bad))
    bad.write_bytes(b'{"a":' * 10_000)
    assert "nested deeper" in world.refusal("doctor", "import", str(bad))
