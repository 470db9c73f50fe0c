"""Weights of Identity. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

ADD_REGISTRAR: Final = 119_000_000
"""1 key written."""
SET_IDENTITY: Final = 326_000_000
"""3 keys written."""


def set_subs(old: int, subs: int) -> int:
    """302 keys written.

    `old` 0 to 100, `subs` 0 to 100.
    """
    return 161_000_000 + 129_000_000 * old + 69_000_000 * subs


def clear_identity(subs: int) -> int:
    """204 keys written.

    `subs` 0 to 100.
    """
    return 363_000_000 + 128_000_000 * subs


def kill_identity(subs: int) -> int:
    """205 keys written.

    `subs` 0 to 100.
    """
    return 437_000_000 + 128_000_000 * subs


REQUEST_JUDGEMENT: Final = 278_000_000
"""3 keys written."""
CANCEL_REQUEST: Final = 269_000_000
"""3 keys written."""
SET_FEE: Final = 120_000_000
"""1 key written."""
SET_ACCOUNT_ID: Final = 118_000_000
"""1 key written."""
SET_FIELDS: Final = 152_000_000
"""1 key written."""
PROVIDE_JUDGEMENT: Final = 374_000_000
"""4 keys written."""
ADD_SUB: Final = 376_000_000
"""4 keys written."""
RENAME_SUB: Final = 82_700_000
"""1 key written."""
REMOVE_SUB: Final = 406_000_000
"""5 keys written."""
QUIT_SUB: Final = 455_000_000
"""5 keys written."""
AGREE_SUB: Final = 78_400_000
"""1 key written."""
