"""One gadget: votes, commits and proofs, and the costs of misbehaviour."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.environment import ArmTimer
from btt_chain.consensus.finality.gadget import (
    BadHeader,
    Broken,
    Save,
    Want,
)
from btt_chain.consensus.finality.messages import (
    GOSSIP,
    CommitGossip,
    CommitMessage,
    Vote,
)
from btt_chain.consensus.finality.outbox import FORWARDED
from btt_chain.consensus.finality.proofs import NotFinal, prove_finality
from btt_chain.consensus.finality.voter import Finalize
from btt_chain.primitives.digest import Digest
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    ChangeForced,
    Commit,
    Justification,
    Stage,
    consensus,
    message_for,
    stage_of,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import Power, VoterSet
from btt_chain.scale import u32, u64
from p2p.network import GRANDPA, Penalise, Publish
from unit.consensus.finality.finality_world import as_precommit, signed, who
from unit.consensus.finality.gadget_case import (
    NAMES,
    PRECOMMIT,
    PREVOTE,
    GadgetCase,
    asked,
    commit_bytes,
    costs,
    neighbour,
    published,
)
from unit.consensus.finality.gadget_world import (
    SIGNATURES,
    T,
    child,
    genesis_header,
    scheduled,
    target,
    vote_bytes,
)

# --- votes --------------------------------------------------------------------------


def test_our_vote_is_signed_gossiped_and_counted() -> None:
    case = GadgetCase()

    actions = case.at(2 * T)

    [vote] = published(actions)
    assert isinstance(vote, Vote)
    assert vote.body.message.id == who("Alice")
    assert [a.topic for a in actions if isinstance(a, Publish)] == [GRANDPA]
    assert case.gadget.rounds()[0].prevotes.weight == 1


def test_nothing_is_sent_where_the_record_refuses_to_sign() -> None:
    case = GadgetCase()
    case.node.keys.last[who("Alice")] = (9, 9, PRECOMMIT)

    assert published(case.at(2 * T)) == []
    assert case.gadget.rounds()[0].prevotes.weight == 0


def test_a_key_that_appears_votes_and_one_that_goes_does_not() -> None:
    case = GadgetCase(keys=[])
    assert case.gadget.me is None
    case.node.keys.names.append("Bob")
    case.do(case.gadget.keys_changed(0))
    assert case.gadget.me == who("Bob")
    assert len(published(case.at(2 * T))) == 1

    case.node.keys.names.clear()
    case.do(case.gadget.keys_changed(case.now))
    for name in NAMES[1:]:
        case.gossip(case.vote(PREVOTE, 4, name))
    assert published(case.at(4 * T)) == []


@pytest.mark.parametrize("after", [2, 4])
def test_a_key_that_comes_when_its_time_to_vote_has_passed_still_votes_in_the_round(
    after: int,
) -> None:
    # All validators of a new network may wait: round 1 stands until the first of them votes.
    case = GadgetCase(keys=[])
    case.at(after * T)
    case.node.keys.names.append("Bob")
    votes = published(case.do(case.gadget.keys_changed(case.now)))
    cast = [vote.body.message for vote in votes if isinstance(vote, Vote)]
    assert [(stage_of(vote.message), vote.id) for vote in cast] == [(PREVOTE, who("Bob"))]


def test_of_two_keys_the_first_in_the_set_votes() -> None:
    assert GadgetCase(keys=["Dave", "Bob"]).gadget.me == who("Bob")


def test_a_key_outside_the_set_only_watches() -> None:
    assert GadgetCase(keys=["Eve"]).gadget.me is None


def test_a_vote_again_is_free_and_a_third_is_not_even_checked() -> None:
    case = GadgetCase()
    raw = case.vote(PREVOTE, 4, "Bob")
    assert costs(case.gossip(raw)) == []
    assert costs(case.gossip(raw)) == []
    assert case.gadget.rounds()[0].prevotes.weight == 1
    case.gossip(case.vote(PREVOTE, 3, "Bob"))

    before = SIGNATURES.checked
    assert costs(case.gossip(case.vote(PREVOTE, 2, "Bob"))) == []
    assert SIGNATURES.checked == before


TWO_VOTES = GadgetCase().vote(PREVOTE, 4, "Bob") + GadgetCase().vote(PREVOTE, 4, "Charlie")
"""Two valid votes in one message: a message has one item."""


@pytest.mark.parametrize(
    ("raw", "price"),
    [
        (b"", cost.UNDECODABLE_BYTE),
        (b"\x09" * 40, 40 * cost.UNDECODABLE_BYTE),
        (TWO_VOTES, len(TWO_VOTES) * cost.UNDECODABLE_BYTE),
        (b"\x08" + TWO_VOTES, (1 + len(TWO_VOTES)) * cost.UNDECODABLE_BYTE),  # as a list
        (GadgetCase().vote(PREVOTE, 4, "Eve"), cost.UNKNOWN_VOTER),
        (neighbour(1), cost.OUT_OF_SCOPE),
        (asked(1), cost.OUT_OF_SCOPE),
    ],
)
def test_gossip_that_is_none_costs(raw: bytes, price: int) -> None:
    assert costs(GadgetCase().gossip(raw)) == [price]


VALID = [
    GadgetCase().vote(PREVOTE, 4, "Bob"),
    commit_bytes(GadgetCase().commit(3)),
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
def test_no_received_bytes_fail_or_count_an_unsigned_vote(raw: bytes) -> None:
    case = GadgetCase()
    case.note(raw)
    case.gossip(raw)
    case.at(2 * T)
    assert case.node.tree.final_block.number in {0, 3}
    assert case.gadget.rounds()[0].prevotes.weight <= 2


def test_a_vote_with_a_false_signature_costs() -> None:
    case = GadgetCase()
    vote = signed(PREVOTE, target(case.headers[4]), "Bob", 1, 0)
    forged = replace(vote, signature=AuthoritySignature(bytes(64)))
    assert costs(case.gossip(vote_bytes(forged, 1, 0))) == [cost.BAD_SIGNATURE]
    assert costs(case.gossip(vote_bytes(vote, 2, 0))) == [cost.BAD_SIGNATURE]
    assert case.gadget.rounds()[0].prevotes.weight == 0


def test_only_what_is_invalid_on_any_chain_is_certain() -> None:
    case = GadgetCase()
    vote = signed(PREVOTE, target(case.headers[2]), "Bob", 1, 0)
    penalties = [
        action
        for raw in (b"", vote_bytes(vote, 2, 0), case.vote(PREVOTE, 2, "Ferdie"))
        for action in case.gossip(raw)
        if isinstance(action, Penalise)
    ]
    assert [each.is_certain for each in penalties] == [True, True, False]


def test_what_is_good_is_passed_on_once_and_nothing_else_is() -> None:
    case = GadgetCase()
    good, better = case.vote(PREVOTE, 4, "Bob"), commit_bytes(case.commit(3))
    bad = [case.vote(PREVOTE, 4, "Eve"), neighbour(1), commit_bytes(case.commit(4), 2), b"?"]
    case.do(case.gadget.connected("other", 0))
    for raw, message in (
        (good, Publish(GRANDPA, good, ("other",), FORWARDED)),
        (better, Publish(GRANDPA, better)),
    ):
        assert message in case.gossip(raw)
        assert published(case.gossip(raw)) == []
    for raw in bad:
        assert published(case.gossip(raw)) == []


def test_a_vote_from_far_ahead_costs_unless_a_neighbour_is_there() -> None:
    case = GadgetCase()
    case.note(neighbour(1))
    far = case.vote(PREVOTE, 4, "Bob", 1, 5)
    assert costs(case.gossip(far)) == [cost.FUTURE]

    case.note(neighbour(1, 5))
    assert costs(case.gossip(far)) == []


def test_a_vote_of_a_round_long_over_costs() -> None:
    case = GadgetCase()
    old = case.vote(PREVOTE, 4, "Bob", 1)
    case.gossip(old)
    for _ in range(5):
        case.round()
    assert case.gadget.round == 6
    assert costs(case.gossip(old)) == []  # it may still be on its way

    case.now += 70_000
    case.round()
    case.round()
    case.note(neighbour(8))
    assert costs(case.gossip(old)) == [cost.PAST]


# --- blocks that are not here -------------------------------------------------------


def test_a_vote_for_a_block_that_is_not_here_waits_for_it() -> None:
    case = GadgetCase()
    unseen = child(case.headers[-1])
    vote = signed(PREVOTE, target(unseen), "Bob", 1, 0)

    actions = case.gossip(vote_bytes(vote, 1, 0))
    assert Want(unseen.hash(), 5, "peer") in actions
    assert case.gadget.rounds()[0].prevotes.weight == 0

    case.add(unseen)
    assert case.gadget.rounds()[0].prevotes.weight == 1


def test_a_vote_that_gives_a_block_another_height_is_not_counted() -> None:
    case = GadgetCase()
    wrong = target(case.headers[3])._replace(number=4)
    case.gossip(vote_bytes(signed(PREVOTE, wrong, "Bob", 1, 0), 1, 0))
    assert case.gadget.rounds()[0].prevotes.weight == 0


def test_a_commit_for_a_block_that_is_not_here_waits_for_it() -> None:
    case, unseen = GadgetCase(), child(genesis_header(), "another")
    case.headers[4] = unseen
    raw = commit_bytes(case.commit(4))

    assert Want(unseen.hash(), 1, "peer") in case.gossip(raw)
    assert case.node.of(Finalize) == []

    case.add(unseen)
    assert case.node.tree.final_block == target(unseen)


# --- commits ------------------------------------------------------------------------


def test_g19_a_commit_finalizes_and_leaves_our_round_alone() -> None:
    case = GadgetCase()
    case.gossip(commit_bytes(case.commit(3, number=7), 7))
    assert case.node.tree.final_block.number == 3
    assert case.gadget.round == 1


def test_g18_one_commit_of_a_block_is_enough() -> None:
    case = GadgetCase()
    case.round()
    assert case.node.tree.final_block.number == 4
    case.gossip(commit_bytes(case.commit(4)))

    later = case.at(case.now + 6 * T)
    assert not any(isinstance(message, CommitGossip) for message in published(later))

    alone = GadgetCase()
    alone.round()
    later = alone.at(alone.now + 6 * T)
    assert len([m for m in published(later) if isinstance(m, CommitGossip)]) == 1


@pytest.mark.parametrize("names", [[], NAMES[2:], [*NAMES[1:], "Eve"], NAMES * 3])
def test_a_commit_that_could_not_be_meant_costs(names: list[str]) -> None:
    case = GadgetCase()
    assert costs(case.gossip(commit_bytes(case.commit(4, names)))) == [cost.MALFORMED]


def test_a_commit_with_a_signature_missing_costs() -> None:
    case = GadgetCase()
    compact = case.commit(4).compact()
    compact.auth_data.pop()
    raw = GOSSIP.encode(CommitGossip(CommitMessage(u64(1), u64(0), compact)))
    assert costs(case.gossip(raw)) == [cost.MALFORMED]


def test_a_commit_of_another_round_costs_each_signature_that_was_checked() -> None:
    case = GadgetCase()
    price = cost.BAD_SIGNATURE + cost.SIGNATURE_CHECKED
    assert costs(case.gossip(commit_bytes(case.commit(4), 2))) == [price]


def test_a_commit_whose_votes_make_another_block_final_costs_most() -> None:
    case = GadgetCase()
    commit = replace(case.commit(4), target_hash=case.headers[2].hash(), target_number=u32(2))
    assert costs(case.gossip(commit_bytes(commit))) == [cost.INVALID]
    assert case.node.of(Finalize) == []


def test_f12_a_proof_that_excludes_a_final_block_stops_the_gadget() -> None:
    case = GadgetCase()
    case.gossip(commit_bytes(case.commit(2)))
    other = child(genesis_header(), "other")
    others = [other, child(other, "b"), child(child(other, "b"), "c")]
    for header in others:
        case.node.tree.headers[header.hash()] = header
    case.headers[3] = others[2]
    conflict = commit_bytes(case.commit(3))

    broken = [action for action in case.gossip(conflict) if isinstance(action, Broken)]

    assert [b.proof.target for b in broken] == [target(others[2])]
    assert broken[0].final.number == 2
    assert len(case.node.of(Finalize)) == 1
    assert published(case.at(2 * T)) == []
    case.gossip(commit_bytes(case.commit(4)))
    assert len(case.node.of(Finalize)) == 1


def test_f12_the_voter_of_the_next_set_casts_no_vote_either() -> None:
    voting, stopped = GadgetCase(), GadgetCase()
    stopped.gossip(commit_bytes(stopped.commit(2)))
    other = child(genesis_header(), "other")
    others = [other, child(other, "b"), child(child(other, "b"), "c")]
    for header in others:
        stopped.node.tree.headers[header.hash()] = header
    best, stopped.headers[3] = stopped.headers[4], others[2]
    conflict = commit_bytes(stopped.commit(3))
    assert [one for one in stopped.gossip(conflict) if isinstance(one, Broken)]
    for case, votes in ((voting, True), (stopped, False)):
        case.gadget._environment.begin_set(target(best))
        assert bool(published(case.at(4 * T))) is votes


def rivals(case: GadgetCase, count: int) -> list[Header]:
    """Return another chain over genesis, none of whose blocks are here."""
    headers = [child(genesis_header(), "other")]
    while len(headers) < count:
        headers.append(child(headers[-1], "other"))
    case.headers[1 : count + 1] = headers
    return headers


@pytest.mark.parametrize("height", [1, 2])
def test_f12_a_commit_beside_final_blocks_stops_the_gadget_though_its_fork_is_gone(
    height: int,
) -> None:
    case = GadgetCase()
    case.gossip(commit_bytes(case.commit(2)))
    ours = case.headers[height]
    others = rivals(case, 2)

    found = case.gossip(commit_bytes(case.commit(height)))

    broken = [action for action in found if isinstance(action, Broken)]
    assert [one.proof.target for one in broken] == [target(others[height - 1])]
    assert broken[0].final == target(ours)
    assert not costs(found)
    assert published(case.at(2 * T)) == []


def test_f12_a_commit_that_waited_for_its_blocks_stops_the_gadget_once_others_are_final() -> None:
    case = GadgetCase()
    ours = list(case.headers)
    rivals(case, 3)
    conflict = commit_bytes(case.commit(3))
    case.headers = ours
    assert not [one for one in case.gossip(conflict) if isinstance(one, Broken)]

    found = case.gossip(commit_bytes(case.commit(4)))

    assert [one.final.number for one in found if isinstance(one, Broken)] == [3]


def test_f12_a_rival_without_enough_votes_for_itself_does_not_stop_the_gadget() -> None:
    case = GadgetCase()
    case.gossip(commit_bytes(case.commit(2)))
    others = rivals(case, 2)
    below = replace(case.commit(2), target_hash=others[0].hash(), target_number=u32(1))
    assert not [one for one in case.gossip(commit_bytes(below)) if isinstance(one, Broken)]
    assert case.node.of(Finalize)


# --- proofs -------------------------------------------------------------------------


def test_a_proof_from_a_peer_makes_its_block_final() -> None:
    case = GadgetCase()
    case.do(case.gadget.proof_received(case.proof(3), "peer", 0))
    assert case.node.tree.final_block.number == 3
    assert records.read_proof(case.node.aux.get) == case.proof(3)


def test_bad_justification() -> None:
    case = GadgetCase()
    proof = case.proof(3)
    forged = [
        replace(proof, round=u64(2)),
        replace(proof, commit=replace(proof.commit, precommits=proof.commit.precommits[1:])),
        replace(proof, commit=replace(proof.commit, target_number=u32(4))),
    ]
    for bad in forged:
        assert costs(case.do(case.gadget.proof_received(bad, "peer", 0))) == [cost.INVALID]
    assert case.node.of(Finalize) == []


def test_a_proof_that_only_nodes_accept_is_made_one_for_others() -> None:
    case = GadgetCase()
    commit, below = case.commit(3, NAMES[1:]), case.commit(2, NAMES[:1])
    commit.precommits.extend(below.precommits)  # a vote below the target
    too_much = Justification(u64(1), commit, [case.headers[3]])

    case.do(case.gadget.proof_received(too_much, None, 0))

    proof = records.read_proof(case.node.aux.get)
    assert proof is not None
    assert len(proof.commit.precommits) == 3


def test_a_proof_waits_for_its_block_and_for_the_voters_before_it() -> None:
    case = GadgetCase(blocks=2)
    case.add(child(case.headers[-1], change=dict.fromkeys(NAMES[:3], 1)))
    case.add(child(case.headers[-1]))
    later = target(case.headers[4])
    votes = [as_precommit(signed(PRECOMMIT, later, n, 1, 1)) for n in NAMES[:3]]
    proof = Justification(u64(1), Commit(later.hash, u32(later.number), votes), [])

    assert costs(case.do(case.gadget.proof_received(proof, "peer", 0))) == []
    assert case.node.of(Finalize) == []
    assert case.gadget.must_be_proven() == target(case.headers[3])

    case.do(case.gadget.proof_received(case.proof(3), "peer", 0))

    assert case.node.tree.final_block == later
    assert case.gadget.set_id == 1
    assert case.gadget.must_be_proven() is None
    assert records.read_end(case.node.aux.get, 0) == target(case.headers[3])


def test_allows_reimporting_change_blocks() -> None:
    case = GadgetCase(blocks=2)
    header = child(case.headers[-1], change={"Bob": 1})
    case.add(header)
    known = case.gadget.authorities
    case.do(case.gadget.imported(header, header.hash(), 3, True, 0))
    assert case.gadget.authorities is known
    assert len(known.pending) == 1


@pytest.mark.parametrize("kind", ["forced", "malformed", "overtaking"])
def test_force_change_to_new_set_is_refused_as_is_what_is_unclear(kind: str) -> None:
    case = GadgetCase(blocks=1)
    case.add(child(case.headers[-1], change={"Bob": 1}, delay=5))
    parent = case.headers[-1]
    forced = consensus(ChangeForced(u32(1), scheduled({"Bob": 1})))
    header = child(parent, change={"Dave": 1})
    if kind == "forced":
        header = replace(child(parent), digest=Digest([forced]))
    if kind == "malformed":
        header = replace(header, digest=Digest([*header.digest.logs, *header.digest.logs]))
    with pytest.raises(BadHeader):
        case.gadget.check_header(header)
    case.gadget.check_header(child(parent, change={"Dave": 1}, delay=5))
    case.gadget.check_header(child(parent))


# --- clocks and records -------------------------------------------------------------


def test_a_clock_that_goes_back_does_not_stop_the_rounds() -> None:
    case = GadgetCase()
    case.now = 100 * T
    case.at(100 * T)
    armed = [a.at for a in case.at(10 * T) if isinstance(a, ArmTimer)]
    assert len(armed) == 1
    assert 10 * T < armed[0] <= 14 * T
    for stage in (PREVOTE, PRECOMMIT):
        for name in NAMES[1:]:
            case.gossip(case.vote(stage, 4, name))
        case.at(case.now + 6 * T)
    assert case.gadget.round == 2


def test_the_record_of_another_version_is_refused() -> None:
    case = GadgetCase()
    case.node.aux[records.SCHEMA_KEY] = b"\x09\0\0\0"
    with pytest.raises(records.BadRecord):
        case.node.begin(0)


def test_voters_newer_than_the_chain_are_refused() -> None:
    case = GadgetCase()
    case.gossip(commit_bytes(case.commit(3)))
    case.node.tree.final_block = target(case.headers[1])
    with pytest.raises(records.BadRecord):
        case.node.begin(0)


def test_what_is_kept_is_written_with_each_final_block() -> None:
    case = GadgetCase()
    case.node.log.clear()
    case.gossip(commit_bytes(case.commit(3)))
    keys = {key for action in case.node.log if isinstance(action, Save) for key in action.changes}
    assert {records.VOTERS_KEY, records.SCHEMA_KEY, records.PROOF_KEY} <= keys
    stored = records.read_voters(case.node.aux.get)
    assert stored is not None
    assert stored[1] == target(case.headers[3])
    assert stored[0].current.voters.order == VoterSet((who(n), 1) for n in NAMES).order


# --- for others ---------------------------------------------------------------------


def test_a_final_block_is_proven_by_the_next_justification_above_it() -> None:
    case = GadgetCase()
    case.gossip(commit_bytes(case.commit(3)))

    proof = prove_finality(1, case.node.tree)

    assert proof is not None
    assert proof.block == case.headers[3].hash()
    assert proof.unknown_headers == case.headers[2:4]
    assert Justification.decode(proof.justification) == case.proof(3)
    with pytest.raises(NotFinal):
        prove_finality(4, case.node.tree)
    case.node.tree.proofs.clear()
    assert prove_finality(1, case.node.tree) is None


def test_g17_the_rounds_report_the_missing_voters() -> None:
    case = GadgetCase()
    case.at(2 * T)
    case.gossip(case.vote(PREVOTE, 4, "Bob"))
    best, background = case.gadget.rounds()
    assert (best.round, best.total, best.threshold) == (1, Power(4, 4), Power(3, 3))
    assert (best.prevotes.weight, best.precommits.weight) == (2, 0)
    assert set(best.prevote_missing) == {who("Charlie"), who("Dave")}
    assert len(best.precommit_missing) == 4
    assert background == []


def test_a_hint_of_the_primary_is_no_vote() -> None:
    case = GadgetCase()
    hint = signed(Stage.PROPOSE, target(case.headers[2]), "Bob", 1, 0)
    assert hint.message == message_for(Stage.PROPOSE, target(case.headers[2]))
    assert costs(case.gossip(vote_bytes(hint, 1, 0))) == []
    assert case.gadget.rounds()[0].prevotes.weight == 0
