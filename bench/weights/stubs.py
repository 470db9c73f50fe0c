"""Names of weights that pallets use before any measurement.

The runtime needs a number for each call before it can be loaded, and it must be loaded before one
can be measured. A name that no generated module has yet is added with a weight that is far too
high.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
RUNTIME: Final = ROOT / "runtime"
PALLETS: Final = "runtime.pallets."
BLOCK: Final = "block_weights"
UNMEASURED: Final = 10_000_000_000
"""Ten milliseconds."""
HEAD: Final = '"""Weights that are not measured yet: run `make weights`."""\n\n'


def missing() -> dict[str, list[str]]:
    """Return the names that the runtime uses and no weights module defines, by module."""
    found = {}
    for module, names in sorted(used().items()):
        path = _path(module)
        defined = set(defined_in(path.read_text())) if path.exists() else set()
        if names - defined:
            found[module] = sorted(names - defined)
    return found


def _path(module: str) -> Path:
    if module == BLOCK:
        return RUNTIME / f"{BLOCK}.py"
    return RUNTIME / "pallets" / module / "weights.py"


def add() -> list[str]:
    """Define the missing names; return them as `module.NAME`."""
    added = []
    for module, names in missing().items():
        path = _path(module)
        text = path.read_text() if path.exists() else HEAD
        for name in names:
            if name.isupper():
                text += f"\n{name} = {UNMEASURED}\n"
            else:
                text += f"\n\ndef {name}(*_: int) -> int:\n    return {UNMEASURED}\n"
            added.append(f"{module}.{name}")
        path.write_text(text)
    return added


def used() -> dict[str, set[str]]:
    """Return the names that the runtime takes from each module of weights."""
    found: dict[str, set[str]] = {}
    for path in sorted(RUNTIME.rglob("*.py")):
        text = path.read_text()
        if "weights" not in text:
            continue
        tree = ast.parse(text)
        modules = dict(imported(tree))
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id=name), attr=attr) if name in modules:
                    found.setdefault(modules[name], set()).add(attr)
                case _:
                    pass
    return found


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the alias of each weights module in a module, and its pallet's folder or `BLOCK`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        for alias in node.names:
            if alias.name == "weights" and node.module.startswith(PALLETS):
                yield alias.asname or alias.name, node.module.removeprefix(PALLETS)
            elif alias.name == BLOCK and node.module == "runtime":
                yield alias.asname or alias.name, BLOCK


def defined_in(text: str) -> Iterator[str]:
    """Yield the names that a module of weights defines."""
    for node in ast.parse(text).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name
            case _:
                pass
