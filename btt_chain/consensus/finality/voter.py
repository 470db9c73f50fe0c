"""The voter of one set: successive rounds, votes cast at their time, and proofs.

Events come in with the time, actions come out in the order to be carried out; `due` is the time of
the next `tick`. There is no clock, key or network here. Invariants:

- A vote is recorded before it is sent (`SendVote`), and one that was recorded before a restart is
  sent again instead of another one.
- A round is voted in once its predecessor is completable, and precommitted in only when its ghost
  stands on the predecessor's estimate. Older rounds take votes until their estimate is final.
- A round with no block to make final waits for one, or for the vote of another voter. A block that
  comes then is voted for at once, and precommitted as soon as no prevote is expected to raise the
  ghost. Only the times of votes differ from the source by this, never what is voted for.
- Nothing is declared final without a proof that both rules accept (`justification.prove`).

Signatures are checked, and votes for unknown blocks held back, before they come here. Our own votes
come back like those of all voters. When the set changes, a new voter takes over. Hints are used,
not sent. Source: `finality_grandpa`'s voter; voting rules of Substrate's `sc_consensus_grandpa`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final, NamedTuple, Protocol, TypeAlias

from btt_chain.consensus.finality.authorities import AuthoritySet
from btt_chain.consensus.finality.graph import descends
from btt_chain.consensus.finality.justification import (
    HeaderSource,
    from_commit,
    judge_commit,
    prove,
)
from btt_chain.consensus.finality.round import Before, Outcome, Round, RoundState
from btt_chain.consensus.finality.voting_round import Step, VotingRound
from btt_chain.consensus.finality.voting_rule import RuleChain, VotingRule
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import (
    AnyMessage,
    CatchUp,
    Commit,
    Justification,
    SignedMessage,
    Stage,
    Target,
    message_for,
    precommit_message,
    stage_of,
    target_of,
)
from btt_chain.primitives.grandpa_equivocation import EquivocationProof
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import u32, u64


class Chain(RuleChain, HeaderSource, Protocol):
    """The chain that a voter needs."""


@dataclass(frozen=True, slots=True)
class Timing:
    """A voter's waiting times, in milliseconds, and its distance from the best block."""

    gossip: int
    """Time for a message to reach all voters: a round's prevote comes 2 of these after its start at
    the earliest; a precommit that may wait, 4 after it (`VotingRound.next_at`).
    """
    commit: int
    """Time to wait after a round for another voter's commit."""
    behind: int
    """Distance of votes below the best head, in blocks."""


class Basis(NamedTuple):
    """State with which a voter begins."""

    final: Target
    """The highest final block."""
    last: LastRound
    """The round after which it begins."""
    recorded: Mapping[tuple[int, Stage], Target]
    """Its votes of this set that are on record, by round and stage."""


# --- actions ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendVote:
    """Record this vote durably, then sign and publish it, and count it as well. If it cannot be
    recorded, do none of that.
    """

    round: int
    set_id: int
    message: AnyMessage


@dataclass(frozen=True, slots=True)
class Finalize:
    """The proof's target is final: store both."""

    justification: Justification


@dataclass(frozen=True, slots=True)
class SendCommit:
    """Publish this commit."""

    round: int
    set_id: int
    commit: Commit


@dataclass(frozen=True, slots=True)
class Report:
    """A voter voted twice; it is reported once per stage and round."""

    proof: EquivocationProof


@dataclass(frozen=True, slots=True)
class SaveRound:
    """A round is complete: save it, a restart begins after it."""

    votes: Round


@dataclass(frozen=True, slots=True)
class Distrust:
    """The message just processed is invalid, which its sender could know."""

    why: str


Action: TypeAlias = SendVote | Finalize | SendCommit | Report | SaveRound | Distrust


# --- the rounds -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LastRound:
    """The round after which a voter begins: as saved, or empty for a new set."""

    number: int
    base: Target
    votes: Sequence[SignedMessage] = ()


@dataclass(slots=True)
class _Early:
    """Votes for the next round; at most two per voter and stage."""

    votes: dict[tuple[AuthorityId, Stage], list[SignedMessage]] = field(default_factory=dict)

    def keep(self, signed: SignedMessage) -> None:
        kept = self.votes.setdefault((signed.id, stage_of(signed.message)), [])
        if signed not in kept and len(kept) < 2:
            kept.append(signed)


class Voter:
    """The rounds of one set, from the one after `last` on."""

    def __init__(
        self,
        authorities: AuthoritySet,
        me: AuthorityId | None,
        chain: Chain,
        timing: Timing,
        basis: Basis,
        now: int,
    ) -> None:
        """Start from `basis`; `me` is None for observers."""
        final, last, recorded = basis
        self.set: Final = authorities
        self.me = me if me is not None and me in authorities.voters else None
        """The key that votes; None for observers."""
        self._chain = chain
        self._timing = timing
        self._rule = VotingRule(chain, timing.behind)
        self._final = final
        self._recorded = dict(recorded)
        self._early = _Early()
        self._past: list[VotingRound] = []
        self._base = final
        self._completed: Round | None = None
        self._saved = 0  # revision of that round as saved
        self.due: int | None = None
        """Time of the next `tick`, if nothing happens before; None if only votes can help."""
        self._quiet_until = now
        previous: Before = RoundState.genesis(last.base)
        if last.number > 0 and last.votes:
            votes = self._round(last.number, last.base)
            for signed in last.votes:
                votes.add(signed)
            if votes.completable:
                previous = self._completed = votes
                self._saved = votes.revision
                self._past.append(VotingRound(votes, None, now))
        self._best = VotingRound(self._round(last.number + 1, final), previous, now)
        self.round = last.number + 1
        """The number of the current round."""

    # --- events ---

    def tick(self, now: int) -> list[Action]:
        """Process the passing of time, or growth of the chain."""
        return self._drive(now)

    def on_vote(self, round_number: int, signed: SignedMessage, now: int) -> list[Action]:
        """Process a vote of this set, ours or another's."""
        running = self._best if round_number == self.round else self._past_run(round_number)
        if running is None:
            if round_number == self.round + 1 and signed.id in self.set.voters:
                self._early.keep(signed)
            return []
        is_due = self.due is not None and now >= self.due
        if running.active_at is None:
            running.active_at, is_due = now, True
        before = running.votes.revision
        actions = self._import_vote(running, signed)
        # A vote may complete the proof of a block that counts as final by votes of cheaters.
        unproven = running.proven is not running.votes.finalized
        is_due = is_due or running.votes.revision != before or unproven
        # Most votes change no result: then nothing is due, unless a timer is, or our precommit,
        # which need not wait once all have prevoted.
        if is_due or (running.step is Step.PREVOTED and running.has_all_prevotes):
            actions += self._drive(now)
        return actions

    def on_commit(self, round_number: int, commit: Commit, now: int) -> list[Action]:
        """Process a commit of this set, of any round; all its blocks are known."""
        if not judge_commit(commit, self.set.voters, self._chain).valid:
            return [Distrust(f"the commit of round {round_number} is not valid")]
        actions: list[Action] = []
        past = self._past_run(round_number)
        if past is not None:
            past.received = max(past.received, commit.target.number)
            for signed in commit.precommits:
                actions += self._import_vote(past, precommit_message(signed))
        if commit.target.number > self._final.number:
            proof = from_commit(commit, round_number, self.set.voters, self._chain)
            if proof is not None:
                actions += self._finalize(proof)
        return [*actions, *self._drive(now)]

    def on_catch_up(self, catch_up: CatchUp, now: int) -> list[Action]:
        """Process a later round's votes, sent on request: continue after that round."""
        number = int(catch_up.round_number)
        if number <= self._best.votes.number:
            return []
        votes = self._round(number, catch_up.base)
        actions: list[Action] = []
        caught = VotingRound(votes, None, now, commit_at=now + self._timing.commit)
        fit = {Outcome.COUNTED, Outcome.EQUIVOCATION, Outcome.DUPLICATE, Outcome.THIRD}
        for signed in catch_up.votes():
            imported = votes.add(signed)
            if imported.outcome not in fit:
                return [Distrust(f"a vote of the catch-up is {imported.outcome.value}")]
        if not votes.completable:
            return [Distrust(f"the catch-up does not complete round {number}")]
        self._retire(self._best, now)
        self._past.append(caught)
        actions.append(self._complete(votes))
        self._start(VotingRound(self._round(number + 1, self._base), votes, now), actions)
        return [*actions, *self._drive(now)]

    def on_final(self, block: Target, now: int) -> list[Action]:
        """Process a block made final by a proof that did not come from our rounds."""
        if block.number > self._final.number:
            self._final = block
        return self._drive(now)

    def on_known_commit(self, height: int, now: int) -> None:
        """Process a commit of another voter for a final block: none up to `height` is sent."""
        for past in self._past:
            past.published = max(past.published, height)
        if self.due is not None and self.due > now:
            self.due = self._next_due(now)

    def act_as(self, me: AuthorityId | None, recorded: Mapping[tuple[int, Stage], Target]) -> None:
        """Vote with another key from here on, or with none; `recorded` are that key's votes.

        Call `tick` next.
        """
        before, self.me = self.me, me if me is not None and me in self.set.voters else None
        self._recorded = dict(recorded)
        if self.me not in {None, before} and self._best.step is not Step.WAITING:
            # The time to vote in this round passed while there was no such key. A stalled round may
            # wait for this one: go through its steps again; the record refuses what the key must
            # not sign.
            self._best.step = Step.WAITING

    def be_quiet(self, until: int) -> None:
        """Cast no vote before this time, only observe: our state may be out of date."""
        self._quiet_until = until
        self.due = until if self.due is None else min(until, self.due)

    # --- queries ---

    @property
    def completed(self) -> Round | None:
        """The last round that is complete; None if there is none in this set."""
        return self._completed

    @property
    def active_at(self) -> int | None:
        """Time of the first vote in the current round; None: there is none yet."""
        return self._best.active_at

    @property
    def final(self) -> Target:
        """The highest final block."""
        return self._final

    @property
    def best_round(self) -> Round:
        """The current round."""
        return self._best.votes

    @property
    def past_rounds(self) -> Sequence[Round]:
        """The past rounds that still take votes."""
        return [run.votes for run in self._past]

    def catch_up(self, round_number: int) -> CatchUp | None:
        """Return the catch-up to our last complete round; None if that is below `round_number`."""
        votes = self._completed
        if votes is None or votes.number < round_number:
            return None
        base = votes.base
        return CatchUp(
            u64(votes.number), votes.prevotes(), votes.precommits(), base.hash, u32(base.number)
        )

    # --- internals ---

    def _round(self, number: int, base: Target) -> Round:
        return Round(number, self.set.voters, base, self._chain)

    def _past_run(self, number: int) -> VotingRound | None:
        """Return a past round that still takes votes."""
        return next((past for past in self._past if past.votes.number == number), None)

    def _import_vote(self, running: VotingRound, signed: SignedMessage) -> list[Action]:
        if signed.message.STAGE is Stage.PROPOSE:
            if signed.id == self.set.voters.primary(running.votes.number):
                running.hint = target_of(signed.message.vote)
            return []
        found = running.votes.add(signed).equivocation
        if found is None or found.votes.first[0] == found.votes.second[0]:
            return []  # two signatures over one vote prove nothing
        return [Report(EquivocationProof(u64(self.set.set_id), found))]

    def _drive(self, now: int) -> list[Action]:
        """Carry out all that is due."""
        actions: list[Action] = []
        while True:
            done = self._best
            if done.step is not Step.PRECOMMITTED:
                self._vote(done, now, actions)
            is_over = done.votes.completable and done.may_be_followed()
            if is_over:
                # Before its block is final: a restart would not find votes for other forks again.
                actions.append(self._complete(done.votes))
            if done.proven is not done.votes.finalized:
                self._settle(done, actions)
            if not is_over:
                break
            self._retire(done, now)
            following = self._round(done.votes.number + 1, self._base)
            self._start(VotingRound(following, done.votes, now), actions)
        may_end = False
        for past in self._past:
            if past.proven is not past.votes.finalized:
                self._settle(past, actions)
            if past.commit_at is None:
                may_end = True
            elif now >= past.commit_at:
                commit, may_end = past.due_commit(now), True
                if commit is not None:
                    actions.append(SendCommit(past.votes.number, self.set.set_id, commit))
        if may_end:
            self._past = [past for past in self._past if not past.concluded(self._final)]
        self.due = self._next_due(now)
        return actions

    def _next_due(self, now: int) -> int | None:
        """Return when the next timer is due."""
        best = self._best
        due = self._quiet_until if self._quiet_until > now else None
        if best.step is not Step.PRECOMMITTED:
            step = best.next_at(self._timing.gossip, now)
            is_next = step > now and (due is None or step < due)
            if is_next and not best.is_idle(self._chain, self._final, self._recorded):
                due = step
        for past in self._past:
            at = past.commit_at
            if at is None or at <= now or (due is not None and at >= due) or past.has_commit:
                continue
            due = at
        return due

    def _vote(self, run: VotingRound, now: int, actions: list[Action]) -> None:
        if now < self._quiet_until:
            return
        full, gossip = run.votes.completable, self._timing.gossip
        # The cheap check first: most events change nothing here.
        if run.step is Step.WAITING and not full and now < run.started + 2 * gossip:
            return
        before = run.previous
        if before is None or before.estimate is None:
            return
        if run.step is Step.WAITING:
            self._prevote(run, before, before.estimate, now, actions)
        ghost = run.votes.ghost
        if ghost is None or run.step is not Step.PREVOTED:
            return
        if not (full or now >= run.next_at(gossip, now) or run.is_highest(ghost, self._chain)):
            return
        if descends(self._chain, before.estimate, ghost):
            run.step = Step.PRECOMMITTED
            self._cast(run, Stage.PRECOMMIT, ghost, actions)
            run.votes.mark_precommitted()

    def _prevote(
        self,
        run: VotingRound,
        before: Before,
        estimate: Target,
        now: int,
        actions: list[Action],
    ) -> None:
        target = self._rule.target(run.hint, before, estimate)
        if target is None:
            return  # the target is not known any more; retried at the next event
        ours = self._recorded.get((run.votes.number, Stage.PREVOTE))
        may_wait = ours is None and not run.is_due(self._timing.gossip, now)
        if may_wait and not self._rule.decides(target, before, estimate, self._final):
            return  # retried when a block or a vote comes
        run.step, run.prevoted = Step.PREVOTED, ours or target
        if run.active_at is None:
            run.active_at = now
        self._cast(run, Stage.PREVOTE, target, actions)
        run.votes.mark_prevoted()

    def _cast(self, run: VotingRound, stage: Stage, target: Target, actions: list[Action]) -> None:
        if self.me is None:
            return
        number, set_id = run.votes.number, self.set.set_id
        target = self._recorded.get((number, stage), target)
        message = message_for(stage, target)
        last = self._completed
        if last is not None and last is run.previous and last.revision != self._saved:
            # The vote stands on its estimate of now: that of an earlier time may be a dead fork.
            actions.append(self._complete(last))
        actions.append(SendVote(number, set_id, message))

    def _settle(self, run: VotingRound, actions: list[Action]) -> None:
        """Prove the final block of a round, once our votes in it are cast.

        Not before: a restart would otherwise begin the round again on a base that it made final.
        """
        final = run.votes.finalized
        if final is None or not run.votes.completable or not run.cast_all or run.proven == final:
            return
        proof = prove(run.votes, self._chain)
        if proof is None:
            return
        run.proof, run.proven = proof, final
        if final.number > self._base.number:
            self._base = final
        actions += self._finalize(proof)

    def _finalize(self, proof: Justification) -> list[Action]:
        target = proof.target
        if target.number <= self._final.number:
            return []
        self._final = target
        return [Finalize(proof)]

    def _complete(self, votes: Round) -> SaveRound:
        self._completed, self._saved = votes, votes.revision
        return SaveRound(votes)

    def _retire(self, run: VotingRound, now: int) -> None:
        run.commit_at = now + self._timing.commit
        self._past.append(run)

    def _start(self, run: VotingRound, actions: list[Action]) -> None:
        early, self._early = self._early, _Early()
        expected = self._best.votes.number + 1
        self._best, self.round = run, run.votes.number
        if self.round != expected:
            return
        for kept in early.votes.values():
            for signed in kept:
                run.active_at = run.started
                actions += self._import_vote(run, signed)
