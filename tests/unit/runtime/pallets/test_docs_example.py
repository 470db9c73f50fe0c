"""The pallet of docs/pallets.md and its tests, taken out of the page and run."""

from __future__ import annotations

import linecache
import re
import sys
from pathlib import Path
from types import ModuleType

from btt_chain.scale.registry import TypeRegistry
from btt_chain.scale.shape import attribute_docs
from runtime.frame import Runtime
from runtime.metadata import describe_pallet
from scripts.lint_runtime import lint

PAGE = Path(__file__).resolve().parents[4] / "docs" / "pallets.md"
PALLET, TESTS = re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def module(name: str, source: str) -> ModuleType:
    """Make a module of source that lies in no file, as if it did."""
    made = ModuleType(name)
    made.__file__ = f"<{PAGE.name}: {name}>"
    linecache.cache[made.__file__] = (len(source), None, source.splitlines(True), made.__file__)
    sys.modules[name] = made
    exec(compile(source, made.__file__, "exec"), vars(made))
    return made


board = module("runtime.pallets.notice_board", PALLET)
tests = module("docs_pallets_tests", TESTS)

# pytest collects what a module holds: here the fixtures and tests of the page.
globals().update(
    {name: item for name, item in vars(tests).items() if name[:5] in {"test_", "town"}}
)


def test_the_pallet_of_the_page_keeps_the_house_rules() -> None:
    assert lint(PALLET) == []


def test_the_pallet_of_the_page_describes_itself() -> None:
    town: Runtime = tests.Town()
    pallet = describe_pallet(TypeRegistry(), town.pallet_named("NoticeBoard"))

    assert pallet.storage is not None
    assert [entry.name for entry in pallet.storage.entries] == ["Notices", "Count", "PinnedNow"]
    assert [constant.name for constant in pallet.constants] == ["DepositPerByte", "MaxPerBlock"]
    assert "How many notices there are." in attribute_docs(board.NoticeBoard)["count"]
