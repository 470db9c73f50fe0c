"""Decides which proven blocks are made final.

A block is made final by a proof that both rules accept, at most up to the block that ends the
current set, and only above the last final block. A proof of a block on another fork means that a
third of the voters cheat: the gadget stops.
"""

from __future__ import annotations

from typing import Final

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality.authority_sets import AuthoritySets
from btt_chain.consensus.finality.best_justification import BestJustification
from btt_chain.consensus.finality.environment import Blocks, Broken
from btt_chain.consensus.finality.graph import descends
from btt_chain.consensus.finality.justification import from_commit, node_shape
from btt_chain.consensus.finality.outbox import Outbox
from btt_chain.consensus.finality.signatures import Verify, all_signed
from btt_chain.consensus.finality.until_imported import UntilImported
from btt_chain.consensus.finality.voter import Finalize
from btt_chain.primitives.grandpa import (
    Commit,
    Justification,
    Target,
    Verdict,
    full_shape,
    target_of,
)


class Finalizer:
    """Verifies proofs, and has their blocks made final."""

    def __init__(
        self,
        blocks: Blocks,
        sets: AuthoritySets,
        best: BestJustification,
        held: UntilImported,
        verify: Verify,
        outbox: Outbox,
    ) -> None:
        self._blocks: Final = blocks
        self._sets: Final = sets
        self._best: Final = best
        self._held: Final = held
        self._verify: Final = verify
        self._outbox: Final = outbox
        self.broken = False
        """True once a proven block excluded a final one: cast no vote from then on."""

    def finalize(self, proof: Justification) -> None:
        """Have a proven block made final, unless it stands above one that ends the set."""
        target, final = proof.target, self._sets.as_of
        if self._sets.is_beyond_set(target):
            return
        if target.number <= final.number or self.broken:
            return
        if not descends(self._blocks, final, target):
            self._break(final, proof)
            return
        self._best.record(proof, self._sets.set_id)
        self._outbox.put(Finalize(proof))

    def import_justification(self, proof: Justification, peer: str | None) -> None:
        """Verify a proof that came with a block or by sync, and have its block made final.

        One for a later set, or for a block that is not here, is held until it can be verified.
        """
        target = proof.target
        if target.number <= self._sets.as_of.number:
            return
        height = self._blocks.number(target.hash)
        if height is None or self._sets.is_beyond_set(target):
            self._held.hold_proof(proof)
            return
        voters = self._sets.current.voters
        verdict = Verdict.WRONG_TARGET if height != target.number else node_shape(proof, voters)
        if verdict is Verdict.ACCEPTED and not all_signed(proof, self._sets.set_id, self._verify):
            verdict = Verdict.BAD_SIGNATURE
        if verdict is not Verdict.ACCEPTED:
            if peer is not None:
                why = f"a proof of block {target.number}: {verdict}"
                self._outbox.penalize(peer, cost.INVALID, why)
            return
        # One that only nodes accept is useless to light clients: it is rebuilt for both rules.
        if full_shape(proof, voters) is not Verdict.ACCEPTED:
            number = int(proof.round)
            fit = from_commit(proof.commit, number, voters, self._blocks)
            if fit is None:
                return
            proof = fit
        self.finalize(proof)

    # --- rivals of final blocks ---

    def is_rival(self, block: Target) -> bool:
        """Return True if a block is at or below the last final one, but not on its chain."""
        if block.number > self._sets.as_of.number or self.broken:
            return False
        final = self._blocks.at(block.number)
        return final is not None and final.hash != block.hash

    def judge_rival(self, commit: Commit, number: int) -> None:
        """Stop if a commit of this set, whose signatures were checked, proves a rival.

        The rival's fork was discarded when ours became final. So only the votes for the rival
        itself count.
        """
        # For others the chain would be walked down to wherever the commit places the rival.
        votes = [one for one in commit.precommits if target_of(one.precommit) == commit.target]
        commit = Commit(commit.target_hash, commit.target_number, votes)
        proof = from_commit(commit, number, self._sets.current.voters, self._blocks)
        final = self._blocks.at(commit.target.number)
        if proof is not None and final is not None:
            self._break(final, proof)

    def judge_held_commits(self) -> None:
        """Check the waiting commits for blocks that cannot be final any more."""
        for number, commit in self._held.commits_up_to(self._sets.as_of.number):
            if self.is_rival(commit.target):
                self.judge_rival(commit, number)

    def _break(self, final: Target, proof: Justification) -> None:
        self.broken = True
        self._outbox.put(Broken(final, proof))
