"""Assets: units of what is registered, in the form that wallets know.

Storage, events, errors and the calls that holders make are those of Substrate's `pallet_assets`,
so a wallet shows units like any token. Who makes and destroys units is another pallet, through
the doors here: nobody can make an asset of his own, and no team can move the units of others.
The four accounts of an asset's team are therefore all its keeper, an account without a key.

What always holds: the accounts of an asset add up to its `supply`.

An account that holds units is referred to by them, and cannot be closed before they are gone. An
account has room for few such references; whoever holds more assets makes room for one with a
deposit (`touch`). Pools need neither.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId, AccountInfo, MultiAddress
from btt_chain.scale import Bounded, Compact, Path, TypeName, Variant, path, u8, u32, u128
from runtime.frame import (
    Const,
    DoubleMap,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    Pallet,
    TokenError,
    TokenErrorKind,
    call,
)
from runtime.pallets.balances import is_pool, lookup
from runtime.pallets.system import MAX_CONSUMERS, System
from runtime.weights import assets as weights

STRING_LIMIT: Final = 50
"""Bytes of a name or a symbol."""
RESERVE_ID: Final = b"py/asset"
"""What deposits are reserved under."""
NOTHING: Final = u128(0)

AssetId = Annotated[u32, TypeName("T::AssetId")]
AssetParameter = Annotated[Compact[u32], TypeName("T::AssetIdParameter")]
Lookup = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
Amount = Annotated[u128, TypeName("T::Balance")]
CompactAmount = Annotated[Compact[u128], TypeName("T::Balance")]
Who = Annotated[AccountId, TypeName("T::AccountId")]
Text = Bounded[bytes, STRING_LIMIT]


@path("pallet_assets::types::AssetStatus")
class AssetStatus(IntEnum):
    """Whether units of an asset move."""

    Live = 0
    Frozen = 1
    Destroying = 2
    """Never set here: an asset goes at once, when its last unit has gone."""


@path(
    "pallet_assets::types::AssetDetails",
    params={"Balance": u128, "AccountId": AccountId, "DepositBalance": u128},
)
@dataclass(slots=True)
class AssetDetails:
    """An asset."""

    owner: Annotated[AccountId, TypeName("AccountId")]
    issuer: Annotated[AccountId, TypeName("AccountId")]
    admin: Annotated[AccountId, TypeName("AccountId")]
    freezer: Annotated[AccountId, TypeName("AccountId")]
    supply: Annotated[u128, TypeName("Balance")]
    deposit: Annotated[u128, TypeName("DepositBalance")]
    min_balance: Annotated[u128, TypeName("Balance")]
    is_sufficient: bool
    accounts: u32
    """How many hold units, or a place for them."""
    sufficients: u32
    approvals: u32
    status: AssetStatus


@path("pallet_assets::types::AccountStatus")
class AccountStatus(IntEnum):
    """Whether one account's units move."""

    Liquid = 0
    Frozen = 1
    Blocked = 2


class Consumer(Variant, index=0, unnamed=True):
    """The units refer to the account."""


class Sufficient(Variant, index=1, unnamed=True):
    """They do not; a pool stays whatever it holds."""


class DepositHeld(Variant, index=2, unnamed=True):
    """A deposit of the account itself makes room for them."""

    deposit: Annotated[u128, TypeName("Balance")]


class DepositRefunded(Variant, index=3, unnamed=True):
    """Never made here."""


class DepositFrom(Variant, index=4, unnamed=True):
    """Never made here."""

    depositor: Annotated[AccountId, TypeName("AccountId")]
    deposit: Annotated[u128, TypeName("Balance")]


ExistenceReason = Annotated[
    Consumer | Sufficient | DepositHeld | DepositRefunded | DepositFrom,
    Path(
        "pallet_assets::types::ExistenceReason",
        params={"Balance": u128, "AccountId": AccountId},
    ),
]


@path(
    "pallet_assets::types::AssetAccount",
    params={"Balance": u128, "DepositBalance": u128, "Extra": None, "AccountId": AccountId},
)
@dataclass(slots=True)
class AssetAccount:
    """What one account has of an asset."""

    balance: Annotated[u128, TypeName("Balance")]
    status: AccountStatus
    reason: Annotated[ExistenceReason, TypeName("ExistenceReason<DepositBalance, AccountId>")]
    extra: Annotated[tuple[()], TypeName("Extra")] = ()


@path(
    "pallet_assets::types::AssetMetadata",
    params={"DepositBalance": u128, "BoundedString": Text},
)
@dataclass(slots=True)
class AssetMetadata:
    """What wallets call an asset."""

    deposit: Annotated[u128, TypeName("DepositBalance")] = NOTHING
    name: Annotated[Text, TypeName("BoundedString")] = b""
    symbol: Annotated[Text, TypeName("BoundedString")] = b""
    decimals: u8 = u8(0)
    is_frozen: bool = False


class Deposits(Protocol):
    """The money that deposits are made of; Balances satisfies it. Amounts in planck."""

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        """Reserve free money; raise DispatchError if there is too little."""

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Make what is reserved free again."""


class Watcher(Protocol):
    """Who decides about holders and must know what they hold."""

    def may_hold(self, asset: u32, who: AccountId) -> bool:
        """Tell whether an account may receive units."""

    def about_to_change(self, asset: u32, who: AccountId, balance: u128) -> None:
        """Hear that an account's units, `balance` of them so far, are about to change."""


class NoWatcher:
    """Watcher of assets that anybody may hold."""

    def may_hold(self, asset: u32, who: AccountId) -> bool:
        """Tell that everybody may."""
        return True

    def about_to_change(self, asset: u32, who: AccountId, balance: u128) -> None:
        """Hear it."""


class Assets(Pallet, crate="pallet_assets", instances=True):
    """Units of what is registered."""

    asset_account_deposit: Const[u128]
    """What `touch` reserves, in planck."""
    string_limit: Const[u32] = u32(STRING_LIMIT)
    """Bytes of a name or symbol."""
    currency: Deposits
    system: System
    watcher: Watcher = NoWatcher()

    asset = Map(u32, AssetDetails)
    """All assets."""
    account = DoubleMap(
        u32,
        AccountId,
        AssetAccount,
        hashers=(Hasher.Blake2_128Concat, Hasher.Blake2_128Concat),
    )
    """What each account has of each."""
    metadata = Map(u32, AssetMetadata, default=AssetMetadata())
    """What they are called."""
    held = DoubleMap(u32, AccountId, u128, default=NOTHING)
    """How many of an account's units are on hold: still its own, and not to be moved."""

    class Created(Event, index=0):
        """An asset was made; it has no units yet."""

        asset_id: AssetId
        creator: Who
        owner: Who

    class Issued(Event, index=1):
        """Units were made."""

        asset_id: AssetId
        owner: Who
        amount: Amount

    class Transferred(Event, index=2):
        """Units moved."""

        asset_id: AssetId
        from_: Who
        to: Who
        amount: Amount

    class Burned(Event, index=3):
        """Units were destroyed."""

        asset_id: AssetId
        owner: Who
        balance: Amount

    class AssetFrozen(Event, index=8):
        """No unit moves until the asset is thawed."""

        asset_id: AssetId

    class AssetThawed(Event, index=9):
        """Units move again."""

        asset_id: AssetId

    class Destroyed(Event, index=13):
        """An asset is gone, and all its units."""

        asset_id: AssetId

    class MetadataSet(Event, index=15):
        """An asset got its name."""

        asset_id: AssetId
        name: Annotated[bytes, TypeName("Vec<u8>")]
        symbol: Annotated[bytes, TypeName("Vec<u8>")]
        decimals: Annotated[u8, TypeName("u8")]
        is_frozen: Annotated[bool, TypeName("bool")]

    class Touched(Event, index=22):
        """A deposit made room for an asset in an account."""

        asset_id: AssetId
        who: Who
        depositor: Who

    class BalanceLow(Error, index=0):
        """You have fewer units than that, or some are on hold: cancel the order that holds them."""

    class NoAccount(Error, index=1):
        """The account holds nothing of this asset."""

    class NoPermission(Error, index=2):
        """The receiver may not hold this asset; it needs a judgement of its identity first."""

    class Unknown(Error, index=3):
        """There is no asset of this number; look it up in `Assets.Asset`."""

    class InUse(Error, index=5):
        """The account holds units of it; give them away first."""

    class UnavailableConsumer(Error, index=8):
        """The receiver's account does not exist, or holds too many assets: let it `touch` this."""

    class WouldDie(Error, index=11):
        """Nothing would be left; use `transfer` or `transfer_all` to give all of it away."""

    class AlreadyExists(Error, index=12):
        """The account has a place for this asset already."""

    class NoDeposit(Error, index=13):
        """There is no deposit of yours to give back."""

    class AssetNotLive(Error, index=16):
        """The asset is frozen; its units move again when those who froze it thaw it."""

    # ---- calls

    @call(8, weight=weights.TRANSFER)
    def transfer(
        self, origin: Origin, id: AssetParameter, target: Lookup, amount: CompactAmount
    ) -> None:
        """Send units to another account."""
        self.move(u32(id), origin.signed(), lookup(target), u128(amount))

    @call(9, weight=weights.TRANSFER_KEEP_ALIVE)
    def transfer_keep_alive(
        self, origin: Origin, id: AssetParameter, target: Lookup, amount: CompactAmount
    ) -> None:
        """Send units to another account, and keep some."""
        who = origin.signed()
        if amount == self.balance(u32(id), who):
            raise self.WouldDie
        self.move(u32(id), who, lookup(target), u128(amount))

    @call(26, weight=weights.TOUCH)
    def touch(self, origin: Origin, id: AssetParameter) -> None:
        """Make room for an asset in your account, with a deposit."""
        who, asset = origin.signed(), u32(id)
        details = self._details(asset)
        if (asset, who) in self.account:
            raise self.AlreadyExists
        deposit = u128(self.asset_account_deposit)
        self.currency.reserve_named(RESERVE_ID, who, deposit)
        self.account[asset, who] = AssetAccount(NOTHING, AccountStatus.Liquid, DepositHeld(deposit))
        self.asset[asset] = replace(details, accounts=u32(details.accounts + 1))
        self.deposit(self.Touched(asset, who, who))

    @call(27, weight=weights.REFUND)
    def refund(
        self, origin: Origin, id: AssetParameter, allow_burn: Annotated[bool, TypeName("bool")]
    ) -> None:
        """Take your deposit back, when you hold no unit any more. Units are never burned for it."""
        who, asset = origin.signed(), u32(id)
        details, held = self._details(asset), self._account(asset, who)
        if not isinstance(held.reason, DepositHeld):
            raise self.NoDeposit
        if held.balance:
            raise self.InUse
        self._forget(asset, details, who, held)
        self._store(asset, details)

    @call(32, weight=weights.TRANSFER_ALL)
    def transfer_all(
        self,
        origin: Origin,
        id: AssetParameter,
        dest: Lookup,
        keep_alive: Annotated[bool, TypeName("bool")],
    ) -> None:
        """Send all units, or all but the last with `keep_alive`."""
        who, asset = origin.signed(), u32(id)
        free, whole = int(self.free(asset, who)), int(self.balance(asset, who))
        kept = 1 if keep_alive and free and free == whole else 0
        self.move(asset, who, lookup(dest), u128(free - kept))

    # ---- doors

    def lean_on(self, watcher: Watcher) -> None:
        """Ask `watcher` who may hold units, and tell it when they move."""
        self.watcher = watcher

    def balance(self, asset: u32, who: AccountId) -> u128:
        """Return how many units an account has."""
        held = self.account.get((asset, who))
        return NOTHING if held is None else held.balance

    def free(self, asset: u32, who: AccountId) -> u128:
        """Return how many units an account can move."""
        return self.balance(asset, who) - self.held[asset, who]

    def may_receive(self, asset: u32, who: AccountId) -> bool:
        """Tell whether units could go to an account now."""
        if is_pool(who):
            return True
        if not self.watcher.may_hold(asset, who):
            return False
        return (asset, who) in self.account or has_room(self.system.account[who])

    def is_live(self, asset: u32) -> bool:
        """Tell whether the units of an asset move."""
        details = self.asset.get(asset)
        return details is not None and details.status is AssetStatus.Live

    def hold(self, asset: u32, who: AccountId, amount: u128) -> None:
        """Put units on hold. Raises BalanceLow."""
        if self.free(asset, who) < amount:
            raise self.BalanceLow
        if amount:
            self.held[asset, who] += amount

    def release(self, asset: u32, who: AccountId, amount: u128) -> None:
        """Let units on hold move again; ValueError if so many are not on hold."""
        on_hold = self.held[asset, who]
        if amount > on_hold:
            raise ValueError(f"{int(amount)} units to release of {int(on_hold)} on hold")
        if amount == on_hold:
            del self.held[asset, who]
        else:
            self.held[asset, who] = on_hold - amount

    def supply(self, asset: u32) -> u128:
        """Return how many units there are; none if there is no such asset."""
        details = self.asset.get(asset)
        return NOTHING if details is None else details.supply

    def create(
        self, asset: u32, keeper: AccountId, name: bytes, symbol: bytes, decimals: u8
    ) -> None:
        """Make an asset without units, which `keeper`, an account without a key, owns."""
        if asset in self.asset:
            raise self.InUse
        none = u32(0)
        self.asset[asset] = AssetDetails(
            *(keeper,) * 4, NOTHING, NOTHING, u128(1), False, none, none, none, AssetStatus.Live
        )
        self.metadata[asset] = AssetMetadata(NOTHING, name, symbol, decimals)
        self.deposit(self.Created(asset, keeper, keeper))
        self.deposit(self.MetadataSet(asset, name, symbol, decimals, False))

    def issue(self, asset: u32, who: AccountId, amount: u128) -> None:
        """Make units. Raises what receiving raises, and Overflow."""
        details = self._details(asset)
        self._credit(asset, details, who, amount)
        details.supply += amount
        self.asset[asset] = details
        self.deposit(self.Issued(asset, who, amount))

    def retire(self, asset: u32, who: AccountId, amount: u128) -> None:
        """Destroy units of an account, even while the asset is frozen. Raises BalanceLow.

        The asset goes with the last of them, or with the last place that somebody keeps for it.
        """
        details = self._details(asset)
        self._debit(asset, details, who, amount)
        details.supply -= amount
        self.deposit(self.Burned(asset, who, amount))
        self._store(asset, details)

    def move(self, asset: u32, source: AccountId, dest: AccountId, amount: u128) -> None:
        """Move units; none at all, whatever the asset. Raises the errors of `transfer`."""
        if not amount:
            return
        details = self._details(asset)
        if details.status is not AssetStatus.Live:
            raise self.AssetNotLive
        if self.free(asset, source) < amount:
            raise self.BalanceLow
        if source != dest:
            self._credit(asset, details, dest, amount)
            self._debit(asset, details, source, amount)
            self.asset[asset] = details
        self.deposit(self.Transferred(asset, source, dest, amount))

    def freeze(self, asset: u32) -> None:
        """Let no unit move."""
        self.asset[asset] = replace(self._details(asset), status=AssetStatus.Frozen)
        self.deposit(self.AssetFrozen(asset))

    def thaw(self, asset: u32) -> None:
        """Let units move again."""
        self.asset[asset] = replace(self._details(asset), status=AssetStatus.Live)
        self.deposit(self.AssetThawed(asset))

    # ---- steps

    def _details(self, asset: u32) -> AssetDetails:
        details = self.asset.get(asset)
        if details is None:
            raise self.Unknown
        return details

    def _store(self, asset: u32, details: AssetDetails) -> None:
        """Store an asset, or forget it if nobody has units or a place for them."""
        if details.supply or details.accounts:
            self.asset[asset] = details
            return
        del self.asset[asset]
        del self.metadata[asset]
        self.deposit(self.Destroyed(asset))

    def _account(self, asset: u32, who: AccountId) -> AssetAccount:
        held = self.account.get((asset, who))
        if held is None:
            raise self.NoAccount
        return held

    def _credit(self, asset: u32, details: AssetDetails, who: AccountId, amount: u128) -> None:
        """Give units; `details` changes with them and is not written."""
        held = self.account.get((asset, who))
        if not is_pool(who) and not self.watcher.may_hold(asset, who):
            raise self.NoPermission
        self.watcher.about_to_change(asset, who, NOTHING if held is None else held.balance)
        if held is None:
            held = AssetAccount(NOTHING, AccountStatus.Liquid, self._refer(who))
            details.accounts += 1
        held.balance += amount
        self.account[asset, who] = held

    def _debit(self, asset: u32, details: AssetDetails, who: AccountId, amount: u128) -> None:
        """Take units; an account that keeps none is forgotten unless a deposit keeps its place."""
        held = self._account(asset, who)
        if self.free(asset, who) < amount:
            raise self.BalanceLow
        self.watcher.about_to_change(asset, who, held.balance)
        held.balance -= amount
        if held.balance or isinstance(held.reason, DepositHeld):
            self.account[asset, who] = held
        else:
            self._forget(asset, details, who, held)

    def _refer(self, who: AccountId) -> Consumer | Sufficient:
        """Note that units refer to an account."""
        if is_pool(who):
            return Sufficient()
        info = self.system.account[who]
        if not info.providers:
            raise TokenError(TokenErrorKind.CannotCreate)
        if not has_room(info):
            raise self.UnavailableConsumer
        self.system.add_consumer(info)
        self.system.account[who] = info
        return Consumer()

    def _forget(
        self, asset: u32, details: AssetDetails, who: AccountId, held: AssetAccount
    ) -> None:
        """Forget an account without units; `details` changes with it and is not written."""
        del self.account[asset, who]
        details.accounts -= 1
        if isinstance(held.reason, DepositHeld):
            self.currency.unreserve_named(RESERVE_ID, who, held.reason.deposit)
        elif isinstance(held.reason, Consumer):
            info = self.system.account[who]
            info.consumers -= 1
            self.system.account[who] = info


def has_room(info: AccountInfo) -> bool:
    """Tell whether units can refer to an account.

    One reference is left for what the account reserves: without it nobody could `touch`.
    """
    return bool(info.providers) and info.consumers + 1 < MAX_CONSUMERS
