"""Texts that newcomers read first: lists of commands, errors that name file or program."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from btt_chain.node.service.service import PortTaken
from btt_chain.testing import process
from cli.common.chain_data import plain_errors
from cli.common.errors import Refused
from cli.program import COMMANDS, program


def groups() -> list[str]:
    context = click.Context(program)
    return [
        name for name in COMMANDS if isinstance(program.get_command(context, name), click.Group)
    ]


@pytest.mark.parametrize("name", groups())
def test_the_list_of_a_group_has_whole_sentences(name: str) -> None:
    shown = CliRunner().invoke(program, [name, "--help"]).stdout
    listed = shown.split("Commands:\n")[1]
    assert not [line for line in listed.splitlines() if line.rstrip().endswith("...")]


@pytest.mark.parametrize(
    "words", [("build-spec",), ("purge-chain", "--yes"), ("check-block", "1"), ("key", "list")]
)
def test_an_error_of_a_specification_names_its_file(words: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    for text in ('{"id": "mine"}', '{"name": 5}', "[]"):
        file.write_text(text)
        result = CliRunner().invoke(program, [*words, "--chain", str(file)])
        assert result.exit_code == 1, result.output
        assert result.stderr.startswith("error: mine.json: ")
        assert result.stderr.count("mine.json") == 1


def test_a_taken_port_is_named_with_its_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "listener", lambda port: f"nginx (pid {port})")
    named = r"port 9944 is taken by nginx \(pid 9944\): stop it"
    with pytest.raises(Refused, match=named), plain_errors():
        raise PortTaken(9944, "--rpc-port")
    monkeypatch.setattr(process, "listener", lambda _port: None)
    with pytest.raises(Refused, match="taken by another program"), plain_errors():
        raise PortTaken(9944, "--rpc-port")
