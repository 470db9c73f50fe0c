"""A quick look at what installed packages declare.

`importlib.metadata` parses the declarations of all packages: with its import, a fiftieth of a
node's start. Nearly every node has no package that declares a runtime, which a search of the files
shows in a tenth of the time.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

FOLDERS: Final = (".dist-info", "egg-info")
"""Endings of the names of folders with metadata, in lower case."""
ENTRY_POINTS: Final = "entry_points.txt"


def may_declare(group: str) -> bool:
    """Return True if an installed package may have entry points of `group`.

    False is certain. Where packages are in archives, or found in another way than in folders, they
    may have some.
    """
    others = [finder for finder in sys.meta_path if finder is not PathFinder]
    if any(hasattr(finder, "find_distributions") for finder in others):
        return True
    return any(_is_declared(place, f"[{group}]".encode()) for place in sys.path)


def _is_declared(place: str, header: bytes) -> bool:
    """Return True if a package in this entry of the path may have a section with this header."""
    try:
        with os.scandir(place or ".") as entries:
            folders = [each.path for each in entries if each.name.lower().endswith(FOLDERS)]
    except NotADirectoryError:
        return True
    except OSError:
        return False  # nothing can be imported from there either
    return any(_has(Path(folder, ENTRY_POINTS), header) for folder in folders)


def _has(file: Path, header: bytes) -> bool:
    try:
        return header in file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return False  # an .egg-info of old packages is a file, and declares nothing
    except OSError:
        return True
