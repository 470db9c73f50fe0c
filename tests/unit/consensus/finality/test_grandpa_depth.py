"""Messages about blocks deep down cost no walk over the chain, from any peer."""

from __future__ import annotations

import pytest

from btt_chain.consensus.finality.until_imported import DEEP
from btt_chain.consensus.finality.voter import Finalize
from btt_chain.primitives.grandpa import Commit, Stage, Target
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from unit.consensus.finality.finality_world import as_precommit, signed
from unit.consensus.finality.gadget_case import (
    NAMES,
    GadgetCase,
    answered,
    catch_up,
    commit_bytes,
    costs,
    neighbour,
)
from unit.consensus.finality.gadget_world import child, target

FINAL = DEEP + 10
FEW = 100
"""Maximum number of blocks read."""


class Deep(GadgetCase):
    """A node whose last final block is far from block zero; it counts the blocks that are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(blocks=0)
        tree = self.node.tree
        for _ in range(FINAL + 1):
            header = child(self.headers[-1])
            self.headers.append(header)
            tree.headers[header.hash()] = header
        tree.best, tree.final_block = target(self.headers[-1]), target(self.headers[-2])
        self.do(self.gadget.finalized(tree.final_block, 0))
        self.node.log.clear()
        self.read = 0
        plain = tree.header

        def header_of(block: Target) -> Header | None:
            self.read += 1
            return plain(block)

        monkeypatch.setattr(tree, "header", header_of)
        # A client finds final blocks by height without a walk.
        final = [target(header) for header in self.headers[: FINAL + 1]]
        monkeypatch.setattr(tree, "at", lambda number: final[number] if number <= FINAL else None)

    def commit_of_all(self, low: int) -> Commit:
        """Three of four vote for the head, the fourth for a block far below."""
        commit = self.commit(FINAL + 1)
        fourth = signed(Stage.PRECOMMIT, target(self.headers[low]), NAMES[0], 1, 0)
        return Commit(
            commit.target_hash, commit.target_number, [*commit.precommits, as_precommit(fourth)]
        )


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch) -> Deep:
    return Deep(monkeypatch)


def test_a_commit_with_a_vote_for_block_zero_is_not_counted(case: Deep) -> None:
    actions = case.gossip(commit_bytes(case.commit_of_all(low=0)))
    assert case.read < FEW
    assert costs(actions) == []  # who passed it on could not know how long our chain is
    assert case.node.of(Finalize) == []


def test_a_commit_with_a_vote_a_little_below_its_target_is_counted(case: Deep) -> None:
    case.gossip(commit_bytes(case.commit_of_all(low=FINAL - 5)))
    assert case.node.tree.final_block.number == FINAL + 1


def test_a_commit_that_claims_to_be_of_a_block_far_below_is_not_walked_to(case: Deep) -> None:
    votes = case.commit(FINAL + 1).precommits
    rival = child(case.headers[0], "rival")
    actions = case.gossip(commit_bytes(Commit(rival.hash(), u32(1), votes)))
    assert case.read < FEW
    assert case.node.of(Finalize) == []
    assert case.gadget.round == 1
    assert costs(actions) == []


def test_a_catch_up_that_begins_at_block_zero_is_not_counted(case: Deep) -> None:
    case.headers[4] = case.headers[FINAL + 1]  # what its votes are for
    case.note(neighbour(6))
    case.note(answered(catch_up(case, 5)))
    assert case.read < FEW
    assert case.gadget.round == 1
