"""Votes, messages and proofs that wait for blocks, and their bounds."""

from __future__ import annotations

from btt_chain.consensus.finality.environment import Want
from btt_chain.consensus.finality.messages import CommitMessage
from btt_chain.consensus.finality.outbox import Outbox
from btt_chain.consensus.finality.peers import Peers
from btt_chain.consensus.finality.until_imported import (
    DEEP,
    MAX_MESSAGES,
    MAX_PROOFS,
    NEAR,
    WAIT_FOR_BLOCK,
    BlockedVote,
    Received,
    UntilImported,
)
from btt_chain.primitives.grandpa import Commit, Justification, Stage, Target
from btt_chain.primitives.header import Header
from btt_chain.scale import u32, u64
from unit.consensus.finality.finality_world import as_precommit, signed
from unit.consensus.finality.gadget_world import Tree, child, genesis_header, target


class Waiting:
    """A store with one block above genesis, and the messages that wait for others."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.here = child(genesis_header())
        self.missing = child(self.here)
        self.tree.add(self.here)
        self.outbox = Outbox(Peers())
        self.held = UntilImported(self.tree, self.outbox)


def commit_for(header: Header, since: int = 0, number: int = 1) -> Received:
    block = target(header)
    votes = [as_precommit(signed(Stage.PRECOMMIT, block, "Bob", number, 0))]
    commit = Commit(block.hash, u32(block.number), votes)
    return Received("peer", CommitMessage(u64(number), u64(0), commit.compact()), since, b"raw")


def proof_of(header: Header) -> Justification:
    return Justification(u64(1), Commit(header.hash(), header.number, []), [])


def test_a_vote_for_a_missing_block_waits_and_requests_it() -> None:
    case = Waiting()
    block = target(case.missing)
    vote = signed(Stage.PREVOTE, block, "Bob", 1, 0)

    assert not case.held.admit_vote(1, vote, "peer", 0)
    assert case.outbox.take() == [Want(block.hash, block.number, "peer")]
    assert len(case.held) == 1

    case.tree.add(case.missing)
    assert case.held.take_votes(block) == [BlockedVote(1, vote, "peer")]
    assert case.held.admit_vote(1, vote, "peer", 0)
    assert len(case.held) == 0


def test_a_vote_for_a_missing_block_at_a_final_height_is_dropped() -> None:
    case = Waiting()
    vote = signed(Stage.PREVOTE, target(case.missing), "Bob", 1, 0)
    assert not case.held.admit_vote(1, vote, "peer", 2)
    assert case.outbox.take() == []
    assert len(case.held) == 0


def test_a_vote_that_names_a_wrong_height_is_neither_counted_nor_held() -> None:
    case = Waiting()
    vote = signed(Stage.PREVOTE, Target(case.here.hash(), 7), "Bob", 1, 0)
    assert not case.held.admit_vote(1, vote, "peer", 0)
    assert len(case.held) == 0


def test_votes_of_earlier_rounds_are_dropped() -> None:
    case = Waiting()
    for number in (1, 2):
        vote = signed(Stage.PREVOTE, target(case.missing), "Bob", number, 0)
        case.held.admit_vote(number, vote, "peer", 0)
    case.held.drop_votes_below(2)
    assert [one.round for one in case.held.take_votes(target(case.missing))] == [2]


def test_of_many_messages_the_newest_wait() -> None:
    case = Waiting()
    for since in range(MAX_MESSAGES + 1):
        assert not case.held.admit(commit_for(case.missing, since), 0)
    taken = case.held.take_messages(target(case.missing))
    assert [one.since for one in taken] == [*range(1, MAX_MESSAGES + 1)]


def test_a_message_waits_on_while_its_block_is_far_ahead() -> None:
    case = Waiting()
    assert not case.held.admit(commit_for(case.missing), 0)
    number = int(case.missing.number)
    assert case.held.take_messages(Target(case.here.hash(), number - NEAR - 1)) == []
    assert len(case.held) == 1
    assert len(case.held.take_messages(Target(case.here.hash(), number - NEAR))) == 1
    assert len(case.held) == 0


def test_a_message_of_blocks_that_are_here_is_used_at_once() -> None:
    case = Waiting()
    assert case.held.admit(commit_for(case.here), 0)
    assert len(case.held) == 0


def test_a_message_far_below_the_final_block_is_dropped() -> None:
    case = Waiting()
    assert not case.held.admit(commit_for(case.here), DEEP + 2)
    assert len(case.held) == 0


def test_messages_expire() -> None:
    case = Waiting()
    case.held.admit(commit_for(case.missing, 5), 0)
    case.held.expire(5 + WAIT_FOR_BLOCK - 1)
    assert len(case.held) == 1
    case.held.expire(5 + WAIT_FOR_BLOCK)
    assert len(case.held) == 0


def test_of_many_proofs_the_newest_wait_and_those_of_a_new_set_are_kept() -> None:
    case = Waiting()
    headers = [child(case.missing, str(mark)) for mark in range(MAX_PROOFS + 1)]
    for header in headers:
        case.held.hold_proof(proof_of(header))
    case.held.begin_set()
    assert case.held.take_proof(target(headers[0])) is None
    assert case.held.take_proof(target(headers[1])) == proof_of(headers[1])
    assert [*case.held.take_proofs()] == [proof_of(header) for header in headers[2:]]
