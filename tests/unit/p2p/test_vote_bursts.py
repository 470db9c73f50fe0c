"""Votes that are sent at once: one RPC of GossipSub for a neighbour, whose messages are counted and
charged one by one; and RPCs with many messages that no honest node sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence

import pytest
from libp2p.network.stream.exceptions import StreamError
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_varint_prefixed

from p2p.accounts import GOSSIP, drop_us
from p2p.host.gossip import MESSAGES
from p2p.host.rpcs import GATHERED, GatheringQueue
from p2p.network import COSTS, CUT_OFF, GRANDPA, GossipReceived, Publish, protocol_name
from p2p.wire import gossip_id, pack
from support.p2p_attack import GENESIS, Attacker, Witness, attack, bans_of, running, settings

TOPIC = protocol_name(GENESIS, GRANDPA)
VOTE_BYTES = 150
BURST = 60


def vote(*topics: str) -> rpc_pb2.Message:
    """A message of the size of a vote, with random content."""
    data = pack(os.urandom(VOTE_BYTES))
    return rpc_pb2.Message(data=data, topicIDs=topics or [TOPIC], seqno=gossip_id(GRANDPA, data))


async def send(victim: Witness, *votes: rpc_pb2.Message) -> str:
    """Send these messages as one RPC, and wait until the victim disconnects; return the sender."""

    async def script(attacker: Attacker) -> None:
        assert await attacker.greet() is not None
        with contextlib.suppress(StreamError, OSError):  # cut off while it was still writing
            await attacker.mesh(rpc_pb2.RPC(publish=votes).SerializeToString())
        await attacker.is_cut_off()

    return await attack(victim, script)


def received(witness: Witness) -> list[bytes]:
    return [event.data for event in witness.events if isinstance(event, GossipReceived)]


async def test_votes_of_one_step_are_one_rpc_and_are_received_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[int] = []
    take = GatheringQueue._take

    def counting(queue: GatheringQueue) -> bytes:
        data = take(queue)
        taken.append(len(rpc_pb2.RPC.FromString(data).publish))
        return data

    votes = [os.urandom(VOTE_BYTES) for _ in range(BURST)]
    async with running(settings()) as one, running(settings(one.address)) as two:
        await one.connected()
        await two.connected()
        first = os.urandom(VOTE_BYTES)
        one.network.do(Publish(GRANDPA, first))
        await two.until(lambda: received(two) == [first])
        monkeypatch.setattr(GatheringQueue, "_take", counting)
        for data in votes:
            one.network.do(Publish(GRANDPA, data))
        await two.until(lambda: len(received(two)) == BURST + 1)
    assert received(two)[1:] == votes
    assert sum(taken) == BURST
    assert len([count for count in taken if count]) <= BURST // 4


def test_an_honest_rpc_is_far_below_what_is_accepted() -> None:
    assert GATHERED * 2 <= MESSAGES


async def test_more_votes_than_an_rpc_may_have_are_refused_and_none_is_received() -> None:
    async with running(settings()) as victim:
        peer = await send(victim, *(vote() for _ in range(MESSAGES + 1)))
        await victim.until(lambda: bans_of(victim, peer))
        assert bans_of(victim, peer) == [f"gossip: {MESSAGES + 1} messages in an RPC"]
        assert received(victim) == []


async def test_a_vote_that_is_repeated_in_an_rpc_is_received_once_and_its_copies_charged() -> None:
    one, copies = vote(), 40
    async with running(settings()) as victim:
        sending = asyncio.create_task(send(victim, *[one] * (copies + 1), vote()))
        await victim.until(lambda: len(received(victim)) >= 2)
        useless = victim.network.counters()[f"{COSTS[1]}{GOSSIP}"]
        victim.network.allow_only(())  # disconnects the sender
        await sending
        assert len(received(victim)) == 2
        assert useless >= copies * drop_us(len(one.data))


@pytest.mark.parametrize("topics", [(TOPIC, TOPIC), (TOPIC, "another")])
async def test_votes_on_two_topics_are_refused_and_cost_their_sender(topics: Sequence[str]) -> None:
    async with running(settings()) as victim:
        peer = await send(victim, *(vote(*topics) for _ in range(60)))
        await victim.until(lambda: bans_of(victim, peer))
        assert bans_of(victim, peer) == ["gossip on a topic we did not join"]
        assert received(victim) == []


async def test_a_peer_that_repeats_its_votes_in_each_rpc_is_cut_off() -> None:
    async with running(settings()) as victim:

        async def script(attacker: Attacker) -> None:
            assert await attacker.greet() is not None
            stream = await attacker.mesh()
            with contextlib.suppress(StreamError, OSError):  # cut off while it was still writing
                for _ in range(20):
                    rpc = rpc_pb2.RPC(publish=[vote() for _ in range(MESSAGES // 4)] * 4)
                    await stream.write(encode_varint_prefixed(rpc.SerializeToString()))
            await attacker.is_cut_off()

        await attack(victim, script)
        await victim.until(lambda: victim.network.counters().get(f"{CUT_OFF}{GOSSIP}", 0) == 1)
        assert len(received(victim)) <= 10 * MESSAGES // 4
