"""Errors of pallets: each is raised by some code, or its documentation says that it never is.

Substrate's errors stay in metadata under their indices, also those whose reason does not exist
here: clients know errors by their index. A wallet's user must not look for such a reason.
"""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from btt_chain.scale import u64
from runtime import BttRuntime
from runtime.frame import Pallet
from runtime.frame.error import Error
from runtime.params import RuntimeParams
from support.vectors import REPOSITORY

NEVER = "Never raised"
RUNTIME = REPOSITORY / "runtime"


def errors_of(pallet: Pallet) -> dict[str, type[Error]]:
    return {error.__name__: error for error in pallet.ERRORS.values()}


def sources(pallet: Pallet) -> list[Path]:
    """Return the files of a pallet."""
    file = Path(inspect.getsourcefile(type(pallet)) or "")
    return sorted(file.parent.rglob("*.py")) if file.name == "pallet.py" else [file]


@cache
def names_in(path: Path) -> Mapping[str, set[str]]:
    """Return the names that are taken from each holder, as `self.TooLong` or `errors.TooLong`.

    `TooLong = errors.TooLong` only lists the error in the metadata.
    """
    names = defaultdict[str, set[str]](set)
    tree = ast.parse(path.read_text())
    listed = {
        id(node.value)
        for body in ast.walk(tree)
        if isinstance(body, ast.ClassDef)
        for node in body.body
        if isinstance(node, ast.Assign)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and id(node) not in listed
        ):
            names[node.value.id].add(node.attr)
    return names


def test_an_error_is_raised_or_says_that_it_never_is() -> None:
    runtime = BttRuntime(RuntimeParams(u64(1_000)))
    everywhere = sorted(RUNTIME.rglob("*.py"))
    wrong: list[str] = []
    for pallet in runtime.pallets.values():
        name = type(pallet).__name__
        raised = set[str]().union(*(names_in(path).get(name, ()) for path in everywhere))
        for path in sources(pallet):
            for holder in ("self", "cls", "errors"):
                raised |= names_in(path).get(holder, set())
        for error, kind in errors_of(pallet).items():
            says = NEVER in (inspect.getdoc(kind) or "")
            if says is (error in raised):
                wrong.append(f"{pallet.name}.{error}: {'is' if says else 'is never'} raised")
    assert wrong == []
