"""Weights of Sudo. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SUDO: Final = 18_200_000
"""0 keys written."""
SUDO_UNCHECKED_WEIGHT: Final = 21_900_000
"""0 keys written."""
SET_KEY: Final = 109_000_000
"""1 key written."""
SUDO_AS: Final = 18_500_000
"""0 keys written."""
REMOVE_KEY: Final = 106_000_000
"""1 key written."""
