"""Committees: the verifiers selected to check a receipt, and their duties."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32
from btt_chain.work import ids
from btt_chain.work.race import raced
from runtime.frame import Component, Constant, DoubleMap
from runtime.frame.traits import Operators
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.receipts import events
from runtime.pallets.receipts.constants import VOTER_FACTOR, Rules
from runtime.pallets.receipts.phases import Trigger
from runtime.pallets.receipts.records import Case
from runtime.pallets.receipts.tally import has_seen
from runtime.pallets.receipts.types import Keys, Receipt, Seat
from runtime.pallets.receipts.verifiers import VerifierBonds


class Committees(Component):
    """Selection of committees, and the receipts that each verifier has to check."""

    voter_factor = Constant(u32(VOTER_FACTOR))
    """Penalty of a verifier that voted against a proven fact, as a multiple of the job's price;
    verifiers with a smaller bond are not selected."""

    _rules: Rules
    _bonds: VerifierBonds
    _clock: BeaconClock
    _keys: Keys
    _operators: Operators

    duties = DoubleMap(AccountId, H256, u8)
    """The receipts in whose committee each verifier is, with the round of its selection."""

    def select(self, case: Case) -> Trigger:
        """Fill the free seats of a committee, weighted by bond; return the trigger of the result.

        The request was in slot `receipt.since`. The randomness is the beacon of a later block:
        NO_BEACON if there is none yet. With fewer seats than a quorum, kept ones included, nothing
        is changed: TOO_FEW_VERIFIERS, which `phases` counts as a replacement. Valid votes keep
        their seats. Verifiers that are not eligible: see `_sortition`.
        """
        id, receipt = case.id, case.receipt
        randomness = self._clock.randomness_after(
            int(receipt.since), self._rules.beacon_delay, self._rules.beacon_authors
        )
        if randomness is None:
            return Trigger.NO_BEACON
        beacon = H256(randomness.beacon)
        place = u8(len(receipt.beacons))
        found = [
            Seat(who, key, place)
            for who, key in self._sortition(ids.committee_seed(beacon, id), case)
        ]
        if len(receipt.seats) + len(found) < self._rules.quorum:
            return Trigger.TOO_FEW_VERIFIERS
        receipt.used = [*receipt.used, *(seat.verifier for seat in found)]
        for seat in receipt.seats:
            if has_seen(receipt, seat):
                continue
            # The seat is kept, but its vote does not count: it checks again, by new randomness.
            found.append(Seat(seat.verifier, seat.key, place))
        names = [seat.verifier for seat in found]
        receipt.beacons = [*receipt.beacons, beacon]
        receipt.seats = [*(seat for seat in receipt.seats if seat.verifier not in names), *found]
        for who in names:
            self.duties[who, id] = place
        until = self._clock.now() + self._rules.voting_slots
        receipt.commit_until = u32(until)
        receipt.reveal_until = u32(until + self._rules.reveal_slots)
        return Trigger.COMMITTEE_SELECTED

    def announce(self, case: Case) -> None:
        """Emit the event of a selection that has just been stored."""
        receipt = case.receipt
        newest = len(receipt.beacons) - 1
        names = [seat.verifier for seat in receipt.seats if seat.round == newest]
        until, last = receipt.commit_until, receipt.reveal_until
        self.deposit(events.CommitteeSelected(case.id, names, until, last))

    def is_seated(self, who: AccountId) -> bool:
        """Return True if a verifier is in the committee of a receipt that has not ended."""
        return bool(self.duties.some_under(who, 1))

    def unseat(self, id: H256, receipt: Receipt, seats: Sequence[Seat]) -> None:
        """Remove seats of a receipt, and the duties of their verifiers."""
        gone = [seat.verifier for seat in seats]
        self.release(id, gone)
        receipt.seats = [seat for seat in receipt.seats if seat.verifier not in gone]

    def release(self, id: H256, verifiers: Iterable[AccountId]) -> None:
        """Remove the duties of these verifiers for a receipt."""
        for who in verifiers:
            del self.duties[who, id]

    # ---- internals

    def _sortition(self, seed: bytes, case: Case) -> list[tuple[AccountId, bytes]]:
        """Return the verifiers selected for the free seats, with their keys; maybe fewer.

        Excluded are those with the operator of the job's provider or requester; those selected for
        the receipt before; those that bonded or added bond after the request, when the randomness
        may have been known; those without session keys; and those whose bond is below the penalty
        of a wrong vote. The penalty is not reserved: a bond may cover only one of two receipts at
        a time. Two of the selected may have the same operator.
        """
        receipt, job = case.receipt, case.job
        wanted = self._rules.committee - len(receipt.seats)
        parties = (receipt.provider, *((job.requester,) if job.requester else ()))
        barred = [self._operators.operator_of(party) for party in parties]
        roster, used = self._bonds.roster.peek(), dict.fromkeys(receipt.used)
        penalty = case.penalty
        weights = [
            0 if who in used or since > receipt.since or bond < penalty else int(bond)
            for who, bond, since in roster
        ]
        found: list[tuple[AccountId, bytes]] = []
        for place in raced(seed, [who for who, _, _ in roster], weights):
            if len(found) == wanted:
                break
            who = roster[place][0]
            key = self._keys.babe_key(who)
            if key is not None and self._operators.operator_of(who) not in barred:
                found.append((who, key))
        return found
