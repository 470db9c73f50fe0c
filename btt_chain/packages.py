"""Our packages: where they are, and their names.

In a checkout six packages lie side by side. What is installed has one, `btt_chain`, with the other
five inside it: scripts/wheel.py moves them, and rewrites their names in this file, too. A name such
as `btt_chain.runtime` works in both: `Aliases` finds the module of a checkout by it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Final

PACKAGES: Final = ("btt_chain", "runtime", "p2p", "storage", "cli", "genesis")
"""The packages by the names that they are imported by."""

HOME: Final = Path(__file__).resolve().parents[1]
"""The folder that they are in."""

_TOP: Final = PACKAGES[0]
_IMPORTED: Final = {name.rpartition(".")[2]: name for name in PACKAGES[1:]}


def imported_name(name: str) -> str:
    """Return the name of a module in `sys.modules`: `p2p.sync` and `btt_chain.p2p.sync` are one."""
    package, dot, rest = name.removeprefix(f"{_TOP}.").partition(".")
    return f"{_IMPORTED[package]}{dot}{rest}" if package in _IMPORTED else name


class Alias(SourceFileLoader):
    """Loads a module of a checkout for its installed name."""

    def exec_module(self, module: ModuleType) -> None:
        """Replace the new module by the one of the checkout."""
        if not isinstance(sys.meta_path[0], Aliases):
            # Before files are searched: `runtime/frame` would be found there, as another module.
            sys.meta_path.insert(0, Aliases())
        sys.modules[module.__name__] = import_module(imported_name(module.__name__))


class Aliases:
    """Finds a module of a checkout by its installed name. Both names are one module."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how `btt_chain.runtime.frame` is imported, which is as `runtime.frame`."""
        del path, target
        top, _, rest = name.partition(".")
        if top != _TOP or rest.partition(".")[0] not in _IMPORTED:
            return None
        return ModuleSpec(name, Alias(name, __file__), is_package=True)


def find_aliases() -> None:
    """Make the installed names work in a checkout."""
    if "." not in PACKAGES[-1]:
        # The last, until a name is used: each import asks all that stand before it.
        sys.meta_path.append(Aliases())
