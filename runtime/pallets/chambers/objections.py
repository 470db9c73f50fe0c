"""Objections of the chambers' members to milestones that the Foundation attested.

An objection counts with its account's power in every chamber, as a vote does, and locks money until
the objection window ends. Weights and electorates are frozen at the first objection to an
attestation. Once the objections have a tenth of all weights, the milestone does not count.
"""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, u32, u64, u128
from runtime.frame import Component, DoubleMap, Hasher, Map
from runtime.frame.traits import Clock, Reasons
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.chambers import errors, events, formulas
from runtime.pallets.chambers.polls import Polls
from runtime.pallets.chambers.powers import Powers
from runtime.pallets.chambers.types import (
    MAX_OBJECTIONS,
    OBJECTION_LOCK_ID,
    Milestones,
    ObjectionRound,
    OwnObjection,
)


class Objections(Component):
    """Objections to attested milestones, with their power and the money that they lock."""

    polls: Polls
    powers: Powers
    milestones: Milestones
    currency: Balances
    clock: Clock
    least_backing: u128

    objection_rounds = DoubleMap(
        u32, u32, ObjectionRound, hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat)
    )
    """Objections to the last attestation of a milestone, by programme and index."""
    own_objections = Map(AccountId, Bounded[list[OwnObjection], MAX_OBJECTIONS], default=[])
    """An account's objections that lock its money, the oldest first."""

    # ---- public interface

    def add(self, who: AccountId, programme: u32, index: u32, planck: u128) -> None:
        """Object to a milestone, which stops it if enough others did; lock `planck`.

        Raises the errors of `Milestones.expect_pending`, and ObjectionTooSmall, InsufficientFunds,
        AlreadyObjected, TooManyObjections and NoVotingPower.
        """
        since, until = self.milestones.expect_pending(programme, index)
        if planck < self.least_backing:
            raise errors.ObjectionTooSmall
        if planck > self.currency.total(who):
            raise errors.InsufficientFunds
        own = self._unexpired(who)
        if any(is_of(one, programme, index, since) for one in own):
            raise errors.AlreadyObjected
        if len(own) >= MAX_OBJECTIONS:
            raise errors.TooManyObjections
        current = self._round(programme, index, since)
        powers = [u128(power) for power in self.powers.of(who, int(planck), current.poll)]
        if not any(powers):
            raise errors.NoVotingPower

        self._count(programme, index, current, powers, 1)
        one = OwnObjection(programme, index, since, until, planck, powers)
        self._store(who, [*own, one])
        objected = formulas.objected(current.poll.chambers)
        self.deposit(events.ObjectionRaised(who, programme, index, u128(objected)))
        if objected >= formulas.OBJECTION_WEIGHT:
            self.milestones.object_to(programme, index)

    def withdraw(self, who: AccountId, programme: u32, index: u32) -> None:
        """Withdraw an objection within the window; its money is unlocked.

        Raises the errors of `Milestones.expect_pending`, and NotObjecting.
        """
        since, _ = self.milestones.expect_pending(programme, index)
        own = self.own_objections[who]
        found = [one for one in own if is_of(one, programme, index, since)]
        if not found:
            raise errors.NotObjecting
        current = self._round(programme, index, since)
        self._count(programme, index, current, found[0].powers, -1)
        self._store(who, [one for one in own if one != found[0]])
        self.deposit(events.ObjectionWithdrawn(who, programme, index))

    def unlock(self, who: AccountId) -> None:
        """Remove an account's objections that are decided, and unlock their money.

        Raises NotObjecting if there are none.
        """
        own = self.own_objections[who]
        kept = [one for one in own if self._is_open(one)]
        if len(kept) == len(own):
            raise errors.NotObjecting
        self._store(who, kept)

    def objected(self, programme: u32, index: u32, since: u64) -> int:
        """Return the weight of the objections to an attestation, in billionths of a part of 7,000.

        `since` is the slot of the attestation.
        """
        current = self.objection_rounds.get((programme, index))
        if current is None or current.since != since:
            return 0
        return formulas.objected(current.poll.chambers)

    # ---- internals

    def _round(self, programme: u32, index: u32, since: u64) -> ObjectionRound:
        """Return the objections to an attestation; before the first one, new sums."""
        current = self.objection_rounds.get((programme, index))
        if current is not None and current.since == since:
            return current
        return ObjectionRound(since, self.polls.frozen_now())

    def _count(
        self, programme: u32, index: u32, current: ObjectionRound, powers: Sequence[u128], sign: int
    ) -> None:
        for chamber, power in zip(current.poll.chambers, powers, strict=True):
            nays = int(chamber.votes.nays) + sign * int(power)
            chamber.votes = formulas.against(nays)
        self.objection_rounds[programme, index] = current

    def _unexpired(self, who: AccountId) -> list[OwnObjection]:
        now = self.clock.now()
        return [one for one in self.own_objections[who] if int(one.until) > now]

    def _is_open(self, one: OwnObjection) -> bool:
        return self.milestones.pending_since(one.programme, one.index) == one.since

    def _store(self, who: AccountId, own: list[OwnObjection]) -> None:
        """Store an account's objections, and lock the largest of their amounts: locks overlap."""
        locked = max((one.locked for one in own), default=u128(0))
        self.currency.set_lock(OBJECTION_LOCK_ID, who, locked, Reasons.All)
        if own:
            self.own_objections[who] = own
        else:
            del self.own_objections[who]


def is_of(one: OwnObjection, programme: u32, index: u32, since: u64) -> bool:
    """Return True if this is an objection to the attestation of a milestone in slot `since`."""
    return (one.programme, one.index, one.since) == (programme, index, since)
