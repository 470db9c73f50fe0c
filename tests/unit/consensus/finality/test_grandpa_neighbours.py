"""One gadget and its neighbours: positions, help for stalled nodes, and catch-ups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, pairwise

import pytest

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.best_justification import BestJustification
from btt_chain.consensus.finality.catch_up import (
    CATCH_UP_TIMEOUT,
    MAX_EXPECTED,
    PATIENCE,
    CatchUps,
    Request,
)
from btt_chain.consensus.finality.environment import Action, ArmTimer
from btt_chain.consensus.finality.gossip import GossipValidator, Judged
from btt_chain.consensus.finality.messages import (
    GOSSIP,
    MAX_VOTES,
    CatchUpAsked,
    CatchUpGiven,
    CatchUpRequest,
    CommitGossip,
    Neighbor,
    NeighborV1,
    Vote,
    VoteMessage,
    VotesAsked,
    VotesGiven,
)
from btt_chain.consensus.finality.neighbors import MIN_HELPERS, MIN_PART
from btt_chain.consensus.finality.outbox import FORWARDED, Outbox
from btt_chain.consensus.finality.peers import MAX_LAG, Peers
from btt_chain.consensus.finality.signatures import Signatures
from btt_chain.consensus.finality.timers import STALL_FIRST, Clock
from btt_chain.scale import u32, u64
from p2p.network import GRANDPA, Publish, SendNote
from unit.consensus.finality.finality_world import signed, who
from unit.consensus.finality.gadget_case import (
    NAMES,
    PRECOMMIT,
    PREVOTE,
    GadgetCase,
    answered,
    asked,
    catch_up,
    commit_bytes,
    costs,
    neighbour,
    published,
    sent,
    wanting,
)
from unit.consensus.finality.gadget_world import (
    T,
    child,
    target,
)

# --- neighbours ---------------------------------------------------------------------


def test_a_new_neighbour_receives_our_position_and_is_asked_for_votes() -> None:
    case = GadgetCase()
    case.at(2 * T)
    [message] = sent(case.do(case.gadget.connected("new", case.now)))
    assert isinstance(message, VotesAsked)
    asked = message.body
    assert (asked.round, asked.set_id, asked.commit_finalized_height) == (1, 0, 0)
    assert (asked.before, asked.current) == (b"\0", bits("Alice"))


def positions(case: GadgetCase, number: int, set_id: int) -> list[str]:
    """Neighbours that were sent this position of ours."""
    notes = [action for action in case.node.log if isinstance(action, SendNote)]
    sent = [(note.peer, GOSSIP.decode_all(note.data)) for note in notes]
    return sorted(
        peer
        for peer, message in sent
        if isinstance(message, Neighbor)
        and (message.body.round, message.body.set_id) == (number, set_id)
    )


@pytest.mark.parametrize("others", [0, 3, 14, 30])
def test_a_part_of_the_neighbours_receives_our_position_in_each_round(others: int) -> None:
    case = GadgetCase()
    names = ["peer", *(f"other {number}" for number in range(others))]
    for name in names[1:]:
        case.do(case.gadget.connected(name, 0))
    received: list[str] = []
    for _ in range(MAX_LAG):
        case.node.log.clear()
        case.round()
        notes = [action.peer for action in case.node.log if isinstance(action, SendNote)]
        assert len(notes) <= max(2 * MIN_PART, len(names) // MAX_LAG + 1)
        received += notes
    assert set(received) == set(names)


def test_all_neighbours_receive_our_position_after_a_catch_up_and_in_a_new_set() -> None:
    case = GadgetCase()
    names = ["peer", *(f"other {number}" for number in range(20))]
    for name in names[1:]:
        case.do(case.gadget.connected(name, 0))
    case.add(child(case.headers[-1], change=dict.fromkeys(NAMES, 2)))
    case.note(neighbour(6))

    case.note(answered(catch_up(case, 5)))
    assert positions(case, 6, 0) == sorted(names)
    case.round(5)
    assert positions(case, 1, 1) == sorted(names)


def test_a_stalled_neighbour_receives_the_votes_it_lacks_in_one_note_and_the_last_commit() -> None:
    case = GadgetCase()
    case.gossip(commit_bytes(case.commit(3)))
    case.at(2 * T)
    for name in ("Charlie", "Bob"):
        case.gossip(case.vote(PREVOTE, 4, name))

    messages = sent(case.note(wanting(1, current=bits("Bob"))))

    [commit, given] = messages
    assert isinstance(commit, CommitGossip)
    assert int(commit.body.message.target_number) == 3
    assert isinstance(given, VotesGiven)
    assert {
        (int(vote.round), vote.message.id, vote.message.message.STAGE) for vote in given.votes
    } == {
        (1, who("Alice"), PREVOTE),
        (1, who("Charlie"), PREVOTE),
        (1, who("Alice"), PRECOMMIT),
    }


def test_votes_that_are_there_are_not_sent_and_two_of_one_voter_always_are() -> None:
    case = GadgetCase(keys=())
    for name, block in (("Bob", 4), ("Charlie", 4), ("Charlie", 3)):
        case.gossip(case.vote(PREVOTE, block, name))
    [given] = sent(case.note(wanting(1, current=bits("Bob", "Charlie"))))
    assert isinstance(given, VotesGiven)
    assert [vote.message.id for vote in given.votes] == [who("Charlie")] * 2

    alone = GadgetCase(keys=())
    alone.gossip(alone.vote(PREVOTE, 4, "Bob"))
    assert sent(alone.note(wanting(1, current=bits("Bob") + bytes(100_000)))) == []


def test_a_neighbour_is_not_helped_again_at_once() -> None:
    case = GadgetCase()
    case.at(2 * T)
    request = wanting(1)
    assert [type(m) for m in sent(case.note(request))] == [VotesGiven]
    for case.now in (2 * T, 4 * T - 1):
        assert sent(case.note(request)) == []
    case.now = 4 * T
    assert [type(m) for m in sent(case.note(request))] == [VotesGiven]


def test_a_neighbour_two_rounds_behind_a_commit_receives_that_and_no_votes() -> None:
    case = GadgetCase()
    for block in (3, 4):
        case.round(block)
    assert case.gadget.round == 3
    assert case.node.tree.final_block.number == 4
    case.now += 2 * T
    behind = sent(case.note(wanting(1, final=4)))
    assert CommitGossip in map(type, behind)
    assert VotesGiven not in map(type, behind)
    case.now += 2 * T
    assert VotesGiven in map(type, sent(case.note(wanting(2))))


def test_votes_in_a_note_are_counted_and_forwarded_like_gossip() -> None:
    case = GadgetCase()
    case.do(case.gadget.connected("other", 0))
    raw = case.vote(PREVOTE, 4, "Bob")
    vote = GOSSIP.decode_all(raw)
    assert isinstance(vote, Vote)
    actions = case.note(GOSSIP.encode(VotesGiven([vote.body])))
    assert case.gadget.rounds()[0].prevotes.heads == 1
    assert Publish(GRANDPA, raw, ("other",), FORWARDED) in actions


def test_votes_that_no_request_asked_for_cost_and_are_not_read() -> None:
    case = GadgetCase()
    notes = []
    for name in NAMES[1:]:
        vote = GOSSIP.decode_all(case.vote(PREVOTE, 4, name))
        assert isinstance(vote, Vote)
        notes.append(GOSSIP.encode(VotesGiven([vote.body])))
    # One answer is due since the connection, and one may come of the connection before.
    assert [costs(case.note(note)) for note in (notes[0], notes[0])] == [[], []]
    assert [costs(case.note(note)) for note in notes] == [[cost.OUT_OF_SCOPE]] * 3
    assert case.gadget.rounds()[0].prevotes.heads == 1

    case.do(case.gadget.connected("peer", case.now))
    assert costs(case.note(notes[0])) == []


@pytest.mark.parametrize(("count", "checked"), [(MAX_VOTES, 1), (MAX_VOTES + 1, 0)])
def test_an_answer_ends_with_its_first_invalid_vote(
    count: int, checked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, seen = GadgetCase(), list[object]()
    judge = GossipValidator.judge_vote

    def judging(validator: GossipValidator, peer: str, body: VoteMessage) -> Judged:
        seen.append(body)
        return judge(validator, peer, body)

    monkeypatch.setattr(GossipValidator, "judge_vote", judging)
    body = VoteMessage(u64(1), u64(0), signed(PREVOTE, target(case.headers[4]), "Bob", 1, 7))
    actions = case.note(GOSSIP.encode(VotesGiven([body] * count)))
    assert costs(actions) == [cost.BAD_SIGNATURE if checked else cost.MALFORMED]
    assert len(seen) == checked


def test_neighbours_that_come_and_go_delay_no_position_to_others() -> None:
    case, last = GadgetCase(), dict[str, int]()
    names = [f"other {number}" for number in range(10)]
    for name in names:
        case.do(case.gadget.connected(name, 0))
        last[name] = case.gadget.round
    for turn in range(4 * MAX_LAG):
        # Eleven and twelve neighbours: thirds and quarters in turn.
        event = case.gadget.disconnected if turn % 2 else case.gadget.connected
        case.do(event("guest", case.now))
        case.node.log.clear()
        case.round()
        for action in case.node.log:
            if isinstance(action, SendNote):
                last[action.peer] = case.gadget.round
        assert all(case.gadget.round - last[name] < MAX_LAG for name in names)


def test_neighbours_that_connect_again_and_again_take_no_turn_of_others() -> None:
    case = GadgetCase()
    names = [f"other {number}" for number in range(30)]
    for name in names:
        case.do(case.gadget.connected(name, 0))
    for turn in range(3 * MAX_LAG):
        if not turn % MAX_LAG:
            received = set[str]()
        case.do(case.gadget.disconnected(names[turn], case.now))
        case.do(case.gadget.connected(names[turn], case.now))
        case.node.log.clear()
        case.round()
        received |= {action.peer for action in case.node.log if isinstance(action, SendNote)}
        if turn % MAX_LAG == MAX_LAG - 1:
            assert received >= set(names[3 * MAX_LAG :])


def test_a_stalled_node_asks_a_few_neighbours_and_others_each_time() -> None:
    case = GadgetCase()
    names = [f"peer {number}" for number in range(11)]
    for name in names:
        case.do(case.gadget.connected(name, 0))
    case.at(2 * T)  # the round has its first vote
    asked_at: list[list[str]] = []
    armed = next(a.at for a in reversed(case.node.log) if isinstance(a, ArmTimer))
    while len(asked_at) < 3:
        actions = case.at(armed)
        armed = next(a.at for a in actions if isinstance(a, ArmTimer))
        notes = [a for a in actions if isinstance(a, SendNote)]
        assert all(isinstance(GOSSIP.decode_all(note.data), VotesAsked) for note in notes)
        if notes:
            asked_at.append([note.peer for note in notes])
    assert [len(asked) for asked in asked_at] == [MIN_HELPERS] * 3
    assert sorted(chain.from_iterable(asked_at)) == sorted(["peer", *names])


def bits(*prevoted: str) -> bytes:
    """Prevotes as a request for votes states them; there are no precommits."""
    order = sorted(who(name) for name in NAMES)
    return bytes([sum(1 << order.index(who(name)) for name in prevoted)])


@pytest.mark.parametrize("current", [b"", bytes(2), bytes(1_000_000)])
def test_lists_of_votes_of_another_length_cost_and_get_no_votes(current: bytes) -> None:
    case = GadgetCase()
    case.gossip(case.vote(PREVOTE, 4, "Bob"))
    actions = case.note(wanting(1, current=current))
    assert costs(actions) == [cost.INVALID]
    assert not any(isinstance(message, VotesGiven) for message in sent(actions))


def test_a_note_with_votes_is_processed_as_gossip_is() -> None:
    case = GadgetCase()
    case.note(case.vote(PREVOTE, 4, "Bob"))
    case.note(commit_bytes(case.commit(3)))
    assert case.gadget.rounds()[0].prevotes.weight == 1
    assert case.node.tree.final_block.number == 3


def test_a_neighbour_a_set_behind_receives_the_commit_that_ended_it() -> None:
    case = GadgetCase(blocks=3)
    case.add(child(case.headers[-1], change=dict.fromkeys(NAMES, 2)))
    case.round()
    assert case.gadget.set_id == 1

    messages = sent(case.note(wanting(1, 0)))

    [commit] = [m for m in messages if isinstance(m, CommitGossip)]
    assert (int(commit.body.set_id), int(commit.body.message.target_number)) == (0, 4)


def test_the_signatures_of_a_stored_proof_show_its_set() -> None:
    """A node that dies while it stores a change of the set may start without the block of it."""
    case = GadgetCase()
    stored = {records.PROOF_KEY: case.proof(3).encode()}
    for set_id in (0, 1):
        best = BestJustification(case.node.tree, stored.get, set_id, Signatures())
        assert [best.round_of(number) for number in (0, 1)] == [1, 0]
        assert best.commit_of(0) is not None
        assert best.commit_of(1) is None


def test_who_goes_back_pays() -> None:
    case = GadgetCase()
    case.note(neighbour(3))
    assert costs(case.note(neighbour(2))) == [cost.PAST]
    case.do(case.gadget.connected("peer", 0))
    assert costs(case.note(neighbour(2))) == []


def test_a_round_that_stands_still_is_helped_along_ever_less_often() -> None:
    case = GadgetCase()
    times: list[int] = []
    armed = next(a.at for a in reversed(case.node.log) if isinstance(a, ArmTimer))
    while len(times) < 12:
        actions = case.at(armed)
        armed = next(a.at for a in actions if isinstance(a, ArmTimer))
        if any(isinstance(message, VotesAsked) for message in sent(actions)):
            times.append(case.now)
            assert any(isinstance(message, Vote) for message in published(actions))
    waits = [b - a for a, b in pairwise(times)]
    assert waits == sorted(waits)
    assert max(waits) <= 20_000


def test_a_round_with_nothing_to_decide_is_helped_along_from_its_first_vote_on() -> None:
    case = GadgetCase(blocks=0)
    until = 30 * T
    armed = next(a.at for a in reversed(case.node.log) if isinstance(a, ArmTimer))
    while armed < until:
        actions = case.at(armed)
        armed = next((a.at for a in actions if isinstance(a, ArmTimer)), until)
        assert not any(isinstance(message, VotesAsked) for message in sent(actions))

    case.at(until)
    case.gossip(case.vote(PREVOTE, 0, "Bob"))
    assert [type(message) for message in published(case.at(until + 2 * T))] == [Vote]
    assert published(case.at(until + STALL_FIRST * T - 1)) == []

    actions = case.at(until + STALL_FIRST * T)

    assert any(isinstance(message, VotesAsked) for message in sent(actions))
    assert [type(message) for message in published(actions)] == [Vote]


# --- catching up --------------------------------------------------------------------


def test_g20_who_is_two_rounds_behind_asks_and_goes_on_behind_the_answer() -> None:
    case = GadgetCase()
    assert CatchUpAsked(CatchUpRequest(u64(5), u64(0))) in sent(case.note(neighbour(6)))
    assert sent(case.note(neighbour(7))) == []  # one request at a time

    case.note(answered(catch_up(case, 5)))

    assert case.gadget.round == 6
    assert case.node.tree.final_block.number == 4


def test_votes_are_requested_when_a_peer_says_that_it_is_ahead_not_at_each_packet() -> None:
    case = GadgetCase()
    case.do(case.gadget.connected("other", 0))
    case.note(neighbour(6))
    case.note(answered(catch_up(case, 5), set_id=1))  # an answer that does not help
    case.now = 2 * T

    behind = case.do(case.gadget.note_received("other", neighbour(2), case.now))
    ahead = case.note(neighbour(6))

    asks = [CatchUpAsked(CatchUpRequest(u64(5), u64(0)))]
    assert [one for one in sent(behind) if isinstance(one, CatchUpAsked)] == []
    assert [one for one in sent(ahead) if isinstance(one, CatchUpAsked)] == asks


def test_one_round_behind_is_no_reason_to_ask() -> None:
    messages = sent(GadgetCase().note(neighbour(2)))
    assert not any(isinstance(message, CatchUpAsked) for message in messages)


def asked_by(actions: Sequence[Action]) -> list[str]:
    """Return the peers that are asked for a catch-up."""
    return [
        a.peer
        for a in actions
        if isinstance(a, SendNote) and isinstance(GOSSIP.decode_all(a.data), CatchUpAsked)
    ]


def test_silent_peers_that_claim_to_be_ahead_delay_a_catch_up_by_a_second_each() -> None:
    case = GadgetCase()
    silent = [f"silent {number}" for number in range(8)]
    for name in (*silent, "honest"):
        case.do(case.gadget.connected(name, 0))
        case.do(case.gadget.note_received(name, neighbour(6), 0))

    asked = [name for step in range(1, 9) for name in asked_by(case.at(step * PATIENCE))]

    assert asked == [*silent[1:], "honest"]
    case.do(case.gadget.note_received("honest", answered(catch_up(case, 5)), case.now))
    assert case.gadget.round == 6


def test_silent_peers_that_left_are_forgotten() -> None:
    case = GadgetCase()
    for number in range(20):  # each is asked just before the time of the one before is over
        now = number * (CATCH_UP_TIMEOUT - PATIENCE // 2)
        case.do(case.gadget.connected(f"silent {number}", now))
        assert asked_by(case.do(case.gadget.note_received(f"silent {number}", neighbour(6), now)))
        if number:
            case.at(now + PATIENCE // 2)
            case.do(case.gadget.disconnected(f"silent {number - 1}", case.now))
    assert len(case.gadget._catch_ups._silent) <= 2


def test_a_peer_that_stays_silent_is_asked_again_only_after_the_timeout() -> None:
    case = GadgetCase()
    assert asked_by(case.note(neighbour(6))) == ["peer"]
    times = range(PATIENCE, CATCH_UP_TIMEOUT + 1, PATIENCE)
    assert [now for now in times if asked_by(case.at(now))] == [CATCH_UP_TIMEOUT]


def test_no_tick_is_requested_for_a_time_that_is_over() -> None:
    case = GadgetCase()
    case.note(neighbour(6))
    for now in range(PATIENCE, 3 * CATCH_UP_TIMEOUT, PATIENCE):
        timers = [a.at for a in case.at(now) if isinstance(a, ArmTimer)]
        assert all(at > now for at in timers)


def test_unrequested_votes_cost() -> None:
    case = GadgetCase()
    assert costs(case.note(answered(catch_up(case, 5)))) == [cost.OUT_OF_SCOPE]
    assert case.gadget.round == 1


def test_a_late_catch_up_is_used_and_a_second_one_costs() -> None:
    case = GadgetCase()
    case.do(case.gadget.connected("other", 0))
    case.note(neighbour(6))
    case.do(case.gadget.note_received("other", neighbour(6), 0))
    case.at(CATCH_UP_TIMEOUT)

    assert costs(case.note(answered(catch_up(case, 5)))) == []
    assert case.gadget.round == 6
    assert costs(case.note(answered(catch_up(case, 5)))) == [cost.OUT_OF_SCOPE]


def test_votes_that_come_over_a_line_made_anew_since_they_were_asked_for_cost_nothing() -> None:
    case = GadgetCase()
    case.note(neighbour(6))
    case.do(case.gadget.disconnected("peer", 0))
    case.do(case.gadget.connected("peer", 0))
    assert costs(case.note(answered(catch_up(case, 5)))) == []


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
    case = GadgetCase()
    case.note(neighbour(6))
    assert costs(case.note(answered(catch_up(case, number, names)))) == [price]
    assert case.gadget.round == 1


def test_a_catch_up_with_a_false_signature_costs() -> None:
    case = GadgetCase()
    case.note(neighbour(6))
    false = replace(catch_up(case, 5), round_number=u64(6))
    price = cost.BAD_SIGNATURE + cost.SIGNATURE_CHECKED
    assert costs(case.note(answered(false))) == [price]


def test_who_is_behind_in_our_set_is_given_the_last_complete_round() -> None:
    case = GadgetCase()
    for _ in range(4):
        case.round()
    case.note(neighbour(2))

    [answer] = [m for m in sent(case.note(asked(2))) if isinstance(m, CatchUpGiven)]
    assert int(answer.body.message.round_number) == 4
    assert costs(case.note(asked(2))) == [cost.OUT_OF_SCOPE]  # again, at once
    assert sent(case.note(asked(2, 1))) == []


def test_after_a_state_was_fetched_answers_to_earlier_questions_are_no_fault() -> None:
    before, after = GadgetCase(), GadgetCase()
    assert CatchUpAsked(CatchUpRequest(u64(5), u64(0))) in sent(before.note(neighbour(6)))
    after.gadget.succeed(before.gadget)
    answer = answered(catch_up(after, 5))
    assert costs(after.note(answer)) == []
    assert costs(after.note(answer)) == [cost.OUT_OF_SCOPE]  # one question, one answer


def test_after_a_state_was_fetched_no_peer_receives_an_earlier_position() -> None:
    before, after = GadgetCase(), GadgetCase()
    before.note(neighbour(6))
    before.note(answered(catch_up(before, 5)))
    assert before.gadget.round == 6
    after.gadget.succeed(before.gadget)
    assert sent(after.gadget.connected("other", 0)) == []
    after.note(neighbour(6))
    assert Neighbor(NeighborV1(u64(6), u64(0), u32(0))) in sent(
        after.note(answered(catch_up(after, 5)))
    )


def test_who_asks_before_it_said_where_it_stands_gets_nothing_and_no_blame() -> None:
    case = GadgetCase()
    received = case.note(asked(1))
    assert sent(received) == []
    assert costs(received) == []
