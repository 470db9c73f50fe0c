"""Weights of Proxy. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-25; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def proxy(proxies: int) -> int:
    """1 key written.

    `proxies` 1 to 32.
    """
    return 84_600_000 + 1_530_000 * proxies


ADD_PROXY: Final = 279_000_000
"""2 keys written."""
REMOVE_PROXY: Final = 256_000_000
"""2 keys written."""
REMOVE_PROXIES: Final = 266_000_000
"""2 keys written."""
CREATE_PURE: Final = 173_000_000
"""2 keys written."""
KILL_PURE: Final = 363_000_000
"""4 keys written."""
ANNOUNCE: Final = 228_000_000
"""2 keys written."""
REMOVE_ANNOUNCEMENT: Final = 194_000_000
"""2 keys written."""
REJECT_ANNOUNCEMENT: Final = 253_000_000
"""3 keys written."""


def proxy_announced(proxies: int, pending: int) -> int:
    """4 keys written.

    `proxies` 1 to 32, `pending` 1 to 32.
    """
    return 283_000_000 + 864_000 * proxies + 2_040_000 * pending


POKE_DEPOSIT: Final = 320_000_000
"""3 keys written."""
