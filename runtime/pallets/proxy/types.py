"""Types of proxies, their calls, and the accounts without a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Annotated, Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, TypeName, codec, path, u16, u32, u128
from runtime.frame.aliases import Account, BlockNumber

MAX_PROXIES: Final = 32
MAX_PENDING: Final = 32
PREFIX: Final = b"modlpy/proxy____"
"""Prefix that all pure accounts are derived from; excludes accounts of keys."""

RESERVE_ID: Final = b"py/proxy"
"""Name that deposits are reserved under: reserves of other names are not touched."""


@path("btt_runtime::ProxyType")
class ProxyType(IntEnum):
    """The set of calls that a proxy may make."""

    Any = 0
    """All calls."""
    NonTransfer = 1
    """All calls that move no money."""
    Governance = 2
    """Calls to propose, vote and elect."""
    Staking = 3
    """Calls to bond, stake and set session keys."""
    CancelProxy = 4
    """Rejection of other proxies' announcements."""


@path("pallet_proxy::DepositKind")
class DepositKind(IntEnum):
    """The purpose of a deposit."""

    Proxies = 0
    """Proxies of the account."""
    Announcements = 1
    """Announced calls of the proxy."""


Scopes = Mapping[ProxyType, Sequence[str]]
"""Calls of each type but Any: pallets (`Identity`) and single calls (`Vesting.vest`).

A type that is not in the table may make no calls.
"""


@path(
    "pallet_proxy::ProxyDefinition",
    params={"AccountId": AccountId, "ProxyType": ProxyType, "BlockNumber": u32},
)
@dataclass(slots=True, order=True)
class ProxyDefinition:
    """A proxy: its account, its type, and its delay between announcement and call, in blocks."""

    delegate: Account
    proxy_type: ProxyType
    delay: BlockNumber


@path(
    "pallet_proxy::Announcement", params={"AccountId": AccountId, "Hash": H256, "BlockNumber": u32}
)
@dataclass(slots=True)
class Announcement:
    """An announced call: the account it is made for, its hash, and the announcement's block."""

    real: Account
    call_hash: Annotated[H256, TypeName("Hash")]
    height: BlockNumber


Definitions = tuple[Bounded[list[ProxyDefinition], MAX_PROXIES], u128]
Pending = tuple[Bounded[list[Announcement], MAX_PENDING], u128]

Kind = Annotated[ProxyType, TypeName("T::ProxyType")]
MaybeKind = Annotated[ProxyType | None, TypeName("Option<T::ProxyType>")]
CallHash = Annotated[H256, TypeName("CallHashOf<T>")]

PURE_ACCOUNT: Final = codec(tuple[AccountId, u32, u32, ProxyType, u16])


def pure_account(
    who: AccountId, proxy_type: ProxyType, index: int, height: int, ext_index: int
) -> AccountId:
    """Return the account without a key that `who` creates in this extrinsic of this block."""
    place = (u32(height), u32(ext_index))
    entropy = PURE_ACCOUNT.encode((who, *place, proxy_type, u16(index)))
    return AccountId(blake2_256(PREFIX + entropy))


def covers(scope: Sequence[str], entry: str) -> bool:
    """Return True if `scope` has `entry`, or the pallet of `entry`."""
    return entry in scope or entry.partition(".")[0] in scope


def stepped(base: u128, factor: u128, count: int) -> u128:
    """Return the deposit for `count` things: nothing for none, else a base and a step for each."""
    return base + factor * count if count else u128(0)
