"""Balances: accounts' money, its transfers, holds and locks.

Invariants: the free and reserved balances of all accounts add up to `total_issuance`, and that and
`total_burned` add up to the genesis supply. No call or function here raises the issuance. The
module `steps` defines what an account may spend.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountData, AccountId, AccountInfo, MultiAddress
from btt_chain.scale import Compact, TypeName, u32, u128
from runtime.frame import (
    Const,
    Error,
    Event,
    GenesisError,
    Map,
    Origin,
    Pallet,
    Reason,
    RuntimeHoldReason,
    Section,
    TokenError,
    TokenErrorKind,
    Value,
    call,
)
from runtime.frame.traits import Reasons
from runtime.pallets.balances.steps import (
    Standing,
    amount_of,
    fee_lock_level,
    lock_level,
    may_lose_provider,
    standing,
    sum_of,
    untouchable,
    with_amount,
)
from runtime.pallets.balances.types import (
    MAX_FREEZES,
    MAX_HOLDS,
    MAX_LOCKS,
    MAX_RESERVES,
    BalanceLock,
    BalanceStatus,
    Freeze,
    Freezes,
    Hold,
    Holds,
    Locks,
    ReserveData,
    Reserves,
    UnexpectedKind,
    is_pool,
    lookup,
)
from runtime.pallets.system import System
from runtime.weights import balances as weights

Who = Annotated[AccountId, TypeName("T::AccountId")]
Amount = Annotated[u128, TypeName("T::Balance")]
CompactAmount = Annotated[Compact[u128], TypeName("T::Balance")]
Lookup = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]

NOTHING: Final = u128(0)


class Burns(Protocol):
    """Counter of the money that owners burn."""

    def count_voluntary(self, amount: u128) -> None:
        """Count `amount` planck burned by their owner."""


class NoopBurns:
    """Burns of a chain that does not record the reasons of burns."""

    def count_voluntary(self, amount: u128) -> None:
        """Do nothing."""


class Balances(Pallet, instances=True):
    """Balances of accounts, transfers, holds and locks. Amounts are in planck."""

    accounts: System
    existential_deposit: Const[u128]
    """Minimum free balance: with less, an account is removed if nothing else keeps it alive."""
    max_locks: Const[u32] = u32(MAX_LOCKS)
    """Expected maximum number of locks of one account; not enforced."""
    max_reserves: Const[u32] = u32(MAX_RESERVES)
    """Maximum number of named reserves of one account."""
    max_freezes: Const[u32] = u32(MAX_FREEZES)
    """Maximum number of freezes of one account."""
    treasury: AccountId
    """Account that receives dust, slashes, and credits too small to create an account."""
    offsetting: tuple[Reason, ...]
    """Reasons whose holds count towards a lock: returnable deposits and bonds."""
    burns: Burns = NoopBurns()

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

    class Endowed(Event, index=0):
        """An account was created with some free balance."""

        account: Who
        free_balance: Amount

    class DustLost(Event, index=1):
        """The free balance fell below the existential deposit; the rest went to the treasury."""

        account: Who
        amount: Amount

    class Transfer(Event, index=2):
        """`amount` was transferred."""

        from_: Who
        to: Who
        amount: Amount

    class BalanceSet(Event, index=3):
        """The free balance of an account was set by Root."""

        who: Who
        free: Amount

    class Reserved(Event, index=4):
        """`amount` of free balance was reserved."""

        who: Who
        amount: Amount

    class Unreserved(Event, index=5):
        """`amount` of reserved balance became free."""

        who: Who
        amount: Amount

    class ReserveRepatriated(Event, index=6):
        """Reserved balance of one account was moved to another, where it is free or reserved."""

        from_: Who
        to: Who
        amount: Amount
        destination_status: Annotated[BalanceStatus, TypeName("Status")]

    class Deposit(Event, index=7):
        """`amount` was deposited, for example a share of fees, a refund or dust."""

        who: Who
        amount: Amount

    class Withdraw(Event, index=8):
        """`amount` was withdrawn from an account, for example for a fee."""

        who: Who
        amount: Amount

    class Slashed(Event, index=9):
        """`amount` was taken from an account for misbehavior."""

        who: Who
        amount: Amount

    class Minted(Event, index=10):
        """Never emitted: no call raises the issuance."""

        who: Who
        amount: Amount

    class Burned(Event, index=11):
        """Free balance of an account was burned; the issuance fell by `amount`."""

        who: Who
        amount: Amount

    class Suspended(Event, index=12):
        """Never emitted."""

        who: Who
        amount: Amount

    class Restored(Event, index=13):
        """Never emitted."""

        who: Who
        amount: Amount

    class Upgraded(Event, index=14):
        """Never emitted: there are no accounts of an older format."""

        who: Who

    class Issued(Event, index=15):
        """Never emitted: the issuance never rises."""

        amount: Amount

    class Rescinded(Event, index=16):
        """Never emitted."""

        amount: Amount

    class Locked(Event, index=17):
        """The lock on an account's balance rose by `amount`."""

        who: Who
        amount: Amount

    class Unlocked(Event, index=18):
        """The lock on an account's balance fell by `amount`."""

        who: Who
        amount: Amount

    class Frozen(Event, index=19):
        """The frozen part of an account's balance rose by `amount`."""

        who: Who
        amount: Amount

    class Thawed(Event, index=20):
        """The frozen part of an account's balance fell by `amount`."""

        who: Who
        amount: Amount

    class TotalIssuanceForced(Event, index=21):
        """Never emitted."""

        old: Amount
        new: Amount

    class Unexpected(Event, index=22, unnamed=True):
        """An inconsistency was found."""

        kind: Annotated[UnexpectedKind, TypeName("UnexpectedKind")]

    class Held(Event, index=23):
        """`amount` of free balance was put on hold for `reason`."""

        reason: Annotated[RuntimeHoldReason, TypeName("T::RuntimeHoldReason")]
        who: Who
        amount: Amount

    class BurnedHeld(Event, index=24):
        """Balance on hold was burned; the issuance fell by `amount`."""

        reason: Annotated[RuntimeHoldReason, TypeName("T::RuntimeHoldReason")]
        who: Who
        amount: Amount

    class TransferOnHold(Event, index=25):
        """Balance on hold was transferred to another account."""

        reason: Annotated[RuntimeHoldReason, TypeName("T::RuntimeHoldReason")]
        source: Who
        dest: Who
        amount: Amount

    class Released(Event, index=26):
        """`amount` of balance on hold became free."""

        reason: Annotated[RuntimeHoldReason, TypeName("T::RuntimeHoldReason")]
        who: Who
        amount: Amount

    class VestingBalance(Error, index=0):
        """Too much of the balance is still vesting for this transfer."""

    class LiquidityRestrictions(Error, index=1):
        """Locks on the account prevent the withdrawal."""

    class InsufficientBalance(Error, index=2):
        """The free balance is less than the value."""

    class ExistentialDeposit(Error, index=3):
        """The value is too small to create an account."""

    class Expendability(Error, index=4):
        """The payment would remove the account, which must be kept alive."""

    class ExistingVestingSchedule(Error, index=5):
        """The account already has a vesting schedule."""

    class DeadAccount(Error, index=6):
        """The beneficiary account does not exist."""

    class TooManyReserves(Error, index=7):
        """The account has the maximum number of named reserves."""

    class TooManyHolds(Error, index=8):
        """The account has the maximum number of holds."""

    class TooManyFreezes(Error, index=9):
        """The account has the maximum number of freezes."""

    class IssuanceDeactivated(Error, index=10):
        """The inactive issuance would exceed the total issuance."""

    class DeltaZero(Error, index=11):
        """The change is zero."""

    # ---- hooks

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
    def transfer_allow_death(self, origin: Origin, dest: Lookup, value: CompactAmount) -> None:
        """Transfer `value` planck to `dest`; the caller's account may be removed by it."""
        self.transfer(origin.signed(), lookup(dest), value, keep_alive=False)

    @call(2, weight=weights.FORCE_TRANSFER)
    def force_transfer(
        self, origin: Origin, source: Lookup, dest: Lookup, value: CompactAmount
    ) -> None:
        """Transfer `value` planck from `source` to `dest`. Root only; pools are rejected."""
        origin.root()
        owner = lookup(source)
        self.ensure_not_pool(owner)
        self.transfer(owner, lookup(dest), value, keep_alive=False)

    @call(3, weight=weights.TRANSFER_KEEP_ALIVE)
    def transfer_keep_alive(self, origin: Origin, dest: Lookup, value: CompactAmount) -> None:
        """Transfer `value` planck to `dest`; fails if it would remove the caller's account."""
        self.transfer(origin.signed(), lookup(dest), value, keep_alive=True)

    @call(4, weight=weights.TRANSFER_ALL)
    def transfer_all(self, origin: Origin, dest: Lookup, keep_alive: bool) -> None:
        """Transfer all transferable balance; with `keep_alive`, all but the existential deposit."""
        source = origin.signed()
        value = self.reducible_balance(source, keep_alive=keep_alive)
        self.transfer(source, lookup(dest), value, keep_alive=keep_alive)

    @call(5, weight=weights.FORCE_UNRESERVE)
    def force_unreserve(self, origin: Origin, who: Lookup, amount: Amount) -> None:
        """Release up to `amount` planck of the reserved balance of `who`. Root only.

        Holds and named reserves stay: they belong to the pallets that made them.
        """
        origin.root()
        self.unreserve(lookup(who), amount)

    @call(8, weight=weights.FORCE_SET_BALANCE)
    def force_set_balance(self, origin: Origin, who: Lookup, new_free: CompactAmount) -> None:
        """Set the free balance of `who` to `new_free` planck. Root only; `who` may not be a pool.

        The difference comes from the treasury or goes there: no money is created or burned. A value
        below the existential deposit sets zero.
        """
        origin.root()
        account = lookup(who)
        self.ensure_not_pool(account)
        new_free = new_free if new_free >= self.existential_deposit else u128(0)
        info = self.accounts.account[account]
        before, old_free = standing(info.data, self.existential_deposit), info.data.free
        if new_free > old_free:
            self.withdraw(self.treasury, new_free - old_free)
        info.data.free = new_free
        self._settle(account, info, before)
        if old_free > new_free:
            self.credit(self.treasury, old_free - new_free)
        self.deposit(self.BalanceSet(account, new_free))

    @call(10, weight=weights.BURN)
    def burn(self, origin: Origin, value: CompactAmount, keep_alive: bool) -> None:
        """Burn `value` planck of the caller; without `keep_alive` its account may be removed."""
        self.burn_from(origin.signed(), value, keep_alive=keep_alive)
        self.burns.count_voluntary(value)

    def lean_on(self, burns: Burns) -> None:
        """Bind the pallet that counts burns, which is later in the table and uses this one."""
        self.burns = burns

    # ---- public interface: queries

    def free(self, who: AccountId) -> u128:
        """Return the free balance, locked or not."""
        return self.accounts.account[who].data.free

    def reserved(self, who: AccountId) -> u128:
        """Return the reserved balance, named reserves and holds included."""
        return self.accounts.account[who].data.reserved

    def total(self, who: AccountId) -> u128:
        """Return the sum of free and reserved balance."""
        data = self.accounts.account[who].data
        return data.free + data.reserved

    def reducible_balance(self, who: AccountId, *, keep_alive: bool = False) -> u128:
        """Return the amount that `who` can spend now."""
        info = self.accounts.account[who]
        kept = untouchable(info.data)
        needed = keep_alive or not may_lose_provider(info)
        if needed and not self._is_exempt(who, info):
            kept = max(kept, int(self.existential_deposit))
        return u128(max(0, int(info.data.free) - kept))

    def lockable(self, who: AccountId) -> u128:
        """Return the amount of `who` that a lock can cover: all but stakes and escrows."""
        firm = sum_of([hold for hold in self.holds[who] if hold.id not in self.offsetting])
        return u128(int(self.total(who)) - firm)

    def held(self, reason: Reason, who: AccountId) -> u128:
        """Return the amount of `who` on hold for `reason`."""
        return amount_of(self.holds[who], reason)

    def unlocked(self, reason: Reason, who: AccountId) -> u128:
        """Return the amount on hold for `reason` that no lock needs."""
        held = self.held(reason, who)
        if reason not in self.offsetting:
            return held
        return min(held, self._not_needed_by_locks(self.accounts.account[who].data))

    def frozen_for(self, reason: Reason, who: AccountId) -> u128:
        """Return the amount of `who` frozen for `reason`."""
        return amount_of(self.freezes[who], reason)

    def reserved_named(self, name: bytes, who: AccountId) -> u128:
        """Return the amount of `who` reserved under `name`."""
        return amount_of(self.reserves[who], name)

    def can_reserve(self, who: AccountId, amount: u128) -> bool:
        """Return True if `who` can reserve `amount` and keep its account alive."""
        data = self.accounts.account[who].data
        return not amount or data.free >= int(amount) + int(self.existential_deposit)

    def can_withdraw_fee(self, who: AccountId, amount: u128, tip: u128 = NOTHING) -> bool:
        """Return True if `who` can pay the fee `amount`, with `tip` in it, and stay alive."""
        info = self.accounts.account[who]
        return amount <= self._fee_balance(who, info) and self._can_tip(who, info, tip)

    def ensure_not_pool(self, who: AccountId) -> None:
        """Raise TokenError Unsupported for pools: only their own pallet may move their money."""
        if is_pool(who) or who == self.treasury:
            raise TokenError(TokenErrorKind.Unsupported)

    # ---- public interface: transfers

    def transfer(
        self, source: AccountId, dest: AccountId, amount: u128, keep_alive: bool = False
    ) -> None:
        """Transfer free balance. With `keep_alive` the source's account is never removed by it.

        Raises TokenError: FundsUnavailable (more than free), Frozen (locked, or the account must
        stay and would be removed), NotExpendable (forbidden by `keep_alive`), BelowMinimum (too
        little to create `dest`). Source: `fungible::Mutate::transfer` of frame_support.
        """
        account = self.accounts.account
        payer = account[source]
        self._ensure_can_spend(source, payer, amount, keep_alive=keep_alive)
        payee = account[dest]
        if not self._may_receive(dest, payee, amount):
            raise TokenError(TokenErrorKind.BelowMinimum)
        if source == dest:
            return  # two copies of one record must never both be written
        if amount:
            self._pay_out(source, payer, amount)
            if payer.data.free < self.existential_deposit:
                payee = account[dest]  # dust may have gone there
            self._pay_in(dest, payee, amount)
        self.deposit(self.Transfer(source, dest, amount))

    def withdraw(self, who: AccountId, amount: u128) -> None:
        """Withdraw free balance of `who`; `credit` must follow in the same storage layer.

        Raises TokenError like `transfer`. The account may be removed by it.
        """
        info = self.accounts.account[who]
        self._ensure_can_spend(who, info, amount, keep_alive=False)
        self._pay_out(who, info, amount)
        self.deposit(self.Withdraw(who, amount))

    def withdraw_fee(self, who: AccountId, amount: u128, tip: u128 = NOTHING) -> None:
        """Withdraw a fee, `tip` included; `credit` must follow in the same extrinsic.

        Locks that do not apply to fees (vesting) apply to the tip only: a tip is a gift to an
        account of the sender's choice, and locked money must not be given away. The account is
        never removed. Raises TokenError: FundsUnavailable; Frozen for a tip of locked money.
        """
        info = self.accounts.account[who]
        if amount > self._fee_balance(who, info):
            raise TokenError(TokenErrorKind.FundsUnavailable)
        if not self._can_tip(who, info, tip):
            raise TokenError(TokenErrorKind.Frozen)
        info.data.free -= amount
        self.accounts.account[who] = info
        self.deposit(self.Withdraw(who, amount))

    def credit(self, who: AccountId, amount: u128) -> None:
        """Deposit withdrawn money to `who`.

        It goes to the treasury instead if it is too little to create the account.
        """
        if not amount:
            return
        info = self.accounts.account[who]
        if not self._may_receive(who, info, amount):
            who, info = self.treasury, self.accounts.account[self.treasury]
        self._pay_in(who, info, amount)
        self.deposit(self.Deposit(who, amount))

    def burn_from(self, who: AccountId, amount: u128, keep_alive: bool = False) -> None:
        """Burn free balance of `who`. Raises TokenError FundsUnavailable."""
        if amount > self.reducible_balance(who, keep_alive=keep_alive):
            raise TokenError(TokenErrorKind.FundsUnavailable)
        if amount:
            self._pay_out(who, self.accounts.account[who], amount)
            self._count_burned(amount)
        self.deposit(self.Burned(who, amount))

    # ---- public interface: reserves, which always count towards locks

    def reserve(self, who: AccountId, amount: u128) -> None:
        """Reserve free balance, locked or not.

        Raises InsufficientBalance; ConsumerRemaining if too little would stay free.
        """
        if not amount:
            return
        if self.free(who) < amount:
            raise self.InsufficientBalance
        self._change_reserved(who, reserved=amount, free=-amount)
        self.deposit(self.Reserved(who, amount))

    def unreserve(self, who: AccountId, amount: u128) -> u128:
        """Release up to `amount` of the unnamed reserve; return the missing part of `amount`."""
        actual = min(amount, self._unnamed_reserve(who))
        self._free_reserved(who, actual)
        return amount - actual

    def slash_reserved(self, who: AccountId, amount: u128) -> u128:
        """Move up to `amount` of the unnamed reserve to the treasury; return the missing part."""
        actual = min(amount, self._unnamed_reserve(who))
        self._forfeit_reserved(who, actual)
        return amount - actual

    def repatriate_reserved(
        self, slashed: AccountId, beneficiary: AccountId, amount: u128, status: BalanceStatus
    ) -> u128:
        """Move up to `amount` of the unnamed reserve to another account; return the part not moved.

        What a lock of `slashed` needs stays. Raises DeadAccount if `beneficiary` does not exist.
        """
        if slashed == beneficiary:
            if status is BalanceStatus.Free:
                return self.unreserve(slashed, amount)
            return amount - min(amount, self._unnamed_reserve(slashed))
        spare = self._not_needed_by_locks(self.accounts.account[slashed].data)
        actual = min(amount, spare, self._unnamed_reserve(slashed))
        if not actual:
            return amount
        if standing(self.accounts.account[beneficiary].data, self.existential_deposit).blank:
            raise self.DeadAccount
        if status is BalanceStatus.Free:
            self._change_reserved(beneficiary, reserved=0, free=actual)
        else:
            self._change_reserved(beneficiary, reserved=actual)
        self._change_reserved(slashed, reserved=-actual)
        self.deposit(self.ReserveRepatriated(slashed, beneficiary, actual, status))
        return amount - actual

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        """Reserve under a name of eight bytes. Raises like `reserve`, and TooManyReserves."""
        if not amount:
            return
        reserves = self.reserves[who]
        named = amount_of(reserves, name)
        if not named and len(reserves) >= self.max_reserves:
            raise self.TooManyReserves
        self.reserve(who, amount)
        self._set_named(who, reserves, ReserveData(name, named + amount))

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Release up to `amount` reserved under `name`; return the missing part of `amount`."""
        reserves = self.reserves[who]
        named = amount_of(reserves, name)
        actual = min(amount, named)
        self._set_named(who, reserves, ReserveData(name, named - actual))
        self._free_reserved(who, actual)
        return amount - actual

    def slash_reserved_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Move up to `amount` reserved under `name` to the treasury; return the missing part."""
        reserves = self.reserves[who]
        named = amount_of(reserves, name)
        actual = min(amount, named)
        self._set_named(who, reserves, ReserveData(name, named - actual))
        self._forfeit_reserved(who, actual)
        return amount - actual

    # ---- public interface: holds

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put `amount` of free balance on hold for `reason`, in addition to existing holds.

        Holds for an offsetting reason may use locked money, others not. Raises TokenError:
        FundsUnavailable, Frozen, CannotCreateHold (too many reasons).
        """
        if not amount:
            return
        info = self.accounts.account[who]
        self._ensure_can_hold(who, info, amount, offsets=reason in self.offsetting)
        self._ensure_room_for(reason, self.holds[who])
        self._change_held(reason, who, held=amount, free=-amount)
        self.deposit(self.Held(reason, who, amount))

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Release `amount` on hold for `reason`. Raises TokenError FundsUnavailable."""
        if not amount:
            return
        if self.held(reason, who) < amount:
            raise TokenError(TokenErrorKind.FundsUnavailable)
        self._change_held(reason, who, held=-amount, free=amount)
        self.deposit(self.Released(reason, who, amount))

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
        """Transfer `amount` on hold to `dest`, free there or on hold for the same reason.

        `force` (slashing) takes even what a lock of the source needs. Raises TokenError:
        FundsUnavailable, Frozen, CannotCreate (too little to create `dest`), CannotCreateHold.
        """
        if not amount:
            return
        self._ensure_can_take_held(reason, source, amount, force=force)
        if source == dest:
            if not on_hold:
                self.release(reason, source, amount)
            return
        payee = self.accounts.account[dest]
        if not self._may_receive(dest, payee, amount):
            raise TokenError(TokenErrorKind.CannotCreate)
        if on_hold:
            if not payee.providers:
                raise TokenError(TokenErrorKind.CannotCreateHold)
            self._ensure_room_for(reason, self.holds[dest])
            self._change_held(reason, dest, held=amount)
        else:
            self._pay_in(dest, payee, amount)
        self._change_held(reason, source, held=-amount)
        self.deposit(self.TransferOnHold(reason, source, dest, amount))

    def burn_held(
        self, reason: Reason, who: AccountId, amount: u128, *, force: bool = False
    ) -> None:
        """Burn `amount` on hold for `reason`. Raises TokenError FundsUnavailable and Frozen.

        `force` (slashing) takes even what a lock of the account needs.
        """
        if not amount:
            return
        self._ensure_can_take_held(reason, who, amount, force=force)
        self._change_held(reason, who, held=-amount)
        self._count_burned(amount)
        self.deposit(self.BurnedHeld(reason, who, amount))

    # ---- public interface: locks and freezes

    def set_lock(self, id: bytes, who: AccountId, amount: u128, reasons: Reasons) -> None:
        """Set the lock `id` to `amount`; zero removes it."""
        self._set_locks(who, with_amount(self.locks[who], BalanceLock(id, amount, reasons)))

    def extend_lock(self, id: bytes, who: AccountId, amount: u128, reasons: Reasons) -> None:
        """Extend the lock `id` to at least `amount` and at least `reasons`."""
        known = next((lock for lock in self.locks[who] if lock.id == id), None)
        if known is not None:
            amount = max(amount, known.amount)
            reasons = reasons if known.reasons is reasons else Reasons.All
        self.set_lock(id, who, amount, reasons)

    def remove_lock(self, id: bytes, who: AccountId) -> None:
        """Remove the lock `id`."""
        self.set_lock(id, who, u128(0), Reasons.All)

    def set_freeze(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Set the freeze for `reason` to `amount`; zero removes it. Raises TooManyFreezes."""
        freezes = with_amount(self.freezes[who], Freeze(reason, amount))
        if len(freezes) > self.max_freezes:
            raise self.TooManyFreezes
        change = self._refreeze(who, self.locks[who], freezes)
        if freezes:
            self.freezes[who] = freezes
        else:
            del self.freezes[who]
        if change > 0:
            self.deposit(self.Frozen(who, u128(change)))
        elif change < 0:
            self.deposit(self.Thawed(who, u128(-change)))

    def extend_freeze(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Extend the freeze for `reason` to at least `amount`. Raises TooManyFreezes."""
        self.set_freeze(reason, who, max(amount, self.frozen_for(reason, who)))

    def thaw(self, reason: Reason, who: AccountId) -> None:
        """Remove the freeze for `reason`."""
        self.set_freeze(reason, who, u128(0))

    # ---- internals: checks

    def _is_exempt(self, who: AccountId, info: AccountInfo) -> bool:
        """Return True if the account may hold less than the existential deposit: a pool may.

        A pool is recognized by its id and by a provider besides its balance, set at genesis.
        """
        if who == self.treasury:
            return True
        return is_pool(who) and info.providers > (info.data.free >= self.existential_deposit)

    def _ensure_can_spend(
        self, who: AccountId, info: AccountInfo, amount: u128, *, keep_alive: bool
    ) -> None:
        data = info.data
        if amount > data.free:
            raise TokenError(TokenErrorKind.FundsUnavailable)
        if not amount:
            return
        left = int(data.free) - int(amount)
        if data.frozen and left < untouchable(data):
            raise TokenError(TokenErrorKind.Frozen)
        if left >= self.existential_deposit or self._is_exempt(who, info):
            return
        if not may_lose_provider(info):
            raise TokenError(TokenErrorKind.Frozen)
        if keep_alive:
            raise TokenError(TokenErrorKind.NotExpendable)

    def _may_receive(self, who: AccountId, info: AccountInfo, amount: u128) -> bool:
        """Return True if the account would exist with `amount` added, or `amount` is zero."""
        enough = int(info.data.free) + int(amount) >= self.existential_deposit
        return enough or not amount or self._is_exempt(who, info)

    def _ensure_can_hold(
        self, who: AccountId, info: AccountInfo, amount: u128, *, offsets: bool
    ) -> None:
        left = int(info.data.free) - int(amount)
        needed = info.providers == 1 and not self._is_exempt(who, info)
        if left < (self.existential_deposit if needed else 0):
            raise TokenError(TokenErrorKind.FundsUnavailable)
        if not offsets and left < untouchable(info.data):
            raise TokenError(TokenErrorKind.Frozen)

    def _ensure_room_for(self, reason: Reason, holds: list[Hold]) -> None:
        if len(holds) >= MAX_HOLDS and not amount_of(holds, reason):
            raise TokenError(TokenErrorKind.CannotCreateHold)

    def _ensure_can_take_held(
        self, reason: Reason, who: AccountId, amount: u128, *, force: bool
    ) -> None:
        if amount > self.held(reason, who):
            raise TokenError(TokenErrorKind.FundsUnavailable)
        if force or reason not in self.offsetting:
            return
        if amount > self._not_needed_by_locks(self.accounts.account[who].data):
            raise TokenError(TokenErrorKind.Frozen)

    def _not_needed_by_locks(self, data: AccountData) -> u128:
        """Return the offsetting reserve that no lock needs."""
        if not data.frozen:
            return data.reserved
        return u128(max(0, int(data.free) + int(data.reserved) - int(data.frozen)))

    def _can_tip(self, who: AccountId, info: AccountInfo, tip: u128) -> bool:
        """Return True if `tip` is neither locked nor needed to keep the account alive."""
        kept = max(untouchable(info.data), int(self.existential_deposit))
        return not tip or tip <= int(info.data.free) - kept

    def _fee_balance(self, who: AccountId, info: AccountInfo) -> int:
        """Return the balance for fees: free without the existential deposit and locks on fees."""
        data, kept = info.data, int(self.existential_deposit)
        if data.frozen:
            locks, freezes = self.locks[who], self.freezes[who]
            firm = int(data.frozen) - lock_level(locks, freezes)
            offsetting = int(data.reserved) - firm
            kept = max(kept, fee_lock_level(locks, freezes) - offsetting)
        return int(data.free) - kept

    # ---- internals: free balance

    def _pay_out(self, who: AccountId, info: AccountInfo, amount: u128) -> None:
        """Subtract from the free balance; the caller has checked that it may be spent."""
        data = info.data
        left = data.free - amount
        if left >= self.existential_deposit:  # the account's references do not change
            data.free = left
            self.accounts.account[who] = info
            return
        before = standing(data, self.existential_deposit)
        data.free = left
        self._settle(who, info, before)

    def _pay_in(self, who: AccountId, info: AccountInfo, amount: u128) -> None:
        """Add to the free balance; the caller has checked that it may be received."""
        data = info.data
        if data.free >= self.existential_deposit:
            data.free += amount
            self.accounts.account[who] = info
            return
        before = standing(data, self.existential_deposit)
        data.free += amount
        self._settle(who, info, before)

    def _settle(self, who: AccountId, info: AccountInfo, before: Standing) -> None:
        """Store an account whose balance changed, and update all that depends on it.

        Updates reference counts, emits the event of a new account, removes a dead one, and moves
        dust to the treasury. Raises ConsumerRemaining, NoProviders or TooManyConsumers before any
        write.
        """
        data, system = info.data, self.accounts
        now = standing(data, self.existential_deposit)
        if now.provides and not before.provides:
            system.add_provider(who, info)
        if now.consumes and not before.consumes:
            system.add_consumer(info)
        if before.consumes and not now.consumes:
            info.consumers -= 1
        dead = before.provides and not now.provides and system.remove_provider(info)
        if dead:
            system.kill(who)
        if before.blank and data.free:
            self.deposit(self.Endowed(who, data.free))
        dust = u128(0)
        if not (now.provides or data.reserved or self._is_exempt(who, info)) or dead:
            dust, data.free = data.free, u128(0)
        if not dead and (info.providers or info.sufficients):
            system.account[who] = info
        if dust:
            self.deposit(self.DustLost(who, dust))
            self.credit(self.treasury, dust)

    def _count_burned(self, amount: u128) -> None:
        self.total_issuance.value -= amount
        self.total_burned.value += amount

    # ---- internals: reserved balance

    def _unnamed_reserve(self, who: AccountId) -> u128:
        """Return the reserved balance that is neither on hold nor named."""
        named = sum_of(self.holds[who]) + sum_of(self.reserves[who])
        return self.accounts.account[who].data.reserved - named

    def _change_reserved(self, who: AccountId, *, reserved: int, free: int = 0) -> None:
        """Add `reserved` to the offsetting reserve and `free` to the free balance."""
        info = self.accounts.account[who]
        before = standing(info.data, self.existential_deposit)
        info.data.reserved += reserved
        info.data.free += free
        self._settle(who, info, before)

    def _free_reserved(self, who: AccountId, amount: u128) -> None:
        if amount:
            self._change_reserved(who, reserved=-amount, free=amount)
            self.deposit(self.Unreserved(who, amount))

    def _forfeit_reserved(self, who: AccountId, amount: u128) -> None:
        if amount:
            self._change_reserved(who, reserved=-amount)
            self.deposit(self.Slashed(who, amount))
            self.credit(self.treasury, amount)

    def _set_named(self, who: AccountId, reserves: list[ReserveData], entry: ReserveData) -> None:
        changed = sorted(with_amount(reserves, entry), key=lambda known: known.id)
        if changed:
            self.reserves[who] = changed
        else:
            del self.reserves[who]

    # ---- internals: holds

    def _change_held(self, reason: Reason, who: AccountId, *, held: int, free: int = 0) -> None:
        """Add `held` to the hold for `reason` and `free` to the free balance."""
        info = self.accounts.account[who]
        data = info.data
        before = standing(data, self.existential_deposit)
        data.free += free
        data.reserved += held
        if data.frozen and reason not in self.offsetting:
            data.frozen += held
        self._settle(who, info, before)
        holds = self.holds[who]
        changed = with_amount(holds, Hold(reason, amount_of(holds, reason) + held))
        if changed:
            self.holds[who] = changed
        else:
            del self.holds[who]

    # ---- internals: locks and freezes

    def _set_locks(self, who: AccountId, locks: list[BalanceLock]) -> None:
        change = self._refreeze(who, locks, self.freezes[who])
        if locks:
            self.locks[who] = locks
        else:
            del self.locks[who]
        if change > 0:
            self.deposit(self.Locked(who, u128(change)))
        elif change < 0:
            self.deposit(self.Unlocked(who, u128(-change)))

    def _refreeze(self, who: AccountId, locks: list[BalanceLock], freezes: list[Freeze]) -> int:
        """Apply `locks` and `freezes` to the account's data; return the change of its lock."""
        info = self.accounts.account[who]
        data = info.data
        before = standing(data, self.existential_deposit)
        firm = sum_of([hold for hold in self.holds[who] if hold.id not in self.offsetting])
        old = int(data.frozen) - firm if data.frozen else 0
        new = lock_level(locks, freezes)
        if new != old:
            data.frozen = u128(new + firm if new else 0)
            self._settle(who, info, before)
        return new - old
