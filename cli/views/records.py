"""Views of promises about health records. Epochs are hours of the chain."""

from __future__ import annotations

from typing import Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256

MAX_DELAY: Final = 2
"""Maximum epochs after an access until its root."""
MAX_LATE: Final = 2
"""Epochs after an epoch in which the chain takes its root."""
PROMISED_EPOCHS: Final = MAX_DELAY + 1
"""Epochs of which a promise names one."""
ACCESSES: Final = "Accesses"
"""The kind of roots below which accesses are."""


@dataclass(frozen=True, slots=True)
class Epochs:
    """The current epoch."""

    now: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The root of an epoch."""

    root: H256


@dataclass(frozen=True, slots=True)
class Demand:
    """A demand, and the epoch from which it can be settled."""

    due: int


@dataclass(frozen=True, slots=True)
class OpenDemand:
    """A demand that the custodian has not answered."""

    id: bytes
    demand: Demand


class HealthRecordsApi(Protocol):
    """Roots, custodians and revocations."""

    def epochs(self) -> Epochs:
        """Return the current epoch."""

    def batch(self, custodian: AccountId, kind: str, epoch: int) -> Batch | None:
        """Return the root of an epoch; None if there is none, or it is no longer stored."""

    def demands(self, custodian: AccountId) -> list[OpenDemand]:
        """Return the demands that a custodian has not answered."""
