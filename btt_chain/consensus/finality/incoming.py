"""Received votes, commits and catch-ups on their way to the voter.

A valid message is forwarded, and counted once the blocks it names are here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality.finalizer import Finalizer
from btt_chain.consensus.finality.gossip import GossipValidator, Judged
from btt_chain.consensus.finality.messages import (
    MAX_VOTES,
    CatchUpMessage,
    CommitMessage,
    VoteMessage,
    encode_vote,
)
from btt_chain.consensus.finality.peers import Peers
from btt_chain.consensus.finality.shared import Shared
from btt_chain.consensus.finality.until_imported import Received, UntilImported
from btt_chain.consensus.finality.voter_environment import VoterEnvironment
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import SignedMessage, Target


class Incoming:
    """Gives the messages of peers to the voter."""

    def __init__(
        self,
        shared: Shared,
        validator: GossipValidator,
        held: UntilImported,
        finalizer: Finalizer,
        environment: VoterEnvironment,
    ) -> None:
        self._blocks: Final = shared.blocks
        self._sets: Final = shared.sets
        self._validator: Final = validator
        self._held: Final = held
        self._votes: Final = shared.votes
        self._finalizer: Final = finalizer
        self._environment: Final = environment
        self._clock: Final = shared.clock
        self._outbox: Final = shared.outbox

    def on_vote(self, peer: str, body: VoteMessage, raw: bytes) -> Judged:
        """Process a vote: count and forward a new one."""
        judged = self._validator.judge_vote(peer, body)
        if judged is Judged.NEW:
            self._outbox.forward_vote(raw, body, peer, self._environment.voter.round)
            self._count(int(body.round), body.message, peer)
        return judged

    def on_votes(self, peer: str, votes: Sequence[VoteMessage], peers: Peers) -> None:
        """Process votes that a neighbour sent on request, up to the first invalid one."""
        sender = peers.known.get(peer)
        if sender is None:
            return  # it is gone already
        if not sender.answers_due:
            why = "it sends votes that it was not asked for"
            self._outbox.penalize(peer, cost.OUT_OF_SCOPE, why)
            return
        sender.answers_due -= 1
        if len(votes) > MAX_VOTES:
            why = f"it sends {len(votes)} votes in one note"
            self._outbox.penalize(peer, cost.MALFORMED, why, is_certain=True)
            return
        for body in votes:
            raw = encode_vote(body.round, body.set_id, body.message)
            if self.on_vote(peer, body, raw) is Judged.INVALID:
                return

    def on_commit(self, peer: str, body: CommitMessage, raw: bytes) -> None:
        """Process a commit."""
        if not self._validator.accepts_commit(peer, body):
            return
        target = Target(H256(body.message.target_hash), int(body.message.target_number))
        is_new = self._environment.is_commit_new(target.number)
        if not is_new and not self._finalizer.is_rival(target):
            return
        commit = self._validator.expand(peer, body)
        if commit is None:
            return
        if self._finalizer.is_rival(target):
            self._finalizer.judge_rival(commit, int(body.round))
        elif target.number > self._environment.voter.final.number:
            self._use_or_hold(Received(peer, body, self._clock.now, raw))
        elif self._blocks.number(target.hash) == target.number:
            self._environment.publish_commit(target, raw)
            self._environment.voter.on_known_commit(target.number, self._clock.now)

    def on_catch_up(self, peer: str, body: CatchUpMessage) -> None:
        """Process a catch-up that we requested."""
        if self._validator.accepts_catch_up(peer, body):
            self._use_or_hold(Received(peer, body, self._clock.now, raw=b""))

    def on_imported(self, block: Target) -> None:
        """Use the messages that waited for a block, and its proof."""
        for one in self._held.take_votes(block):
            self._count(one.round, one.signed, one.peer)
        for message in self._held.take_messages(block):
            self._use_or_hold(message)
        proof = self._held.take_proof(block)
        if proof is not None:
            self._finalizer.import_justification(proof, None)

    def _count(self, number: int, signed: SignedMessage, peer: str) -> None:
        """Count a vote that was checked, once its block is here."""
        if self._held.admit_vote(number, signed, peer, self._sets.as_of.number):
            voter = self._environment.voter
            actions = voter.on_vote(number, signed, self._clock.now)
            if actions:  # most votes lead to none
                self._environment.apply(actions, peer)

    def _use_or_hold(self, message: Received) -> None:
        """Use a commit or a catch-up if all its blocks are here; else keep it until they are."""
        if not self._held.admit(message, self._sets.as_of.number):
            return
        if int(message.body.set_id) != self._sets.set_id:
            return
        if isinstance(message.body, CommitMessage):
            self._use_commit(message, message.body)
        else:
            self._use_catch_up(message, message.body)

    def _use_commit(self, message: Received, body: CommitMessage) -> None:
        environment, commit = self._environment, body.message.expand()
        actions = environment.voter.on_commit(int(body.round), commit, self._clock.now)
        environment.apply(actions, message.peer)
        reached = environment.voter.final == commit.target
        if reached and environment.is_commit_new(commit.target.number):
            environment.publish_commit(commit.target, message.raw)

    def _use_catch_up(self, message: Received, body: CatchUpMessage) -> None:
        environment, number = self._environment, int(body.message.round_number)
        if number < environment.round:
            return
        actions = environment.voter.on_catch_up(body.message, self._clock.now)
        environment.apply(actions, message.peer)
        if environment.round > number:
            for signed in body.message.votes():
                self._votes.keep(number, signed)
