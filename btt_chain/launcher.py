"""The console script `btt-chain`: runs the command line with our own packages only.

Our top-level packages have common names (`cli`, `storage`, ...). A folder of the user's on
PYTHONPATH, the current folder under `python -m`, or another project's editable install may have
packages of the same names in front of ours. So those names are looked up in one place only: the
folder that this file is installed in.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from btt_chain.packages import HOME, PACKAGES


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
    # Typed as Any: importlib's protocol differs between the versions of Python's stubs.
    finder: Any = PackageFinder(HOME)
    sys.meta_path.insert(0, finder)
    from cli.main import main as run  # noqa: PLC0415 - after the finder, so that it is ours

    run()
