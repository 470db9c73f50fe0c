"""Mistakes at every command: each is one line that says what is expected, and nothing runs."""

from __future__ import annotations

import shlex

import click
import pytest
from click.testing import CliRunner

from cli.program import program
from unit.cli.test_examples import COMMANDS_BY_WORDS

PLAIN = (click.types.StringParamType, click.Path, click.File)
"""Types whose values are read by the command itself."""
WRONG = "\u00e4no"


def options_of(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


def long_name(option: click.Option) -> str:
    return max(option.opts, key=len)


def typed_options() -> dict[tuple[str, str], tuple[str, ...]]:
    """Return one command for each name and type of an option that takes a value."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for words, command in COMMANDS_BY_WORDS.items():
        for option in options_of(command):
            if not option.is_flag and not option.count:
                found.setdefault((long_name(option), repr(option.type)), words)
    return found


TYPED = typed_options()


def refused(*words: str) -> str:
    """Type a line that is refused as mistyped; return the one line that says why."""
    result = CliRunner().invoke(program, list(words), prog_name="btt-chain")
    line = shlex.join(words)
    assert isinstance(result.exception, SystemExit), (line, result.exception)
    assert result.exit_code == 2, (line, result.output)
    assert result.stdout == "", line
    assert result.stderr.startswith("error: "), (line, result.stderr)
    assert result.stderr.count("\n") == 1, (line, result.stderr)
    return result.stderr


@pytest.mark.parametrize("words", COMMANDS_BY_WORDS, ids=" ".join)
def test_unknown_options_and_wrong_numbers_of_arguments_are_refused(words: tuple[str, ...]) -> None:
    command = COMMANDS_BY_WORDS[words]
    assert "No such option '--nosuch'" in refused(*words, "--nosuch")
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    if not any(each.nargs == -1 for each in arguments) and words != ("config",):
        refused(*words, *["7"] * (len(arguments) + 1))
    if any(each.required for each in command.params):
        assert "Missing" in refused(*words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (long_name(option), words)
        for (name, _), words in TYPED.items()
        for option in options_of(COMMANDS_BY_WORDS[words])
        if long_name(option) == name and not isinstance(option.type, PLAIN)
    ],
)
def test_a_value_of_another_type_is_refused(name: str, words: tuple[str, ...]) -> None:
    refused(*words, name, WRONG)
