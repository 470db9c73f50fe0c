"""Stored types of assets, and the interface of the pallet that issues them."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import TEXT
from btt_chain.scale import Bounded, Compact, Path, TypeName, Variant, path, u8, u32, u128
from runtime.frame.aliases import Account, Balance

STRING_LIMIT: Final = 50
"""Maximum length of a name or a symbol, in bytes."""
RESERVE_ID: Final = b"py/asset"
"""Identifier of the named reserve for deposits."""
NOTHING: Final = u128(0)

AssetId = Annotated[u32, TypeName("T::AssetId")]
AssetParameter = Annotated[Compact[u32], TypeName("T::AssetIdParameter")]
Amount = Annotated[u128, TypeName("T::Balance")]
CompactAmount = Annotated[Compact[u128], TypeName("T::Balance")]
Text = Annotated[Bounded[bytes, STRING_LIMIT], TEXT]


@path("pallet_assets::types::AssetStatus")
class AssetStatus(IntEnum):
    """Transfer status of an asset's units."""

    Live = 0
    Frozen = 1
    Destroying = 2
    """Never set here: an asset is removed at once with its last unit."""


@path(
    "pallet_assets::types::AssetDetails",
    params={"Balance": u128, "AccountId": AccountId, "DepositBalance": u128},
)
@dataclass(slots=True)
class AssetDetails:
    """An asset."""

    owner: Account
    issuer: Account
    admin: Account
    freezer: Account
    supply: Balance
    deposit: Annotated[u128, TypeName("DepositBalance")]
    min_balance: Balance
    is_sufficient: bool
    accounts: u32
    """Number of accounts that hold units or keep a place for them with a deposit."""
    sufficients: u32
    approvals: u32
    status: AssetStatus


@path("pallet_assets::types::AccountStatus")
class AccountStatus(IntEnum):
    """Transfer status of one account's units."""

    Liquid = 0
    Frozen = 1
    Blocked = 2


class Consumer(Variant, index=0, unnamed=True):
    """The account has a consumer reference for the units."""


class Sufficient(Variant, index=1, unnamed=True):
    """No reference: pool accounts persist regardless of their holdings."""


class DepositHeld(Variant, index=2, unnamed=True):
    """A deposit of the account itself takes the place of a reference."""

    deposit: Balance


class DepositRefunded(Variant, index=3, unnamed=True):
    """Never used here."""


class DepositFrom(Variant, index=4, unnamed=True):
    """Never used here."""

    depositor: Account
    deposit: Balance


ExistenceReason = Annotated[
    Consumer | Sufficient | DepositHeld | DepositRefunded | DepositFrom,
    Path("pallet_assets::types::ExistenceReason", params={"Balance": u128, "AccountId": AccountId}),
]


@path(
    "pallet_assets::types::AssetAccount",
    params={"Balance": u128, "DepositBalance": u128, "Extra": None, "AccountId": AccountId},
)
@dataclass(slots=True)
class AssetAccount:
    """One account's balance of an asset."""

    balance: Balance
    status: AccountStatus
    reason: Annotated[ExistenceReason, TypeName("ExistenceReason<DepositBalance, AccountId>")]
    extra: Annotated[tuple[()], TypeName("Extra")] = ()


@path("pallet_assets::types::AssetMetadata", params={"DepositBalance": u128, "BoundedString": Text})
@dataclass(slots=True)
class AssetMetadata:
    """Name, symbol and decimals of an asset, for wallets."""

    deposit: Annotated[u128, TypeName("DepositBalance")] = NOTHING
    name: Annotated[Text, TypeName("BoundedString")] = b""
    symbol: Annotated[Text, TypeName("BoundedString")] = b""
    decimals: u8 = u8(0)
    is_frozen: bool = False


class Watcher(Protocol):
    """Eligibility rule for holders, with a hook that runs before their balances change."""

    def may_hold(self, asset: u32, who: AccountId) -> bool:
        """Return True if the account may receive units."""

    def about_to_change(self, asset: u32, who: AccountId, balance: u128) -> None:
        """Called before an account's balance changes; `balance` is its value before the change."""


class NoWatcher:
    """The Watcher that lets any account hold units."""

    def may_hold(self, asset: u32, who: AccountId) -> bool:
        """Return True if the account may receive units: always."""
        return True

    def about_to_change(self, asset: u32, who: AccountId, balance: u128) -> None:
        """Do nothing."""
