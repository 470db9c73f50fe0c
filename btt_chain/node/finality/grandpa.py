"""GRANDPA in a node: applies the gadget's actions, runs its timer, publishes justifications."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from btt_chain.consensus.finality import gadget as grandpa
from btt_chain.consensus.finality.environment import ArmTimer
from btt_chain.consensus.finality.gadget import Broken, Offence, Save, Want
from btt_chain.consensus.finality.voter import Finalize
from btt_chain.node.engine.parts import Parts, Watcher
from btt_chain.node.finality.offences import OffenceReporter
from btt_chain.primitives.digest import GRANDPA
from btt_chain.primitives.grandpa import Justification
from btt_chain.scale import DecodeError
from p2p import network
from p2p.network import Penalise, Publish
from p2p.sync.types import BlockId

BAD_PROOF: Final = 100
"""Penalty for a malformed justification."""


class FinalityDriver:
    """Drives `parts.gadget`."""

    def __init__(
        self,
        parts: Parts,
        offences: OffenceReporter,
        watcher: Watcher,
        *,
        send: Callable[[network.Action], None],
        want: Callable[[BlockId, str], None],
        peers: Iterable[str],
    ) -> None:
        """`send` takes actions for the network, `want` requests a block that a peer voted for;
        `peers` are the connected nodes.
        """
        self._parts = parts
        self._offences = offences
        self._watch = watcher
        self._send = send
        self._want = want
        self._peers = peers
        self.due: int | None = None
        """Time of the gadget's next tick, None for none."""
        self._listeners: dict[object, Callable[[bytes], None]] = {}

    def on_proof(self, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Call `listener` with each new justification (SCALE) until the returned one is called."""
        key = object()
        self._listeners[key] = listener
        return lambda: self._listeners.pop(key, None) and None

    def tick(self, now_ms: int) -> None:
        """Run the gadget's timer if it is due."""
        if self.due is not None and now_ms >= self.due:
            self.due = None
            self.apply(self._parts.gadget.tick(now_ms), now_ms)

    def clock_went_back(self, now_ms: int) -> None:
        """Let the gadget, which detects it by itself, check the clock at the next tick."""
        if self.due is not None:
            self.due = now_ms

    def restart(self, now_ms: int) -> None:
        """Restart voting from the block whose state was fetched."""
        self.due = None
        before, gadget = self._parts.gadget, self._parts.voting(now_ms)
        self._parts.gadget = gadget
        gadget.succeed(before)
        self.apply(gadget.start(now_ms), now_ms)
        for peer in self._peers:
            self.apply(gadget.connected(peer, now_ms), now_ms)

    def process_proof(self, raw: bytes, peer: str | None, now_ms: int) -> None:
        """Process a justification; the peer that sent a malformed one is penalized."""
        try:
            proof = Justification.decode(raw)
        except DecodeError as error:
            if peer is not None:
                self._send(Penalise(peer, BAD_PROOF, f"a malformed justification: {error}"))
            return
        self.apply(self._parts.gadget.proof_received(proof, peer, now_ms), now_ms)

    def apply(self, actions: Sequence[grandpa.Action], now_ms: int) -> None:
        """Apply the gadget's actions, and those that they lead to."""
        if not actions:
            return
        waiting = list(actions)
        for action in waiting:  # grows in the loop
            match action:
                case Penalise(peer, is_certain=False) if self._parts.sync.is_apart(peer):
                    pass  # its votes may be right on its chain, and ours may be the false one
                case Publish() | network.SendNote() | Penalise():
                    self._send(action)
                case ArmTimer(at):
                    self.due = at
                case Finalize(justification):
                    waiting.extend(self._finalize(justification, now_ms))
                case Save(changes):
                    self._parts.client.store.aux_put(changes)
                case Offence(proof):
                    self._offences.report(proof)
                case Want(hash, number, peer):
                    self._want(BlockId(number, bytes(hash)), peer)
                case Broken():
                    self._watch.broken(action)

    def _finalize(self, justification: Justification, now_ms: int) -> Sequence[grandpa.Action]:
        target = justification.target
        raw = justification.encode()
        self._parts.client.finalize(target.hash, (GRANDPA, raw))
        self._parts.sync.needless_justification(bytes(target.hash))
        self._watch.finalized(target)
        for listener in list(self._listeners.values()):
            listener(raw)
        return self._parts.gadget.finalized(target, now_ms)
