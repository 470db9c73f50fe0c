"""Chambers: governance by four chambers, each with its own weight.

Institutions vote with their allocations, hospitals among them with their bonds, compute with the
verified work of the last thirty days, holders with their money, the community through ten elected
representatives. An account's ballot
counts in every chamber that it belongs to. A chamber's weight is divided in proportion to its
votes; one in which less than 4 % take part abstains. Weights follow a schedule by year, and are
frozen with the electorates when a decision starts.

A snapshot is a few sums; no accounts are iterated. An account counts with its balance at the time
of its vote, as far as that is locked until the end: by the lock of its vote or, for staked money,
by the stake. So no planck votes twice in one referendum, even after a transfer; nor does a seat,
because only representatives at the start of the decision vote with it.

Members may also object to a milestone that the Foundation attested: 10 % of all weights stop it.

Invariants: weights add up to 7,000; a chamber's votes in a referendum are the sum of the ballots in
`Ballots`; no planck votes among institutions and holders at once; the amounts reserved under this
pallet's name are the deposits of candidates and representatives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.frame import (
    Const,
    Constant,
    DispatchInfo,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    PostInfo,
    Section,
    call,
    ensure_root,
)
from runtime.frame.aliases import AccountIdLookupOf, BalanceOf, CompactBalanceOf
from runtime.frame.traits import Clock, IdentityInspect
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import lookup
from runtime.pallets.chambers import errors, events, weights
from runtime.pallets.chambers.elections import Elections
from runtime.pallets.chambers.formulas import OBJECTION_PERCENT, Mode
from runtime.pallets.chambers.membership import Membership
from runtime.pallets.chambers.objections import Objections
from runtime.pallets.chambers.polls import Polls, Schedule
from runtime.pallets.chambers.powers import Powers, Work
from runtime.pallets.chambers.types import (
    MAX_INSTITUTIONS,
    MAX_OBJECTIONS,
    SEATS,
    FacilityBonds,
    Milestones,
    Names,
    NoFacilities,
    Releases,
    Schedules,
    SeatView,
    Stakes,
    StateView,
)


def by_names(_: object, candidates: Sequence[AccountId], value: u128) -> DispatchInfo:
    """Return the weight of a vote for the given candidates, instead of the maximum number."""
    del value
    return DispatchInfo(weights.vote_representative(SEATS, len(candidates)))


class Chambers(Pallet, events=events, errors=errors):
    """Governance by four chambers, each with its own weight."""

    # ---- constants

    slot_ms: u64
    """Length of a slot, in milliseconds."""
    day_slots: Const[u32]
    """Length of a day of work, in slots."""
    stake_lasts: Const[u32]
    """Minimum remaining time, in slots, of a stake that counts without a lock of the vote.

    Longer than a decision takes, so that staked money cannot be withdrawn and vote again.
    """
    term: Const[u32]
    """Term of representatives, in slots."""
    election: Const[u32]
    """Length of the first election, and of one after an election without winners, in slots."""
    candidacy_deposit: Const[u128]
    """Deposit of a candidacy, in planck; slashed only if governance removes the representative."""
    least_backing: Const[u128]
    """Minimum backing of candidates by an account, and minimum of an objection, in planck."""
    seats = Constant(u32(SEATS))
    """Number of representatives of the community."""
    max_institutions = Constant(u32(MAX_INSTITUTIONS))
    """Maximum number of institutions."""
    max_objections = Constant(u32(MAX_OBJECTIONS))
    """Maximum number of an account's objections to milestones that lock money."""
    objection_percent = Constant(u32(OBJECTION_PERCENT))
    """Part of all weights, in percent, whose objection stops a milestone."""

    # ---- dependencies

    pools: Sequence[AccountId]
    """Pool accounts, whose money has no vote."""
    currency: Balances
    clock: Clock
    stakes: Stakes
    vesting: Schedules
    releases: Releases
    identities: IdentityInspect
    milestones: Milestones
    facilities: FacilityBonds = NoFacilities()
    seating_origin: OriginCheck = ensure_root
    """Origin that seats institutions, removes seats, and sets the mode."""

    # ---- components

    schedule = Part(Schedule)
    membership = Part(Membership)
    work = Part(Work)
    elections = Part(Elections)
    powers = Part(Powers)
    polls = Part(Polls)
    objections = Part(Objections)

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Seat the institutions: `institutions` is a list of [address, planck].

        `mode` is `scheduled` (the default) or `static`. Raises GenesisError.
        """
        fields = Section(config, "chambers").fields(optional=("institutions", "mode"))
        if "mode" in fields:
            known = {mode.name.lower(): mode for mode in Mode}
            self.schedule.mode.value = fields["mode"].one_of(known)
        self.membership.seat_genesis(fields.get("institutions") or ())

    def on_initialize(self, number: int) -> int:
        """Remove some ballots of finished referenda, and end the election if it is due."""
        del number
        used = weights.OPEN_BLOCK
        over = self.polls.over.get()
        if over is not None:
            used += weights.clear(self.polls.clear(over))
        if self.clock.now() >= self.elections.due():
            used += weights.conclude(*self.elections.conclude())
        return used

    # ---- calls

    @call(0, weight=weights.ADD_INSTITUTION)
    def add_institution(
        self, origin: Origin, who: AccountIdLookupOf, allocation: BalanceOf
    ) -> None:
        """Seat an institution, which votes with at most `allocation` planck. Seating origin only.

        It is no longer a holder, and its backing of candidates is removed; votes that it has cast
        in referenda stay as they were.
        """
        self.seating_origin(origin)
        account = lookup(who)
        self.membership.ensure_seatable(account)
        self.elections.remove_backing(account)
        self.membership.add_institution(account, allocation)

    @call(1, weight=weights.REMOVE_INSTITUTION)
    def remove_institution(self, origin: Origin, who: AccountIdLookupOf) -> None:
        """Remove an institution's seat; it becomes a holder. Seating origin only."""
        self.seating_origin(origin)
        self.membership.remove_institution(lookup(who))

    @call(2, weight=weights.SUBMIT_CANDIDACY)
    def submit_candidacy(self, origin: Origin) -> None:
        """Become a candidate for the community's seats, with a deposit. Needs a judged identity."""
        self.elections.submit(origin.signed())

    @call(3, weight=weights.WITHDRAW_CANDIDACY)
    def withdraw_candidacy(self, origin: Origin) -> None:
        """Withdraw the caller's candidacy or, without one, resign its seat; release the deposit."""
        self.elections.withdraw(origin.signed())

    @call(4, weight=by_names)
    def vote_representative(
        self, origin: Origin, candidates: Names, value: CompactBalanceOf
    ) -> PostInfo:
        """Back up to ten candidates, each with all of `value` planck, instead of earlier ones.

        The money is locked until the vote is removed, at any time. Vesting money cannot back.
        """
        old = self.elections.back(origin.signed(), candidates, value)
        return PostInfo(weights.vote_representative(old, len(candidates)))

    @call(5, weight=weights.remove_rep_vote(SEATS))
    def remove_rep_vote(self, origin: Origin) -> PostInfo:
        """Remove the caller's backing of candidates; the money is unlocked at once."""
        who = origin.signed()
        if who not in self.elections.approvals:
            raise errors.NotBacking
        names = self.elections.remove_backing(who)
        self.deposit(events.RepVoteRemoved(who))
        return PostInfo(weights.remove_rep_vote(names))

    @call(6, weight=weights.SET_MODE)
    def set_mode(self, origin: Origin, mode: Mode) -> None:
        """Set the rule for the chambers' weights. Seating origin only.

        Decisions that have started keep their weights.
        """
        self.seating_origin(origin)
        self.schedule.mode.value = mode
        self.deposit(events.ModeSet(mode))

    @call(7, weight=weights.REMOVE_REPRESENTATIVE)
    def remove_representative(self, origin: Origin, who: AccountIdLookupOf) -> None:
        """Remove a representative; its deposit goes to the treasury. Seating origin only.

        The seat stays empty until the next election.
        """
        self.seating_origin(origin)
        self.elections.remove_representative(lookup(who))

    @call(8, weight=weights.OBJECT_TO_MILESTONE)
    def object_to_milestone(
        self, origin: Origin, programme: u32, index: u32, value: CompactBalanceOf
    ) -> None:
        """Object to a milestone that the Foundation attested, within the objection window.

        The objection counts in every chamber of the caller, as a vote with `value` planck does,
        which are locked until the milestone is decided and `unlock_objections` is called. Once the
        objections have 10 % of all weights, the milestone does not count.
        """
        self.objections.add(origin.signed(), programme, index, value)

    @call(9, weight=weights.WITHDRAW_OBJECTION)
    def withdraw_objection(self, origin: Origin, programme: u32, index: u32) -> None:
        """Withdraw the caller's objection to a milestone while the window is open."""
        self.objections.withdraw(origin.signed(), programme, index)

    @call(10, weight=weights.UNLOCK_OBJECTIONS)
    def unlock_objections(self, origin: Origin, target: AccountIdLookupOf) -> None:
        """Unlock the money of an account's objections that are decided. Any account may call it."""
        origin.signed()
        self.objections.unlock(lookup(target))

    # ---- public interface

    def state_view(self) -> StateView:
        """Return the current state of the chambers."""
        year = self.schedule.year()
        totals = self.powers.totals(self.work.today())
        powers = [
            SeatView(one.who, u128(min(one.allocation, self.currency.total(one.who))))
            for one in self.membership.institutions.value
        ]
        return StateView(
            mode=self.schedule.mode.value.name,
            year=u32(year),
            weights=[u32(weight) for weight in self.schedule.weights_of(year)],
            electorates=[u128(total) for total in totals],
            institutions=powers,
            representatives=self.membership.sitting(),
        )
