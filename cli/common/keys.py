"""Options of keys and addresses, and the keys that are named by them."""

from __future__ import annotations

from typing import Final

import click

from btt_chain.crypto.errors import SecretError
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.digits import whole_number
from btt_chain.primitives.ss58 import MAX_PREFIX, RESERVED_PREFIXES
from cli.common.options import Command, read_text
from cli.common.secret_uri import check_secret

SCHEMES: Final = ("sr25519", "ed25519", "ecdsa")

NETWORKS: Final = {"btt": 42, "substrate": 42, "polkadot": 0, "kusama": 2}
"""SS58 prefixes with a name; all others are given by number."""


def scheme_option(command: Command) -> Command:
    """Add `--scheme`: the kind of key."""
    return click.option(
        "--scheme",
        type=click.Choice(SCHEMES, case_sensitive=False),
        default="sr25519",
        show_default=True,
        help="The kind of key.",
    )(command)


def network_options(command: Command) -> Command:
    """Add `--network`, or `--ss58-prefix`: the network of printed addresses."""
    return click.option(
        "--network",
        "--ss58-prefix",
        type=Network(),
        default="42",
        show_default="btt",
        help="Write addresses for this network: "
        + ", ".join(NETWORKS)
        + ", or the number of its SS58 prefix.",
    )(command)


class Network(click.ParamType[int]):
    """The name of a network or its SS58 prefix; the value is the prefix."""

    name = "network"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the prefix."""
        text = str(value).lower()
        if text in NETWORKS:
            return NETWORKS[text]
        prefix = whole_number(text, MAX_PREFIX)
        if prefix is None:
            self.fail(
                f"{value!r} is not a network; give {', '.join(NETWORKS)} or a number up to "
                f"{MAX_PREFIX}",
                param,
                ctx,
            )
        if prefix in RESERVED_PREFIXES:
            self.fail(f"the prefix {text} is reserved", param, ctx)
        return prefix


def read_secret(given: str | None) -> str:
    """Return the secret URI of an argument.

    The URI itself, `-` for standard input, the path of a file that holds it; and without an
    argument, a hidden prompt (or standard input, if that is not a terminal). An empty one is
    refused: it would mean the development phrase, whose keys are public. So is the path of a
    missing file (`check_secret`).
    """
    secret = read_text(given)
    if not secret:
        raise click.UsageError("the secret is empty")
    check_secret(secret)
    return secret


def key_pair(uri: str, scheme: str, password: str | None) -> KeyPair:
    """Return the key of a secret URI, or raise a usage error that never contains the secret."""
    try:
        return KeyPair.from_uri(uri, scheme_named(scheme), password)
    except SecretError as error:
        raise click.UsageError(f"the secret is not usable: {error}") from None


def scheme_named(name: str) -> Scheme:
    """Return the signature scheme of a name in `SCHEMES`."""
    return Scheme[name.upper()]
