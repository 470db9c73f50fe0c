"""Conviction voting: money that votes, and stays for a while.

A vote counts with what is put into it, and that stays locked until the referendum is over and a
locking period longer, on whichever side it was; what is taken back before the end counts no more
and is free at once. Convictions `None` and `Locked1x` both mean this, others are refused: money
that stays longer has no more to say here (economy.md 6.1). One may let another vote, by class; what
is delegated follows that account's undivided votes, and goes no further.

What always holds: an account's lock is the greatest of its `ClassLocksFor`, and each of those
covers what its votes, its delegation and its former votes of that class need; what an account has
delegated to it is the sum of what others delegate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.scale import Bounded, Compact, TypeName, u16, u32, u128
from runtime.frame import (
    Const,
    DispatchInfo,
    DoubleMap,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    Pallet,
    PostInfo,
    call,
)
from runtime.frame.weight import PICOS_PER_MICRO
from runtime.pallets.balances import Reasons, lookup
from runtime.pallets.conviction_voting.types import (
    MAX_CLASSES,
    MAX_VOTES,
    AccountVote,
    AnyVote,
    Casting,
    Conviction,
    Delegating,
    Delegations,
    PriorLock,
    Standard,
    VoteCasting,
    VoteDelegating,
    Voting,
    ballot_of,
    stake_of,
)
from runtime.pallets.referenda import Ballot, Electorate, Tally
from runtime.pallets.scheduler import Clock

LOCK_ID: Final = b"pyconvot"
"""The name of the lock on what votes."""

CALL_WEIGHT: Final = 500 * PICOS_PER_MICRO
"""A vote: the record, the tally, the referendum with a new alarm, the lock."""
RECORD_WEIGHT: Final = 8 * PICOS_PER_MICRO
"""What each vote in the account's record adds: it is read and written whole."""
POLL_WEIGHT: Final = 200 * PICOS_PER_MICRO
"""What each vote of the one who is delegated to adds: its referendum is counted anew."""

Who = Annotated[AccountId, TypeName("T::AccountId")]
Address = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
Amount = Annotated[u128, TypeName("BalanceOf<T, I>")]
Class = Annotated[u16, TypeName("ClassOf<T, I>")]
Poll = Annotated[u32, TypeName("PollIndexOf<T, I>")]
Choice = Annotated[AccountVote, TypeName("AccountVote<BalanceOf<T, I>>")]
Locks = Bounded[list[tuple[u16, u128]], MAX_CLASSES]


class Money(Protocol):
    """The money that votes; Balances satisfies it. Amounts in planck."""

    def total(self, who: AccountId) -> u128:
        """Return all that `who` has."""

    def set_lock(self, id: bytes, who: AccountId, amount: u128, reasons: Reasons) -> None:
        """Lock `amount` under a name instead of what was locked under it; nothing if it is zero."""


def voting_info(pallet: ConvictionVoting, *_: object) -> DispatchInfo:
    """Weigh a change of an account's record, which may be as long as any."""
    return DispatchInfo(CALL_WEIGHT + int(pallet.max_votes) * RECORD_WEIGHT)


def lending_info(pallet: ConvictionVoting, *_: object) -> DispatchInfo:
    """Weigh a change of two records, and of all referenda that the other one votes in."""
    return DispatchInfo(CALL_WEIGHT + int(pallet.max_votes) * (RECORD_WEIGHT + POLL_WEIGHT))


def votes_within(slot_ms: int) -> u32:
    """Return how many votes an account may have, so that to lend to it fits into a block."""
    return u32(min(MAX_VOTES, slot_ms))


class Polls(Protocol):
    """What is voted on; Referenda satisfies it."""

    def classes(self) -> Sequence[u16]:
        """Return the classes of polls."""

    def ongoing(self, index: u32) -> u16 | None:
        """Return the class of a poll that is not over; None for all others."""

    def ended(self, index: u32) -> u32 | None:
        """Return the slot at which a poll was decided; None for all others."""

    def tally(self, index: u32) -> Tally:
        """Return what has been counted in a poll that is not over."""

    def count(self, index: u32, tally: Tally) -> None:
        """Set what has been counted."""


class ConvictionVoting(Pallet, instances=True):
    """Money that votes, and stays for a while."""

    max_votes: Const[u32] = u32(MAX_VOTES)
    """How many votes one account may have in one class."""
    vote_locking_period: Const[u32]
    """How many slots the money of a vote stays after the decision."""
    currency: Money
    clock: Clock
    polls: Polls
    electorate: Electorate

    voting_for = DoubleMap(
        AccountId,
        u16,
        Voting,
        default=VoteCasting(Casting()),
        hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat),
    )
    """How an account votes in a class, or who does for it."""
    class_locks_for = Map(AccountId, Locks, default=[], hasher=Hasher.Twox64Concat)
    """What is locked of an account by class, at least as much as is needed."""

    class Delegated(Event, index=0, unnamed=True):
        """An account lets another vote."""

        who: Who
        target: Who

    class Undelegated(Event, index=1, unnamed=True):
        """An account votes itself again."""

        who: Who

    class Voted(Event, index=2):
        """An account voted, or changed its vote."""

        who: Who
        vote: Choice

    class VoteRemoved(Event, index=3):
        """An account took its vote back."""

        who: Who
        vote: Choice

    class VoteUnlocked(Event, index=4):
        """What is locked of an account for a class was brought to what is needed."""

        who: Who
        class_: Class

    class NotOngoing(Error, index=0):
        """The referendum is over, or was never there. Check its number."""

    class NotVoter(Error, index=1):
        """The account has no vote there. Check account, class and referendum."""

    class NoPermission(Error, index=2):
        """Only the voter may do this; or this account votes with more than its balance, which
        nobody can do for it: vote yourself.
        """

    class NoPermissionYet(Error, index=3):
        """The vote still locks money. Others may remove it when the locking period is over."""

    class AlreadyDelegating(Error, index=4):
        """You let another vote in this class. Undelegate first."""

    class AlreadyVoting(Error, index=5):
        """You have votes of your own in this class. Remove them first."""

    class InsufficientFunds(Error, index=6):
        """You have less than you want to vote with. Vote with what you have."""

    class NotDelegating(Error, index=7):
        """You vote yourself in this class. There is nothing to end."""

    class Nonsense(Error, index=8):
        """Nobody delegates to himself, and only the convictions None and Locked1x exist here."""

    class MaxVotesReached(Error, index=9):
        """You have as many votes in this class as one may. Remove those of referenda that are
        over.
        """

    class ClassNeeded(Error, index=10):
        """The referendum is over, so it must be said what class it was in. Name its track."""

    class BadClass(Error, index=11):
        """There is no such class. Look up the list of tracks."""

    # ---- calls

    @call(0, weight=voting_info)
    def vote(
        self,
        origin: Origin,
        poll_index: Annotated[Compact[u32], TypeName("PollIndexOf<T, I>")],
        vote: Choice,
    ) -> PostInfo:
        """Vote, or change your vote; what is put in stays locked."""
        who = origin.signed()
        if isinstance(vote, Standard):
            self._ensure_sensible(vote.vote.conviction)
        self._ensure_owns(who, stake_of(vote))
        track = self.polls.ongoing(poll_index)
        if track is None:
            raise self.NotOngoing
        casting = self._casting(who, track)
        votes = dict(casting.votes)
        before = votes.get(poll_index)
        if before is None and len(votes) >= self.max_votes:
            raise self.MaxVotesReached
        votes[poll_index] = vote
        casting.votes = sorted(votes.items(), key=lambda entry: entry[0])
        self.voting_for[(who, track)] = VoteCasting(casting)
        others = casting.delegations
        self._recount(poll_index, track, who, ballot_of(before, others), ballot_of(vote, others))
        self._extend_lock(who, track, stake_of(vote))
        self.deposit(self.Voted(who, vote))
        return weighed(casting)

    @call(1, weight=lending_info)
    def delegate(
        self,
        origin: Origin,
        class_: Class,
        to: Address,
        conviction: Annotated[Conviction, TypeName("Conviction")],
        balance: Amount,
    ) -> PostInfo:
        """Let another vote with `balance` of yours in a class, as it likes."""
        who, target = origin.signed(), lookup(to)
        self._ensure_class(class_)
        self._ensure_sensible(conviction)
        self._ensure_owns(who, balance)
        if who == target:
            raise self.Nonsense
        if not self.electorate.may_delegate(who):
            raise self.NoPermission
        casting = self._casting(who, class_)
        if casting.votes:
            raise self.AlreadyVoting
        self.voting_for[(who, class_)] = VoteDelegating(
            Delegating(balance, target, conviction, casting.delegations, casting.prior)
        )
        counted = self._lend(target, class_, int(balance))
        self._extend_lock(who, class_, balance)
        self.deposit(self.Delegated(who, target))
        return self._lent_post(counted)

    @call(2, weight=lending_info)
    def undelegate(self, origin: Origin, class_: Class) -> PostInfo:
        """Vote yourself again; what was delegated stays locked for the locking period."""
        who = origin.signed()
        voting = self._voting(who, class_)
        if not isinstance(voting, VoteDelegating):
            raise self.NotDelegating
        known = voting.delegating
        until = self.clock.now() + int(self.vote_locking_period)
        prior = known.prior.joined(until, known.balance)
        self.voting_for[(who, class_)] = VoteCasting(Casting([], known.delegations, prior))
        counted = self._lend(known.target, class_, -int(known.balance))
        self.deposit(self.Undelegated(who))
        return self._lent_post(counted)

    @call(3, weight=voting_info)
    def unlock(self, origin: Origin, class_: Class, target: Address) -> PostInfo:
        """Free what an account's votes of a class need locked no more; anybody may."""
        origin.signed()
        who = lookup(target)
        if class_ not in dict(self.class_locks_for[who]):  # a track may be gone, and still lock
            self._ensure_class(class_)
        voting = self._voting(who, class_)
        known = voting.casting if isinstance(voting, VoteCasting) else voting.delegating
        prior = known.prior.at(self.clock.now())
        if isinstance(known, Casting):
            needed = max((prior.amount, *(stake_of(vote) for _, vote in known.votes)))
        else:
            needed = max(prior.amount, known.balance)
        if prior != known.prior:
            known.prior = prior
            self.voting_for[(who, class_)] = voting
        if known == Casting():
            del self.voting_for[(who, class_)]
        self._set_class_lock(who, class_, needed)
        self.deposit(self.VoteUnlocked(who, class_))
        return weighed(known)

    @call(4, weight=voting_info)
    def remove_vote(
        self,
        origin: Origin,
        class_: Annotated[u16 | None, TypeName("Option<ClassOf<T, I>>")],
        index: Poll,
    ) -> PostInfo:
        """Take your vote back. If the decision is made, its money stays locked all the same."""
        who = origin.signed()
        track = self.polls.ongoing(index) if class_ is None else class_
        if track is None:
            raise self.ClassNeeded
        return self._remove(who, track, index, own=True)

    @call(5, weight=voting_info)
    def remove_other_vote(
        self, origin: Origin, target: Address, class_: Class, index: Poll
    ) -> PostInfo:
        """Remove the vote of another that locks nothing any more."""
        who, voter = origin.signed(), lookup(target)
        return self._remove(voter, class_, index, own=who == voter)

    # ---- private steps: what is allowed

    def _ensure_sensible(self, conviction: int) -> None:
        if conviction > Conviction.Locked1x:
            raise self.Nonsense

    def _ensure_owns(self, who: AccountId, amount: u128) -> None:
        if amount > self.currency.total(who):
            raise self.InsufficientFunds

    def _ensure_class(self, track: u16) -> None:
        if track not in self.polls.classes():
            raise self.BadClass

    # ---- private steps: votes

    def _voting(self, who: AccountId, track: u16) -> VoteCasting | VoteDelegating:
        return self.voting_for[(who, track)]

    def _casting(self, who: AccountId, track: u16) -> Casting:
        voting = self._voting(who, track)
        if isinstance(voting, VoteDelegating):
            raise self.AlreadyDelegating
        return voting.casting

    def _recount(self, poll: u32, track: u16, who: AccountId, old: Ballot, new: Ballot) -> None:
        tally = self.polls.tally(poll)
        self.polls.count(poll, self.electorate.recount(poll, track, who, old, new, tally))

    def _remove(self, who: AccountId, track: u16, poll: u32, *, own: bool) -> PostInfo:
        voting = self._voting(who, track)
        votes = dict(voting.casting.votes) if isinstance(voting, VoteCasting) else {}
        vote: AnyVote | None = votes.pop(poll, None)
        if vote is None or isinstance(voting, VoteDelegating):
            raise self.NotVoter
        casting = voting.casting
        casting.votes = list(votes.items())
        if self.polls.ongoing(poll) is not None:
            if not own:
                raise self.NoPermission
            old = ballot_of(vote, casting.delegations)
            self._recount(poll, track, who, old, ballot_of(None, Delegations()))
            self.deposit(self.VoteRemoved(who, vote))
        else:
            casting.prior = self._locked_by(casting.prior, poll, vote, own=own)
        self.voting_for[(who, track)] = VoteCasting(casting)
        return weighed(casting)

    def _locked_by(self, prior: PriorLock, poll: u32, vote: AnyVote, *, own: bool) -> PriorLock:
        """Return the lock that stays behind a vote that is removed after the end."""
        ended = self.polls.ended(poll)
        if ended is None:  # nothing was decided
            return prior
        until = int(ended) + int(self.vote_locking_period)
        if self.clock.now() >= until:
            return prior
        if not own:
            raise self.NoPermissionYet
        return prior.joined(until, stake_of(vote))

    def _lend(self, target: AccountId, track: u16, by: int) -> int:
        """Change what is delegated to `target`; return how many referenda were counted anew.

        Nothing is counted for nothing: what `target` votes with itself is not others' to look up.
        """
        if not by:
            return 0
        voting = self._voting(target, track)
        if isinstance(voting, VoteDelegating):
            known = voting.delegating
            known.delegations = known.delegations.changed(by)
            self.voting_for[(target, track)] = voting
            return 0
        casting = voting.casting
        old, counted = casting.delegations, 0
        casting.delegations = old.changed(by)
        self.voting_for[(target, track)] = voting
        for poll, vote in casting.votes:
            if isinstance(vote, Standard) and self.polls.ongoing(poll) is not None:
                before, after = ballot_of(vote, old), ballot_of(vote, casting.delegations)
                self._recount(poll, track, target, before, after)
                counted += 1
        return counted

    def _lent_post(self, counted: int) -> PostInfo:
        """Return what a delegation used that had so many referenda counted anew."""
        return PostInfo(weight=voting_info(self).weight + counted * POLL_WEIGHT)

    # ---- private steps: locks

    def _extend_lock(self, who: AccountId, track: u16, amount: u128) -> None:
        known = dict(self.class_locks_for[who]).get(track, u128(0))
        self._set_class_lock(who, track, max(known, amount))

    def _set_class_lock(self, who: AccountId, track: u16, amount: u128) -> None:
        locks = dict(self.class_locks_for[who])
        locks[track] = amount
        kept = [(known, locked) for known, locked in locks.items() if locked]
        if kept:
            self.class_locks_for[who] = kept
        else:
            del self.class_locks_for[who]
        greatest = max((locked for _, locked in kept), default=u128(0))
        self.currency.set_lock(LOCK_ID, who, greatest, Reasons.All)


def weighed(record: Casting | Delegating) -> PostInfo:
    """Return what a call used that read and wrote an account's record."""
    votes = len(record.votes) if isinstance(record, Casting) else 0
    return PostInfo(weight=CALL_WEIGHT + votes * RECORD_WEIGHT)
