"""Messages that go to named peers, or to a few of them, and meshes that stay as they are."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import trio
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2

from p2p.host.gossip import OFFERED_TO, TURN_SECONDS
from unit.p2p.played_gossip import NAME, PEERS, Node, messages, offered, play

FEW = 3
EPOCH = 1e9
"""Time of day at which a test begins."""
NAMES = [peer.to_base58() for peer in PEERS]


async def heartbeat(node: Node) -> dict[ID, list[rpc_pb2.RPC]]:
    """Let the router send the offers of a heartbeat, and return what was sent."""
    await node.router._emit_control_msgs({}, {}, node.router.gossip_heartbeat())
    return await node.sent()


def test_a_message_goes_to_the_named_peers_whether_they_are_in_the_mesh_or_not() -> None:
    async def test() -> None:
        node = Node()
        node.has(PEERS, in_mesh=6)
        await node.publish(b"vote", to=NAMES[4:9])
        assert messages(await node.sent()) == Counter(PEERS[4:9])
        # The others do not need it, and are not offered it.
        assert await heartbeat(node) == {}
        node.router.mesh[NAME].clear()
        await node.grafts(PEERS[0])
        assert await node.sent() == {}

    play(test)


def test_a_message_for_few_goes_to_named_peers_that_do_not_have_it() -> None:
    async def test() -> None:
        node = Node()
        node.has(PEERS, in_mesh=6)
        await node.publish(b"1", sender=PEERS[0], to=NAMES, few=FEW)
        sent = messages(await node.sent())
        assert sum(sent.values()) == len(sent) == FEW
        assert sent.keys() <= set(PEERS[1:])

        await node.publish(b"2", sender=PEERS[0], to=[NAMES[0], NAMES[5], *NAMES[10:12]], few=FEW)
        assert messages(await node.sent()) == Counter([PEERS[5], *PEERS[10:12]])

    play(test)


def test_messages_of_a_short_time_go_to_the_same_few_in_one_rpc_and_later_ones_to_others() -> None:
    async def test() -> None:
        node, reached = Node(), set[ID]()
        node.has(PEERS, in_mesh=8)
        for turn in range(20):
            for number in range(10):
                await node.publish(b"%d %d" % (turn, number), sender=PEERS[9], to=NAMES, few=FEW)
                await trio.sleep(TURN_SECONDS / 12)
            sent = await node.sent()
            assert messages(sent) == Counter(dict.fromkeys(sent, 10))
            assert [len(rpcs) for rpcs in sent.values()] == [1] * FEW
            reached |= sent.keys()
        assert reached - set(PEERS[:8])  # a mesh full of attackers does not receive all

    play(test)


def test_what_few_were_sent_is_offered_to_some_of_the_rest_until_all_have_it() -> None:
    async def test() -> None:
        node = Node()
        node.has(PEERS, in_mesh=8)
        message_id = await node.publish(b"vote", sender=PEERS[0], to=NAMES[:12], few=FEW)
        covered = {PEERS[0], *messages(await node.sent())}
        for _ in range(30):
            sent = await heartbeat(node)
            assert len(sent) <= OFFERED_TO
            assert covered.isdisjoint(sent)
            assert all(offered(sent, peer) == [message_id] for peer in sent)
            covered |= sent.keys()
        assert covered == set(PEERS[:12])

    play(test)


def test_where_slots_are_long_every_second_heartbeat_offers() -> None:
    async def test() -> None:
        node = Node(turn_seconds=0.2)
        node.has(PEERS, in_mesh=8)
        await node.publish(b"vote", sender=PEERS[0], to=NAMES[:12], few=FEW)
        await node.sent()
        counts: list[int] = []
        for _ in range(4):
            counts.append(len(await heartbeat(node)))
            await trio.sleep(1.01)
        assert counts == [OFFERED_TO, 0, OFFERED_TO, 0]

    play(test)


# --- meshes -------------------------------------------------------------------------


def test_a_full_mesh_refuses_further_peers() -> None:
    async def test() -> None:
        node = Node()
        most = node.router.degree_high
        node.has(PEERS, in_mesh=most)
        await node.grafts(PEERS[0])
        assert await node.sent() == {}
        await node.grafts(PEERS[most])
        assert node.router.mesh[NAME] == set(PEERS[:most])
        [[rpc]] = (await node.sent()).values()
        assert [prune.topicID for prune in rpc.control.prune] == [NAME]

    play(test)


@pytest.fixture
def _played_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library's clock, by which peers are backed off, follow that of trio."""
    clock = "libp2p.pubsub.gossipsub.time.time"
    monkeypatch.setattr(clock, lambda: EPOCH + trio.current_time())


@pytest.mark.usefixtures("_played_clock")
@pytest.mark.parametrize("size", [10, 13, 20])
def test_meshes_of_many_nodes_settle(size: int) -> None:
    """After twenty heartbeats of routers that all know each other none is grafted or pruned."""

    async def test() -> None:
        random.seed(size)
        peers = PEERS[:size]
        nodes = {peer: Node() for peer in peers}
        for peer, node in nodes.items():
            node.has(other for other in peers if other != peer)
        changes: list[int] = []
        for _ in range(60):
            changes.append(0)
            for node in nodes.values():
                grafts, prunes = node.router.mesh_heartbeat()
                await node.router._emit_control_msgs(grafts, prunes, {})
            for peer, node in nodes.items():
                for other, rpcs in (await node.sent()).items():
                    for rpc in rpcs:
                        changes[-1] += len(rpc.control.graft) + len(rpc.control.prune)
                        await nodes[other].router.handle_rpc(rpc, peer)
            await trio.sleep(1)
        assert changes[0]
        assert not any(changes[20:])
        for peer, node in nodes.items():
            mesh = node.router.mesh[NAME]
            assert node.router.degree_low <= len(mesh) <= node.router.degree_high
            assert all(peer in nodes[other].router.mesh[NAME] for other in mesh)

    play(test)
