"""Attacks by peers: the defects D2, D3 and D10, and further kinds of messages."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Sequence
from typing import Final

import trio
from libp2p.pubsub.pb import rpc_pb2

from btt_chain.primitives import ss58
from btt_chain.primitives.digest import H256
from btt_chain.primitives.ss58 import to_base58
from btt_chain.scale import u32, u64
from btt_chain.testing.rpc import Rpc
from hostile.order import Order
from hostile.payloads import (
    Signer,
    announce,
    bare_batch,
    call_index,
    full_announce,
    inherent_batch,
    malformed_batch,
    tx_batch,
)
from hostile.peers import GossipFlood, Leaver, PeerAttack, Session
from p2p.address import PEER_ID_PREFIX
from p2p.host.gossip import MESSAGES
from p2p.network import (
    ANNOUNCE,
    BLOCKS,
    COMPACT,
    GRANDPA,
    GRANDPA_PEER,
    KAD,
    KIB,
    STATE,
    STATUS,
    TX,
    WARP,
)
from p2p.protocols.compact import MAX_PLACES, Describe, Transactions, encode_request
from p2p.protocols.messages import ALL, BlockRequest, Direction, StateRequest, WarpRequest
from p2p.settings import unix_ms
from p2p.wire import Hello, Search, encode_addresses, encode_hello, encode_search
from runtime import BttRuntime
from runtime.params import RuntimeParams
from support.p2p_attack import BAD_HOSTS

LOGS: Final = 65_000
FORGED: Final = 400
"""Signed transactions in a message, which has 64 KiB."""
UNPAID_ACCOUNTS: Final = 5
FUTURE: Final = 4_000
KB: Final = 1_000
VOTE: Final = 150
COPIES: Final = 4


def funded(order: Order) -> Signer:
    """Return a signer with money, with its next nonce at the first target."""
    account = Signer("//Eve", order.genesis_hash, order.slot_ms, 0)
    for target in order.targets[:1]:
        rpc = Rpc(f"http://127.0.0.1:{target.rpc_port}")
        known = rpc.call("system_accountNextIndex", ss58.encode(account.account))
        account.nonce = int(str(known))
    return account


class MalformedTransactions(GossipFlood):
    topic = TX
    rate = 600 * KB

    def maker(self) -> Callable[[], bytes]:
        return malformed_batch


class BareTransactions(GossipFlood):
    topic = TX
    rate = 600 * KB

    def maker(self) -> Callable[[], bytes]:
        runtime = BttRuntime(RuntimeParams(u64(self.order.slot_ms)))
        remark = call_index(runtime, "System", "remark")
        return lambda: bare_batch(remark)


class Inherents(GossipFlood):
    topic = TX
    rate = 600 * KB

    def maker(self) -> Callable[[], bytes]:
        runtime = BttRuntime(RuntimeParams(u64(self.order.slot_ms)))
        moment = call_index(runtime, "Timestamp", "set")
        return lambda: inherent_batch(moment)


class ForgedTransactions(GossipFlood):
    """Transfers of an account that has money, with random signatures."""

    topic = TX
    rate = 600 * KB

    def maker(self) -> Callable[[], bytes]:
        account = funded(self.order)
        good = account.sign(account.index("System", "remark") + b"\x00")
        # length, version, kind of address, account, kind of signature: then 64 bytes
        at = good.index(bytes(account.account)) + 33
        head, tail = good[:at], good[at + 64 :]
        return lambda: tx_batch([head + os.urandom(64) + tail for _ in range(FORGED)])


class FutureTransactions(GossipFlood):
    """Well signed transactions of an account with money whose nonces are far ahead, in turns.

    The pool keeps a few of them; the sender pays for none.
    """

    topic = TX
    rate = 600 * KB

    def maker(self) -> Callable[[], bytes]:
        account = funded(self.order)
        call = account.index("System", "remark") + b"\x00"
        nonces = range(account.nonce + 100, account.nonce + 100 + FUTURE)
        made = [account.sign(call, nonce) for nonce in nonces]
        rng = random.Random(self.order.seed)
        return lambda: tx_batch(rng.sample(made, FORGED))


class UnpaidTransactions(GossipFlood):
    """Well signed transactions of accounts without money, the same ones in ever new batches."""

    topic = TX
    rate = 600 * KB

    def maker(self) -> Callable[[], bytes]:
        order, made = self.order, []
        for number in range(UNPAID_ACCOUNTS):
            account = Signer(f"//Poor-{number}", order.genesis_hash, order.slot_ms, 0)
            index = account.index("System", "remark")
            made += [account.sign(index + b"\x04" + bytes([turn]), 0) for turn in range(200)]
        rng = random.Random(order.seed)
        return lambda: tx_batch(rng.sample(made, FORGED))


class MixedTransactions(GossipFlood):
    """Four kinds in turn: a limit on one of them is not enough."""

    topic = TX
    rate = 600 * KB

    def maker(self) -> Callable[[], bytes]:
        kinds = itertools.cycle(
            kind(self.order).make
            for kind in (MalformedTransactions, BareTransactions, Inherents, ForgedTransactions)
        )

        def mixed() -> bytes:
            return next(kinds)()

        return mixed


class LeavingTransactions(Leaver, MixedTransactions):
    """D10: each second another identity, whose queued messages stay behind."""

    rate = 6_000 * KB


class OldAnnouncements(GossipFlood):
    """D3: announcements at the height of the first block."""

    topic = ANNOUNCE
    rate = 590 * KB

    def maker(self) -> Callable[[], bytes]:
        return lambda: announce(1, LOGS)


class FarAnnouncements(GossipFlood):
    """Announcements of blocks that do not exist, far above the best one."""

    topic = ANNOUNCE
    rate = 590 * KB

    def maker(self) -> Callable[[], bytes]:
        heights = itertools.count(1_000_000)
        return lambda: announce(next(heights), LOGS)


class FullAnnouncements(GossipFlood):
    """Announcements of height 1 within all limits, as large as these allow."""

    topic = ANNOUNCE
    rate = 590 * KB

    def maker(self) -> Callable[[], bytes]:
        return lambda: full_announce(1)


class RandomVotes(GossipFlood):
    """Random bytes among the votes."""

    topic = GRANDPA
    rate = 600 * KB

    def maker(self) -> Callable[[], bytes]:
        return lambda: os.urandom(1_200)


class JoinedVotes(PeerAttack):
    """RPCs with as many votes as are accepted, random ones and copies of them."""

    async def script(self, session: Session) -> None:
        while not self.over:
            votes = [os.urandom(VOTE) for _ in range(MESSAGES // COPIES)]
            await session.gossip(GRANDPA, *(votes * COPIES))
            await trio.sleep(0.2 * self.order.identities)


class RandomNotes(PeerAttack):
    """Random bytes as notes of GRANDPA, of the largest size."""

    async def script(self, session: Session) -> None:
        while not self.over:
            await session.note(GRANDPA_PEER, os.urandom(255 * KIB))
            await trio.sleep(0.2)


class CrowdingTransactions(GossipFlood):
    """Valid transactions of an account that pays for them, more than blocks have room for."""

    topic = TX
    rate = 600 * KB

    def maker(self) -> Callable[[], bytes]:
        account = funded(self.order)
        call = account.index("System", "remark") + b"\x00"
        nonces = itertools.count(account.nonce)
        return lambda: tx_batch([account.sign(call, next(nonces)) for _ in range(FORGED)])


class BadRecords(PeerAttack):
    """Reports addresses of any form in every message that has some, four at a time."""

    def addresses(self, name: str) -> Sequence[str]:
        first = int.from_bytes(name.encode()[-2:]) * 4 % len(BAD_HOSTS)
        return [f"/{host}/tcp/30333/p2p/{name}" for host in BAD_HOSTS[first : first + 4]]

    async def prepare(self, session: Session) -> None:
        attacker = session.attacker
        own = self.addresses(attacker.name)
        others = [text.replace(attacker.name, _new_peer()) for text in own]
        hello = encode_hello(Hello(attacker.genesis, attacker.status, tuple(own), unix_ms()))
        attacker.answer(STATUS, hello)
        attacker.answer(KAD, encode_addresses(others))
        await session.request(KAD, encode_search(Search(os.urandom(32), tuple(own))))

    async def script(self, session: Session) -> None:
        own = tuple(self.addresses(session.attacker.name))
        while not self.over:
            await session.request(KAD, encode_search(Search(os.urandom(32), own)))
            await trio.sleep(5.0)


def _new_peer() -> str:
    return to_base58(PEER_ID_PREFIX + os.urandom(32))


class CompactRequests(PeerAttack):
    """Asks for short ids of a block and for many of its transactions, and reads no answer."""

    async def script(self, session: Session) -> None:
        genesis, salts = H256(self.order.genesis_hash), itertools.count()
        places = [u32(place) for place in range(MAX_PLACES)]
        while not self.over:
            await session.request(COMPACT, encode_request(Describe(genesis, u64(next(salts)))))
            await session.request(COMPACT, encode_request(Transactions(genesis, places)))
            await session.request(COMPACT, os.urandom(KIB))
            await trio.sleep(0.06 * self.order.identities)


class UnwantedIds(PeerAttack):
    """Reports ever new messages as not wanted, as many as an entry may have and more."""

    async def script(self, session: Session) -> None:
        while not self.over:
            entry = rpc_pb2.ControlIDontWant(messageIDs=[os.urandom(20) for _ in range(1_000)])
            await session.control(rpc_pb2.ControlMessage(idontwant=[entry]))
            await trio.sleep(0.02 * self.order.identities)


class Requests(PeerAttack):
    """Asks for blocks, states and proofs as fast as the limits allow, and reads no answer."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        genesis = order.genesis_hash
        blocks = BlockRequest(1, Direction.ASCENDING, 128, ALL).encode()
        self.questions = itertools.cycle(
            [
                (BLOCKS, blocks),
                (STATE, StateRequest(genesis, None).encode()),
                (BLOCKS, blocks),
                (WARP, WarpRequest(genesis).encode()),
            ]
        )

    async def script(self, session: Session) -> None:
        while not self.over:
            await session.request(*next(self.questions))
            await trio.sleep(0.02 * self.order.identities)
