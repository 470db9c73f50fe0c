"""The tracks: kinds of referenda and their rules, as in `docs/governance.md`."""

from __future__ import annotations

from typing import Final, NamedTuple

from btt_chain.scale import u16, u32
from runtime.constants import BTT
from runtime.pallets.referenda import errors
from runtime.pallets.referenda.curves import flat
from runtime.pallets.referenda.types import Track, Tracks

ROOT_TRACK: Final = 0
"""The track of root; the number of every other track is that of its `Decision`."""
DEPOSIT: Final = 100 * BTT
ROOT_DEPOSIT: Final = 1_000 * BTT


class Rules(NamedTuple):
    """One row of the table: periods in quarters of a day, thresholds in per cent."""

    id: int
    name: str
    prepare: int
    decide: int
    confirm: int
    enact: int
    approval: int
    support: int
    at_once: int


TABLE: Final = (
    Rules(0, "root", 8, 56, 4, 4, 66, 60, 1),
    Rules(1, "whitelisted_caller", 4, 28, 4, 4, 60, 50, 10),
    Rules(10, "small_spender", 4, 28, 4, 4, 50, 20, 50),
    Rules(11, "treasurer", 8, 56, 8, 28, 60, 40, 10),
    Rules(12, "ecosystem_spender", 8, 56, 8, 12, 55, 35, 20),
    Rules(13, "grants", 4, 28, 4, 4, 50, 20, 50),
    Rules(20, "params", 8, 56, 8, 28, 60, 50, 10),
    Rules(21, "technical", 4, 28, 4, 4, 55, 35, 20),
    Rules(22, "asset_policy", 4, 28, 4, 4, 55, 30, 20),
    Rules(30, "emergency", 0, 4, 1, 0, 75, 60, 5),
    Rules(40, "canceller", 0, 12, 2, 0, 60, 50, 20),
)


def tracks(day: int) -> Tracks:
    """Return the tracks of a chain whose day of decisions has `day` slots.

    The thresholds of approval and support are constant over the decision period.
    """

    def slots(quarters: int) -> u32:
        return u32(quarters * day // 4)

    return [
        (
            u16(row.id),
            Track(
                name=row.name,
                max_deciding=u32(row.at_once),
                decision_deposit=ROOT_DEPOSIT if row.id == ROOT_TRACK else DEPOSIT,
                prepare_period=slots(row.prepare),
                decision_period=slots(row.decide),
                confirm_period=slots(row.confirm),
                min_enactment_period=slots(row.enact),
                min_approval=flat(row.approval),
                min_support=flat(row.support),
            ),
        )
        for row in TABLE
    ]


def track_of(tracks: Tracks, id: u16) -> Track:
    """Return the track of a number. Raises NoTrack."""
    for known, details in tracks:
        if known == id:
            return details
    raise errors.NoTrack
