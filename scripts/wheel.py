"""Hook of hatchling, the build backend: what a wheel holds is not what the checkout holds.

In the checkout six packages lie side by side. Five have common names (`cli`, `runtime`, ...), which
a user's project may have, too, and a process has one module of each name. Hence a wheel has them
inside `btt_chain`, and every import and every string that names one of their modules is rewritten:
`from runtime.frame import Pallet` is `from btt_chain.runtime.frame import Pallet` there.

Line numbers stay. What cannot be rewritten ends the build (`BadSource`).
"""

from __future__ import annotations

import ast
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# A build leaves no file in the checkout, and importing this module writes one.
_COMPILED: Final = Path(globals().get("__cached__") or f"{__file__}c")
if _COMPILED.is_file():
    _COMPILED.unlink()
    if not any(_COMPILED.parent.iterdir()):
        _COMPILED.parent.rmdir()

HOME: Final = "btt_chain"
MOVED: Final = ("runtime", "p2p", "storage", "cli", "genesis")
SHIPPED: Final = {".py", ".json", ".txt", ".btt", ".html", ".css", ".js", ".svg", ".typed"}
"""Suffixes of files in a wheel: code, presets, word lists, frozen metadata, pages, `py.typed`."""

ALL_NAMES: Final = ("btt_chain/packages.py",)
"""Files in which each of our names as a string is that of a package; elsewhere a name without a dot
is a word of the wire, of JSON or of the command line."""
TAKES_MODULE: Final = ("import_module", "find_spec", "files", "getLogger", "run_module")
"""Functions whose first argument is the name of a module or a package."""

_NAMES: Final = "|".join(MOVED)
_FROM: Final = re.compile(rf"from[ \t]+(?={_NAMES})".encode())
_DOTTED: Final = re.compile(rf"(?:{_NAMES})(?:\.[A-Za-z_]\w*)*\.?")
_IN_TEXT: Final = re.compile(rf"[\"'](?:{_NAMES})(?=[\"'.])")


class BadSource(Exception):
    """A line cannot be rewritten; the message says which, and what to write instead."""


def modules(root: Path) -> frozenset[str]:
    """Return the names of the modules that move."""
    paths = (path for name in MOVED for path in (root / name).rglob("*.py"))
    return frozenset(
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for path in paths
    )


def rewrite(path: str, source: bytes, known: frozenset[str]) -> bytes:
    """Return the source of a file as it is in a wheel.

    Raises:
        BadSource: if a name of a module is used in a form that is not rewritten.

    """
    text = source.decode()
    if not any(name in text for name in MOVED):
        return source
    tree = ast.parse(source, path)
    lines = source.splitlines(keepends=True)
    begins = [0]
    for line in lines:
        begins.append(begins[-1] + len(line))
    places = set(_imports(path, tree, source, begins))
    if _IN_TEXT.search(text):
        places.update(_strings(path, tree, source, begins, known))
    for place in sorted(places, reverse=True):
        source = source[:place] + f"{HOME}.".encode() + source[place:]
    return source


def _imports(path: str, tree: ast.Module, source: bytes, begins: list[int]) -> Iterator[int]:
    """Yield where the names of our modules begin in the import statements."""
    for node in _statements(tree):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise BadSource(f"{path}:{node.lineno}: write the import with the package's name")
            if _moves(node.module or ""):
                begin = _FROM.match(source, begins[node.lineno - 1] + node.col_offset)
                if begin is None:
                    raise BadSource(f"{path}:{node.lineno}: write `from {node.module}` in one line")
                yield begin.end()
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _moves(alias.name) and alias.asname is None:
                    raise BadSource(
                        f"{path}:{node.lineno}: `import {alias.name}` binds a name that a wheel "
                        "has not; write `from ... import ...` or `import ... as ...`"
                    )
                if _moves(alias.name):
                    yield begins[alias.lineno - 1] + alias.col_offset


def _strings(
    path: str, tree: ast.Module, source: bytes, begins: list[int], known: frozenset[str]
) -> Iterator[int]:
    """Yield where the names of our modules begin in strings."""
    named = set(_named(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        value = node.value
        is_name = "." in value or id(node) in named or path in ALL_NAMES
        if not _DOTTED.fullmatch(value) or value.rstrip(".") not in known or not is_name:
            continue
        # Python 3.11 has no place for a part of an f-string: that of the whole is used.
        begin = begins[node.lineno - 1] + node.col_offset
        end = begins[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        name = re.compile(rb"(?<![\w.])" + re.escape(value.encode()) + rb"(?![\w.])")
        found = [match.start() for match in name.finditer(source, begin, end)]
        if len(found) != 1:
            raise BadSource(f"{path}:{node.lineno}: write {value!r} as a string of its own")
        yield found[0]


def _named(tree: ast.Module) -> Iterator[int]:
    """Yield the ids of the nodes that hold the name of a module by their place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            if isinstance(function, ast.Name):
                name = function.id
            if name in TAKES_MODULE:
                yield id(node.args[0])
        elif isinstance(node, ast.List | ast.Tuple):
            for option, word in zip(node.elts, node.elts[1:], strict=False):
                if isinstance(option, ast.Constant) and option.value == "-m":
                    yield id(word)


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield all statements: a fifth of the time of `ast.walk`."""
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        for child in getattr(node, field, ()):
            if isinstance(child, ast.stmt):
                yield child
            yield from _statements(child)


def _moves(module: str) -> bool:
    return module.partition(".")[0] in MOVED


def shipped(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the files of the product by their paths in the checkout and in a wheel, sorted."""
    for package in sorted((HOME, *MOVED)):
        for path in sorted((root / package).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.suffix in SHIPPED and path.is_file():
                yield name, name if package == HOME else f"{HOME}/{name}"


def write(root: Path, out: Path, only: tuple[str, ...] = ("",)) -> None:
    """Write the files of a wheel below `out`; `only` has the beginnings of their paths."""
    known = modules(root)
    for name, target in shipped(root):
        if not name.startswith(only):
            continue
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        content = (root / name).read_bytes()
        if name.endswith(".py"):
            content = rewrite(name, content, known)
        (out / target).write_bytes(content)


class WheelHook(BuildHookInterface[BuilderConfig]):
    """Adds the packages to a wheel. An editable installation has the checkout itself.

    Options: `root`, the checkout, if it is another folder than that of pyproject.toml; `only`, the
    files and folders of a wheel that has not all of them.
    """

    _folder: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, dict[str, str]]) -> None:
        """Write the packages to a folder that lives as long as this hook."""
        # An older Python cannot parse the packages: pip refuses it by the metadata, in one line.
        if version == "editable" or sys.version_info < (3, 11):
            return
        self._folder = folder = tempfile.TemporaryDirectory(prefix="btt-chain-wheel-")
        root = Path(self.root, self.config.get("root", ".")).resolve()
        write(root, Path(folder.name), tuple(self.config.get("only", ("",))))
        build_data["force_include"][folder.name] = "/"

    def finalize(
        self, version: str, build_data: dict[str, dict[str, str]], artifact_path: str
    ) -> None:
        """Delete the folder."""
        del build_data, artifact_path
        if self._folder is not None:
            self._folder.cleanup()
