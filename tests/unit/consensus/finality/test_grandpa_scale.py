"""Votes of many voters: how often each is received, how many notes a round takes, and to whom votes
are sent.
"""

from __future__ import annotations

import pytest

from btt_chain.consensus.finality.messages import Vote
from btt_chain.consensus.finality.outbox import FORWARDED
from btt_chain.consensus.finality.peers import MAX_LAG
from p2p.network import GRANDPA, Publish, SendNote
from unit.consensus.finality.finality_world import many
from unit.consensus.finality.gadget_case import PREVOTE, GadgetCase, neighbour
from unit.consensus.finality.gadget_world import Net, T, genesis_header, net_of

BLOCKS = 6
BLOCK = 8 * T
MAX_COPIES, MAX_NOTES = 3.0, 20.0
SIZES = [4, 8, 16, 32]


def network(size: int) -> Net:
    """Voters that all know each other and have made a few blocks final."""
    net = net_of(list(many(size)), seed=size)
    net.run(T)
    for node in net.nodes.values():
        node.log.clear()
    net.grow(genesis_header(), BLOCKS, BLOCK)
    assert set(net.finals().values()) == {BLOCKS}
    return net


@pytest.mark.parametrize("size", SIZES)
def test_a_round_and_a_stall_of_all_take_few_copies_of_a_vote_and_few_notes_of_a_node(
    size: int,
) -> None:
    """All are connected here: of meshes the copies are measured (`bench_network.py --votes`)."""
    net = network(size)
    notes = sum(len(node.of(SendNote)) for node in net.nodes.values())
    assert notes / size / BLOCKS <= MAX_NOTES
    new = copies = 0
    for node in net.nodes.values():
        new += sum(raw[0] == Vote.INDEX for raw in node.received)
        copies += sum(count for raw, count in node.copies.items() if raw[0] == Vote.INDEX)
    assert new == size * (size - 1) * 2 * BLOCKS  # every vote, at every node
    assert copies / new <= MAX_COPIES
    assert notes_of_a_stall(net) <= MAX_NOTES


def notes_of_a_stall(net: Net) -> float:
    """Stop a third of the nodes for some rounds; return how many notes each of the others sends."""
    third = set(list(net.nodes)[: len(net.nodes) // 3 + 1])
    net.stopped |= third
    for node in net.nodes.values():
        node.log.clear()
    head = max((node.tree for node in net.nodes.values()), key=lambda tree: tree.height())
    net.grow(head.headers[head.best.hash], 1, 12 * T)  # too few to complete a round
    awake = [node for name, node in net.nodes.items() if name not in third]
    assert all(node.tree.final_block.number == BLOCKS for node in awake)
    return sum(len(node.of(SendNote)) for node in awake) / len(awake)


def receivers(case: GadgetCase, raw: bytes) -> set[str]:
    """Return the neighbours that a vote from `peer` may be forwarded to."""
    [action] = [action for action in case.gossip(raw) if isinstance(action, Publish)]
    assert (action.topic, action.data, action.few) == (GRANDPA, raw, FORWARDED)
    return set(action.to or ())


def test_a_vote_is_forwarded_to_neighbours_that_have_not_completed_its_round() -> None:
    case = GadgetCase()
    for _ in range(6):
        case.round()
    number = case.gadget.round
    positions = {
        "here": neighbour(number),
        "late": neighbour(number - MAX_LAG),
        "far behind": neighbour(number - MAX_LAG - 1),
        "ahead": neighbour(number + 1),
        "in another set": neighbour(1, 1),
        "silent": None,
    }
    for name, raw in positions.items():
        case.do(case.gadget.connected(name, case.now))
        if raw is not None:
            case.do(case.gadget.note_received(name, raw, case.now))

    assert receivers(case, case.vote(PREVOTE, 4, "Bob", number)) == {"here", "late", "silent"}


def test_a_vote_of_a_round_that_we_have_completed_is_forwarded_to_those_known_to_be_in_it() -> None:
    case = GadgetCase()
    case.round()
    for name, number in (("in it", 1), ("not any more", 2)):
        case.do(case.gadget.connected(name, case.now))
        case.do(case.gadget.note_received(name, neighbour(number), case.now))
    assert case.gadget.round == 2
    assert receivers(case, case.vote(PREVOTE, 3, "Bob", 1)) == {"in it"}


def test_our_own_vote_is_sent_to_neighbours_that_have_just_completed_its_round_too() -> None:
    case = GadgetCase()
    for name, number in (("here", 1), ("ahead", 2), ("far ahead", 3)):
        case.do(case.gadget.connected(name, 0))
        case.do(case.gadget.note_received(name, neighbour(number), 0))

    votes = [action for action in case.at(2 * T) if isinstance(action, Publish)]
    assert votes
    assert {(vote.to, vote.few) for vote in votes} == {(("peer", "here", "ahead"), None)}
