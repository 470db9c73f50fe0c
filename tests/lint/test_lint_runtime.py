"""The lint of the runtime reports its breaches, and accepts sound code."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from scripts.lint_runtime import BANNED_IMPORTS, lint, main

SOUND = '''
"""A sound pallet."""

import dataclasses
from timeit_of_chain import time_of
from runtime.frame import Error, Event, Pallet, call


class Jobs(Pallet):
    """Work that is paid."""

    class Posted(Event, index=0):
        """A job was posted."""

    class UnknownJob(Error, index=0):
        """There is no such job."""

    @call(0, weight=10)
    def post(self, origin, members: set[int]):
        """Post a job."""
        seen = {1, 2}
        if 3 in seen and len(members) // 2:
            return [value for value in sorted(members)]
        return header.hash()

    @call(1, weight=10)
    def cancel(self, origin):
        """Cancel a job."""


class Other(Pallet):
    """Another pallet counts from zero again."""

    class Posted(Event, index=0):
        """Again."""

    @call(0, weight=10)
    def post(self, origin):
        """Post."""


class Id(Variant, index=0): ...
class Raw(Variant, index=0): ...
'''


def messages(source: str) -> list[str]:
    return [finding.message for finding in lint(dedent(source))]


def test_sound_code_passes() -> None:
    assert messages(SOUND) == []


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("half = 0.5", "float literal 0.5"),
        ("turn = 2j", "float literal 2j"),
        ("share = a / b", "true division: use // or mul_div"),
        ("share /= b", "true division: use // or mul_div"),
        ("x = float(y)", "float()"),
        ("x = hash(y)", "hash() differs from process to process"),
        ("x = id(y)", "id() differs from process to process"),
    ],
)
def test_inexact_and_local_numbers_are_found(source: str, says: str) -> None:
    assert messages(source) == [says]


@pytest.mark.parametrize("module", BANNED_IMPORTS)
def test_every_way_to_import_a_banned_module_is_found(module: str) -> None:
    parent, _, child = module.rpartition(".")
    ways = [f"import {module}", f"import {module} as m", f"from {module} import thing"]
    ways.append(f"def late():\n    import {module}.deeper")
    if parent:
        ways.append(f"from {parent} import {child}")
    for way in ways:
        assert messages(way) == [f"import of {module}"], way


@pytest.mark.parametrize(
    "source",
    [
        "for x in {1, 2}: pass",
        "for x in set(y): pass",
        "for x in {y for y in z} | w: pass",
        "[x for x in frozenset(y)]",
        "list({1, 2})",
        "[*{1, 2}]",
        "seen = set()\nfor x in seen: pass",
        "def f(seen: set[int]):\n    return tuple(seen)",
        "seen: frozenset[int] = make()\nfor i, x in enumerate(seen): pass",
        "next(iter({1, 2}))",
    ],
)
def test_the_order_of_a_set_is_never_used(source: str) -> None:
    assert messages(source) == ["iteration over a set: sort it first"]


def test_a_call_without_a_docstring_is_found() -> None:
    source = """
        class P(Pallet):
            @frame.call(0, weight=1)
            def silent(self, origin): ...
    """
    assert messages(source) == ["call silent has no docstring: wallets show it"]


def test_an_index_used_twice_is_found_for_calls_events_and_errors() -> None:
    source = '''
        class P(Pallet):
            class A(Event, index=1): ...
            class B(Event, index=1): ...
            class C(Error, index=2): ...
            class D(frame.Error, index=2): ...

            @call(3, weight=1)
            def one(self, origin):
                """One."""

            @call(index=3, weight=1)
            def two(self, origin):
                """Two."""
    '''
    assert messages(source) == [
        "Event index 1 is used twice in P",
        "Error index 2 is used twice in P",
        "call index 3 is used twice in P",
    ]


def test_an_index_used_twice_in_a_module_of_events_is_found() -> None:
    source = """
        class A(Event, index=1): ...
        class B(Event, index=1): ...
    """
    assert messages(source) == ["Event index 1 is used twice in this module"]


SECTIONED = """
    class P(Pallet):
        # ---- {0}

        count = 1

        # ---- {1}

        total = 2
"""


@pytest.mark.parametrize("titles", [("storage", "calls"), ("internals: time", "internals: locks")])
def test_the_sections_of_a_pallet_have_known_titles(titles: tuple[str, str]) -> None:
    assert messages(SECTIONED.format(*titles)) == []
    assert messages(SECTIONED.format(*titles).replace("(Pallet)", "(Component)")) == []


def test_another_title_of_a_section_is_found() -> None:
    (said,) = messages(SECTIONED.format("storage", "steps"))
    assert said.startswith("section 'steps': titles are constants, dependencies")
    assert messages(SECTIONED.format("storage", "steps").replace("(Pallet)", "(Component)")) == []


def test_sections_in_another_order_are_found() -> None:
    assert messages(SECTIONED.format("calls", "storage")) == [
        "section 'storage' comes before 'calls'"
    ]


def test_the_program_names_file_and_line_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runtime"
    folder.mkdir()
    (folder / "fine.py").write_text("x = 1\n")
    assert main([str(folder)]) == 0
    (folder / "bad.py").write_text("x = 1\ny = x / 2\n")
    assert main([str(folder)]) == 1
    assert "bad.py:2: true division" in capsys.readouterr().out


def test_looking_at_nothing_is_not_success(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 2
    assert main([]) == 2
