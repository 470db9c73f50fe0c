"""Elections of the community's representatives: candidates, backing, and the result."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, u32, u128
from runtime.frame import Component, Map, Value
from runtime.frame.traits import Clock, IdentityInspect, Reasons
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.chambers import errors, events
from runtime.pallets.chambers.membership import Membership
from runtime.pallets.chambers.types import (
    LOCK_ID,
    MAX_CANDIDATES,
    RESERVE_ID,
    SEATS,
    Approvals,
    Candidate,
    ElectionView,
    Schedules,
    Seat,
    SeatView,
)


class Elections(Component):
    """Elections of the community's representatives.

    The deposit of a candidate is reserved, the money that backs candidates locked.
    """

    membership: Membership
    currency: Balances
    clock: Clock
    vesting: Schedules
    identities: IdentityInspect
    term: u32
    election: u32
    candidacy_deposit: u128
    least_backing: u128

    elections = Value(u32, default=u32(0))
    """Number of elections that are over, which is the number of the current one."""
    election_ends = Value(u32)
    """Slot at which the current election ends; not set before the end of the first."""
    running = Value(Bounded[list[AccountId], MAX_CANDIDATES], default=[])
    """Candidates in the order of submission, withdrawn ones included."""
    candidates = Map(AccountId, Candidate)
    """Deposits and backing of candidates."""
    approvals = Map(AccountId, Approvals)
    """Accounts' backing of candidates."""

    # ---- candidates

    def submit(self, who: AccountId) -> None:
        """Add a candidate.

        Raises AlreadySeated, NotVerified, AlreadyStanding or TooManyCandidates.
        """
        if self.membership.is_institution(who):
            raise errors.AlreadySeated
        if not self.identities.verified(who) or self.identities.operator_of(who) != who:
            raise errors.NotVerified
        known, running = self.candidates.get(who), self.running.value
        if known is not None and known.standing:
            raise errors.AlreadyStanding
        if known is None and len(running) >= MAX_CANDIDATES:
            raise errors.TooManyCandidates
        deposit = self.candidacy_deposit
        self.currency.reserve_named(RESERVE_ID, who, deposit)
        backing = u128(0) if known is None else known.backing
        self.candidates[who] = Candidate(deposit, backing, standing=True)
        if known is None:
            self.running.value = [*running, who]
        self.deposit(events.CandidacySubmitted(who))

    def withdraw(self, who: AccountId) -> None:
        """Withdraw a candidacy or, without one, resign a seat. Raises NotStanding."""
        known = self.candidates.get(who)
        if known is not None and known.standing:
            deposit = known.deposit
            # It stays among the candidates, so that its backing can still be removed.
            self.candidates[who] = Candidate(u128(0), known.backing, standing=False)
        elif self.membership.is_representative(who):
            deposit = self.membership.vacate(who).deposit
        else:
            raise errors.NotStanding
        self.currency.unreserve_named(RESERVE_ID, who, deposit)
        self.deposit(events.CandidacyWithdrawn(who))

    def remove_representative(self, who: AccountId) -> None:
        """Remove a representative and slash its deposit. Raises NotSeated."""
        if not self.membership.is_representative(who):
            raise errors.NotSeated
        seat = self.membership.vacate(who)
        self.currency.slash_reserved_named(RESERVE_ID, who, seat.deposit)
        self.deposit(events.SeatTaken(who, seat.deposit))

    # ---- backing

    def back(self, who: AccountId, candidates: Sequence[AccountId], value: u128) -> int:
        """Back candidates instead of earlier ones; return the number of those.

        Raises NotAHolder, NamesWrong, BackingTooSmall, InsufficientFunds or NotACandidate.
        """
        if self.membership.is_institution(who):
            raise errors.NotAHolder
        if not candidates or len(dict.fromkeys(candidates)) < len(candidates):
            raise errors.NamesWrong
        if value < self.least_backing:
            raise errors.BackingTooSmall
        # Locks overlap: `value` alone could be covered by vesting money, the rest move and vote.
        locked = int(value) + int(self.vesting.unvested(who))
        if locked > self.currency.lockable(who):
            raise errors.InsufficientFunds
        known = [self.candidates.get(name) for name in candidates]
        if not all(one is not None and one.standing for one in known):
            raise errors.NotACandidate
        old = self._withdraw_backing(who)
        for name in candidates:
            self._back(name, int(value))
        self.approvals[who] = Approvals(self.elections.value, value, list(candidates))
        self.currency.set_lock(LOCK_ID, who, u128(locked), Reasons.All)
        self.deposit(events.RepresentativeVoted(who, value, list(candidates)))
        return old

    def remove_backing(self, who: AccountId) -> int:
        """Remove the backing of an account, if any; return the number of its candidates."""
        if who not in self.approvals:
            return 0
        names = self._withdraw_backing(who)
        self.currency.set_lock(LOCK_ID, who, u128(0), Reasons.All)
        return names

    # ---- the result

    def due(self) -> int:
        """Return the slot at which the current election ends."""
        ends = self.election_ends.get()
        return int(self.election if ends is None else ends)

    def conclude(self) -> tuple[int, int]:
        """Seat the candidates with the most backing; release the deposits of all others.

        Of equals the earlier candidate is seated; candidates without a valid judgement are not.
        Return the numbers of candidates and of former representatives.
        """
        standing: list[Seat] = []
        number, sitting = self.elections.value, self.membership.representatives.value
        running = self.running.value
        for who in running:
            known = self.candidates.take(who)
            if known is not None and known.standing:
                standing.append(Seat(who, known.backing, known.deposit))
        standing.sort(key=lambda seat: -int(seat.backing))
        seated = [seat for seat in standing if seat.backing and self._may_sit(seat.who)]
        del seated[SEATS:]
        chosen = [seat.who for seat in seated]
        losing = [seat for seat in standing if seat.who not in chosen]
        for seat in (*sitting, *losing):
            self.currency.unreserve_named(RESERVE_ID, seat.who, seat.deposit)
        until = u32(self.clock.now() + int(self.term if seated else self.election))
        self.membership.representatives.value = seated
        self.running.kill()
        self.elections.value = u32(number + 1)
        self.election_ends.value = until
        self.deposit(events.ElectionConcluded(number, chosen, until))
        return len(running), len(sitting)

    def view(self) -> ElectionView:
        """Return the current election."""
        standing = [
            SeatView(who, candidate.backing)
            for who in self.running.value
            if (candidate := self.candidates.get(who)) is not None and candidate.standing
        ]
        return ElectionView(
            number=self.elections.value,
            ends=u32(self.due()),
            seats=u32(SEATS),
            candidates=sorted(standing, key=lambda one: -int(one.amount)),
            representatives=self.membership.sitting(),
        )

    # ---- internals

    def _withdraw_backing(self, who: AccountId) -> int:
        """Remove the backing by `who`; return the number of candidates that lost it.

        Backing in earlier elections is already removed.
        """
        known = self.approvals.take(who)
        if known is None or known.election != self.elections.value:
            return 0
        for name in known.names:
            self._back(name, -int(known.value))
        return len(known.names)

    def _back(self, name: AccountId, by: int) -> None:
        candidate = self.candidates[name]
        candidate.backing = u128(int(candidate.backing) + by)
        self.candidates[name] = candidate

    def _may_sit(self, who: AccountId) -> bool:
        return not self.membership.is_institution(who) and self.identities.verified(who)
