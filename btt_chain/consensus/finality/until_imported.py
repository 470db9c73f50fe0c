"""Votes, commits, catch-ups and proofs that wait for the import of the blocks they name.

Source: `until_imported` of Substrate's `sc_consensus_grandpa`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from btt_chain.consensus.finality.environment import Blocks, Want
from btt_chain.consensus.finality.messages import CatchUpMessage, CommitMessage
from btt_chain.consensus.finality.outbox import Outbox
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import Commit, Justification, SignedMessage, Target, target_of

MAX_MESSAGES: Final = 16
"""Maximum number of commits and catch-ups that wait."""
MAX_PROOFS: Final = 64
"""Maximum number of proofs that wait."""
PROOF_PARTS: Final = 1_000
"""Maximum votes, and headers, of a proof that is kept before it can be verified."""
WAIT_FOR_BLOCK: Final = 120_000
"""Milliseconds that a commit or a catch-up waits for its blocks."""
NEAR: Final = 64
"""Blocks above an imported one up to which a missing block is requested again."""
DEEP: Final = 4_096
"""Blocks below the last final one down to which votes are counted: counting walks the chain from
its head for each vote, and one voter, or the sender of a catch-up, may name block zero.
"""


@dataclass(frozen=True, slots=True)
class BlockedVote:
    """A vote whose block is not imported, and the peer that sent it."""

    round: int
    signed: SignedMessage
    peer: str


@dataclass(frozen=True, slots=True)
class Received:
    """A commit or catch-up whose blocks may be missing; its signatures were checked."""

    peer: str
    body: CommitMessage | CatchUpMessage
    since: int
    raw: bytes
    """The commit as it was gossiped, to be forwarded; empty for a catch-up."""

    def targets(self) -> list[Target]:
        """Return all blocks that it names."""
        if isinstance(self.body, CommitMessage):
            commit = self.body.message.expand()
            return [commit.target, *(target_of(one.precommit) for one in commit.precommits)]
        catch_up = self.body.message
        return [catch_up.base, *(target_of(one.message.vote) for one in catch_up.votes())]


class UntilImported:
    """Votes, messages and proofs that wait for blocks, within bounds."""

    def __init__(self, blocks: Blocks, outbox: Outbox) -> None:
        self._blocks: Final = blocks
        self._outbox: Final = outbox
        self._votes: dict[H256, list[BlockedVote]] = {}
        self._messages: list[tuple[Target, Received]] = []
        """Messages, each with the first block that it waits for."""
        self._proofs: dict[Target, Justification] = {}

    def __len__(self) -> int:
        """Return the number of votes and messages that wait; proofs do not count."""
        return len(self._messages) + sum(map(len, self._votes.values()))

    # --- arrival ---

    def admit_vote(self, number: int, signed: SignedMessage, peer: str, final: int) -> bool:
        """Return True if a vote can be counted now; hold it if its block is missing.

        `final` is the height of the last final block.
        """
        vote = signed.message.vote
        height = self._blocks.number(vote.target_hash)
        if height is not None:
            return height == vote.target_number
        target = target_of(vote)
        if target.number > final:
            self._votes.setdefault(target.hash, []).append(BlockedVote(number, signed, peer))
            self._outbox.put(Want(target.hash, target.number, peer))
        return False

    def admit(self, message: Received, final: int) -> bool:
        """Return True if all blocks of a message are here; hold it if one is missing.

        It is dropped if it names blocks too far below the last final one, whose height is `final`,
        or of a dead fork.
        """
        targets = message.targets()
        if any(target.number + DEEP < final for target in targets):
            return False
        missing = next((t for t in targets if self._blocks.number(t.hash) is None), None)
        if missing is None:
            return True
        if missing.number > final:
            if len(self._messages) >= MAX_MESSAGES:
                del self._messages[0]
            self._messages.append((missing, message))
            self._outbox.put(Want(missing.hash, missing.number, message.peer))
        return False

    def hold_proof(self, proof: Justification) -> None:
        """Hold a proof that cannot be verified yet, unless it is too large."""
        if max(len(proof.commit.precommits), len(proof.votes_ancestries)) > PROOF_PARTS:
            return
        if len(self._proofs) >= MAX_PROOFS:
            del self._proofs[next(iter(self._proofs))]
        self._proofs[proof.target] = proof

    # --- release ---

    def take_votes(self, block: Target) -> list[BlockedVote]:
        """Remove and return the votes that waited for a block."""
        return self._votes.pop(block.hash, [])

    def take_messages(self, block: Target) -> list[Received]:
        """Remove and return the commits and catch-ups that wait for no block far above this one.

        Those that still wait are admitted again. In a long sync, whose head is far, all wait on.
        """
        if not self._messages:
            return []
        near = block.number + NEAR
        taken = [one for missing, one in self._messages if missing.number <= near]
        if taken:
            self._messages = [each for each in self._messages if each[0].number > near]
        return taken

    def take_proof(self, block: Target) -> Justification | None:
        """Remove and return the proof of a block; None if there is none."""
        return self._proofs.pop(block, None)

    def take_proofs(self) -> Iterable[Justification]:
        """Remove and return all proofs."""
        proofs, self._proofs = self._proofs, {}
        return proofs.values()

    # --- what waits ---

    def has_catch_up(self, since: int) -> bool:
        """Return True if a catch-up waits that came after a time."""
        return bool(self._messages) and any(
            isinstance(one.body, CatchUpMessage) and since < one.since for _, one in self._messages
        )

    def commits_up_to(self, height: int) -> list[tuple[int, Commit]]:
        """Return the commits for blocks up to a height, with their rounds."""
        if not self._messages:
            return []
        return [
            (int(one.body.round), one.body.message.expand())
            for _, one in self._messages
            if isinstance(one.body, CommitMessage) and one.body.message.target_number <= height
        ]

    # --- maintenance ---

    def request_blocks(self) -> None:
        """Request again the blocks that votes wait for."""
        for hash, votes in self._votes.items():
            first = votes[0]
            self._outbox.put(Want(hash, target_of(first.signed.message.vote).number, first.peer))

    def expire(self, now: int) -> None:
        """Drop the messages that have waited too long."""
        self._messages = [each for each in self._messages if now < each[1].since + WAIT_FOR_BLOCK]

    def drop_votes_below(self, number: int) -> None:
        """Drop the votes of the rounds before one."""
        if not self._votes:
            return
        self._votes = {
            hash: kept
            for hash, votes in self._votes.items()
            if (kept := [one for one in votes if one.round >= number])
        }

    def begin_set(self) -> None:
        """Drop the votes and messages of the set that ended; proofs wait on."""
        self._votes.clear()
        self._messages.clear()
