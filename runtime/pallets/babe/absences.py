"""Validators whose own slots stay empty.

The chain sees blocks, not votes, so absence is read from empty slots: the secondary author of a
slot makes a block in it unless a winner's block reaches it in time. A gap is the empty slots
between two blocks. It counts once for each secondary author of its slots; any block by the
validator resets its count. A gap longer than `MAX_GAP` counts for no validator: the chain stalled.
"""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, u16
from runtime.frame import Component, Value
from runtime.pallets.babe.types import ABSENT_AFTER
from runtime.params import MAX_VALIDATORS


class Absences(Component):
    """Validators by the number of gaps in a row that had an own slot."""

    absences = Value(Bounded[list[tuple[AccountId, u16]], MAX_VALIDATORS], default=[])
    """Validators without a block since a gap with an own slot, and the number of such gaps."""

    def count(self, author: AccountId, skipped: Sequence[AccountId]) -> bool:
        """Reset the count of a block's author; add 1 to those of the validators `skipped`.

        Return True if a count changed.
        """
        rows = self.absences.peek()
        counts = {who: int(count) for who, count in rows}
        if not skipped and author not in counts:
            return False
        for who in skipped:
            counts[who] = min(counts.get(who, 0) + 1, u16.MAX)
        self._store([(who, u16(count)) for who, count in counts.items() if who != author])
        return True

    def absent(self) -> list[AccountId]:
        """Return the absent validators, the longest absent first; equal ones by account."""
        rows = [(-int(count), who) for who, count in self.absences.peek() if count >= ABSENT_AFTER]
        return [who for _, who in sorted(rows)]

    def forget(self, who: AccountId) -> None:
        """Reset the count of an account that asks to validate again."""
        self._store([row for row in self.absences.peek() if row[0] != who])

    def retain(self, validators: Sequence[AccountId]) -> None:
        """Remove all accounts that are not among the validators of a session that begins."""
        self._store([row for row in self.absences.peek() if row[0] in validators])

    def _store(self, rows: list[tuple[AccountId, u16]]) -> None:
        if rows == self.absences.peek():
            return
        if rows:
            self.absences.keep(rows)
        else:
            self.absences.kill()
