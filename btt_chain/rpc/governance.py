"""gov_*: the four chambers, referenda and elections, from the runtime at a block.

Amounts are in planck, times in slots since genesis, parts in billionths, powers in each chamber's
own unit: planck, millionths of a unit of work, half-planck, billionths of a seat. Numbers of 64
bits and more are decimal strings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from btt_chain.rpc.derived import derived
from btt_chain.rpc.params import U32, Hash
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Json, Views
from btt_chain.scale import encode, u32
from runtime.apis import governance

PAGE: Final = 100
"""Maximum number of referenda in one answer."""
CHAMBERS: Final = ("institutions", "compute", "holders", "community")


def by_chamber(form: Callable[[int], Json]) -> Callable[[Views, object], Json]:
    """Return a conversion of one number for each chamber."""

    def convert(_: Views, found: object) -> Json:
        numbers = found if isinstance(found, list) else []
        return {name: form(int(each)) for name, each in zip(CHAMBERS, numbers, strict=True)}

    return convert


class GovernanceApi(Views):
    """Governance from the runtime at a block, by default the best one."""

    chambers = derived("gov_chambers", governance.ChambersApi.state)
    weights = derived("gov_weights", governance.ChambersApi.weights, convert=by_chamber(int))
    power = derived("gov_power", governance.ChambersApi.power, convert=by_chamber(str))
    tally = derived("gov_tally", governance.ChambersApi.tally)
    election = derived("gov_election", governance.ChambersApi.election)
    tracks = derived("gov_tracks", governance.GovernanceApi.tracks)
    milestones = derived("gov_milestones", governance.ChambersApi.milestones)
    referendum = derived("gov_referendum", governance.GovernanceApi.referendum)

    @method("gov_referenda", cost=HEAVY)
    def referenda(self, before: U32 | None = None, at: Hash | None = None) -> Json:
        """Return up to a hundred referenda with smaller numbers than `before`, the newest first.

        A call is included if it has at most 1,024 bytes; `gov_referendum` returns longer ones, too.
        """
        data = encode(u32 | None, None if before is None else u32(before)) + encode(u32, u32(PAGE))
        kind = list[governance.ReferendumView]
        return self.value(self.ask("GovernanceApi_referenda", kind, at, data))
