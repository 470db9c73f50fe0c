"""Required proofs of finality: those of blocks that change the voters.

Each is requested from one peer after another until one is accepted or no longer needed.
"""

from __future__ import annotations

from dataclasses import field
from typing import Final

from btt_chain.lazyclass import dataclass
from p2p.network import JUSTIFICATIONS
from p2p.protocols.messages import JustificationAnswer, JustificationRequest
from p2p.sync.requests import INVALID, PendingRequest, RequestTracker
from p2p.sync.types import BlockId, ImportJustification, JustificationJudged

MAX_WANTED: Final = 256
MAX_OUT: Final = 4
RETRY_MS: Final = 1_000


@dataclass
class Want:
    """One required proof."""

    target: BlockId
    tried: dict[str, None] = field(default_factory=dict)
    pending_id: int | None = None
    judging: bool = False
    attempts: int = 0
    not_before: int = 0


class Justifications:
    """The required proofs, lowest block first."""

    def __init__(self, tracker: RequestTracker) -> None:
        self._tracker = tracker
        self.wants: dict[bytes, Want] = {}

    def need(self, target: BlockId) -> None:
        """Fetch the proof of a block; above MAX_WANTED the highest is dropped."""
        if target.hash in self.wants:
            return
        self.wants[target.hash] = Want(target)
        if len(self.wants) > MAX_WANTED:
            highest = max(self.wants.values(), key=lambda want: want.target)
            self._forget(highest)

    def needless(self, hash: bytes) -> None:
        """Note that the proof is no longer needed."""
        want = self.wants.get(hash)
        if want is not None:
            self._forget(want)

    def _forget(self, want: Want) -> None:
        del self.wants[want.target.hash]
        if want.pending_id is not None:
            self._tracker.close(want.pending_id)

    def step(self, now: int) -> None:
        """Request the proofs that are not in flight."""
        if not self.wants:
            return
        final = self._tracker.chain.finalized().number
        for want in list(self.wants.values()):
            # The proof of the last final block itself is still fetched, to be served to others.
            if want.target.number < final and not want.judging:
                self._forget(want)
        out = sum(want.pending_id is not None for want in self.wants.values())
        for want in sorted(self.wants.values(), key=lambda want: want.target):
            if out >= MAX_OUT:
                return
            if want.pending_id is not None or want.judging or want.not_before > now:
                continue
            out += self._ask(want, now)

    def _ask(self, want: Want, now: int) -> bool:
        number = want.target.number
        peers = self._tracker.followed
        finals = [peer.name for peer in peers if peer.final.number >= number]
        peer = self._tracker.free(now, number, want.tried, finals)
        if peer is None:
            left = [p for p in peers if p.best.number >= number and p.name not in want.tried]
            if not left:
                want.tried.clear()
                want.attempts += 1
                want.not_before = now + self._tracker.backoff(RETRY_MS, want.attempts)
            return False
        request = JustificationRequest(want.target.hash)
        want.pending_id = self._tracker.ask(self, peer, JUSTIFICATIONS, request.encode(), now).id
        want.tried[peer.name] = None
        return True

    def answered(self, pending: PendingRequest, data: bytes, now: int) -> None:
        """Submit a proof for verification."""
        want = self._of(pending)
        if want is None:
            return
        answer = JustificationAnswer.decode(data)
        want.pending_id = None
        if answer.justification is None:
            return
        self._tracker.note_delivery(pending, 1, now)
        want.judging = True
        self._tracker.out.append(
            ImportJustification(want.target, answer.justification, pending.peer)
        )

    def failed(self, pending: PendingRequest, now: int) -> None:
        """Note a failure: another peer is asked next time."""
        want = self._of(pending)
        if want is not None:
            want.pending_id = None
            if pending.excused:
                want.tried.pop(pending.peer, None)

    def judged(self, report: JustificationJudged, now: int) -> None:
        """Note that a proof was accepted or refused; the sender of a refused one is penalized."""
        if not report.accepted:
            self._tracker.blame(report.peer, INVALID, "a justification that proves nothing", now)
        want = self.wants.get(report.target.hash)
        if want is None:
            return
        want.judging = False
        if report.accepted:
            self._forget(want)

    def _of(self, pending: PendingRequest) -> Want | None:
        return next((want for want in self.wants.values() if want.pending_id == pending.id), None)
