"""Values of options from a configuration file and from the environment.

The value of an option is, in this order: the typed one; the variable that its help names
(`BTT_URL`); the variable `BTT_` with the words of its command and its name (`BTT_TX_TRANSFER_TIP`);
its key in the command's table of the file (`[tx.transfer]`, `tip = "1BTT"`); for options that many
commands share, a key outside of all tables; its default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import click

from cli.common.errors import Mistyped, NotFound, hint
from cli.common.files import read_text_file

SHARED: Final = ("timeout", "url")
"""Options that may be set for all commands at once: keys outside of all tables."""

SECRET: Final = frozenset({"dev-key", "from", "node-key", "password", "suri"})
"""Options whose values are never printed."""

META: Final = "btt.settings"
"""Key of the settings in `Context.meta`."""


class Setting(NamedTuple):
    """A value that is not typed: converted for click, as given, and its source."""

    param: str
    value: object
    given: object
    source: str


class Settings(NamedTuple):
    """A configuration file and the environment."""

    tables: Mapping[str, object]
    file: str
    environment: Mapping[str, str]

    @classmethod
    def load(cls, file: Path | None) -> Settings:
        """Read a file, if there is one. NotFound or Mistyped if it cannot be used."""
        if file is None:
            return cls({}, "", os.environ)
        import tomllib

        try:
            tables = tomllib.loads(read_text_file(file))
        except NotFound:
            raise NotFound(f"the configuration file {file} does not exist") from None
        except (ValueError, RecursionError) as error:  # also of a number of thousands of digits
            raise Mistyped(f"{file} is not TOML: {error}") from None
        return cls(tables, str(file), os.environ)

    def check(self, commands: Sequence[str]) -> None:
        """Check the names of tables and shared keys. Mistyped if one is unknown."""
        for name, value in self.tables.items():
            if isinstance(value, dict):
                if name not in commands:
                    raise Mistyped(f"{self.file}: no command {name!r}; {hint(name, commands)}")
            elif name not in SHARED:
                raise Mistyped(
                    f"{self.file}: {name!r} belongs into the table of a command, as [node]; "
                    f"outside of tables, known are {', '.join(SHARED)}"
                )

    def of(self, path: Sequence[str], command: click.Command) -> dict[str, Setting]:
        """Return the settings of a command, by the names of options. Mistyped if one is wrong."""
        options = dict(option_names(command))
        found: dict[str, Setting] = {}
        for key in SHARED:
            option = options.get(key)
            if option and option.envvar == variable([], key) and key in self.tables:
                found[key] = self._setting(option, key, self.tables[key], self.file)
        for key, value in self._table(path).items():
            if isinstance(value, dict) and isinstance(command, click.Group):
                known = command.list_commands(click.Context(command))
                if key not in known:
                    raise Mistyped(f"{self._place(path)}: no command {key!r}; {hint(key, known)}")
            elif key not in options:
                raise Mistyped(f"{self._place(path)}: no option {key!r}; {hint(key, [*options])}")
            else:
                found[key] = self._setting(options[key], key, value, self._place(path))
        for key, option in options.items():
            name = variable(path, key)
            if text := self.environment.get(name):
                found[key] = self._setting(option, key, _from_text(option, text), name)
        return found

    def defaults(self, path: Sequence[str], command: click.Command) -> dict[str, object]:
        """Return the settings of a command in the form of click's `default_map`."""
        values: dict[str, object] = {}
        for setting in self.of(path, command).values():
            before, value = values.get(setting.param), setting.value
            if isinstance(before, list) and isinstance(value, list):
                value = [*before, *value]  # flags such as --alice and --bob add to one list
            values[setting.param] = value
        return values

    def _table(self, path: Sequence[str]) -> Mapping[str, object]:
        found: object = self.tables
        for at, word in enumerate(path):
            found = found.get(word, {}) if isinstance(found, dict) else found
            if not isinstance(found, dict):
                raise Mistyped(f"{self._place(path[: at + 1])} must be a table")
        return found if isinstance(found, dict) else {}

    def _place(self, path: Sequence[str]) -> str:
        return f"{self.file} [{'.'.join(path)}]"

    def _setting(self, option: click.Option, key: str, value: object, source: str) -> Setting:
        try:
            return Setting(str(option.name), _converted(option, key, value), value, source)
        except ValueError as error:
            raise Mistyped(f"{source}: {key}: {error}") from None
        except click.BadParameter as error:
            raise Mistyped(f"{source}: {key}: {error.message}") from None


def settings_of(ctx: click.Context) -> Settings:
    """Return the settings of this run; without the root command, those of the environment."""
    found = ctx.meta.get(META)
    return found if isinstance(found, Settings) else Settings.load(None)


TYPED_ONLY: Final = frozenset({"i-know-this-key-never-signed", "yes"})
"""Options that confirm something; they have no key and no variable."""


def path_of(ctx: click.Context) -> list[str]:
    """Return the words of a command after the program's name."""
    words: list[str] = []
    at: click.Context | None = ctx
    while at is not None and at.parent is not None:
        words.insert(0, str(at.info_name))
        at = at.parent
    return words


def variable(path: Sequence[str], key: str) -> str:
    """Return the name of the environment variable of an option."""
    return "_".join(["BTT", *path, key]).replace("-", "_").upper()


def option_names(command: click.Command) -> Iterator[tuple[str, click.Option]]:
    """Yield the keys of a command's options: their long names without dashes.

    Not those of TYPED_ONLY: a confirmation is for one command, and would be forgotten in a file.
    """
    for param in command.params:
        if not isinstance(param, click.Option) or param.is_eager or not param.expose_value:
            continue
        for name in (*param.opts, *param.secondary_opts):
            if name.startswith("--") and name[2:] not in TYPED_ONLY:
                yield name[2:], param


def _converted(option: click.Option, key: str, value: object) -> object:
    """Return a value in click's form. ValueError or BadParameter if the option refuses it."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise ValueError(f"expected true or false, not {value!r}")
        if f"--{key}" in option.secondary_opts:
            return not value
        if option.multiple:
            return [option.flag_value] if value else []
        return value
    if option.multiple:
        return [_text(option, each) for each in (value if isinstance(value, list) else [value])]
    return _text(option, value)


def _text(option: click.Option, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"expected text or a number, not {value!r}")
    option.type.convert(str(value), option, None)
    return str(value)


def _from_text(option: click.Option, text: str) -> object:
    """Return a variable's text in the form of a value in a file."""
    if option.is_flag:
        flags = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        return flags.get(text.lower(), text)
    return text.split() if option.multiple else text
