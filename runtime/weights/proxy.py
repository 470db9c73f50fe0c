"""Weights of Proxy. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def proxy(proxies: int) -> int:
    """0 keys written.

    `proxies` 1 to 32.
    """
    return 21_200_000 + 1_450_000 * proxies


ADD_PROXY: Final = 447_000_000
"""3 keys written."""
REMOVE_PROXY: Final = 413_000_000
"""3 keys written."""
REMOVE_PROXIES: Final = 422_000_000
"""3 keys written."""
CREATE_PURE: Final = 341_000_000
"""3 keys written."""
KILL_PURE: Final = 605_000_000
"""5 keys written."""
ANNOUNCE: Final = 456_000_000
"""3 keys written."""
REMOVE_ANNOUNCEMENT: Final = 396_000_000
"""3 keys written."""
REJECT_ANNOUNCEMENT: Final = 398_000_000
"""3 keys written."""


def proxy_announced(proxies: int, pending: int) -> int:
    """3 keys written.

    `proxies` 1 to 32, `pending` 1 to 32.
    """
    return 355_000_000 + 1_420_000 * proxies + 3_230_000 * pending


POKE_DEPOSIT: Final = 593_000_000
"""4 keys written."""
