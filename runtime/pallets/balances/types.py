"""Types stored and emitted by Balances."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId, Id, MultiAddress
from btt_chain.scale import Bounded, Fixed, Path, TypeName, path, u128
from runtime.frame import CannotLookup, RuntimeFreezeReason, RuntimeHoldReason
from runtime.frame.aliases import Balance
from runtime.frame.traits import Reasons

MAX_LOCKS: Final = 50
MAX_RESERVES: Final = 50
MAX_HOLDS: Final = 32
MAX_FREEZES: Final = 32

SUB_MARK: Final = b"\x08bt"
"""Separator of a pool's name and the number of a sub-account."""

LockId = Annotated[bytes, Fixed(8)]
"""Lock identifier: eight bytes that the locking pallet chose, for example `b"vesting "`."""
ReserveId = Annotated[bytes, Fixed(8)]
"""Identifier of a named reserve: eight bytes."""


@path("pallet_balances::types::BalanceLock", params={"Balance": u128})
@dataclass(slots=True)
class BalanceLock:
    """An amount that must not leave an account. Locks overlap: the greatest counts."""

    id: Annotated[LockId, TypeName("LockIdentifier")]
    amount: Balance
    reasons: Reasons


@path(
    "pallet_balances::types::ReserveData", params={"ReserveIdentifier": ReserveId, "Balance": u128}
)
@dataclass(slots=True)
class ReserveData:
    """A named part of the reserved balance."""

    id: Annotated[ReserveId, TypeName("ReserveIdentifier")]
    amount: Balance


@path(
    "frame_support::traits::tokens::misc::IdAmount",
    params={"Id": RuntimeHoldReason, "Balance": u128},
)
@dataclass(slots=True)
class Hold:
    """A part of the reserved balance, with the reason of its hold."""

    id: Annotated[RuntimeHoldReason, TypeName("Id")]
    amount: Balance


@path(
    "frame_support::traits::tokens::misc::IdAmount",
    params={"Id": RuntimeFreezeReason, "Balance": u128},
)
@dataclass(slots=True)
class Freeze:
    """An amount that must not leave an account, with its reason."""

    id: Annotated[RuntimeFreezeReason, TypeName("Id")]
    amount: Balance


Locks = Annotated[
    list[BalanceLock],
    Path(
        "bounded_collections::weak_bounded_vec::WeakBoundedVec",
        params={"T": BalanceLock, "S": None},
    ),
]
Reserves = Bounded[list[ReserveData], MAX_RESERVES]
Holds = Bounded[list[Hold], MAX_HOLDS]
Freezes = Bounded[list[Freeze], MAX_FREEZES]


@path("frame_support::traits::tokens::misc::BalanceStatus")
class BalanceStatus(IntEnum):
    """Status of repatriated money in its new account."""

    Free = 0
    Reserved = 1


@path("pallet_balances::pallet::UnexpectedKind")
class UnexpectedKind(IntEnum):
    """Kind of an inconsistency that must not occur."""

    BalanceUpdated = 0
    """An account was changed in an impossible way."""
    FailedToMutateAccount = 1
    """A required change of an account failed."""


def is_pool(who: AccountId) -> bool:
    """Return True if `who` is a pool: an account without a key, moved by its pallet only.

    The id of a pool is `modl`, eight bytes of name, and zeros; that of a sub-account is as
    `sub_account` derives it.
    """
    if not who.startswith(b"modl"):
        return False
    return who[12:] == bytes(20) or (who[12:15] == SUB_MARK and who[19:] == bytes(13))


def sub_account(pool: AccountId, number: int) -> AccountId:
    """Return the sub-account `number` of a pool, such as the account of one bounty.

    `modl`, the pool's name, the text `bt`, and the number in four bytes, all in SCALE: the
    derivation of Substrate's bounties, so wallets find the account.
    """
    return AccountId((pool[:12] + SUB_MARK + number.to_bytes(4, "little")).ljust(32, b"\0"))


def lookup(address: MultiAddress) -> AccountId:
    """Return the account of `address`. Raises CannotLookup for any form other than an id."""
    if isinstance(address, Id):
        return address.account
    raise CannotLookup
