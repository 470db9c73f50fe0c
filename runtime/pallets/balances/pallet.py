"""Balances: accounts' money, its transfers, holds and locks.

Invariants: the free and reserved balances of all accounts add up to `total_issuance`, and that and
`total_burned` add up to the genesis supply. No call or function here raises the issuance. The
module `formulas` defines what an account may spend.

Each part of FRAME's interface is a component: `fungible` (free balance), `fungible_hold`,
`reservable_currency`, `lockable_currency`, and `fee_payments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountData, AccountId, AccountInfo
from btt_chain.scale import Compact, TypeName, u32, u128
from runtime.frame import (
    Const,
    Constant,
    GenesisError,
    Map,
    Origin,
    Pallet,
    Part,
    Reason,
    Section,
    TokenError,
    TokenErrorKind,
    Value,
    call,
)
from runtime.frame.aliases import AccountIdLookupOf
from runtime.frame.traits import Reasons
from runtime.pallets.balances import errors, events, weights
from runtime.pallets.balances.fees import FeePayments
from runtime.pallets.balances.fungible import Fungible
from runtime.pallets.balances.hold import FungibleHold
from runtime.pallets.balances.packed import reserved_in
from runtime.pallets.balances.reservable import LockableCurrency, ReservableCurrency
from runtime.pallets.balances.types import (
    MAX_FREEZES,
    MAX_LOCKS,
    MAX_RESERVES,
    Freezes,
    Holds,
    Locks,
    Reserves,
    is_pool,
    lookup,
)
from runtime.pallets.system.pallet import System

Amount = Annotated[u128, TypeName("T::Balance")]
CompactAmount = Annotated[Compact[u128], TypeName("T::Balance")]

NO_TIP: Final = u128(0)


class Burns(Protocol):
    """Counter of the money that owners burn."""

    def count_voluntary(self, amount: u128) -> None:
        """Count `amount` planck burned by their owner."""


class NoopBurns:
    """Burns of a chain that does not record the reasons of burns."""

    def count_voluntary(self, amount: u128) -> None:
        """Do nothing."""


class Balances(Pallet, instances=True, events=events, errors=errors):
    """Balances of accounts, transfers, holds and locks. Amounts are in planck."""

    # ---- constants

    existential_deposit: Const[u128]
    """Minimum free balance: with less, an account is removed if nothing else keeps it alive."""
    max_locks = Constant(u32(MAX_LOCKS))
    """Expected maximum number of locks of one account; not enforced."""
    max_reserves = Constant(u32(MAX_RESERVES))
    """Maximum number of named reserves of one account."""
    max_freezes = Constant(u32(MAX_FREEZES))
    """Maximum number of freezes of one account."""

    # ---- dependencies

    accounts: System
    treasury: AccountId
    """Account that receives dust, slashes, and credits too small to create an account."""
    offsetting: tuple[Reason, ...]
    """Reasons whose holds count towards a lock: returnable deposits and bonds."""
    burns: Burns = NoopBurns()

    # ---- storage

    total_issuance = Value(u128, default=u128(0))
    """Sum of all balances. It can only fall."""
    inactive_issuance = Value(u128, default=u128(0))
    """Issuance without votes: present for compatibility of the metadata, and always zero."""
    account = Map(AccountId, AccountData, default=AccountData())
    """Always empty: balances are stored in `System.Account`, where wallets read them."""
    locks = Map(AccountId, Locks, default=[])
    """Locks of accounts, by identifier."""
    reserves = Map(AccountId, Reserves, default=[])
    """Named reserves of accounts, ordered by name."""
    holds = Map(AccountId, Holds, default=[])
    """Holds of accounts, by reason."""
    freezes = Map(AccountId, Freezes, default=[])
    """Freezes of accounts, by reason."""
    total_burned = Value(u128, default=u128(0))
    """Sum of all money ever burned. With the issuance it adds up to the genesis supply."""

    # ---- components

    fungible = Part(Fungible)
    fungible_hold = Part(FungibleHold)
    reservable_currency = Part(ReservableCurrency)
    lockable_currency = Part(LockableCurrency)
    fee_payments = Part(FeePayments)

    # ---- hooks

    def setup(self) -> None:
        """Keep the method that every transaction calls."""
        self.withdraw_first_fee = self.fee_payments.withdraw_first

    def genesis(self, config: Mapping[str, object]) -> None:
        """Endow the accounts of `balances` ([[address, planck], ...]) and create the `pools`.

        The treasury, every account in `pools` and every pool among the balances exist from then on,
        regardless of their balance. Raises GenesisError.
        """
        section = Section(config, "balances").fields(required=("balances",), optional=("pools",))
        pools = {self.treasury: None}
        for entry in section.get("pools", ()):
            pools[entry.account()] = None
        issued, endowed = 0, dict.fromkeys(pools, u128(0))
        for row in section["balances"]:
            account, planck = row.rows(length=2)
            who, amount = account.account(), planck.planck()
            if endowed.get(who):
                raise GenesisError(f"{account.path}: the account has a balance already")
            if is_pool(who):
                pools[who] = None
            elif amount < self.existential_deposit:
                least = f"at least {self.existential_deposit} planck"
                raise GenesisError(f"{planck.path}: expected {least}, found {amount}")
            issued += int(amount)
            if issued > u128.MAX:
                raise GenesisError(f"{planck.path}: the balances up to here exceed 2^128 planck")
            endowed[who] = amount
        for who, free in endowed.items():
            provided = (who in pools) + (free >= self.existential_deposit)
            data = AccountData(free=free)
            self.accounts.account[who] = AccountInfo(providers=u32(provided), data=data)
        self.total_issuance.value = u128(issued)

    # ---- calls

    @call(0, weight=weights.TRANSFER_ALLOW_DEATH)
    def transfer_allow_death(
        self, origin: Origin, dest: AccountIdLookupOf, value: CompactAmount
    ) -> None:
        """Transfer `value` planck to `dest`; the caller's account may be removed by it."""
        self.fungible.transfer(origin.signed(), lookup(dest), value, keep_alive=False)

    @call(2, weight=weights.FORCE_TRANSFER)
    def force_transfer(
        self,
        origin: Origin,
        source: AccountIdLookupOf,
        dest: AccountIdLookupOf,
        value: CompactAmount,
    ) -> None:
        """Transfer `value` planck from `source` to `dest`. Root only; pools are rejected."""
        origin.root()
        owner = lookup(source)
        self.ensure_not_pool(owner)
        self.fungible.transfer(owner, lookup(dest), value, keep_alive=False)

    @call(3, weight=weights.TRANSFER_KEEP_ALIVE)
    def transfer_keep_alive(
        self, origin: Origin, dest: AccountIdLookupOf, value: CompactAmount
    ) -> None:
        """Transfer `value` planck to `dest`; fails if it would remove the caller's account."""
        self.fungible.transfer(origin.signed(), lookup(dest), value, keep_alive=True)

    @call(4, weight=weights.TRANSFER_ALL)
    def transfer_all(self, origin: Origin, dest: AccountIdLookupOf, keep_alive: bool) -> None:
        """Transfer all transferable balance; with `keep_alive`, all but the existential deposit."""
        source = origin.signed()
        value = self.fungible.reducible_balance(source, keep_alive=keep_alive)
        self.fungible.transfer(source, lookup(dest), value, keep_alive=keep_alive)

    @call(5, weight=weights.FORCE_UNRESERVE)
    def force_unreserve(self, origin: Origin, who: AccountIdLookupOf, amount: Amount) -> None:
        """Release up to `amount` planck of the reserved balance of `who`. Root only.

        Holds and named reserves stay: they belong to the pallets that made them.
        """
        origin.root()
        self.reservable_currency.unreserve(lookup(who), amount)

    @call(8, weight=weights.FORCE_SET_BALANCE)
    def force_set_balance(
        self, origin: Origin, who: AccountIdLookupOf, new_free: CompactAmount
    ) -> None:
        """Set the free balance of `who` to `new_free` planck. Root only; `who` may not be a pool.

        The difference comes from the treasury or goes there: no money is created or burned. A value
        below the existential deposit sets zero.
        """
        origin.root()
        account = lookup(who)
        self.ensure_not_pool(account)
        new_free = new_free if new_free >= self.existential_deposit else u128(0)
        self.fungible.set_free(account, new_free)
        self.deposit(events.BalanceSet(account, new_free))

    @call(10, weight=weights.BURN)
    def burn(self, origin: Origin, value: CompactAmount, keep_alive: bool) -> None:
        """Burn `value` planck of the caller; without `keep_alive` its account may be removed."""
        self.fungible.burn_from(origin.signed(), value, keep_alive=keep_alive)
        self.burns.count_voluntary(value)

    # ---- public interface: `Inspect` and `Mutate`

    def connect(self, burns: Burns) -> None:
        """Connect the pallet that counts burns, which is later in the table and uses this one."""
        self.burns = burns

    def free(self, who: AccountId) -> u128:
        """Return the free balance, locked or not."""
        return self.fungible.free(who)

    def reserved(self, who: AccountId) -> u128:
        """Return the reserved balance, named reserves and holds included."""
        raw = self.accounts.account.raw(who)
        return u128(0 if raw is None else reserved_in(raw))

    def total(self, who: AccountId) -> u128:
        """Return the sum of free and reserved balance."""
        return self.fungible.total(who)

    def reducible_balance(self, who: AccountId, *, keep_alive: bool = False) -> u128:
        """Return the amount that `who` can spend now."""
        return self.fungible.reducible_balance(who, keep_alive=keep_alive)

    def ensure_not_pool(self, who: AccountId) -> None:
        """Raise TokenError Unsupported for pools: only their own pallet may move their money."""
        if is_pool(who) or who == self.treasury:
            raise TokenError(TokenErrorKind.Unsupported)

    def transfer(
        self, source: AccountId, dest: AccountId, amount: u128, keep_alive: bool = False
    ) -> None:
        """Transfer free balance: see `Fungible.transfer`."""
        self.fungible.transfer(source, dest, amount, keep_alive)

    def credit(self, who: AccountId, amount: u128) -> None:
        """Deposit withdrawn money to `who`: see `Fungible.credit`."""
        self.fungible.credit(who, amount)

    def can_withdraw_fee(
        self, who: AccountId, amount: u128, tip: u128 = NO_TIP, info: AccountInfo | None = None
    ) -> bool:
        """Return True if `who` can pay the fee `amount`, with `tip` in it, and stay alive.

        `info` is its record if the caller has read it.
        """
        info = self.accounts.account[who] if info is None else info
        return self.fee_payments.can_withdraw(who, info, amount, tip)

    def withdraw_fee(
        self, who: AccountId, amount: u128, tip: u128 = NO_TIP, info: AccountInfo | None = None
    ) -> None:
        """Withdraw a fee, `tip` included: see `FeePayments.withdraw`.

        `info` is its record as the caller has read and changed it; it is stored.
        """
        info = self.accounts.account[who] if info is None else info
        self.fee_payments.withdraw(who, info, amount, tip)

    # ---- public interface: `InspectHold` and `MutateHold`

    def held(self, reason: Reason, who: AccountId) -> u128:
        """Return the amount of `who` on hold for `reason`."""
        return self.fungible_hold.held(reason, who)

    def unlocked(self, reason: Reason, who: AccountId) -> u128:
        """Return the amount on hold for `reason` that no lock needs."""
        return self.fungible_hold.unlocked(reason, who)

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put `amount` on hold for `reason`: see `FungibleHold.hold`."""
        self.fungible_hold.hold(reason, who, amount)

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Release `amount` on hold for `reason`. Raises TokenError FundsUnavailable."""
        self.fungible_hold.release(reason, who, amount)

    def transfer_on_hold(
        self,
        reason: Reason,
        source: AccountId,
        dest: AccountId,
        amount: u128,
        *,
        on_hold: bool,
        force: bool = False,
    ) -> None:
        """Transfer `amount` on hold to `dest`: see `FungibleHold.transfer_on_hold`."""
        self.fungible_hold.transfer_on_hold(
            reason, source, dest, amount, on_hold=on_hold, force=force
        )

    # ---- public interface: `NamedReservable` and `SlashNamed`

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        """Reserve under a name of eight bytes: see `ReservableCurrency.reserve_named`."""
        self.reservable_currency.reserve_named(name, who, amount)

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Release up to `amount` reserved under `name`; return the missing part of `amount`."""
        return self.reservable_currency.unreserve_named(name, who, amount)

    def slash_reserved_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Move up to `amount` reserved under `name` to the treasury; return the missing part."""
        return self.reservable_currency.slash_reserved_named(name, who, amount)

    # ---- public interface: `Lockable`

    def lockable(self, who: AccountId) -> u128:
        """Return the amount of `who` that a lock can cover: all but stakes and escrows."""
        return self.lockable_currency.lockable(who)

    def set_lock(self, id: bytes, who: AccountId, amount: u128, reasons: Reasons) -> None:
        """Set the lock `id` to `amount`; zero removes it."""
        self.lockable_currency.set_lock(id, who, amount, reasons)

    def remove_lock(self, id: bytes, who: AccountId) -> None:
        """Remove the lock `id`."""
        self.lockable_currency.remove_lock(id, who)
