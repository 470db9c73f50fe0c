"""Each command that asks a node, with each value of its example replaced by a wrong one.

Every answer is one line, the last one, and none is a traceback: of the command, of the chain, or
that no node is there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.program import program
from support.instant_node import instant_node
from unit.cli.test_examples import COMMANDS_BY_WORDS, example_lines

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

STAYING = {
    "doctor", "explorer", "feeder", "pos", "auditor watch", "facility serve", "job gateway",
    "merchant watch", "provider run", "records serve",
}  # fmt: skip
"""They go on without a node, or report its absence as their result."""
AMOUNT = re.compile(r"\d[\d_.]*[A-Za-z]*BTT")
ACCOUNT = re.compile(r"//\w+|5[A-Za-z0-9]{7,}(\.\.\.)?")
NUMBER = re.compile(r"\d+")
ID = re.compile(r"0x[0-9a-f]+(\.\.\.)?")
WRONG = {
    AMOUNT: ("5", "-5BTT", "5XYZ", "1e3BTT", "99999999999999999999999999BTT", "NaNBTT"),
    ACCOUNT: ("5Grw", "0x12", "unknown", "/no/such"),
    NUMBER: ("-1", "4294967296", "99999999999999999999999", "x"),
    ID: ("0x", "0xzz", "0x12", "0x" + "ff" * 33),
}


def lines() -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield the first example of each command that asks a node."""
    for words, command in COMMANDS_BY_WORDS.items():
        options = {option for param in command.params for option in param.opts}
        if "--url" not in options or " ".join(words) in STAYING or words[0] in ("node", "config"):
            continue
        start = ["btt-chain", *words]
        for line in example_lines(command):
            typed = shlex.split(re.sub(r"\s# .*$", "", line))
            for end in ("|", ">", "&"):
                typed = typed[: typed.index(end)] if end in typed else typed
            if typed[: len(start)] == start:
                rest = typed[1:]
                if "--url" in rest:
                    at = rest.index("--url")
                    del rest[at : at + 2]
                yield words, [*rest, *(["--dry-run"] if "--dry-run" in options else [])]
                break


@pytest.fixture(autouse=True)
def _nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BTT_WALLET", str(tmp_path / "wallet"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def answer(*words: str) -> int:
    """Type a line; return its exit code, after checking that an error is its last and only one."""
    result = CliRunner().invoke(program, list(words), prog_name="btt-chain")
    line = shlex.join(words)
    assert isinstance(result.exception, SystemExit | None), (line, result.exception)
    assert result.exit_code in range(5), (line, result.output)
    if result.exit_code:
        errors = [each for each in result.stderr.splitlines() if each.startswith("error: ")]
        assert len(errors) == 1, (line, result.stderr)
        assert result.stderr.rstrip().endswith(errors[0]), (line, result.stderr)
    return result.exit_code


def test_a_node_that_is_not_there_is_said_in_one_line() -> None:
    codes = {
        words: answer(*line, "--url", "ws://127.0.0.1:1", "--timeout", "5")
        for words, line in lines()
    }
    assert 0 not in codes.values()
    assert sum(code == 3 for code in codes.values()) > 100


def test_wrong_values_are_said_in_one_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    refused = tried = 0
    with instant_node(tmp_path_factory.mktemp("node")) as url:
        for words, line in lines():
            for at in range(len(words), len(line)):
                wrong = next((WRONG[each] for each in WRONG if each.fullmatch(line[at])), ())
                for value in wrong:
                    typed = [*line[:at], value, *line[at + 1 :], "--url", url, "--timeout", "60"]
                    tried += 1
                    refused += answer(*typed) != 0
    assert tried > 500
    assert tried - refused < 10
