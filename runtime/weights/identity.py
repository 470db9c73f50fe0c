"""Weights of Identity. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 8f828b1b.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

ADD_REGISTRAR: Final = 134_000_000
"""1 key written."""
SET_IDENTITY: Final = 291_000_000
"""3 keys written."""


def set_subs(old: int, subs: int) -> int:
    """302 keys written.

    `old` 0 to 100, `subs` 0 to 100.
    """
    return 165_000_000 + 126_000_000 * old + 66_100_000 * subs


def clear_identity(subs: int) -> int:
    """204 keys written.

    `subs` 0 to 100.
    """
    return 362_000_000 + 122_000_000 * subs


def kill_identity(subs: int) -> int:
    """205 keys written.

    `subs` 0 to 100.
    """
    return 467_000_000 + 122_000_000 * subs


REQUEST_JUDGEMENT: Final = 285_000_000
"""3 keys written."""
CANCEL_REQUEST: Final = 351_000_000
"""3 keys written."""
SET_FEE: Final = 178_000_000
"""1 key written."""
SET_ACCOUNT_ID: Final = 165_000_000
"""1 key written."""
SET_FIELDS: Final = 165_000_000
"""1 key written."""
PROVIDE_JUDGEMENT: Final = 408_000_000
"""4 keys written."""
ADD_SUB: Final = 411_000_000
"""4 keys written."""
RENAME_SUB: Final = 85_000_000
"""1 key written."""
REMOVE_SUB: Final = 463_000_000
"""5 keys written."""
QUIT_SUB: Final = 462_000_000
"""5 keys written."""
AGREE_SUB: Final = 79_000_000
"""1 key written."""
