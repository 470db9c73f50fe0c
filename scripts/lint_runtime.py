"""Lint of `runtime/`: constructs that the runtime must not contain, because nodes would disagree.

Every node must compute the same state from the same block, on any machine and in any process. So
there are no floats, no true division, no clocks, no randomness, and no order that depends on a hash
seed. Two rules are about the wire: each call has documentation for its signer, and no two calls,
events or errors of a pallet share an index. One is about the shape of pallets: the comments that
begin their sections have the titles of `SECTIONS`, in that order, with or without a topic
(`# ---- internals: locks`).

Usage: python scripts/lint_runtime.py FOLDER...   (exit code 1 if anything was found)
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BANNED_IMPORTS = (
    "asyncio",
    "btt_chain.telemetry",
    "datetime",
    "decimal",
    "logging",
    "os",
    "random",
    "secrets",
    "socket",
    "time",
    "uuid",
)
# Membership and size of a set do not depend on its order, nor does sorting; these functions do.
ORDER_TAKERS = frozenset({"list", "tuple", "iter", "enumerate", "zip", "map", "filter", "dict"})
SET_MAKERS = frozenset({"set", "frozenset"})
INDEXED_KINDS = frozenset({"Event", "Error"})
SECTIONS = (
    "constants",
    "dependencies",
    "storage",
    "components",
    "hold reasons",
    "events",
    "errors",
    "hooks",
    "calls",
    "public interface",
    "internals",
)
"""Titles of the sections of a pallet, in their order; a pallet has those that it needs."""
SECTION = re.compile(r"    # ---- ([^:]*)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Finding(NamedTuple):
    """One breach, with its line."""

    line: int
    message: str


def lint(source: str) -> list[Finding]:
    """Return all breaches in one module's source, in the order of its lines."""
    tree = ast.parse(source)
    sets = frozenset(_names_of_sets(tree))
    found: list[Finding] = []
    for node in ast.walk(tree):
        found.extend(_arithmetic(node))
        found.extend(_imports(node))
        found.extend(_order(node, sets))
        if isinstance(node, ast.ClassDef):
            found.extend(_calls(node))
            found.extend(_indices(node.body, node.name))
            if any(_last_name(base) == "Pallet" for base in node.bases):
                found.extend(_sections(node, source.splitlines()))
    found.extend(_indices(tree.body, "this module"))
    return sorted(found)


def _arithmetic(node: ast.AST) -> Iterator[Finding]:
    """Yield floats and their sources, and numbers that differ from process to process."""
    match node:
        case ast.Constant(value=float() | complex()):
            yield Finding(node.lineno, f"float literal {node.value!r}")
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            yield Finding(node.lineno, "true division: use // or mul_div")
        case ast.Call(func=ast.Name(id="float")):
            yield Finding(node.lineno, "float()")
        case ast.Call(func=ast.Name(id=("hash" | "id") as name)):
            yield Finding(node.lineno, f"{name}() differs from process to process")


def _imports(node: ast.AST) -> Iterator[Finding]:
    """Yield modules that depend on the time, the machine or the operator."""
    match node:
        case ast.Import():
            modules = [alias.name for alias in node.names]
        case ast.ImportFrom(module=str() as module):
            modules = [f"{module}.{alias.name}" for alias in node.names]
        case _:
            return
    for module in modules:
        for banned in BANNED_IMPORTS:
            if module == banned or module.startswith(f"{banned}."):
                yield Finding(node.lineno, f"import of {banned}")


def _order(node: ast.AST, sets: frozenset[str]) -> Iterator[Finding]:
    """Yield iterations over a set, whose order depends on hashes."""
    match node:
        case ast.For(iter=source) | ast.AsyncFor(iter=source) | ast.comprehension(iter=source):
            sources = [source]
        case ast.Starred(value=source):
            sources = [source]
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in ORDER_TAKERS:
            sources = arguments
        case _:
            return
    for source in sources:
        if _is_set(source, sets):
            yield Finding(source.lineno, "iteration over a set: sort it first")


def _names_of_sets(tree: ast.AST) -> Iterator[str]:
    """Yield names that are assigned a set somewhere in the module, by value or by annotation."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value) if _is_set(value, frozenset()):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind) if _says_set(kind):
                yield name
            case ast.arg(arg=name, annotation=ast.expr() as kind) if _says_set(kind):
                yield name


def _is_set(node: ast.expr, sets: frozenset[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in SET_MAKERS
        case ast.Name(id=name):
            return name in sets
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
            return _is_set(left, sets)
    return False


def _says_set(annotation: ast.expr) -> bool:
    kind = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return isinstance(kind, ast.Name) and kind.id in SET_MAKERS


def _calls(body: ast.ClassDef) -> Iterator[Finding]:
    """Yield calls without a docstring."""
    for node in body.body:
        kind, _ = _wire_index(node)
        if kind == "call" and isinstance(node, Function) and ast.get_docstring(node) is None:
            yield Finding(node.lineno, f"call {node.name} has no docstring: wallets show it")


def _indices(body: list[ast.stmt], owner: str) -> Iterator[Finding]:
    """Yield repeated indices of calls, events and errors."""
    taken: set[tuple[str, int]] = set()
    for node in body:
        kind, index = _wire_index(node)
        if index is None:
            continue
        if (kind, index) in taken:
            yield Finding(node.lineno, f"{kind} index {index} is used twice in {owner}")
        taken.add((kind, index))


def _sections(pallet: ast.ClassDef, lines: list[str]) -> Iterator[Finding]:
    """Yield section comments of a pallet with another title, or in another order."""
    last = 0
    for number in range(pallet.lineno, pallet.end_lineno or pallet.lineno):
        match = SECTION.match(lines[number])
        if match is None:
            continue
        title = match[1].rstrip()
        if title not in SECTIONS:
            yield Finding(number + 1, f"section {title!r}: titles are {', '.join(SECTIONS)}")
        elif SECTIONS.index(title) < last:
            yield Finding(number + 1, f"section {title!r} comes before {SECTIONS[last]!r}")
        else:
            last = SECTIONS.index(title)


def _wire_index(node: ast.stmt) -> tuple[str, int | None]:
    """Return the wire index of a statement of a class body: (kind, index), or ("", None)."""
    if isinstance(node, Function):
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and _last_name(decorator.func) == "call":
                return "call", _number([*decorator.args[:1], *_keyword(decorator.keywords)])
    if isinstance(node, ast.ClassDef):
        for base in node.bases:
            if _last_name(base) in INDEXED_KINDS:
                return _last_name(base), _number(_keyword(node.keywords))
    return "", None


def _keyword(keywords: list[ast.keyword]) -> list[ast.expr]:
    return [keyword.value for keyword in keywords if keyword.arg == "index"]


def _number(values: list[ast.expr]) -> int | None:
    match values:
        case [ast.Constant(value=int() as number), *_]:
            return number
    return None


def _last_name(node: ast.expr) -> str:
    """Return `Event` for `Event`, `frame.Event` and `Event[T]`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _last_name(value)
    return ""


def main(folders: list[str]) -> int:
    """Lint every Python file below the folders; print `file:line: message`; return an exit code."""
    files = sorted(file for folder in folders for file in Path(folder).rglob("*.py"))
    if not files:
        print("lint_runtime: no Python file in", *(folders or ["no folder"]), file=sys.stderr)
        return 2
    breaches = 0
    for file in files:
        for finding in lint(file.read_text(encoding="utf-8")):
            print(f"{file}:{finding.line}: {finding.message}")
            breaches += 1
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
