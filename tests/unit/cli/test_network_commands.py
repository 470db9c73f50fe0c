"""`key ceremony-*` and `network`: what organisations type to start a network, and wrong turns."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from btt_chain.crypto.keypair import KeyPair
from btt_chain.keystore import Ledger, SigningRecord
from btt_chain.keystore.record import read, record_path, recorded_keys
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.lifecycle import open_chain
from btt_chain.node.service.paths import Paths
from btt_chain.primitives import ss58
from cli.program import program

ID = "btt-trial"
ROWS = ("bitwave", "cdhg", "mdao", "team_core")


def run(*args: object) -> Result:
    return CliRunner().invoke(program, [str(arg) for arg in args], prog_name="btt-chain")


def typed(*args: object) -> Result:
    done = run(*args)
    assert done.exit_code == 0, done.stderr
    return done


def said(*args: object) -> str:
    done = run(*args)
    assert done.exit_code != 0, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def address_of(path: str) -> str:
    return ss58.encode(KeyPair.from_uri(path).account_id)


def holders_file(base: Path) -> Path:
    template = json.loads(typed("build-spec", "--chain", "testnet", "--holders-template").stdout)

    def ours(place: Any, path: str) -> Any:
        if isinstance(place, dict):
            named = [f"{path}//{at}" for at in range(len(place["signatories"]))]
            return {**place, "signatories": [address_of(each) for each in named]}
        return address_of(path)

    file = base / "holders.json"
    file.write_text(json.dumps({row: ours(at, f"//net//{row}") for row, at in template.items()}))
    return file


class Trial:
    """The files of a network of four organisations."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.holders = holders_file(base)
        self.entries = base / "entries"
        self.entries.mkdir()
        for row in ROWS:
            self.enter(row)
        self.spec = base / "trial.json"
        self.init()
        self.genesis = json.loads(typed("network", "check", self.spec, "--json").stdout)[
            "genesisHash"
        ]

    def enter(self, row: str, *more: str) -> Path:
        file = self.entries / f"{row}.json"
        typed("key", "ceremony-entry", "--chain", "testnet", "--id", ID, "-d", self.base / row,
              "--name", row, "--from", f"//net//{row}", "-o", file, *more)  # fmt: skip
        return file

    def words(self, *more: object) -> tuple[object, ...]:
        return ("network", "init", self.entries, "--chain", "testnet", "--id", ID, "--name",
                "Trial", "--holders", self.holders, "-o", self.spec, *more)  # fmt: skip

    def init(self) -> None:
        typed(*self.words())

    def accept(self, row: str) -> tuple[object, ...]:
        return ("network", "accept", self.spec, "-d", self.base / row, "--genesis-hash",
                self.genesis)  # fmt: skip

    def paths(self, row: str) -> Paths:
        return Paths(self.base / row, ID)

    def ledgers(self, row: str) -> list[Ledger]:
        root, genesis = self.paths(row).signing, bytes.fromhex(self.genesis[2:])
        keys = recorded_keys(root, genesis)
        return [read(record_path(root, genesis, key), genesis, key) for key in keys]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A trial that no test changes."""
    return Trial(tmp_path_factory.mktemp("trial"))


@pytest.fixture
def trial(made: Trial, tmp_path: Path) -> Trial:
    """A copy of it for one test."""
    shutil.copytree(made.base, tmp_path / "t")
    copy = Trial.__new__(Trial)
    copy.base, copy.genesis = tmp_path / "t", made.genesis
    copy.holders, copy.entries = copy.base / "holders.json", copy.base / "entries"
    copy.spec = copy.base / "trial.json"
    return copy


def test_a_validator_checks_and_accepts_and_has_launch_records(trial: Trial) -> None:
    own = ("-d", trial.base / "bitwave", "--entry", trial.entries / "bitwave.json")
    shown = typed("network", "check", trial.spec, *own, "--holders", trial.holders)
    for text in (trial.genesis, "your entry is in it unchanged: bitwave", "the same genesis hash"):
        assert text in shown.stdout
    assert trial.ledgers("bitwave") == []
    assert "bitwave is ready" in typed(*trial.accept("bitwave")).stdout
    assert trial.ledgers("bitwave") == [Ledger(launch=True)] * 2
    listed = typed("key", "list", "--chain", trial.spec, "-d", trial.base / "bitwave").stdout
    assert "nothing, made for the start of the chain" in listed


def test_an_interrupted_command_is_typed_again(trial: Trial) -> None:
    # Killed between the two keys: the one that is there is taken, the other made.
    keystore = trial.paths("bitwave").keystore
    before = json.loads((trial.entries / "bitwave.json").read_text())["keys"]
    next(keystore.glob("gran-*.json")).unlink()
    trial.enter("bitwave")
    after = json.loads((trial.entries / "bitwave.json").read_text())["keys"]
    assert after["babe"] == before["babe"]
    assert after["grandpa"] != before["grandpa"]
    # Killed between the two records.
    trial.init()
    trial.genesis = json.loads(typed("network", "check", trial.spec, "--json").stdout)[
        "genesisHash"
    ]
    typed(*trial.accept("bitwave"))
    next(trial.paths("bitwave").signing.glob("*/*.json")).unlink()
    assert "is there already" in typed(*trial.accept("bitwave")).stderr
    assert trial.ledgers("bitwave") == [Ledger(launch=True)] * 2


def test_a_record_that_says_anything_is_never_begun_again(trial: Trial) -> None:
    typed(*trial.accept("bitwave"))
    root, genesis = trial.paths("bitwave").signing, bytes.fromhex(trial.genesis[2:])
    for key in recorded_keys(root, genesis):
        record = SigningRecord.open(root, genesis, key)
        record.launch(0, 1)
        record.close()
    assert "has been in use on this chain" in said(*trial.accept("bitwave"))
    assert trial.ledgers("bitwave") == [Ledger()] * 2


def test_a_chain_that_has_run_here_is_not_accepted_though_its_records_are_gone(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_chain(NodeConfig(str(trial.spec), trial.base / "bitwave"))
    assert "a node runs on" in said(*trial.accept("bitwave"))
    opened.close()
    best = type(opened.client).best
    monkeypatch.setattr(
        type(opened.client), "best", lambda self: best(self)._replace(number=5), raising=True
    )
    assert "is at block 5: it has started" in said(*trial.accept("bitwave"))
    assert trial.ledgers("bitwave") == []


def test_another_hash_or_another_machine_is_not_accepted(trial: Trial) -> None:
    wrong = ("network", "accept", trial.spec, "-d", trial.base / "bitwave", "--genesis-hash",
             "0x" + "11" * 32)  # fmt: skip
    assert f"has the genesis hash {trial.genesis}" in said(*wrong)
    assert "no session keys in" in said(*trial.accept("empty"))
    outsider = trial.base / "outsider"
    typed("key", "ceremony-entry", "--chain", "testnet", "--id", ID, "-d", outsider, "--name", "S",
          "--from", "//net//outsider")  # fmt: skip
    assert "your entry was left out" in said(*trial.accept("outsider"))
    assert "your entry was left out" in said("network", "check", trial.spec, "-d", outsider)


def test_entries_that_are_missing_changed_or_twice_are_named(trial: Trial) -> None:
    file, before = trial.entries / "mdao.json", trial.spec.read_text()
    good = file.read_text()
    file.write_text(good.replace('"name": "mdao"', '"name": "Mdao"'))
    assert "mdao.json.proofs.babe: not the signature" in said(*trial.words())
    file.write_text(good)
    (trial.entries / "twice.json").write_text(good)
    assert "twice.json: the same name as mdao.json" in said(*trial.words())
    (trial.entries / "twice.json").unlink()
    file.unlink()
    assert "3 validators, expected 4 to 64" in said(*trial.words())
    assert trial.spec.read_text() == before


def test_an_entry_that_the_stash_has_not_signed_is_sent_back(trial: Trial) -> None:
    file = trial.entries / "mdao.json"
    typed("key", "ceremony-entry", "--chain", "testnet", "--id", ID, "-d", trial.base / "mdao",
          "--name", "mdao", "--stash", address_of("//net//mdao"), "-o", file)  # fmt: skip
    assert "has not signed: its owner runs" in said(*trial.words())
    assert "the stash of the entry is" in said("key", "ceremony-sign", file, "--from", "//net//x")
    typed("key", "ceremony-sign", file, "--from", "//net//mdao")
    trial.init()


def test_an_entry_other_than_ones_own_and_other_holders_are_noticed(trial: Trial) -> None:
    own = ("network", "check", trial.spec, "-d", trial.base / "empty")
    mine = trial.enter("bitwave", "--public-addr", "/ip4/10.0.0.1/tcp/30333")
    assert "is another than yours" in said(*own, "--entry", mine)
    holders = json.loads(trial.holders.read_text())
    holders["team_medical_advisors"] = address_of("//net//another holder")
    trial.holders.write_text(json.dumps(holders))
    assert "it has other holders" in said(*own, "--holders", trial.holders)


def test_wrong_turns_are_reported_in_a_line(trial: Trial) -> None:
    for words, what in (
        (("network", "check", trial.holders), "spec"),
        (("network", "check", trial.base / "nowhere.json"), "does not exist"),
        (trial.words("--epoch-slots", "7"), "does not divide"),
        (trial.words("--bond", "5BTT"), "bonds 10_000 BTT at least"),
        (("network", "init", trial.base / "cdhg", *trial.words()[3:]), "there are no entries"),
        (("key", "ceremony-entry", "--chain", "dev", "--name", "x"), "is for a Live chain"),
        (("key", "ceremony-entry", "--chain", "testnet", "--name", "x"), "whose bond is it?"),
        (("key", "ceremony-entry", "--chain", "testnet", "--name", "x" * 70, "-d", trial.base / "y",
          "--from", "//net//y"), "1 to 64 printable characters"),
        (("key", "ceremony-entry", "--chain", "testnet", "--name", "x", "-d", trial.base / "y",
          "--from", "//net//y", "--public-addr", "boot.example:30333"), "expected an address"),
    ):  # fmt: skip
        assert what in said(*words), words
