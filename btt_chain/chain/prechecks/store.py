"""The verdicts of the helper process, looked up by the importing one.

`add` and `is_full` are for the thread that talks to the helper, all else for the importing one.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from btt_chain.chain.prechecks.keys import KEY_LENGTH, POINT_LENGTH, proof_key, signature_key
from btt_chain.chain.prechecks.wire import Answer, Verdicts
from btt_chain.crypto.signature import Scheme
from btt_chain.crypto.vrf import VrfInput

FULL: Final = 32_768
"""Verdicts held above which the helper waits: about six megabytes, six full blocks ahead."""
RECORD_LENGTH: Final = KEY_LENGTH + POINT_LENGTH


class BadVerdicts(ValueError):
    """An answer's verdicts do not have the right length."""


class PrecheckedStore:
    """Verdicts by key, until the block that they were computed for is imported."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrived: deque[tuple[int, list[bytes], list[tuple[bytes, bytes]]]] = deque()
        """Verdicts by block that are not looked up yet."""
        self._blocks: deque[tuple[int, list[bytes], list[tuple[bytes, bytes]]]] = deque()
        self._signatures: set[bytes] = set()
        self._points: dict[bytes, bytes] = {}
        self._held = 0
        self.added = 0
        """Number of verdicts since the start."""
        self.used = 0
        """Number of verdicts that were found when they were needed."""

    # ---- the helper's side

    def add(self, answer: Answer) -> None:
        """Add the verdicts of an answer. Raises BadVerdicts, and then adds none."""
        split = [split_verdicts(verdicts) for verdicts in answer.blocks]
        count = sum(len(keys) + len(points) for _, keys, points in split)
        with self._lock:
            # A block without verdicts takes memory that `is_full` does not count.
            self._arrived.extend(block for block in split if block[1] or block[2])
            self._held += count
            self.added += count

    @property
    def is_full(self) -> bool:
        """True if so many verdicts wait that no more should be added."""
        return self._held >= FULL

    # ---- the importing side

    def __bool__(self) -> bool:
        """Return True if there are verdicts."""
        return self._held > 0

    def has_signature(self, scheme: Scheme, who: bytes, message: bytes, signature: bytes) -> bool:
        """Return True if exactly this signature was found valid."""
        self._take_arrived()
        if signature_key(scheme, who, message, signature) not in self._signatures:
            return False
        self.used += 1
        return True

    def point_of(
        self, public: bytes, message: VrfInput, pre_output: bytes, proof: bytes
    ) -> bytes | None:
        """Return the encoded input point if exactly this VRF proof was found valid."""
        self._take_arrived()
        point = self._points.get(proof_key(public, message, pre_output, proof))
        if point is not None:
            self.used += 1
        return point

    def forget(self, number: int) -> None:
        """Drop the verdicts of all blocks up to a height: these are imported."""
        self._take_arrived()
        while self._blocks and self._blocks[0][0] <= number:
            _, keys, points = self._blocks.popleft()
            self._signatures.difference_update(keys)
            for key, _ in points:
                self._points.pop(key, None)
            with self._lock:
                self._held -= len(keys) + len(points)

    def _take_arrived(self) -> None:
        if not self._arrived:
            return
        with self._lock:
            arrived = list(self._arrived)
            self._arrived.clear()
        for block in arrived:
            self._blocks.append(block)
            self._signatures.update(block[1])
            self._points.update(block[2])


def split_verdicts(verdicts: Verdicts) -> tuple[int, list[bytes], list[tuple[bytes, bytes]]]:
    """Return height, keys of signatures, and keys and points of proofs. Raises BadVerdicts."""
    signatures, proofs = verdicts.signatures, verdicts.proofs
    if len(signatures) % KEY_LENGTH or len(proofs) % RECORD_LENGTH:
        raise BadVerdicts(f"{len(signatures)} and {len(proofs)} bytes of verdicts")
    keys = [signatures[at : at + KEY_LENGTH] for at in range(0, len(signatures), KEY_LENGTH)]
    points = [
        (proofs[at : at + KEY_LENGTH], proofs[at + KEY_LENGTH : at + RECORD_LENGTH])
        for at in range(0, len(proofs), RECORD_LENGTH)
    ]
    return int(verdicts.number), keys, points
