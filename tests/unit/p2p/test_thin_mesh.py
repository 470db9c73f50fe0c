"""Messages for subscribers that are not in the mesh, or not yet: in played time, without hosts."""

from __future__ import annotations

from collections import Counter

import pytest
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2

from p2p.host.gossip import OFFERED, ContainedGossipSub
from unit.p2p.played_gossip import NAME, PEERS, Node, messages, offered, play


@pytest.mark.parametrize("sender", [None, PEERS[1]])
def test_a_message_before_the_first_graft_goes_to_the_subscribers(sender: ID | None) -> None:
    async def test() -> None:
        node = Node()
        node.has(PEERS[:4])
        await node.publish(b"vote", sender)
        expected = [peer for peer in PEERS[:4] if peer != sender]
        assert messages(await node.sent()) == Counter(expected)

    play(test)


@pytest.mark.parametrize("in_mesh", [0, 1, 3])
def test_a_thin_mesh_is_extended_up_to_the_degree(in_mesh: int) -> None:
    async def test() -> None:
        node, reached = Node(), set[ID]()
        node.has(PEERS, in_mesh=in_mesh)
        for number in range(60):
            await node.publish(b"%d" % number)
            sent = messages(await node.sent())
            assert len(sent) == node.router.degree
            assert set(sent.values()) == {1}
            assert sent.keys() >= set(PEERS[:in_mesh])
            reached |= sent.keys()
        # Others each time: a few deaf peers cannot keep messages from the rest.
        assert reached == set(PEERS)

    play(test)


@pytest.mark.parametrize(("peers", "in_mesh"), [(20, 4), (20, 6), (20, 12), (3, 3), (1, 1)])
def test_nothing_is_added_to_a_mesh_that_is_full_or_has_all_peers(peers: int, in_mesh: int) -> None:
    async def test() -> None:
        node = Node()
        node.has(PEERS[:peers], in_mesh=in_mesh)
        for number in range(20):
            await node.publish(b"%d" % number)
        sent = await node.sent()
        assert messages(sent) == Counter(dict.fromkeys(PEERS[:in_mesh], 20))
        assert not any(rpc.HasField("control") for rpcs in sent.values() for rpc in rpcs)

    play(test)


def test_a_peer_that_joins_is_offered_what_it_was_not_sent() -> None:
    async def test() -> None:
        node, late = Node(), PEERS[4]
        node.has(PEERS[:4], in_mesh=4)
        before = await node.publish(b"before it subscribed")
        node.has([late])
        await node.router.send_recent_messages(late, NAME)
        between = await node.publish(b"between")
        of_its_own = await node.publish(b"of its own", sender=late)
        assert messages(await node.sent())[late] == 1

        await node.grafts(late)
        sent = await node.sent()
        assert offered(sent, late) == [between]
        assert sent.keys() == {late}
        want = rpc_pb2.ControlIWant(messageIDs=[between])
        await node.router.handle_iwant(want, late)
        [rpc] = (await node.sent())[late]
        assert [message.seqno for message in rpc.publish] == [between]

        after = await node.publish(b"after")
        assert messages(await node.sent())[late] == 1
        assert len({before, between, of_its_own, after}) == 4

    play(test)


def test_a_peer_that_has_all_is_offered_nothing() -> None:
    async def test() -> None:
        node = Node()
        node.has(PEERS[:3])
        await node.publish(b"1")
        await node.publish(b"2", sender=PEERS[0])
        assert messages(await node.sent()) == Counter({PEERS[0]: 1, PEERS[1]: 2, PEERS[2]: 2})
        for peer in PEERS[:3]:
            await node.grafts(peer)
            await node.router.send_recent_messages(peer, NAME)
        assert await node.sent() == {}

    play(test)


def test_offers_are_bounded_and_not_repeated() -> None:
    async def test() -> None:
        node, late = Node(), PEERS[5]
        node.has(PEERS[:6], in_mesh=5)
        ids = [await node.publish(b"%d" % number) for number in range(OFFERED + 50)]
        await node.sent()
        await node.grafts(late)
        assert offered(await node.sent(), late) == ids[:OFFERED]

        # A peer that leaves and joins without a pause is refused by the library.
        prune = rpc_pb2.ControlPrune(topicID=NAME)
        await node.router.handle_prune(prune, late)
        await node.grafts(late)
        assert offered(await node.sent(), late) == []
        # Later it is offered the rest.
        node.router.back_off.clear()
        node.router.graft_flood_tracking.clear()
        await node.grafts(late)
        assert offered(await node.sent(), late) == ids[OFFERED:]

    play(test)


def test_a_peer_that_comes_again_is_sent_what_waited_for_it() -> None:
    async def test() -> None:
        node, peer = Node(), PEERS[0]
        node.has([peer])
        await node.publish(b"vote")
        node.pubsub.peer_queues.pop(peer)  # its stream broke
        node.router.remove_peer(peer)
        await node.grafts(peer)  # before there is a stream to it again
        node.has([peer])
        await node.router.send_recent_messages(peer, NAME)
        assert messages(await node.sent()) == Counter([peer])

    play(test)


def test_a_heartbeat_sends_each_peer_its_own_control_messages_only() -> None:
    sent: dict[ID, rpc_pb2.ControlMessage] = {}

    class Router(ContainedGossipSub):
        async def emit_control_message(
            self, control_msg: rpc_pb2.ControlMessage, to_peer: ID
        ) -> None:
            assert to_peer not in sent
            sent[to_peer] = control_msg

    async def test() -> None:
        first, second, third, fourth = PEERS[:4]
        await Router()._emit_control_msgs(
            {first: ["a"], second: ["b"]},
            {second: ["c"], third: ["a"]},
            {first: {"d": [b"1"]}, third: {"d": [b"2"]}, fourth: {"e": [b"3"], "f": [b"4"]}},
        )
        found = {
            peer: (
                [one.topicID for one in control.graft],
                [one.topicID for one in control.prune],
                {one.topicID: list(one.messageIDs) for one in control.ihave},
            )
            for peer, control in sent.items()
        }
        assert found == {
            first: (["a"], [], {"d": [b"1"]}),
            second: (["b"], ["c"], {}),
            third: ([], ["a"], {"d": [b"2"]}),
            fourth: ([], [], {"e": [b"3"], "f": [b"4"]}),
        }

    play(test)
