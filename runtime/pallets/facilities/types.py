"""Types of Facilities. Amounts are in planck, times in slots since genesis."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import TypeName, path, u16, u32, u128
from runtime.constants import BTT
from runtime.frame.aliases import Account, Balance, SlotOf

MIN_BOND: Final = u128(100 * BTT)
MAX_BOND: Final = u128(1_000_000 * BTT)
"""Bounds of the bonds that governance may set."""


@path("pallet_facilities::Kind")
class Kind(IntEnum):
    """The kind of a facility."""

    Hospital = 0
    Clinic = 1
    Pharmacy = 2
    Laboratory = 3
    Insurer = 4
    Partner = 5
    """A business where patients redeem points."""
    Educator = 6
    """An issuer of continuing-education credits."""
    Auditor = 7
    """An auditor of other facilities."""
    Issuer = 8
    """An issuer of vouchers for several facilities under one key."""


REQUESTERS: Final = (Kind.Hospital, Kind.Clinic, Kind.Laboratory)
"""Kinds whose jobs have priority: they order diagnostic work."""


@path("pallet_facilities::Size")
class Size(IntEnum):
    """The size of a facility."""

    Small = 0
    Medium = 1
    Large = 2


@path("pallet_facilities::FacilityState")
class FacilityState(IntEnum):
    """The state of a facility."""

    Asked = 0
    """Waits for a decision of the Technical track."""
    Active = 1
    """Confirmed."""
    Suspended = 2
    """Suspended by a decision; its bond stays on hold."""
    Left = 3
    """It left; its bond is released after `LeaveSlots`."""


@path("pallet_facilities::Facility", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Facility:
    """A registered facility."""

    kind: Kind
    size: Size
    region: Annotated[u16, TypeName("Region")]
    """Number of its country by ISO 3166-1."""
    sensitive: bool
    """True for fields such as psychiatry or oncology, where being a patient is a diagnosis."""
    operator: Account
    """Operator of the account, when it was last compared; it has no other facility of the kind."""
    bond: Balance
    """Amount on hold, in planck."""
    since: SlotOf
    """Slot in which the present state began."""
    state: FacilityState
    meta: H256
    """Hash of the facility's public description, which is not stored here."""


@path("pallet_facilities::HospitalEntry")
@dataclass(slots=True)
class HospitalEntry:
    """The place of an active hospital in the roster."""

    place: u32
    counted: bool
    """True if the last review found that it counts for milestones."""


@path("pallet_facilities::HospitalTally", params={"Balance": u128})
@dataclass(slots=True)
class HospitalTally:
    """Sums over the active hospitals."""

    active: u32 = u32(0)
    """Number of active hospitals, which is the length of the roster."""
    counted: u32 = u32(0)
    """Number of those that count for milestones."""
    cursor: u32 = u32(0)
    """Place in the roster of the next review."""
    bonds: Balance = u128(0)
    """Sum of the bonds of all active hospitals."""


@path("pallet_facilities::Bonds", params={"Balance": u128})
@dataclass(slots=True)
class Bonds:
    """Bonds of new facilities by kind, in planck."""

    major: Balance = u128(10_000 * BTT)
    """Bond of a hospital, an insurer and an issuer."""
    clinic: Balance = u128(1_000 * BTT)
    """Bond of a clinic."""
    minor: Balance = u128(500 * BTT)
    """Bond of the other kinds."""

    def of(self, kind: Kind) -> u128:
        """Return the bond of a kind."""
        if kind in (Kind.Hospital, Kind.Insurer, Kind.Issuer):
            return self.major
        return self.clinic if kind is Kind.Clinic else self.minor

    @property
    def in_order(self) -> bool:
        """True if all bonds are within the bounds, and no larger kind has a smaller one."""
        return MIN_BOND <= self.minor <= self.clinic <= self.major <= MAX_BOND
