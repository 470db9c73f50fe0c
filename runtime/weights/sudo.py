"""Weights of Sudo. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SUDO: Final = 27_200_000
"""0 keys written."""
SUDO_UNCHECKED_WEIGHT: Final = 25_200_000
"""0 keys written."""
SET_KEY: Final = 134_000_000
"""1 key written."""
SUDO_AS: Final = 30_800_000
"""0 keys written."""
REMOVE_KEY: Final = 130_000_000
"""1 key written."""
