"""Memory that goes back to the system after load.

The C library keeps what a process has freed for later allocations: after a flood of large
requests, or thousands of connections, hundreds of MiB would stay with a server that needs none.
Other C libraries than that of GNU have neither function, and return memory by themselves.
"""

from __future__ import annotations

from typing import Final

AT_ONCE: Final = 8 << 20
"""Bytes that were freed before memory is returned: less is not worth the time."""
LARGE: Final = 128 << 10
"""Bytes of an allocation that is returned as soon as it is freed."""
_M_MMAP_THRESHOLD: Final = -3


class Released:
    """Counts what was freed, and returns memory once that is much."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._freed = 0

    def add(self, size: int) -> None:
        """Count bytes that were freed."""
        self._freed += size

    def sweep(self) -> None:
        """Return free memory to the system if enough was freed since the last time."""
        if self._freed >= self._at_once:
            self._freed = 0
            return_free_memory()


def return_free_memory() -> None:
    """Return all free memory to the system: after work that is done once, or seldom."""
    _call("malloc_trim", 0)


def return_large_blocks() -> None:
    """Have each large block returned to the system when it is freed, in the whole process.

    The C library would raise the limit with each one that is freed, and keep the blocks below it.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, LARGE)


def _call(name: str, *arguments: int) -> None:
    import ctypes  # noqa: PLC0415 - programs that never need it start faster

    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
