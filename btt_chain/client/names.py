"""Hints for wrong names, and names that stand for accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar

Names = Callable[[str], bytes | None]
"""Returns the account of a name, None if there is none."""

_NAMES: ContextVar[Names | None] = ContextVar("names of accounts", default=None)


def use_names(names: Names | None) -> None:
    """Let accounts be given by names as well, as those of a wallet; None: by addresses only.

    Holds for the caller's context, and for tasks that are started in it.
    """
    _NAMES.set(names)


def names_in_use() -> Names | None:
    """Return the lookup of names, None if there is none."""
    return _NAMES.get()


def similar(name: str, names: Sequence[str]) -> str:
    """Return a hint for an unknown `name`: similar names, or all that are known."""
    near = similar_names(name, names)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(names)}"


def similar_names(name: str, names: Sequence[str]) -> list[str]:
    """Return up to three known names that are similar to `name`."""
    from difflib import get_close_matches  # noqa: PLC0415 - only after a mistake

    return get_close_matches(name, names, n=3, cutoff=0.5)
