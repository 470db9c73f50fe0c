"""Announced calls: a proxy with a delay announces a call before it may make it."""

from __future__ import annotations

from collections.abc import Callable

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame import Component, Hasher, Map
from runtime.frame.deposits import change_deposit
from runtime.frame.traits import NamedReservable
from runtime.pallets.proxy.types import RESERVE_ID, Announcement, Pending, stepped


class Announcements(Component):
    """The announced calls of proxies, and the deposits for them."""

    currency: NamedReservable
    announcement_deposit_base: u128
    announcement_deposit_factor: u128

    announcements = Map(AccountId, Pending, default=([], u128(0)), hasher=Hasher.Twox64Concat)

    def deposit_for(self, pending: int) -> u128:
        """Return the deposit for `pending` announced calls, in planck."""
        return stepped(self.announcement_deposit_base, self.announcement_deposit_factor, pending)

    def remove(self, who: AccountId, chosen: Callable[[Announcement], bool]) -> int:
        """Remove the chosen announcements of `who`, if any; return the number before removal.

        Zero if none was chosen.
        """
        pending, deposit = self.announcements[who]
        kept = [announcement for announcement in pending if not chosen(announcement)]
        if len(kept) == len(pending):
            return 0
        self.store(who, kept, deposit)
        return len(pending)

    def store(self, who: AccountId, pending: list[Announcement], deposit: u128) -> None:
        """Store the announcements of `who`, and adjust the deposit to their number."""
        due = self.deposit_for(len(pending))
        change_deposit(self.currency, RESERVE_ID, who, deposit, due)
        if pending:
            self.announcements[who] = (pending, due)
        else:
            del self.announcements[who]

    def poke(self, who: AccountId) -> tuple[u128, u128]:
        """Change the deposit to its current price; return the old and the new one."""
        pending, old = self.announcements[who]
        new = self.deposit_for(len(pending))
        if new != old:
            change_deposit(self.currency, RESERVE_ID, who, old, new)
            self.announcements[who] = (pending, new)
        return old, new
