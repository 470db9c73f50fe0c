"""Values kept of a transaction that was found valid, so that it is decoded once.

A transaction waits in the pool for many blocks, and each may change whether it is valid. Its bytes,
its signature and its weight do not change under one runtime; the sender's account, the fee and the
age of its era do. So a recheck needs a few values of fixed size, however large the call is.
"""

from __future__ import annotations

from dataclasses import dataclass

from btt_chain.primitives.account import AccountId
from runtime.extensions import SignedExtra
from runtime.frame import DispatchInfo, Runtime


@dataclass(slots=True)
class Kept:
    """A signed transaction whose signature was found good; it is never changed."""

    runtime: Runtime
    """The runtime that decoded it: under any other it is decoded anew."""
    who: AccountId
    extra: SignedExtra
    implicit: bytes
    """Implicit data that the signature covers. It changes with the runtime's version, when the
    era is over, and where another block has the number that the era began at."""
    info: DispatchInfo
    length: int
    """Bytes on the wire, with the length in front."""
    fee: int = 0
    """Fee with its tip, in planck, when it was found valid."""
