"""Hints for wrong names."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


def similar(name: str, known: Sequence[str]) -> str:
    """Return a hint for an unknown `name`: similar names, or all that are known."""
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
