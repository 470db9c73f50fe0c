"""Errors of pallets: each is raised by some code, or its documentation says that it never is.

Substrate's errors stay in metadata under their indices, also those whose reason does not exist
here: clients know errors by their index. A wallet's user must not look for such a reason.
"""

from __future__ import annotations

import ast
import inspect
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


def raised_in(path: Path, holders: set[str]) -> set[str]:
    """Return the names that are taken from these holders, as `self.TooLong` or `errors.TooLong`.

    `TooLong = errors.TooLong` only lists the error in the metadata.
    """
    found: set[str] = set()
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
            and node.value.id in holders
            and id(node) not in listed
        ):
            found.add(node.attr)
    return found


def test_an_error_is_raised_or_says_that_it_never_is() -> None:
    runtime = BttRuntime(RuntimeParams(u64(1_000)))
    everywhere = {path: path.read_text() for path in sorted(RUNTIME.rglob("*.py"))}
    wrong: list[str] = []
    for pallet in runtime.pallets.values():
        name = type(pallet).__name__
        holders = {"self", "cls", "errors", name}
        raised = set().union(*(raised_in(path, holders) for path in sources(pallet)))
        for path, text in everywhere.items():
            if f"{name}." in text:
                raised |= raised_in(path, {name})
        for error, kind in errors_of(pallet).items():
            says = NEVER in (inspect.getdoc(kind) or "")
            if says is (error in raised):
                wrong.append(f"{pallet.name}.{error}: {'is' if says else 'is never'} raised")
    assert wrong == []
