"""Options that several commands share, so that they are spelt and behave alike."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cli.common.config import path_of, settings_of
from cli.common.errors import Mistyped, hint
from cli.common.secret_uri import check_secret

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from btt_chain.crypto.keypair import KeyPair, Scheme

DEFAULT_URL: Final = "ws://127.0.0.1:9944"

SCHEMES: Final = ("sr25519", "ed25519", "ecdsa")

NETWORKS: Final = {"btt": 42, "substrate": 42, "polkadot": 0, "kusama": 2}
"""SS58 prefixes with a name; all others are given by number."""

Command = TypeVar("Command", bound=Callable[..., Any])
AnyCommand = TypeVar("AnyCommand", bound=click.Command)


class Group(click.Group):
    """Commands under one name; an unknown one is answered with those that are like it."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names."""
        name = args[0]
        is_name = not name.startswith("-") and not ctx.resilient_parsing
        if is_name and self.get_command(ctx, name) is None:
            raise Mistyped(f"no command {name!r}; {hint(name, self.list_commands(ctx))}", ctx)
        found, command, rest = super().resolve_command(ctx, args)
        if command is not None and found is not None and not ctx.resilient_parsing:
            settings = settings_of(ctx)
            ctx.default_map = {found: settings.defaults([*path_of(ctx), found], command)}
        return found, command, rest


def examples(*lines: str) -> Callable[[AnyCommand], AnyCommand]:
    """Show what is typed below a command's options; stands above the command's decorator."""

    def add(command: AnyCommand) -> AnyCommand:
        # \b: click leaves the lines of this paragraph as they are.
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
        return command

    return add


def json_option(command: Command) -> Command:
    """`--json`: a document for programs in the place of tables for people."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON, for programs to read."
    )(command)


def chain_names(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return completions of `--chain`: the chains that come along, or a file."""
    from click.shell_completion import CompletionItem

    from genesis.presets import ALIASES, CHAINS

    names = [name for name in (*CHAINS, *ALIASES) if name.startswith(incomplete)]
    # The file first: bash forgets what came before it.
    return [CompletionItem(incomplete, type="file"), *map(CompletionItem, names)]


def connection_options(command: Command) -> Command:
    """`--url` and `--timeout`: which node, and how long to wait for it."""
    url = click.option(
        "--url",
        envvar="BTT_URL",
        default=DEFAULT_URL,
        show_default=True,
        show_envvar=True,
        help="The node to talk to.",
    )
    timeout = click.option(
        "--timeout",
        envvar="BTT_TIMEOUT",
        show_envvar=True,
        type=click.FloatRange(min=0, min_open=True),
        default=60.0,
        show_default=True,
        help="Seconds to wait for an answer of the node.",
    )
    return url(timeout(command))


def scheme_option(command: Command) -> Command:
    """`--scheme`: which kind of key."""
    return click.option(
        "--scheme",
        type=click.Choice(SCHEMES, case_sensitive=False),
        default="sr25519",
        show_default=True,
        help="The kind of key.",
    )(command)


def password_options(command: Command) -> Command:
    """`--password` and its safer sisters; `password` reads them."""
    given = click.option(
        "--password", help="The key's password (others can see it in the list of processes)."
    )
    asked = click.option(
        "--password-interactive", is_flag=True, help="Ask for the password, without showing it."
    )
    filed = click.option(
        "--password-filename",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Read the password from a file.",
    )
    return given(asked(filed(command)))


def password(given: str | None, interactive: bool, filename: Path | None) -> str | None:
    """The password that `password_options` lead to, None if there is none."""
    if sum((given is not None, interactive, filename is not None)) > 1:
        raise click.UsageError("give the password in one way only")
    if interactive:
        return str(click.prompt("Password", hide_input=True, err=True))
    if filename is not None:
        return _text(filename.read_bytes(), str(filename)).rstrip("\r\n")
    return given


def network_options(command: Command) -> Command:
    """`--network`, or `--ss58-prefix`: for which network addresses are written."""
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

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The prefix."""
        from btt_chain.primitives.ss58 import MAX_PREFIX, RESERVED_PREFIXES

        text = str(value).lower()
        if text in NETWORKS:
            return NETWORKS[text]
        if not (text.isascii() and text.isdecimal()) or int(text) > MAX_PREFIX:
            self.fail(
                f"{value!r} is no network; give {', '.join(NETWORKS)} or a number up to "
                f"{MAX_PREFIX}",
                param,
                ctx,
            )
        if int(text) in RESERVED_PREFIXES:
            self.fail(f"the prefix {text} is reserved", param, ctx)
        return int(text)


def read_secret(given: str | None) -> str:
    """The secret URI that an argument means.

    The URI itself, `-` for standard input, the path of a file that holds it; and where nothing is
    given, a hidden prompt (or standard input, if that is not a terminal). An empty one is refused:
    it would mean the development phrase, whose keys everybody has. So is the path of no file
    (`check_secret`).
    """
    secret = read_text(given)
    if not secret:
        raise click.UsageError("the secret is empty")
    check_secret(secret)
    return secret


def read_text(given: str | None) -> str:
    """The text that an argument means: itself, standard input, or what a file holds."""
    if given is None:
        if sys.stdin.isatty():
            return str(click.prompt("Secret URI", hide_input=True, err=True))
        given = "-"
    if given == "-":
        return _text(sys.stdin.buffer.read(), "standard input").strip()
    # No path that exists is a phrase, a seed or an address; `//Alice` and the like are never read.
    if not given.startswith("//") and len(given) < 256 and Path(given).is_file():
        return _text(Path(given).read_bytes(), given).strip()
    return given


def _text(raw: bytes, where: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise click.UsageError(f"{where} holds no text") from None


def key_pair(uri: str, scheme: str, password: str | None) -> KeyPair:
    """The key of a secret URI, or a usage error that never repeats the secret."""
    from btt_chain.crypto.errors import SecretError
    from btt_chain.crypto.keypair import KeyPair

    try:
        return KeyPair.from_uri(uri, scheme_named(scheme), password)
    except SecretError as error:
        raise click.UsageError(f"the secret is not usable: {error}") from None


def scheme_named(name: str) -> Scheme:
    """The signature scheme of a name in `SCHEMES`."""
    from btt_chain.crypto.keypair import Scheme

    return Scheme[name.upper()]
