"""gov_*: the four chambers, referenda and elections, from the runtime at a block.

Amounts are in planck, times in slots since genesis, parts in billionths, powers in each chamber's
own unit: planck, millionths of a unit of work, half-planck, billionths of a seat. Numbers of 64
bits and more are decimal strings.
"""

from __future__ import annotations

from typing import Final

from btt_chain.rpc.derived import derived
from btt_chain.rpc.views import Views
from runtime.pallets.chambers.api import ChambersApi
from runtime.pallets.referenda import api

PAGE: Final = 100
"""Maximum number of referenda in one answer."""


class GovernanceApi(Views):
    """Governance from the runtime at a block, by default the best one."""

    chambers = derived("gov_chambers", ChambersApi.state)
    weights = derived("gov_weights", ChambersApi.weights)
    power = derived("gov_power", ChambersApi.power)
    tally = derived("gov_tally", ChambersApi.tally)
    election = derived("gov_election", ChambersApi.election)
    tracks = derived("gov_tracks", api.GovernanceApi.tracks)
    milestones = derived("gov_milestones", ChambersApi.milestones)
    referendum = derived("gov_referendum", api.GovernanceApi.referendum)
    referenda = derived("gov_referenda", api.GovernanceApi.referenda, page=PAGE)
