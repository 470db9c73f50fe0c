"""Weights of Identity. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

ADD_REGISTRAR: Final = 175_000_000
"""1 key written."""
SET_IDENTITY: Final = 492_000_000
"""3 keys written."""


def set_subs(old: int, subs: int) -> int:
    """302 keys written.

    `old` 0 to 100, `subs` 0 to 100.
    """
    return 259_000_000 + 209_000_000 * old + 115_000_000 * subs


def clear_identity(subs: int) -> int:
    """204 keys written.

    `subs` 0 to 100.
    """
    return 535_000_000 + 208_000_000 * subs


def kill_identity(subs: int) -> int:
    """205 keys written.

    `subs` 0 to 100.
    """
    return 639_000_000 + 206_000_000 * subs


REQUEST_JUDGEMENT: Final = 415_000_000
"""3 keys written."""
CANCEL_REQUEST: Final = 394_000_000
"""3 keys written."""
SET_FEE: Final = 169_000_000
"""1 key written."""
SET_ACCOUNT_ID: Final = 169_000_000
"""1 key written."""
SET_FIELDS: Final = 173_000_000
"""1 key written."""
PROVIDE_JUDGEMENT: Final = 557_000_000
"""4 keys written."""
ADD_SUB: Final = 579_000_000
"""4 keys written."""
RENAME_SUB: Final = 126_000_000
"""1 key written."""
REMOVE_SUB: Final = 667_000_000
"""5 keys written."""
QUIT_SUB: Final = 665_000_000
"""5 keys written."""
AGREE_SUB: Final = 120_000_000
"""1 key written."""
