"""Weights of Proxy. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 50de7bc0.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def proxy(proxies: int) -> int:
    """0 keys written.

    `proxies` 1 to 32.
    """
    return 32_900_000 + 1_600_000 * proxies


ADD_PROXY: Final = 375_000_000
"""3 keys written."""
REMOVE_PROXY: Final = 367_000_000
"""3 keys written."""
REMOVE_PROXIES: Final = 368_000_000
"""3 keys written."""
CREATE_PURE: Final = 255_000_000
"""3 keys written."""
KILL_PURE: Final = 459_000_000
"""5 keys written."""
ANNOUNCE: Final = 370_000_000
"""3 keys written."""
REMOVE_ANNOUNCEMENT: Final = 303_000_000
"""3 keys written."""
REJECT_ANNOUNCEMENT: Final = 301_000_000
"""3 keys written."""


def proxy_announced(proxies: int, pending: int) -> int:
    """3 keys written.

    `proxies` 1 to 32, `pending` 1 to 32.
    """
    return 263_000_000 + 1_640_000 * proxies + 3_580_000 * pending


POKE_DEPOSIT: Final = 474_000_000
"""4 keys written."""
