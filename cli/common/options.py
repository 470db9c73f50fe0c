"""Options that several commands share, with the same names and effects.

Chains and the runtime are imported inside of functions: `btt-chain --help` imports this module, and
loads none of them. Options of keys and addresses are in `cli.common.keys`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

from cli.common.config import path_of, settings_of
from cli.common.errors import Mistyped, hint
from cli.common.files import MAX_SECRET, secret_in, secret_of
from cli.common.synonyms import meant
from cli.common.types import Seconds

DEFAULT_URL: Final = "ws://127.0.0.1:9944"

WALLET: Final = "btt.wallet"
"""Key of the wallet's folder in `Context.meta`."""

MAX_SENTENCE: Final = 500
"""Characters of a sentence in the help of a group: more than any has."""

Command = TypeVar("Command", bound=Callable[..., Any])
AnyCommand = TypeVar("AnyCommand", bound=click.Command)


class Commands(MutableMapping[str, click.Command]):
    """Commands of a group; those whose value is a text are imported from there when they are used.

    The text is that of `command_at`, the module and name of another group that has the command.
    """

    def __init__(self, commands: Mapping[str, click.Command | str]) -> None:
        self._commands = dict(commands)

    def __getitem__(self, name: str) -> click.Command:
        command = self._commands[name]
        if isinstance(command, click.Command):
            return command
        part = command_at(command)
        if not isinstance(part, click.Group):
            raise TypeError(f"{command} is not a group")
        self._commands[name] = imported = part.commands[name]
        return imported

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __contains__(self, name: object) -> bool:
        return name in self._commands

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)


def command_at(place: str) -> click.Command:
    """Import a command: `place` is its module below `cli.commands`, and its name there."""
    module, _, name = place.partition(":")
    command = getattr(import_module(f"cli.commands.{module}"), name)
    if not isinstance(command, click.Command):
        raise TypeError(f"{place} is not a command")
    return command


class Group(click.Group):
    """Commands under one name; the error of an unknown one lists similar names."""

    def add_parts(self, parts: Mapping[str, Sequence[str]]) -> None:
        """Add commands of other groups by their names, without importing them."""
        places = {name: place for place, names in parts.items() for name in names}
        self.commands = Commands({**self.commands, **places})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first argument."""
        name = args[0]
        is_name = not name.startswith("-") and not ctx.resilient_parsing
        if is_name and self.get_command(ctx, name) is None:
            raise Mistyped(f"no command {name!r}; {self._hint(ctx, name)}", ctx)
        found, command, rest = super().resolve_command(ctx, args)
        if command is not None and found is not None and not ctx.resilient_parsing:
            settings = settings_of(ctx)
            ctx.default_map = {found: settings.defaults([*path_of(ctx), found], command)}
        return found, command, rest

    def _hint(self, ctx: click.Context, name: str) -> str:
        """Return a hint for an unknown command: by its meaning, else by its letters."""
        known = self.list_commands(ctx)
        root = ctx.find_root().command
        everything = root.list_commands(ctx) if isinstance(root, click.Group) else known
        words = meant(name, path_of(ctx), everything)
        if words:
            return f"did you mean {' or '.join(f'`btt-chain {each}`' for each in words)}?"
        return hint(name, known)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their whole first sentences, folded where they are long."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(MAX_SENTENCE)))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def examples(*lines: str) -> Callable[[AnyCommand], AnyCommand]:
    """Show examples below a command's options; the decorator is above that of the command."""

    def add(command: AnyCommand) -> AnyCommand:
        # \b: click keeps the lines of this paragraph.
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
        return command

    return add


def add_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    """Decorate a command so that its help shows the options in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def base_path_option(help: str, envvar: str | None = None) -> Callable[[Command], Command]:
    """Return a decorator that adds `--base-path`: the folder of a program's data."""
    return click.option(
        "-d",
        "--base-path",
        envvar=envvar,
        show_envvar=envvar is not None,
        type=click.Path(file_okay=False, path_type=Path),
        help=help,
    )


def output_option(
    help: str, *, is_required: bool = False, is_folder: bool = False
) -> Callable[[Command], Command]:
    """Return a decorator that adds `--output`, `-o`: the file or the folder to write."""
    kind = click.Path(file_okay=not is_folder, dir_okay=is_folder, path_type=Path)
    return click.option("-o", "--output", type=kind, required=is_required, help=help)


yes_option: Final = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
"""Decorator that adds `--yes`: no question is asked."""

stdout_option: Final = click.option(
    "-o", "--output", type=click.Path(dir_okay=False, allow_dash=True), default="-",
    help="The file; - is standard output.",
)  # fmt: skip
"""Decorator that adds `--output`: the file to write, by default standard output."""

data_path_option: Final = base_path_option(
    "Where data is kept. [default: ~/.local/share/btt-chain]"
)
"""Decorator that adds `--base-path`: the folder of a node's data."""


def json_option(command: Command) -> Command:
    """Add `--json`: a document for programs instead of tables for readers."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON, for programs to read."
    )(command)


def chain_names(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return completions of `--chain`: the included chains, or a file."""
    from genesis.presets import ALIASES, CHAINS

    names = [name for name in (*CHAINS, *ALIASES) if name.startswith(incomplete)]
    # The file first: bash forgets what came before it.
    return [CompletionItem(incomplete, type="file"), *map(CompletionItem, names)]


def data_options(command: Command) -> Command:
    """Add the options of the chain and its data."""
    return add_options(
        command,
        click.option("--dev", is_flag=True, help="The same as --chain dev."),
        click.option(
            "--chain", metavar="NAME|FILE", shell_complete=chain_names,
            help="The chain, as for `node`.",
        ),
        data_path_option,
    )  # fmt: skip


def live_chain_options(command: Command) -> Command:
    """Add the options of the Live chain that a network is made from, and of the network's id."""
    return add_options(
        command,
        click.option(
            "--chain", "preset", metavar="NAME", required=True,
            help="The Live chain that the network is made from: testnet, mainnet, seed-001, ...",
        ),
        click.option("--id", "chain_id", help="The id of the network. [default: the chain's]"),
    )  # fmt: skip


def runtime_option(default: str = "full") -> Callable[[Command], Command]:
    """Return a decorator that adds `--runtime`: the set of features of a chain."""
    from runtime.sets import SETS  # here: programs beside the node load nothing of the runtime

    return click.option(
        "--runtime",
        type=click.Choice(list(SETS), case_sensitive=False),
        help="The features of the runtime: useful work alone; also vesting, stakes, governance and "
        f"assets; or all. [default: {default}]",
    )


def url_options(command: Command) -> Command:
    """Add `--url` and `--timeout`: the node, and the seconds to wait for it."""
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
        type=Seconds(),
        default=60.0,
        show_default=True,
        help="Seconds to wait for an answer of the node.",
    )
    return url(timeout(command))


def connection_options(command: Command) -> Command:
    """Add the `url_options`, and `--wallet`: names that may stand for accounts."""
    return url_options(wallet_option(command))


def query_options(command: Command) -> Command:
    """Add the `connection_options` and `--json`: for a command that reads the chain."""
    return connection_options(json_option(command))


def wallet_option(command: Command) -> Command:
    """Add `--wallet`: the folder of named accounts; see `cli.common.wallets`."""

    def keep(ctx: click.Context, _param: click.Parameter, folder: Path | None) -> None:
        if folder is not None:
            ctx.meta[WALLET] = folder

    return click.option(
        "--wallet",
        envvar="BTT_WALLET",
        show_envvar=True,
        type=click.Path(file_okay=False, path_type=Path),
        expose_value=False,
        is_eager=True,
        callback=keep,
        help="The folder of named accounts. [default: ~/.local/share/btt-chain/wallet]",
    )(command)


def password_options(command: Command) -> Command:
    """Add `--password` and its safer variants, which `password` reads."""
    given = click.option(
        "--password", help="The key's password (others can see it in the list of processes)."
    )
    asked = click.option(
        "--password-interactive", is_flag=True, help="Ask for the password, without showing it."
    )
    filed = click.option(
        "--password-filename",
        "--password-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Read the password from a file.",
    )
    return given(asked(filed(command)))


def password(given: str | None, interactive: bool, filename: Path | None) -> str | None:
    """Return the password of the `password_options`, None if there is none."""
    if sum((given is not None, interactive, filename is not None)) > 1:
        raise click.UsageError("give the password in one way only")
    if interactive:
        return str(click.prompt("Password", hide_input=True, err=True))
    if filename is not None:
        word = secret_in(filename)
        if not word:
            raise click.UsageError(f"{filename} is empty: it should hold a password")
        return word
    return given


def read_text(given: str | None) -> str:
    """Return the text of an argument: itself, standard input, or the content of a file."""
    if given is None:
        if sys.stdin.isatty():
            return str(click.prompt("Secret URI", hide_input=True, err=True))
        given = "-"
    if given == "-":
        return secret_of(sys.stdin.buffer.read(MAX_SECRET + 1), "standard input").strip()
    # No existing path is a phrase, a seed or an address; `//Alice` and the like are never read.
    if not given.startswith("//") and len(given) < 256 and Path(given).is_file():
        return secret_in(Path(given)).strip()
    return given
