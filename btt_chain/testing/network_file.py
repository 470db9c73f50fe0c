"""A network described by a file: nodes by name, programs beside them, faults at times.

    slot_ms = 500
    [[nodes]]
    name = "paris"              # a validator; `validator = false`: a node that follows
    [[faults]]
    at = "10s"
    kill = "paris"
    for = "5s"

docs/cli.md has all keys. An error names the file, the key and its line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from btt_chain.crypto.development import dev_path
from btt_chain.testing.errors import DevnetError

MAX_NODES: Final = 32
MAX_SECONDS: Final = 86_400.0
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_SPAN: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}
_TABLE: Final = re.compile(r"\s*\[\[?\s*([\w-]+)\s*\]\]?")
_KEY: Final = re.compile(r"\s*([\w-]+)\s*=")
_OPPOSITE: Final = {"kill": "restart", "pause": "resume", "partition": "heal"}
ACTIONS: Final = (*_OPPOSITE, "restart", "resume", "heal")
_TOP: Final = (
    "preset", "runtime", "slot_ms", "log", "rpc_base_port", "providers", "feeders", "explorer",
    "end", "nodes", "faults",
)  # fmt: skip
_NODE: Final = ("name", "validator", "key", "rpc_port", "args")
_FAULT: Final = ("at", "for", *ACTIONS)

Item = TypeVar("Item")
Value = TypeVar("Value", str, int, bool)


@dataclass(frozen=True, slots=True)
class NamedNode:
    """A node of the file."""

    name: str
    is_validator: bool = True
    key: str | None = None
    """Its development key, such as `//Alice`; None: the next one."""
    rpc_port: int | None = None
    args: tuple[str, ...] = ()
    """Further arguments of `btt-chain node`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An action on the network at a time."""

    at: float
    """Seconds since all nodes answered."""
    action: str
    """One of ACTIONS."""
    target: str
    """A name, or the groups of a partition; empty for `heal`."""
    line: int


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """The contents of a file; None: as usual."""

    nodes: tuple[NamedNode, ...]
    faults: tuple[Fault, ...]
    """In the order of their times."""
    preset: str | None
    """Text of a specification; None: the chain `local`."""
    runtime: str | None
    """Set of features of the chain `local`."""
    slot_ms: int | None
    log: str | None
    rpc_base_port: int | None
    providers: int
    feeders: bool
    explorer: bool
    end: float | None
    """Seconds after which the network is stopped."""


def read(path: Path) -> NetworkFile:
    """Read a file. DevnetError, with its name, the key and the line, if it is not such a file."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except FileNotFoundError:
        raise DevnetError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DevnetError(f"{path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise DevnetError(f"{path}: {error}") from None
    return _Reader(path, _lines_of(text)).network(document)


def _lines_of(text: str) -> dict[tuple[str, int, str], int]:
    """Return the line of each key by its table, the number of the table, and its name."""
    lines: dict[tuple[str, int, str], int] = {}
    table, counts = "", {"": 0}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = header[1]
            counts[table] = counts.get(table, -1) + 1
            lines[table, counts[table], ""] = number
            lines.setdefault(("", 0, table), number)
        elif key := _KEY.match(line):
            lines.setdefault((table, counts[table], key[1]), number)
    return lines


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of the file, with its place for errors."""

    reader: _Reader
    name: str
    number: int
    values: Mapping[str, object]

    def line(self, key: str) -> int:
        """Return the line of a key, or of the table if it was not found there."""
        lines, place = self.reader.lines, (self.name, self.number)
        return (
            lines.get((*place, key)) or lines.get((*place, "")) or lines.get(("", 0, self.name), 1)
        )

    def wrong(self, key: str, why: str) -> DevnetError:
        """Return an error with file, line and key."""
        where = f"{self.name}.{key}" if self.name else key
        return DevnetError(f"{self.reader.path}, line {self.line(key)}: {where}: {why}")

    def check_keys(self, known: tuple[str, ...]) -> None:
        """Raise DevnetError for a key that is not known."""
        for key in self.values:
            if key not in known:
                raise self.wrong(key, f"no such key; known are {', '.join(known)}")

    def get(self, key: str, kind: type[Value]) -> Value | None:
        """Return a value of a type; None if the key is missing."""
        value = self.values.get(key)
        if value is None:
            return None
        # True is an int for Python.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            named = {str: "text in quotes", int: "a whole number", bool: "true or false"}[kind]
            raise self.wrong(key, f"{value!r} is not {named}")
        return value

    def number_of(self, key: str, least: int, most: int) -> int | None:
        """Return a whole number within bounds."""
        value = self.get(key, int)
        if value is not None and not least <= value <= most:
            raise self.wrong(key, f"{value} is not within {least} and {most}")
        return value

    def seconds(self, key: str) -> float | None:
        """Return a time such as `10s`, `1.5m`, `200ms` in seconds."""
        value = self.get(key, str)
        if value is None:
            return None
        found = _SPAN.fullmatch(value)
        if found is None or float(found[1]) * _UNITS[found[2]] > MAX_SECONDS:
            raise self.wrong(
                key, f"{value!r} is not a time of a day at most: write 10s, 1.5m or 200ms"
            )
        return float(found[1]) * _UNITS[found[2]]


@dataclass(frozen=True, slots=True)
class _Reader:
    """The checks of one file."""

    path: Path
    lines: dict[tuple[str, int, str], int]

    def network(self, document: Mapping[str, object]) -> NetworkFile:
        """Return the contents."""
        top = _Table(self, "", 0, document)
        top.check_keys(_TOP)
        nodes = self._each(top, "nodes", self._node)
        if not any(node.is_validator for node in nodes):
            raise top.wrong("nodes", "no validator; write [[nodes]] and a name for each node")
        self._check_names(top, nodes)
        providers = top.number_of("providers", 0, 16) or 0
        faults = [fault for pair in self._each(top, "faults", self._fault) for fault in pair]
        return NetworkFile(
            tuple(nodes), tuple(sorted(faults, key=lambda fault: fault.at)),
            self._specification(top), top.get("runtime", str),
            top.number_of("slot_ms", 200, 60_000), top.get("log", str),
            top.number_of("rpc_base_port", 1, 65_000), providers, top.get("feeders", bool) or False,
            top.get("explorer", bool) or False, top.seconds("end"),
        )  # fmt: skip

    def _each(self, top: _Table, name: str, read: Callable[[_Table], Item]) -> list[Item]:
        tables = top.values.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            raise top.wrong(name, f"not a list of tables: write [[{name}]]")
        return [read(_Table(self, name, place, each)) for place, each in enumerate(tables)]

    def _node(self, table: _Table) -> NamedNode:
        table.check_keys(_NODE)
        name = table.get("name", str)
        if name is None or _NAME.fullmatch(name) is None:
            raise table.wrong("name", "a letter first, then letters, digits, - and _; 32 at most")
        args = table.values.get("args", [])
        if not isinstance(args, list) or not all(isinstance(each, str) for each in args):
            raise table.wrong("args", 'not a list of texts: write ["--pruning", "archive"]')
        is_validator = table.get("validator", bool)
        key = table.get("key", str)
        if key is not None and is_validator is False:
            raise table.wrong("key", "a node that does not validate has no key")
        return NamedNode(
            name, is_validator is not False, key, table.number_of("rpc_port", 1, 65_535),
            tuple(args),
        )  # fmt: skip

    def _fault(self, table: _Table) -> list[Fault]:
        table.check_keys(_FAULT)
        at, span = table.seconds("at"), table.seconds("for")
        if at is None:
            raise table.wrong("at", 'missing: write at = "10s", the time since all nodes answered')
        actions = [action for action in ACTIONS if action in table.values]
        if len(actions) != 1:
            raise table.wrong("at", f"{len(actions)} actions; give one of {', '.join(ACTIONS)}")
        action, line = actions[0], table.line(actions[0])
        if action == "heal":
            if table.get("heal", bool) is not True:
                raise table.wrong("heal", "write heal = true")
            target = ""
        else:
            target = table.get(action, str) or ""
        found = [Fault(at, action, target, line)]
        if span is not None:
            if action not in _OPPOSITE:
                raise table.wrong("for", f"{action} does not end; leave it out")
            opposite = _OPPOSITE[action]
            found.append(Fault(at + span, opposite, "" if opposite == "heal" else target, line))
        return found

    def _check_names(self, top: _Table, nodes: list[NamedNode]) -> None:
        if len(nodes) > MAX_NODES:
            raise top.wrong("nodes", f"{len(nodes)} nodes; {MAX_NODES} are the most")
        keys = {dev_path(place) for place in range(sum(node.is_validator for node in nodes))}
        seen: set[str] = set()
        for place, node in enumerate(nodes):
            table = _Table(self, "nodes", place, {})
            if node.name.lower() in seen:
                raise table.wrong("name", f"{node.name!r} is the name of another node, too")
            seen.add(node.name.lower())
            if node.key is not None:
                if node.key not in keys:
                    raise table.wrong(
                        "key", f"{node.key!r} is not a key of this chain or taken; it has "
                        + ", ".join(sorted(keys))
                    )  # fmt: skip
                keys.remove(node.key)

    def _specification(self, top: _Table) -> str | None:
        preset = top.get("preset", str)
        if preset is None or preset == "local":
            return None
        file = self.path.parent / preset
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise top.wrong(
                "preset", f"neither `local` nor a readable file of a specification: {file}"
            ) from None
