"""Elections and the amounts they put at stake, for as long as offences can be reported."""

from __future__ import annotations

from collections.abc import Mapping

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, u32, u128
from runtime.frame import Component, DoubleMap, Hasher, Value
from runtime.pallets.authorities.types import MAX_ELECTIONS, Exposure


class Elections(Component):
    """The elections whose offences can still be reported, and the amounts at stake."""

    last_election = Value(u32)
    """First session of the last election, including an election without changes."""
    election_due = Value(bool, default=False)
    """True if an offence made an early election due for the next planned session."""
    elections = Value(Bounded[list[u32], MAX_ELECTIONS], default=[])
    """First sessions of the elections whose offences can still be reported, in order."""
    exposures = DoubleMap(
        u32, AccountId, Exposure, hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat)
    )
    """Amounts at stake, by first session of the election and validator."""

    def is_due(self, session: int, every: int) -> bool:
        """Return True if `session` needs an election: `every` so many, or after an offence.

        Not while too many are remembered.
        """
        last = self.last_election.get()
        due = last is None or self.election_due.value or session >= int(last) + every
        return due and len(self.elections.value) < MAX_ELECTIONS

    def election_of(self, session: int) -> u32:
        """Return the first session of the election that covers `session`."""
        return max((first for first in self.elections.value if first <= session), default=u32(0))

    def newest(self, stash: AccountId) -> Exposure:
        """Return the exposure of `stash` in the newest election that elected it."""
        for first in reversed(self.elections.value):
            exposure = self.exposures.get((first, stash))
            if exposure is not None:
                return exposure
        return Exposure(u128(0), u128(0))

    def greatest(self, stash: AccountId) -> tuple[int, int]:
        """Return the greatest amount that a remembered election put at stake, and their number.

        It must stay bonded: the same money is at stake for all of them.
        """
        elections = self.elections.value
        parts = (self.exposures.get((first, stash)) for first in elections)
        greatest = max((part.left for part in parts if part is not None), default=0)
        return greatest, len(elections)

    def record(self, index: u32, elected: Mapping[AccountId, u128]) -> bool:
        """Return True if exposures change: then these bonds are at stake from session `index` on.

        They stay if the last election elected the same accounts with the same bonds, and none was
        slashed since.
        """
        self.last_election.value = index
        self.election_due.kill()
        known = self.elections.value
        if known and self._is_at_stake(known[-1], elected):
            return False
        for stash, bond in elected.items():
            self.exposures[index, stash] = Exposure(bond, u128(0))
        self.elections.value = [*known, index]
        return True

    def prune(self, oldest: int) -> None:
        """Remove the first election if all its sessions are before `oldest`."""
        known = self.elections.value
        if len(known) > 1 and int(known[1]) - 1 < oldest:
            for stash, _ in self.exposures.under(known[0]):
                del self.exposures[known[0], stash]
            self.elections.value = known[1:]

    def slash(self, session: int, validator: AccountId, amount: int) -> int:
        """Reduce what is at stake for `session` by up to `amount`; return the reduction."""
        election = self.election_of(session)
        exposure = self.exposures.get((election, validator))
        if exposure is None:
            return 0
        charged = min(amount, exposure.left)
        if charged:
            exposure.slashed += charged
            self.exposures[election, validator] = exposure
        return charged

    def _is_at_stake(self, election: u32, elected: Mapping[AccountId, u128]) -> bool:
        """Return True if `election` elected the same accounts with the same bonds, none slashed."""
        parts = dict(self.exposures.under(election))
        whole = all(not part.slashed for part in parts.values())
        return whole and {who: part.bond for who, part in parts.items()} == elected
