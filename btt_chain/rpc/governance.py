"""gov_*: the four chambers, referenda and elections, from the runtime at a block.

Amounts are in planck, times in slots since genesis, parts in billionths, powers in each chamber's
own unit: planck, millionths of a unit of work, half-planck, billionths of a seat. Numbers of 64
bits and more are decimal strings.
"""

from __future__ import annotations

from typing import Final

from btt_chain.rpc.derived import derived
from btt_chain.rpc.views import Views
from runtime.apis import governance

PAGE: Final = 100
"""Maximum number of referenda in one answer."""


class GovernanceApi(Views):
    """Governance from the runtime at a block, by default the best one."""

    chambers = derived("gov_chambers", governance.ChambersApi.state)
    weights = derived("gov_weights", governance.ChambersApi.weights)
    power = derived("gov_power", governance.ChambersApi.power)
    tally = derived("gov_tally", governance.ChambersApi.tally)
    election = derived("gov_election", governance.ChambersApi.election)
    tracks = derived("gov_tracks", governance.GovernanceApi.tracks)
    milestones = derived("gov_milestones", governance.ChambersApi.milestones)
    referendum = derived("gov_referendum", governance.GovernanceApi.referendum)
    referenda = derived("gov_referenda", governance.GovernanceApi.referenda, page=PAGE)
