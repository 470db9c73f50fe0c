"""Nodes that mean well, on real hosts: what the engine may rely on."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from libp2p.rcmgr import Direction

from p2p import peer_records
from p2p.address import parse
from p2p.dial_plan import BookConfig
from p2p.errors import PortInUse
from p2p.host import containment
from p2p.host.containment import HasRemoteAddress
from p2p.host.libp2p_network import Libp2pNetwork
from p2p.host.sessions import Sessions
from p2p.network import (
    ANNOUNCE,
    GOSSIP_BYTES,
    GRANDPA,
    MIB,
    TOPICS,
    TX,
    Answer,
    Answered,
    Ask,
    Asked,
    ClockReceived,
    Connected,
    Disconnected,
    Failed,
    GossipReceived,
    NoteReceived,
    Penalise,
    Publish,
    SendNote,
    SetStatus,
    Status,
    StatusReceived,
)
from p2p.reputation import FATAL
from p2p.settings import NetworkSettings
from p2p.steady import now_ms
from support.p2p_attack import (
    GENESIS,
    START,
    Attacker,
    Witness,
    attack,
    record_of,
    running,
    settings,
)

if TYPE_CHECKING:
    from libp2p.network.connection.swarm_connection import SwarmConn


async def test_two_nodes_shake_hands_and_receive_each_others_progress() -> None:
    async with running(settings()) as one, running(settings(one.address)) as two:
        await one.connected()
        await two.connected()

        assert one.events[0] == Connected(two.network.local_peer, START)
        assert two.network.peers()[0].outbound
        assert not one.network.peers()[0].outbound

        grown = Status(4, 7, b"\x01" * 32, 3, b"\x02" * 32)
        one.network.do(SetStatus(grown))
        await two.until(lambda: StatusReceived(one.network.local_peer, grown) in two.events)
        assert two.network.peers()[0].status == grown


async def test_clocks_are_compared_with_each_status() -> None:
    ahead = replace(settings(), clock=lambda: now_ms() + 3_600_000)
    async with running(ahead) as one, running(settings(one.address)) as two:
        await one.until(lambda: one.of(ClockReceived))
        await two.until(lambda: two.of(ClockReceived))
        there = next(event for event in two.events if isinstance(event, ClockReceived))
        here = next(event for event in one.events if isinstance(event, ClockReceived))

    assert there.peer == one.network.local_peer
    assert abs(there.ahead_ms - 3_600_000) <= there.within_ms + 1
    assert abs(here.ahead_ms + 3_600_000) <= here.within_ms + 1


async def test_a_ban_is_logged_once_however_many_offences_follow(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(settings()) as one, running(settings(one.address)) as two:
        await one.connected()
        for _ in range(12):
            one.network.do(Penalise(two.network.local_peer, FATAL, "a lie"))
        await one.until(lambda: one.network.counters()["penalties"] == 12)

    assert one.network.counters()["bans"] == 1
    said = [record for record in caplog.records if "is banned: a lie" in record.getMessage()]
    assert len(said) == 1


async def test_gossip_passes_a_node_in_the_middle_when_it_publishes_it_again() -> None:
    async with running(settings()) as middle:
        lonely = BookConfig(bootnodes=(parse(middle.address),))  # private addresses not dialled
        async with (
            running(settings(book=lonely)) as left,
            running(settings(book=lonely)) as right,
        ):
            await middle.connected(2)
            for topic in TOPICS:
                left.network.do(Publish(topic, b"bad"))
                left.network.do(Publish(topic, b"good"))
            await middle.until(lambda: len(middle.of(GossipReceived)) == 6)
            await asyncio.sleep(1.5)  # a heartbeat of the mesh: its IHAVE messages are sent by then
            assert not right.of(GossipReceived)

            for topic in TOPICS:
                middle.network.do(Publish(topic, b"good"))
                middle.network.do(Publish(topic, b"good"))
            await right.until(lambda: len(right.of(GossipReceived)) == 3)
            await asyncio.sleep(1.5)

            assert right.of(GossipReceived) == [
                GossipReceived(topic, middle.network.local_peer, b"good") for topic in TOPICS
            ]
            assert not left.of(GossipReceived)
            assert len(middle.of(GossipReceived)) == 6


async def test_a_burst_of_gossip_is_not_lost() -> None:
    async with running(settings()) as one, running(settings(one.address)) as two:
        await two.connected()
        await one.connected()
        for number in range(300):
            two.network.do(Publish(GRANDPA, b"vote %d" % number))

        await one.until(lambda: len(one.of(GossipReceived)) >= 300)


async def test_the_largest_transactions_are_gossiped_and_a_few_at_a_time_are_received() -> None:
    async with running(settings()) as one, running(settings(one.address)) as two:
        await two.connected()
        await one.connected()
        sent = [bytes([number]) * GOSSIP_BYTES[TX] for number in range(3)]
        for payload in sent:
            two.network.do(Publish(TX, payload))

        await one.until(lambda: len(one.of(GossipReceived)) == len(sent))

        assert {e.data for e in one.events if isinstance(e, GossipReceived)} == set(sent)


async def test_notes_arrive_in_order() -> None:
    async with running(settings()) as one, running(settings(one.address)) as two:
        await two.connected()
        notes = [b"note %d" % number for number in range(50)]
        for note in notes:
            two.network.do(SendNote(one.network.local_peer, note))

        await one.until(lambda: len(one.of(NoteReceived)) == len(notes))

        assert [e.data for e in one.events if isinstance(e, NoteReceived)] == notes


async def test_a_large_answer_arrives_whole() -> None:
    async with running(settings()) as one, running(settings(one.address)) as two:
        await two.connected()
        one.echo = False
        body = os.urandom(16 * MIB)
        two.network.do(Ask(1, one.network.local_peer, "blocks", b"?", 60_000))
        await one.until(lambda: one.of(Asked))
        one.network.do(Answer(_asked(one).id, body))

        await two.until(lambda: two.of(Answered))

        assert two.of(Answered) == [Answered(1, body)]


async def test_a_request_ends_in_one_failure_when_refused_late_or_alone() -> None:
    async with running(settings()) as one, running(settings(one.address)) as two:
        await two.connected()
        one.echo = False
        late = await two.ask(one.network.local_peer, timeout_ms=300)
        absent = await two.ask(Libp2pNetwork(settings()).local_peer)
        two.network.do(Ask(9, one.network.local_peer, "blocks", b"!", 60_000))

        # On a busy machine the late one may be given up before it is received.
        def asked() -> list[Asked]:
            return [e for e in one.events if isinstance(e, Asked) and e.data == b"!"]

        await one.until(asked)
        one.network.do(Answer(asked()[0].id, None))
        await two.until(lambda: Failed(9, "refused") in two.events)

        assert late == Failed(1, "no answer in time")
        assert absent == Failed(2, "not connected")


async def test_open_requests_to_a_peer_that_leaves_fail_before_it_is_gone() -> None:
    async with running(settings()) as two:
        async with running(settings(two.address)) as one:
            await two.connected()
            one.echo = False
            two.network.do(Ask(5, one.network.local_peer, "warp", b"?", 60_000))
            await one.until(lambda: one.of(Asked))
        await two.until(lambda: two.of(Disconnected))

        failed = [e for e in two.events if isinstance(e, Failed)]
        assert [event.id for event in failed] == [5]
        assert two.events.index(failed[0]) < two.events.index(two.of(Disconnected)[0])


async def test_a_node_that_restarts_is_found_again_and_its_gossip_received_at_once() -> None:
    seed = os.urandom(32)
    async with running(settings(seed=seed)) as first:
        listen = first.address.partition("/p2p/")[0]
        async with running(settings(first.address)) as other:
            await other.connected()
            await first.network.stop()
            await other.until(lambda: other.of(Disconnected))
            async with running(settings(seed=seed, listen=listen)) as again:
                await other.until(lambda: len(other.of(Connected)) == 2)
                await again.connected()
                # The same words and, were there any, the same sequence numbers as before.
                again.network.do(Publish(ANNOUNCE, b"I am back"))
                await other.until(lambda: other.of(GossipReceived))


async def test_a_node_that_was_away_is_dialled_until_it_is_there() -> None:
    seed, listen = os.urandom(32), f"/ip4/127.0.0.1/tcp/{_free_port()}"
    absent = f"{listen}/p2p/{Libp2pNetwork(settings(seed=seed)).local_peer}"
    async with running(settings(absent)) as early:
        await asyncio.sleep(0.5)  # a few dials fail; libp2p would refuse to try again for a minute
        async with running(settings(seed=seed, listen=listen)):
            await early.connected()


async def test_two_that_dial_each_other_in_the_same_moment_do_not_both_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = Sessions.connection_opened

    def other_way_round_first(sessions: Sessions, connection: SwarmConn) -> None:
        # As if the other side's connection had been seen first, here and there.
        if connection.direction is Direction.OUTBOUND:
            twin = SimpleNamespace(muxed_conn=connection.muxed_conn, direction=Direction.INBOUND)
            opened(sessions, cast("SwarmConn", twin))
        opened(sessions, connection)

    monkeypatch.setattr(Sessions, "connection_opened", other_way_round_first)
    async with running(settings()) as one, running(settings(one.address)) as two:
        await one.connected()
        await two.connected()

        assert two.of(Connected) == [Connected(one.network.local_peer, START)]


async def test_a_peer_that_hangs_up_without_a_word_is_dialled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(settings()) as one:
        opened, connections = one.network._node._sessions.connection_opened, 0

        def slam(connection: SwarmConn) -> None:
            nonlocal connections
            connections += 1
            if connections == 1:
                one.network._node._transport.start_soon(connection.close)
            else:
                opened(connection)

        monkeypatch.setattr(one.network._node._sessions, "connection_opened", slam)
        async with running(settings(one.address)) as two:
            await two.connected()

            assert connections > 1


async def test_bytes_penalties_and_bans_are_counted() -> None:
    async with running(settings()) as one, running(settings(one.address)) as two:
        await two.connected()
        await one.connected()
        before = one.network.counters()
        two.network.do(Publish(GRANDPA, bytes(1_000)))
        await one.until(lambda: one.of(GossipReceived))
        one.network.do(Penalise(two.network.local_peer, 10, "a trifle"))
        one.network.do(Penalise(two.network.local_peer, FATAL, "enough"))
        await one.until(lambda: one.of(Disconnected))
        after = one.network.counters()

        assert after["bytes in"] >= before["bytes in"] + 1_000
        assert after["bytes out"] > before["bytes out"] > 0
        assert (before["penalties"], before["bans"]) == (0, 0)
        assert (after["penalties"], after["bans"]) == (2, 1)


async def test_a_node_of_another_chain_is_turned_away() -> None:
    async with (
        running(settings()) as one,
        running(settings(one.address, genesis=b"\x08" * 32)) as other,
    ):
        await other.until(lambda: record_of(other, one.network.local_peer).not_before_ms > 0)

        assert not other.of(Connected)
        assert not one.of(Connected)


async def test_a_hello_with_another_genesis_is_turned_away() -> None:
    async with running(settings()) as victim:

        async def script(attacker: Attacker) -> None:
            assert await attacker.greet(b"\x09" * 32) is None
            await attacker.is_cut_off()

        await attack(victim, script)

        assert not victim.of(Connected)


async def test_a_banned_peer_is_cut_off_and_stays_out() -> None:
    async with running(settings()) as one, running(settings(one.address)) as two:
        await one.connected()
        await two.connected()
        one.network.do(Penalise(two.network.local_peer, FATAL, "an invalid commit, twice"))
        await one.until(lambda: one.of(Disconnected))
        await two.until(lambda: two.of(Disconnected))
        await asyncio.sleep(0.5)  # it tries to come back

        assert not one.network.peers()
        assert [ban.why for ban in one.network.bans()] == ["an invalid commit, twice"]


async def test_only_reserved_peers_are_admitted_with_reserved_only() -> None:
    async with running(settings()) as friend:
        alone = BookConfig(reserved=(parse(friend.address),), reserved_only=True)
        async with running(settings(book=alone)) as shy:
            await shy.connected()
            async with running(settings(shy.address)) as other:
                await other.until(lambda: record_of(other, shy.network.local_peer).failures)
                assert [view.peer for view in shy.network.peers()] == [friend.network.local_peer]
                assert shy.network.peers()[0].reserved


async def test_known_peers_are_stored_and_dialled_after_a_restart(tmp_path: Path) -> None:
    async with running(settings()) as one:
        base = settings(one.address)
        stored = NetworkSettings(
            base.key_seed, GENESIS, START, base.listen, book=base.book, folder=tmp_path
        )
        async with running(stored) as two:
            await two.connected()
        assert [str(peer.address) for peer in peer_records.load(tmp_path)] == [one.address]

        without_bootnodes = NetworkSettings(
            os.urandom(32), GENESIS, START, base.listen, folder=tmp_path
        )
        async with running(without_bootnodes) as later:
            await later.connected()


async def test_a_port_in_use_is_named() -> None:
    async with running(settings()) as one:
        port = parse(one.address).port
        second = Libp2pNetwork(settings(listen=f"/ip4/127.0.0.1/tcp/{port}"))

        with pytest.raises(PortInUse, match=str(port)):
            await second.start()
        await second.stop()


async def test_a_host_that_fails_is_rebuilt() -> None:
    async with running(settings()) as one, running(settings(one.address)) as two:
        await two.connected()

        async def fail() -> None:
            raise RuntimeError("the host fails")

        node = one.network._node
        one.network._thread.call(lambda: node._transport.nursery.start_soon(fail))
        await one.until(lambda: node.rebuilt)

        await two.until(lambda: len(two.of(Connected)) >= 2)
        assert isinstance(await two.ask(one.network.local_peer), Answered)


async def test_stop_leaves_no_thread_behind_and_may_come_twice_or_first() -> None:
    never = Libp2pNetwork(settings())
    await never.stop()
    async with running(settings()) as one:
        pass
    await one.network.stop()

    assert not [t.name for t in threading.enumerate() if t.name.startswith("p2p ")]


@pytest.mark.parametrize(
    "action",
    [
        Publish("gossip", b""),
        Publish(ANNOUNCE, bytes(1 << 17)),
        SendNote("a peer", bytes(MIB)),
        Ask(1, "a peer", "status", b"", 1),
        Ask(1, "a peer", "blocks", bytes(1 << 17), 1),
        Penalise("a peer", 0, "nothing"),
    ],
    # By what is wrong: the values have megabytes, and every name goes from process to process.
    ids=[
        "no topic",
        "a long announcement",
        "a long note",
        "no protocol",
        "a long question",
        "no penalty",
    ],
)
def test_mistakes_of_the_engine_are_its_own(action: Publish | SendNote | Ask | Penalise) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (each has its own words)
        Libp2pNetwork(settings()).do(action)


def _asked(witness: Witness) -> Asked:
    event = witness.of(Asked)[0]
    assert isinstance(event, Asked)
    return event


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_newcomer_of_another_network_takes_a_place_from_the_largest_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ips: dict[str, str] = {}
    free = iter(("203.0.113.1", "203.0.113.2", "198.51.100.1"))

    def remote_ip(connection: HasRemoteAddress) -> str:
        peer = str(getattr(connection, "peer_id", ""))  # a raw connection has none
        if peer and peer != victim.network.local_peer and peer not in ips:
            ips[peer] = next(free)
        return ips.get(peer, "127.0.0.1")

    monkeypatch.setattr(containment, "remote_ip", remote_ip)
    places = BookConfig(max_in=2, allow_private=True)
    async with AsyncExitStack() as stack:
        victim = await stack.enter_async_context(running(settings(book=places)))
        peers = []
        for count in (1, 2):
            node = await stack.enter_async_context(running(settings(victim.address)))
            peers.append(node.network.local_peer)
            await victim.connected(count)
        newcomer = await stack.enter_async_context(running(settings(victim.address)))
        await newcomer.connected()
        await victim.until(lambda: Disconnected(peers[1]) in victim.events)
        left = [peers[0], newcomer.network.local_peer]
        assert [view.peer for view in victim.network.peers()] == left
