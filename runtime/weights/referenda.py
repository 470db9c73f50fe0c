"""Weights of Referenda. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 9668fb3e.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SUBMIT: Final = 470_000_000
"""6 keys written."""
PLACE_DECISION_DEPOSIT: Final = 1_060_000_000
"""10 keys written."""
REFUND_DECISION_DEPOSIT: Final = 223_000_000
"""3 keys written."""
REFUND_SUBMISSION_DEPOSIT: Final = 222_000_000
"""3 keys written."""
CANCEL: Final = 559_000_000
"""8 keys written."""
KILL: Final = 987_000_000
"""14 keys written."""
NUDGE_REFERENDUM: Final = 692_000_000
"""5 keys written."""
ONE_FEWER_DECIDING: Final = 1_250_000_000
"""5 keys written."""
SET_METADATA: Final = 98_900_000
"""1 key written."""
