"""Announces on their way through a node: to sync, to the report of offences, and to other nodes.

`announces.py` has the decisions about each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from btt_chain.consensus.babe.verify import Refused
from btt_chain.node.blocks.announces import NO_VERDICT, Announces, Received
from btt_chain.node.blocks.sync_driver import SyncDriver
from btt_chain.node.engine.faults import contain
from btt_chain.node.engine.parts import Parts
from btt_chain.node.engine.steady_clock import SteadyClock
from btt_chain.node.finality.offences import OffenceReporter
from btt_chain.scale import DecodeError
from p2p import network
from p2p.network import GossipReceived, Penalise, Publish
from p2p.protocols.messages import Announce

BAD_ANNOUNCE: Final = 500
"""The price of an announce that its sender should not have forwarded."""
STALE_US: Final = 5_000
"""Minimum charge for an announce that is malformed, or at or below the last final block."""


class AnnounceIntake:
    """Processes the announces of peers."""

    def __init__(
        self,
        parts: Parts,
        announces: Announces,
        sync: SyncDriver,
        offences: OffenceReporter,
        clock: SteadyClock,
        send: Callable[[network.Action], None],
    ) -> None:
        self._parts = parts
        self._announces = announces
        self._sync = sync
        self._offences = offences
        self._clock = clock
        self._send = send

    def receive(self, event: GossipReceived) -> int:
        """Decode an announce, once, and judge it unless its slot has not come.

        Return the minimum charge for it: above 0 if it is useless.
        """
        try:
            received = self._announces.read(event)
            if received is None:
                return self._receive_late(event)
        except DecodeError as error:
            sync, steady = self._parts.sync, self._clock.steady
            self._sync.follow(sync.malformed(event.peer, str(error), steady))
            return STALE_US
        if not self._announces.hold(received, self._clock.now):
            self._judge(received)
        return 0

    def judge_due(self, now: int) -> None:
        """Judge the announces whose slot has come."""
        for received in self._announces.take_due(now):
            with contain("held announce"):
                self._judge(received)

    def _receive_late(self, event: GossipReceived) -> int:
        """Report the equivocation that an announce of no other use proves, and forward it.

        Return the minimum charge for it. Raises DecodeError.
        """
        try:
            proof = self._announces.read_late(event, self._clock.now)
        except Refused as refused:
            self._penalize(event.peer, str(refused))
            return STALE_US
        if proof is None:
            return STALE_US
        self._offences.report(proof)
        self._send(Publish(network.ANNOUNCE, event.data))
        return 0

    def _judge(self, received: Received) -> None:
        """Pass an announce to sync, and forward it if it is valid: the network does not.

        A body that came with it is used if the header is valid.
        """
        peer, data, announce, hash = received
        sync, verdict = self._parts.sync, NO_VERDICT
        if not sync.major:  # else its parent is not known yet
            verdict = self._announces.judge(received, self._clock.now)
            found = self._parts.importer.take_found()
            if found is not None:
                self._offences.report(found)
        if not verdict.pass_on and announce.body is not None:
            announce = Announce(announce.header, announce.is_best)  # the block is to be requested
        self._sync.follow(sync.announced(peer, announce, hash, self._clock.steady))
        if verdict.fault is not None:
            self._penalize(peer, verdict.fault)
        if verdict.pass_on:
            self._send(Publish(network.ANNOUNCE, data))

    def _penalize(self, peer: str, fault: str) -> None:
        self._send(Penalise(peer, BAD_ANNOUNCE, f"a bad announce: {fault}"))
