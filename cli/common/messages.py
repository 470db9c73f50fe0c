"""Shared by commands that sign and verify messages: the message, and the result."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from cli.common import show
from cli.common.errors import Refused
from cli.common.options import Command
from cli.common.session import from_hex


def message_options(done: str) -> Callable[[Command], Command]:
    """Return a decorator of `--message` and `--hex`; `done` says what happens to the message."""
    message = click.option("--message", help=f"The message; without it, standard input is {done}.")
    is_hex = click.option("--hex", "is_hex", is_flag=True, help="The message is hex.")
    return lambda command: message(is_hex(command))


def message_of(given: str | None, *, is_hex: bool) -> bytes:
    """Return the message of the options, or of standard input. Mistyped if it is not hex."""
    raw = sys.stdin.buffer.read() if given is None else given.encode()
    return from_hex(raw.decode("ascii", "replace"), "the message") if is_hex else raw


def print_verdict(is_valid: bool, signer: str, as_json: bool) -> None:
    """Print that a signature is valid; Refused if it is not. `signer` is a key or an account."""
    if as_json:
        show.document({"valid": is_valid})
    if not is_valid:
        raise Refused(f"the signature is not of this {signer} and this message")
    if not as_json:
        show.good("The signature is valid.")
