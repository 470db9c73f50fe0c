"""Views of stakes and mining. Amounts are in planck."""

from __future__ import annotations

from typing import Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId


@dataclass(frozen=True, slots=True)
class PremiumView:
    """A premium service, and what an account has of it."""

    service: int
    min_tier: int
    price: int
    """Price of a month of 30 days."""
    entitled: bool
    """True if the account has an active stake of the tier or a longer one."""
    until: int
    """End of the bought access, in ms since genesis; 0: none was bought."""
    has_access: bool


@dataclass(frozen=True, slots=True)
class Emission:
    """The current state of the emission."""

    era: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """An account's unclaimed earnings of an era."""

    reward: int


class StakingApi(Protocol):
    """Stakes and their benefits."""

    def premium(self, account: AccountId) -> list[PremiumView]:
        """Return all premium services on sale, with what an account has of each."""


class MiningApi(Protocol):
    """Emission to operators of compute."""

    def emission(self) -> Emission:
        """Return the current state of the emission."""

    def estimate(self, account: AccountId, era: int | None) -> Estimate | None:
        """Return an account's unclaimed earnings of an era; None if there are none."""


# ---- events


@dataclass(frozen=True, slots=True)
class PremiumBought:
    """A staker bought access to a premium service."""

    until: int
    price: int
    burned: int
