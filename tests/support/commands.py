"""Commands of `btt-chain` that tests run in their own process, on the node at an address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import click
from click.testing import CliRunner, Result

from cli.program import program
from support.document import Document

Words: TypeAlias = tuple[str, ...]


def every_command(
    command: click.Command = program, words: Words = ()
) -> Iterator[tuple[Words, click.Command]]:
    """Yield a command and all below it, with the words that name them."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from every_command(child, (*words, name))


def run(url: str, *args: str) -> Result:
    """Run a command to its end."""
    return CliRunner().invoke(program, [*args, "--url", url], prog_name="btt-chain")


def good(url: str, *args: str) -> str:
    """Return the output of a command, which must succeed."""
    result = run(url, *args)
    assert result.exit_code == 0, result.stderr
    return result.stdout + result.stderr


def document(url: str, *args: str) -> Document:
    """Return the document that a command prints with --json; it must succeed."""
    result = run(url, *args, "--json")
    assert result.exit_code == 0, result.stderr
    return Document.of(result.stdout)


def refusal(url: str, *args: str) -> str:
    """Return the message of a command, which must fail."""
    result = run(url, *args)
    assert result.exit_code != 0, result.stdout
    return result.stderr
