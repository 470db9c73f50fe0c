"""Runtime API of facilities: registered institutions, and the hospitals that count.

Amounts are in planck, times in slots since genesis. Lists are paged: the account of the last one is
the `after` of the next page.
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName, path, u32, u64, u128
from runtime.frame.aliases import Account, Balance
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.types import Bonds, Facility, FacilityState
from runtime.pallets.identity.pallet import Identity
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import HOSPITALS, BurnId

PAGE: Final = 100
"""Maximum number of facilities in one result."""


@path("btt_runtime::facilities::FacilityView", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class FacilityView:
    """A facility, with what follows from other records."""

    account: Account
    facility: Facility
    known_good: bool
    """True if its identity has the judgement `KnownGood` now."""
    counted: bool
    """True if it is a hospital that counts for milestones."""
    next: Annotated[u64 | None, TypeName("Option<Slot>")]
    """Slot from which an active hospital may count, a suspended facility may leave, or the bond of
    one that left is released.
    """


@path("btt_runtime::facilities::HospitalBurn", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class HospitalBurn:
    """The burn at a number of hospitals."""

    id: BurnId
    hospitals: u32
    """Number of hospitals from which it can be executed."""
    amount: Balance
    executed_at: Annotated[u64 | None, TypeName("Option<Slot>")]


@path("btt_runtime::facilities::HospitalCount")
@dataclass(frozen=True, slots=True)
class HospitalCount:
    """The number of hospitals, and what depends on it."""

    counted: u32
    """Number of hospitals that count for milestones."""
    active: u32
    """Number of active hospitals."""
    bonds: Bonds
    """Bonds of new facilities."""
    burns: list[HospitalBurn]


class FacilitiesApi(RuntimeApi, version=1):
    """Registered institutions of health care."""

    _facilities = PalletOf(Facilities)

    def facility(self, account: AccountId) -> FacilityView | None:
        """Return the facility of an account; None if there is none."""
        found = self._facilities.get(account)
        return None if found is None else self._view(account, found)

    def count(self) -> HospitalCount:
        """Return the number of hospitals, and the burns that depend on it."""
        tally = self._facilities.roster.tally.value
        burns = self._runtime.pallet(Tokenomics).milestone_burns.milestone_burns
        rows = ((id, number, burns.get(id)) for id, number in HOSPITALS.items())
        return HospitalCount(
            tally.counted,
            tally.active,
            self._facilities.bonds.value,
            [
                HospitalBurn(id, u32(number), burn.amount, burn.executed_at)
                for id, number, burn in rows
                if burn is not None
            ],
        )

    def facilities(self, after: AccountId | None, limit: u32) -> list[FacilityView]:
        """Return at most `PAGE` facilities behind the account `after`, ordered by hashed keys."""
        rows = self._facilities.facilities.page(after, min(int(limit), PAGE))
        return [self._view(account, found) for account, found in rows]

    def _view(self, account: AccountId, found: Facility) -> FacilityView:
        identity = self._runtime.pallet(Identity)
        entry = self._facilities.roster.hospitals.get(account)
        return FacilityView(
            account,
            found,
            identity.known_good(account),
            entry is not None and entry.counted,
            self._next(found, is_hospital=entry is not None),
        )

    def _next(self, found: Facility, *, is_hospital: bool) -> u64 | None:
        pallet = self._facilities
        match found.state:
            case FacilityState.Active if is_hospital:
                span = pallet.count_after
            case FacilityState.Suspended:
                span = pallet.max_suspension
            case FacilityState.Left:
                span = pallet.leave_slots
            case _:
                return None
        return found.since + span


FACILITY_APIS = (FacilitiesApi,)
