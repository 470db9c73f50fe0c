"""The chain's own accounts: derived from a name, so that nobody has their key."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId

PREFIX: Final = b"modl"


def pool_account(identifier: bytes) -> AccountId:
    """Return the account of a pool by its 8-byte identifier: `modl`, the identifier, zeros."""
    return AccountId((PREFIX + identifier).ljust(AccountId.SIZE, b"\0"))


TREASURY: Final = pool_account(b"py/trsry")
DEVELOPMENT_FUND: Final = pool_account(b"btt/devf")
