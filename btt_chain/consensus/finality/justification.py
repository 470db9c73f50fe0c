"""Proofs of finality: verified by two rules, and built so that both accept them.

Nodes take the lowest vote as the base, ignore unknown voters and count an equivocator for every
block. Light clients take the target as the base, count voters, and refuse those that are unknown or
vote twice. Bridges also refuse votes that are not needed by weight: relayers remove them
(`trimmed`). A block can be final in a round and yet have no proof: with votes on two branches above
it and none for itself, nodes refuse what light clients accept. So a node builds the proof first,
verifies it by both rules, and only then declares the block final (`prove`). A block that it cannot
prove waits for another vote or round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import Final, Protocol

from btt_chain.consensus.finality.graph import NO_POWER, Ancestry, Headers, descends
from btt_chain.consensus.finality.round import Outcome, Round
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    Commit,
    Justification,
    Precommit,
    SignedPrecommit,
    Target,
    Verdict,
    full_shape,
    precommit_message,
    route,
    signatures,
    strict_shape,
    target_of,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId, VoterSet
from btt_chain.scale import u32, u64


class HeaderSource(Protocol):
    """Headers for the ancestries of a proof."""

    def header(self, block: Target) -> Header | None:
        """Return the header of a block; None if no such block is known at that height."""
        ...


class Rule(Enum):
    """The rule by which a justification is verified."""

    NODE = "node"
    FULL = "full"
    STRICT = "strict"


def verify(
    justification: Justification, set_id: int, voters: VoterSet, target: Target, rule: Rule
) -> Verdict:
    """Return the verdict of one rule on a proof that `target` is final.

    Signatures are checked last, because they cost most.
    """
    if justification.target != target:
        return Verdict.WRONG_TARGET
    verdict = _SHAPES[rule](justification, voters)
    if verdict is not Verdict.ACCEPTED:
        return verdict
    return signatures(justification, set_id)


# --- commits ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CommitReport:
    """The validity of a commit, and its anomalies."""

    valid: bool
    unknown_voters: int = 0
    duplicates: int = 0
    equivocations: int = 0


def judge_commit(commit: Commit, voters: VoterSet, ancestry: Ancestry) -> CommitReport:
    """Verify a commit over known blocks; its signatures were checked before.

    Valid if its precommits, counted from the lowest of them, reach the target and nothing above it.
    """
    weights = voters.weights
    known = [signed for signed in commit.precommits if signed.id in weights]
    unknown = len(commit.precommits) - len(known)
    if not known:
        return CommitReport(valid=False, unknown_voters=unknown)
    base = _lowest(known)
    if not all(descends(ancestry, base, target_of(signed.precommit)) for signed in known):
        return CommitReport(valid=False, unknown_voters=unknown)
    votes = Round(0, voters, base, ancestry)
    outcomes = Counter(votes.add(precommit_message(signed)).outcome for signed in known)
    return CommitReport(
        valid=votes.precommit_ghost() == commit.target,
        unknown_voters=unknown,
        duplicates=outcomes[Outcome.DUPLICATE],
        equivocations=outcomes[Outcome.EQUIVOCATION],
    )


def node_shape(justification: Justification, voters: VoterSet) -> Verdict:
    """Verify all but the signatures by the nodes' rule."""
    precommits = justification.commit.precommits
    headers: dict[bytes, Header] = {h.hash(): h for h in justification.votes_ancestries}
    if not judge_commit(justification.commit, voters, Headers(headers)).valid:
        return Verdict.VOTES_ELSEWHERE
    base, used = _lowest(precommits), set[bytes]()
    for signed in precommits:
        way = route(headers, base, target_of(signed.precommit))
        if way is None:
            return Verdict.UNRELATED_VOTE
        used.update(way)
    if len(used) != len(headers):
        return Verdict.UNUSED_HEADER
    return Verdict.ACCEPTED


_SHAPES: Final = {Rule.NODE: node_shape, Rule.FULL: full_shape, Rule.STRICT: strict_shape}


def _lowest(precommits: Sequence[SignedPrecommit]) -> Target:
    return min((target_of(signed.precommit) for signed in precommits), key=lambda t: t.number)


# --- proofs -----------------------------------------------------------------


def prove(votes: Round, headers: HeaderSource) -> Justification | None:
    """Return the smallest proof of the final block of a round; None if there is none.

    None too while nothing is final. The votes' signatures were checked on arrival.
    """
    if votes.finalized is None:
        return None
    return assemble(votes.number, votes.finalized, votes.single_precommits(), votes.voters, headers)


def from_commit(
    commit: Commit, round_number: int, voters: VoterSet, headers: HeaderSource
) -> Justification | None:
    """Return the proof that a commit contains; None if it has none that both rules accept.

    The commit's signatures were checked before.
    """
    votes = Counter(signed.id for signed in commit.precommits)
    singles = [signed for signed in commit.precommits if votes[signed.id] == 1]
    return assemble(round_number, commit.target, singles, voters, headers)


def assemble(
    round_number: int,
    target: Target,
    precommits: Sequence[SignedPrecommit],
    voters: VoterSet,
    headers: HeaderSource,
) -> Justification | None:
    """Return a proof of `target` from precommits of different voters, or None.

    The lightest votes come first, so that no vote is redundant by weight where all have voted. One
    is for the target itself: it is the base of the nodes' rule.
    """
    votes = {signed.id: signed for signed in precommits}
    ways: dict[AuthorityId, list[Header]] = {}
    """The headers above `target` up to the vote of each voter that stands on it."""
    for who in reversed(voters.by_weight):
        if who in votes:
            way = _way(target, votes[who].precommit, headers)
            if way is not None:
                ways[who] = way
    base = next((who for who, way in ways.items() if not way), None)
    if base is None:
        return None
    chosen, power = list[AuthorityId](), NO_POWER
    for who in ways:
        if power.reaches(voters.threshold):
            break
        chosen.append(who)
        power = power.plus(voters.powers[who])
    if not power.reaches(voters.threshold):
        return None
    if base not in chosen:
        chosen[-1] = base  # it weighs at least as much
    proof = Justification(
        u64(round_number),
        Commit(target.hash, u32(target.number), [votes[who] for who in chosen]),
        list({header.hash(): header for who in chosen for header in ways[who]}.values()),
    )
    if not proof.votes_ancestries:
        return proof  # all vote for the target itself: there is nothing more to either rule
    rules = (full_shape, node_shape)
    return proof if all(rule(proof, voters) is Verdict.ACCEPTED for rule in rules) else None


def _way(target: Target, vote: Precommit, headers: HeaderSource) -> list[Header] | None:
    """Return the headers above `target` up to the block of a vote; None if it is not above it."""
    if vote.target_hash == target.hash:
        return [] if vote.target_number == target.number else None
    block = target_of(vote)
    way: list[Header] = []
    while block.number > target.number:
        header = headers.header(block)
        if header is None:
            return None
        way.append(header)
        block = Target(H256(header.parent_hash), block.number - 1)
    return way if block == target else None
