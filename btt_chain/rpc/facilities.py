"""facilities_*: registered institutions of health care, from the runtime at a block.

Amounts are in planck, times in slots since genesis; numbers of 64 bits and more are decimal
strings.
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.rpc.params import U32, Hash
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Account, Json, Views
from btt_chain.scale import encode, u32
from runtime.apis.facilities import FacilityView, HospitalCount

PAGE: Final = 100
"""Maximum number of facilities in one answer."""


class FacilitiesApi(Views):
    """Facilities from the runtime at a block, by default the best one."""

    @method("facilities_get", cost=HEAVY)
    def get(self, account: Account, at: Hash | None = None) -> Json:
        """Return the facility of an account; null if there is none."""
        found = self.ask("FacilitiesApi_facility", FacilityView | None, at, account)
        return None if found is None else self.shown(found)

    @method("facilities_count", cost=HEAVY)
    def count(self, at: Hash | None = None) -> Json:
        """Return the number of hospitals that count for milestones, and the burns at milestones."""
        return self.shown(self.ask("FacilitiesApi_count", HospitalCount, at))

    @method("facilities_list", cost=HEAVY)
    def list_(
        self, after: Account | None = None, limit: U32 | None = None, at: Hash | None = None
    ) -> Json:
        """Return up to a hundred facilities; `after` is the account of the last one before."""
        who = None if after is None else AccountId(after)
        number = u32(min(PAGE if limit is None else limit, PAGE))
        data = encode(AccountId | None, who) + encode(u32, number)
        found = self.ask("FacilitiesApi_facilities", list[FacilityView], at, data)
        return [self.shown(view) for view in found]
