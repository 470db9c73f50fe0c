"""The check of sizes, cycles and words finds what it says, and its baseline only shrinks."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from bench.compare.outcome import BASE
from bench.compare.outcome import HERE as CHECKOUT
from bench.compare.page import PAGE, RECORDED, TEMPLATE, page
from bench.compare.record import read_record
from scripts import lint_shape
from scripts.lint_shape import main, read_baseline
from scripts.shape.files import Module, is_table
from scripts.shape.imports import cycles, single_importers
from scripts.shape.places import Key
from scripts.shape.words import SUBWORD, Glossary

HOME = Path(__file__).resolve().parents[2]
GLOSSARY = """
[anywhere]
frob = "adjust"
[spelt]
BIG = "MAX_"
[names]
bag = "set"
[modules]
sacks = "sets"
[phrases]
"gives up" = "times out"
[[except]]
word = "frob"
under = "cli/"
pattern = 'os\\.frob'
why = "a function of the system"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "glossary.toml").write_text(GLOSSARY)
    (tmp_path / "cli").mkdir()
    return tmp_path


def found(home: Path, rule: str) -> list[str]:
    glossary = Glossary.load(home / "scripts" / "glossary.toml")
    places = lint_shape.measure(home, glossary)
    return [f"{x.key.path}:{x.line} {x.message}" for x in places if x.key.rule == rule]


def check(home: Path, *options: str) -> int:
    return main(options, home)


def baseline(home: Path) -> dict[str, int]:
    entries = read_baseline(home / "scripts" / "shape_baseline.toml")
    return {str(key): number for key, number in entries.items()}


def module(text: str, path: str = "cli/a.py") -> Module:
    return Module(path, dedent(text))


def keys(text: str, path: str = "cli/a.py") -> list[tuple[str, str, int]]:
    each = module(text, path)
    return [(x.key.rule, x.key.name, x.size) for x in each.sizes()]


def lines(number: int, indent: int = 4) -> str:
    return "".join(f"{'':{indent}}x{each} = {each}\n" for each in range(number))


# --- sizes --------------------------------------------------------------------


@pytest.mark.parametrize(("path", "limit"), [("cli/a.py", 600), ("tests/unit/test_a.py", 800)])
def test_a_test_file_may_be_longer_than_one_of_the_product(path: str, limit: int) -> None:
    assert keys(lines(limit, 0), path) == []
    assert keys(lines(limit + 1, 0), path) == [("file-lines", "", limit + 1)]


def test_a_function_may_have_60_lines_and_its_decorators_do_not_count() -> None:
    assert keys("@a\n@b\ndef f():\n" + lines(59)) == []
    assert keys("def f():\n" + lines(60)) == [("function-lines", "f", 61)]
    assert keys("class A:\n    def f(self):\n" + lines(60, 8)) == [("function-lines", "A.f", 61)]


def test_a_long_table_is_no_long_function_but_a_loop_around_it_makes_it_one() -> None:
    table = "    return [\n" + "        1,\n" * 80 + "    ]\n"
    assert keys('def f():\n    """Return the table."""\n    a = 1\n' + table) == []
    assert keys("def f():\n    if a:\n        pass\n" + table) == [("function-lines", "f", 85)]
    for body, listed in (("x = 1\n" * 5, True), ("x = 1\n" * 6, False)):
        node = ast.parse("def f():\n" + "".join(f"    {x}\n" for x in body.splitlines())).body[0]
        assert isinstance(node, ast.FunctionDef)
        assert is_table(node) is listed


# --- layers -------------------------------------------------------------------


def layers(text: str, path: str = "cli/a.py") -> list[tuple[str, int, str]]:
    return [(x.key.rule, x.line, x.message) for x in module(text, path).layers()]


def test_a_constructor_may_have_six_parameters_besides_self() -> None:
    text = "class A:\n    class B:\n        def __init__(self, a, b, /, c, *, d, e, f{}): ...\n"
    assert layers(text.format("")) == []
    message = "A.B.__init__: 7 parameters, most 6"
    assert layers(text.format(", g")) == [("constructor-parameters", 3, message)]
    assert layers(text.format(", g"), "tests/a.py") == []
    assert layers("def __init__(self, a, b, c, d, e, f, g): ...\n") == []


@pytest.mark.parametrize(
    "method",
    [
        "def f(self): return self.a.f()",
        "def f(self, b, c=1): return self.a.g(b, c)",
        "def f(self, b, *, c): self.a.f(b, c=c)",
        "def f(self, b, c): self.a.f(b, d=c)",
        "async def f(self, *b, **c): return await self.a.f(*b, **c)",
        '@property\n    def f(self):\n        "Return it."\n        return self.a.f()',
    ],
)
def test_a_method_that_only_passes_its_arguments_on_is_a_forwarder(method: str) -> None:
    rules = [rule for rule, *_ in layers(f"class A:\n    {method}\n")]
    assert rules == ["forwarder"]


@pytest.mark.parametrize(
    "method",
    [
        "def f(self, b): ...",
        "def f(self, b): return self.a.f()",
        "def f(self, b, c): return self.a.f(c, b)",
        "def f(self, b): return self.a.f(b, 1)",
        "def f(self, b): return self.a.f(b + 1)",
        "def f(self, b): return self.f(b)",
        "def f(self, b): return b.a.f(b)",
        "def f(self): return self.a.b.f()",
        "def f(self): return self.a.f",
        "def __len__(self): return self.a.size()",
        "@call(1)\n    def f(self): return self.a.f()",
        "def f(self):\n        self.a.f()\n        self.b.f()",
    ],
)
def test_a_method_with_a_purpose_of_its_own_is_no_forwarder(method: str) -> None:
    assert layers(f"class A:\n    {method}\n") == []


def test_imports_that_a_call_executes_are_counted() -> None:
    text = (
        "import a\nclass A:\n    import b\n    def f(self):\n        if c:\n            import d\n"
    )
    assert layers(text) == [("function-import", 6, "import d")]
    nested = "def f():\n    class A:\n        from a import b\n"
    assert layers(nested) == [("function-import", 3, "from a import b")]


def importers(**sources: str) -> dict[str, str]:
    modules = [module(text, f"{name.replace('__', '/')}.py") for name, text in sources.items()]
    return single_importers(
        {file.path: (*file.imports, *file.type_imports) for file in modules},
        {file.path: file.text.count("\n") for file in modules},
    )


def test_a_small_file_that_one_other_imports_is_listed_with_it() -> None:
    lazy = "def f():\n    from p import b\n"
    assert importers(p__a=lazy, p__b="") == {"p/b.py": "p/a.py"}
    assert importers(p__a=lazy, p__b="x = 1\n" * 39) == {"p/b.py": "p/a.py"}
    assert importers(p__a=lazy, p__b="x = 1\n" * 40) == {}
    typed = "if TYPE_CHECKING:\n    from p.b import x\n"
    assert importers(p__a=lazy, p__b="", p__c=typed) == {}


def test_packages_and_generated_weights_are_no_small_files() -> None:
    package = {
        "p/__init__.py": module("").imports,
        "p/weights.py": module("").imports,
        "p/a.py": module("import p\nfrom p import weights").imports,
    }
    assert single_importers(package, dict.fromkeys(package, 1)) == {}


# --- cycles -------------------------------------------------------------------


def circles(**sources: str) -> list[list[str]]:
    modules = [module(text, f"{name.replace('_', '/')}.py") for name, text in sources.items()]
    return cycles({each.path: each.imports for each in modules})


def test_files_that_import_each_other_are_a_cycle_also_inside_functions() -> None:
    lazy = "def f():\n    from p import b\n"
    assert circles(p_a=lazy, p_b="import p.c", p_c="from p.a import f") == [
        ["p/a.py", "p/b.py", "p/c.py"]
    ]
    assert circles(p_a=lazy, p_b="import p.c", p_c="") == []


def test_imports_for_types_only_are_no_cycle_and_those_of_the_else_branch_are() -> None:
    typed = "if TYPE_CHECKING:\n    from p import b\n"
    assert circles(p_a=typed, p_b="import p.a") == []
    assert circles(p_a="if typing." + typed[3:], p_b="import p.a") == []
    assert circles(p_a=typed + "else:\n    import p.b\n", p_b="import p.a") == [
        ["p/a.py", "p/b.py"]
    ]


def test_a_package_and_its_module_may_be_a_cycle_and_two_cycles_are_two() -> None:
    package = {
        "p/__init__.py": module("from p.a import x").imports,
        "p/a.py": module("from p import y").imports,
    }
    assert cycles(package) == [["p/__init__.py", "p/a.py"]]
    two = circles(p_a="import p.b", p_b="import p.a", q_a="import q.b", q_b="import q.a")
    assert two == [["p/a.py", "p/b.py"], ["q/a.py", "q/b.py"]]


# --- words --------------------------------------------------------------------


def test_a_dropped_word_is_found_in_names_comments_strings_and_documents(home: Path) -> None:
    text = 'frob_all = 1  # Frob\nclass ToFrob: ...\n"frobs"\nMAX = FROB\n'
    (home / "cli" / "a.py").write_text(text)
    (home / "README.md").write_text("He\nfrob, and gives up.\n")
    (home / "cli" / "a.html").write_text("<p>\nfrob")
    (home / "cli" / "a.json").write_text("frob")
    assert found(home, "words") == [
        "README.md:2 'frob': write adjust",
        "README.md:2 'gives up': write times out",
        "cli/a.html:2 'frob': write adjust",
        "cli/a.py:1 'Frob': write adjust",
        "cli/a.py:1 'frob': write adjust",
        "cli/a.py:2 'Frob': write adjust",
        "cli/a.py:4 'FROB': write adjust",
    ]


def test_spelt_words_names_of_things_and_names_of_files_have_lists_of_their_own(
    home: Path,
) -> None:
    text = "BIG_ONE = big = 1  # a bag of sacks\nbag_of = sacks = 2\ndef f(bag): ...\n"
    (home / "cli" / "a.py").write_text(text)
    (home / "cli" / "sacks.py").write_text("")
    assert found(home, "words") == [
        "cli/a.py:1 'BIG': write MAX_",
        "cli/a.py:2 'bag_of': write set",
        "cli/a.py:3 'bag': write set",
        "cli/sacks.py:1 file 'sacks': write sets",
    ]


def test_an_excepted_use_is_no_word_below_its_folder_only(home: Path) -> None:
    for folder in ("cli", "scripts"):
        (home / folder / "a.py").write_text("os.frob\nfrob\n")
    assert found(home, "words") == [
        "cli/a.py:2 'frob': write adjust",
        "scripts/a.py:1 'frob': write adjust",
        "scripts/a.py:2 'frob': write adjust",
    ]


def test_every_exception_of_the_glossary_is_needed() -> None:
    glossary = Glossary.load(HOME / "scripts" / "glossary.toml")
    texts = [
        (file.relative_to(HOME).as_posix(), file.read_text(encoding="utf-8"))
        for file in lint_shape._files(HOME)
    ]
    # The recorded run may have no slower workload, whose profile names functions of libraries.
    record = read_record(RECORDED.read_text(encoding="utf-8"))
    rows = [("_parser.py:456 _parse_sub", 1.0, 2.0)]
    slower = replace(record.pairs[0], profiles={BASE: rows, CHECKOUT: rows})
    made = page(TEMPLATE.read_text(encoding="utf-8"), replace(record, pairs=[slower]))
    texts.append((PAGE.relative_to(HOME).as_posix(), made))
    for under, word, pattern in glossary.exceptions:
        assert any(
            path.startswith(under) and word in text and pattern.search(text) for path, text in texts
        ), f"no file below {under!r} has {word!r} as {pattern.pattern!r}"


def test_phrases_without_a_noun_are_found_but_for_excepted_ones(home: Path) -> None:
    exception = '[[except]]\nword = "no num"\nunder = "cli/b"\npattern = "no number"\nwhy = "w"\n'
    (home / "scripts" / "glossary.toml").write_text(GLOSSARY + exception)
    wrong = "it is " + "no number"
    none = "Fails if it is" + " none."
    good = "There is no block, and there is no number: it is no longer, no more, is not one."
    (home / "cli" / "a.py").write_text(f"# {wrong}, {wrong}\n'{none}'\n# {good}\n")
    (home / "cli" / "b.py").write_text(f"# {wrong}\nf'{{x}} is " + "no {kind}'\n")
    (home / "README.md").write_text(f"{good}\n{wrong}\n")
    assert found(home, "is-no") == [
        "README.md:2 is " + "no number",
        *["cli/a.py:1 is " + "no number"] * 2,
        "cli/b.py:2 is " + "no {kind",
    ]
    assert found(home, "if-none") == ["cli/a.py:2 if it is" + " none"]


# --- docstrings and types -----------------------------------------------------


def headless(text: str, path: str = "cli/a.py") -> list[tuple[str, int]]:
    return [(x.key.rule, x.line) for x in module(text, path).docstrings()]


def test_headless_openings_are_found_also_below_constants_and_fields() -> None:
    text = '''
        """What it is."""
        A = 1
        """How many."""
        class B:
            """A thing."""
            c: int
            """Whether."""
            def d(self):
                """Whose it is."""
                "That is not a docstring."
        def whatever():
            """Whatever comes."""
        def e():
            """Return what it is."""
        def f():
            """Report who it was."""
        def g():
            """Return the thing that it is."""
    '''
    assert headless(text) == [("headless", line) for line in (2, 4, 8, 10, 15, 17)]


def test_a_bool_function_says_when_it_returns_true() -> None:
    text = '''
        def a() -> bool:
            """Return True if it is so."""
        def b() -> bool:
            """Add it. Return True if it is new."""
        def c() -> bool:
            """Return the answer."""
        def d() -> bool: ...
        def e() -> int:
            """Count."""
    '''
    assert headless(text) == [("bool-docstring", 6)]
    assert headless(text, "tests/a.py") == []


def test_uses_of_any_and_ignored_types_are_counted(home: Path) -> None:
    ignore = "# type" + ": ignore[misc]"
    text = f"from typing import Any\nx: Any = 1  {ignore}\ny: list[Any]\n# Any\n"
    (home / "cli" / "a.py").write_text(text)
    (home / "cli" / "b.py").write_text("Any = 1\nprint(Any)\n")
    assert found(home, "any") == ["cli/a.py:2 Any", "cli/a.py:3 Any"]
    assert [each.split(" ")[0] for each in found(home, "type-ignore")] == ["cli/a.py:2"]


# --- the baseline -------------------------------------------------------------


def untyped(number: int) -> str:
    return "from typing import Any\n" + "x: Any\n" * number


def test_what_the_baseline_allows_passes_and_one_more_does_not(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home / "cli" / "a.py"
    file.write_text(untyped(1))
    assert check(home) == 1
    assert "cli/a.py any: 1, allowed 0\n  cli/a.py:2: Any" in capsys.readouterr().out
    assert check(home, "--write") == 1
    assert baseline(home) == {}
    assert check(home, "--accept") == 0
    assert check(home) == 0
    file.write_text(untyped(2))
    assert check(home) == 1
    assert check(home, "--write") == 1
    assert baseline(home) == {"cli/a.py any": 1}


@pytest.mark.parametrize("text", ["frob = 1\n", "def f():\n" + lines(60), '"""What it is."""\n'])
def test_other_breaches_are_in_no_baseline(home: Path, text: str) -> None:
    (home / "cli" / "a.py").write_text(text)
    for options in ((), ("--write",), ("--accept",)):
        assert check(home, *options) == 1
    assert baseline(home) == {}
    # Entries of an older baseline permit nothing.
    (home / "scripts" / "shape_baseline.toml").write_text(
        '"cli/a.py words" = 9\n"cli/a.py headless" = 9\n"cli/a.py function-lines f" = 999\n'
    )
    assert check(home) == 1
    (home / "cli" / "a.py").write_text("")
    assert check(home, "--write") == 0
    assert baseline(home) == {}


def test_less_than_the_baseline_must_be_written_down(home: Path) -> None:
    file = home / "cli" / "a.py"
    file.write_text(untyped(2))
    check(home, "--accept")
    file.write_text(untyped(1))
    assert check(home) == 1
    assert check(home, "--write") == 0
    assert baseline(home) == {"cli/a.py any": 1}
    assert check(home) == 0


def test_growth_in_one_file_is_not_made_up_for_by_another(home: Path) -> None:
    for name in ("a", "b"):
        (home / "cli" / f"{name}.py").write_text(untyped(2))
    check(home, "--accept")
    (home / "cli" / "a.py").write_text("")
    (home / "cli" / "b.py").write_text(untyped(3))
    assert check(home, "--write") == 1
    assert baseline(home) == {"cli/a.py any": 2, "cli/b.py any": 2}


@pytest.mark.parametrize(("moved", "code"), [([1, 1], 0), ([2], 0), ([2, 1], 1)])
def test_a_file_that_moves_or_is_split_passes_on_what_it_was_allowed(
    home: Path, moved: Sequence[int], code: int
) -> None:
    (home / "cli" / "a.py").write_text(untyped(2))
    check(home, "--accept")
    (home / "cli" / "a.py").unlink()
    for place, number in enumerate(moved):
        (home / "cli" / f"new{place}.py").write_text(untyped(number))
    assert check(home) == 1
    assert check(home, "--write") == code
    assert check(home) == code


def test_a_file_that_keeps_a_part_passes_on_the_rest_to_a_new_file_only(home: Path) -> None:
    for name in ("a", "b"):
        (home / "cli" / f"{name}.py").write_text(untyped(2))
    check(home, "--accept")
    (home / "cli" / "a.py").write_text(untyped(1))
    (home / "cli" / "c.py").write_text(untyped(1))
    assert check(home, "--write") == 0
    (home / "cli" / "a.py").write_text("")
    (home / "cli" / "b.py").write_text(untyped(3))
    assert check(home, "--write") == 1


def test_the_baseline_has_a_sorted_line_for_each_entry(home: Path) -> None:
    for name in ("b", "a"):
        (home / "cli" / f"{name}.py").write_text(untyped(1))
    check(home, "--accept")
    text = (home / "scripts" / "shape_baseline.toml").read_text()
    assert [line for line in text.splitlines() if line[0] != "#"] == [
        '"cli/a.py any" = 1',
        '"cli/b.py any" = 1',
    ]


def test_an_entry_is_read_as_it_is_written() -> None:
    for key in (Key("cli/a.py", "function-lines", "A.f"), Key("cli/a.py", "words")):
        assert Key.parse(str(key)) == key


# --- our own tree -------------------------------------------------------------


def test_the_glossary_of_the_repository_can_be_read_and_names_words_it_finds() -> None:
    glossary = Glossary.load(HOME / "scripts" / "glossary.toml")
    for word, instead in glossary.anywhere.items():
        assert glossary.instead_of(word.capitalize()) == instead, f"{word} is never found"
        assert SUBWORD.findall(word) == [word]


def test_the_summary_names_each_rule(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(home) == 0
    printed = capsys.readouterr().out
    assert all(title in printed for title in lint_shape.RULES.values())
