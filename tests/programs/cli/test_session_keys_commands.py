"""`key rotate` and `key prove`: session keys and their proof, as Session.set_keys takes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.scale import codec
from cli.program import program
from runtime.pallets.session.pallet import SessionKeys, proves

BOB = KeyPair.from_uri("//Bob")
ALICE_KEYS = KeyPair.from_uri("//Alice").public + KeyPair.from_uri("//Alice", Scheme.ED25519).public


def run(*args: str) -> Result:
    return CliRunner().invoke(program, ["key", *args], prog_name="btt-chain")


def checked(done: Result) -> tuple[bytes, bytes]:
    """Return keys and proof, after checking that the chain takes them from Bob alone."""
    assert done.exit_code == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["owner"] == ss58.encode(BOB.public)
    raw, proof = bytes.fromhex(made["keys"][2:]), bytes.fromhex(made["proof"][2:])
    keys = codec(SessionKeys).decode_all(raw)
    assert proves(keys, AccountId(BOB.public), proof)
    assert not proves(keys, AccountId(KeyPair.from_uri("//Eve").public), proof)
    return raw, proof


@pytest.fixture
def local(tmp_path: Path) -> list[str]:
    return ["--chain", "local", "-d", str(tmp_path)]


def test_rotated_keys_can_be_registered_as_they_are_printed(url: str) -> None:
    keys, proof = checked(run("rotate", "--owner", "//Bob", "--url", url, "--json"))
    words = ["tx", "call", "Session.set_keys", "0x" + keys.hex(), "0x" + proof.hex()]
    done = CliRunner().invoke(program, [*words, "--from", "//Bob", "--url", url])
    assert done.exit_code == 0, done.stderr
    assert "System.ExtrinsicSuccess" in done.stdout


def test_people_get_the_command_that_registers_the_keys(url: str) -> None:
    done = run("rotate", "--owner", "//Bob", "--url", url)
    keys = next(line.split()[-1] for line in done.stdout.splitlines() if "keys" in line)
    assert f"btt-chain tx call Session.set_keys {keys} 0x" in done.stderr


def test_keys_of_the_keystore_are_proven_without_a_node(local: list[str]) -> None:
    assert run("insert", *local, "--suri", "//Alice").exit_code == 0
    keys, _ = checked(run("prove", *local, "--owner", "//Bob", "--json"))
    assert keys == ALICE_KEYS
    named = run("prove", *local, "--owner", "//Bob", "--keys", "0x" + keys.hex(), "--json")
    assert checked(named)[0] == ALICE_KEYS


def test_what_cannot_be_proven_is_refused_with_what_to_do(local: list[str]) -> None:
    done = run("prove", *local, "--owner", "//Bob")
    assert done.exit_code != 0
    assert "there is no babe key" in done.stderr
    assert "btt-chain key rotate" in done.stderr
    for suri in ("//Alice", "//Bob"):
        run("insert", *local, "--suri", suri)
    assert "name a set with --keys" in run("prove", *local, "--owner", "//Bob").stderr
    wrong = ("prove", *local, "--owner", "//Bob", "--keys")
    assert "is not in" in run(*wrong, "0x" + "00" * 64).stderr
    assert "session keys have 64 bytes, not 32" in run(*wrong, "0x" + "00" * 32).stderr
    assert "--keys is not hex" in run(*wrong, "hello").stderr
    assert "--owner: 'Bob' is not an address" in run("prove", *local, "--owner", "Bob").stderr
