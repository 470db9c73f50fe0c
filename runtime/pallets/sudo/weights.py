"""Weights of Sudo. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-25; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SUDO: Final = 11_400_000
"""0 keys written."""
SUDO_UNCHECKED_WEIGHT: Final = 12_000_000
"""0 keys written."""
SET_KEY: Final = 68_400_000
"""1 key written."""
SUDO_AS: Final = 74_500_000
"""1 key written."""
REMOVE_KEY: Final = 65_400_000
"""1 key written."""
