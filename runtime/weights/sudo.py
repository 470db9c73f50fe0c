"""Weights of Sudo. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SUDO: Final = 19_600_000
"""0 keys written."""
SUDO_UNCHECKED_WEIGHT: Final = 19_800_000
"""0 keys written."""
SET_KEY: Final = 77_200_000
"""1 key written."""
SUDO_AS: Final = 20_200_000
"""0 keys written."""
REMOVE_KEY: Final = 75_200_000
"""1 key written."""
