"""Events of assets."""

from __future__ import annotations

from typing import Annotated

from btt_chain.scale import TypeName, u8
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf
from runtime.pallets.assets.types import Amount, AssetId


class Created(Event, index=0):
    """An asset was created, without units."""

    asset_id: AssetId
    creator: AccountIdOf
    owner: AccountIdOf


class Issued(Event, index=1):
    """Units were issued to `owner`."""

    asset_id: AssetId
    owner: AccountIdOf
    amount: Amount


class Transferred(Event, index=2):
    """Units were transferred."""

    asset_id: AssetId
    from_: AccountIdOf
    to: AccountIdOf
    amount: Amount


class Burned(Event, index=3):
    """Units of `owner` were destroyed."""

    asset_id: AssetId
    owner: AccountIdOf
    balance: Amount


class AssetFrozen(Event, index=8):
    """An asset was frozen: its units cannot be transferred until it is thawed."""

    asset_id: AssetId


class AssetThawed(Event, index=9):
    """An asset was thawed: its units can be transferred again."""

    asset_id: AssetId


class Destroyed(Event, index=13):
    """An asset was removed: it has no units and no accounts."""

    asset_id: AssetId


class MetadataSet(Event, index=15):
    """The name, symbol and decimals of an asset were set."""

    asset_id: AssetId
    name: Annotated[bytes, TypeName("Vec<u8>")]
    symbol: Annotated[bytes, TypeName("Vec<u8>")]
    decimals: u8
    is_frozen: bool


class Touched(Event, index=22):
    """An account reserved a deposit to make room for an asset."""

    asset_id: AssetId
    who: AccountIdOf
    depositor: AccountIdOf
