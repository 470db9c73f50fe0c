"""The count of lines leaves out explanations, and the check fails above a budget."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from scripts.lines import HOME, PRODUCT, Budgets, closure, count, main

TWO_LINES = "x = 1\ny = 2\n"


def git(home: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *arguments], cwd=home, check=True, capture_output=True)


def write(home: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text(text)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A repository with two lines of code in `cli`, and three allowed."""
    write(tmp_path, {"scripts/budget.toml": "[folders]\ncli = 3\n", "cli/a.py": TWO_LINES})
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "a")
    return tmp_path


def code(text: str) -> int:
    return count(dedent(text)).code


# --- one file -----------------------------------------------------------------


def test_docstrings_comments_and_blank_lines_are_no_code() -> None:
    text = '''
        """A module,

        in three lines."""

        # A comment.
        LIMIT = 1  # and another
        """Its docstring."""

        class A:
            """A class."""

            def f(self):
                "Return."
                # Why.
                return (

                    1
                )
    '''
    assert code(text) == 6
    assert count(dedent(text)).physical == 19


def test_a_string_that_is_used_is_code_also_where_its_lines_look_like_comments() -> None:
    assert code('x = """\n# heading\n\ntext\n"""\n') == 4
    assert code('x = f"""\n# {heading}\n"""\n# comment\n') == 3
    assert code('f("""\n# heading\n""")\n') == 3


@pytest.mark.parametrize("block", ["if a", "try", "for a in b", "while a", "with a", "class A"])
def test_docstrings_and_statements_in_blocks_are_counted_alike(block: str) -> None:
    tail = "finally:\n    pass\n" if block == "try" else ""
    body = 'a = 1\n    """Of a."""\n'
    assert code(f"{block}:\n    {body}{tail}") == 2 + 2 * bool(tail)


def test_handlers_and_cases_are_searched_for_docstrings() -> None:
    assert code('try:\n    pass\nexcept A:\n    a = 1\n    """Of a."""\n') == 4
    assert code('match a:\n    case 1:\n        b = 1\n        """Of b."""\n') == 3


# --- the check ----------------------------------------------------------------


def test_a_folder_at_its_budget_passes_and_above_it_does_not(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, {"cli/b.py": "x = 1  # new\n# comment\n"})
    assert main(["--check"], home) == 0
    assert capsys.readouterr().out == ""
    write(home, {"cli/b.py": TWO_LINES})
    assert main(["--check"], home) == 1
    printed = capsys.readouterr().out
    assert "cli: 4 code lines, 1 above the budget of 3\n" in printed
    assert "raise its number in scripts/budget.toml in a commit of its own" in printed


def test_ignored_and_deleted_files_are_not_counted_and_a_new_folder_needs_a_budget(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, {".gitignore": "built\n", "built/c.py": TWO_LINES, "cli/b.py": TWO_LINES})
    (home / "cli" / "a.py").unlink()
    assert main(["--check"], home) == 0
    write(home, {"web/a.py": TWO_LINES})
    assert main(["--check"], home) == 1
    assert "web: 2 code lines, 2 above the budget of 0\n" in capsys.readouterr().out


# --- the table ----------------------------------------------------------------


def row(printed: str, name: str) -> list[str]:
    """Return the numbers of a row of the table."""
    rows = [line.split() for line in printed.splitlines()]
    return next(cells[1:] for cells in rows if cells[:1] == [name])


def test_the_difference_is_that_of_the_branch_and_the_checkout_to_their_merge_base(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(home, "checkout", "--quiet", "-b", "branch")
    write(home, {"cli/b.py": "x = 1\n\n", "p2p/a.py": TWO_LINES, "p2p/b.py": TWO_LINES})
    git(home, "add", ".")
    git(home, "commit", "--quiet", "--message", "b")
    write(home, {"cli/c.py": TWO_LINES, "cli/a.py": "x = 1\n"})
    (home / "p2p" / "b.py").unlink()
    # What main got since is not the branch's.
    git(home, "stash", "--quiet", "--include-untracked")
    git(home, "checkout", "--quiet", "main")
    write(home, {"storage/a.py": TWO_LINES})
    git(home, "add", ".")
    git(home, "commit", "--quiet", "--message", "c")
    git(home, "checkout", "--quiet", "branch")
    git(home, "stash", "pop", "--quiet")
    assert main([], home) == 1
    printed = capsys.readouterr().out
    assert row(printed, "cli") == ["5", "4", "3", "+3", "+2"]
    assert row(printed, "p2p") == ["2", "2", "-", "+2", "+2"]
    assert row(printed, "product") == ["7", "6", "-", "+5", "+4"]
    assert "storage" not in printed


def test_without_a_main_branch_there_is_no_difference(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(home, "branch", "--move", "other")
    assert main([], home) == 0
    assert row(capsys.readouterr().out, "cli") == ["2", "2", "3"]


# --- closures -----------------------------------------------------------------


def test_a_closure_has_the_named_modules_and_packages_of_the_product() -> None:
    paths = ["runtime/a.py", "runtime/b/__init__.py", "runtime/b/c.py", "tests/d.py"]
    texts = {path: path for path in paths}
    names = ["runtime.b", "runtime.a", "json", "tests.d", "runtime.a", "runtime.missing"]
    assert list(closure(names, texts)) == ["runtime/a.py", "runtime/b/__init__.py"]


def test_the_lines_of_a_closure_have_a_budget_by_the_name_of_its_file(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, {"minimal.txt": "cli.a\njson\n", "p2p/a.py": TWO_LINES})
    assert main(["--closure", str(home / "minimal.txt")], home) == 0
    printed = capsys.readouterr().out
    assert row(printed, "minimal") == ["2", "2", "-"]
    assert printed.endswith("1 modules\n")
    with (home / "scripts" / "budget.toml").open("a") as budgets:
        budgets.write("[closures]\nminimal = 1\n")
    assert main(["--closure", str(home / "minimal.txt")], home) == 1
    assert "minimal: 2 code lines, 1 above the budget of 1\n" in capsys.readouterr().out


def test_each_package_of_the_product_has_a_budget() -> None:
    budgets = Budgets.load(HOME / "scripts" / "budget.toml")
    assert {*PRODUCT, "tests", "bench", "scripts"} <= {*budgets.folders}
