"""Check sizes, import cycles and plain words; numbers of further places may only shrink.

Rules, each measured for one file:

file-lines       lines of a file above 600; 800 in `tests/`
function-lines   lines of a function above 60, decorators not counted. A table is excepted: a
                 function of at most five statements after its docstring, none of them compound
                 (no loop, branch, `with`, `try` or nested function)
cycle            files that import each other, counted at each file. Imports inside functions count;
                 those under `if TYPE_CHECKING:` do not, because they never run. An import of a
                 submodule does not count as an import of its package's `__init__`
words            words of scripts/glossary.toml, in code, comments, strings, pages and documents
headless         docstrings that begin with What, Who, Whose, How, Whether, Where, Which or That, or
                 with "Return what" and the like
bool-docstring   docstrings of functions that return bool, without "Return True if" or "True if"
is-no            "is no ..." but for "there is no ...": write "is not a ..."
if-none          "if it is" and "none": name the thing

Counted, everywhere:

type-ignore      `type: ignore` comments
any              uses of typing.Any

Counted, in the product:

constructor-parameters   constructors of more than 6 parameters
forwarder                methods that only pass their arguments to a method of one attribute
function-import          imports inside functions
single-importer          files of under 40 lines that exactly one other file imports

A breach of any other rule fails the check. For counted rules scripts/shape_baseline.toml holds the
allowed numbers, one line for each file and rule. The check fails if a number grows, if a file is
new there, and if a number shrank but not in the baseline. New files may use the numbers that moved
or split files lost.

Usage: python scripts/lint_shape.py [--write | --accept] [--list RULE]
  --write    store smaller numbers; refuse larger ones
  --accept   store the numbers as they are, also larger ones: only after merging branches
  --list     print each place of a rule, allowed or not
Exit code: 0 no breach, 1 action needed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.shape.files import (
    MAX_CONSTRUCTOR_PARAMETERS,
    MAX_FILE_LINES,
    MAX_FUNCTION_LINES,
    MAX_TEST_FILE_LINES,
    PRODUCT,
    TESTS,
    Module,
)
from scripts.shape.imports import MAX_SMALL_LINES, Imports, cycles, single_importers
from scripts.shape.places import Key, Place, place_at
from scripts.shape.words import Glossary, phrases

FOLDERS = (
    "bench", "btt_chain", "cli", "examples", "genesis", "p2p", "runtime", "scripts", "storage",
    "tests",
)  # fmt: skip
DOCUMENTS = (
    "docs", "docs/monitoring/grafana-dashboard.json", "README.md", "CHANGELOG.md", "SECURITY.md",
    "Makefile", "pyproject.toml", "requirements",
)  # fmt: skip
SUFFIXES = frozenset({
    ".css", ".html", ".in", ".js", ".md", ".mjs", ".py", ".service", ".sh", ".template", ".yml",
})  # fmt: skip
SKIPPED = frozenset({"node_modules", "__pycache__", "corpus", "golden", "vectors"})
# Names of the rules in the summary.
RULES: Mapping[str, str] = {
    "file-lines": f"files > {MAX_FILE_LINES} lines (tests {MAX_TEST_FILE_LINES})",
    "function-lines": f"functions > {MAX_FUNCTION_LINES} lines",
    "cycle": "files in import cycles",
    "words": "dropped words",
    "headless": "headless docstrings",
    "bool-docstring": "bool docstrings of another form",
    "is-no": "is no ...",
    "if-none": "if it is ... none",
    "type-ignore": "type: ignore",
    "any": "Any",
    "constructor-parameters": f"constructors > {MAX_CONSTRUCTOR_PARAMETERS} parameters",
    "forwarder": "methods that only forward",
    "function-import": "imports inside functions",
    "single-importer": f"files <= {MAX_SMALL_LINES} lines, one importer",
}
# Rules with allowed numbers in the baseline; a breach of any other rule fails.
COUNTED = frozenset({
    "type-ignore", "any",
    "constructor-parameters", "forwarder", "function-import", "single-importer",
})  # fmt: skip
# Rules whose entries are sizes of one thing each: the summary counts entries, not lines.
SIZES = frozenset({"file-lines", "function-lines", "cycle"})


# --- a whole tree -------------------------------------------------------------


def measure(home: Path, glossary: Glossary) -> list[Place]:
    """Return all breaches below a folder, in the order of files and lines."""
    places: list[Place] = []
    imports: dict[str, Imports] = {}
    product: dict[str, Imports] = {}
    lines: dict[str, int] = {}
    for file in _files(home):
        path = file.relative_to(home).as_posix()
        text = file.read_text(encoding="utf-8")
        excepted = glossary.without_exceptions(path, text)
        places.extend((*glossary.places(path, excepted), *phrases(path, excepted)))
        if file.suffix != ".py":
            continue
        module = Module(path, text)
        imports[path] = module.imports
        if path.startswith(PRODUCT):
            product[path] = (*module.imports, *module.type_imports)
            lines[path] = text.count("\n")
        places.extend((*module.sizes(), *module.docstrings(), *module.comments()))
        places.extend(module.layers())
        places.extend(glossary.in_names(path, module.names()))
    for group in cycles(imports):
        message = "imports in a circle: " + ", ".join(group)
        places.extend(Place(Key(path, "cycle"), 1, len(group), message) for path in group)
    for path, importer in single_importers(product, lines).items():
        message = f"{lines[path]} lines, imported only by {importer}"
        places.append(place_at(path, "single-importer", 1, message))
    return sorted(places)


def _files(home: Path) -> Iterator[Path]:
    for name in (*FOLDERS, *DOCUMENTS):
        if (home / name).is_file():
            yield home / name
        for folder, inner, files in os.walk(home / name):
            inner[:] = sorted(each for each in inner if each not in SKIPPED and each[0] != ".")
            named = (Path(folder, each) for each in sorted(files))
            yield from (each for each in named if each.suffix in SUFFIXES)


def totals(places: Iterable[Place]) -> dict[Key, int]:
    """Return the number of each entry, in the order of entries."""
    found: Counter[Key] = Counter()
    for place in places:
        found[place.key] += place.size
    return dict(sorted(found.items()))


# --- the baseline -------------------------------------------------------------

HEADER = """\
# Places that scripts/lint_shape.py allows, by file and counted rule. Only smaller numbers come in
# here: `python scripts/lint_shape.py --write`.
"""


def read_baseline(file: Path) -> dict[Key, int]:
    """Return the allowed numbers; none if there is no file."""
    if not file.exists():
        return {}
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    return {Key.parse(key): value for key, value in data.items()}


def write_baseline(file: Path, numbers: Mapping[Key, int]) -> None:
    """Write the numbers of counted rules, one a line and sorted, so that branches merge."""
    counted = {key: number for key, number in numbers.items() if key.rule in COUNTED}
    lines = [f'"{key}" = {number}\n' for key, number in sorted(counted.items())]
    file.write_text(HEADER + "".join(lines), encoding="utf-8")


class Comparison(NamedTuple):
    """Entries that grew and that shrank, each with its allowed number."""

    grown: dict[Key, int]
    shrunk: dict[Key, int]


def compare(numbers: Mapping[Key, int], allowed: Mapping[Key, int]) -> Comparison:
    """Compare with the baseline. New files may use the numbers that the known files have lost."""
    known = {key.path for key in allowed}
    left = Counter[tuple[str, str]]()
    for key, before in allowed.items():
        left[key.rule, key.name] += max(before - numbers.get(key, 0), 0)
    grown: dict[Key, int] = {}
    shrunk: dict[Key, int] = {}
    for key in sorted({*numbers, *allowed}):
        now, before = numbers.get(key, 0), allowed.get(key, 0)
        if key.rule not in COUNTED:
            (grown if now else shrunk)[key] = 0 if now else before
        elif now > before and key.path not in known and left[key.rule, key.name] >= now:
            left[key.rule, key.name] -= now
            shrunk[key] = before
        elif now > before:
            grown[key] = before
        elif now < before:
            shrunk[key] = before
    return Comparison(grown, shrunk)


# --- output --------------------------------------------------------------------


def summary(numbers: Mapping[Key, int]) -> str:
    """Return a table of totals by rule, for the product and for tests."""
    lines = [f"{'':34}{'product':>9}{'tests':>9}"]
    for rule, title in RULES.items():
        sums = [0, 0]
        for key, number in numbers.items():
            if key.rule == rule:
                sums[key.path.startswith(TESTS)] += 1 if rule in SIZES else number
        lines.append(f"{title:34}{sums[0]:>9,}{sums[1]:>9,}")
    return "\n".join(lines)


def report(places: Iterable[Place], comparison: Comparison, numbers: Mapping[Key, int]) -> None:
    """Print what grew, with each of its places, and what shrank."""
    by_key: dict[Key, list[Place]] = {}
    for place in places:
        by_key.setdefault(place.key, []).append(place)
    for key, before in comparison.grown.items():
        allowed = f", allowed {before}" if key.rule in COUNTED else ""
        print(f"{key}: {numbers[key]}{allowed}")
        for place in by_key[key]:
            print(f"  {key.path}:{place.line}: {place.message}")
    if comparison.shrunk:
        print(f"{len(comparison.shrunk)} entries of the baseline shrank or moved: ", end="")
        print("run `python scripts/lint_shape.py --write`, and commit it")


def main(arguments: Sequence[str], home: Path | None = None) -> int:
    """Check the tree, or renew its baseline; return an exit code."""
    parser = argparse.ArgumentParser(description="Sizes, import cycles and plain words.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--write", action="store_true", help="store smaller numbers")
    mode.add_argument("--accept", action="store_true", help="store all numbers: when merging")
    mode.add_argument("--list", choices=RULES, metavar="RULE", help="print each place of a rule")
    options = parser.parse_args(arguments)
    home = home or Path(__file__).resolve().parent.parent
    gc.disable()  # syntax trees are many small objects that all stay: half of the time is saved
    places = measure(home, Glossary.load(home / "scripts" / "glossary.toml"))
    gc.enable()
    numbers = totals(places)
    if options.list:
        for place in places:
            if place.key.rule == options.list:
                print(f"{place.key.path}:{place.line}: {place.key.name} {place.message}")
        return 0
    baseline = home / "scripts" / "shape_baseline.toml"
    comparison = compare(numbers, read_baseline(baseline))
    if options.accept or (options.write and not comparison.grown):
        write_baseline(baseline, numbers)
        comparison = compare(numbers, read_baseline(baseline))
    report(places, comparison, numbers)
    print(summary(numbers))
    return 1 if comparison.grown or comparison.shrunk else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
