"""Failures of commands: one line with the error, its place and a remedy, and an exit code.

0    done
1    refused or failed: the node refused, a call failed in its block, a file is damaged
2    the command was typed wrongly
3    no node can be reached
4    the requested thing does not exist: a block, an account, a pallet, a file
130  interrupted from the keyboard
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from enum import IntEnum

import click


class ExitCode(IntEnum):
    """Exit codes of the program."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NO_CONNECTION = 3
    NOT_FOUND = 4
    INTERRUPTED = 130


class Refused(click.ClickException):
    """The request was valid, and failed."""

    exit_code = ExitCode.REFUSED


class CannotConnect(click.ClickException):
    """No node answers, or the connection broke."""

    exit_code = ExitCode.NO_CONNECTION


class NotFound(click.ClickException):
    """The requested thing does not exist."""

    exit_code = ExitCode.NOT_FOUND


class Mistyped(click.UsageError):
    """The command cannot be understood; the message says what was expected."""


def hint(name: str, known: Sequence[str]) -> str:
    """Return a hint for an unknown `name`: similar names, or all that are known."""
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
