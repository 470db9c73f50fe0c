"""Weights of a block, around its calls. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

BASE_BLOCK: Final = 4_520_000_000
"""Opening and closing a block, with its inherent."""
BASE_EXTRINSIC: Final = 263_000_000
"""A signed extrinsic before its call: decoding, signature, nonce, fee."""
EXTRINSIC_BYTE: Final = 4_210
"""A byte of an extrinsic, whatever it means."""
READ: Final = 3_400_000
"""Reading a key that the block has not read yet."""
WRITE: Final = 95_400_000
"""A changed key: its part of the trie and of the batch."""
WRITTEN_BYTE: Final = 7_070
"""A byte of a value that is written."""
REMOVED_BYTE: Final = 146
"""A byte of a value that was there before."""
