"""Every command has an example in its help that can be typed, and each option a sentence."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from support.commands import every_command

COMMANDS_BY_WORDS = {
    words: command
    for words, command in every_command()
    if words and (not isinstance(command, click.Group) or command.invoke_without_command)
}
WHOLE_HASH = "0x4fd3" + 60 * "0"
"""Examples shorten it."""


def example_lines(command: click.Command) -> list[str]:
    epilog = (command.epilog or "").partition("Examples:\n")[2]
    return [line.strip() for line in re.sub(r"\\\n\s*", "", epilog).splitlines() if line.strip()]


@pytest.mark.parametrize("words", COMMANDS_BY_WORDS, ids=" ".join)
def test_every_command_has_an_example_of_itself(words: tuple[str, ...]) -> None:
    lines = example_lines(COMMANDS_BY_WORDS[words])
    assert lines
    whole = " ".join(("btt-chain", *words))
    assert any(re.search(rf"(^|[\s(\"]){re.escape(whole)}( |$)", line) for line in lines) or (
        words == ("config",)
    ), lines


@pytest.mark.parametrize("words", COMMANDS_BY_WORDS, ids=" ".join)
def test_every_option_is_explained(words: tuple[str, ...]) -> None:
    silent = [
        option.opts
        for option in COMMANDS_BY_WORDS[words].params
        if isinstance(option, click.Option) and not option.hidden and not option.help
    ]
    assert silent == []


@pytest.mark.parametrize("words", COMMANDS_BY_WORDS, ids=" ".join)
def test_examples_can_be_typed(words: tuple[str, ...]) -> None:
    command = COMMANDS_BY_WORDS[words]
    start = ["btt-chain", *words]
    for line in example_lines(command):
        # Unlike a shell, shlex takes a # within a word for the beginning of a comment.
        typed = shlex.split(re.sub(r"\s# .*$", "", line.replace("0x4fd3...", WHOLE_HASH)))
        for end in ("|", ">", "&"):
            typed = typed[: typed.index(end)] if end in typed else typed
        if typed[: len(start)] != start:
            continue
        why = complaint(command, start, typed[len(start) :])
        # Files of an example do not exist here.
        assert why is None or re.search(r"does not exist|is not a file|no such file", why), line


def complaint(command: click.Command, name: list[str], words: list[str]) -> str | None:
    try:
        command.make_context(" ".join(name), words)
    except click.ClickException as error:
        return error.format_message()
    return None
