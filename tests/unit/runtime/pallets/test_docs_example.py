"""The pallet of docs/pallets.md with its tests and its chain, as they stand on the page."""

from __future__ import annotations

import ast
import linecache
import sys
from types import ModuleType

import pytest

from btt_chain.chain.runtimes import Release, RuntimeRegistry
from btt_chain.client.signed_metadata import is_ours
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u64, u128
from btt_chain.scale.registry import TypeRegistry
from btt_chain.scale.shape import attribute_docs
from runtime.apis.metadata import describe_pallet
from runtime.audits import audit
from runtime.features.assets import Assets
from runtime.features.care import Care
from runtime.frame import Runtime
from runtime.params import RuntimeParams
from runtime.sets import SETS, SPEC_NAMES, RuntimeSet
from scripts.lint_runtime import lint
from support.chain import ALICE
from support.dev_node import DevNode
from support.notice_board import FILES, TESTS, line_of_the_set


def module(name: str, source: str) -> ModuleType:
    """Return a module made from source that is not in a file."""
    made = ModuleType(name)
    made.__file__ = f"<docs: {name}>"
    linecache.cache[made.__file__] = (len(source), None, source.splitlines(True), made.__file__)
    sys.modules[name] = made
    exec(compile(source, made.__file__, "exec"), vars(made))
    return made


PALLET = FILES["pallet.py"]
PACKAGE = "runtime.pallets.notice_board"
package = module(PACKAGE, "")
package.__path__ = []
parts: dict[str, ModuleType] = {}
for _name, _source in FILES.items():
    parts[_name] = module(f"{PACKAGE}.{_name.removesuffix('.py')}", _source)
    setattr(package, _name.removesuffix(".py"), parts[_name])
board, types = parts["pallet.py"], parts["types.py"]
tests = module("docs_pallets_tests", TESTS)

# pytest collects what a module has: here the fixture and the tests of the page.
globals().update(
    {name: item for name, item in vars(tests).items() if name[:5] == "test_" or name == "runtime"}
)


@pytest.mark.parametrize("name", FILES)
def test_the_files_of_the_page_pass_the_lint_of_the_runtime(name: str) -> None:
    assert lint(FILES[name]) == []


def test_the_pallet_of_the_page_is_short_and_imports_few_names() -> None:
    names = [
        alias.name
        for node in ast.walk(ast.parse(PALLET))
        if isinstance(node, ast.ImportFrom) and node.module == "btt_chain.runtime.frame"
        for alias in node.names
    ]
    assert len(names) < 10
    assert len(PALLET.splitlines()) <= 100


def test_the_pallet_of_the_page_describes_itself() -> None:
    runtime: Runtime = tests.Board()
    pallet = describe_pallet(TypeRegistry(), runtime.pallet_named("NoticeBoard"))

    assert pallet.storage is not None
    assert [entry.name for entry in pallet.storage.entries] == ["Notices"]
    assert [constant.name for constant in pallet.constants] == ["DepositPerByte"]
    assert (
        "Notices with their deposits, by account." in attribute_docs(board.NoticeBoard)["notices"]
    )


def test_the_chain_of_the_page_runs_and_its_audit_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, value = line_of_the_set().rstrip(",").partition(": ")
    entry: RuntimeSet = eval(value, {"RuntimeSet": RuntimeSet})
    monkeypatch.setitem(SETS, "board", entry)
    monkeypatch.setitem(SPEC_NAMES, entry.spec_name, "board")
    node = DevNode(chain="dev-manual-board")
    node.client.runtimes = RuntimeRegistry({Release(entry.spec_name, 100): entry.build})
    assert is_ours(entry.spec_name)

    node.pool.submit(node.sign(ALICE, node.call("NoticeBoard", "pin", text=b"Milk at seven")))
    node.sealer.seal()
    runtime = node.runtime()
    pallet, alice = runtime.pallet(board.NoticeBoard), AccountId(ALICE.account_id)
    assert pallet.notices[alice] == types.Notice(b"Milk at seven", u128(130))
    names = [each.name for each in runtime.pallets.values()]
    assert names[-2:] == ["NoticeBoard", "Upgrade"]
    assert audit(runtime) == []

    del pallet.notices[alice]
    (finding,) = audit(runtime)
    assert "130 planck reserved under b'py/board'" in finding.text


def test_the_board_goes_into_the_full_chain_too() -> None:
    bases = (Care, Assets, parts["feature.py"].BoardRuntime)
    full = type("FullRuntime", bases, {"SPEC_NAME": "btt"})(RuntimeParams(u64(6_000)))
    assert isinstance(full.pallet_named("NoticeBoard"), board.NoticeBoard)
    assert full.version.spec_name.value == "btt"
    assert [api.__name__ for api in full.apis()][-1] == "NoticeBoardApi"
