"""The current voters of this node's chain, kept up with its blocks.

Changes that imported blocks announce are pending until the blocks that enact them are final. After
a restart the pending changes are read again from the headers. Source: `authorities` of Substrate's
`sc_consensus_grandpa`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.authorities import Authorities, AuthoritySet
from btt_chain.consensus.finality.environment import BadHeader, Blocks, Save
from btt_chain.consensus.finality.outbox import Outbox
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    BadAnnouncement,
    ChangeForced,
    ChangeScheduled,
    Target,
    announced,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId


class AuthoritySets:
    """The current voters, the pending changes, and the final block as of which they hold."""

    def __init__(
        self,
        blocks: Blocks,
        read: records.Read,
        genesis: Sequence[tuple[AuthorityId, int]],
        outbox: Outbox,
    ) -> None:
        """Restore the stored voters, and the changes in later headers.

        Without stored voters those of `genesis` are set 0. Raises BadRecord.
        """
        self._blocks: Final = blocks
        self._outbox: Final = outbox
        final = blocks.final()
        stored = records.read_voters(read)
        if stored is not None:
            self.authorities, self.as_of = stored
        else:
            self.authorities = Authorities(AuthoritySet(0, tuple(genesis)))
            self.as_of = blocks.at(0) or final
        if self.as_of.number > final.number:
            raise records.BadRecord(
                f"the voters are those of block {self.as_of.number}, but only block"
                f" {final.number} is final"
            )
        heights = range(self.as_of.number + 1, final.number + 1)
        self._announce_all([block for n in heights if (block := blocks.at(n)) is not None])
        self.advance(final)
        self._announce_all(self._above(final))

    # --- queries ---

    @property
    def current(self) -> AuthoritySet:
        """The current voters."""
        return self.authorities.current

    @property
    def set_id(self) -> int:
        """The number of the set that votes."""
        return self.authorities.current.set_id

    def limit(self, head: Target) -> int | None:
        """Return the height above which `head`'s chain is not yet voted for; None: no limit."""
        return self.authorities.limit(head, self._blocks)

    def is_beyond_set(self, block: Target) -> bool:
        """Return True if a block stands above one that ends the current set."""
        first = self.authorities.first_on(block, self._blocks)
        return first is not None and block.number > first.enacted_at

    def must_be_proven(self) -> Target | None:
        """Return the next block of the best chain that ends a set; None if none is here."""
        if not self.authorities.pending:
            return None
        head = self._blocks.best_containing(self.as_of)
        first = None if head is None else self.authorities.first_on(head, self._blocks)
        if head is None or first is None or first.enacted_at > head.number:
            return None
        while head.number > first.enacted_at:
            parent = self._blocks.parent(head)
            if parent is None:
                return None
            head = Target(parent, head.number - 1)
        return head

    def check_header(self, header: Header) -> None:
        """Check a header before import, by GRANDPA's rules; its parent is known.

        Raises BadHeader if it announces impossible voters, or a change that would overtake an
        earlier one of its chain.
        """
        try:
            change = announced(header.digest.logs)
        except BadAnnouncement as error:
            raise BadHeader(str(error)) from error
        if change is None:
            return
        if isinstance(change, ChangeForced):
            raise BadHeader("voters change by finality only")
        parent = Target(H256(header.parent_hash), int(header.number) - 1)
        enacted_at = parent.number + 1 + int(change.change.delay)
        below = self.authorities.last_on(parent, self._blocks)
        if below is not None and below.enacted_at >= enacted_at:
            raise BadHeader(
                f"its change of voters takes effect no later than that of block"
                f" {below.announced.number}"
            )

    # --- changes ---

    def announce(self, header: Header, block: Target) -> bool:
        """Add the change that a block announces; return True if there is a new one."""
        change = announced(header.digest.logs)
        if not isinstance(change, ChangeScheduled):
            return False
        known = self.authorities
        self.authorities = known.announce(block, change.change, self._blocks)
        return self.authorities is not known

    def advance(self, to: Target) -> None:
        """Follow the voters up to a final block, through every block that ends a set.

        Our own proofs stop at each such block; others may pass several.
        """
        while self.as_of.number < to.number:
            first, step = self.authorities.first_on(to, self._blocks), to
            if first is not None and first.enacted_at < to.number:
                step = self._blocks.at(first.enacted_at) or to
            before = self.authorities
            self.authorities = before.finalize(step, self._blocks)
            self.as_of = step
            if self.authorities.current is not before.current:
                self._outbox.put(Save(records.end_change(before.current.set_id, step)))

    def changes(self) -> records.Changes:
        """Return the records that store the voters and the pending changes."""
        return records.voters_change(self.authorities, self.as_of)

    # --- internals ---

    def _above(self, final: Target) -> list[Target]:
        """Return the blocks above a final one, by height."""
        above: dict[Target, None] = {}
        for tip in self._blocks.leaves():
            at = tip
            while at.number > final.number and at not in above:
                above[at] = None
                parent = self._blocks.parent(at)
                if parent is None:
                    break
                at = Target(parent, at.number - 1)
        return sorted(above, key=lambda block: (block.number, block.hash))

    def _announce_all(self, blocks: Sequence[Target]) -> None:
        for block in blocks:
            header = self._blocks.header(block)
            if header is not None:
                self.announce(header, block)
