"""The highest known proof of finality, and proofs as commits for neighbours that lack them."""

from __future__ import annotations

from typing import Final

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.environment import Blocks
from btt_chain.consensus.finality.messages import GOSSIP, CommitGossip, CommitMessage
from btt_chain.consensus.finality.signatures import Verify, all_signed
from btt_chain.primitives.grandpa import Justification
from btt_chain.scale import u64


class BestJustification:
    """The highest proof that is known, with the set that made it."""

    def __init__(self, blocks: Blocks, read: records.Read, set_id: int, verify: Verify) -> None:
        """Restore the stored proof, made by the current set `set_id` or an earlier one.

        Raises BadRecord.
        """
        self._blocks: Final = blocks
        self._read: Final = read
        self.proof = records.read_proof(read)
        """The highest known proof."""
        self._set_id = set_id
        # The records of a change are not always all on the disk: the signatures show the set.
        if self.proof is not None and not all_signed(self.proof, set_id, verify):
            self._set_id -= 1

    def record(self, proof: Justification, set_id: int) -> None:
        """Replace the proof by a higher one."""
        self.proof, self._set_id = proof, set_id

    def changes(self) -> records.Changes:
        """Return the records that store the proof."""
        return {} if self.proof is None else records.proof_change(self.proof)

    def commit_of(self, set_id: int) -> bytes | None:
        """Return the proof as a commit; None if it is of another set."""
        if self.proof is None or self._set_id != set_id:
            return None
        return _as_commit(self.proof, set_id)

    def round_of(self, set_id: int) -> int:
        """Return the round of the proof; 0 if it is of another set."""
        return 0 if self.proof is None or self._set_id != set_id else int(self.proof.round)

    def commit_that_ended(self, set_id: int) -> bytes | None:
        """Return the commit that ended a set; None if it is not stored."""
        block = records.read_end(self._read, set_id)
        raw = None if block is None else self._blocks.proof(block)
        return None if raw is None else _as_commit(Justification.decode(raw), set_id)


def _as_commit(proof: Justification, set_id: int) -> bytes:
    body = CommitMessage(proof.round, u64(set_id), proof.commit.compact())
    return GOSSIP.encode(CommitGossip(body))
