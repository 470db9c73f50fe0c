"""Free balances: transfers, payments and burns. Source: `fungible` of frame_support."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.scale import u128
from runtime.frame import Component, TokenError, TokenErrorKind, Value
from runtime.pallets.balances import events
from runtime.pallets.balances.formulas import References, may_lose_provider, references, untouchable
from runtime.pallets.balances.packed import credited, debited, free_in, reserved_in, topped_up
from runtime.pallets.balances.types import is_pool
from runtime.pallets.system.pallet import System


class Fungible(Component):
    """Free balances of accounts, which are created and removed with them."""

    system: System
    total_issuance: Value[u128]
    total_burned: Value[u128]
    existential_deposit: u128
    treasury: AccountId

    def setup(self) -> None:
        """Keep the values that every transfer uses."""
        self.account = self.system.account
        self._least = int(self.existential_deposit)
        self._deposited = self.event_prefix(events.Deposit)
        self._transferred = self.event_prefix(events.Transfer)

    # ---- public interface: queries

    def free(self, who: AccountId) -> u128:
        """Return the free balance, locked or not."""
        raw = self.account.raw(who)
        return u128(0 if raw is None else free_in(raw))

    def total(self, who: AccountId) -> u128:
        """Return the sum of free and reserved balance."""
        raw = self.account.raw(who)
        return u128(0 if raw is None else free_in(raw) + reserved_in(raw))

    def reducible_balance(self, who: AccountId, *, keep_alive: bool = False) -> u128:
        """Return the planck that `who` can spend; if `keep_alive`, without losing the account."""
        info = self.account[who]
        kept = untouchable(info.data)
        needed = keep_alive or not may_lose_provider(info)
        if needed and not self.is_exempt(who, info):
            kept = max(kept, int(self.existential_deposit))
        return u128(max(0, int(info.data.free) - kept))

    # ---- public interface: transfers

    def transfer(
        self, source: AccountId, dest: AccountId, amount: u128, keep_alive: bool = False
    ) -> None:
        """Transfer free balance. With `keep_alive` the source's account is never removed by it.

        Raises TokenError: FundsUnavailable (more than free), Frozen (locked, or the account must
        stay and would be removed), NotExpendable (forbidden by `keep_alive`), BelowMinimum (too
        little to create `dest`). Source: `fungible::Mutate::transfer` of frame_support.
        """
        event = self._transferred + source + dest + amount.to_bytes(16, "little")
        if self._move(source, dest, int(amount)):
            self.deposit_raw(event)
            return
        account = self.account
        payer = account[source]
        self.ensure_can_spend(source, payer, amount, keep_alive=keep_alive)
        payee = account[dest]
        if not self.may_receive(dest, payee, amount):
            raise TokenError(TokenErrorKind.BelowMinimum)
        if source == dest:
            return  # two copies of one record must never both be written
        if amount:
            self.pay_out(source, payer, amount)
            if payer.data.free < self.existential_deposit:
                payee = account[dest]  # dust may have gone there
            self.pay_in(dest, payee, amount)
        self.deposit_raw(event)

    def withdraw(self, who: AccountId, amount: u128) -> None:
        """Withdraw free balance of `who`; `credit` must follow in the same storage layer.

        Raises TokenError like `transfer`. The account may be removed by it.
        """
        info = self.account[who]
        self.ensure_can_spend(who, info, amount, keep_alive=False)
        self.pay_out(who, info, amount)
        self.deposit(events.Withdraw(who, amount))

    def credit(self, who: AccountId, amount: u128) -> None:
        """Deposit withdrawn money to `who`.

        It goes to the treasury instead if it is too little to create the account.
        """
        if not amount:
            return
        plain, least = int(amount), self._least
        state, key = self.host.state, self.account.key(who)
        raw = state.get(key)
        if raw is None and plain < least:
            who = self.treasury
            key = self.account.key(who)
            raw = state.get(key)
        paid = None if raw is None else credited(raw, plain, least)
        if paid is None and raw is not None and (who == self.treasury or is_pool(who)):
            paid = topped_up(raw, plain, least)
        if paid is not None:
            state.put(key, paid)
        else:
            info = self.account[who]
            if not self.may_receive(who, info, amount):
                who, info = self.treasury, self.account[self.treasury]
            self.pay_in(who, info, amount)
        self.deposit_raw(self._deposited + who + plain.to_bytes(16, "little"))

    def burn_from(self, who: AccountId, amount: u128, keep_alive: bool = False) -> None:
        """Burn free balance of `who`. Raises TokenError FundsUnavailable."""
        if amount > self.reducible_balance(who, keep_alive=keep_alive):
            raise TokenError(TokenErrorKind.FundsUnavailable)
        if amount:
            self.pay_out(who, self.account[who], amount)
            self.count_burned(amount)
        self.deposit(events.Burned(who, amount))

    def set_free(self, who: AccountId, new_free: u128) -> None:
        """Set the free balance of `who`; the difference comes from the treasury or goes there."""
        info = self.account[who]
        before, old_free = references(info.data, self.existential_deposit), info.data.free
        if new_free > old_free:
            self.withdraw(self.treasury, new_free - old_free)
        info.data.free = new_free
        self.settle(who, info, before)
        if old_free > new_free:
            self.credit(self.treasury, old_free - new_free)

    # ---- for the other components: checks and changes

    def is_exempt(self, who: AccountId, info: AccountInfo) -> bool:
        """Return True if the account may hold less than the existential deposit: a pool may.

        A pool is recognized by its id and by a provider besides its balance, set at genesis.
        """
        if who == self.treasury:
            return True
        return is_pool(who) and info.providers > (info.data.free >= self.existential_deposit)

    def ensure_can_spend(
        self, who: AccountId, info: AccountInfo, amount: u128, *, keep_alive: bool
    ) -> None:
        """Raise TokenError if `who` cannot spend `amount`; `transfer` lists the reasons."""
        data = info.data
        if amount > data.free:
            raise TokenError(TokenErrorKind.FundsUnavailable)
        if not amount:
            return
        left = int(data.free) - int(amount)
        if data.frozen and left < untouchable(data):
            raise TokenError(TokenErrorKind.Frozen)
        if left >= self.existential_deposit or self.is_exempt(who, info):
            return
        if not may_lose_provider(info):
            raise TokenError(TokenErrorKind.Frozen)
        if keep_alive:
            raise TokenError(TokenErrorKind.NotExpendable)

    def may_receive(self, who: AccountId, info: AccountInfo, amount: u128) -> bool:
        """Return True if the account would exist with `amount` added, or `amount` is zero."""
        enough = int(info.data.free) + int(amount) >= self.existential_deposit
        return enough or not amount or self.is_exempt(who, info)

    def pay_out(self, who: AccountId, info: AccountInfo, amount: u128) -> None:
        """Subtract from the free balance; the caller has checked that it may be spent."""
        data = info.data
        left = data.free - amount
        if left >= self.existential_deposit:  # the account's references do not change
            data.free = left
            self.account[who] = info
            return
        before = references(data, self.existential_deposit)
        data.free = left
        self.settle(who, info, before)

    def pay_in(self, who: AccountId, info: AccountInfo, amount: u128) -> None:
        """Add to the free balance; the caller has checked that it may be received."""
        data = info.data
        before, free = data.free, data.free + amount
        # A pool may have less than the deposit before and after.
        is_small_pool = info.providers and before > 0 and free < self.existential_deposit
        if before >= self.existential_deposit or is_small_pool:  # no reference changes
            data.free = free
            self.account[who] = info
            return
        implied = references(data, self.existential_deposit)
        data.free = free
        self.settle(who, info, implied)

    def settle(self, who: AccountId, info: AccountInfo, before: References) -> None:
        """Store an account whose balance changed, and update all that depends on it.

        Updates reference counts, emits the event of a new account, removes a dead one, and moves
        dust to the treasury. Raises ConsumerRemaining, NoProviders or TooManyConsumers before any
        write.
        """
        data, system = info.data, self.system
        now = references(data, self.existential_deposit)
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
            self.deposit(events.Endowed(who, data.free))
        dust = u128(0)
        if not (now.provides or data.reserved or self.is_exempt(who, info)) or dead:
            dust, data.free = data.free, u128(0)
        if not dead and (info.providers or info.sufficients):
            system.account[who] = info
        if dust:
            self.deposit(events.DustLost(who, dust))
            self.credit(self.treasury, dust)

    def count_burned(self, amount: u128) -> None:
        """Subtract `amount` from the issuance, and count it as burned."""
        self.total_issuance.value -= amount
        self.total_burned.value += amount

    # ---- internals

    def _move(self, source: AccountId, dest: AccountId, amount: int) -> bool:
        """Return True if the transfer was made: of both accounts only the free balances change.

        Nothing changes if more may have to change, or the transfer may be forbidden.
        """
        state, least = self.host.state, self._least
        key_of = self.account.key
        source_key, dest_key = key_of(source), key_of(dest)
        payer, payee = state.get(source_key), state.get(dest_key)
        if payer is None or payee is None or source == dest or not amount:
            return False
        paid = debited(payer, amount, least)
        received = None if paid is None else credited(payee, amount, least)
        if paid is None or received is None:
            return False
        state.put(source_key, paid)
        state.put(dest_key, received)
        return True
