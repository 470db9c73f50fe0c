"""Weights of a block, around its calls. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-25; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

BASE_BLOCK: Final = 3_260_000_000
"""Opening and closing a block, with its inherent."""
BASE_EXTRINSIC: Final = 158_000_000
"""A signed extrinsic before its call: decoding, signature, nonce, fee."""
EXTRINSIC_BYTE: Final = 3_060
"""A byte of an extrinsic, whatever it means."""
READ: Final = 4_250_000
"""Reading a key that the block has not read yet."""
WRITE: Final = 57_700_000
"""A changed key: its part of the trie and of the batch."""
WRITTEN_BYTE: Final = 7_220
"""A byte of a value that is written."""
REMOVED_BYTE: Final = 124
"""A byte of a value that was there before."""
