"""Weights of Referenda. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

SUBMIT: Final = 460_000_000
"""6 keys written."""
PLACE_DECISION_DEPOSIT: Final = 1_190_000_000
"""10 keys written."""
REFUND_DECISION_DEPOSIT: Final = 230_000_000
"""3 keys written."""
REFUND_SUBMISSION_DEPOSIT: Final = 230_000_000
"""3 keys written."""
CANCEL: Final = 591_000_000
"""8 keys written."""
KILL: Final = 1_050_000_000
"""14 keys written."""
NUDGE_REFERENDUM: Final = 823_000_000
"""5 keys written."""
ONE_FEWER_DECIDING: Final = 904_000_000
"""5 keys written."""
SET_METADATA: Final = 88_400_000
"""1 key written."""
