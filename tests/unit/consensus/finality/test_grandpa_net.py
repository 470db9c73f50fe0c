"""Nets of gadgets: finality on wires that lose, cut and reorder, through changes of the voters.

The scenarios of Substrate's `client/consensus/grandpa/src/tests.rs`, and those of docs/simulator.md
that concern votes alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.gadget import Save
from btt_chain.consensus.finality.voter import Finalize
from btt_chain.primitives.grandpa import Stage
from btt_chain.primitives.header import Header
from p2p.network import Penalise
from unit.consensus.finality.finality_world import signed, who
from unit.consensus.finality.gadget_world import (
    Keys,
    Net,
    Node,
    T,
    child,
    genesis_header,
    gossip,
    net_of,
    target,
    vote_bytes,
)

NAMES = ["Alice", "Bob", "Charlie", "Dave"]
BLOCK = 5 * T


def penalties(net: Net) -> list[tuple[str, str]]:
    return [
        (action.peer, action.why)
        for node in net.nodes.values()
        for action in node.log
        if isinstance(action, Penalise)
    ]


def until_final(net: Net, height: int, most: int) -> int:
    """Run until all have made a height final; the time it took."""
    start = net.now
    while min(net.finals().values()) < height:
        assert net.now - start < most, net.finals()
        net.run(T)
    return net.now - start


def change(net: Net, parent: Header, weight: int, names: Sequence[str] = NAMES) -> Header:
    header = child(parent, change=dict.fromkeys(names, weight))
    net.block(header)
    net.run(BLOCK)
    return header


# --- sunny days ---------------------------------------------------------------------


def test_finalize_3_voters_no_observers() -> None:
    net = net_of(NAMES[:3])
    net.grow(genesis_header(), 10, BLOCK)
    net.run(10 * T)

    assert set(net.finals().values()) == {10}
    assert penalties(net) == []
    net.check()


def test_finalize_3_voters_1_full_observer() -> None:
    net = net_of(NAMES[:3], observers=["Watch"])
    net.grow(genesis_header(), 10, BLOCK)
    net.run(10 * T)

    assert net.finals()["Watch"] == 10
    assert net.nodes["Watch"].gadget.me is None
    assert penalties(net) == []
    net.check()


def test_a_single_voter_finalizes_its_own_chain() -> None:
    net = net_of(["Alice"])
    net.grow(genesis_header(), 5, BLOCK)
    net.run(10 * T)
    assert net.finals() == {"Alice": 5}
    net.check()


def test_of_seven_two_may_be_away_and_three_may_not() -> None:
    names = [*NAMES, "Eve", "Ferdie", "One"]
    net = net_of(names)
    net.stopped = {"Eve", "One"}
    head = net.grow(genesis_header(), 5, BLOCK)
    net.run(10 * T)
    assert net.nodes["Alice"].tree.final_block.number == 5

    net.stopped.add("Dave")
    net.grow(head, 5, BLOCK)
    net.run(10 * T)
    assert net.nodes["Alice"].tree.final_block.number <= 6


# --- changes of the voters ----------------------------------------------------------


def test_transition_3_voters_twice_1_full_observer() -> None:
    names = ["Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie"]
    sets = [names[:3], names[2:5], names[3:]]
    genesis = dict.fromkeys(sets[0], 1)
    net = Net(
        [*(Node(name, genesis, Keys([name])) for name in names), Node("W", genesis, Keys([]))]
    )

    head = net.grow(genesis_header(), 3, BLOCK)
    for members in sets[1:]:
        head = change(net, head, 1, members)
        net.run(10 * T)
        head = net.grow(head, 3, BLOCK)
    net.run(10 * T)

    assert set(net.finals().values()) == {11}
    assert {node.gadget.set_id for node in net.nodes.values()} == {2}
    assert [name for name in names if net.nodes[name].gadget.me is not None] == sets[2]
    assert penalties(net) == []
    net.check()


def test_finalizes_multiple_pending_changes_in_order() -> None:
    net = net_of(NAMES, observers=["Watch"])
    net.stopped = {"Charlie", "Dave"}
    head = genesis_header()
    for weight in (2, 3, 4):
        head = change(net, net.grow(head, 2, BLOCK), weight)
    assert set(net.finals().values()) == {0}

    net.go_on("Charlie")
    net.go_on("Dave")
    until_final(net, 9, 600 * T)

    for node in net.nodes.values():
        proven = [a.justification.target.number for a in node.log if isinstance(a, Finalize)]
        assert {3, 6, 9} <= set(proven)
        ends = [records.read_end(node.aux.get, set_id) for set_id in range(3)]
        assert [end and end.number for end in ends] == [3, 6, 9]
    net.check()


def test_a_change_with_a_delay_takes_effect_above() -> None:
    net = net_of(NAMES)
    head = net.block(child(genesis_header(), change=dict.fromkeys(NAMES, 2), delay=3))
    head = net.grow(head, 2, BLOCK)
    net.run(10 * T)
    assert {node.gadget.set_id for node in net.nodes.values()} == {0}
    net.grow(head, 3, BLOCK)
    net.run(10 * T)

    assert {node.gadget.set_id for node in net.nodes.values()} == {1}
    assert set(net.finals().values()) == {6}
    ends = [records.read_end(node.aux.get, 0) for node in net.nodes.values()]
    assert {end.number for end in ends if end is not None} == {4}


def test_changes_on_two_forks_lead_to_one_set() -> None:
    net = net_of(NAMES)
    base = net.grow(genesis_header(), 2, BLOCK)
    one = net.block(child(base, "one", change=dict.fromkeys(NAMES, 2)), NAMES[:2])
    net.block(child(base, "two", change=dict.fromkeys(NAMES, 3)), NAMES[2:])
    net.run(BLOCK)
    net.sync()
    net.grow(child_on(net, one), 4, BLOCK)
    net.sync()
    until_final(net, 6, 600 * T)

    assert {node.gadget.set_id for node in net.nodes.values()} == {1}
    assert {node.gadget.authorities.pending for node in net.nodes.values()} == {()}
    assert {node.tree.at(3) for node in net.nodes.values()} == {target(one)}
    net.check()


def child_on(net: Net, parent: Header) -> Header:
    header = child(parent)
    net.block(header)
    net.run(BLOCK)
    return header


# --- bad weather --------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_f9_finality_goes_on_where_a_third_of_all_messages_is_lost(seed: int) -> None:
    net = net_of([*NAMES, "Eve", "Ferdie", "One"], observers=["Watch"], seed=seed)
    net.loss, net.delay = 0.3, (3 * T, 7 * T)
    head = genesis_header()
    for weight in (2, 3):
        head = change(net, net.grow(head, 5, 2 * BLOCK), weight, [*NAMES, "Eve", "Ferdie", "One"])
    until_final(net, 12, 300 * T)

    assert penalties(net) == []
    net.check()


@pytest.mark.parametrize("seed", range(3))
def test_f8_after_a_split_in_halves_one_chain_is_final(seed: int) -> None:
    net = net_of(NAMES, observers=["Watch"], seed=seed)
    net.loss = 0.1
    base = net.grow(genesis_header(), 4, BLOCK)
    net.run(10 * T)
    before = max(net.finals().values())
    net.parts = [{"Alice", "Bob"}]
    one, two = base, net.block(child(base, "other"), ["Charlie", "Dave", "Watch"])
    for _ in range(20):
        one = net.grow(one, 1, 2 * BLOCK, ["Alice", "Bob"])
        two = net.grow(two, 1, 2 * BLOCK, ["Charlie", "Dave", "Watch"])
    assert max(net.finals().values()) == before

    net.parts = []
    net.sync()
    took = until_final(net, 20, 600 * T)

    assert took <= 300 * T  # with T of a fifth of a second: within a minute
    assert penalties(net) == []
    net.check()


def test_f8_who_was_cut_off_while_voters_changed_follows_without_help() -> None:
    net = net_of(NAMES, observers=["Watch"], seed=5)
    net.loss = 0.1
    head = net.grow(genesis_header(), 4, BLOCK)
    net.run(10 * T)
    net.parts = [{"Alice"}]
    for weight in range(2, 6):
        head = change(net, net.grow(head, 2, BLOCK), weight)
        net.run(30 * T)
    assert net.nodes["Alice"].gadget.set_id == 0
    assert net.nodes["Bob"].gadget.set_id == 4

    net.parts = []
    net.sync()
    until_final(net, 16, 600 * T)

    assert net.nodes["Alice"].gadget.set_id == 4
    assert penalties(net) == []
    net.check()


def test_voter_catches_up_to_latest_round_when_behind() -> None:
    net = net_of(NAMES)
    head = net.grow(genesis_header(), 3, BLOCK)
    net.parts = [{"Dave"}]
    net.grow(head, 8, 4 * BLOCK)
    behind = net.nodes["Dave"].gadget.round
    assert net.nodes["Alice"].gadget.round > behind + 5

    net.parts = []
    net.meet("Dave", "Alice")
    net.meet("Alice", "Dave")
    net.sync()
    net.run(10 * T)

    assert abs(net.nodes["Dave"].gadget.round - net.nodes["Alice"].gadget.round) <= 1
    rounds = {at[2] for at in net.nodes["Dave"].keys.record}
    assert not rounds & set(range(behind + 2, behind + 5))


@pytest.mark.parametrize("seed", range(2))
def test_voter_persists_its_votes(seed: int) -> None:
    """A restarted voter votes on, and never otherwise: `Keys.sign` would fail."""
    net = net_of(NAMES, observers=["Watch"], seed=seed)
    net.loss = 0.05
    head = genesis_header()
    for _ in range(15):
        head = net.grow(head, 1, BLOCK // 2)
        net.restart(net.rng.choice([*NAMES, "Watch"]))
        net.run(net.rng.randrange(3 * T))
    for name in NAMES:
        net.restart(name)
    until_final(net, 15, 600 * T)
    net.check()


def test_a_restart_goes_on_in_its_set_and_behind_its_round() -> None:
    net = net_of(NAMES)
    head = change(net, net.grow(genesis_header(), 3, BLOCK), 2)
    net.run(20 * T)
    net.grow(head, 2, BLOCK)
    before = {name: node.gadget.round for name, node in net.nodes.items()}
    for name in NAMES:
        net.nodes[name].gadget = net.nodes[name].begin(net.now)

    for name, node in net.nodes.items():
        assert node.gadget.set_id == 1
        assert node.gadget.round in {before[name], before[name] - 1}
        assert node.gadget._best.proof is not None


def test_changes_are_found_again_in_the_headers_if_their_record_was_lost() -> None:
    net = net_of(NAMES)
    head = net.grow(genesis_header(), 2, BLOCK)
    net.run(10 * T)
    node = net.nodes["Alice"]
    old = dict(node.aux)
    head = change(net, head, 2)
    net.run(10 * T)
    head = net.grow(head, 1, BLOCK)
    net.stopped = {"Bob", "Charlie"}
    waiting = child(head, change=dict.fromkeys(NAMES, 3))
    net.block(waiting)
    net.run(BLOCK)
    node.aux = old

    again = node.begin(net.now)

    assert again.set_id == 1
    assert [p.announced for p in again.authorities.pending] == [target(waiting)]
    saved = [action for action in again.start(net.now) if isinstance(action, Save)]
    assert any(records.end_key(0) in action.changes for action in saved)


def test_who_stood_still_casts_no_vote_in_rounds_that_are_over() -> None:
    net = net_of(NAMES)
    head = net.grow(genesis_header(), 4, BLOCK)
    net.stopped.add("Bob")
    left = net.nodes["Bob"].gadget.round
    head = net.grow(head, 20, BLOCK)
    reached = net.nodes["Alice"].gadget.round
    signed_before = set(net.nodes["Bob"].keys.record)

    net.go_on("Bob")
    net.grow(head, 4, BLOCK)

    fresh = [at[2] for at in net.nodes["Bob"].keys.record if at not in signed_before]
    assert reached > left + 10
    assert fresh
    assert min(fresh) >= reached - 1
    assert net.finals()["Bob"] >= 20
    assert penalties(net) == []
    net.check()


@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_votes_go_from_hand_to_hand_where_not_all_have_met(loss: float) -> None:
    net = net_of(NAMES, observers=["Watch"])
    net.only({"Alice", "Bob"}, {"Bob", "Watch"}, {"Watch", "Charlie"}, {"Charlie", "Dave"})
    net.loss = loss
    net.grow(genesis_header(), 8, 2 * BLOCK)
    until_final(net, 8, 600 * T)

    assert penalties(net) == []
    net.check()


def test_a_round_in_which_no_key_could_vote_ends_once_the_keys_may() -> None:
    net = net_of(NAMES)
    for name in NAMES:
        net.nodes[name].keys.names.clear()
        net.at(0, name, lambda node, now: node.gadget.keys_changed(now))
    net.grow(genesis_header(), 8, 2 * BLOCK)
    net.run(100 * T)
    assert set(net.finals().values()) == {0}
    for number, name in enumerate(NAMES):
        net.nodes[name].keys.names.append(name)
        net.at(net.now + number * 50 * T, name, lambda node, now: node.gadget.keys_changed(now))
    until_final(net, 6, 600 * T)
    net.check()


# --- cheats -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_f11_equivocators_below_a_third_are_caught_and_change_nothing(seed: int) -> None:
    net = net_of(NAMES, seed=seed)
    net.nodes["Dave"].keys.names.clear()
    net.at(0, "Dave", lambda node, now: node.gadget.keys_changed(now))
    base = net.grow(genesis_header(), 2, BLOCK)
    one, two = (net.block(child(base, mark)) for mark in ("one", "two"))
    for _ in range(8):
        number = net.nodes["Alice"].gadget.round
        for stage in (Stage.PREVOTE, Stage.PRECOMMIT):
            for index, header in enumerate((one, two)):
                vote = signed(stage, target(header), "Dave", number, 0)
                for name in NAMES[:3] if index else NAMES[2::-1]:
                    net.transmit(
                        "Dave", name, gossip("Dave", vote_bytes(vote, number, 0)), in_order=False
                    )
        net.run(BLOCK)
    net.run(10 * T)

    assert min(net.finals()[name] for name in NAMES[:3]) >= 3
    offenders = {offence.proof.offender for offence in net.offences}
    assert offenders == {who("Dave")}
    net.check()
