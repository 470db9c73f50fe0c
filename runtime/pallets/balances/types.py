"""What Balances stores and says besides plain amounts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final

from btt_chain.primitives.account import AccountId, Id, MultiAddress
from btt_chain.scale import Bounded, Fixed, Path, TypeName, path, u128
from runtime.frame import CannotLookup, RuntimeFreezeReason, RuntimeHoldReason

MAX_LOCKS: Final = 50
MAX_RESERVES: Final = 50
MAX_HOLDS: Final = 32
MAX_FREEZES: Final = 32

SUB_MARK: Final = b"\x08bt"
"""What stands between a pool's name and the number of a part of it."""

LockId = Annotated[bytes, Fixed(8)]
"""Who locks: eight bytes that the locking pallet chose, `b"vesting "` for example."""
ReserveId = Annotated[bytes, Fixed(8)]
"""Who reserves by name."""


@path("pallet_balances::types::Reasons")
class Reasons(IntEnum):
    """What a lock stands in the way of."""

    Fee = 0
    """Transaction fees."""
    Misc = 1
    """Everything but transaction fees."""
    All = 2
    """Everything."""


@path("pallet_balances::types::BalanceLock", params={"Balance": u128})
@dataclass(slots=True)
class BalanceLock:
    """An amount of an account that must not leave it. Locks overlap: the greatest counts."""

    id: Annotated[LockId, TypeName("LockIdentifier")]
    amount: Annotated[u128, TypeName("Balance")]
    reasons: Annotated[Reasons, TypeName("Reasons")]


@path(
    "pallet_balances::types::ReserveData", params={"ReserveIdentifier": ReserveId, "Balance": u128}
)
@dataclass(slots=True)
class ReserveData:
    """A part of the reserved balance, under a name."""

    id: Annotated[ReserveId, TypeName("ReserveIdentifier")]
    amount: Annotated[u128, TypeName("Balance")]


@path(
    "frame_support::traits::tokens::misc::IdAmount",
    params={"Id": RuntimeHoldReason, "Balance": u128},
)
@dataclass(slots=True)
class Hold:
    """A part of the reserved balance, and why it is held."""

    id: Annotated[RuntimeHoldReason, TypeName("Id")]
    amount: Annotated[u128, TypeName("Balance")]


@path(
    "frame_support::traits::tokens::misc::IdAmount",
    params={"Id": RuntimeFreezeReason, "Balance": u128},
)
@dataclass(slots=True)
class Freeze:
    """An amount of an account that must not leave it, and why."""

    id: Annotated[RuntimeFreezeReason, TypeName("Id")]
    amount: Annotated[u128, TypeName("Balance")]


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
    """Where repatriated money goes in its new account."""

    Free = 0
    Reserved = 1


@path("pallet_balances::pallet::UnexpectedKind")
class UnexpectedKind(IntEnum):
    """What went wrong that never should."""

    BalanceUpdated = 0
    """An account was changed in a way that should not be possible."""
    FailedToMutateAccount = 1
    """An account could not be changed although it should be."""


def is_pool(who: AccountId) -> bool:
    """Tell whether `who` is a pool: an account without a key, which only its pallet moves.

    Their ids are `modl`, eight bytes of name, and zeros; or, for a part of a pool that is set
    apart, what `sub_account` makes of them.
    """
    if not who.startswith(b"modl"):
        return False
    return who[12:] == bytes(20) or (who[12:15] == SUB_MARK and who[19:] == bytes(13))


def sub_account(pool: AccountId, number: int) -> AccountId:
    """Return the account of part `number` of a pool, such as the money of one bounty.

    `modl`, the pool's name, the text `bt`, and the number in four bytes, all in SCALE: what
    Substrate's bounties derive, so that wallets find it.
    """
    return AccountId((pool[:12] + SUB_MARK + number.to_bytes(4, "little")).ljust(32, b"\0"))


def lookup(address: MultiAddress) -> AccountId:
    """Return the account that `address` leads to. Raises CannotLookup: only ids lead anywhere."""
    if isinstance(address, Id):
        return address.account
    raise CannotLookup
