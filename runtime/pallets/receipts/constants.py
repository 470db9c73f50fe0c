"""Numbers of Receipts. Those that the metadata shows are documented in `Receipts`."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from btt_chain.primitives.account import AccountId
from runtime.frame import Component
from runtime.pallets.receipts import weights
from runtime.pallets.receipts.types import MAX_CHALLENGES, Phase

VOTER_FACTOR: Final = 2
WITHHELD_PPM: Final = 50_000
PROOF_BPS: Final = 100
PLANTED_ERROR_LOSS: Final = 50
PLANTED_ERROR_GAIN: Final = 10
PLANTED_ERROR_BPS: Final = 200
CONFIDENTIAL_FACTOR: Final = 3
STALE_SLOTS: Final = 900
RETRY_SLOTS: Final = 10
MAX_REQUESTED: Final = MAX_CHALLENGES // 2
KEEP_EPOCHS: Final = 14
MAX_STEPS: Final = 8
PLANTED_ERROR_POOL: Final = AccountId(sha256(b"btt-work planted errors").digest())
"""Pool account for slashes of verifiers that found planted errors valid; it pays their finders."""


class Rules(Component):
    """Configuration of the pallet: sizes, and lengths of periods in slots; see `Receipts`."""

    committee: int
    quorum: int
    planted_error_ppm: int
    beacon_delay: int
    beacon_authors: int
    transcript_slots: int
    commit_slots: int
    reveal_slots: int
    challenge_slots: int
    unbonding_slots: int
    minimum_bond: int
    epoch_slots: int

    @property
    def selection_slots(self) -> int:
        """Slots from a request to the earliest selection of a committee."""
        return self.beacon_delay + 1

    @property
    def voting_slots(self) -> int:
        """Slots for verifiers to fetch their items and to commit, before they reveal."""
        return self.transcript_slots + self.commit_slots


PHASES: Final = 0
REQUESTS: Final = 1
FORGETTING: Final = 2
"""Timer queues: ends of phases, deadlines of requested leaves, removals of ended receipts."""

PHASE_WEIGHTS: Final[Mapping[Phase, int]] = MappingProxyType(
    {
        Phase.Waiting: weights.SELECT,
        Phase.Checking: weights.CLOSE_ROUND,
        Phase.Disclosing: max(weights.CONVICT, weights.CLOSE_ROUND),
        Phase.Disputed: weights.DISPUTE,
        Phase.Withheld: weights.WITHHOLD,
        Phase.Pending: weights.FINALIZE,
        Phase.Ended: weights.LOOK,
    }
)
"""Maximum weight of the end of each phase, in picoseconds."""
