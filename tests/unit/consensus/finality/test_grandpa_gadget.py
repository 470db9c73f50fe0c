"""One gadget: what it answers, what it refuses, and what bad manners cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.catch_up import (
    CATCH_UP_TIMEOUT,
    MAX_EXPECTED,
    CatchUps,
    Request,
)
from btt_chain.consensus.finality.gadget import (
    Action,
    BadHeader,
    Broken,
    Gadget,
    Save,
    Want,
)
from btt_chain.consensus.finality.justification import assemble
from btt_chain.consensus.finality.messages import (
    GOSSIP,
    CatchUpAsked,
    CatchUpGiven,
    CatchUpMessage,
    CatchUpRequest,
    CommitGossip,
    CommitMessage,
    Neighbor,
    NeighborV1,
    Vote,
)
from btt_chain.consensus.finality.outbox import Outbox
from btt_chain.consensus.finality.peers import Peers
from btt_chain.consensus.finality.proofs import NotFinal, prove_finality
from btt_chain.consensus.finality.timers import Clock
from btt_chain.consensus.finality.voter import ArmTimer, Finalize
from btt_chain.primitives.digest import Digest
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    CatchUp,
    ChangeForced,
    Commit,
    Justification,
    SignedMessage,
    SignedPrevote,
    Stage,
    VoterSet,
    consensus,
    message_for,
    stage_of,
)
from btt_chain.primitives.header import Header
from btt_chain.scale import u32, u64
from p2p.network import GRANDPA, Penalise, Publish, Tell
from unit.consensus.finality.finality_world import as_precommit, signed, who
from unit.consensus.finality.gadget_world import (
    SIGNATURES,
    Keys,
    Node,
    T,
    child,
    genesis_header,
    importing,
    scheduled,
    target,
    vote_bytes,
)

NAMES = ["Alice", "Bob", "Charlie", "Dave"]
PREVOTE, PRECOMMIT = Stage.PREVOTE, Stage.PRECOMMIT


class Desk:
    """A node with one gadget, four blocks, and a peer."""

    def __init__(self, keys: Sequence[str] = ("Alice",), blocks: int = 4) -> None:
        self.node = Node("Alice", dict.fromkeys(NAMES, 1), Keys(list(keys)))
        self.headers = [genesis_header()]
        self.now = 0
        self.do(self.node.gadget.start(0))
        self.do(self.node.gadget.connected("peer", 0))
        for _ in range(blocks):
            self.add(child(self.headers[-1]))
        self.out: list[Action] = []

    @property
    def gadget(self) -> Gadget:
        return self.node.gadget

    def add(self, header: Header) -> list[Action]:
        self.headers.append(header)
        return self.do(importing(header)(self.node, self.now))

    def do(self, actions: Sequence[Action]) -> list[Action]:
        return self.node.take(actions, self.now)

    def gossip(self, raw: bytes) -> list[Action]:
        return self.do(self.gadget.gossip_received("peer", raw, self.now))

    def note(self, raw: bytes) -> list[Action]:
        return self.do(self.gadget.note_received("peer", raw, self.now))

    def at(self, now: int) -> list[Action]:
        self.now = now
        return self.do(self.gadget.tick(now))

    def vote(self, stage: Stage, block: int, name: str, number: int = 1, set_id: int = 0) -> bytes:
        vote = signed(stage, target(self.headers[block]), name, number, set_id)
        return vote_bytes(vote, number, set_id)

    def commit(self, block: int, names: Sequence[str] = NAMES[1:], number: int = 1) -> Commit:
        votes = [
            as_precommit(signed(PRECOMMIT, target(self.headers[block]), name, number, 0))
            for name in names
        ]
        at = target(self.headers[block])
        return Commit(at.hash, u32(at.number), votes)

    def proof(self, block: int) -> Justification:
        found = assemble(
            1,
            target(self.headers[block]),
            self.commit(block).precommits,
            self.gadget.authorities.current.voters,
            self.node.tree,
        )
        assert found is not None
        return found

    def round(self, block: int = 4) -> None:
        """Let the others' votes complete our round."""
        number = self.gadget.round
        for stage in (PREVOTE, PRECOMMIT):
            self.at(self.now + 2 * T)
            for name in NAMES[1:]:
                self.gossip(self.vote(stage, block, name, number))


def commit_bytes(commit: Commit, number: int = 1, set_id: int = 0) -> bytes:
    return GOSSIP.encode(CommitGossip(CommitMessage(u64(number), u64(set_id), commit.compact())))


def neighbour(number: int, set_id: int = 0, final: int = 0) -> bytes:
    return GOSSIP.encode(Neighbor(NeighborV1(u64(number), u64(set_id), u32(final))))


def asked(number: int, set_id: int = 0) -> bytes:
    return GOSSIP.encode(CatchUpAsked(CatchUpRequest(u64(number), u64(set_id))))


def costs(actions: Sequence[Action]) -> list[int]:
    return [action.cost for action in actions if isinstance(action, Penalise)]


def told(actions: Sequence[Action]) -> list[object]:
    return [GOSSIP.decode_all(action.data) for action in actions if isinstance(action, Tell)]


def published(actions: Sequence[Action]) -> list[object]:
    return [GOSSIP.decode_all(action.data) for action in actions if isinstance(action, Publish)]


# --- votes --------------------------------------------------------------------------


def test_our_vote_is_signed_spread_and_counted() -> None:
    desk = Desk()

    actions = desk.at(2 * T)

    [vote] = published(actions)
    assert isinstance(vote, Vote)
    assert vote.body.message.id == who("Alice")
    assert [a.topic for a in actions if isinstance(a, Publish)] == [GRANDPA]
    assert desk.gadget.rounds()[0].prevote_weight == 1


def test_nothing_is_sent_where_the_record_refuses_to_sign() -> None:
    desk = Desk()
    desk.node.keys.last[who("Alice")] = (9, 9, PRECOMMIT)

    assert published(desk.at(2 * T)) == []
    assert desk.gadget.rounds()[0].prevote_weight == 0


def test_a_key_that_appears_votes_and_one_that_goes_does_not() -> None:
    desk = Desk(keys=[])
    assert desk.gadget.me is None
    desk.node.keys.names.append("Bob")
    desk.do(desk.gadget.keys_changed(0))
    assert desk.gadget.me == who("Bob")
    assert len(published(desk.at(2 * T))) == 1

    desk.node.keys.names.clear()
    desk.do(desk.gadget.keys_changed(desk.now))
    for name in NAMES[1:]:
        desk.gossip(desk.vote(PREVOTE, 4, name))
    assert published(desk.at(4 * T)) == []


@pytest.mark.parametrize("after", [2, 4])
def test_a_key_that_comes_when_its_time_to_vote_has_passed_still_votes_in_the_round(
    after: int,
) -> None:
    # All validators of a new network may wait: round 1 stands until the first of them votes.
    desk = Desk(keys=[])
    desk.at(after * T)
    desk.node.keys.names.append("Bob")
    votes = published(desk.do(desk.gadget.keys_changed(desk.now)))
    cast = [vote.body.message for vote in votes if isinstance(vote, Vote)]
    assert [(stage_of(vote.message), vote.id) for vote in cast] == [(PREVOTE, who("Bob"))]


def test_of_two_keys_the_first_in_the_set_votes() -> None:
    assert Desk(keys=["Dave", "Bob"]).gadget.me == who("Bob")


def test_a_key_outside_the_set_only_watches() -> None:
    assert Desk(keys=["Eve"]).gadget.me is None


def test_a_vote_again_is_free_and_a_third_is_not_even_checked() -> None:
    desk = Desk()
    raw = desk.vote(PREVOTE, 4, "Bob")
    assert costs(desk.gossip(raw)) == []
    assert costs(desk.gossip(raw)) == []
    assert desk.gadget.rounds()[0].prevote_weight == 1
    desk.gossip(desk.vote(PREVOTE, 3, "Bob"))

    before = SIGNATURES.checked
    assert costs(desk.gossip(desk.vote(PREVOTE, 2, "Bob"))) == []
    assert SIGNATURES.checked == before


@pytest.mark.parametrize(
    ("raw", "price"),
    [
        (b"", cost.UNDECODABLE_BYTE),
        (b"\x09" * 40, 40 * cost.UNDECODABLE_BYTE),
        (Desk().vote(PREVOTE, 4, "Eve"), cost.UNKNOWN_VOTER),
        (neighbour(1), cost.OUT_OF_SCOPE),
        (asked(1), cost.OUT_OF_SCOPE),
    ],
)
def test_gossip_that_is_none_costs(raw: bytes, price: int) -> None:
    assert costs(Desk().gossip(raw)) == [price]


VALID = [
    Desk().vote(PREVOTE, 4, "Bob"),
    commit_bytes(Desk().commit(3)),
    neighbour(7),
    asked(1),
]


def harm(raw: bytes, at: int, byte: int, size: int) -> bytes:
    at %= len(raw)
    return (raw[:at] + bytes([byte]) + raw[at + 1 :])[:size]


@settings(max_examples=150, deadline=None)
@given(
    raw=st.binary(max_size=300)
    | st.builds(
        harm,
        st.sampled_from(VALID),
        st.integers(0, 2_000),
        st.integers(0, 255),
        st.integers(0, 2_000),
    )
)
def test_nothing_that_is_heard_fails_or_counts_what_was_not_signed(raw: bytes) -> None:
    desk = Desk()
    desk.note(raw)
    desk.gossip(raw)
    desk.at(2 * T)
    assert desk.node.tree.final_block.number in {0, 3}
    assert desk.gadget.rounds()[0].prevote_weight <= 2


def test_a_vote_that_nobody_signed_costs() -> None:
    desk = Desk()
    vote = signed(PREVOTE, target(desk.headers[4]), "Bob", 1, 0)
    forged = replace(vote, signature=AuthoritySignature(bytes(64)))
    assert costs(desk.gossip(vote_bytes(forged, 1, 0))) == [cost.BAD_SIGNATURE]
    assert costs(desk.gossip(vote_bytes(vote, 2, 0))) == [cost.BAD_SIGNATURE]
    assert desk.gadget.rounds()[0].prevote_weight == 0


def test_what_is_good_is_passed_on_once_and_nothing_else_is() -> None:
    desk = Desk()
    good, better = desk.vote(PREVOTE, 4, "Bob"), commit_bytes(desk.commit(3))
    bad = [desk.vote(PREVOTE, 4, "Eve"), neighbour(1), commit_bytes(desk.commit(4), 2), b"?"]
    for raw in (good, better):
        assert Publish(GRANDPA, raw) in desk.gossip(raw)
        assert published(desk.gossip(raw)) == []
    for raw in bad:
        assert published(desk.gossip(raw)) == []


def test_a_vote_from_far_ahead_costs_unless_somebody_stands_there() -> None:
    desk = Desk()
    desk.note(neighbour(1))
    far = desk.vote(PREVOTE, 4, "Bob", 1, 5)
    assert costs(desk.gossip(far)) == [cost.FUTURE]

    desk.note(neighbour(1, 5))
    assert costs(desk.gossip(far)) == []


def test_a_vote_of_a_round_long_over_costs() -> None:
    desk = Desk()
    old = desk.vote(PREVOTE, 4, "Bob", 1)
    desk.gossip(old)
    for _ in range(5):
        desk.round()
    assert desk.gadget.round == 6
    assert costs(desk.gossip(old)) == []  # it may still be on its way

    desk.now += 70_000
    desk.round()
    desk.round()
    desk.note(neighbour(8))
    assert costs(desk.gossip(old)) == [cost.PAST]


# --- blocks that are not here -------------------------------------------------------


def test_a_vote_for_a_block_that_is_not_here_waits_for_it() -> None:
    desk = Desk()
    unseen = child(desk.headers[-1])
    vote = signed(PREVOTE, target(unseen), "Bob", 1, 0)

    actions = desk.gossip(vote_bytes(vote, 1, 0))
    assert Want(unseen.hash(), 5, "peer") in actions
    assert desk.gadget.rounds()[0].prevote_weight == 0

    desk.add(unseen)
    assert desk.gadget.rounds()[0].prevote_weight == 1


def test_a_vote_that_gives_a_block_another_height_is_not_counted() -> None:
    desk = Desk()
    wrong = target(desk.headers[3])._replace(number=4)
    desk.gossip(vote_bytes(signed(PREVOTE, wrong, "Bob", 1, 0), 1, 0))
    assert desk.gadget.rounds()[0].prevote_weight == 0


def test_a_commit_for_a_block_that_is_not_here_waits_for_it() -> None:
    desk, unseen = Desk(), child(genesis_header(), "another")
    desk.headers[4] = unseen
    raw = commit_bytes(desk.commit(4))

    assert Want(unseen.hash(), 1, "peer") in desk.gossip(raw)
    assert desk.node.of(Finalize) == []

    desk.add(unseen)
    assert desk.node.tree.final_block == target(unseen)


# --- commits ------------------------------------------------------------------------


def test_g19_a_commit_finalizes_and_leaves_our_round_alone() -> None:
    desk = Desk()
    desk.gossip(commit_bytes(desk.commit(3, number=7), 7))
    assert desk.node.tree.final_block.number == 3
    assert desk.gadget.round == 1


def test_g18_one_commit_of_a_block_is_enough() -> None:
    desk = Desk()
    desk.round()
    assert desk.node.tree.final_block.number == 4
    desk.gossip(commit_bytes(desk.commit(4)))

    later = desk.at(desk.now + 6 * T)
    assert not any(isinstance(message, CommitGossip) for message in published(later))

    alone = Desk()
    alone.round()
    later = alone.at(alone.now + 6 * T)
    assert len([m for m in published(later) if isinstance(m, CommitGossip)]) == 1


@pytest.mark.parametrize("names", [[], NAMES[2:], [*NAMES[1:], "Eve"], NAMES * 3])
def test_a_commit_that_could_not_be_meant_costs(names: list[str]) -> None:
    desk = Desk()
    assert costs(desk.gossip(commit_bytes(desk.commit(4, names)))) == [cost.MALFORMED]


def test_a_commit_with_a_signature_missing_costs() -> None:
    desk = Desk()
    compact = desk.commit(4).compact()
    compact.auth_data.pop()
    raw = GOSSIP.encode(CommitGossip(CommitMessage(u64(1), u64(0), compact)))
    assert costs(desk.gossip(raw)) == [cost.MALFORMED]


def test_a_commit_of_another_round_costs_each_signature_that_was_checked() -> None:
    desk = Desk()
    price = cost.BAD_SIGNATURE + cost.SIGNATURE_CHECKED
    assert costs(desk.gossip(commit_bytes(desk.commit(4), 2))) == [price]


def test_a_commit_whose_votes_make_another_block_final_costs_most() -> None:
    desk = Desk()
    commit = replace(desk.commit(4), target_hash=desk.headers[2].hash(), target_number=u32(2))
    assert costs(desk.gossip(commit_bytes(commit))) == [cost.INVALID]
    assert desk.node.of(Finalize) == []


def test_f12_a_proof_that_excludes_a_final_block_stops_the_gadget() -> None:
    desk = Desk()
    desk.gossip(commit_bytes(desk.commit(2)))
    other = child(genesis_header(), "other")
    others = [other, child(other, "b"), child(child(other, "b"), "c")]
    for header in others:
        desk.node.tree.headers[header.hash()] = header
    desk.headers[3] = others[2]
    conflict = commit_bytes(desk.commit(3))

    broken = [action for action in desk.gossip(conflict) if isinstance(action, Broken)]

    assert [b.proof.target for b in broken] == [target(others[2])]
    assert broken[0].final.number == 2
    assert len(desk.node.of(Finalize)) == 1
    assert published(desk.at(2 * T)) == []
    desk.gossip(commit_bytes(desk.commit(4)))
    assert len(desk.node.of(Finalize)) == 1


def rivals(desk: Desk, count: int) -> list[Header]:
    """Return another chain over genesis, none of whose blocks are here."""
    headers = [child(genesis_header(), "other")]
    while len(headers) < count:
        headers.append(child(headers[-1], "other"))
    desk.headers[1 : count + 1] = headers
    return headers


@pytest.mark.parametrize("height", [1, 2])
def test_f12_a_commit_beside_final_blocks_stops_the_gadget_though_its_fork_is_gone(
    height: int,
) -> None:
    desk = Desk()
    desk.gossip(commit_bytes(desk.commit(2)))
    ours = desk.headers[height]
    others = rivals(desk, 2)

    found = desk.gossip(commit_bytes(desk.commit(height)))

    broken = [action for action in found if isinstance(action, Broken)]
    assert [one.proof.target for one in broken] == [target(others[height - 1])]
    assert broken[0].final == target(ours)
    assert not costs(found)
    assert published(desk.at(2 * T)) == []


def test_f12_a_commit_that_waited_for_its_blocks_stops_the_gadget_once_others_are_final() -> None:
    desk = Desk()
    ours = list(desk.headers)
    rivals(desk, 3)
    conflict = commit_bytes(desk.commit(3))
    desk.headers = ours
    assert not [one for one in desk.gossip(conflict) if isinstance(one, Broken)]

    found = desk.gossip(commit_bytes(desk.commit(4)))

    assert [one.final.number for one in found if isinstance(one, Broken)] == [3]


def test_f12_a_rival_without_enough_votes_for_itself_stops_nobody() -> None:
    desk = Desk()
    desk.gossip(commit_bytes(desk.commit(2)))
    others = rivals(desk, 2)
    below = replace(desk.commit(2), target_hash=others[0].hash(), target_number=u32(1))
    assert not [one for one in desk.gossip(commit_bytes(below)) if isinstance(one, Broken)]
    assert desk.node.of(Finalize)


# --- proofs -------------------------------------------------------------------------


def test_a_proof_from_a_peer_makes_its_block_final() -> None:
    desk = Desk()
    desk.do(desk.gadget.proof_received(desk.proof(3), "peer", 0))
    assert desk.node.tree.final_block.number == 3
    assert records.read_proof(desk.node.aux.get) == desk.proof(3)


def test_bad_justification() -> None:
    desk = Desk()
    proof = desk.proof(3)
    forged = [
        replace(proof, round=u64(2)),
        replace(proof, commit=replace(proof.commit, precommits=proof.commit.precommits[1:])),
        replace(proof, commit=replace(proof.commit, target_number=u32(4))),
    ]
    for bad in forged:
        assert costs(desk.do(desk.gadget.proof_received(bad, "peer", 0))) == [cost.INVALID]
    assert desk.node.of(Finalize) == []


def test_a_proof_that_only_nodes_accept_is_made_one_for_bridges() -> None:
    desk = Desk()
    commit = desk.commit(3, NAMES)  # one vote more than is needed
    too_much = Justification(u64(1), commit, [])

    desk.do(desk.gadget.proof_received(too_much, None, 0))

    proof = records.read_proof(desk.node.aux.get)
    assert proof is not None
    assert len(proof.commit.precommits) == 3


def test_a_proof_waits_for_its_block_and_for_the_voters_before_it() -> None:
    desk = Desk(blocks=2)
    desk.add(child(desk.headers[-1], change=dict.fromkeys(NAMES[:3], 1)))
    desk.add(child(desk.headers[-1]))
    later = target(desk.headers[4])
    votes = [as_precommit(signed(PRECOMMIT, later, n, 1, 1)) for n in NAMES[:3]]
    proof = Justification(u64(1), Commit(later.hash, u32(later.number), votes), [])

    assert costs(desk.do(desk.gadget.proof_received(proof, "peer", 0))) == []
    assert desk.node.of(Finalize) == []
    assert desk.gadget.must_be_proven() == target(desk.headers[3])

    desk.do(desk.gadget.proof_received(desk.proof(3), "peer", 0))

    assert desk.node.tree.final_block == later
    assert desk.gadget.set_id == 1
    assert desk.gadget.must_be_proven() is None
    assert records.read_end(desk.node.aux.get, 0) == target(desk.headers[3])


def test_allows_reimporting_change_blocks() -> None:
    desk = Desk(blocks=2)
    header = child(desk.headers[-1], change={"Bob": 1})
    desk.add(header)
    known = desk.gadget.authorities
    desk.do(desk.gadget.imported(header, header.hash(), 3, True, 0))
    assert desk.gadget.authorities is known
    assert len(known.pending) == 1


@pytest.mark.parametrize("kind", ["forced", "malformed", "overtaking"])
def test_force_change_to_new_set_is_refused_as_is_what_is_unclear(kind: str) -> None:
    desk = Desk(blocks=1)
    desk.add(child(desk.headers[-1], change={"Bob": 1}, delay=5))
    parent = desk.headers[-1]
    forced = consensus(ChangeForced(u32(1), scheduled({"Bob": 1})))
    header = child(parent, change={"Dave": 1})
    if kind == "forced":
        header = replace(child(parent), digest=Digest([forced]))
    if kind == "malformed":
        header = replace(header, digest=Digest([*header.digest.logs, *header.digest.logs]))
    with pytest.raises(BadHeader):
        desk.gadget.check_header(header)
    desk.gadget.check_header(child(parent, change={"Dave": 1}, delay=5))
    desk.gadget.check_header(child(parent))


# --- neighbours ---------------------------------------------------------------------


def test_who_comes_is_told_where_we_stand() -> None:
    desk = Desk()
    [message] = told(desk.do(desk.gadget.connected("new", 0)))
    assert message == Neighbor(NeighborV1(u64(1), u64(0), u32(0)))


def test_every_neighbour_hears_of_a_new_round() -> None:
    desk = Desk()
    desk.do(desk.gadget.connected("new", 0))
    desk.node.log.clear()
    desk.round()
    heard = [a.peer for a in desk.node.log if isinstance(a, Tell)]
    assert sorted(heard) == ["new", "peer"]


def test_who_stands_still_is_told_the_votes_it_lacks_and_the_last_commit() -> None:
    desk = Desk()
    desk.gossip(commit_bytes(desk.commit(3)))
    desk.at(2 * T)
    desk.do(desk.gadget.gossip_received("other", desk.vote(PREVOTE, 4, "Charlie"), desk.now))
    desk.gossip(desk.vote(PREVOTE, 4, "Bob"))  # from the peer: it has that one
    desk.note(neighbour(1))
    desk.now += 2 * T

    messages = told(desk.note(neighbour(1)))

    commits = [m for m in messages if isinstance(m, CommitGossip)]
    votes = [m.body.message.id for m in messages if isinstance(m, Vote)]
    assert [int(m.body.message.target_number) for m in commits] == [3]
    assert votes == [who("Alice"), who("Charlie")]


def test_a_note_with_votes_is_heard_as_gossip_is() -> None:
    desk = Desk()
    desk.note(desk.vote(PREVOTE, 4, "Bob"))
    desk.note(commit_bytes(desk.commit(3)))
    assert desk.gadget.rounds()[0].prevote_weight == 1
    assert desk.node.tree.final_block.number == 3


def test_who_is_a_set_behind_is_told_the_commit_that_ended_it() -> None:
    desk = Desk(blocks=3)
    desk.add(child(desk.headers[-1], change=dict.fromkeys(NAMES, 2)))
    desk.round()
    assert desk.gadget.set_id == 1

    messages = told(desk.note(neighbour(1, 0)))

    [commit] = [m for m in messages if isinstance(m, CommitGossip)]
    assert (int(commit.body.set_id), int(commit.body.message.target_number)) == (0, 4)


def test_who_goes_back_pays() -> None:
    desk = Desk()
    desk.note(neighbour(3))
    assert costs(desk.note(neighbour(2))) == [cost.PAST]
    desk.do(desk.gadget.connected("peer", 0))
    assert costs(desk.note(neighbour(2))) == []


def test_a_round_that_stands_still_is_helped_along_ever_less_often() -> None:
    desk = Desk()
    times: list[int] = []
    armed = next(a.at for a in reversed(desk.node.log) if isinstance(a, ArmTimer))
    while len(times) < 12:
        actions = desk.at(armed)
        armed = next(a.at for a in actions if isinstance(a, ArmTimer))
        if any(isinstance(message, Neighbor) for message in told(actions)):
            times.append(desk.now)
            assert any(isinstance(message, Vote) for message in published(actions))
    waits = [b - a for a, b in pairwise(times)]
    assert waits == sorted(waits)
    assert max(waits) <= 20_000


# --- catching up --------------------------------------------------------------------


def catch_up(desk: Desk, number: int, names: Sequence[str] = NAMES[1:]) -> CatchUp:
    block = target(desk.headers[4])
    prevotes: list[SignedPrevote] = []
    for name in names:
        vote: SignedMessage = signed(PREVOTE, block, name, number, 0)
        prevotes.append(SignedPrevote(vote.message.vote, vote.signature, vote.id))  # type: ignore[arg-type]
    precommits = [as_precommit(signed(PRECOMMIT, block, name, number, 0)) for name in names]
    base = target(desk.headers[0])
    return CatchUp(u64(number), prevotes, precommits, base.hash, u32(base.number))


def answered(answer: CatchUp, set_id: int = 0) -> bytes:
    return GOSSIP.encode(CatchUpGiven(CatchUpMessage(u64(set_id), answer)))


def test_g20_who_is_two_rounds_behind_asks_and_goes_on_behind_the_answer() -> None:
    desk = Desk()
    assert CatchUpAsked(CatchUpRequest(u64(5), u64(0))) in told(desk.note(neighbour(6)))
    assert told(desk.note(neighbour(7))) == []  # one request at a time

    desk.note(answered(catch_up(desk, 5)))

    assert desk.gadget.round == 6
    assert desk.node.tree.final_block.number == 4


def test_one_round_behind_is_no_reason_to_ask() -> None:
    messages = told(Desk().note(neighbour(2)))
    assert not any(isinstance(message, CatchUpAsked) for message in messages)


def test_another_is_asked_if_the_first_does_not_answer() -> None:
    desk = Desk()
    desk.do(desk.gadget.connected("other", 0))
    desk.note(neighbour(6))
    desk.do(desk.gadget.note_received("other", neighbour(6), 0))

    actions = desk.at(CATCH_UP_TIMEOUT)

    asked_now = [
        a.peer
        for a in actions
        if isinstance(a, Tell) and isinstance(GOSSIP.decode_all(a.data), CatchUpAsked)
    ]
    assert asked_now == ["other"]


def test_votes_that_nobody_asked_for_cost() -> None:
    desk = Desk()
    assert costs(desk.note(answered(catch_up(desk, 5)))) == [cost.OUT_OF_SCOPE]
    assert desk.gadget.round == 1


def test_votes_that_come_when_another_was_asked_instead_cost_nothing_once() -> None:
    desk = Desk()
    desk.do(desk.gadget.connected("other", 0))
    desk.note(neighbour(6))
    desk.do(desk.gadget.note_received("other", neighbour(6), 0))
    desk.at(CATCH_UP_TIMEOUT)

    assert costs(desk.note(answered(catch_up(desk, 5)))) == []
    assert desk.gadget.round == 1
    assert costs(desk.note(answered(catch_up(desk, 5)))) == [cost.OUT_OF_SCOPE]


def test_votes_that_come_over_a_line_made_anew_since_they_were_asked_for_cost_nothing() -> None:
    desk = Desk()
    desk.note(neighbour(6))
    desk.do(desk.gadget.disconnected("peer", 0))
    desk.do(desk.gadget.connected("peer", 0))
    assert costs(desk.note(answered(catch_up(desk, 5)))) == []


def test_the_number_of_expected_catch_ups_is_bounded() -> None:
    peers = Peers()
    catch_ups = CatchUps(peers, T, Clock(0), Outbox(peers))
    for number in range(MAX_EXPECTED + 1):
        catch_ups.expect(Request(str(number), 0, 1, 0))
    assert not catch_ups.was_requested("0")
    assert catch_ups.was_requested("1")


@pytest.mark.parametrize(
    ("names", "number", "price"),
    [
        (NAMES[1:3], 5, cost.MALFORMED),
        ([*NAMES[1:], "Eve"], 5, cost.MALFORMED),
    ],
)
def test_a_catch_up_that_could_not_be_meant_costs(
    names: list[str], number: int, price: int
) -> None:
    desk = Desk()
    desk.note(neighbour(6))
    assert costs(desk.note(answered(catch_up(desk, number, names)))) == [price]
    assert desk.gadget.round == 1


def test_a_catch_up_that_nobody_signed_costs() -> None:
    desk = Desk()
    desk.note(neighbour(6))
    false = replace(catch_up(desk, 5), round_number=u64(6))
    price = cost.BAD_SIGNATURE + cost.SIGNATURE_CHECKED
    assert costs(desk.note(answered(false))) == [price]


def test_who_is_behind_in_our_set_is_given_the_last_complete_round() -> None:
    desk = Desk()
    for _ in range(4):
        desk.round()
    desk.note(neighbour(2))

    [answer] = [m for m in told(desk.note(asked(2))) if isinstance(m, CatchUpGiven)]
    assert int(answer.body.message.round_number) == 4
    assert costs(desk.note(asked(2))) == [cost.OUT_OF_SCOPE]  # again, at once
    assert told(desk.note(asked(2, 1))) == []


def test_after_a_state_was_fetched_answers_to_earlier_questions_are_no_fault() -> None:
    before, after = Desk(), Desk()
    assert CatchUpAsked(CatchUpRequest(u64(5), u64(0))) in told(before.note(neighbour(6)))
    after.gadget.succeed(before.gadget)
    answer = answered(catch_up(after, 5))
    assert costs(after.note(answer)) == []
    assert costs(after.note(answer)) == [cost.OUT_OF_SCOPE]  # one question, one answer


def test_after_a_state_was_fetched_nobody_is_told_that_we_went_back() -> None:
    before, after = Desk(), Desk()
    before.note(neighbour(6))
    before.note(answered(catch_up(before, 5)))
    assert before.gadget.round == 6
    after.gadget.succeed(before.gadget)
    assert told(after.gadget.connected("other", 0)) == []
    after.note(neighbour(6))
    assert Neighbor(NeighborV1(u64(6), u64(0), u32(0))) in told(
        after.note(answered(catch_up(after, 5)))
    )


def test_who_asks_before_it_said_where_it_stands_gets_nothing_and_no_blame() -> None:
    desk = Desk()
    heard = desk.note(asked(1))
    assert told(heard) == []
    assert costs(heard) == []


# --- clocks and records -------------------------------------------------------------


def test_a_clock_that_goes_back_does_not_stop_the_rounds() -> None:
    desk = Desk()
    desk.now = 100 * T
    desk.at(100 * T)
    armed = [a.at for a in desk.at(10 * T) if isinstance(a, ArmTimer)]
    assert len(armed) == 1
    assert 10 * T < armed[0] <= 14 * T
    for stage in (PREVOTE, PRECOMMIT):
        for name in NAMES[1:]:
            desk.gossip(desk.vote(stage, 4, name))
        desk.at(desk.now + 6 * T)
    assert desk.gadget.round == 2


def test_the_record_of_another_version_is_refused() -> None:
    desk = Desk()
    desk.node.aux[records.SCHEMA_KEY] = b"\x09\0\0\0"
    with pytest.raises(records.BadRecord):
        desk.node.begin(0)


def test_voters_newer_than_the_chain_are_refused() -> None:
    desk = Desk()
    desk.gossip(commit_bytes(desk.commit(3)))
    desk.node.tree.final_block = target(desk.headers[1])
    with pytest.raises(records.BadRecord):
        desk.node.begin(0)


def test_what_is_kept_is_written_with_each_final_block() -> None:
    desk = Desk()
    desk.node.log.clear()
    desk.gossip(commit_bytes(desk.commit(3)))
    keys = {key for action in desk.node.log if isinstance(action, Save) for key in action.changes}
    assert {records.VOTERS_KEY, records.SCHEMA_KEY, records.PROOF_KEY} <= keys
    stored = records.read_voters(desk.node.aux.get)
    assert stored is not None
    assert stored[1] == target(desk.headers[3])
    assert stored[0].current.voters.order == VoterSet((who(n), 1) for n in NAMES).order


# --- for others ---------------------------------------------------------------------


def test_a_final_block_is_proven_by_the_next_justification_above_it() -> None:
    desk = Desk()
    desk.gossip(commit_bytes(desk.commit(3)))

    proof = prove_finality(1, desk.node.tree)

    assert proof is not None
    assert proof.block == desk.headers[3].hash()
    assert proof.unknown_headers == desk.headers[2:4]
    assert Justification.decode(proof.justification) == desk.proof(3)
    with pytest.raises(NotFinal):
        prove_finality(4, desk.node.tree)
    desk.node.tree.proofs.clear()
    assert prove_finality(1, desk.node.tree) is None


def test_g17_the_rounds_tell_who_is_missing() -> None:
    desk = Desk()
    desk.at(2 * T)
    desk.gossip(desk.vote(PREVOTE, 4, "Bob"))
    best, background = desk.gadget.rounds()
    assert (best.round, best.total_weight, best.threshold_weight) == (1, 4, 3)
    assert (best.prevote_weight, best.precommit_weight) == (2, 0)
    assert set(best.prevote_missing) == {who("Charlie"), who("Dave")}
    assert len(best.precommit_missing) == 4
    assert background == []


def test_a_hint_of_the_primary_is_no_vote() -> None:
    desk = Desk()
    hint = signed(Stage.PROPOSE, target(desk.headers[2]), "Bob", 1, 0)
    assert hint.message == message_for(Stage.PROPOSE, target(desk.headers[2]))
    assert costs(desk.gossip(vote_bytes(hint, 1, 0))) == []
    assert desk.gadget.rounds()[0].prevote_weight == 0
