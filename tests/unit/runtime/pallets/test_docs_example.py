"""The pallet of docs/pallets.md and its tests, taken from the page and run."""

from __future__ import annotations

import ast
import linecache
import re
import sys
from pathlib import Path
from types import ModuleType

from btt_chain.scale.registry import TypeRegistry
from btt_chain.scale.shape import attribute_docs
from runtime.apis.metadata import describe_pallet
from runtime.frame import Runtime
from scripts.lint_runtime import lint

PAGE = Path(__file__).resolve().parents[4] / "docs" / "pallets.md"
PALLET, TESTS = re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def module(name: str, source: str) -> ModuleType:
    """Return a module made from source that is not in a file."""
    made = ModuleType(name)
    made.__file__ = f"<{PAGE.name}: {name}>"
    linecache.cache[made.__file__] = (len(source), None, source.splitlines(True), made.__file__)
    sys.modules[name] = made
    exec(compile(source, made.__file__, "exec"), vars(made))
    return made


board = module("runtime.pallets.notice_board", PALLET)
tests = module("docs_pallets_tests", TESTS)

# pytest collects what a module has: here the fixture and the tests of the page.
globals().update(
    {name: item for name, item in vars(tests).items() if name[:5] == "test_" or name == "runtime"}
)


def test_the_pallet_of_the_page_passes_the_lint_of_the_runtime() -> None:
    assert lint(PALLET) == []


def test_the_pallet_of_the_page_is_short_and_imports_few_names() -> None:
    names = [
        alias.name
        for node in ast.walk(ast.parse(PALLET))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    assert len(names) < 10
    assert len(PALLET.splitlines()) <= 100


def test_the_pallet_of_the_page_describes_itself() -> None:
    runtime: Runtime = tests.BoardRuntime()
    pallet = describe_pallet(TypeRegistry(), runtime.pallet_named("NoticeBoard"))

    assert pallet.storage is not None
    assert [entry.name for entry in pallet.storage.entries] == ["Notices"]
    assert [constant.name for constant in pallet.constants] == ["DepositPerByte"]
    assert (
        "Notices with their deposits, by account." in attribute_docs(board.NoticeBoard)["notices"]
    )
