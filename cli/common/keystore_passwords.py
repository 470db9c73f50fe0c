"""The password of a node's keystore, from its options."""

from __future__ import annotations

from pathlib import Path

import click

from btt_chain.keystore import Password
from cli.common.errors import Mistyped
from cli.common.options import password


def keystore_password(
    given: str | None, filename: Path | None, interactive: bool
) -> Password | None:
    """Return the password of the keystore; None: the secret beside its files is used."""
    if filename is not None or interactive:
        ctx = click.get_current_context()
        if ctx.get_parameter_source("password") is not click.core.ParameterSource.COMMANDLINE:
            given = None  # a typed value overrides a configured one
    word = password(given, interactive, filename)
    if word == "":
        raise Mistyped("the keystore's password is empty")
    if word is None:
        return None
    read_again = None if filename is None else lambda: str(password(None, False, filename))
    return Password(word, read_again=read_again)
