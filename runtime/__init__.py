"""The runtime: pallets, and the table that builds a chain from them (`runtime/table.py`).

`BttRuntime` and `VERSION` are imported with their table on first use, because the import of one
pallet's types must not import all pallets.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.table import VERSION, BttRuntime

__all__ = ["VERSION", "BttRuntime"]


def __getattr__(name: str) -> object:
    """Return `BttRuntime` or `VERSION`; AttributeError for other names."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.table"), name)
