"""Views of registered institutions. Amounts are in planck, times in slots since genesis."""

from __future__ import annotations

from typing import Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId


@dataclass(frozen=True, slots=True)
class Facility:
    """A registered facility."""

    kind: str
    size: str
    region: int
    """Number of its country by ISO 3166-1."""
    sensitive: bool
    operator: AccountId
    bond: int
    since: int
    state: str
    meta: bytes
    """Hash of the facility's public description."""


@dataclass(frozen=True, slots=True)
class FacilityView:
    """A facility, with what follows from other records."""

    account: AccountId
    facility: Facility
    known_good: bool
    counted: bool
    next: int | None
    """Slot from which an active hospital may count, or a bond is released."""


@dataclass(frozen=True, slots=True)
class Bonds:
    """Bonds of new facilities by kind."""

    major: int
    clinic: int
    minor: int


@dataclass(frozen=True, slots=True)
class HospitalBurn:
    """The burn at a number of hospitals."""

    id: str
    hospitals: int
    amount: int
    executed_at: int | None


@dataclass(frozen=True, slots=True)
class HospitalCount:
    """The number of hospitals, and what depends on it."""

    counted: int
    active: int
    bonds: Bonds
    burns: list[HospitalBurn]


class FacilitiesApi(Protocol):
    """Registered institutions of health care."""

    def facility(self, account: AccountId) -> FacilityView | None:
        """Return the facility of an account; None if there is none."""

    def count(self) -> HospitalCount:
        """Return the number of hospitals, and the burns that depend on it."""

    def facilities(self, after: AccountId | None, limit: int) -> list[FacilityView]:
        """Return facilities behind the account `after`."""
