"""gov_*: the four chambers, referenda and elections, from the runtime at a block.

Amounts are in planck, times in slots since genesis, parts in billionths, powers in each chamber's
own unit: planck, millionths of a unit of work, half-planck, billionths of a seat. Numbers of 64
bits and more are decimal strings.
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.rpc.params import U32, Hash, Parsed, unsigned
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Account, Json, Views
from btt_chain.scale import encode, u32, u128
from runtime.apis.governance import MilestoneView, PollView, ReferendumView, TrackView
from runtime.pallets.chambers import ElectionView, StateView

PAGE: Final = 100
"""Maximum number of referenda in one answer."""
CHAMBERS: Final = ("institutions", "compute", "holders", "community")

DIGITS: Final = 39
"""Maximum decimal digits of an amount in planck."""


def planck(value: object) -> int:
    """Return an amount, given as decimal text or a number."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= DIGITS:
        value = int(value)
    return unsigned(value, bits=128)


Planck = Annotated[int, Parsed(planck)]


class GovernanceApi(Views):
    """Governance from the runtime at a block, by default the best one."""

    @method("gov_chambers", cost=HEAVY)
    def chambers(self, at: Hash | None = None) -> Json:
        """Return the four chambers: weights, electorates, institutions, representatives."""
        return self.shown(self.ask("ChambersApi_state", StateView, at))

    @method("gov_weights", cost=HEAVY)
    def weights(self, year: U32, at: Hash | None = None) -> Json:
        """Return the weight of each chamber in a year, of 7,000; 2025 is the first year."""
        weights = self.ask("ChambersApi_weights", list[u32], at, encode(u32, u32(year)))
        return {name: int(each) for name, each in zip(CHAMBERS, weights, strict=True)}

    @method("gov_power", cost=HEAVY)
    def power(self, account: Account, locked: Planck | None = None, at: Hash | None = None) -> Json:
        """Return an account's power in each chamber if it locks so many planck; by default all.

        For a decision that starts now: in earlier ones seats do not count, and stakes only if
        locked.
        """
        data = account + encode(u128 | None, None if locked is None else u128(locked))
        powers = self.ask("ChambersApi_power", list[u128], at, data)
        return {name: str(int(each)) for name, each in zip(CHAMBERS, powers, strict=True)}

    @method("gov_tally", cost=HEAVY)
    def tally(self, poll: U32, at: Hash | None = None) -> Json:
        """Return the votes in a referendum; null if it is over or has no votes."""
        data = encode(u32, u32(poll))
        found = self.ask("ChambersApi_tally", PollView | None, at, data)
        return None if found is None else self.shown(found)

    @method("gov_election", cost=HEAVY)
    def election(self, at: Hash | None = None) -> Json:
        """Return the coming election of representatives, and the current representatives."""
        return self.shown(self.ask("ChambersApi_election", ElectionView, at))

    @method("gov_tracks", cost=HEAVY)
    def tracks(self, at: Hash | None = None) -> Json:
        """Return the kinds of referenda and their rules."""
        tracks = self.ask("GovernanceApi_tracks", list[TrackView], at)
        return [self.shown(track) for track in tracks]

    @method("gov_milestones", cost=HEAVY)
    def milestones(self, programme: U32, at: Hash | None = None) -> Json:
        """Return the milestones of a programme of the Foundation, with the objections to them."""
        data = encode(u32, u32(programme))
        found = self.ask("ChambersApi_milestones", list[MilestoneView], at, data)
        return [self.shown(view) for view in found]

    @method("gov_referendum", cost=HEAVY)
    def referendum(self, index: U32, at: Hash | None = None) -> Json:
        """Return a referendum by its number; null if there never was one."""
        data = encode(u32, u32(index))
        found = self.ask("GovernanceApi_referendum", ReferendumView | None, at, data)
        return None if found is None else self.shown(found)

    @method("gov_referenda", cost=HEAVY)
    def referenda(self, before: U32 | None = None, at: Hash | None = None) -> Json:
        """Return up to a hundred referenda with smaller numbers than `before`, the newest first.

        A call is included if it has at most 1,024 bytes; `gov_referendum` returns longer ones, too.
        """
        data = encode(u32 | None, None if before is None else u32(before)) + encode(u32, u32(PAGE))
        found = self.ask("GovernanceApi_referenda", list[ReferendumView], at, data)
        return [self.shown(view) for view in found]
