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

from collections.abc import Callable, Sequence
from typing import Annotated, Final, NamedTuple, Protocol

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
from runtime.pallets.referenda.tracks import TABLE
from runtime.pallets.referenda.types import MAX_QUEUED
from runtime.pallets.scheduler import Clock
from runtime.weights import conviction_voting as weights

LOCK_ID: Final = b"pyconvot"
"""The name of the lock on what votes."""

MAX_MOVED: Final = MAX_QUEUED + max(row.at_once for row in TABLE)
"""Referenda of one class whose alarm or place in the queue can move when they are counted."""

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


def casting(pallet: ConvictionVoting, *_: object) -> DispatchInfo:
    """Weigh `vote` as the first one of its referendum, in a record that is as long as any."""
    return DispatchInfo(weights.vote(int(pallet.max_votes), 1, 1))


def removing(call: Callable[[int, int], int]) -> Callable[..., DispatchInfo]:
    """Return how to weigh the end of one vote, in a record that is as long as any."""

    def weigh(pallet: ConvictionVoting, *_: object) -> DispatchInfo:
        return DispatchInfo(call(int(pallet.max_votes), 1))

    return weigh


def unlocking(pallet: ConvictionVoting, *_: object) -> DispatchInfo:
    """Weigh `unlock` of a record that is as long as any."""
    return DispatchInfo(weights.unlock(int(pallet.max_votes)))


def lending(call: Callable[[int, int, int], int]) -> Callable[..., DispatchInfo]:
    """Return how to weigh a change of two records, and of all referenda of the other one."""

    def weigh(pallet: ConvictionVoting, *_: object) -> DispatchInfo:
        return DispatchInfo(lending_weight(call, int(pallet.max_votes)))

    return weigh


def lending_weight(call: Callable[[int, int, int], int], votes: int) -> int:
    """Return the weight of lending to an account with so many votes, at most, in picoseconds."""
    moved = min(votes, MAX_MOVED)
    return call(0, votes - moved, moved)


def votes_within(most: int) -> u32:
    """Return how many votes an account may have, so that to lend to it weighs at most `most`."""
    calls = (weights.delegate, weights.undelegate)
    votes = MAX_VOTES
    while votes > 1 and max(lending_weight(call, votes) for call in calls) > most:
        votes -= 1
    return u32(votes)


class Lent(NamedTuple):
    """The votes of an account that is delegated to, by the work that a delegation makes."""

    over: int = 0
    """Those in referenda that are over, and those that are divided."""
    counted: int = 0
    """Those in referenda that were counted anew."""
    moved: int = 0
    """Those in referenda whose alarm or place in the queue moved, too."""


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

    def count(self, index: u32, tally: Tally) -> bool:
        """Set what has been counted; return True if anything else of the poll moved by it."""


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

    @call(0, weight=casting)
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
        casting, opens = self._casting(who, track), not self.electorate.is_open(poll_index)
        votes = dict(casting.votes)
        before = votes.get(poll_index)
        if before is None and len(votes) >= self.max_votes:
            raise self.MaxVotesReached
        votes[poll_index] = vote
        casting.votes = sorted(votes.items(), key=lambda entry: entry[0])
        self.voting_for[(who, track)] = VoteCasting(casting)
        others = casting.delegations
        old, new = ballot_of(before, others), ballot_of(vote, others)
        moved = self._recount(poll_index, track, who, old, new)
        self._extend_lock(who, track, stake_of(vote))
        self.deposit(self.Voted(who, vote))
        return PostInfo(weights.vote(len(votes), int(opens), int(moved)))

    @call(1, weight=lending(weights.delegate))
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
        lent = self._lend(target, class_, int(balance))
        self._extend_lock(who, class_, balance)
        self.deposit(self.Delegated(who, target))
        return PostInfo(weights.delegate(*lent))

    @call(2, weight=lending(weights.undelegate))
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
        lent = self._lend(known.target, class_, -int(known.balance))
        self.deposit(self.Undelegated(who))
        return PostInfo(weights.undelegate(*lent))

    @call(3, weight=unlocking)
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
        votes = len(known.votes) if isinstance(known, Casting) else 0
        return PostInfo(weights.unlock(votes))

    @call(4, weight=removing(weights.remove_vote))
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
        return PostInfo(weights.remove_vote(*self._remove(who, track, index, own=True)))

    @call(5, weight=removing(weights.remove_other_vote))
    def remove_other_vote(
        self, origin: Origin, target: Address, class_: Class, index: Poll
    ) -> PostInfo:
        """Remove the vote of another that locks nothing any more."""
        who, voter = origin.signed(), lookup(target)
        removed = self._remove(voter, class_, index, own=who == voter)
        return PostInfo(weights.remove_other_vote(*removed))

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

    def _recount(self, poll: u32, track: u16, who: AccountId, old: Ballot, new: Ballot) -> bool:
        tally = self.polls.tally(poll)
        return self.polls.count(poll, self.electorate.recount(poll, track, who, old, new, tally))

    def _remove(self, who: AccountId, track: u16, poll: u32, *, own: bool) -> tuple[int, int]:
        """Remove a vote; return the votes of the record, and the referenda that moved."""
        voting = self._voting(who, track)
        votes = dict(voting.casting.votes) if isinstance(voting, VoteCasting) else {}
        vote: AnyVote | None = votes.pop(poll, None)
        if vote is None or isinstance(voting, VoteDelegating):
            raise self.NotVoter
        casting = voting.casting
        length, moved = len(casting.votes), False
        casting.votes = list(votes.items())
        if self.polls.ongoing(poll) is not None:
            if not own:
                raise self.NoPermission
            old = ballot_of(vote, casting.delegations)
            moved = self._recount(poll, track, who, old, ballot_of(None, Delegations()))
            self.deposit(self.VoteRemoved(who, vote))
        else:
            casting.prior = self._locked_by(casting.prior, poll, vote, own=own)
        self.voting_for[(who, track)] = VoteCasting(casting)
        return length, int(moved)

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

    def _lend(self, target: AccountId, track: u16, by: int) -> Lent:
        """Change what is delegated to `target`; return its votes by the work that they made.

        Nothing is counted for nothing: what `target` votes with itself is not others' to look up.
        """
        if not by:
            return Lent()
        voting = self._voting(target, track)
        if isinstance(voting, VoteDelegating):
            known = voting.delegating
            known.delegations = known.delegations.changed(by)
            self.voting_for[(target, track)] = voting
            return Lent()
        casting = voting.casting
        old, counted, moved = casting.delegations, 0, 0
        casting.delegations = old.changed(by)
        self.voting_for[(target, track)] = voting
        for poll, vote in casting.votes:
            if isinstance(vote, Standard) and self.polls.ongoing(poll) is not None:
                before, after = ballot_of(vote, old), ballot_of(vote, casting.delegations)
                moved += self._recount(poll, track, target, before, after)
                counted += 1
        return Lent(len(casting.votes) - counted, counted - moved, moved)

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
