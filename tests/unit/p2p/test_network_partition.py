"""Reserved and allowed peers, and networks that are split on purpose."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from libp2p.peer.id import ID

from p2p.dial_plan import BookConfig
from p2p.host.libp2p_network import Libp2pNetwork
from p2p.network import GRANDPA, TX, Connected, Disconnected, GossipReceived, Publish
from support.p2p_attack import Witness, record_of, running, settings

ROUNDS = 3
"""Times that two nodes connect."""


def ids(*witnesses: Witness) -> list[str]:
    return [witness.network.local_peer for witness in witnesses]


def received_by(witness: Witness) -> set[bytes]:
    return {event.data for event in witness.events if isinstance(event, GossipReceived)}


async def has_peers(witness: Witness, count: int) -> None:
    await witness.until(lambda: len(witness.network.peers()) == count)


async def receives_gossip(witness: Witness, data: bytes) -> None:
    await witness.until(lambda: data in received_by(witness))


async def test_what_is_published_at_once_reaches_the_peer() -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(running(settings()))
        two = await stack.enter_async_context(running(settings(one.address)))
        pair = ((one, two), (two, one))
        for round_ in range(ROUNDS):
            for node, _ in pair:
                await has_peers(node, 1)
                for topic in (GRANDPA, TX):
                    name = node.network.local_peer
                    node.network.do(Publish(topic, f"{topic} {round_} of {name}".encode()))
            for node, other in pair:
                for topic in (GRANDPA, TX):
                    name = other.network.local_peer
                    await receives_gossip(node, f"{topic} {round_} of {name}".encode())
            one.network.allow_only([])
            for node, _ in pair:
                await has_peers(node, 0)
            one.network.allow_only(None)


async def test_a_peer_whose_stream_broke_is_sent_gossip_again() -> None:
    """Its other connection lives, and so does its own stream: it reports no subscriptions anew."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(running(settings()))
        two = await stack.enter_async_context(running(settings(one.address)))
        await has_peers(one, 1)
        one.network.do(Publish(TX, b"before"))
        await receives_gossip(two, b"before")

        pubsub, peer = one.network._node._gossip, ID.from_string(two.network.local_peer)
        assert one.network._thread._inside(lambda: pubsub._handle_dead_peer(peer))
        await asyncio.sleep(0.1)
        one.network.do(Publish(TX, b"after"))
        await receives_gossip(two, b"after")


async def test_a_split_network_is_silent_across_the_cut_and_whole_again_after_it() -> None:
    async with AsyncExitStack() as stack:
        nodes: list[Witness] = []
        for _ in range(4):
            boot = [node.address for node in nodes]
            nodes.append(await stack.enter_async_context(running(settings(*boot))))
        for node in nodes:
            await node.connected(3)

        halves = (nodes[:2], nodes[2:])
        for half in halves:
            for node in half:
                node.network.allow_only(ids(*half))
        for node in nodes:
            await has_peers(node, 1)
        for number, node in enumerate(nodes):
            node.network.do(Publish(GRANDPA, b"behind the cut %d" % number))
        for half in halves:
            for node, other in (half, half[::-1]):
                said = b"behind the cut %d" % nodes.index(other)
                await receives_gossip(node, said)
        await asyncio.sleep(1)  # what could still come, and dials that could still succeed
        for half in halves:
            for node in half:
                assert {view.peer for view in node.network.peers()} < set(ids(*half))
                assert not {
                    b"behind the cut %d" % nodes.index(other)
                    for other in nodes
                    if other not in half
                } & received_by(node)

        for node in nodes:
            node.network.allow_only(None)
        for node in nodes:
            await node.connected(3)
            assert not node.network.bans()
            assert all(view.reputation == 0 for view in node.network.peers())


async def test_a_node_that_allows_no_peers_is_disconnected_and_refuses_new_ones() -> None:
    async with running(settings()) as one, running(settings(one.address)) as two:
        await one.connected()
        await two.connected()
        one.network.allow_only([])
        await one.until(lambda: one.of(Disconnected))
        await two.until(lambda: two.of(Disconnected))
        await two.until(lambda: record_of(two, one.network.local_peer).failures)
        assert not one.network.peers()

        one.network.allow_only(None)
        await one.until(lambda: len(one.of(Connected)) == 2)
        await two.connected()


async def test_a_peer_is_reserved_and_let_go_while_the_node_runs() -> None:
    alone = BookConfig(reserved_only=True)
    async with running(settings()) as friend, running(settings(book=alone)) as shy:
        shy.network.reserve(friend.address)
        await shy.connected()
        assert shy.network.reserved() == (friend.network.local_peer,)
        assert shy.network.peers()[0].reserved

        shy.network.unreserve(friend.network.local_peer)
        await shy.until(lambda: shy.of(Disconnected))
        assert shy.network.reserved() == ()


async def test_what_is_said_before_the_start_holds_from_the_start() -> None:
    async with running(settings()) as friend:
        config = settings(friend.address)
        early = Libp2pNetwork(config)
        early.allow_only([])
        await early.start()
        try:
            await asyncio.sleep(0.5)
            assert not early.peers()
        finally:
            await early.stop()


def test_words_that_are_no_peers_are_refused() -> None:
    network = Libp2pNetwork(settings())
    own = f"/ip4/1.2.3.4/tcp/30333/p2p/{network.local_peer}"

    for text in ("", "/ip4/1.2.3.4/tcp/30333", own):
        with pytest.raises(ValueError, match=r"is not of the form|is this node"):
            network.reserve(text)
    with pytest.raises(ValueError, match="not a peer id"):
        network.unreserve("0OIl")
    with pytest.raises(ValueError, match="not a peer id"):
        network.allow_only([network.local_peer, "0OIl"])
    assert network.reserved() == ()
