"""One bad record, peer or answer never ends the host: it is contained and counted.

A host that is rebuilt loses all of its peers, and a stored record that ends it does so again and
again.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from types import FunctionType

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from btt_chain.primitives.ss58 import to_base58
from p2p.address import PEER_ID_PREFIX, Address, parse
from p2p.host.basic_host import new_host
from p2p.host.containment import contained, new_swarm
from p2p.host.streams import read_frame, write_frame
from p2p.host.transport import Transport
from p2p.limits import LOCAL_GATE, Gate
from p2p.network import BLOCKS, EXCHANGES, GRANDPA_PEER, KAD, STATUS
from p2p.peer_records import PEER_FILE
from p2p.steady import now_ms
from p2p.wire import Hello, Search, encode_addresses, encode_hello, encode_search, pack
from support.p2p_attack import (
    BAD_HOSTS,
    GENESIS,
    START,
    Attacker,
    Witness,
    running,
    serves_an_honest_peer,
    settings,
)
from unit.p2p.test_network_attacks import message


def rebuilt(witness: Witness) -> int:
    return witness.network.counters()["host rebuilt"]


def faults() -> Counter[str]:
    """Return the unexpected exceptions that were contained in this process, by place."""
    return Counter({name: n for name, n in contained.items() if name.startswith("fault in")})


def new_peer() -> str:
    return to_base58(PEER_ID_PREFIX + os.urandom(32))


@asynccontextmanager
async def dialled(victim: Address, seed: bytes) -> AsyncIterator[tuple[Attacker, str]]:
    """An attacker that listens, too, with its address (trio)."""
    swarm = new_swarm(seed, Gate(LOCAL_GATE), 64, now_ms, Counter())
    host = new_host(swarm)
    async with host.run(listen_addrs=[Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        try:
            peer = ID.from_string(victim.peer)
            connection = await swarm.dial_addr(Multiaddr(victim.socket), peer)
            yield Attacker(host, peer, connection), str(host.get_addrs()[0])
        finally:
            with trio.move_on_after(2) as scope:
                scope.shield = True
                await host.close()


def answer_all(attacker: Attacker, own: Sequence[str], others: Sequence[str]) -> None:
    """Answer every request for a status or for nodes with these addresses."""

    hello = encode_hello(Hello(GENESIS, START, tuple(own), now_ms()))
    attacker.answer(STATUS, hello)
    attacker.answer(KAD, encode_addresses(others))


async def ask(attacker: Attacker, name: str, payload: bytes) -> None:
    stream = await attacker.stream(name)
    await write_frame(stream, payload)
    await read_frame(stream, EXCHANGES[name].answer)


async def talk(victim: Address, hosts: Sequence[str], until: Callable[[], bool]) -> None:
    """Report addresses with these hosts in every field, and stay connected for a while."""
    async with dialled(victim, os.urandom(32)) as (attacker, _):
        own = [f"/{host}/tcp/30333/p2p/{attacker.name}" for host in hosts]
        answer_all(attacker, own, [f"/{host}/tcp/30333/p2p/{new_peer()}" for host in hosts])
        await ask(attacker, KAD, encode_search(Search(bytes(32), tuple(own))))
        await ask(attacker, STATUS, encode_hello(Hello(GENESIS, START, tuple(own), now_ms())))
        with trio.move_on_after(20):
            while not until():
                await trio.sleep(0.02)


async def test_addresses_of_any_form_that_peers_report_end_neither_the_host_nor_its_dials() -> None:
    async with running(settings()) as victim:
        before, lookups = faults(), 0

        def has_gone_on() -> bool:
            return rebuilt(victim) > 0 or victim.network.counters()["lookups"] > lookups

        for place in range(0, len(BAD_HOSTS), 4):
            lookups = victim.network.counters()["lookups"]
            hosts = BAD_HOSTS[place : place + 4]
            await asyncio.to_thread(trio.run, talk, parse(victim.address), hosts, has_gone_on)

        assert rebuilt(victim) == 0
        assert faults() == before
        assert contained["address: ValueError"] > 0
        await serves_an_honest_peer(victim)


async def test_bad_lines_of_the_peer_file_end_nothing_and_the_good_ones_are_read(
    tmp_path: Path,
) -> None:
    async with running(settings()) as friend:
        peer = friend.network.local_peer
        lines = [f"1 /{host}/tcp/30333/p2p/{peer}" for host in BAD_HOSTS]
        lines += ["", "x", f"{'9' * 5_000} {friend.address}", f"1 {friend.address}"]
        (tmp_path / PEER_FILE).write_text("\n".join(lines))
        async with running(replace(settings(), folder=tmp_path)) as node:
            await node.connected()
            assert rebuilt(node) == 0


async def test_a_peer_file_that_cannot_be_read_does_not_stop_a_node(tmp_path: Path) -> None:
    (tmp_path / PEER_FILE).mkdir()
    async with running(replace(settings(), folder=tmp_path)) as node:
        await serves_an_honest_peer(node)


@pytest.mark.parametrize("host", BAD_HOSTS[:3])
async def test_a_peer_whose_address_cannot_be_used_is_not_reserved(host: str) -> None:
    async with running(settings()) as node:
        with pytest.raises(ValueError, match="zone"):
            node.network.reserve(f"/{host}/tcp/30333/p2p/{new_peer()}")
        assert node.network.reserved() == ()


# ---- each function that handles a peer raises


MODULES = (
    "p2p.accounts", "p2p.dial_plan", "p2p.host.connected", "p2p.host.dialer", "p2p.host.discovery",
    "p2p.host.gossip", "p2p.host.gossip_environment", "p2p.host.guard", "p2p.host.node",
    "p2p.host.notifications",
    "p2p.host.penalties", "p2p.host.requests", "p2p.host.sessions", "p2p.host.transport",
    "p2p.kademlia.finder", "p2p.kademlia.table", "p2p.peer_records", "p2p.peers", "p2p.reserved",
)  # fmt: skip


class Injected(Exception):
    """An error that no code expects."""


def handlers() -> Iterator[tuple[type, str, FunctionType]]:
    """Yield the methods of the network that have an argument: in some, it is a peer."""
    for module in map(import_module, MODULES):
        for owner in vars(module).values():
            if isinstance(owner, type) and owner.__module__ == module.__name__:
                for name, method in vars(owner).items():
                    if isinstance(method, FunctionType) and not name.startswith("__"):
                        yield owner, name, method


def concerns(value: object, peer: str) -> bool:
    """Return True if an argument is a peer, or has one."""
    if isinstance(value, str | ID):
        return str(value) == peer
    if isinstance(value, list | tuple) and any(concerns(one, peer) for one in value):
        return True
    if hasattr(value, "muxed_conn"):
        return str(value.muxed_conn.peer_id) == peer
    return peer in (getattr(value, "peer", None), getattr(value, "name", None))


class Fault:
    """A method that raises when it gets a peer."""

    def __init__(self, method: FunctionType) -> None:
        self.seed = os.urandom(32)
        self.peer = str(ID.from_pubkey(create_new_key_pair(self.seed).public_key))
        self.raised = 0
        self._method = method

    def method(self) -> Callable[..., object]:
        """Return the method to put in place."""
        method = self._method

        def check(args: tuple[object, ...]) -> None:
            if concerns(args, self.peer):
                self.raised += 1
                raise Injected(method.__qualname__)

        if inspect.iscoroutinefunction(method):

            @wraps(method)
            async def raising(*args: object, **named: object) -> object:
                check((*args[1:], *named.values()))
                return await method(*args, **named)

            return raising

        @wraps(method)
        def raising_at_once(*args: object, **named: object) -> object:
            check((*args[1:], *named.values()))
            return method(*args, **named)

        return raising_at_once


async def misbehave(victim: Address, fault: Fault, until: Callable[[], bool]) -> None:
    """Send a message of each kind, be found and dialled, then misbehave and leave."""
    with suppress(Exception), trio.fail_after(20):
        async with dialled(victim, fault.seed) as (attacker, here):
            answer_all(attacker, [here], [here])
            hello = encode_hello(Hello(GENESIS, START, (here,), now_ms()))
            for name, payload in (
                (KAD, encode_search(Search(bytes(32), (here,)))),
                (STATUS, hello),
            ):
                with suppress(Exception):
                    await ask(attacker, name, payload)
            for each in (
                partial(attacker.mesh, message(pack(os.urandom(8)))),
                partial(ask, attacker, BLOCKS, b"?"),
            ):
                with suppress(Exception), trio.move_on_after(1):
                    await each()
            with suppress(Exception):
                await write_frame(await attacker.stream(GRANDPA_PEER), b"a note")
                while not until():
                    await trio.sleep(0.02)
                await attacker.mesh(b"\xff" * 100)


FOUND = {method.__qualname__: (owner, name, method) for owner, name, method in handlers()}
del FOUND["ContainedPubsub._handle_dead_peer"]  # which itself contains what it calls
SOME = (
    "ConnectedPeers.end", "Discovery._probe", "Notifications._read_all", "PeerBook.add_reported",
    "Sessions._handshake", "Sessions.connection_opened", "Environment.allows",
)  # fmt: skip
"""At least one for each way in which a peer's data are handled."""


def names_of(module: str) -> tuple[str, ...]:
    return tuple(name for name, found in FOUND.items() if found[0].__module__ == module)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    "names",
    [SOME, *(pytest.param(names_of(module), marks=pytest.mark.full) for module in MODULES)],
    ids=["some", *MODULES],
)
async def test_an_error_in_any_function_that_handles_a_peer_ends_no_host(
    names: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings()) as victim:
        idle, peers = [], victim.network._node._peers
        for owner, name, method in map(FOUND.__getitem__, names):
            fault = Fault(method)
            monkeypatch.setattr(owner, name, fault.method())
            lookups = victim.network.counters()["lookups"]

            def has_gone_on(lookups: int = lookups) -> bool:
                return victim.network.counters()["lookups"] > lookups

            def has_left(fault: Fault = fault) -> bool:
                return fault.raised > 0 or ID.from_string(fault.peer) not in peers

            await asyncio.to_thread(trio.run, misbehave, parse(victim.address), fault, has_gone_on)
            await victim.until(has_left)
            monkeypatch.setattr(owner, name, method)
            assert rebuilt(victim) == 0, method.__qualname__
            if not fault.raised:
                idle.append(method.__qualname__)
        assert not idle or names is not SOME
        await serves_an_honest_peer(victim)
    gc.collect()  # sockets whose closing was made to fail


def test_a_connection_that_opens_while_the_host_ends_is_no_fault() -> None:
    transport = Transport.__new__(Transport)

    async def end() -> None:
        async with trio.open_nursery() as transport.nursery:
            pass
        transport.start_soon(trio.sleep, 0)

    faults = {name: count for name, count in contained.items() if name.startswith("fault")}
    trio.run(end)
    assert faults == {name: count for name, count in contained.items() if name[:5] == "fault"}
