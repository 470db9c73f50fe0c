"""The description of a codec's type, from which metadata is made.

A `Shape` names the type and describes it by one node; nodes hold the codecs of their parts. Nodes
are created at first use: an unused description costs nothing, and a type may contain itself through
a `RecursiveCodec`.
Source: scale-info's portable registry (path, parameters, definition, docs).
"""

from __future__ import annotations

import ast
import inspect
import sys
import tokenize
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from btt_chain.lazyclass import dataclass

if TYPE_CHECKING:
    from btt_chain.scale.base import AnyCodec

Docs: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Primitive:
    """`bool`, `str`, `u8` ... `i256`."""

    name: str


@dataclass(frozen=True, slots=True)
class CompactOf:
    """A compact integer of the inner type."""

    inner: AnyCodec


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of any length."""

    item: AnyCodec


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """A list of fixed length."""

    size: int
    item: AnyCodec


@dataclass(frozen=True, slots=True)
class TupleOf:
    """Parts in a row, without names; the empty one is the unit type."""

    parts: tuple[AnyCodec, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct or of a variant; `type_name` is for readers only."""

    name: str | None
    codec: AnyCodec
    type_name: str | None = None
    docs: Docs = ()


@dataclass(frozen=True, slots=True)
class Composite:
    """A struct: fields in sequence, all of them with names or all without."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class VariantShape:
    """One alternative of an enum; `index` is its first byte on the wire."""

    name: str
    index: int
    fields: tuple[Field, ...] = ()
    docs: Docs = ()


@dataclass(frozen=True, slots=True)
class VariantOf:
    """An enum: one of these alternatives."""

    variants: tuple[VariantShape, ...]


@dataclass(frozen=True, slots=True)
class Bits:
    """A bit sequence: words of type `store`, filled in the order of `order`."""

    store: AnyCodec
    order: AnyCodec


Definition: TypeAlias = (
    Primitive | CompactOf | Sequence | ArrayOf | TupleOf | Composite | VariantOf | Bits
)


class Shape:
    """The description of one type: its path, its parameters, its definition."""

    __slots__ = ("_describe", "_node", "docs", "params", "path")

    def __init__(
        self,
        describe: Callable[[], Definition],
        *,
        path: str = "",
        params: tuple[tuple[str, AnyCodec | None], ...] = (),
        docs: Docs = (),
    ) -> None:
        self._describe = describe
        self._node: Definition | None = None
        self.path = path
        self.params = params
        self.docs = docs

    @property
    def node(self) -> Definition:
        """The definition, created at first use."""
        if self._node is None:
            self._node = self._describe()
        return self._node


def class_docs(kind: type) -> Docs:
    """Return the first paragraph of the class's own docstring, line by line."""
    text = kind.__dict__.get("__doc__")
    # A dataclass without a docstring has its signature as one, which is of no use to a reader.
    if not text or text.startswith(f"{kind.__name__}("):
        return ()
    return _paragraph(text)


def attribute_docs(kind: type) -> dict[str, Docs]:
    """Return the docstrings of attributes in the source of `kind`, by attribute name.

    Reads the module's source, once: for building metadata only. A class without source (made by a
    program) has none.
    """
    is_local = "<locals>" in kind.__qualname__
    return _module_docs(kind.__module__, with_functions=is_local).get(kind.__qualname__, {})


def load_attribute_docs(module: str) -> None:
    """Read the docstrings of a module's attributes, so that metadata is built faster."""
    _module_docs(module, with_functions=False)


@cache
def _module_docs(name: str, *, with_functions: bool) -> dict[str, dict[str, Docs]]:
    """Return the attribute docstrings of every class of a module, by the class's qualified name."""
    try:
        source = _source(sys.modules[name])
    except (KeyError, OSError, TypeError):
        return {}
    found: dict[str, dict[str, Docs]] = {}
    tree = ast.parse(source) if with_functions else _outline(source)
    _collect(tree.body, "", found)
    return found


def _source(module: ModuleType) -> str:
    """Return a module's source. `inspect` would keep the lines of every module in memory."""
    path = inspect.getsourcefile(module)
    if path is None or not Path(path).is_file():
        return inspect.getsource(module)
    with tokenize.open(path) as file:
        return file.read()


def _outline(source: str) -> ast.Module:
    """Parse a module's source without the bodies of its functions, if possible."""
    try:
        return ast.parse(without_functions(source))
    except SyntaxError:
        # A string in a function has lines with less indentation than the function.
        return ast.parse(source)


def without_functions(source: str) -> str:
    """Return a module's source without function bodies, which take most of the parsing time.

    Cuts by indentation, without a tokenizer. Definitions within a function are lost, too.
    """
    kept: list[str] = []
    depth: int | None = None
    for line in source.splitlines():
        text = line.lstrip()
        indent = len(line) - len(text)
        if depth is not None:
            if not text or indent > depth or text[0] == ")":
                continue
            depth = None
        if text.startswith(("def ", "async def ")):
            depth = indent
            kept.append(f"{' ' * indent}def _(): pass")
        else:
            kept.append(line)
    return "\n".join(kept)


def _collect(body: Iterable[ast.AST], prefix: str, found: dict[str, dict[str, Docs]]) -> None:
    """Search statements, not their expressions: no class is defined in one."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            docs = _class_body_docs(statement)
            if docs:
                found[prefix + statement.name] = docs
            _collect(statement.body, f"{prefix}{statement.name}.", found)
        elif isinstance(statement, ast.FunctionDef):
            _collect(statement.body, f"{prefix}{statement.name}.<locals>.", found)
        elif isinstance(statement, ast.If | ast.Try | ast.With):
            _collect(ast.iter_child_nodes(statement), prefix, found)


def _class_body_docs(body: ast.ClassDef) -> dict[str, Docs]:
    found: dict[str, Docs] = {}
    for before, here in pairwise(body.body):
        target = _target(before)
        if (
            isinstance(target, ast.Name)
            and isinstance(here, ast.Expr)
            and isinstance(here.value, ast.Constant)
            and isinstance(here.value.value, str)
        ):
            found[target.id] = _paragraph(here.value.value)
    return found


def _target(statement: ast.stmt) -> ast.expr | None:
    if isinstance(statement, ast.AnnAssign):
        return statement.target
    if isinstance(statement, ast.Assign):
        return statement.targets[0]
    return None


def _paragraph(text: str) -> Docs:
    return tuple(inspect.cleandoc(text).split("\n\n", maxsplit=1)[0].splitlines())
