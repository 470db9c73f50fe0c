"""`build-spec`: the options that make a chain, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.program import program

PEER = "12D3KooWJWEKvSFbben74C7H4YtKjhPMTDxd7gP7zxWkUEeF27st"
NODE = f"/dns/boot.example/tcp/30333/p2p/{PEER}"


def run(*args: str) -> Result:
    return CliRunner().invoke(program, ["build-spec", *args], prog_name="btt-chain")


def spec(*args: str) -> dict[str, Any]:
    result = run(*args)
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def config(document: dict[str, Any]) -> dict[str, Any]:
    return dict(document["genesis"]["runtimeGenesis"]["config"])


def test_a_local_chain_has_the_validators_and_the_slot_asked_for() -> None:
    parts = config(spec("--chain", "local", "--validators", "7", "--slot-ms", "1000"))
    assert len(parts["session"]["keys"]) == len(parts["authorities"]["bonds"]) == 7
    assert parts["params"]["slotMs"] == 1_000


def test_rule_randomness_and_bootnodes_are_written_down() -> None:
    randomness = "0x" + "ab" * 32
    document = spec(
        "--chain", "dev", "--secondary-rule", "weighted", "--randomness", randomness,
        "--bootnode", NODE, "--bootnode", NODE,
    )  # fmt: skip
    assert config(document)["babe"]["secondaryRule"] == "weighted"
    assert config(spec("--chain", "dev"))["babe"]["secondaryRule"] == "uniform"
    assert config(document)["babe"]["randomness"] == randomness
    assert document["bootNodes"] == [NODE]


def test_what_is_made_is_read_back_and_spelled_out(tmp_path: Path) -> None:
    file = tmp_path / "local.json"
    assert run("--chain", "local", "--validators", "5", "-o", str(file)).exit_code == 0
    assert run("--chain", str(file)).stdout == file.read_text()
    raw = spec("--chain", str(file), "--raw")
    assert (
        raw["genesis"]["raw"]
        == spec("--chain", "local", "--validators", "5", "--raw")["genesis"]["raw"]
    )


def test_a_validators_file_is_reported_by_name(tmp_path: Path) -> None:
    file = tmp_path / "validators.json"
    file.write_text("[{}]")
    result = run("--chain", "mainnet", "--validators", str(file))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: validators.json[0].stash: missing")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--chain", "mainnet", "--validators", "7"], 1, "takes its validators from a file"),
        (["--chain", "local", "--validators", "33"], 1, "local: 33 validators, expected 1 to 32"),
        (["--chain", "local", "--validators", "-1"], 2, "'-1' does not exist"),
        (["--chain", "local", "--validators", "nofile"], 2, "'nofile' does not exist"),
        (["--chain", "dev-manual", "--validators", "1"], 1, "sealed by hand"),
        (["--chain", "local", "--slot-ms", "7"], 1, "a slot of 7 ms does not divide a day"),
        (["--chain", "mainnet", "--slot-ms", "1000"], 1, "the slot of a Live chain is 6000 ms"),
        (["--chain", "local", "--randomness", "0x12"], 2, "is not 32 bytes as 64 hex digits"),
        (["--chain", "local", "--secondary-rule", "chance"], 2, "'chance' is not one of"),
        (["--chain", "local", "--bootnode", "10.0.0.1"], 1, "'10.0.0.1' is not of the form"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(args: list[str], code: int, message: str) -> None:
    result = run(*args)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "flags"),
    [
        (["--validators", "0"], "--validators"),
        (["--bootnode", NODE, "--slot-ms", "1000"], "--bootnode, --slot-ms"),
        (["--holders-template"], "--holders-template"),
    ],
)
def test_a_file_cannot_be_made_differently(args: list[str], flags: str, tmp_path: Path) -> None:
    file = tmp_path / "dev.json"
    run("--chain", "dev", "-o", str(file))
    result = run("--chain", str(file), *args)
    assert result.exit_code == 2
    assert f"dev.json is a file: {flags} is for chains that come" in result.stderr


def test_a_warning_is_reported_beside_the_file() -> None:
    result = run("--chain", "mainnet")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: made without a holders file")
    assert "made without a validators file" in result.stderr


@pytest.mark.parametrize("flag", ["--block=5", "--light", "--url=ws://127.0.0.1:1"])
def test_flags_of_a_checkpoint_are_refused_without_it(flag: str) -> None:
    result = run("--chain", "dev", flag)
    assert result.exit_code == 2
    assert "go with --checkpoint" in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "0x" + "05" * 32,
        "5:0x05",
        "-1:" + "05" * 32,
        f"{1 << 32}:" + "05" * 32,
        "",
        "0" * 11 + "9" * 5_000 + ":" + "05" * 32,
    ],
)
def test_a_trusted_block_that_is_not_one_is_refused(text: str) -> None:
    words = ["node", "--dev", "--tmp", "--trusted-block", text]
    result = CliRunner().invoke(program, words, prog_name="btt-chain")
    assert result.exit_code == 2
    assert "write its height, a colon and its hash" in result.stderr
