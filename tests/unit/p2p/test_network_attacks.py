"""Attacks of hostile peers on a real node: after each one it serves an honest peer.

The scenarios are those in which py-libp2p 0.8.1 as it comes died, went deaf or grew without bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.exceptions import StreamFailure
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.stream.exceptions import StreamError
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pb.rpc_pb2 import ControlMessage
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.utils.varint import encode_varint_prefixed

from p2p.address import parse
from p2p.host.containment import FIRST_UNREAD_BYTES, contained
from p2p.host.sessions import MISSES
from p2p.host.streams import read_frame, write_frame
from p2p.limits import GateLimits, Rate
from p2p.network import (
    ANNOUNCE,
    BLOCKS,
    GRANDPA_PEER,
    MIB,
    STATUS,
    Answer,
    Asked,
    Disconnected,
    Event,
    GossipReceived,
)
from p2p.network import protocol_name as wire_name
from p2p.wire import gossip_id, pack
from support.p2p_attack import (
    GENESIS,
    Attacker,
    Witness,
    attack,
    bans_of,
    running,
    serves_an_honest_peer,
    settings,
)

TOPIC = wire_name(GENESIS, ANNOUNCE)


def message(
    data: bytes,
    *,
    author: bytes | None = None,
    key: bytes | None = None,
    signature: bytes | None = None,
    known_by: bytes | None = None,
) -> bytes:
    """An RPC with one gossip message, honest unless changed."""
    honest = rpc_pb2.Message(
        data=data,
        topicIDs=[TOPIC],
        seqno=gossip_id(ANNOUNCE, data) if known_by is None else known_by,
        from_id=author,
        key=key,
        signature=signature,
    )
    return rpc_pb2.RPC(publish=[honest]).SerializeToString()


def control(message: ControlMessage) -> bytes:
    return rpc_pb2.RPC(control=message).SerializeToString()


async def cut_off_for(victim: Witness, script: Callable[[Attacker], Awaitable[None]]) -> str:
    """Attack; the attacker must end up disconnected and banned. Returns why."""

    async def whole(attacker: Attacker) -> None:
        with contextlib.suppress(StreamError, OSError):  # cut off while it was still writing
            await script(attacker)
        await attacker.is_cut_off()

    peer = await attack(victim, whole)
    await victim.until(lambda: bans_of(victim, peer))
    await serves_an_honest_peer(victim)
    return bans_of(victim, peer)[0]


GARBAGE = {
    "a protobuf that is none": b"\xff" * 100,
    "random bytes": bytes(range(256)) * 4,
    "a key that is junk (defect 3)": message(pack(b"x"), author=b"\0\1\2", key=b"junk"),
    "a key of an unknown type (defect 3)": message(pack(b"x"), key=b"\x08\x63\x12\x01\x00"),
    "a signature": message(pack(b"x"), signature=b"s" * 64),
    "an id that is not the content": message(pack(b"x"), known_by=b"1" * 20),
    "no envelope": message(b"\xc1"),
    "an envelope of another version": message(b"\x92\x02\xc4\x01x"),
    "a payload over the bound": message(pack(b"x" * 70_000)),
    "ids that are none": control(ControlMessage(iwant=[rpc_pb2.ControlIWant(messageIDs=[b"zz"])])),
    "too many control entries": control(
        ControlMessage(graft=[rpc_pb2.ControlGraft(topicID=TOPIC) for _ in range(1_000)])
    ),
    "too many subscriptions": rpc_pb2.RPC(
        subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid=str(i)) for i in range(500)]
    ).SerializeToString(),
}


async def test_garbage_on_the_gossip_stream_is_banned() -> None:
    async def script(rpc: bytes, attacker: Attacker) -> None:
        assert await attacker.greet() is not None
        await attacker.mesh(rpc)

    async with running(settings()) as victim:
        for name, rpc in GARBAGE.items():
            why = await cut_off_for(victim, partial(script, rpc))
            assert why.startswith("gossip: "), name


async def test_an_oversized_gossip_frame_is_refused_by_its_length() -> None:
    async with running(settings()) as victim:

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            stream = await attacker.stream(PROTOCOL_ID_V11)
            await stream.write(b"\xff\xff\xff\xff\x07")

        assert "an RPC of" in await cut_off_for(victim, script)


async def test_garbage_after_valid_messages_is_banned_and_the_valid_ones_are_received() -> None:
    async with running(settings()) as victim:

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            await attacker.mesh(message(pack(b"valid")), b"\xff" * 100)

        await cut_off_for(victim, script)

        assert any(e.data == b"valid" for e in victim.events if isinstance(e, GossipReceived))


async def test_gossip_before_the_handshake_is_dropped() -> None:
    async with running(settings(handshake_ms=500)) as victim:

        async def script(attacker: Attacker) -> None:
            await attacker.mesh(message(pack(b"too early")))
            await attacker.is_cut_off()

        await attack(victim, script)

        assert not victim.of(GossipReceived)
        await serves_an_honest_peer(victim)


async def test_a_peer_that_leaves_takes_no_message_away_from_others() -> None:
    """Its messages are dropped with its queue, so the copy of another peer is not a repetition."""
    async with running(settings()) as victim:

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            await attacker.mesh(message(pack(b"a vote")))
            await trio.to_thread.run_sync(received.wait)

        def have_come(kind: type[Event], times: int) -> bool:
            return len(victim.of(kind)) == times

        received = threading.Event()
        for times in (1, 2):
            received.clear()
            attacking = asyncio.create_task(attack(victim, script))
            await victim.until(partial(have_come, GossipReceived, times))
            received.set()
            await attacking
            await victim.until(partial(have_come, Disconnected, times))


async def test_malformed_control_messages_neither_stay_nor_kill() -> None:
    async with running(settings()) as victim:

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            far = [f"topic {i}" for i in range(8)]
            unknown = rpc_pb2.PeerInfo(peerID=b"?", signedPeerRecord=b"?")
            stream = await attacker.mesh(
                *(
                    control(ControlMessage(prune=[prune]))
                    for prune in (
                        *(rpc_pb2.ControlPrune(topicID=topic, backoff=2**40) for topic in far),
                        rpc_pb2.ControlPrune(topicID=TOPIC, backoff=2**63),
                        rpc_pb2.ControlPrune(topicID=TOPIC, peers=[unknown]),
                    )
                ),
                control(ControlMessage(graft=[rpc_pb2.ControlGraft(topicID=t) for t in far])),
                control(ControlMessage(graft=[rpc_pb2.ControlGraft()])),
                control(ControlMessage(ihave=[rpc_pb2.ControlIHave()])),
                control(ControlMessage(iwant=[rpc_pb2.ControlIWant(messageIDs=[b"0" * 20] * 99)])),
                control(ControlMessage(ihave=[rpc_pb2.ControlIHave(messageIDs=[b"g" * 20])])),
                control(ControlMessage(idontwant=[rpc_pb2.ControlIDontWant(messageIDs=[b"x"])])),
                rpc_pb2.RPC(senderRecord=b"junk").SerializeToString(),
            )
            # In order on one stream: when this is received, all of the above has been read.
            await stream.write(encode_varint_prefixed(message(pack(b"still here"))))
            while not victim.of(GossipReceived):  # bytes of a closed connection may be dropped
                await trio.sleep(0.02)

        await attack(victim, script)

        router = victim.network._node._gossip.router
        assert set(router.back_off) <= {TOPIC}  # type: ignore[attr-defined]
        await serves_an_honest_peer(victim)


async def test_a_flood_of_gossip_is_banned() -> None:
    # On a slow machine the attacker would be left for its silence first.
    async with running(settings(poll_ms=60_000)) as victim:

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            flood = [message(pack(i.to_bytes(4, "big"))) for i in range(2_000)]
            await attacker.mesh(*flood)

        assert "a flood (announce)" in await cut_off_for(victim, script)


async def test_a_raising_handler_does_not_end_the_host() -> None:
    async with running(settings()) as victim:

        async def broken(stream: object) -> None:
            raise RuntimeError("a mistake of ours")

        victim.network._node._transport.host.set_stream_handler("/broken", broken)  # type: ignore[arg-type]

        async def script(attacker: Attacker) -> None:
            with contextlib.suppress(StreamError, StreamFailure):  # as quick as it raises
                stream = await attacker.stream("/broken")
                await stream.read(1)

        before = contained["stream: RuntimeError"]
        await attack(victim, script)

        await victim.until(lambda: contained["stream: RuntimeError"] > before)
        await serves_an_honest_peer(victim)


async def test_half_open_sockets_of_one_address_do_not_shut_out_others() -> None:
    gate = GateLimits(per_ip=16, half_open_per_ip=4, half_open=8, attempts=Rate(50, 500))
    async with running(settings(gate=gate)) as victim:
        address = parse(victim.address)
        sockets = []
        for _ in range(100):
            half = socket.socket()
            half.bind(("127.0.0.9", 0))  # an address of its own
            half.connect((address.host, address.port))
            sockets.append(half)

        await victim.until(lambda: victim.network._node._transport.gate.half_open)
        assert victim.network._node._transport.gate.half_open <= 4
        await serves_an_honest_peer(victim)

        for half in sockets:
            half.close()


async def test_places_of_inbound_connections_are_given_back() -> None:
    gate = GateLimits(per_ip=4, half_open_per_ip=4, total=4, attempts=Rate(100, 500))
    async with running(settings(gate=gate)) as victim:

        async def script(attacker: Attacker) -> None:
            await attacker.greet()

        for _ in range(10):
            await attack(victim, script)
            await victim.until(lambda: victim.network._node._transport.gate.open_connections == 0)

        await serves_an_honest_peer(victim)


async def test_a_dialler_without_noise_is_refused() -> None:
    async with running(settings()) as victim:
        address = parse(victim.address)

        def dial() -> bytes:
            with socket.create_connection((address.host, address.port)) as plain:
                plain.sendall(b"\x13/multistream/1.0.0\n\x11/plaintext/2.0.0\n")
                received = b""
                while b"na\n" not in received and (piece := plain.recv(1_000)):
                    received += piece
                return received

        received = await asyncio.to_thread(dial)

        assert b"na\n" in received
        assert b"plaintext" not in received
        await serves_an_honest_peer(victim)


async def test_a_negotiation_that_is_none_is_cut_before_noise() -> None:
    any_length = b"\xff\xff\xff\xff\x7f" + bytes(1 << 20)
    not_text, empty, without_an_end = b"\x04\xff\xfe\xfd\n", b"\x00", b"\x03abc"
    async with running(settings()) as victim:
        address = parse(victim.address)

        def dial(line: bytes) -> None:
            raw = socket.create_connection((address.host, address.port))
            with raw, contextlib.suppress(OSError):
                raw.sendall(b"\x13/multistream/1.0.0\n" + line)
                while raw.recv(1_000):
                    continue

        for line in (any_length, not_text, empty, without_an_end):
            await asyncio.to_thread(dial, line)
            await serves_an_honest_peer(victim)


OVERSIZED = {
    "a length over the bound": (struct.pack(">I", 17 * MIB), BLOCKS),
    "a compact-length bomb": (b"\x00\x00\x00\x07\x92\x01\xc6\xff\xff\xff\xff", BLOCKS),
    "deep nesting": (struct.pack(">I", 1_000) + b"\x91" * 1_000, BLOCKS),
    "a refusal as a question": (bytes(4), BLOCKS),
    "an oversized note": (struct.pack(">I", 1 << 31), GRANDPA_PEER),
    "a note that is garbage": (struct.pack(">I", 100) + os.urandom(100), GRANDPA_PEER),
    "a hello that is garbage": (struct.pack(">I", 9) + b"\x92\x01\xc4\x05hello", STATUS),
}


async def test_a_malformed_frame_is_banned() -> None:
    async def script(data: bytes, protocol: str, attacker: Attacker) -> None:
        await attacker.greet()
        stream = await attacker.stream(protocol)
        await stream.write(data)

    async with running(settings()) as victim:
        for honest, (name, (data, protocol)) in enumerate(OVERSIZED.items(), 1):
            await cut_off_for(victim, partial(script, data, protocol))
            assert len(victim.of(Asked)) == honest, name  # only the honest peers' were emitted


async def test_slow_questions_do_not_keep_others_waiting() -> None:
    async with running(settings()) as victim:
        served = threading.Event()

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            for _ in range(40):
                with contextlib.suppress(Exception):  # those over the limit are reset at once
                    stream = await attacker.stream(BLOCKS)
                    await stream.write(b"\x00")  # and never the rest
            while not served.is_set():
                await trio.sleep(0.05)

        attacking = asyncio.create_task(attack(victim, script))
        await victim.connected()
        await serves_an_honest_peer(victim)
        served.set()
        await attacking


async def test_a_peer_that_answers_nothing_any_more_is_left_without_blame() -> None:
    async with running(settings(poll_ms=200)) as victim:
        asked = 0

        async def silent(stream: INetStream) -> None:
            nonlocal asked
            asked += 1
            await trio.sleep_forever()  # as a frozen process, whose connections stay

        async def script(attacker: Attacker) -> None:
            name = TProtocol(wire_name(GENESIS, STATUS))
            attacker.host.set_stream_handler(name, silent)
            await attacker.greet()
            await attacker.is_cut_off()

        peer = await attack(victim, script)

        await victim.until(lambda: Disconnected(peer) in victim.events)
        assert asked == MISSES
        assert not bans_of(victim, peer)
        await serves_an_honest_peer(victim)


async def test_a_peer_that_does_not_read_its_answers_delays_no_other() -> None:
    async with running(settings()) as victim:
        served = threading.Event()
        victim.echo = False

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            for _ in range(8):
                stream = await attacker.stream(BLOCKS)
                await write_frame(stream, pack(b"?"))
            while not served.is_set():
                await trio.sleep(0.05)

        attacking = asyncio.create_task(attack(victim, script))
        await victim.until(lambda: len(victim.of(Asked)) == 8)
        for asked in victim.of(Asked):
            assert isinstance(asked, Asked)
            victim.network.do(Answer(asked.id, b"a" * (4 * MIB)))
        victim.echo = True
        await serves_an_honest_peer(victim)
        served.set()
        await attacking


async def test_a_flood_of_streams_cuts_only_the_flooder() -> None:
    async with running(settings()) as victim:

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            yamux = muxer(attacker)
            with contextlib.suppress(Exception):  # cut off while it was still writing
                for number in range(3_000):
                    syn = struct.pack(">BBHII", 0, 1, 1, 10_001 + 2 * number, 0)
                    await yamux._write_frame(syn)
            await attacker.is_cut_off()

        await attack(victim, script)

        await serves_an_honest_peer(victim)


async def test_a_peer_whose_handshake_is_not_over_may_leave_little_unread() -> None:
    async with running(settings(handshake_ms=60_000)) as victim:

        async def script(attacker: Attacker) -> None:
            stream = await attacker.stream(PROTOCOL_ID_V11)  # it is read after the handshake
            number = stream.muxed_stream.stream_id  # type: ignore[attr-defined]
            piece = 1 << 15
            header = struct.pack(">BBHII", 0, 0, 0, number, piece)
            with contextlib.suppress(Exception):  # cut off while it was still writing
                for _ in range(2 * FIRST_UNREAD_BYTES // piece):
                    await muxer(attacker)._write_frame(header + bytes(piece))
            await attacker.is_cut_off()

        before = contained["yamux: flood"]
        await attack(victim, script)
        assert contained["yamux: flood"] > before


async def test_data_past_every_window_cuts_only_the_sender() -> None:
    # The attacker answers no polls: on a busy machine it would be cut off for that first.
    async with running(settings(poll_ms=60_000)) as victim:
        victim.echo = False  # the question stays open, and nothing behind it is read

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            stream = await attacker.stream(BLOCKS)
            await write_frame(stream, b"?")
            number = stream.muxed_stream.stream_id  # type: ignore[attr-defined]
            piece = 1 << 15
            header = struct.pack(">BBHII", 0, 0, 0, number, piece)
            with contextlib.suppress(Exception):  # cut off while it was still writing
                for _ in range(42 * MIB // piece):
                    await muxer(attacker)._write_frame(header + bytes(piece))
            await attacker.is_cut_off()

        before = contained["yamux: flood"]
        await attack(victim, script)

        assert contained["yamux: flood"] > before
        victim.echo = True
        await serves_an_honest_peer(victim)


def muxer(attacker: Attacker) -> Yamux:
    assert isinstance(attacker.connection, SwarmConn)
    yamux = attacker.connection.muxed_conn
    assert isinstance(yamux, Yamux)
    return yamux


async def test_an_unknown_protocol_is_refused_and_the_peer_may_stay() -> None:
    async with running(settings()) as victim:

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            with pytest.raises(Exception, match="failed to open a stream"):
                await attacker.stream("/unknown/1")
            stream = await attacker.stream(BLOCKS)
            await write_frame(stream, b"after that")
            assert await read_frame(stream, 100) == b"echo after that"

        peer = await attack(victim, script)

        assert not bans_of(victim, peer)


async def test_three_hundred_streams_at_once_are_not_served_at_once() -> None:
    async with running(settings()) as victim:
        victim.echo = False

        async def script(attacker: Attacker) -> None:
            await attacker.greet()

            async def one() -> None:
                with contextlib.suppress(Exception):  # refused, or cut off
                    stream = await attacker.stream(BLOCKS)
                    await write_frame(stream, b"q")
                    await stream.read(1)

            async with trio.open_nursery() as nursery:
                for _ in range(300):
                    nursery.start_soon(one)
                await trio.sleep(1.5)
                nursery.cancel_scope.cancel()

        await attack(victim, script)

        assert len(victim.of(Asked)) <= 16 + 1
        victim.echo = True
        await serves_an_honest_peer(victim)


async def test_the_same_question_a_hundred_times_is_charged() -> None:
    async with running(settings(poll_ms=30_000)) as victim:

        async def ask_for_ever(attacker: Attacker) -> None:
            while not attacker.connection.is_closed:
                with contextlib.suppress(Exception):  # refused, in the end cut off
                    await attacker.greet()
                # All four together stay below the limit of streams, which would be charged as well.
                await trio.sleep(0.045)

        async def script(attacker: Attacker) -> None:
            async with trio.open_nursery() as nursery:
                for _ in range(4):
                    nursery.start_soon(ask_for_ever, attacker)

        peer = await attack(victim, script)

        assert "a flood (status)" in bans_of(victim, peer)[0]
        await serves_an_honest_peer(victim)
