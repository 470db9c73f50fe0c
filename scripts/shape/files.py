"""The rules of scripts/lint_shape.py that concern one file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from scripts.shape.places import Key, Place, place_at

TESTS = "tests/"
PRODUCT = ("btt_chain/", "cli/", "genesis/", "p2p/", "runtime/", "storage/")

MAX_FILE_LINES = 600
MAX_TEST_FILE_LINES = 800
MAX_FUNCTION_LINES = 60
MAX_TABLE_STATEMENTS = 5
MAX_CONSTRUCTOR_PARAMETERS = 6

HEADLESS = re.compile(
    r"(What|Who|Whose|How|Whether|Where|Which|That)\b"
    r"|(Return|Yield|Read|Store|Keep|Send|Report) (what|who)\b"
)
TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore")

# Decorators that do not give a forwarding method a purpose.
PLAIN = frozenset({"override", "property"})

Function = ast.FunctionDef | ast.AsyncFunctionDef
Import = ast.Import | ast.ImportFrom
Compound = (
    ast.For | ast.AsyncFor | ast.While | ast.If | ast.With | ast.AsyncWith | ast.Try
    | ast.Match | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
)  # fmt: skip


class Module:
    """A file's tree, parsed once: statements, each with the qualified name of its scope."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.tree = ast.parse(text, path)
        self.statements: list[tuple[str, ast.stmt]] = []
        self.imports: list[Import] = []
        self.type_imports: list[Import] = []
        self.function_imports: list[Import] = []
        self._collect("", self.tree.body, self.imports)

    def _collect(
        self, scope: str, body: Sequence[ast.stmt], imports: list[Import], *, called: bool = False
    ) -> None:
        """Collect statements; an import goes to `imports`, and is noted if a call executes it."""
        for node in body:
            self.statements.append((scope, node))
            if isinstance(node, Import):
                imports.append(node)
                if called:
                    self.function_imports.append(node)
                continue
            if not isinstance(node, Compound):
                continue
            inner, calls = scope, called
            if isinstance(node, Function | ast.ClassDef):
                inner = f"{scope}.{node.name}" if scope else node.name
                calls = called or isinstance(node, Function)
            checked = isinstance(node, ast.If) and _is_type_checking(node.test)
            first = self.type_imports if checked else imports
            self._collect(inner, getattr(node, "body", ()), first, called=calls)
            for part in ("orelse", "finalbody"):
                self._collect(inner, getattr(node, part, ()), imports, called=calls)
            for part in ("handlers", "cases"):
                for branch in getattr(node, part, ()):
                    self._collect(inner, branch.body, imports, called=calls)

    def sizes(self) -> Iterator[Place]:
        """Yield the file and the functions that are too large."""
        limit = MAX_TEST_FILE_LINES if self.path.startswith(TESTS) else MAX_FILE_LINES
        lines = len(self.text.splitlines())
        if lines > limit:
            yield Place(Key(self.path, "file-lines"), 1, lines, f"{lines} lines, most {limit}")
        for scope, node in self.statements:
            if isinstance(node, Function):
                yield from self._function(f"{scope}.{node.name}".lstrip("."), node)

    def _function(self, name: str, node: Function) -> Iterator[Place]:
        lines = _length(node)
        if lines > MAX_FUNCTION_LINES and not is_table(node):
            key = Key(self.path, "function-lines", name)
            yield Place(key, node.lineno, lines, f"{lines} lines, most {MAX_FUNCTION_LINES}")

    def layers(self) -> Iterator[Place]:
        """Yield long constructors, methods that only forward, and imports that calls execute."""
        if not self.path.startswith(PRODUCT):
            return
        for scope, node in self.statements:
            if not isinstance(node, ast.ClassDef):
                continue
            for method in node.body:
                if not isinstance(method, Function):
                    continue
                name = f"{scope}.{node.name}.{method.name}".lstrip(".")
                number = len(_parameters(method)) - 1
                if method.name == "__init__" and number > MAX_CONSTRUCTOR_PARAMETERS:
                    message = f"{name}: {number} parameters, most {MAX_CONSTRUCTOR_PARAMETERS}"
                    yield place_at(self.path, "constructor-parameters", method.lineno, message)
                if forwards(method):
                    yield place_at(self.path, "forwarder", method.lineno, name)
        for statement in self.function_imports:
            message = ast.unparse(statement)
            yield place_at(self.path, "function-import", statement.lineno, message)

    def docstrings(self) -> Iterator[Place]:
        """Yield docstrings, also of constants and fields, with a wrong beginning."""
        bodies: list[tuple[ast.AST, Sequence[ast.stmt]]] = [(self.tree, self.tree.body)]
        for _, node in self.statements:
            if isinstance(node, Function | ast.ClassDef):
                bodies.append((node, node.body))
        for owner, body in bodies:
            for line, text in _strings(owner, body):
                if HEADLESS.match(text):
                    yield place_at(self.path, "headless", line, _opening(text))
            if isinstance(owner, Function) and _returns_bool(owner):
                said = ast.get_docstring(owner, clean=False)
                if said and "True if" not in said and not self.path.startswith(TESTS):
                    yield place_at(self.path, "bool-docstring", owner.lineno, _opening(said))

    def comments(self) -> Iterator[Place]:
        """Yield `type: ignore` comments and uses of Any."""
        if TYPE_IGNORE.search(self.text):
            for number, line in enumerate(self.text.splitlines(), 1):
                if TYPE_IGNORE.search(line):
                    yield place_at(self.path, "type-ignore", number, line.strip())
        if any(_imports_any(node) for _, node in self.statements):
            for node in ast.walk(self.tree):
                match node:
                    case ast.Name(id="Any") | ast.Attribute(attr="Any"):
                        yield place_at(self.path, "any", node.lineno, "Any")

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


def forwards(method: Function) -> bool:
    """Return True if a method only passes its arguments to a method of one attribute.

    Names of a language protocol, and decorated methods that are not properties, have a purpose of
    their own: the name, or the registration.
    """
    plain = all(isinstance(x, ast.Name) and x.id in PLAIN for x in method.decorator_list)
    if not plain or method.name.startswith("__"):
        return False
    body = method.body[1:] if ast.get_docstring(method, clean=False) is not None else method.body
    match body:
        case [ast.Return(value=value) | ast.Expr(value=value)]:
            return _is_passed_on(_parameters(method), value)
    return False


def _is_passed_on(parameters: Sequence[str], value: ast.expr | None) -> bool:
    value = value.value if isinstance(value, ast.Await) else value
    match value:
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=owner))),
            args=arguments,
            keywords=keywords,
        ):
            passed = [owner, *map(ast.unparse, arguments)]
            named = sorted(ast.unparse(keyword.value) for keyword in keywords)
            count = len(passed)
            return passed == parameters[:count] and named == sorted(parameters[count:])
    return False


def _parameters(method: Function) -> list[str]:
    """Return the names of the parameters, `*` before that of the further positional ones."""
    arguments = method.args
    names = [parameter.arg for parameter in (*arguments.posonlyargs, *arguments.args)]
    names += [f"*{arguments.vararg.arg}"] if arguments.vararg else []
    names += [parameter.arg for parameter in arguments.kwonlyargs]
    return names + ([arguments.kwarg.arg] if arguments.kwarg else [])


def _length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


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
