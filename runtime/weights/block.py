"""Weights of a block, around its calls. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 671e9fc4.
Picoseconds, with the keys that a call writes and a margin of 30 percent.
"""

from __future__ import annotations

from typing import Final

BASE_BLOCK: Final = 4_030_000_000
"""Opening and closing a block, with its inherent."""
BASE_EXTRINSIC: Final = 264_000_000
"""A signed extrinsic before its call: decoding, signature, nonce, fee."""
EXTRINSIC_BYTE: Final = 7_260
"""A byte of an extrinsic, whatever it means."""
READ: Final = 5_220_000
"""Reading a key that the block has not read yet."""
WRITE: Final = 74_400_000
"""A changed key: its part of the trie and of the batch."""
WRITTEN_BYTE: Final = 6_220
"""A byte of a value that is written."""
