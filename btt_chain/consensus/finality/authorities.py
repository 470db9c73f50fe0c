"""The current voters, and the pending changes of voters.

A change takes effect when the block that enacts it, `delay` above the one that announces it, is
final. Several may be pending on one fork: they take effect in the order of the chain, and nothing
above the block that enacts the first is voted for or made final by the earlier voters. So each such
block is made final by itself, with its own proof, and nodes that join later can follow the voters
from set to set. With each change the set's number increases by one and rounds start again at 1.

Changes that do not wait for finality are not applied: they would break that chain of proofs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Final

from btt_chain.consensus.finality.graph import Ancestry, descends
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import AuthorityList, ScheduledChange, Target
from btt_chain.primitives.voters import AuthorityId, VoterSet
from btt_chain.scale import codec, u64

_LIST: Final = codec(AuthorityList)


class OutOfOrder(ValueError):
    """A block cannot be final before another one is; the message names it."""


@dataclass(frozen=True)
class AuthoritySet:
    """The voters of a set, and its number. ValueError if they are not valid voters."""

    set_id: int
    authorities: tuple[tuple[AuthorityId, int], ...]

    def __post_init__(self) -> None:
        _ = self.voters  # validated here, not at the first vote

    @cached_property
    def voters(self) -> VoterSet:
        """The voters, with weights and threshold."""
        return VoterSet(self.authorities)

    @cached_property
    def encoded(self) -> bytes:
        """The voters with their weights, as an `AuthorityList`."""
        return _LIST.encode([(who, u64(weight)) for who, weight in self.authorities])

    def next(self, change: ScheduledChange) -> AuthoritySet:
        """Return the set that the change enacts."""
        return AuthoritySet(
            self.set_id + 1, tuple((who, int(weight)) for who, weight in change.next_authorities)
        )


@dataclass(frozen=True)
class PendingChange:
    """A change that a block has announced."""

    announced: Target
    change: ScheduledChange

    @property
    def enacted_at(self) -> int:
        """The height of the block that enacts the change."""
        return self.announced.number + int(self.change.delay)


@dataclass(frozen=True)
class Authorities:
    """The current voters, and the pending changes on all forks; an immutable value."""

    current: AuthoritySet
    pending: tuple[PendingChange, ...] = ()

    def announce(
        self, announced: Target, change: ScheduledChange, ancestry: Ancestry
    ) -> Authorities:
        """Return the state after the import of a block with a change; unchanged if it is known.

        OutOfOrder if an earlier change on its chain does not take effect before this one.
        """
        found = PendingChange(announced, change)
        if found in self.pending:
            return self
        for below in self.pending:
            if below.enacted_at >= found.enacted_at and descends(
                ancestry, below.announced, announced
            ):
                raise OutOfOrder(
                    f"the change of block {announced.number} takes effect no later than that of"
                    f" block {below.announced.number}"
                )
        waiting = sorted((*self.pending, found), key=lambda p: (p.enacted_at, p.announced))
        return replace(self, pending=tuple(waiting))

    def first_on(self, head: Target, ancestry: Ancestry) -> PendingChange | None:
        """Return the first change pending on the chain up to `head`; None without one."""
        for pending in self.pending:
            if descends(ancestry, pending.announced, head):
                return pending
        return None

    def last_on(self, head: Target, ancestry: Ancestry) -> PendingChange | None:
        """Return the last change pending on the chain up to `head`; None without one."""
        return next(
            (p for p in reversed(self.pending) if descends(ancestry, p.announced, head)), None
        )

    def limit(self, head: Target, ancestry: Ancestry) -> int | None:
        """Return the height above which `head`'s chain is not yet voted for; None: no limit."""
        first = self.first_on(head, ancestry)
        return None if first is None else first.enacted_at

    def finalize(self, block: Target, ancestry: Ancestry) -> Authorities:
        """Return the state after `block` is final; `current` is the next set if it enacts a change.

        Changes on forks that are dead by this are dropped. OutOfOrder if the block stands above one
        that enacts a change: that one must be final first.
        """
        if not self.pending:
            return self
        first = self.first_on(block, ancestry)
        if first is not None and block.number > first.enacted_at:
            raise OutOfOrder(
                f"block {block.number} cannot be final before block {first.enacted_at}, which"
                f" ends set {self.current.set_id}"
            )
        enacted = first if first is not None and block.number == first.enacted_at else None
        waiting = tuple(
            p for p in self.pending if p is not enacted and self._may_yet_come(p, block, ancestry)
        )
        current = self.current if enacted is None else self.current.next(enacted.change)
        return Authorities(current, waiting)

    @staticmethod
    def _may_yet_come(pending: PendingChange, final: Target, ancestry: Ancestry) -> bool:
        """Return True if a change lies on the final chain below its enactment, or above it."""
        if pending.announced.number <= final.number:
            return descends(ancestry, pending.announced, final)
        return descends(ancestry, final, pending.announced)
