"""Conviction voting: votes with money that stays locked for a period.

A vote counts with its balance, which stays locked until the referendum is over and for a locking
period after it, on either side; a vote removed before the end no longer counts and is unlocked at
once. Convictions `None` and `Locked1x` both mean this, others are rejected: longer locks give no
more votes on this chain. An account may delegate its votes, by class; delegated
money follows the delegate's undivided votes, and is not delegated further.

A vote that stands when its referendum is decided is a contribution of its account; it is counted
when it is removed, once, because no one can vote in a decided referendum again.

Invariants: an account's lock is the greatest of its `ClassLocksFor`, and each of those covers the
needs of its votes, its delegation and its former votes of that class; the delegations to an account
are the sum of what others delegate to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, NamedTuple, Protocol

from btt_chain.primitives.account import AccountId
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
from runtime.frame.aliases import AccountIdLookupOf, AccountIdOf
from runtime.frame.traits import Clock, Reasons
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import lookup
from runtime.pallets.conviction_voting import weights
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
from runtime.pallets.referenda.pallet import Referenda
from runtime.pallets.referenda.tracks import TABLE
from runtime.pallets.referenda.types import MAX_QUEUED, Ballot, Electorate

LOCK_ID: Final = b"pyconvot"
"""Identifier of the lock on voting money."""

MAX_MOVED: Final = MAX_QUEUED + max(row.at_once for row in TABLE)
"""Maximum number of referenda of one class whose alarm or place in the queue a recount can move."""

Amount = Annotated[u128, TypeName("BalanceOf<T, I>")]
Class = Annotated[u16, TypeName("ClassOf<T, I>")]
Poll = Annotated[u32, TypeName("PollIndexOf<T, I>")]
Choice = Annotated[AccountVote, TypeName("AccountVote<BalanceOf<T, I>>")]
Locks = Bounded[list[tuple[u16, u128]], MAX_CLASSES]


def casting(pallet: ConvictionVoting, *_: object) -> DispatchInfo:
    """Return the weight of `vote` as the first of its referendum, in a record of maximum size."""
    return DispatchInfo(weights.vote(int(pallet.max_votes), 1, 1))


def removing(call: Callable[[int, int], int]) -> Callable[..., DispatchInfo]:
    """Return the weight function for the removal of a vote from a record of maximum length."""

    def weigh(pallet: ConvictionVoting, *_: object) -> DispatchInfo:
        return DispatchInfo(call(int(pallet.max_votes), 1))

    return weigh


def unlocking(pallet: ConvictionVoting, *_: object) -> DispatchInfo:
    """Return the weight of `unlock` for a record of maximum length."""
    return DispatchInfo(weights.unlock(int(pallet.max_votes)))


def weigh_delegation(call: Callable[[int, int, int], int]) -> Callable[..., DispatchInfo]:
    """Return the weight function for a change of two records and of the delegate's referenda."""

    def weigh(pallet: ConvictionVoting, *_: object) -> DispatchInfo:
        return DispatchInfo(delegation_weight(call, int(pallet.max_votes)))

    return weigh


def delegation_weight(call: Callable[[int, int, int], int], votes: int) -> int:
    """Return the maximum weight of delegating to an account with `votes` votes, in picoseconds."""
    moved = min(votes, MAX_MOVED)
    return call(0, votes - moved, moved)


def votes_within(most: int) -> u32:
    """Return the maximum number of votes for which delegating weighs at most `most`."""
    calls = (weights.delegate, weights.undelegate)
    votes = MAX_VOTES
    while votes > 1 and max(delegation_weight(call, votes) for call in calls) > most:
        votes -= 1
    return u32(votes)


class Recounted(NamedTuple):
    """Numbers of a delegate's votes, by the work that a change of its delegations causes."""

    over: int = 0
    """Votes in referenda that are over, and split votes."""
    counted: int = 0
    """Votes in referenda that were only recounted."""
    moved: int = 0
    """Votes in referenda whose alarm or place in the queue moved, too."""


class Contributions(Protocol):
    """Rewards for voting; `Contributions` of TierStaking implements it."""

    def count_vote(self, who: AccountId) -> None:
        """Count a vote that stood until its referendum was decided."""


class NoopContributions:
    """No rewards for voting."""

    def count_vote(self, who: AccountId) -> None:
        """Do nothing."""


class ConvictionVoting(Pallet, instances=True):
    """Votes with money that stays locked for a period."""

    max_votes: Const[u32] = u32(MAX_VOTES)
    """Maximum number of votes of one account in one class."""
    vote_locking_period: Const[u32]
    """Time that a vote's money stays locked after the decision, in slots."""
    currency: Balances
    clock: Clock
    polls: Referenda
    electorate: Electorate
    contributions: Contributions = NoopContributions()

    voting_for = DoubleMap(
        AccountId,
        u16,
        Voting,
        default=VoteCasting(Casting()),
        hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat),
    )
    """Votes or delegation of an account in a class."""
    class_locks_for = Map(AccountId, Locks, default=[], hasher=Hasher.Twox64Concat)
    """Locks of an account by class, each at least what its votes need."""

    class Delegated(Event, index=0, unnamed=True):
        """An account delegated its votes of a class to another."""

        who: AccountIdOf
        target: AccountIdOf

    class Undelegated(Event, index=1, unnamed=True):
        """An account ended its delegation."""

        who: AccountIdOf

    class Voted(Event, index=2):
        """An account voted, or changed its vote."""

        who: AccountIdOf
        vote: Choice

    class VoteRemoved(Event, index=3):
        """An account removed its vote."""

        who: AccountIdOf
        vote: Choice

    class VoteUnlocked(Event, index=4):
        """The lock of an account for a class was reduced to what its votes need."""

        who: AccountIdOf
        class_: Class

    class NotOngoing(Error, index=0):
        """The referendum is over or does not exist."""

    class NotVoter(Error, index=1):
        """The account has no vote in this class and referendum."""

    class NoPermission(Error, index=2):
        """Only the voter may do this; or the electorate does not let the account delegate, and it
        must vote itself.
        """

    class NoPermissionYet(Error, index=3):
        """The vote still locks money; other accounts may remove it after the locking period."""

    class AlreadyDelegating(Error, index=4):
        """The account delegates its votes of this class; it must undelegate first."""

    class AlreadyVoting(Error, index=5):
        """The account has votes of its own in this class; it must remove them first."""

    class InsufficientFunds(Error, index=6):
        """The account's balance is less than the amount of the vote."""

    class NotDelegating(Error, index=7):
        """The account does not delegate its votes of this class."""

    class Nonsense(Error, index=8):
        """The account delegates to itself, or the conviction is neither None nor Locked1x."""

    class MaxVotesReached(Error, index=9):
        """The account has the maximum number of votes in this class; those of finished referenda
        can be removed.
        """

    class ClassNeeded(Error, index=10):
        """The referendum is over, so its class is required."""

    class BadClass(Error, index=11):
        """There is no such class; classes are tracks of referenda."""

    # ---- calls

    @call(0, weight=casting)
    def vote(
        self,
        origin: Origin,
        poll_index: Annotated[Compact[u32], TypeName("PollIndexOf<T, I>")],
        vote: Choice,
    ) -> PostInfo:
        """Vote, or change the caller's vote; the balance of the vote is locked."""
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

    @call(1, weight=weigh_delegation(weights.delegate))
    def delegate(
        self,
        origin: Origin,
        class_: Class,
        to: AccountIdLookupOf,
        conviction: Conviction,
        balance: Amount,
    ) -> PostInfo:
        """Delegate the caller's votes in a class to `to`, with `balance` planck."""
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
        recounted = self._change_delegations(target, class_, int(balance))
        self._extend_lock(who, class_, balance)
        self.deposit(self.Delegated(who, target))
        return PostInfo(weights.delegate(*recounted))

    @call(2, weight=weigh_delegation(weights.undelegate))
    def undelegate(self, origin: Origin, class_: Class) -> PostInfo:
        """End the caller's delegation; the money stays locked for the locking period."""
        who = origin.signed()
        voting = self._voting(who, class_)
        if not isinstance(voting, VoteDelegating):
            raise self.NotDelegating
        known = voting.delegating
        until = self.clock.now() + int(self.vote_locking_period)
        prior = known.prior.joined(until, known.balance)
        self.voting_for[(who, class_)] = VoteCasting(Casting([], known.delegations, prior))
        recounted = self._change_delegations(known.target, class_, -int(known.balance))
        self.deposit(self.Undelegated(who))
        return PostInfo(weights.undelegate(*recounted))

    @call(3, weight=unlocking)
    def unlock(self, origin: Origin, class_: Class, target: AccountIdLookupOf) -> PostInfo:
        """Reduce an account's lock for a class to what its votes still need. Any signed origin."""
        origin.signed()
        who = lookup(target)
        if class_ not in dict(self.class_locks_for[who]):  # a removed track can still lock
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
        """Remove the caller's vote. After a decision its money stays locked for the period."""
        who = origin.signed()
        track = self.polls.ongoing(index) if class_ is None else class_
        if track is None:
            raise self.ClassNeeded
        return PostInfo(weights.remove_vote(*self._remove(who, track, index, own=True)))

    @call(5, weight=removing(weights.remove_other_vote))
    def remove_other_vote(
        self, origin: Origin, target: AccountIdLookupOf, class_: Class, index: Poll
    ) -> PostInfo:
        """Remove another account's vote that no longer locks money. Any signed origin."""
        who, voter = origin.signed(), lookup(target)
        removed = self._remove(voter, class_, index, own=who == voter)
        return PostInfo(weights.remove_other_vote(*removed))

    # ---- internals: checks

    def _ensure_sensible(self, conviction: int) -> None:
        if conviction > Conviction.Locked1x:
            raise self.Nonsense

    def _ensure_owns(self, who: AccountId, amount: u128) -> None:
        if amount > self.currency.total(who):
            raise self.InsufficientFunds

    def _ensure_class(self, track: u16) -> None:
        if track not in self.polls.classes():
            raise self.BadClass

    # ---- internals: votes

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
        """Remove a vote; return the votes of the record, and the number of referenda that moved."""
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
            if self.polls.ended(poll) is not None and stake_of(vote):
                self.contributions.count_vote(who)
        self.voting_for[(who, track)] = VoteCasting(casting)
        return length, int(moved)

    def _locked_by(self, prior: PriorLock, poll: u32, vote: AnyVote, *, own: bool) -> PriorLock:
        """Return the lock after the removal of a vote of a finished referendum."""
        ended = self.polls.ended(poll)
        if ended is None:  # no decision was made
            return prior
        until = int(ended) + int(self.vote_locking_period)
        if self.clock.now() >= until:
            return prior
        if not own:
            raise self.NoPermissionYet
        return prior.joined(until, stake_of(vote))

    def _change_delegations(self, target: AccountId, track: u16, by: int) -> Recounted:
        """Change the delegations to `target` by `by`; return its votes by the work caused.

        Zero recounts nothing: only `target` itself may have its own power computed anew.
        """
        if not by:
            return Recounted()
        voting = self._voting(target, track)
        if isinstance(voting, VoteDelegating):
            known = voting.delegating
            known.delegations = known.delegations.changed(by)
            self.voting_for[(target, track)] = voting
            return Recounted()
        casting = voting.casting
        old, counted, moved = casting.delegations, 0, 0
        casting.delegations = old.changed(by)
        self.voting_for[(target, track)] = voting
        for poll, vote in casting.votes:
            if isinstance(vote, Standard) and self.polls.ongoing(poll) is not None:
                before, after = ballot_of(vote, old), ballot_of(vote, casting.delegations)
                moved += self._recount(poll, track, target, before, after)
                counted += 1
        return Recounted(len(casting.votes) - counted, counted - moved, moved)

    # ---- internals: locks

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
