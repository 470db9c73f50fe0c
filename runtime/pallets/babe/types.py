"""Types and limits of Babe, and the pallet that it asks."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe import PreDigest, Slot
from btt_chain.primitives.babe_digests import AllowedSlots, AuthorityId, EpochConfig
from btt_chain.scale import Bounded, Fixed, TypeName, path, u32, u64
from runtime.frame.traits import Clock
from runtime.pallets.evidence import KeyOwners
from runtime.params import MAX_VALIDATORS

SEGMENT: Final = 32
"""Number of VRF outputs stored together: each primary block rewrites its segment."""
MAX_SKIPPED: Final = 100
"""Maximum number of remembered skips. Source: `pallet_babe`."""
MAX_GAP: Final = 64
"""Maximum number of empty slots in a row that count as the absence of their authors."""
ABSENT_AFTER: Final = 10
"""Number of gaps in a row with an own slot after which a validator is absent."""
BEACONS: Final = 1_024
"""Number of blocks whose beacon is remembered."""
DEFAULT_CONFIG: Final = EpochConfig((u64(1), u64(2)), AllowedSlots.PrimaryAndSecondaryVRFSlots)

Bytes32 = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
Authorities = Bounded[list[tuple[AuthorityId, u64]], MAX_VALIDATORS]
Segment = Bounded[list[Bytes32], SEGMENT]
SkippedEpochs = Bounded[list[tuple[u64, u32]], MAX_SKIPPED]
"""Epochs that follow skipped ones, with their session indices."""
MaybeClaim = PreDigest | None


@path("pallet_babe::Engine")
class Engine(IntEnum):
    """Mode of block production."""

    Manual = 0
    Babe = 1


@path("pallet_babe::Beacon")
@dataclass(frozen=True, slots=True)
class Beacon:
    """The beacon after a block: randomness that was unpredictable before the block."""

    slot: Slot
    beacon: Bytes32
    author: AccountId | None


class BeaconClock(Clock, Protocol):
    """The time and the chain's randomness; Babe implements it."""

    def randomness_after(self, time: int, delay: int, authors: int) -> Beacon | None:
        """Return the first beacon at least `delay` slots after `time`, a number like `now`.

        Only once `authors` made blocks in between. None if there is none yet, or it is not stored.
        """


class Sessions(KeyOwners, Protocol):
    """Validators, session rotation and key owners; Session implements it."""

    def rotate(self) -> int:
        """Start the next session, which calls `Babe.new_epoch`; return the weight used."""

    def session_index(self) -> int:
        """Return the index of the current session."""

    def validators_now(self) -> Sequence[AccountId]:
        """Return the validators, in the order of the authorities."""

    def is_disabled(self, index: int) -> bool:
        """Return True if the validator at `index` is disabled for the rest of the session."""
