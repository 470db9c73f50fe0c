"""Sub-accounts: accounts that share the identity of another, once they agree."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, u32, u128
from runtime.frame import Component, Hasher, Map
from runtime.frame.deposits import change_deposit
from runtime.frame.traits import NamedReservable
from runtime.pallets.identity import errors, events
from runtime.pallets.identity.types import MAX_SUBS, RESERVE_ID, Datum

Subs = tuple[u128, Bounded[list[AccountId], MAX_SUBS]]


class SubAccounts(Component):
    """The sub-accounts of accounts, and the deposits for them."""

    currency: NamedReservable
    sub_account_deposit: u128

    super_of = Map(AccountId, tuple[AccountId, Datum])
    """The parent of a sub-account, and the sub-account's name there."""
    agreed = Map(AccountId, tuple[()])
    """The sub-accounts that agreed to their parent."""
    subs_of = Map(AccountId, Subs, default=(u128(0), []), hasher=Hasher.Twox64Concat)
    """The sub-accounts of an account, and the deposit for them."""

    # ---- public interface

    def parent_of(self, who: AccountId) -> AccountId | None:
        """Return the account that names `who` a sub-account, agreed or not, if any does."""
        found = self.super_of.get(who)
        return None if found is None else found[0]

    def add(self, sub: AccountId, main: AccountId, name: Datum) -> None:
        """Name a sub-account. Raises AlreadyClaimed or TooManySubAccounts."""
        if sub in self.super_of:
            raise errors.AlreadyClaimed
        deposit, subs = self.subs_of[main]
        if len(subs) >= MAX_SUBS:
            raise errors.TooManySubAccounts
        self.currency.reserve_named(RESERVE_ID, main, self.sub_account_deposit)
        self.super_of[sub] = (main, name)
        self._store(main, deposit + self.sub_account_deposit, [*subs, sub])
        self.deposit(events.SubIdentityAdded(sub, main, self.sub_account_deposit))

    def replace(self, main: AccountId, subs: list[tuple[AccountId, Datum]]) -> int:
        """Replace the list of sub-accounts; return the number of former ones.

        Raises AlreadyClaimed if another account names one of them, or one is there twice.
        """
        named = dict(subs)
        if len(named) < len(subs) or any(self._claimed(sub, main) for sub in named):
            raise errors.AlreadyClaimed
        old_deposit, old = self.subs_of[main]
        deposit = self.sub_account_deposit * len(subs)
        change_deposit(self.currency, RESERVE_ID, main, old_deposit, deposit)
        for sub in old:
            if sub not in named:
                self._unname(sub)
        for sub, name in subs:
            self.super_of[sub] = (main, name)
        self._store(main, deposit, list(named))
        self.deposit(events.SubIdentitiesSet(main, u32(len(subs)), deposit))
        return len(old)

    def rename(self, sub: AccountId, main: AccountId, name: Datum) -> None:
        """Rename a sub-account. Raises NotOwned."""
        self._ensure_sub(sub, main)
        self.super_of[sub] = (main, name)
        self.deposit(events.SubIdentityRenamed(sub, main))

    def remove(self, sub: AccountId, main: AccountId) -> None:
        """Remove a sub-account. Raises NotOwned."""
        self._ensure_sub(sub, main)
        self.deposit(events.SubIdentityRemoved(sub, main, self._remove(sub, main)))

    def quit(self, sub: AccountId) -> None:
        """Remove a sub-account from its parent. Raises NotSub."""
        main = self.parent_of(sub)
        if main is None:
            raise errors.NotSub
        self.deposit(events.SubIdentityRevoked(sub, main, self._remove(sub, main)))

    def agree(self, sub: AccountId, main: AccountId) -> None:
        """Agree to be a sub-account of `main`. Raises NotSub."""
        if self.parent_of(sub) != main:
            raise errors.NotSub
        self.agreed[sub] = ()
        self.deposit(events.SubIdentityAgreed(sub, main))

    def remove_all(self, main: AccountId) -> tuple[u128, int]:
        """Remove all sub-accounts; return the deposit, which stays reserved, and their number."""
        deposit, subs = self.subs_of[main]
        del self.subs_of[main]
        for sub in subs:
            self._unname(sub)
        return deposit, len(subs)

    # ---- internals

    def _claimed(self, sub: AccountId, by: AccountId) -> bool:
        parent = self.parent_of(sub)
        return parent is not None and parent != by

    def _ensure_sub(self, sub: AccountId, main: AccountId) -> None:
        if self.parent_of(sub) != main:
            raise errors.NotOwned

    def _store(self, who: AccountId, deposit: u128, subs: list[AccountId]) -> None:
        if subs:
            self.subs_of[who] = (deposit, subs)
        else:
            del self.subs_of[who]

    def _unname(self, sub: AccountId) -> None:
        del self.super_of[sub]
        del self.agreed[sub]

    def _remove(self, sub: AccountId, main: AccountId) -> u128:
        """Remove a sub-account; return the deposit, which goes back to `main`."""
        deposit, subs = self.subs_of[main]
        # The deposit may be at an earlier price: removing the last sub-account returns it all.
        freed = deposit if len(subs) == 1 else min(self.sub_account_deposit, deposit)
        subs.remove(sub)
        self.currency.unreserve_named(RESERVE_ID, main, freed)
        self._unname(sub)
        self._store(main, deposit - freed, subs)
        return freed
