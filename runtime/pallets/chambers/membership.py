"""Members of the two chambers with seats: institutions and representatives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, u128
from runtime.frame import Component, GenesisError, Section, Value
from runtime.pallets.balances.types import is_pool
from runtime.pallets.chambers import errors, events
from runtime.pallets.chambers.types import MAX_INSTITUTIONS, SEATS, Institution, Seat, SeatView


class Membership(Component):
    """Institutions, and the representatives of the community."""

    pools: Sequence[AccountId]

    institutions = Value(Bounded[list[Institution], MAX_INSTITUTIONS], default=[])
    """Members of the institutions' chamber."""
    representatives = Value(Bounded[list[Seat], SEATS], default=[])
    """Representatives of the community."""

    # ---- institutions

    def is_institution(self, who: AccountId) -> bool:
        """Return True if the account has a seat in the institutions' chamber."""
        return any(one.who == who for one in self.institutions.peek())

    def allocation_of(self, who: AccountId) -> int | None:
        """Return the maximum planck that an institution votes with; None for other accounts."""
        seated = self.institutions.peek()
        return next((int(one.allocation) for one in seated if one.who == who), None)

    def ensure_seatable(self, who: AccountId) -> None:
        """Raise PoolNotSeatable, AlreadySeated or TooManyInstitutions."""
        if is_pool(who) or who in self.pools:
            raise errors.PoolNotSeatable
        if self.is_institution(who) or self.is_representative(who):
            raise errors.AlreadySeated
        if len(self.institutions.peek()) >= MAX_INSTITUTIONS:
            raise errors.TooManyInstitutions

    def add_institution(self, who: AccountId, allocation: u128) -> None:
        """Seat an institution."""
        self.institutions.value = [*self.institutions.value, Institution(who, allocation)]
        self.deposit(events.InstitutionAdded(who, allocation))

    def remove_institution(self, who: AccountId) -> None:
        """Remove the seat of an institution. Raises NotSeated."""
        if not self.is_institution(who):
            raise errors.NotSeated
        self.institutions.value = [one for one in self.institutions.value if one.who != who]
        self.deposit(events.InstitutionRemoved(who))

    def seat_genesis(self, rows: Iterable[Section]) -> None:
        """Seat the institutions of block zero. Raises GenesisError."""
        seated: list[Institution] = []
        for row in rows:
            account, amount = row.rows(2)
            who = account.account()
            if is_pool(who) or any(known.who == who for known in seated):
                raise account.wrong("an account of its own for each institution")
            seated.append(Institution(who, amount.planck()))
        if len(seated) > MAX_INSTITUTIONS:
            raise GenesisError(f"chambers.institutions: more than {MAX_INSTITUTIONS}")
        if seated:
            self.institutions.value = seated

    # ---- representatives

    def is_representative(self, who: AccountId) -> bool:
        """Return True if the account is a representative of the community."""
        return any(seat.who == who for seat in self.representatives.peek())

    def vacate(self, who: AccountId) -> Seat:
        """Remove a representative; return its seat."""
        seats = self.representatives.value
        place = next(at for at, seat in enumerate(seats) if seat.who == who)
        seat = seats.pop(place)
        self.representatives.value = seats
        return seat

    def sitting(self) -> list[SeatView]:
        """Return the representatives, with the backing of each at its election."""
        return [SeatView(seat.who, seat.backing) for seat in self.representatives.value]
