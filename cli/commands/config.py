"""`btt-chain config`: the values of options, and their sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import click

from cli.common import show
from cli.common.config import SECRET, SHARED, Settings, option_names, settings_of, variable
from cli.common.errors import Mistyped, hint
from cli.common.options import Group, examples, json_option


class Row(NamedTuple):
    """An option of a command, its value, and the source of the value."""

    command: str
    option: str
    value: str
    source: str


@click.group(cls=Group)
def config() -> None:
    """Show the values of options from a configuration file and the environment.

    The file is TOML, given as `btt-chain --config FILE COMMAND` or in BTT_CONFIG: a table for each
    command, an option for each key. Outside of tables, url and timeout hold for all commands.
    """


@examples(
    "btt-chain --config btt.toml config show",
    "btt-chain --config btt.toml config show node",
    "BTT_TX_TRANSFER_TIP=1BTT btt-chain config show tx transfer --json",
)
@config.command("show")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@json_option
@click.pass_context
def show_(ctx: click.Context, words: tuple[str, ...], as_json: bool) -> None:
    """Show what is set and where; with COMMAND, all options of that command.

    Passwords and secrets are not printed.
    """
    settings = settings_of(ctx)
    root = ctx.find_root()
    commands = list(_commands(root, root.command, ()))
    if words:
        by_path = dict(commands)
        if words not in by_path:
            known = [" ".join(path) for path in by_path]
            raise Mistyped(f"no command {' '.join(words)!r}; {hint(' '.join(words), known)}")
        rows = list(_rows(settings, words, by_path[words]))
    else:
        found = [row for path, command in commands for row in _rows(settings, path, command)]
        rows = list(dict.fromkeys(map(_shared, (row for row in found if row.source != "default"))))
    if as_json:
        show.document([row._asdict() for row in rows])
    elif rows:
        show.table(["command", "option", "value", "source"], rows)
    else:
        show.note("nothing is set: all options have their defaults")
    for name, near in _unknown(settings, commands):
        show.note(f"{name} is the variable of no option; {near}")


def _commands(
    ctx: click.Context, command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if path:
        yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            child = command.get_command(ctx, name)
            if child is not None:
                yield from _commands(ctx, child, (*path, name))


def _rows(settings: Settings, path: tuple[str, ...], command: click.Command) -> Iterator[Row]:
    found = settings.of(path, command)
    for key, option in option_names(command):
        name = option.envvar if isinstance(option.envvar, str) else ""
        if name and (text := settings.environment.get(name)):
            value, source = text, name
        elif key in found:
            value, source = _written(found[key].given), found[key].source
        elif f"--{key}" in option.secondary_opts:
            continue
        else:
            default = option.to_info_dict()["default"]
            value, source = _written(default), "default"
        hidden = key in SECRET and value != "-"
        yield Row(" ".join(path), key, "(hidden)" if hidden else value, source)


def _shared(row: Row) -> Row:
    """Return the same row for all commands if the option is set for all at once."""
    own = row.source.endswith("]") or row.source == variable(row.command.split(), row.option)
    return row if own or row.option not in SHARED else row._replace(command="all commands")


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)


def _unknown(
    settings: Settings, commands: list[tuple[tuple[str, ...], click.Command]]
) -> Iterator[tuple[str, str]]:
    """Yield variables that resemble those of a command but are unknown, with similar names."""
    known = [variable(path, key) for path, command in commands for key, _ in option_names(command)]
    named = {
        option.envvar for _, command in commands for _, option in option_names(command)
        if isinstance(option.envvar, str)
    }  # fmt: skip
    starts = tuple(variable(path, "") for path, _ in commands)
    for name in sorted(settings.environment):
        if name.startswith(starts) and name not in known and name not in named:
            yield name, hint(name, known)
