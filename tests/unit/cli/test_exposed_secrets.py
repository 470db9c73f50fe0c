"""A secret that is typed is seen by other users: commands accept it, and say so once."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.common.signers import EXPOSED
from cli.program import program

PHRASE = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"
SEED = "0x" + "11" * 32


def noted(given: str, text: str = "") -> int:
    """Sign with a key; no node is there. Return how often the warning is printed."""
    words = ["tx", "transfer", "//Bob", "1BTT", "--from", given, "--url", "ws://127.0.0.1:1"]
    result = CliRunner().invoke(program, words, input=text, prog_name="btt-chain")
    assert result.exit_code == 3, result.output
    assert PHRASE not in result.output
    assert SEED not in result.output
    return result.stderr.count(EXPOSED)


@pytest.mark.parametrize("given", [PHRASE, SEED, PHRASE + "//Alice", PHRASE + "/" + "x" * 300])
def test_a_typed_secret_is_accepted_with_a_warning(given: str) -> None:
    assert noted(given) == 1


def test_files_standard_input_variables_and_development_keys_are_not_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key.txt").write_text(PHRASE)
    assert noted(str(tmp_path / "key.txt")) == 0
    assert noted("-", PHRASE) == 0
    assert noted("//Alice") == 0
    monkeypatch.setenv("BTT_TX_TRANSFER_FROM", PHRASE)
    words = ["tx", "transfer", "//Bob", "1BTT", "--url", "ws://127.0.0.1:1"]
    result = CliRunner().invoke(program, words, prog_name="btt-chain")
    assert (result.exit_code, EXPOSED in result.stderr) == (3, False)
