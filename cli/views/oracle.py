"""View of the prices of BTT."""

from __future__ import annotations

from typing import Final, Protocol

from btt_chain.lazyclass import dataclass

AGGREGATED: Final = "Aggregated"
"""The one source of values: all feeders together."""


@dataclass(frozen=True, slots=True)
class TimestampedValue:
    """Units of a currency for 1 BTT, with 18 decimals."""

    value: int


class OracleApi(Protocol):
    """Prices of BTT."""

    def get_value(self, provider_id: str, key: bytes) -> TimestampedValue | None:
        """Return the price of a key; None if there is none."""


# ---- events


@dataclass(frozen=True, slots=True)
class Left:
    """A feeder left; its bond is free at a time in Unix milliseconds."""

    free_at: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A feeder got its bond back."""

    bond: int
