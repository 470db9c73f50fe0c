"""Failures of commands: one line with the error, its place and a remedy, and an exit code.

0    done
1    refused or failed: the node refused, a call failed in its block, a file is damaged
2    the command was typed wrongly
3    no node can be reached; of `model import`: too little agreement with the float model
4    the requested thing does not exist: a block, an account, a pallet, a file
5    undecided: a payment was seen and is not final, or nothing is known of it in time
129  ended by SIGHUP, 143 by SIGTERM
130  interrupted from the keyboard
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import click

from btt_chain.client import errors as client
from btt_chain.client.names import similar as hint
from btt_chain.client.names import similar_names

__all__ = [
    "CannotConnect",
    "ExitCode",
    "Mistyped",
    "NotFound",
    "Refused",
    "hint",
    "of_client",
    "similar_names",
]


class ExitCode(IntEnum):
    """Exit codes of the program."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NO_CONNECTION = 3
    LOSS = 3
    """Of `model import`."""
    NOT_FOUND = 4
    UNDECIDED = 5
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


FEATURES: Final = (
    *("stake", "vesting", "asset", "exchange", "vault", "premium", "oracle", "feeder", "pos"),
    *("pay", "merchant", "dispute", "card", "payfi", "gov", "proxy", "multisig", "facility"),
    *("points", "auditor", "referral", "records"),
)
"""Commands about a feature of the runtime that a chain may lack."""


def of_client(error: client.ClientError) -> click.ClickException:
    """Return a command's error for one of the client: with an exit code, and the option to use."""
    text = str(error)
    match error:
        case client.TimedOut():
            return CannotConnect(f"{text} with --timeout")
        case client.Disconnected():
            start = " Start one with `btt-chain node --dev`, or name another with --url"
            return CannotConnect(text + start if text.endswith("is the node running?") else text)
        case client.MissingFeature():
            return _lacking(error)
        case client.NotFound():
            return NotFound(text)
        case client.InvalidArgument():
            return Mistyped(text)
    return Refused(text)


def _lacking(error: client.MissingFeature) -> NotFound:
    """Return the error of a command whose feature the chain's runtime lacks."""
    context = click.get_current_context(silent=True)
    command = "" if context is None else "".join(context.command_path.split()[1:2])
    if command not in FEATURES:
        return NotFound(str(error))
    return NotFound(f"this chain has no {command}: its runtime is {error.runtime}")
