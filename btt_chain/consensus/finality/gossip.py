"""Checks of the votes, commits and catch-ups of peers, and the costs of invalid ones.

The validator holds our position as neighbours have it (Substrate's local view), and the positions
that we left lately: a peer may hand over in good faith what was right for those. Source:
`communication::gossip` of Substrate's `sc_consensus_grandpa`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality.messages import (
    CatchUpMessage,
    CommitMessage,
    GossipMessage,
    VoteMessage,
    decode_message,
)
from btt_chain.consensus.finality.peers import View
from btt_chain.consensus.finality.shared import Shared
from btt_chain.consensus.finality.signatures import Verify
from btt_chain.consensus.finality.timers import StallTimer
from btt_chain.primitives.grandpa import Commit, SignedMessage, Stage, precommit_message, stage_of
from btt_chain.scale import DecodeError

PATIENCE: Final = 60_000
"""Milliseconds for which votes of a round that we left may still arrive in good faith."""


class Judged(Enum):
    """The judgement of a vote."""

    NEW = auto()
    USELESS = auto()
    """It is here already, or of a round or set that is not ours."""
    INVALID = auto()


class _Left(NamedTuple):
    """A round that we entered, and the time."""

    set_id: int
    round: int
    since: int


class GossipValidator:
    """Checks the messages of peers, and penalizes those at fault."""

    def __init__(self, view: View, shared: Shared, verify: Verify, stall: StallTimer) -> None:
        self.view = view
        """Our position at the end of the last event."""
        self._peers: Final = shared.peers
        self._sets: Final = shared.sets
        self._votes: Final = shared.votes
        self._verify: Final = verify
        self._clock: Final = shared.clock
        self._stall: Final = stall
        self._outbox: Final = shared.outbox
        self._left = [_Left(view.set_id, view.round, self._clock.now)]

    def enter(self, view: View) -> None:
        """Move to another round or set."""
        self.view = view
        self._left.append(_Left(view.set_id, view.round, self._clock.now))
        while len(self._left) > 1 and self._left[1].since <= self._clock.now - PATIENCE:
            del self._left[0]

    # --- messages ---

    def decode(self, peer: str, raw: bytes) -> GossipMessage | None:
        """Return a peer's message; None if the bytes are not a message."""
        try:
            return decode_message(raw)
        except DecodeError as error:
            price = cost.UNDECODABLE_BYTE * max(1, len(raw))
            why = f"it sends bytes that are not a message of GRANDPA: {error}"
            self._outbox.penalize(peer, price, why, is_certain=True)
            return None

    def judge_vote(self, peer: str, body: VoteMessage) -> Judged:
        """Judge a vote; a new one is kept, and the sender of an invalid one is penalized."""
        number, signed, (set_id, current, _) = int(body.round), body.message, self.view
        if body.set_id != set_id or not current - 1 <= number <= current + 1:
            self._blame(peer, int(body.set_id), number, "vote")
            return Judged.USELESS
        if signed.id not in self._sets.authorities.current.voters.weights:
            self._outbox.penalize(peer, cost.UNKNOWN_VOTER, "it hands over a vote of no voter")
            return Judged.INVALID
        kept = self._votes.of(number, signed.id, signed.message.STAGE)
        if signed in kept or len(kept) > 1:  # two are enough to prove an equivocation
            return Judged.USELESS
        if not self._verify(signed, number, set_id):
            why = "it hands over a vote with a false signature"
            self._outbox.penalize(peer, cost.BAD_SIGNATURE, why, is_certain=True)
            return Judged.INVALID
        kept.append(signed)
        return Judged.NEW

    def accepts_commit(self, peer: str, body: CommitMessage) -> bool:
        """Return True if a commit is of our set; else penalize a peer at fault."""
        set_id = int(body.set_id)
        if set_id == self.view.set_id:
            return True
        self._blame(peer, set_id, int(body.round), "commit")
        return False

    def expand(self, peer: str, body: CommitMessage) -> Commit | None:
        """Return a commit whose votes suffice and are signed; else None, with a penalty."""
        try:
            commit = body.message.expand()
        except ValueError as error:
            why = f"a commit is malformed: {error}"
            self._outbox.penalize(peer, cost.MALFORMED, why, is_certain=True)
            return None
        votes = [precommit_message(signed) for signed in commit.precommits]
        if not (self._are_enough(peer, votes) and self._are_signed(peer, votes, int(body.round))):
            return None
        return commit

    def accepts_catch_up(self, peer: str, body: CatchUpMessage) -> bool:
        """Return True if a catch-up's votes suffice and are signed; else penalize the peer."""
        votes = body.message.votes()
        stages = (
            [signed for signed in votes if stage_of(signed.message) is Stage.PREVOTE],
            [signed for signed in votes if stage_of(signed.message) is Stage.PRECOMMIT],
        )
        return all(self._are_enough(peer, stage) for stage in stages) and self._are_signed(
            peer, votes, int(body.message.round_number)
        )

    # --- rules ---

    def _blame(self, peer: str, set_id: int, number: int, what: str) -> None:
        """Penalize a peer for a message of a round that no peer can be in, lately or yet.

        Gossip is forwarded and votes are sent again: a peer may hand over what is too late or too
        early for us in good faith, on behalf of one that fell behind or went ahead.
        """
        why = f"it hands over a {what} of round {number} of set {set_id}"
        if (set_id, number) > (self.view.set_id, self.view.round):
            # If we are stalled, we may be the one behind, without a packet that says so.
            is_far = set_id > self.view.set_id + 1 and not self._peers.may_stand_at(set_id)
            if is_far and not self._stall.is_stalled:
                self._outbox.penalize(peer, cost.FUTURE, why)
            return
        floor = self._left[0]
        if floor.since > self._clock.now - PATIENCE:
            return  # too short a time here to know what is too late
        if (set_id, number + 1) < (floor.set_id, floor.round) and not self._peers.stand_near(
            set_id, number
        ):
            self._outbox.penalize(peer, cost.PAST, why)

    def _are_enough(self, peer: str, votes: Sequence[SignedMessage]) -> bool:
        """Return True if votes of one stage reach the threshold, of voters only, two of each."""
        voters = self._sets.current.voters
        who = {signed.id for signed in votes}
        are_enough = who <= voters.weights.keys() and voters.power_of(who).reaches(voters.threshold)
        if are_enough and len(votes) <= 2 * len(voters):
            return True
        why = "its votes are of others than the voters or too few"
        self._outbox.penalize(peer, cost.MALFORMED, why)
        return False

    def _are_signed(self, peer: str, votes: Sequence[SignedMessage], number: int) -> bool:
        for checked, signed in enumerate(votes, 1):
            if not self._verify(signed, number, self.view.set_id):
                price = cost.BAD_SIGNATURE + cost.SIGNATURE_CHECKED * checked
                why = "it hands over a vote with a false signature"
                self._outbox.penalize(peer, price, why, is_certain=True)
                return False
        return True
