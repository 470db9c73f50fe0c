"""The stakers' votes on the issue of assets, and the rewards of the voters."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.frame import Component, DoubleMap, Hasher, Map, ReasonOf
from runtime.frame.traits import Clock, MutateHold
from runtime.pallets.asset_registry import errors, events
from runtime.pallets.asset_registry.types import (
    MAX_FORGOTTEN,
    NOTHING,
    HoldReason,
    Poll,
    Stakers,
    Vote,
    share_of,
)


class Voting(Component):
    """The stakers' votes on assets, and the rewards of the voters.

    A reward is money of the asset's issuer on hold.
    """

    currency: MutateHold
    clock: Clock
    stakers: Stakers
    treasury: AccountId
    vote_slots: u64
    claim_slots: u64
    reason = ReasonOf(HoldReason.VoteReward)

    polls = Map(u32, Poll, hasher=Hasher.Twox64Concat)
    """Stakers' votes on assets, summed."""
    votes = DoubleMap(u32, AccountId, Vote)
    """Votes, by asset and voter, until the voter claims its reward."""

    # ---- votes

    def begin(self, id: u32) -> None:
        """Start the vote on an asset."""
        ends = u64(self.clock.now() + self.vote_slots)
        self.polls[id] = Poll(ends)
        self.deposit(events.VotingStarted(id, ends))

    def cast(self, id: u32, who: AccountId, *, aye: bool) -> None:
        """Count the stake of `who`. Raises VotingOver, AlreadyVoted or NoStake."""
        poll = self._poll(id)
        if self.clock.now() >= poll.ends:
            raise errors.VotingOver
        if (id, who) in self.votes:
            raise errors.AlreadyVoted
        # Stake that could be withdrawn before the end does not count: it could vote twice.
        lasting = self.stakers.lasting(who, int(poll.ends) - int(self.clock.now()))
        weight = min(self.stakers.active_stake(who), lasting.long + lasting.short)
        if not weight:
            raise errors.NoStake
        self.votes[id, who] = Vote(aye, weight)
        if aye:
            poll.ayes += weight
        else:
            poll.nays += weight
        self.polls[id] = poll
        self.deposit(events.AssetVoted(id, who, aye, weight))

    def ended(self, id: u32) -> Poll:
        """Return the votes on an asset after their end. Raises VotingOpen."""
        poll = self._poll(id)
        if self.clock.now() < poll.ends:
            raise errors.VotingOpen
        return poll

    # ---- rewards

    def set_reward(self, id: u32, poll: Poll, issuer: AccountId, amount: u128) -> None:
        """Put `amount` planck of the issuer on hold for the voters."""
        self.currency.hold(self.reason, issuer, amount)
        poll.reward = poll.left = amount
        poll.expires = u64(self.clock.now() + self.claim_slots)
        self.polls[id] = poll

    def claim(self, id: u32, issuer: AccountId, who: AccountId) -> None:
        """Pay `who` its part of the reward. Raises NothingToClaim."""
        poll, vote = self._poll(id), self.votes.get((id, who))
        if vote is None or not poll.left or self.clock.now() >= poll.expires:
            raise errors.NothingToClaim
        amount = share_of(int(vote.weight), poll.votes, int(poll.reward))
        self.currency.transfer_on_hold(self.reason, issuer, who, amount, on_hold=False)
        del self.votes[id, who]
        poll.left -= amount
        self.polls[id] = poll
        self.deposit(events.VoteRewarded(id, who, amount))

    def expire(self, id: u32, issuer: AccountId) -> None:
        """Transfer the unclaimed reward to the treasury. Raises NothingToClaim."""
        poll = self._poll(id)
        if not poll.left or self.clock.now() < poll.expires:
            raise errors.NothingToClaim
        amount, poll.left = poll.left, NOTHING
        self.currency.transfer_on_hold(self.reason, issuer, self.treasury, amount, on_hold=False)
        self.polls[id] = poll
        self.deposit(events.VoteRewardExpired(id, amount))

    def forget(self, id: u32, *, is_voting: bool) -> int:
        """Remove votes that no longer count; return their number. Raises NothingToForget."""
        poll = self._poll(id)
        counts = is_voting or poll.left
        gone = [] if counts else self.votes.some_under(id, MAX_FORGOTTEN)
        if not gone:
            raise errors.NothingToForget
        for voter in gone:
            del self.votes[id, voter]
        return len(gone)

    # ---- internals

    def _poll(self, id: u32) -> Poll:
        poll = self.polls.get(id)
        if poll is None:
            raise errors.BadState
        return poll
