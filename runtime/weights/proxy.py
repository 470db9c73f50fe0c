"""Weights of Proxy. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def proxy(proxies: int) -> int:
    """0 keys written.

    `proxies` 1 to 32.
    """
    return 13_500_000 + 765_000 * proxies


ADD_PROXY: Final = 289_000_000
"""3 keys written."""
REMOVE_PROXY: Final = 272_000_000
"""3 keys written."""
REMOVE_PROXIES: Final = 277_000_000
"""3 keys written."""
CREATE_PURE: Final = 226_000_000
"""3 keys written."""
KILL_PURE: Final = 391_000_000
"""5 keys written."""
ANNOUNCE: Final = 289_000_000
"""3 keys written."""
REMOVE_ANNOUNCEMENT: Final = 258_000_000
"""3 keys written."""
REJECT_ANNOUNCEMENT: Final = 258_000_000
"""3 keys written."""


def proxy_announced(proxies: int, pending: int) -> int:
    """3 keys written.

    `proxies` 1 to 32, `pending` 1 to 32.
    """
    return 282_000_000 + 1_950_000 * proxies + 2_890_000 * pending


POKE_DEPOSIT: Final = 456_000_000
"""4 keys written."""
