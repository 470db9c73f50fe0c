"""facilities_*: registered institutions of health care, from the runtime at a block.

Amounts are in planck, times in slots since genesis; numbers of 64 bits and more are decimal
strings.
"""

from __future__ import annotations

from typing import Final

from btt_chain.rpc.derived import derived
from btt_chain.rpc.views import Views
from runtime.pallets.facilities import api as facilities

PAGE: Final = 100
"""Maximum number of facilities in one answer."""


class FacilitiesApi(Views):
    """Facilities from the runtime at a block, by default the best one."""

    get = derived("facilities_get", facilities.FacilitiesApi.facility)
    count = derived("facilities_count", facilities.FacilitiesApi.count)
    facilities = derived("facilities_list", facilities.FacilitiesApi.facilities, page=PAGE)
