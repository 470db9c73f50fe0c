"""The console script `btt-chain`: runs the command line with our own packages only.

In a checkout our top-level packages have common names (`cli`, `storage`, ...). A folder of the
user's on PYTHONPATH, the current folder under `python -m`, or another project's editable install
may have packages of the same names in front of ours. So those names are looked up in one place
only: the checkout. What is installed has only `btt_chain` at the top.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from btt_chain.packages import HOME, PACKAGES

OLDEST: Final = (3, 11)
NEWEST: Final = (3, 13)


def unsupported(version: tuple[int, int], machine: str) -> str | None:
    """Return an error message if the program cannot run on this Python."""
    if not OLDEST <= version <= NEWEST:
        return (
            f"btt-chain runs on Python {_dotted(OLDEST)} to {_dotted(NEWEST)}, and "
            f"{sys.executable} is {_dotted(version)}"
        )
    # Neither binding of LevelDB has a wheel there; one that was compiled by hand is used.
    if version == OLDEST and machine != "x86_64" and find_spec("plyvel") is None:
        return f"btt-chain runs on Python 3.12 or 3.13 on {machine}, and {sys.executable} is 3.11"
    return None


class PackageFinder:
    """Finds our top-level packages in `home`, before `sys.path` is searched."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the location of one of our packages; None for any other module."""
        if path is not None or name not in PACKAGES:
            return None
        return PathFinder.find_spec(name, [str(self.home)], target)


def main() -> None:
    """Run the command line."""
    trouble = unsupported(sys.version_info[:2], os.uname().machine)
    if trouble is not None:
        sys.exit(f"error: {trouble}")
    # Typed as Any: importlib's protocol differs between the versions of Python's stubs.
    finder: Any = PackageFinder(HOME)
    sys.meta_path.insert(0, finder)
    from cli.main import main as run  # noqa: PLC0415 - after the finder, so that it is ours

    run()


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
