"""The candidates for election."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.frame import Component, Hasher, Map, Value
from runtime.pallets.authorities import errors, events
from runtime.pallets.authorities.selection import Terms, elect, removed


class CandidateList(Component):
    """Accounts that stand for election, with their active bonds, and barred offenders."""

    _max_candidates: u32

    candidates = Map(AccountId, u128, hasher=Hasher.Twox64Concat)
    """Candidates for election and their active bonds, in planck."""
    counter_for_candidates = Value(u32, default=u32(0))
    """Number of candidates."""
    barred = Map(AccountId, u32, default=u32(0))
    """Barred offenders, and the first session in which each may be a candidate again."""

    def __contains__(self, stash: AccountId) -> bool:
        """Return True if `stash` is a candidate."""
        return stash in self.candidates

    def ranked(self) -> list[tuple[AccountId, u128]]:
        """Return the candidates and their bonds, the greatest first; equal ones by account."""
        return sorted(self.candidates.items(), key=lambda row: (-int(row[1]), row[0]))

    def elect(self, terms: Terms, absent: Sequence[AccountId]) -> dict[AccountId, u128]:
        """Return the elected candidates and their bonds, the greatest first.

        Some of the validators that are `absent`, of whom the first was absent longest, are removed
        from the candidates before.
        """
        ranked = [
            row for row in self.ranked() if row[1] >= terms.minimum and terms.has_keys(row[0])
        ]
        elected = elect(ranked, terms)
        gone = removed(absent, ranked, len(elected), terms.least)
        for stash in gone:
            self.deposit(events.Absent(stash))
            self.chill(stash)
        return elect([row for row in ranked if row[0] not in gone], terms) if gone else elected

    def add(self, stash: AccountId, bond: u128) -> None:
        """Add a candidate."""
        self.candidates[stash] = bond
        self.counter_for_candidates.value += 1

    def update(self, stash: AccountId, bond: u128) -> None:
        """Store the changed bond of an account, if it is a candidate."""
        if stash in self.candidates:
            self.candidates[stash] = bond

    def remove(self, stash: AccountId) -> None:
        """Remove a candidate."""
        del self.candidates[stash]
        self.counter_for_candidates.value -= 1

    def chill(self, stash: AccountId) -> None:
        """Remove a candidate that no longer stands for election."""
        self.remove(stash)
        self.deposit(events.Chilled(stash))

    def make_room(self, stash: AccountId, bond: u128) -> int:
        """Displace the least candidate of a full list; return the number of candidates read.

        Raises CandidatesFull.
        """
        if self.counter_for_candidates.value < self._max_candidates:
            return 0
        ranked = self.ranked()
        least, least_bond = ranked[-1]
        if bond <= least_bond:
            raise errors.CandidatesFull
        self.remove(least)
        self.deposit(events.Displaced(least, stash))
        return len(ranked)
