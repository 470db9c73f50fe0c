"""What hostile peers send: the defects D2, D3 and D10, and the kinds of messages beside them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Final

import trio

from btt_chain.scale import u64
from hostile.order import Order
from hostile.payloads import (
    announce,
    bare_batch,
    call_index,
    inherent_batch,
    malformed_batch,
)
from hostile.peers import GossipFlood, Leaver, PeerAttack, Session
from p2p.network import ANNOUNCE, BLOCKS, GRANDPA, GRANDPA_PEER, KIB, STATE, TX, WARP
from p2p.protocols.messages import ALL, BlockRequest, Direction, StateRequest, WarpRequest
from runtime import BttRuntime
from runtime.params import RuntimeParams

LOGS: Final = 65_000
KB: Final = 1_000


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


class MixedTransactions(GossipFlood):
    """The three kinds of D2 in turn: a limit on one of them is not enough."""

    topic = TX
    rate = 600 * KB

    def maker(self) -> Callable[[], bytes]:
        kinds = itertools.cycle(
            kind(self.order).make for kind in (MalformedTransactions, BareTransactions, Inherents)
        )

        def mixed() -> bytes:
            return next(kinds)()

        return mixed


class LeavingTransactions(Leaver, MixedTransactions):
    """D10: each second another identity, which leaves its queue behind."""

    rate = 6_000 * KB


class OldAnnouncements(GossipFlood):
    """D3: announcements at the height of the first block."""

    topic = ANNOUNCE
    rate = 590 * KB

    def maker(self) -> Callable[[], bytes]:
        return lambda: announce(1, LOGS)


class FarAnnouncements(GossipFlood):
    """Announcements of blocks that nobody has made, far above the best one."""

    topic = ANNOUNCE
    rate = 590 * KB

    def maker(self) -> Callable[[], bytes]:
        heights = itertools.count(1_000_000)
        return lambda: announce(next(heights), LOGS)


class RandomVotes(GossipFlood):
    """Random bytes among the votes."""

    topic = GRANDPA
    rate = 600 * KB

    def maker(self) -> Callable[[], bytes]:
        return lambda: os.urandom(1_200)


class RandomNotes(PeerAttack):
    """Random bytes as notes of GRANDPA, of the largest size."""

    async def script(self, session: Session) -> None:
        while not self.over:
            await session.note(GRANDPA_PEER, os.urandom(255 * KIB))
            await trio.sleep(0.2)


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
