"""Docstrings of attributes are found in a module's source, without parsing its functions."""

from __future__ import annotations

import ast
import inspect
import sys

import pytest

import runtime.table
from btt_chain.scale import shape
from btt_chain.scale.shape import attribute_docs, without_functions

SOURCE = '''
class First:
    count: int = 3
    """How many."""

    def method(
        self,
        text: str = "x",
    ) -> str:
        def inner() -> None:
            pass

        return text

    # a comment in the class
    size: int = (
        4
    )
    """How large."""

    @property
    def shown(self) -> int:
        """What a function documents is not an attribute's."""
        return 1

async def loop() -> None:
    while True:
        pass


class Second(First):
    class Inner:
        name: str
        """The name."""
'''


class Documented:
    here: int = 1
    """Found."""


def test_an_outline_keeps_classes_and_empties_functions() -> None:
    outline = without_functions(SOURCE)
    ast.parse(outline)
    assert "return text" not in outline
    assert "while True" not in outline
    found: dict[str, dict[str, shape.Docs]] = {}
    shape._collect(ast.parse(outline).body, "", found)
    assert found["First"] == {"count": ("How many.",), "size": ("How large.",)}
    assert found["Second.Inner"] == {"name": ("The name.",)}


def test_the_outline_of_each_module_that_metadata_reads_documents_the_same() -> None:
    assert runtime.table.__name__ in sys.modules
    names = [name for name in sys.modules if name.startswith(("runtime", "btt_chain.primitives"))]
    assert len(names) > 50
    compared = 0
    for name in names:
        try:
            source = inspect.getsource(sys.modules[name])
        except (OSError, TypeError):
            continue
        whole: dict[str, dict[str, shape.Docs]] = {}
        shape._collect(ast.parse(source).body, "", whole)
        expected = {kind: docs for kind, docs in whole.items() if "<locals>" not in kind}
        found: dict[str, dict[str, shape.Docs]] = {}
        shape._collect(ast.parse(without_functions(source)).body, "", found)
        assert found == expected, name
        compared += len(found)
    assert compared > 300


def test_a_class_in_a_function_has_docs_too() -> None:
    class Local:
        here: int = 1
        """Found in a function."""

    assert attribute_docs(Local) == {"here": ("Found in a function.",)}
    assert attribute_docs(Documented) == {"here": ("Found.",)}


def test_a_string_at_the_left_edge_of_a_function_costs_only_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = 'def f():\n    x = """\n(\n"""\n\nclass Documented:\n    here: int\n    """Yes."""\n'
    monkeypatch.setattr(shape, "_source", lambda _: source)
    docs = shape._module_docs.__wrapped__(__name__, with_functions=False)
    assert docs == {"Documented": {"here": ("Yes.",)}}
