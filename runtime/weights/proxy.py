"""Weights of Proxy. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def proxy(proxies: int) -> int:
    """0 keys written.

    `proxies` 1 to 32.
    """
    return 38_300_000 + 1_420_000 * proxies


ADD_PROXY: Final = 579_000_000
"""3 keys written."""
REMOVE_PROXY: Final = 515_000_000
"""3 keys written."""
REMOVE_PROXIES: Final = 543_000_000
"""3 keys written."""
CREATE_PURE: Final = 423_000_000
"""3 keys written."""
KILL_PURE: Final = 676_000_000
"""5 keys written."""
ANNOUNCE: Final = 503_000_000
"""3 keys written."""
REMOVE_ANNOUNCEMENT: Final = 507_000_000
"""3 keys written."""
REJECT_ANNOUNCEMENT: Final = 495_000_000
"""3 keys written."""


def proxy_announced(proxies: int, pending: int) -> int:
    """3 keys written.

    `proxies` 1 to 32, `pending` 1 to 32.
    """
    return 409_000_000 + 3_220_000 * proxies + 5_390_000 * pending


POKE_DEPOSIT: Final = 748_000_000
"""4 keys written."""
