"""gov_*: the four chambers, referenda and elections, from the runtime at a block.

Amounts are in planck, times in slots since genesis, parts in billionths, powers in each chamber's
own unit: planck, millionths of a unit of work, half-planck, billionths of a seat. Numbers of 64
bits and more are decimal strings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from btt_chain.present import Json
from btt_chain.rpc.derived import derived
from btt_chain.rpc.views import Views
from btt_chain.scale import Integer, u32, u128
from runtime.pallets.chambers.api import ChambersApi
from runtime.pallets.referenda import api

PAGE: Final = 100
"""Maximum number of referenda in one answer."""
CHAMBERS: Final = ("institutions", "compute", "holders", "community")


def by_chamber(kind: type[Integer]) -> Callable[[Views, object], Json]:
    """Return a conversion of one number for each chamber."""

    def convert(views: Views, answer: object) -> Json:
        numbers = answer if isinstance(answer, list) else []
        return {
            name: views.json(kind, number) for name, number in zip(CHAMBERS, numbers, strict=True)
        }

    return convert


class GovernanceApi(Views):
    """Governance from the runtime at a block, by default the best one."""

    chambers = derived("gov_chambers", ChambersApi.state)
    weights = derived("gov_weights", ChambersApi.weights, convert=by_chamber(u32))
    power = derived("gov_power", ChambersApi.power, convert=by_chamber(u128))
    tally = derived("gov_tally", ChambersApi.tally)
    election = derived("gov_election", ChambersApi.election)
    tracks = derived("gov_tracks", api.GovernanceApi.tracks)
    milestones = derived("gov_milestones", ChambersApi.milestones)
    referendum = derived("gov_referendum", api.GovernanceApi.referendum)
    referenda = derived("gov_referenda", api.GovernanceApi.referenda, page=PAGE)
