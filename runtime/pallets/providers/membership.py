"""Membership: the providers of each class of models, from which those for jobs are selected."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, u16, u32
from runtime.frame import Component, Hasher, Map
from runtime.pallets.models.pallet import Models
from runtime.pallets.providers import errors, events
from runtime.pallets.providers.eras import Calendar
from runtime.pallets.providers.performance import Performance
from runtime.pallets.providers.types import MAX_MEMBERS, Ledger, ProviderInfo


class Membership(Component):
    """The members of each class; a full one displaces its lowest member by a higher one."""

    _ledgers: Map[AccountId, Ledger]
    _calendar: Calendar
    _performance: Performance
    _max_members: int

    members = Map(
        u16, Bounded[list[AccountId], MAX_MEMBERS], default=[], hasher=Hasher.Twox64Concat
    )
    """The providers that may be selected for models of a class."""

    def join(self, who: AccountId, ledger: Ledger, classes: Sequence[u16]) -> int:
        """Take a place in each class; return the number of members that were read.

        In a full one, displace the member without a heartbeat or with the smallest bond, if it
        ranks lower. Raises ClassFull.
        """
        read = 0
        for model_class in classes:
            members = self.members[model_class]
            if who in members:
                continue
            if len(members) < self._max_members:
                self.members[model_class] = [*members, who]
                continue
            read += len(members)
            now = self._calendar.eligibility()
            ranked = [(now.rank(self._ledgers[one]), one) for one in members]
            rank, lowest = min(ranked)
            if now.rank(ledger) <= rank:
                raise errors.ClassFull
            self.members[model_class] = [who if one == lowest else one for one in members]
            self.deposit(events.Displaced(model_class, lowest, who))
        return read

    def move(self, who: AccountId, ledger: Ledger, old: Sequence[u16], new: Sequence[u16]) -> int:
        """Leave the classes that are not in `new`, and join those; return as `join` does."""
        self.leave(who, [model_class for model_class in old if model_class not in new])
        return self.join(who, ledger, new)

    def leave(self, who: AccountId, classes: Sequence[u16]) -> None:
        """Give up the places in these classes."""
        for model_class in classes:
            members = self.members[model_class]
            if who in members:
                self.members[model_class] = [one for one in members if one != who]

    def missing(self, who: AccountId, classes: Sequence[u16]) -> list[u16]:
        """Return those of the classes in which `who` has no place."""
        return [model_class for model_class in classes if who not in self.members[model_class]]

    def chill(self, who: AccountId, ledger: Ledger, classes: Sequence[u16]) -> None:
        """Take a provider out of all its classes; the caller stores the ledger."""
        self._performance.settle(who, ledger)
        self.leave(who, classes)
        ledger.chilled = True
        self.deposit(events.Chilled(who))

    def resume(self, who: AccountId, ledger: Ledger, classes: Sequence[u16]) -> int:
        """Join `classes` after `chill` or a displacement; the caller stores the ledger.

        It is a heartbeat as well. Returns the number of members that were read.
        """
        self._performance.settle(who, ledger)
        ledger.chilled = False
        ledger.last_heartbeat = u32(self._calendar.era())
        read = self.join(who, ledger, classes)
        self.deposit(events.Resumed(who))
        return read


def ensure_valid(info: ProviderInfo, known: Models) -> None:
    """Raise InvalidInfo or UnknownClass if a provider cannot be registered with `info`."""
    if not info.in_order:
        raise errors.InvalidInfo
    if not all(known.has_class(int(model_class)) for model_class in info.classes):
        raise errors.UnknownClass
