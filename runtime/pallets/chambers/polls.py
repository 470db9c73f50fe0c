"""Referenda that are counted: their weights, electorates, ballots and votes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Perbill
from btt_chain.scale import u16, u32, u64, u128
from runtime.frame import Component, DoubleMap, Hasher, Map, Value
from runtime.frame.traits import Clock
from runtime.pallets.chambers import errors, events, formulas
from runtime.pallets.chambers.formulas import Chamber, Mode
from runtime.pallets.chambers.membership import Membership
from runtime.pallets.chambers.powers import Powers, Work
from runtime.pallets.chambers.types import (
    NO_SHARE,
    ChamberRecord,
    ChamberView,
    Counted,
    PollRecord,
    Share,
)
from runtime.pallets.referenda.types import Ballot, Tally
from runtime.pallets.tokenomics.formulas import label_year

CLEARED: Final = 50
"""Maximum number of ballots of finished referenda that one block removes."""


class Schedule(Component):
    """The rule for the weights of new decisions."""

    clock: Clock
    slot_ms: u64

    mode = Value(Mode, default=Mode.Scheduled)
    """Rule for the weights of new decisions."""

    def year(self) -> int:
        """Return the label of the current year."""
        return label_year(self.clock.now() * int(self.slot_ms))

    def weights_of(self, year: int) -> tuple[int, ...]:
        """Return the weights of a year by its label, in the current mode."""
        return formulas.weights(self.mode.value, year)


class Polls(Component):
    """The electorate of Referenda and ConvictionVoting: counts ballots in all chambers."""

    schedule: Schedule
    membership: Membership
    work: Work
    powers: Powers

    polls = Map(u32, PollRecord, hasher=Hasher.Twox64Concat)
    """Votes of the referenda that are not over."""
    ballots = DoubleMap(
        u32, AccountId, Counted, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat)
    )
    """Counted power of each ballot, by referendum and account."""
    over = Value(u32)
    """Last referendum that is over and whose ballots are being removed."""
    over_before = Map(u32, u32, hasher=Hasher.Twox64Concat)
    """For each referendum in this list, the previous one whose ballots are to be removed."""

    # ---- public interface, for Referenda and ConvictionVoting

    def started(self, poll: u32, track: u16, tally: Tally) -> Tally:
        """Freeze weights and electorates of a referendum; return its tally under them."""
        del track, tally
        record = self.polls.get(poll)
        votes = [NO_SHARE] * len(Chamber) if record is None else [c.votes for c in record.chambers]
        record = self._opened(votes, frozen=True)
        self.polls[poll] = record
        weights = [one.weight for one in record.chambers]
        electorates = [u128(one.electorate) for one in record.chambers]
        self.deposit(events.WeightsFrozen(poll, record.year, weights, electorates))
        return formulas.tally(record.chambers)

    def is_open(self, poll: u32) -> bool:
        """Return True if a referendum has weights and electorates."""
        return poll in self.polls

    def closed(self, poll: u32) -> None:
        """Remove a referendum; its ballots are removed in later blocks."""
        if self.polls.take(poll) is None:
            return
        before = self.over.get()
        if before is not None:
            self.over_before[poll] = before
        self.over.value = poll

    def approval(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return the share of ayes; a threshold is reached only by exceeding it."""
        return formulas.approval(tally)

    def support(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return the share of all weights whose chambers take part."""
        return formulas.support(tally)

    def recount(
        self, poll: u32, track: u16, who: AccountId, old: Ballot, new: Ballot, tally: Tally
    ) -> Tally:
        """Recount one ballot. Raises NoVotingPower.

        An account's own power is computed when it votes, not when others delegate to it.
        """
        record = self.polls.get(poll)
        if record is None:
            record = self._opened([NO_SHARE] * len(Chamber), frozen=False)
        before = self.ballots.get((poll, who)) or Counted()
        is_cast = new == old or sides(new) != sides(old)
        own = self._own(who, new, record) if is_cast else before.own
        after = Counted(own, self._delegated(who, new))
        if is_cast and formulas.voted(new) and after == Counted():
            raise errors.NoVotingPower
        for chamber, one in zip(Chamber, record.chambers, strict=True):
            one.votes = one.votes.changed(before.own[chamber], after.own[chamber])
        holders = record.chambers[Chamber.Holders]
        holders.votes = holders.votes.changed(before.delegated, after.delegated)
        self.polls[poll] = record
        if after == Counted():
            del self.ballots[poll, who]
        else:
            self.ballots[poll, who] = after
        return formulas.tally(record.chambers)

    def may_delegate(self, who: AccountId) -> bool:
        """Return True if `who` votes as a holder alone, so that its votes can be delegated."""
        return self.powers.may_delegate(who)

    # ---- public interface, for the pallet

    def frozen_now(self) -> PollRecord:
        """Return a record with the current weights and electorates, frozen and without votes."""
        return self._opened([NO_SHARE] * len(Chamber), frozen=True)

    def clear(self, poll: u32) -> int:
        """Remove ballots of a finished referendum; then the one before it is next.

        Return the number of ballots.
        """
        gone = self.ballots.some_under(poll, CLEARED)
        for who in gone:
            del self.ballots[poll, who]
        if len(gone) == CLEARED:
            return CLEARED
        before = self.over_before.take(poll)
        if before is None:
            self.over.kill()
        else:
            self.over.value = before
        return len(gone)

    # ---- internals

    def _opened(self, votes: Sequence[Share], *, frozen: bool) -> PollRecord:
        """Return the record of a referendum with the current weights and electorates."""
        year, day = self.schedule.year(), self.work.today()
        seats = [seat.who for seat in self.membership.representatives.peek()] if frozen else []
        rows = zip(self.schedule.weights_of(year), self.powers.totals(day), votes, strict=True)
        chambers = [ChamberRecord(u32(weight), u128(all_), cast) for weight, all_, cast in rows]
        return PollRecord(u32(year), u32(day), seats, frozen, chambers)

    def _own(self, who: AccountId, ballot: Ballot, record: PollRecord) -> list[Share]:
        """Return the power that an account's own ballot counts with, by chamber."""
        locked = formulas.voted(ballot)
        if not locked:
            return [NO_SHARE] * len(Chamber)
        return [formulas.shared(power, ballot) for power in self.powers.of(who, locked, record)]

    def _delegated(self, who: AccountId, ballot: Ballot) -> Share:
        """Return the power delegated to `who`; it counts among holders only."""
        if self.membership.is_institution(who):
            return NO_SHARE
        return Share(u128(2 * ballot.delegated_ayes), u128(2 * ballot.delegated_nays))


def sides(ballot: Ballot) -> tuple[int, int, int]:
    """Return an account's own votes in a ballot, by side."""
    return ballot.ayes, ballot.nays, ballot.abstains


def views(record: PollRecord) -> list[ChamberView]:
    """Return a referendum's votes by chamber."""
    return [viewed(chamber, one) for chamber, one in zip(Chamber, record.chambers, strict=True)]


def viewed(chamber: Chamber, record: ChamberRecord) -> ChamberView:
    """Return the view of one chamber of a referendum."""
    ayes, nays = formulas.split(record)
    return ChamberView(
        name=chamber.name.lower(),
        weight=record.weight,
        electorate=u128(record.electorate),
        ayes=u128(record.votes.ayes),
        nays=u128(record.votes.nays),
        abstains=u128(record.votes.abstains),
        takes_part=formulas.takes_part(record),
        weighed_ayes=u128(ayes),
        weighed_nays=u128(nays),
    )
