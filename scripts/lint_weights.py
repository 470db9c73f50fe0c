"""Refuse calls whose weight was written by hand, or that no benchmark measures.

    python scripts/lint_weights.py

A call's weight is a name of its pallet's generated module `weights` (`weights.BURN`,
`weights.vest(28)`), or a function of its pallet that uses one. Its benchmark is declared in
`bench/weights/pallets` under the names of pallet and call. Hand-written numbers of picoseconds
are refused anywhere in a pallet. Prints each breach with its place; exits with 1.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
UNITS: Final = frozenset({"PICOS_PER_MICRO", "PICOS_PER_MILLI"})
BY_HAND: Final = "its weight is written by hand: take it from the pallet's weights"
UNMEASURED: Final = "no benchmark measures it: add one to bench/weights/pallets"


class Finding(NamedTuple):
    """One breach, with its line."""

    line: int
    message: str


def lint(
    source: str, measured: frozenset[str], pallets: Mapping[str, str] | None = None
) -> list[Finding]:
    """Return the breaches in a pallet's source; `measured` are the benchmarks, as declared.

    `pallets` are the names under which classes are measured, as from `pallets_of`.
    """
    tree = ast.parse(source)
    pallets = pallets_of([tree]) if pallets is None else pallets
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    found: list[Finding] = []
    for pallet in tree.body:
        if not isinstance(pallet, ast.ClassDef) or pallet.name not in pallets:
            continue
        for method, weight in _calls(pallet):
            name = f"{pallets[pallet.name]}.{method.name.rstrip('_')}"
            if not _is_generated(weight, functions):
                found.append(Finding(method.lineno, f"{name}: {BY_HAND}"))
            if name not in measured:
                found.append(Finding(method.lineno, f"{name}: {UNMEASURED}"))
    found.extend(
        Finding(node.lineno, f"{node.id}: take weights from the pallet's module")
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in UNITS
    )
    return sorted(found)


def pallets_of(trees: Iterable[ast.Module]) -> dict[str, str]:
    """Return the pallet of each class that declares calls: itself, or the one that extends it."""
    bases = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    found = {name: name for name, parents in bases.items() if "Pallet" in parents}
    for name, parents in bases.items():
        for parent in parents:
            if parent in found:
                found[parent] = found[name] = name
    return found


def benchmarks(folder: Path) -> frozenset[str]:
    """Return the names under which benchmarks are declared."""
    names: list[str] = []
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="benchmark"), args=[ast.Constant(value=str(name))]):
                    names.append(name)
                case _:
                    pass
    return frozenset(names)


def _calls(pallet: ast.ClassDef) -> Iterator[tuple[ast.FunctionDef, ast.expr | None]]:
    """Yield the calls of a pallet, each with the expression of its weight."""
    for method in pallet.body:
        if not isinstance(method, ast.FunctionDef):
            continue
        for mark in method.decorator_list:
            match mark:
                case ast.Call(func=ast.Name(id="call"), keywords=keywords):
                    given = {keyword.arg: keyword.value for keyword in keywords}
                    yield method, given.get("weight")
                case _:
                    pass


def _is_generated(weight: ast.expr | None, functions: set[str]) -> bool:
    """Return True if a weight is generated, or is a function of the module."""
    match weight:
        case ast.Attribute(value=ast.Name(id="weights")):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id="weights"))):
            return True
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
            return name in functions or name.startswith("by_")
        case _:
            return False


def main() -> int:
    """Lint all pallets; return the exit code."""
    measured = benchmarks(ROOT / "bench" / "weights" / "pallets")
    count = 0
    sources = {
        path: path.read_text() for path in sorted((ROOT / "runtime" / "pallets").rglob("*.py"))
    }
    pallets = pallets_of(map(ast.parse, sources.values()))
    for path, source in sources.items():
        for line, message in lint(source, measured, pallets):
            print(f"{path.relative_to(ROOT)}:{line}: {message}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
