"""Weights of Identity. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

ADD_REGISTRAR: Final = 159_000_000
"""1 key written."""
SET_IDENTITY: Final = 419_000_000
"""3 keys written."""


def set_subs(old: int, subs: int) -> int:
    """302 keys written.

    `old` 0 to 100, `subs` 0 to 100.
    """
    return 228_000_000 + 194_000_000 * old + 105_000_000 * subs


def clear_identity(subs: int) -> int:
    """204 keys written.

    `subs` 0 to 100.
    """
    return 483_000_000 + 193_000_000 * subs


def kill_identity(subs: int) -> int:
    """205 keys written.

    `subs` 0 to 100.
    """
    return 589_000_000 + 193_000_000 * subs


REQUEST_JUDGEMENT: Final = 421_000_000
"""3 keys written."""
CANCEL_REQUEST: Final = 408_000_000
"""3 keys written."""
SET_FEE: Final = 179_000_000
"""1 key written."""
SET_ACCOUNT_ID: Final = 192_000_000
"""1 key written."""
SET_FIELDS: Final = 176_000_000
"""1 key written."""
PROVIDE_JUDGEMENT: Final = 578_000_000
"""4 keys written."""
ADD_SUB: Final = 519_000_000
"""4 keys written."""
RENAME_SUB: Final = 118_000_000
"""1 key written."""
REMOVE_SUB: Final = 607_000_000
"""5 keys written."""
QUIT_SUB: Final = 602_000_000
"""5 keys written."""
AGREE_SUB: Final = 111_000_000
"""1 key written."""
