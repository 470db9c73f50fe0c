"""Check sizes, import cycles, plain words, and a number of untyped places that may only shrink.

Rules, each counted for one file:

class-lines      lines of a class above 350
class-methods    methods of a class above 30 (overloads do not count)
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
type-ignore      `type: ignore` comments
any              uses of typing.Any

Each breach fails the check, but `type-ignore` and `any` are counted: scripts/shape_baseline.toml
holds the allowed numbers, one line for each file and rule. The check fails if a number grows, if a
file is new there, and if a number shrank but not in the baseline. New files may use the numbers
that moved or split files lost.

Usage: python scripts/lint_shape.py [--write | --accept] [--list RULE]
  --write    store smaller numbers; refuse larger ones
  --accept   store the numbers as they are, also larger ones: only after merging branches
  --list     print each place of a rule, allowed or not
Exit code: 0 no breach, 1 action needed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import ast
import gc
import os
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

FOLDERS = (
    "bench", "btt_chain", "cli", "examples", "genesis", "p2p", "runtime", "scripts", "storage",
    "tests",
)  # fmt: skip
DOCUMENTS = (
    "docs", "docs/monitoring/grafana-dashboard.json", "README.md", "CHANGELOG.md", "SECURITY.md",
    "Makefile", "pyproject.toml",
    "requirements-audit.in", "requirements-coverage.in", "requirements-dev.in",
    "requirements-install.in",
)  # fmt: skip
SUFFIXES = frozenset({
    ".css", ".html", ".in", ".js", ".md", ".mjs", ".py", ".service", ".sh", ".template", ".yml",
})  # fmt: skip
SKIPPED = frozenset({"node_modules", "__pycache__", "corpus", "golden", "vectors"})
TESTS = "tests/"

MAX_CLASS_LINES = 350
MAX_METHODS = 30
MAX_FILE_LINES = 600
MAX_TEST_FILE_LINES = 800
MAX_FUNCTION_LINES = 60
MAX_TABLE_STATEMENTS = 5

# Names of the rules in the summary.
RULES: Mapping[str, str] = {
    "class-lines": f"classes > {MAX_CLASS_LINES} lines",
    "class-methods": f"classes > {MAX_METHODS} methods",
    "file-lines": f"files > {MAX_FILE_LINES} lines (tests {MAX_TEST_FILE_LINES})",
    "function-lines": f"functions > {MAX_FUNCTION_LINES} lines",
    "cycle": "files in import cycles",
    "words": "dropped words",
    "headless": "headless docstrings",
    "bool-docstring": "bool docstrings of another form",
    "type-ignore": "type: ignore",
    "any": "Any",
}
# Rules with allowed numbers in the baseline; a breach of any other rule fails.
COUNTED = frozenset({"type-ignore", "any"})
# Rules whose entries are sizes of one thing each: the summary counts entries, not lines.
SIZES = frozenset({"class-lines", "class-methods", "file-lines", "function-lines", "cycle"})

SUBWORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
HEADLESS = re.compile(
    r"(What|Who|Whose|How|Whether|Where|Which|That)\b"
    r"|(Return|Yield|Read|Store|Keep|Send|Report) (what|who)\b"
)
TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Compound = (
    ast.For | ast.AsyncFor | ast.While | ast.If | ast.With | ast.AsyncWith | ast.Try
    | ast.Match | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
)  # fmt: skip


class Key(NamedTuple):
    """An entry of the baseline: a rule broken in a file, by a class or function if it is one."""

    path: str
    rule: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Key:
        """Return the key of an entry `path rule [name]`."""
        path, rule, *name = text.split(" ")
        return cls(path, rule, *name)

    def __str__(self) -> str:
        return " ".join(self).rstrip()


class Place(NamedTuple):
    """A breach: its size (1 for each word), and where it is."""

    key: Key
    line: int
    size: int
    message: str


@dataclass
class Glossary:
    """Words that are not used, with their replacements."""

    anywhere: dict[str, str] = field(default_factory=dict)
    spelt: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    phrases: dict[str, str] = field(default_factory=dict)
    exceptions: list[tuple[str, str, re.Pattern[str]]] = field(default_factory=list)

    @classmethod
    def load(cls, file: Path) -> Glossary:
        """Read scripts/glossary.toml."""
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        exceptions = [
            (each["under"], each["word"], re.compile(each["pattern"]))
            for each in data.pop("except", [])
        ]
        return cls(**data, exceptions=exceptions)

    def without_exceptions(self, path: str, text: str) -> str:
        """Return the text with excepted uses blanked out; its lines keep their numbers."""
        for under, word, pattern in self.exceptions:
            if path.startswith(under) and word in text:
                text = pattern.sub("", text)
        return text

    def instead_of(self, subword: str) -> str | None:
        """Return the replacement of a word that is dropped anywhere, None for others."""
        return self.spelt.get(subword) or self.anywhere.get(subword.lower())

    def places(self, path: str, text: str) -> Iterator[Place]:
        """Yield each dropped word of a text, with its line."""
        dropped = {word for word in set(SUBWORD.findall(text)) if self.instead_of(word)}
        lower = text.lower()
        phrases = [phrase for phrase in self.phrases if phrase in lower]
        if not dropped and not phrases:
            return
        # Most lines have none: splitting them into words would take half of the total time.
        some = re.compile("|".join(sorted(dropped | {phrase[1:] for phrase in phrases})))
        for number, line in enumerate(text.splitlines(), 1):
            if not some.search(line):
                continue
            for word in SUBWORD.findall(line):
                if instead := self.instead_of(word):
                    yield _place(path, "words", number, f"{word!r}: write {instead}")
            for phrase in phrases:
                for _ in range(line.lower().count(phrase)):
                    yield _place(path, "words", number, f"{phrase!r}: write {self.phrases[phrase]}")

    def in_names(self, path: str, names: Iterable[tuple[int, str]]) -> Iterator[Place]:
        """Yield dropped words of defined names and of the file's own name."""
        for line, name in names:
            for word in SUBWORD.findall(self.without_exceptions(path, name)):
                if instead := self.names.get(word.lower()):
                    yield _place(path, "words", line, f"{name!r}: write {instead}")
        stem = Path(path).stem
        for word in SUBWORD.findall(stem):
            instead = self.modules.get(word) or self.names.get(word) or self.instead_of(word)
            if instead:
                yield _place(path, "words", 1, f"file {stem!r}: write {instead}")


def _place(path: str, rule: str, line: int, message: str) -> Place:
    return Place(Key(path, rule), line, 1, message)


# --- one file -----------------------------------------------------------------


class Module:
    """A file's tree, parsed once: statements, each with the qualified name of its scope."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.tree = ast.parse(text, path)
        self.statements: list[tuple[str, ast.stmt]] = []
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self._collect("", self.tree.body, runs=True)

    def _collect(self, scope: str, body: Sequence[ast.stmt], *, runs: bool) -> None:
        for node in body:
            self.statements.append((scope, node))
            if isinstance(node, ast.Import | ast.ImportFrom):
                if runs:
                    self.imports.append(node)
                continue
            if not isinstance(node, Compound):
                continue
            inner = scope
            if isinstance(node, Function | ast.ClassDef):
                inner = f"{scope}.{node.name}" if scope else node.name
            checked = isinstance(node, ast.If) and _is_type_checking(node.test)
            self._collect(inner, getattr(node, "body", ()), runs=runs and not checked)
            for part in ("orelse", "finalbody"):
                self._collect(inner, getattr(node, part, ()), runs=runs)
            for part in ("handlers", "cases"):
                for each in getattr(node, part, ()):
                    self._collect(inner, each.body, runs=runs)

    def sizes(self) -> Iterator[Place]:
        """Yield the file, classes and functions that are too large."""
        limit = MAX_TEST_FILE_LINES if self.path.startswith(TESTS) else MAX_FILE_LINES
        lines = len(self.text.splitlines())
        if lines > limit:
            yield Place(Key(self.path, "file-lines"), 1, lines, f"{lines} lines, most {limit}")
        for scope, node in self.statements:
            if isinstance(node, ast.ClassDef):
                yield from self._class(f"{scope}.{node.name}".lstrip("."), node)
            elif isinstance(node, Function):
                yield from self._function(f"{scope}.{node.name}".lstrip("."), node)

    def _class(self, name: str, node: ast.ClassDef) -> Iterator[Place]:
        lines = _length(node)
        if lines > MAX_CLASS_LINES:
            key = Key(self.path, "class-lines", name)
            yield Place(key, node.lineno, lines, f"{lines} lines, most {MAX_CLASS_LINES}")
        methods = sum(isinstance(each, Function) and not _is_overload(each) for each in node.body)
        if methods > MAX_METHODS:
            key = Key(self.path, "class-methods", name)
            yield Place(key, node.lineno, methods, f"{methods} methods, most {MAX_METHODS}")

    def _function(self, name: str, node: Function) -> Iterator[Place]:
        lines = _length(node)
        if lines > MAX_FUNCTION_LINES and not is_table(node):
            key = Key(self.path, "function-lines", name)
            yield Place(key, node.lineno, lines, f"{lines} lines, most {MAX_FUNCTION_LINES}")

    def docstrings(self) -> Iterator[Place]:
        """Yield docstrings, also of constants and fields, with a wrong beginning."""
        bodies: list[tuple[ast.AST, Sequence[ast.stmt]]] = [(self.tree, self.tree.body)]
        for _, node in self.statements:
            if isinstance(node, Function | ast.ClassDef):
                bodies.append((node, node.body))
        for owner, body in bodies:
            for line, text in _strings(owner, body):
                if HEADLESS.match(text):
                    yield _place(self.path, "headless", line, _opening(text))
            if isinstance(owner, Function) and _returns_bool(owner):
                said = ast.get_docstring(owner, clean=False)
                if said and "True if" not in said and not self.path.startswith(TESTS):
                    yield _place(self.path, "bool-docstring", owner.lineno, _opening(said))

    def comments(self) -> Iterator[Place]:
        """Yield `type: ignore` comments and uses of Any."""
        if TYPE_IGNORE.search(self.text):
            for number, line in enumerate(self.text.splitlines(), 1):
                if TYPE_IGNORE.search(line):
                    yield _place(self.path, "type-ignore", number, line.strip())
        if any(_imports_any(node) for _, node in self.statements):
            for node in ast.walk(self.tree):
                match node:
                    case ast.Name(id="Any") | ast.Attribute(attr="Any"):
                        yield _place(self.path, "any", node.lineno, "Any")

    def names(self) -> Iterator[tuple[int, str]]:
        """Yield the names that the file defines, with their lines."""
        for _, node in self.statements:
            match node:
                case ast.ClassDef(name=name):
                    yield node.lineno, name
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    yield node.lineno, name
                    for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                        yield each.lineno, each.arg
                case ast.Assign(targets=targets):
                    for target in targets:
                        yield from _targets(target)
                case ast.AnnAssign(target=target):
                    yield from _targets(target)


def is_table(node: Function) -> bool:
    """Return True if a long function only lists: few statements, none of them compound."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return len(body) <= MAX_TABLE_STATEMENTS and not any(isinstance(x, Compound) for x in body)


def _length(node: Function | ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _is_overload(node: ast.stmt) -> bool:
    decorators = node.decorator_list if isinstance(node, Function) else []
    return any(isinstance(each, ast.Name) and each.id == "overload" for each in decorators)


def _is_type_checking(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False


def _imports_any(node: ast.stmt) -> bool:
    match node:
        case ast.ImportFrom(module="typing", names=names):
            return any(alias.name == "Any" for alias in names)
        case ast.Import(names=names):
            return any(alias.name == "typing" for alias in names)
    return False


def _returns_bool(node: Function) -> bool:
    return isinstance(node.returns, ast.Name) and node.returns.id == "bool"


def _strings(owner: ast.AST, body: Sequence[ast.stmt]) -> Iterator[tuple[int, str]]:
    """Yield docstrings in a body: its own first, then those below assignments."""
    before: ast.AST | None = owner
    for node in body:
        if isinstance(before, ast.AST) and isinstance(node, ast.Expr):
            match node.value:
                case ast.Constant(value=str() as text):
                    yield node.lineno, text.lstrip()
        before = node if isinstance(node, ast.Assign | ast.AnnAssign) else None


def _opening(text: str) -> str:
    return repr(text.strip().splitlines()[0][:60]) if text.strip() else "''"


def _targets(target: ast.expr) -> Iterator[tuple[int, str]]:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield target.lineno, name
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _targets(part)


# --- imports between files ----------------------------------------------------


Imports = Sequence[ast.Import | ast.ImportFrom]


def cycles(modules: Mapping[str, Imports]) -> list[list[str]]:
    """Return the groups of files that import each other, sorted; `modules` by path."""
    known = {_dotted(path): path for path in modules}
    graph = {path: set(_edges(imports, known)) - {path} for path, imports in modules.items()}
    return sorted(sorted(group) for group in _components(graph) if len(group) > 1)


def _dotted(path: str) -> str:
    # Programs below `tests` and `examples` import their neighbours without that folder's name.
    parts = Path(path).with_suffix("").parts
    if parts[0] in {"tests", "examples"}:
        parts = parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _edges(imports: Imports, known: Mapping[str, str]) -> Iterator[str]:
    for node in imports:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif node.module and not node.level:
            names = []
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                names.append(submodule if submodule in known else node.module)
        else:
            continue
        yield from (known[name] for name in names if name in known)


def _components(graph: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """Yield the strongly connected components of a graph (Kosaraju)."""
    order: list[str] = []
    seen: set[str] = set()
    for start in graph:
        _postorder(graph, start, seen, order)
    backward: dict[str, set[str]] = {node: set() for node in graph}
    for node, following in graph.items():
        for each in following:
            backward[each].add(node)
    seen = set()
    for start in reversed(order):
        group: list[str] = []
        _postorder(backward, start, seen, group)
        yield group


def _postorder(graph: Mapping[str, set[str]], start: str, seen: set[str], order: list[str]) -> None:
    if start in seen:
        return
    seen.add(start)
    stack = [(start, iter(sorted(graph[start])))]
    while stack:
        node, following = stack[-1]
        for each in following:
            if each not in seen:
                seen.add(each)
                stack.append((each, iter(sorted(graph[each]))))
                break
        else:
            order.append(node)
            stack.pop()


# --- a whole tree -------------------------------------------------------------


def measure(home: Path, glossary: Glossary) -> list[Place]:
    """Return all breaches below a folder, in the order of files and lines."""
    found: list[Place] = []
    modules: dict[str, Imports] = {}
    for file in _files(home):
        path = file.relative_to(home).as_posix()
        text = file.read_text(encoding="utf-8")
        found.extend(glossary.places(path, glossary.without_exceptions(path, text)))
        if file.suffix != ".py":
            continue
        module = Module(path, text)
        modules[path] = module.imports
        found.extend((*module.sizes(), *module.docstrings(), *module.comments()))
        found.extend(glossary.in_names(path, module.names()))
    for group in cycles(modules):
        message = "imports in a circle: " + ", ".join(group)
        found.extend(Place(Key(path, "cycle"), 1, len(group), message) for path in group)
    return sorted(found)


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
# Untyped places that scripts/lint_shape.py allows, by file and rule. Only smaller numbers come in
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
