"""The rules by which a prevote's target is chosen.

Source: the voting rules of Substrate's `sc_consensus_grandpa`.
"""

from __future__ import annotations

from typing import Final, Protocol

from btt_chain.consensus.finality.graph import Ancestry, descends
from btt_chain.consensus.finality.round import Before
from btt_chain.primitives.grandpa import Target


class RuleChain(Ancestry, Protocol):
    """The chain that the rules need."""

    def height(self) -> int:
        """Return the height of the best block."""
        ...

    def best_containing(self, block: Target) -> Target | None:
        """Return the head of the best chain through `block`; None if it is not known any more."""
        ...

    def vote_limit(self, head: Target) -> int | None:
        """Return the height above which `head`'s chain is not yet voted for; None: no limit."""
        ...


def vote_height(base: int, head: int, behind: int, limit: int | None) -> int:
    """Return the height to prevote for, between the base and the best head.

    At least `behind` blocks below the head, at most three quarters of the way to it, rounded up,
    and not above `limit`; but never below `base`.
    """
    three_quarters = base + ((head - base) * 3 + 2) // 4
    bounds = [head - behind, three_quarters, *([] if limit is None else [limit])]
    return max(base, min(bounds))


class VotingRule:
    """Chooses the targets of prevotes."""

    def __init__(self, chain: RuleChain, behind: int) -> None:
        """Vote `behind` blocks below the best head."""
        self._chain: Final = chain
        self._behind: Final = behind

    def target(self, hint: Target | None, before: Before, estimate: Target) -> Target | None:
        """Return the block to prevote for; None if it is not known any more.

        `before` is the round before, `hint` the block that this round's primary
        proposed.
        """
        through = self._through(hint, before, estimate)
        head = self._chain.best_containing(through)
        return None if head is None else self._below(through, head)

    def decides(self, target: Target, before: Before, estimate: Target, final: Target) -> bool:
        """Return True if a vote for `target` can make a block above `final` final: in this round
        or, where a commit has made more final than the round's base, in the next one.
        """
        if target.number > final.number or estimate.number >= final.number:
            return target.number > final.number
        following = self.target(None, before, final)
        return following is not None and following.number > final.number

    def _through(self, hint: Target | None, before: Before, estimate: Target) -> Target:
        """Return the block to vote through: the primary's hint, if it lies above the last estimate
        and not above the last ghost; else the estimate.
        """
        if hint is None or before.ghost is None or hint.number <= estimate.number:
            return estimate
        on_the_way = descends(self._chain, estimate, hint) and descends(
            self._chain, hint, before.ghost
        )
        return hint if on_the_way else estimate

    def _below(self, through: Target, head: Target) -> Target | None:
        """Return the block between `through` and `head` that the voting rules allow."""
        limit = self._chain.vote_limit(head)
        height = vote_height(through.number, head.number, self._behind, limit)
        while head.number > height:
            parent = self._chain.parent(head)
            if parent is None:
                return None
            head = Target(parent, head.number - 1)
        return head
