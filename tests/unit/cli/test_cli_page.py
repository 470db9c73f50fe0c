"""The commands accept the examples of the documentation."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from cli import main
from cli.program import program

HOME = Path(main.__file__).resolve().parent.parent
PAGE = HOME / "docs" / "cli.md"
LAUNCH = HOME / "docs" / "launch.md"


def typed(page: Path) -> list[str]:
    """Every command line that begins with `btt-chain`, in fenced blocks, and pipes cut off."""
    fences = re.findall(r"```(?:sh|console)\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line.removeprefix("$ ") for fence in fences for line in fence.splitlines()]
    return [line for line in lines if line.startswith("btt-chain ")]


@pytest.mark.parametrize("line", [*typed(PAGE), *typed(LAUNCH)])
def test_every_line_of_the_page_can_be_typed(line: str) -> None:
    words = shlex.split(line, comments=True)
    for end in ("|", ">"):
        words = words[: words.index(end)] if end in words else words
    command: click.Command = program
    at = 3 if words[1] == "--config" else 1
    # A group may be a command itself: `devnet`.
    while isinstance(command, click.Group) and at < len(words):
        child = command.get_command(click.Context(command), words[at])
        assert child is not None, f"there is no command {words[at]}"
        command, at = child, at + 1
    why = complaint(command, words[at:])
    # Files of an example are not there; one example is of a flag that is explained instead.
    assert why is None or "does not exist" in why or "--ws-port" in line, why


def complaint(command: click.Command, words: list[str]) -> str | None:
    try:
        command.make_context("btt-chain", words)
    except click.UsageError as error:
        return error.format_message()
    return None


def test_every_command_has_a_place_on_the_page() -> None:
    text = PAGE.read_text()
    for name in program.list_commands(click.Context(program)):
        assert f"btt-chain {name}" in text
