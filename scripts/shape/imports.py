"""Imports between the files of a tree: cycles, and small files that serve one other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

MAX_SMALL_LINES = 39
WEIGHTS = re.compile(r"/weights[/.]")

Imports = Sequence[ast.Import | ast.ImportFrom]


def cycles(modules: Mapping[str, Imports]) -> list[list[str]]:
    """Return the groups of files that import each other, sorted; `modules` by path."""
    known = {_dotted(path): path for path in modules}
    graph = {path: set(_edges(imports, known)) - {path} for path, imports in modules.items()}
    return sorted(sorted(group) for group in _components(graph) if len(group) > 1)


def single_importers(modules: Mapping[str, Imports], lines: Mapping[str, int]) -> dict[str, str]:
    """Return the small files that exactly one other file imports, each with that file.

    `lines` are the numbers of lines of the files that count. Two kinds are not small files: a
    package's `__init__`, and generated tables of weights.
    """
    paths = {_dotted(path): path for path in lines}
    importers: dict[str, set[str]] = {}
    for path in lines:
        for imported in _edges(modules[path], paths):
            importers.setdefault(imported, set()).add(path)
    return {
        path: min(others)
        for path, others in sorted(importers.items())
        if len(others) == 1
        and path not in others
        and lines[path] <= MAX_SMALL_LINES
        and not path.endswith("__init__.py")
        and not WEIGHTS.search(path)
    }


def _dotted(path: str) -> str:
    # Programs below `tests` and `examples` import their neighbours without that folder's name.
    parts = Path(path).with_suffix("").parts
    if parts[0] in {"tests", "examples"}:
        parts = parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _edges(imports: Imports, known: Mapping[str, str]) -> Iterator[str]:
    for node in imports:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif node.module and not node.level:
            names = []
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                names.append(submodule if submodule in known else node.module)
        else:
            continue
        yield from (known[name] for name in names if name in known)


def _components(graph: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """Yield the strongly connected components of a graph (Kosaraju)."""
    order: list[str] = []
    seen: set[str] = set()
    for start in graph:
        _postorder(graph, start, seen, order)
    backward: dict[str, set[str]] = {node: set() for node in graph}
    for node, following in graph.items():
        for each in following:
            backward[each].add(node)
    seen = set()
    for start in reversed(order):
        group: list[str] = []
        _postorder(backward, start, seen, group)
        yield group


def _postorder(graph: Mapping[str, set[str]], start: str, seen: set[str], order: list[str]) -> None:
    if start in seen:
        return
    seen.add(start)
    stack = [(start, iter(sorted(graph[start])))]
    while stack:
        node, following = stack[-1]
        for each in following:
            if each not in seen:
                seen.add(each)
                stack.append((each, iter(sorted(graph[each]))))
                break
        else:
            order.append(node)
            stack.pop()
