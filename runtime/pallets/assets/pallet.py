"""Assets: units of registered assets, in the layout of Substrate's `pallet_assets`.

Storage, events, errors and the calls for holders are those of `pallet_assets`, so wallets show
units like any token. Another pallet issues and destroys units, through the public interface: no
account can create an asset, and no team can move the units of others. All four accounts of an
asset's team are therefore its keeper, an account without a key.

Invariant: the balances of an asset's accounts add up to its `supply`.

An account that holds units has a consumer reference for them, so it cannot be closed before they
are gone. The number of such references is bounded; a holder of more assets makes room for one with
a deposit (`touch`). Pools need neither.
"""

from __future__ import annotations

from dataclasses import replace

from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.scale import u8, u32, u128
from runtime.frame import (
    Const,
    Constant,
    DoubleMap,
    Hasher,
    Map,
    Origin,
    Pallet,
    TokenError,
    TokenErrorKind,
    call,
)
from runtime.frame.aliases import AccountIdLookupOf
from runtime.frame.traits import NamedReservable
from runtime.pallets.assets import errors, events, weights
from runtime.pallets.assets.types import (
    NOTHING,
    RESERVE_ID,
    STRING_LIMIT,
    AccountStatus,
    AssetAccount,
    AssetDetails,
    AssetMetadata,
    AssetParameter,
    AssetStatus,
    CompactAmount,
    Consumer,
    DepositHeld,
    NoWatcher,
    Sufficient,
    Watcher,
)
from runtime.pallets.balances.types import is_pool, lookup
from runtime.pallets.system.pallet import MAX_CONSUMERS, System


class Assets(Pallet, crate="pallet_assets", instances=True, events=events, errors=errors):
    """Units of registered assets."""

    # ---- constants

    asset_account_deposit: Const[u128]
    """Deposit reserved by `touch`, in planck."""
    string_limit = Constant(u32(STRING_LIMIT))
    """Maximum length of a name or symbol, in bytes."""

    # ---- dependencies

    currency: NamedReservable
    system: System
    watcher: Watcher = NoWatcher()

    # ---- storage

    asset = Map(u32, AssetDetails)
    """All assets, by number."""
    account = DoubleMap(
        u32, AccountId, AssetAccount, hashers=(Hasher.Blake2_128Concat, Hasher.Blake2_128Concat)
    )
    """Balances, by asset and account."""
    metadata = Map(u32, AssetMetadata, default=AssetMetadata())
    """Names, symbols and decimals, by asset."""
    held = DoubleMap(u32, AccountId, u128, default=NOTHING)
    """Units on hold, by asset and account: they still belong to the account but cannot be moved."""

    # ---- calls

    @call(8, weight=weights.TRANSFER)
    def transfer(
        self, origin: Origin, id: AssetParameter, target: AccountIdLookupOf, amount: CompactAmount
    ) -> None:
        """Transfer units from the caller to another account."""
        self.move(u32(id), origin.signed(), lookup(target), u128(amount))

    @call(9, weight=weights.TRANSFER_KEEP_ALIVE)
    def transfer_keep_alive(
        self, origin: Origin, id: AssetParameter, target: AccountIdLookupOf, amount: CompactAmount
    ) -> None:
        """Transfer units to another account, but not the caller's whole balance."""
        who = origin.signed()
        if amount == self.balance(u32(id), who):
            raise errors.WouldDie
        self.move(u32(id), who, lookup(target), u128(amount))

    @call(26, weight=weights.TOUCH)
    def touch(self, origin: Origin, id: AssetParameter) -> None:
        """Reserve a deposit to make room for an asset in the caller's account."""
        who, asset = origin.signed(), u32(id)
        details = self._details(asset)
        if (asset, who) in self.account:
            raise errors.AlreadyExists
        deposit = u128(self.asset_account_deposit)
        self.currency.reserve_named(RESERVE_ID, who, deposit)
        self.account[asset, who] = AssetAccount(NOTHING, AccountStatus.Liquid, DepositHeld(deposit))
        self.asset[asset] = replace(details, accounts=u32(details.accounts + 1))
        self.deposit(events.Touched(asset, who, who))

    @call(27, weight=weights.REFUND)
    def refund(self, origin: Origin, id: AssetParameter, allow_burn: bool) -> None:
        """Release the caller's deposit; it must hold no units. Units are never burned for it."""
        who, asset = origin.signed(), u32(id)
        details, held = self._details(asset), self._account(asset, who)
        if not isinstance(held.reason, DepositHeld):
            raise errors.NoDeposit
        if held.balance:
            raise errors.InUse
        self._forget(asset, details, who, held)
        self._store(asset, details)

    @call(32, weight=weights.TRANSFER_ALL)
    def transfer_all(
        self, origin: Origin, id: AssetParameter, dest: AccountIdLookupOf, keep_alive: bool
    ) -> None:
        """Transfer all free units; with `keep_alive`, all but one if none are on hold."""
        who, asset = origin.signed(), u32(id)
        free, whole = int(self.free(asset, who)), int(self.balance(asset, who))
        kept = 1 if keep_alive and free and free == whole else 0
        self.move(asset, who, lookup(dest), u128(free - kept))

    # ---- public interface

    def connect(self, watcher: Watcher) -> None:
        """Set `watcher`, the eligibility rule for holders, which is called before changes."""
        self.watcher = watcher

    def balance(self, asset: u32, who: AccountId) -> u128:
        """Return the account's number of units, those on hold included."""
        held = self.account.get((asset, who))
        return NOTHING if held is None else held.balance

    def free(self, asset: u32, who: AccountId) -> u128:
        """Return the number of units that an account can transfer."""
        return self.balance(asset, who) - self.held[asset, who]

    def may_receive(self, asset: u32, who: AccountId) -> bool:
        """Return True if the account may receive units now."""
        if is_pool(who):
            return True
        if not self.watcher.may_hold(asset, who):
            return False
        return (asset, who) in self.account or has_room(self.system.account[who])

    def is_live(self, asset: u32) -> bool:
        """Return True if the asset exists and is not frozen."""
        details = self.asset.get(asset)
        return details is not None and details.status is AssetStatus.Live

    def hold(self, asset: u32, who: AccountId, amount: u128) -> None:
        """Put units on hold. Raises BalanceLow."""
        if self.free(asset, who) < amount:
            raise errors.BalanceLow
        if amount:
            self.held[asset, who] += amount

    def release(self, asset: u32, who: AccountId, amount: u128) -> None:
        """Release units on hold. Raises ValueError if fewer are on hold."""
        on_hold = self.held[asset, who]
        if amount > on_hold:
            raise ValueError(f"{int(amount)} units to release of {int(on_hold)} on hold")
        if amount == on_hold:
            del self.held[asset, who]
        else:
            self.held[asset, who] = on_hold - amount

    def supply(self, asset: u32) -> u128:
        """Return the number of units in existence; zero if there is no such asset."""
        details = self.asset.get(asset)
        return NOTHING if details is None else details.supply

    def create(
        self, asset: u32, keeper: AccountId, name: bytes, symbol: bytes, decimals: u8
    ) -> None:
        """Create an asset without units, owned by the keyless account `keeper`. Raises InUse."""
        if asset in self.asset:
            raise errors.InUse
        none = u32(0)
        self.asset[asset] = AssetDetails(
            *(keeper,) * 4, NOTHING, NOTHING, u128(1), False, none, none, none, AssetStatus.Live
        )
        self.metadata[asset] = AssetMetadata(NOTHING, name, symbol, decimals)
        self.deposit(events.Created(asset, keeper, keeper))
        self.deposit(events.MetadataSet(asset, name, symbol, decimals, False))

    def issue(self, asset: u32, who: AccountId, amount: u128) -> None:
        """Issue units to `who`. Raises the errors of a receiver, and Overflow."""
        details = self._details(asset)
        self._credit(asset, details, who, amount)
        details.supply += amount
        self.asset[asset] = details
        self.deposit(events.Issued(asset, who, amount))

    def retire(self, asset: u32, who: AccountId, amount: u128) -> None:
        """Destroy units of an account, even while the asset is frozen. Raises BalanceLow.

        The asset is removed with its last unit, or with the last account that keeps a place for it.
        """
        details = self._details(asset)
        self._debit(asset, details, who, amount)
        details.supply -= amount
        self.deposit(events.Burned(asset, who, amount))
        self._store(asset, details)

    def move(self, asset: u32, source: AccountId, dest: AccountId, amount: u128) -> None:
        """Transfer units; zero units always succeeds. Raises the errors of `transfer`."""
        if not amount:
            return
        details = self._details(asset)
        if details.status is not AssetStatus.Live:
            raise errors.AssetNotLive
        if self.free(asset, source) < amount:
            raise errors.BalanceLow
        if source != dest:
            self._credit(asset, details, dest, amount)
            self._debit(asset, details, source, amount)
            self.asset[asset] = details
        self.deposit(events.Transferred(asset, source, dest, amount))

    def freeze(self, asset: u32) -> None:
        """Freeze the asset: no transfers."""
        self.asset[asset] = replace(self._details(asset), status=AssetStatus.Frozen)
        self.deposit(events.AssetFrozen(asset))

    def thaw(self, asset: u32) -> None:
        """Thaw the asset: transfers are possible again."""
        self.asset[asset] = replace(self._details(asset), status=AssetStatus.Live)
        self.deposit(events.AssetThawed(asset))

    # ---- internals

    def _details(self, asset: u32) -> AssetDetails:
        details = self.asset.get(asset)
        if details is None:
            raise errors.Unknown
        return details

    def _store(self, asset: u32, details: AssetDetails) -> None:
        """Store an asset, or remove it if no account has units or a place for them."""
        if details.supply or details.accounts:
            self.asset[asset] = details
            return
        del self.asset[asset]
        del self.metadata[asset]
        self.deposit(events.Destroyed(asset))

    def _account(self, asset: u32, who: AccountId) -> AssetAccount:
        held = self.account.get((asset, who))
        if held is None:
            raise errors.NoAccount
        return held

    def _credit(self, asset: u32, details: AssetDetails, who: AccountId, amount: u128) -> None:
        """Credit units. Changes `details` but does not write it."""
        held = self.account.get((asset, who))
        if not is_pool(who) and not self.watcher.may_hold(asset, who):
            raise errors.NoPermission
        self.watcher.about_to_change(asset, who, NOTHING if held is None else held.balance)
        if held is None:
            held = AssetAccount(NOTHING, AccountStatus.Liquid, self._refer(who))
            details.accounts += 1
        held.balance += amount
        self.account[asset, who] = held

    def _debit(self, asset: u32, details: AssetDetails, who: AccountId, amount: u128) -> None:
        """Debit units. An empty account is removed unless a deposit keeps its place."""
        held = self._account(asset, who)
        if self.free(asset, who) < amount:
            raise errors.BalanceLow
        self.watcher.about_to_change(asset, who, held.balance)
        held.balance -= amount
        if held.balance or isinstance(held.reason, DepositHeld):
            self.account[asset, who] = held
        else:
            self._forget(asset, details, who, held)

    def _refer(self, who: AccountId) -> Consumer | Sufficient:
        """Add a consumer reference to an account that begins to hold units; pools need none."""
        if is_pool(who):
            return Sufficient()
        info = self.system.account[who]
        if not info.providers:
            raise TokenError(TokenErrorKind.CannotCreate)
        if not has_room(info):
            raise errors.UnavailableConsumer
        self.system.add_consumer(info)
        self.system.account[who] = info
        return Consumer()

    def _forget(
        self, asset: u32, details: AssetDetails, who: AccountId, held: AssetAccount
    ) -> None:
        """Remove an account without units. Changes `details` but does not write it."""
        del self.account[asset, who]
        details.accounts -= 1
        if isinstance(held.reason, DepositHeld):
            self.currency.unreserve_named(RESERVE_ID, who, held.reason.deposit)
        elif isinstance(held.reason, Consumer):
            info = self.system.account[who]
            info.consumers -= 1
            self.system.account[who] = info


def has_room(info: AccountInfo) -> bool:
    """Return True if the account can take a consumer reference for units.

    One reference is left for the account's reserves: without it the account could not call `touch`.
    """
    return bool(info.providers) and info.consumers + 1 < MAX_CONSUMERS
