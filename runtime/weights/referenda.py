"""Weights of Referenda. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SUBMIT: Final = 666_000_000
"""6 keys written."""
PLACE_DECISION_DEPOSIT: Final = 1_650_000_000
"""10 keys written."""
REFUND_DECISION_DEPOSIT: Final = 333_000_000
"""3 keys written."""
REFUND_SUBMISSION_DEPOSIT: Final = 333_000_000
"""3 keys written."""
CANCEL: Final = 877_000_000
"""8 keys written."""
KILL: Final = 1_550_000_000
"""14 keys written."""
NUDGE_REFERENDUM: Final = 1_040_000_000
"""5 keys written."""
ONE_FEWER_DECIDING: Final = 1_130_000_000
"""5 keys written."""
SET_METADATA: Final = 124_000_000
"""1 key written."""
