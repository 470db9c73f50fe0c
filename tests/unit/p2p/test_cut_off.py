"""Real hosts on the loopback: costly peers are cut off, and a new identity is not free."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

import pytest
import trio
from libp2p.host.basic_host import BasicHost
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.rpc_queue import RpcQueue
from libp2p.utils.varint import encode_varint_prefixed

from p2p import limits
from p2p.accounts import DROP_US, GOSSIP, USELESS, drop_us
from p2p.host import gossip
from p2p.host.containment import contained
from p2p.host.gossip import ContainedGossipSub, ContainedPubsub
from p2p.host.guard import SEND_US_PER_KIB, CostGuard
from p2p.host.rpcs import ENTRY_US, ID_US
from p2p.network import KIB, MIB, TX, Charge, Event, GossipReceived, protocol_name
from p2p.networks import NETWORK, WORK
from p2p.wire import gossip_id, pack
from support.p2p_attack import GENESIS, Attacker, Witness, attack, running, settings

COST_US = 20_000
"""Price of each message of the test."""
ENOUGH = USELESS.burst // COST_US
IDENTITIES = 28
OVER_LIMIT = "over the limit: streams"


def rpc(payload: bytes) -> bytes:
    data = pack(payload)
    message = rpc_pb2.Message(
        data=data, topicIDs=[protocol_name(GENESIS, TX)], seqno=gossip_id(TX, data)
    )
    return rpc_pb2.RPC(publish=[message]).SerializeToString()


def charge(victim: Witness) -> None:
    """Let a witness charge all transactions, as an engine does that finds them useless."""
    put = victim.network._outbox.put

    def charging(event: Event) -> None:
        put(event)
        if isinstance(event, GossipReceived) and event.topic == TX:
            victim.network.do(Charge(event.peer, TX, COST_US, COST_US))

    setattr(victim.network._outbox, "put", charging)  # noqa: B010


async def flood(attacker: Attacker) -> None:
    """Send useless transactions until the victim closes the connection."""
    await attacker.greet()
    stream = await attacker.mesh()
    for _ in range(400):
        if attacker.connection.is_closed:
            return
        with trio.move_on_after(1):
            try:
                payload = rpc(os.urandom(100))
                await stream.write(bytes((len(payload) & 127 | 128, len(payload) >> 7)) + payload)
            except Exception:  # noqa: BLE001  (the library ends a stream in a dozen ways)
                break
        await trio.sleep(0.002)
    await attacker.is_cut_off()


async def test_a_peer_that_sends_useless_messages_is_cut_off_within_a_few_of_them() -> None:
    async with running(settings()) as victim, running(settings(victim.address)) as honest:
        charge(victim)
        await victim.connected()
        peer = await attack(victim, flood)
        received = [
            event
            for event in victim.events
            if isinstance(event, GossipReceived) and event.peer == peer
        ]
        assert ENOUGH // 2 <= len(received) <= 3 * ENOUGH
        assert victim.network.counters()["cut off tx"] == 1
        assert victim.network.counters()["useless tx"] >= USELESS.burst
        assert [view.peer for view in victim.network.peers()] == [honest.network.local_peer]


async def test_new_identities_of_a_network_are_refused_before_their_handshake() -> None:
    async with running(settings()) as victim, running(settings(victim.address)) as honest:
        charge(victim)
        await victim.connected()
        refused = 0
        for _ in range(IDENTITIES):
            try:
                await attack(victim, flood)
            except Exception:  # noqa: BLE001  (a dial fails in a dozen ways)
                refused += 1
        counters = victim.network.counters()
        assert refused >= IDENTITIES - NETWORK.burst // USELESS.burst - 5
        assert counters["refused"] >= IDENTITIES // 2
        assert counters["useless tx"] <= 2 * NETWORK.burst
        # Who was here before is not cut off for the debt of its neighbours.
        assert [view.peer for view in victim.network.peers()] == [honest.network.local_peer]


async def test_streams_without_end_are_charged_before_they_are_negotiated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = {**limits.RATES, limits.STREAMS: limits.Rate(0.1, 40)}
    monkeypatch.setattr(limits, "RATES", few)
    before = contained[OVER_LIMIT]  # of all networks of this process, earlier tests' too
    async with running(settings(poll_ms=60_000)) as victim:

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            for _ in range(120):
                with trio.move_on_after(1):
                    stream = await attacker.connection.muxed_conn.open_stream()
                    await stream.reset()
            while contained[OVER_LIMIT] == before:
                await trio.sleep(0.02)

        await attack(victim, script)
        # The network's thread counts a stream before it charges it.
        async with asyncio.timeout(30):
            while not are_charged(victim.network.counters(), before):
                await asyncio.sleep(0.02)


def are_charged(counters: Mapping[str, int], before: int) -> bool:
    """Return True if each stream over the limit, but the `before` first, was charged."""
    charged = counters.get("useless streams", 0)
    return charged >= (counters[OVER_LIMIT] - before) * DROP_US


async def test_a_message_that_is_handed_over_again_is_charged_by_its_size() -> None:
    async with running(settings()) as victim:
        payload = rpc(os.urandom(60 * KIB))

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            stream = await attacker.mesh()
            for _ in range(3):
                await stream.write(encode_varint_prefixed(payload))
            with trio.fail_after(10):
                while victim.network.counters().get(f"useless {GOSSIP}", 0) < 2 * drop_us(60 * KIB):
                    await trio.sleep(0.02)

        await attack(victim, script)


HAVES = 1_000
ENTRIES = 8


async def test_lists_of_what_a_peer_has_are_charged_by_their_length() -> None:
    async with running(settings()) as victim:
        have = rpc_pb2.ControlIHave(
            topicID=protocol_name(GENESIS, TX),
            messageIDs=[number.to_bytes(20, "big") for number in range(HAVES)],
        )
        lists = rpc_pb2.ControlMessage(ihave=[have] * ENTRIES)
        raw = rpc_pb2.RPC(control=lists).SerializeToString()

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            await attacker.mesh(raw, raw, raw, rpc(b"over"))
            with trio.fail_after(30):
                while not victim.of(GossipReceived):
                    await trio.sleep(0.02)

        await attack(victim, script)
        counters = victim.network.counters()
        assert counters[f"work {GOSSIP}"] >= 3 * ENTRIES * (ENTRY_US + HAVES * ID_US)
        assert counters.get(f"useless {GOSSIP}", 0) == 0


class Wanted(ContainedPubsub):
    """Gossip with one neighbour whose queue is empty."""

    def __init__(self, peer: ID, allowed: bool) -> None:
        self.host = BasicHost.__new__(BasicHost)  # never asked
        self.peer_queues = {peer: RpcQueue()}
        self.allowed = allowed
        self.sizes: list[int] = []

    def serves(self, peer: ID, size: int) -> bool:
        self.sizes.append(size)
        return self.allowed


@pytest.mark.parametrize("allowed", [True, False])
def test_what_a_peer_wants_is_charged_by_its_size(
    monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    gossip.install()
    router, peer, sent = ContainedGossipSub(), ID(b"peer"), []
    router.pubsub = wanted = Wanted(peer, allowed)
    monkeypatch.setattr(router, "send_rpc", lambda to, rpc: sent.append(rpc))
    ids = [number.to_bytes(20, "big") for number in range(256, 260)]
    for one in ids[:2]:
        router.mcache.put(rpc_pb2.Message(data=bytes(60 * KIB), topicIDs=["t"], seqno=one))
    trio.run(router.handle_iwant, rpc_pb2.ControlIWant(messageIDs=ids), peer)
    assert wanted.sizes == [2 * 60 * KIB]
    assert [len(rpc.publish) for rpc in sent] == ([2] if allowed else [])


def test_a_peer_above_its_budget_for_work_gets_nothing_that_it_wants() -> None:
    guard = CostGuard(lambda *_: None, lambda: 1_000)
    guard.accounts.opened("a", "10.0.0.1", 1_000)
    served = 0
    while guard.serves("a", 16 * MIB):
        served += 1
    assert served == -(-WORK.burst // (16 * KIB * SEND_US_PER_KIB))
    assert guard.accounts.used("a") == 0


@pytest.mark.parametrize("count", [512, 513])
async def test_an_rpc_holds_a_bounded_number_of_messages(count: int) -> None:
    async with running(settings()) as victim:
        many = rpc_pb2.RPC(publish=[rpc_pb2.Message()] * count).SerializeToString()

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            await attacker.mesh(many)
            await attacker.is_cut_off()

        peer = await attack(victim, script)
        [ban] = [ban for ban in victim.network.bans() if ban.peer == peer]
        assert (f"{count} messages in an RPC" in ban.why) == (count > 512)
