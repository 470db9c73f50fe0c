"""Count lines by folder, and compare them with the budgets of scripts/budget.toml.

Physical lines are those of the file. Code lines are those left without docstrings (also those below
constants and fields), comments and blank lines: explanations cost nothing. Counted are the Python
files that git tracks, and new ones that it does not ignore.

Usage: python scripts/lines.py [--check | --closure FILE]
  --check          print only folders above their budget; exit with 1 if there is one
  --closure FILE   count the modules named in FILE, one on a line, as a program imports them:
                   `runtime.pallets.jobs`. Names that are not modules of the product, as those of
                   libraries, are left out. A budget has the name of the file without its suffix
Without an option: today, budget, and the difference of this branch to its merge base with main.
"""

from __future__ import annotations

import argparse
import ast
import gc
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

HOME: Final = Path(__file__).resolve().parent.parent
MAINS: Final = ("main", "origin/main")
PRODUCT: Final = ("btt_chain", "runtime", "cli", "p2p", "storage", "genesis")
QUOTES: Final = re.compile(r'"""|\'\'\'')
REMEDY: Final = (
    "Remove as many lines in that folder, or raise its number in scripts/budget.toml"
    " in a commit of its own that says why."
)


class Lines(NamedTuple):
    """Numbers of physical lines and of code lines."""

    physical: int = 0
    code: int = 0

    def plus(self, other: Lines) -> Lines:
        """Return the sums."""
        return Lines(self.physical + other.physical, self.code + other.code)

    def minus(self, other: Lines) -> Lines:
        """Return the differences."""
        return Lines(self.physical - other.physical, self.code - other.code)


def count(text: str) -> Lines:
    """Return the numbers of lines of a Python file."""
    lines = text.split("\n")  # as the parser counts them
    tree = ast.parse(text)
    code = {number for number, line in enumerate(lines, 1) if line.strip()}
    for statement in _statements(tree):
        match statement:
            case ast.Expr(value=ast.Constant(value=str())):
                code.difference_update(_span(statement))
    comments = {number for number in code if lines[number - 1].lstrip().startswith("#")}
    # Only a string of several lines can begin a line with #. Few files have one, and the walk
    # through all expressions takes as long as the parser.
    if comments and any(QUOTES.search(lines[number - 1]) for number in code):
        for node in ast.walk(tree):
            match node:
                case ast.Constant(value=str() | bytes()) | ast.JoinedStr():
                    comments.difference_update(_span(node))
    return Lines(text.count("\n"), len(code - comments))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from _statements(child)


def _span(node: ast.stmt | ast.expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def sums(texts: Mapping[str, str]) -> dict[str, Lines]:
    """Return the sums of the folders at the top of the tree; `texts` by path."""
    folders: dict[str, Lines] = {}
    for path, text in texts.items():
        folder = path.partition("/")[0]
        folders[folder] = folders.get(folder, Lines()).plus(count(text))
    return dict(sorted(folders.items()))


# --- the trees ----------------------------------------------------------------


def working_tree(home: Path) -> dict[str, str]:
    """Return the Python files of the checkout by path."""
    listed = _git(home, "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.py")
    paths = [path for path in sorted(listed.splitlines()) if (home / path).is_file()]
    return {path: (home / path).read_text(encoding="utf-8") for path in paths}


def difference(home: Path, base: str, texts: Mapping[str, str]) -> dict[str, Lines]:
    """Return the lines that each folder has more than in a commit; `texts` are those of today."""
    names = ("--name-only", "--no-renames", "--diff-filter=a", base, "--", "*.py")
    changed = _git(home, "diff", *names).splitlines()
    same = {*_git(home, "ls-tree", "-r", "--name-only", base).splitlines()}.difference(changed)
    now = sums({path: text for path, text in texts.items() if path not in same})
    before = sums({path: _git(home, "show", f"{base}:{path}") for path in changed})
    folders = sorted({*now, *before})
    return {name: now.get(name, Lines()).minus(before.get(name, Lines())) for name in folders}


def merge_base(home: Path) -> str | None:
    """Return the commit at which this branch left main; None in a clone without main."""
    for main_branch in MAINS:
        if _git(home, "rev-parse", "--verify", "--quiet", main_branch, check=False):
            return _git(home, "merge-base", "HEAD", main_branch).strip()
    return None


def _git(home: Path, *arguments: str, check: bool = True) -> str:
    command = ["git", "-c", "core.quotePath=off", *arguments]
    return subprocess.run(
        command, cwd=home, check=check, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout


def closure(modules: Iterable[str], texts: Mapping[str, str]) -> dict[str, str]:
    """Return the files of the named modules of the product, by path."""
    files: dict[str, str] = {}
    for name in sorted(set(modules)):
        stem = name.replace(".", "/")
        for path in (f"{stem}.py", f"{stem}/__init__.py"):
            if path in texts and stem.partition("/")[0] in PRODUCT:
                files[path] = texts[path]
    return files


# --- budgets and output ---------------------------------------------------------


class Budgets(NamedTuple):
    """Allowed numbers of code lines."""

    folders: Mapping[str, int]
    closures: Mapping[str, int]

    @classmethod
    def load(cls, file: Path) -> Budgets:
        """Read scripts/budget.toml."""
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        return cls(data["folders"], data.get("closures", {}))


def breaches(lines: Mapping[str, Lines], budgets: Mapping[str, int]) -> list[str]:
    """Return a message for each name above its budget."""
    return [
        f"{name}: {lines[name].code:,} code lines,"
        f" {lines[name].code - budget:,} above the budget of {budget:,}"
        for name, budget in budgets.items()
        if name in lines and lines[name].code > budget
    ]


def table(
    lines: Mapping[str, Lines], budgets: Mapping[str, int], changes: Mapping[str, Lines] | None
) -> str:
    """Return today's numbers, budgets and, if there are, differences as a table."""
    head = ["", "physical", "code", "budget"]
    head += ["+- physical", "+- code"] if changes is not None else []
    rows = [head]
    for name in sorted(lines, key=lambda name: (name not in PRODUCT, name)):
        budget = f"{budgets[name]:,}" if name in budgets else "-"
        row = [name, f"{lines[name].physical:,}", f"{lines[name].code:,}", budget]
        if changes is not None:
            change = changes.get(name, Lines())
            row += [f"{change.physical:+,}", f"{change.code:+,}"]
        rows.append(row)
    return "\n".join(
        f"{row[0]:12}" + "".join(f"{cell:>12}" for cell in row[1:]).rstrip() for row in rows
    )


def main(arguments: Sequence[str], home: Path = HOME) -> int:
    """Count, print, and return an exit code."""
    parser = argparse.ArgumentParser(description="Lines by folder, and their budgets.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="print only what is above its budget")
    mode.add_argument("--closure", metavar="FILE", type=Path, help="count the modules named there")
    options = parser.parse_args(arguments)
    budgets = Budgets.load(home / "scripts" / "budget.toml")
    gc.disable()  # syntax trees are many small objects
    texts = working_tree(home)
    if options.closure:
        return _count_closure(options.closure, texts, budgets.closures)
    lines = sums(texts)
    if not options.check:
        base = merge_base(home)
        changes = difference(home, base, texts) if base else None
        print(table(with_product(lines), budgets.folders, changes and with_product(changes)))
    # A new folder needs a budget.
    return _verdict(breaches(lines, {**dict.fromkeys(lines, 0), **budgets.folders}))


def with_product(lines: Mapping[str, Lines]) -> dict[str, Lines]:
    """Return the numbers with the sum of the product's folders."""
    total = Lines()
    for name in PRODUCT:
        total = total.plus(lines.get(name, Lines()))
    return {**lines, "product": total}


def _count_closure(source: Path, texts: Mapping[str, str], budgets: Mapping[str, int]) -> int:
    files = closure(source.read_text(encoding="utf-8").split(), texts)
    lines = with_product(sums(files))
    lines[source.stem] = lines.pop("product")
    print(table(lines, budgets, None))
    print(f"{len(files):,} modules")
    return _verdict(breaches(lines, budgets))


def _verdict(messages: Sequence[str]) -> int:
    for message in messages:
        print(message)
    if messages:
        print(REMEDY)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
