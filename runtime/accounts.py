"""The chain's own accounts: derived from names, so they have no keys."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId

PREFIX: Final = b"modl"
IDENTIFIER_SIZE: Final = 8


def pool_account(identifier: bytes) -> AccountId:
    """Return the account of a pool by its 8-byte identifier: `modl`, the identifier, zeros."""
    return AccountId((PREFIX + identifier).ljust(AccountId.SIZE, b"\0"))


def pool_identifier(account: AccountId) -> bytes:
    """Return the 8-byte identifier in the account of a pool."""
    return bytes(account[len(PREFIX) : len(PREFIX) + IDENTIFIER_SIZE])


MINING: Final = pool_account(b"btt/mine")
STAKING: Final = pool_account(b"btt/stak")
HEALTH: Final = pool_account(b"btt/hlth")
REFERRAL: Final = pool_account(b"btt/refr")
GRANTS: Final = pool_account(b"btt/grnt")
ECOSYSTEM: Final = pool_account(b"btt/ecos")
LIQUIDITY: Final = pool_account(b"btt/liqd")
RESERVE: Final = pool_account(b"btt/rsrv")
DEVELOPMENT_FUND: Final = pool_account(b"btt/devf")
OPERATIONS: Final = pool_account(b"btt/oprs")
FOUNDATION_PROGRAMMES: Final = tuple(pool_account(b"btt/fnd%d" % number) for number in (1, 2, 3, 4))
"""Pools for the Foundation's programmes, one each; some presets use fewer."""
TREASURY: Final = pool_account(b"py/trsry")

POOLS: Final = (
    MINING, STAKING, HEALTH, REFERRAL, GRANTS, ECOSYSTEM, LIQUIDITY, RESERVE, DEVELOPMENT_FUND,
    OPERATIONS, *FOUNDATION_PROGRAMMES,
)  # fmt: skip
"""The pools besides the treasury, in the order of genesis."""

ASSET_KEEPER: Final = pool_account(b"btt/asst")
"""Owner of all assets in `Assets`; its balance is always zero."""
EXCHANGE: Final = pool_account(b"btt/exch")
"""Account that passes on the fees of auctions; empty between blocks."""
PAYFI: Final = pool_account(b"btt/payf")
"""Account of payments that wait for settlement. Its money belongs to payers and merchants: it is
not a pool of a programme, and counts as circulating."""
