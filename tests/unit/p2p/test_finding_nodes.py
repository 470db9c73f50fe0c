"""Nodes that find each other on real sockets, and those who want to lead them astray."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial

import msgpack
import pytest
import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.peer.id import ID
from libp2p.transport.exceptions import SecurityUpgradeFailure
from multiaddr import Multiaddr

from btt_chain.primitives.ss58 import to_base58
from p2p.address import PEER_ID_PREFIX, Address, parse
from p2p.dial_plan import BookConfig
from p2p.host.basic_host import new_host
from p2p.host.containment import ContainedSwarm, new_swarm
from p2p.host.probe import probe
from p2p.host.streams import read_frame, write_frame
from p2p.limits import LOCAL_GATE, Gate
from p2p.network import EXCHANGES, KAD, protocol_name
from p2p.peers import FOREIGN_MS
from p2p.settings import NetworkSettings
from p2p.steady import now_ms
from p2p.wire import Search, decode_addresses, encode_addresses, encode_search
from support.p2p_attack import (
    GENESIS,
    Attacker,
    Witness,
    answer_of,
    attack,
    bans_of,
    record_of,
    running,
    settings,
    turned_away,
)

Handler = Callable[[INetStream], Awaitable[None]]


def table_of(witness: Witness) -> set[str]:
    """Return the nodes that a node would report."""
    return {address.peer for address in witness.network._node._finder.table.closest(0, 1_000)}


def knows(witness: Witness, *others: Witness) -> bool:
    return {other.network.local_peer for other in others} <= table_of(witness)


def full(*boot: str) -> NetworkSettings:
    """Return the settings of a node without places, connected only to its boot nodes."""
    book = BookConfig(
        max_in=0, max_out=len(boot), bootnodes=tuple(map(parse, boot)), allow_private=True
    )
    return settings(book=book)


async def test_a_newcomer_that_knows_one_node_is_connected_with_all() -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running(settings()))
        others = [
            await stack.enter_async_context(running(settings(first.address))) for _ in range(4)
        ]
        await first.connected(4)
        newcomer = await stack.enter_async_context(running(settings(first.address)))

        await newcomer.connected(5)
        for node in (first, *others):
            await node.connected(5)
            await node.until(partial(knows, node, newcomer))


async def test_a_full_node_reports_where_others_are() -> None:
    """Places are few, and a newcomer must not depend on one at the only node it knows."""
    async with running(settings()) as other, running(full(other.address)) as boot:
        await boot.connected()
        await boot.until(lambda: knows(boot, other))
        async with running(settings(boot.address)) as newcomer:
            await newcomer.until(
                lambda: other.network.local_peer in {v.peer for v in newcomer.network.peers()}
            )
            assert boot.network.local_peer not in {v.peer for v in newcomer.network.peers()}
            await boot.until(lambda: knows(boot, newcomer))  # it was probed


async def test_a_node_that_is_refused_reads_why(caplog: pytest.LogCaptureFixture) -> None:
    """The end of its connection must not overtake the answer: it would only dial again."""
    caplog.set_level("INFO", "p2p.host.sessions")
    async with running(settings()) as other, running(full(other.address)) as boot:
        await boot.connected()
        for number in range(1, 6):
            async with running(settings(boot.address)) as newcomer:
                await newcomer.until(lambda: caplog.text.count("is refused") >= number)  # noqa: B023
    assert caplog.text.count("it has no place for us") == caplog.text.count("is refused") >= 5


async def test_unreachable_addresses_are_not_reported() -> None:
    async with running(settings()) as boot:
        liar = replace(settings(boot.address), public=("/ip4/127.0.0.1/tcp/9",))
        async with running(liar) as hidden, running(settings(boot.address)) as open_:
            await boot.until(lambda: knows(boot, open_))
            await hidden.connected()
            assert not knows(boot, hidden)


async def test_a_private_address_is_neither_probed_nor_reported_on_a_public_network() -> None:
    async with (
        running(settings(book=BookConfig())) as boot,
        running(settings(boot.address)) as one,
        running(settings(boot.address)) as two,
    ):
        await boot.connected(2)
        await one.until(lambda: one.network._node._finder.lookups > 2)

        assert not table_of(boot)
        assert two.network.local_peer not in {view.peer for view in one.network.peers()}


async def test_a_node_with_reserved_peers_only_answers_and_sends_no_searches() -> None:
    async with running(settings()) as friend, running(settings(friend.address)) as other:
        alone = BookConfig(
            reserved=(parse(friend.address),), reserved_only=True, allow_private=True
        )
        async with running(settings(book=alone)) as shy:
            await shy.connected()
            await friend.until(lambda: knows(friend, shy, other))

            async def script(attacker: Attacker) -> None:
                answer = None
                with suppress(BaseLibp2pError):  # cut off while it asks
                    answer = await ask(attacker)
                assert answer is None
                await attacker.is_cut_off()

            await turned_away(shy, script)
            assert shy.network._node._finder.lookups == 0
            assert [view.peer for view in shy.network.peers()] == [friend.network.local_peer]


async def test_a_node_of_another_chain_enters_no_table() -> None:
    foreign = settings(genesis=b"\x08" * 32)
    async with running(foreign) as other, running(settings(other.address)) as boot:
        await boot.until(lambda: record_of(boot, other.network.local_peer).not_before_ms)
        async with running(settings(boot.address)) as newcomer:
            await newcomer.connected()
            assert not knows(boot, other)
            assert not knows(newcomer, other)


# --- those who ask --------------------------------------------------------------------


async def ask(attacker: Attacker, payload: bytes | None = None) -> bytes | None:
    """Ask for nodes, without a handshake."""
    stream = await attacker.stream(KAD)
    await write_frame(stream, encode_search(Search(bytes(32), ())) if payload is None else payload)
    return await answer_of(stream, EXCHANGES[KAD].answer)


async def test_a_search_without_a_handshake_is_answered_and_the_peer_disconnected() -> None:
    async with (
        running(settings(handshake_ms=1_000)) as boot,
        running(settings(boot.address)) as one,
    ):
        await boot.until(lambda: knows(boot, one))

        async def script(passer: Attacker) -> None:
            answer = await ask(passer)
            assert answer is not None
            assert decode_addresses(answer) == (one.address,)
            await passer.is_cut_off()

        peer = await attack(boot, script)

        assert not bans_of(boot, peer)
        assert len(boot.network.peers()) == 1


BAD_QUESTIONS = {
    "no target": b"",
    "a short target": msgpack.packb([b"short", []]),
    "a target that is text": msgpack.packb(["x" * 32, []]),
    "too many addresses": msgpack.packb([bytes(32), ["/a"] * 5]),
    "something behind it": encode_search(Search(bytes(32), ())) + b"\x00",
    "a map": b"\x81\x01\x01",
}


async def test_a_malformed_question_is_banned() -> None:
    async def script(payload: bytes, attacker: Attacker) -> None:
        with suppress(Exception):  # cut off while it waits
            await ask(attacker, payload)
        await attacker.is_cut_off()

    async with running(settings()) as victim:
        for name, payload in BAD_QUESTIONS.items():
            peer = await attack(victim, partial(script, payload))
            await victim.until(partial(bans_of, victim, peer))
            assert bans_of(victim, peer)[0].startswith("kad: "), name


async def test_a_flood_of_questions_is_charged() -> None:
    async with running(settings(poll_ms=30_000)) as victim:

        async def script(attacker: Attacker) -> None:
            await attacker.greet()
            while not attacker.connection.is_closed:
                with suppress(Exception):  # refused, in the end cut off
                    await ask(attacker)
                await trio.sleep(0.012)  # below the limit of streams, which would be charged too

        peer = await attack(victim, script)
        assert "a flood (kad)" in bans_of(victim, peer)[0]


# --- those who answer -----------------------------------------------------------------


def far() -> int:
    """Later than any failed dial is tried again."""
    return now_ms() + FOREIGN_MS // 2


def fake(number: int) -> str:
    """The address of a node that is not there."""
    peer = to_base58(PEER_ID_PREFIX + number.to_bytes(32, "big"))
    return f"/ip4/127.0.0.1/tcp/{number % 1_000 + 1}/p2p/{peer}"


@asynccontextmanager
async def impostor(answers: Handler, victim: Witness | None = None) -> AsyncIterator[Address]:
    """A node that answers searches in its own way, as long as this lasts; a neighbour of `victim`,
    or one without connections.
    """
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    over, token = trio.Event(), None
    where = ""
    swarm = new_swarm(os.urandom(32), Gate(LOCAL_GATE), 64, now_ms, Counter())
    host = new_host(swarm)

    async def whole() -> None:
        nonlocal token, where
        token = trio.lowlevel.current_trio_token()
        async with host.run(listen_addrs=[Multiaddr("/ip4/127.0.0.1/tcp/0")]):
            host.set_stream_handler(TProtocol(protocol_name(GENESIS, KAD)), answers)
            (listener,) = swarm.listeners.values()
            where = f"{listener.get_addrs()[0]}/p2p/{host.get_id()}"
            if victim is not None:
                target = parse(victim.address)
                there = ID.from_string(target.peer)
                connection = await swarm.dial_addr(Multiaddr(target.socket), there)
                await Attacker(host, there, connection).greet()
            loop.call_soon_threadsafe(ready.set)
            await over.wait()
            with trio.move_on_after(2) as scope:
                scope.shield = True
                await host.close()

    living = asyncio.create_task(asyncio.to_thread(trio.run, whole))
    await ready.wait()
    try:
        yield parse(where)
    finally:
        assert token is not None
        token.run_sync_soon(over.set)
        await living


def naming(*addresses: str) -> Handler:
    """Answer each search with these."""
    return saying(encode_addresses(addresses))


def saying(payload: bytes) -> Handler:
    """Answer each search with these bytes."""

    async def answer(stream: INetStream) -> None:
        await read_frame(stream, EXCHANGES[KAD].request)
        await write_frame(stream, payload)

    return answer


async def silent(_stream: INetStream) -> None:
    """Never answer."""
    await trio.sleep_forever()


BAD_ANSWERS = {
    "more than twenty": msgpack.packb([fake(number) for number in range(1, 22)]),
    "no list": msgpack.packb(b"nodes"),
    "addresses without end": msgpack.packb(["/" + "a" * 3_000]),
    "not the shortest": b"\xdc\x00\x00",
}


async def test_a_malformed_answer_of_a_neighbour_is_banned() -> None:
    async with running(settings()) as victim:
        for name, payload in BAD_ANSWERS.items():
            async with impostor(saying(payload), victim) as liar:
                await victim.until(partial(bans_of, victim, liar.peer))
                assert bans_of(victim, liar.peer)[0].startswith("kad: "), name


async def test_a_malformed_answer_to_a_one_shot_request_is_banned() -> None:
    no_dials = BookConfig(max_out=0, allow_private=True)
    async with (
        running(settings(book=no_dials)) as victim,
        impostor(saying(b"junk")) as liar,
        impostor(naming(str(liar)), victim),
    ):
        await victim.until(lambda: bans_of(victim, liar.peer))
        assert bans_of(victim, liar.peer)[0].startswith("kad: ")


async def test_a_missing_answer_does_not_delay_other_searches() -> None:
    async with (
        running(settings(poll_ms=60_000)) as victim,
        impostor(silent, victim) as liar,
        running(settings(victim.address)) as honest,
    ):
        await victim.until(lambda: knows(victim, honest))
        await victim.until(lambda: victim.network._node._finder.lookups >= 2)

        assert not bans_of(victim, liar.peer)


async def test_a_node_of_another_chain_that_is_named_is_left_alone_without_blame() -> None:
    async with (
        running(settings(genesis=b"\x08" * 32)) as foreign,
        running(settings()) as victim,
        impostor(naming(foreign.address), victim),
    ):
        name = foreign.network.local_peer
        await victim.until(lambda: record_of(victim, name).not_before_ms > far())

        assert name not in table_of(victim)
        assert not bans_of(victim, name)


async def test_nodes_that_do_not_exist_are_neither_added_nor_reported() -> None:
    reported: list[str] = []

    async def endless(stream: INetStream) -> None:
        await read_frame(stream, EXCHANGES[KAD].request)
        more = [fake(len(reported) + number) for number in range(1, 21)]
        reported.extend(more)
        await write_frame(stream, encode_addresses(more))

    async with (
        running(settings()) as victim,
        impostor(endless, victim) as liar,
        running(settings(victim.address)) as honest,
    ):
        await victim.until(lambda: victim.network._node._finder.lookups >= 4)
        await victim.until(lambda: knows(victim, honest))

        assert table_of(victim) == {honest.network.local_peer}
        assert not bans_of(victim, liar.peer)
        # Some searches of a busy machine end before the liar has answered.
        assert len(reported) >= 20


async def test_a_probe_proves_the_identity_of_a_node() -> None:
    async with running(settings()) as one, running(settings()) as other:

        async def script(attacker: Attacker) -> None:
            swarm = attacker.host.get_network()
            assert isinstance(swarm, ContainedSwarm)
            there = parse(one.address)
            assert await probe(swarm, there, allow_private=True) == "127.0.0.1"
            other_key = there._replace(peer=other.network.local_peer)
            with pytest.raises(SecurityUpgradeFailure):
                await probe(swarm, other_key, allow_private=True)

        await attack(one, script)
        assert not one.network.peers()


async def test_one_shot_requests_leave_no_connection() -> None:
    async with running(settings()) as other, running(full(other.address)) as boot:
        await boot.until(lambda: knows(boot, other))
        async with running(settings(boot.address)) as newcomer:
            await boot.until(lambda: knows(boot, newcomer))
            await newcomer.until(lambda: newcomer.network._node._finder.lookups >= 3)
            await boot.until(lambda: boot.network._node._transport.gate.open_connections == 0)
            assert len(boot.network.peers()) == 1
