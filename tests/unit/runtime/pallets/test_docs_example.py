"""The pallet of docs/pallets.md with its tests, and the chain of docs/minimal.md, as they stand."""

from __future__ import annotations

import ast
import linecache
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from btt_chain.chain.runtimes import Release, RuntimeRegistry
from btt_chain.client.signed_metadata import is_ours
from btt_chain.primitives.account import AccountId
from btt_chain.scale.registry import TypeRegistry
from btt_chain.scale.shape import attribute_docs
from runtime.apis.metadata import describe_pallet
from runtime.audits import audit
from runtime.frame import Runtime
from runtime.sets import SETS, SPEC_NAMES, RuntimeSet
from scripts.lint_runtime import lint
from support.chain import ALICE
from support.dev_node import DevNode

PAGES = Path(__file__).resolve().parents[4] / "docs"


def examples(page: str) -> list[str]:
    """Return the Python of a page, block by block."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


PALLET, TESTS = examples("pallets.md")
FEATURE, AUDIT = examples("minimal.md")


def module(name: str, source: str) -> ModuleType:
    """Return a module made from source that is not in a file."""
    made = ModuleType(name)
    made.__file__ = f"<docs: {name}>"
    linecache.cache[made.__file__] = (len(source), None, source.splitlines(True), made.__file__)
    sys.modules[name] = made
    exec(compile(source, made.__file__, "exec"), vars(made))
    return made


board = module("runtime.pallets.notice_board", PALLET)
tests = module("docs_pallets_tests", TESTS)
board_audit = module("runtime.audits.board", AUDIT)
feature = module("runtime.features.board", FEATURE)

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


def test_the_chain_of_the_page_on_the_minimal_chain_runs_and_its_audit_is_clean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = re.search(r'^    "board": (.*),$', (PAGES / "minimal.md").read_text(), re.MULTILINE)
    assert line is not None
    entry = eval(line[1], {"RuntimeSet": RuntimeSet})
    monkeypatch.setitem(SETS, "board", entry)
    monkeypatch.setitem(SPEC_NAMES, entry.spec_name, "board")
    node = DevNode(chain="dev-manual-board")
    node.client.runtimes = RuntimeRegistry({Release(entry.spec_name, 100): entry.build})
    assert is_ours(entry.spec_name)

    node.pool.submit(node.sign(ALICE, node.call("NoticeBoard", "pin", text=b"Milk at seven")))
    node.sealer.seal()
    runtime = node.runtime()
    pallet = runtime.pallet(board.NoticeBoard)
    assert pallet.notices[AccountId(ALICE.account_id)] == (b"Milk at seven", 130)
    names = [each.name for each in runtime.pallets.values()]
    assert names[-2:] == ["NoticeBoard", "Upgrade"]
    assert audit(runtime) == []

    del pallet.notices[AccountId(ALICE.account_id)]
    (finding,) = audit(runtime)
    assert "130 planck reserved under b'py/board'" in finding.text
