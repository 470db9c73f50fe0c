"""Eras: the work of the current one, and the unclaimed shares of those that ended."""

from __future__ import annotations

from typing import Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import mul_div
from btt_chain.scale import u32, u128
from runtime.constants import DAY_MS
from runtime.emission import emitted, issued, pace
from runtime.frame import Component, Constant, DoubleMap, Hasher, Map, Value
from runtime.frame.traits import Clock
from runtime.pallets.mining import errors, events, factors, weights
from runtime.pallets.mining.ledger import EmissionLedger
from runtime.pallets.mining.shares import Step, added, earned, part, score_of
from runtime.pallets.mining.standings import Standings
from runtime.pallets.mining.types import (
    FEE_PRICE,
    MAX_PRICE,
    MIN_PRICE,
    PROTOCOL_PRICE,
    EraRecord,
    Estimate,
    Granted,
    Params,
    Running,
    Steps,
)
from runtime.splits import BPS, PPM

CLAIM_DAYS: Final = 84
EXPIRY_STEPS: Final = 8
"""Maximum number of eras that one block checks for expired rewards."""
SWEPT: Final = 16
"""Maximum number of expired shares that each of these steps removes."""


class Work(NamedTuple):
    """The amounts of a final receipt."""

    units: int
    fees: u128
    """Fees that it cost, in planck."""
    counted: int
    """Work that the fees paid for, in parts of a unit."""
    score: int


class Settled(NamedTuple):
    """The settlement of one operator's share of one era; amounts in planck."""

    number: int
    era: EraRecord
    part: int
    reward: int


class Schedule(NamedTuple):
    """The emission of a pool over epochs, counted from genesis; amounts in planck."""

    pool: int
    """The pool at genesis."""
    epoch_slots: int
    slot_ms: int

    def begin(self, epoch: int) -> int:
        """Return the ms since genesis at which an epoch begins."""
        return epoch * self.epoch_slots * self.slot_ms

    def between(self, epoch: int, until: int) -> int:
        """Return the emission of the epochs from `epoch` to before `until`."""
        return issued(self.pool, self.begin(epoch), self.begin(until))

    def budget(self, epoch: int) -> int:
        """Return the emission of an epoch."""
        return self.between(epoch, epoch + 1)

    def limit(self, epoch: int) -> int:
        """Return the maximum unallocated emission to be paid in an epoch."""
        return pace(self.pool, self.begin(epoch), self.begin(epoch + 1))

    def by(self, slot: int) -> int:
        """Return the emission by a slot, counted from genesis."""
        return emitted(self.pool, slot * self.slot_ms)


class Prices(Component):
    """The prices, which move at the end of each era."""

    min_price = Constant(MIN_PRICE)
    """Minimum price of a unit of work, in fees and in jobs of the chain itself, in planck."""
    max_price = Constant(MAX_PRICE)
    """Maximum of these prices that governance and genesis may set, in planck per unit of work."""
    price_step = Constant(u32(factors.PRICE_STEP))
    """Divisor: an era changes each of these prices by at most one part in this many."""

    fee_price = Value(u128, default=FEE_PRICE)
    """Fees that a unit of work must have cost to count in full, in planck (phi)."""
    protocol_price = Value(u128, default=PROTOCOL_PRICE)
    """Price of a unit of the chain's own jobs, in planck."""

    def move(self, running: Running, target: int) -> None:
        """Move the prices: towards the fees that were paid, and towards governance's target."""
        floor = int(MIN_PRICE)
        if running.units:
            paid = int(running.fees) // int(running.units)
            price = factors.towards(int(self.fee_price.value), paid, floor)
            self.fee_price.value = u128(price)
        price = int(self.protocol_price.value)
        if target != price:
            self.protocol_price.value = u128(factors.towards(price, target, floor))


class Eras(Component):
    """The current era, and the closed ones until their rewards are claimed or expire."""

    claim_days = Constant(u32(CLAIM_DAYS))
    """Days of 24 hours in which an era's rewards can be claimed; then they become unallocated."""

    _ledger: EmissionLedger
    _prices: Prices
    _standings: Standings
    _params: Value[Params]
    _clock: Clock
    _era_length: int
    _slot_ms: int

    era_index = Value(u32, default=u32(0))
    """The current era: the number of closed ones."""
    began = Value(u32, default=u32(0))
    """Epoch in which the current era began, counted from genesis."""
    running = Value(Running, default=Running())
    """The sums over the receipts of the current era."""
    eras = Map(u32, EraRecord, hasher=Hasher.Twox64Concat)
    """The closed eras in which an operator scored, until they expire."""
    oldest = Value(u32, default=u32(0))
    """No era before this one is stored."""
    shares = DoubleMap(u32, AccountId, Steps)
    """Operators' receipts in an era, summed up, until they are claimed."""
    granted = Map(AccountId, Granted, default=Granted())
    """Additional rewards granted for verified requesters' fees, by era."""

    # ---- public interface

    def epoch(self) -> int:
        """Return the epoch of this slot, counted from genesis."""
        return self._clock.now() // self._era_length

    def schedule(self) -> Schedule:
        """Return the schedule of the emission."""
        return Schedule(int(self._ledger.allocated.value), self._era_length, self._slot_ms)

    def limit(self) -> int:
        """Return the maximum unallocated emission to be paid in the current era, in planck."""
        return self.schedule().limit(int(self.began.value))

    def add(self, operator: AccountId, work: Work, cap: int) -> None:
        """Add a receipt, which earns at most `cap` planck, to the current era."""
        era, running = self.era_index.value, self.running.value
        running.units += work.units
        running.fees += work.fees
        running.counted += work.counted
        running.score += work.score
        if work.score:
            steps = self.shares.get((era, operator))
            running.operators += steps is None
            self.shares[era, operator] = added(steps or [], work.score, cap)
        self.running.value = running

    def cap(self, fees: u128, requester: AccountId | None) -> int:
        """Return the maximum reward of a receipt for its fees, in planck.

        A verified `requester` may get more for its fees, within a budget of its own; None: it is
        not verified. The used part of the budget is stored.
        """
        params = self._params.peek()
        cap = mul_div(fees, params.kappa, PPM)
        if requester is None:
            return cap
        granted, era = self.granted[requester], self.era_index.value
        used = int(granted.amount) if granted.era == era else 0
        more = mul_div(fees, params.kappa_verified - params.kappa, PPM)
        more = min(more, max(int(params.verified_budget) - used, 0))
        if more:
            self.granted[requester] = Granted(era, u128(used + more))
        return cap + more

    def close(self, epoch: int) -> None:
        """End the current era, and begin one in `epoch`. The epochs between were idle."""
        era, began, schedule = self.era_index.value, int(self.began.value), self.schedule()
        budget, idle = schedule.budget(began), schedule.between(began + 1, epoch)
        running = self.running.value
        owed = budget if running.score else 0
        if running.score:
            expires = (began + 1) * self._era_length + CLAIM_DAYS * DAY_MS // self._slot_ms
            max_reward = self._max_reward(budget, int(running.operators))
            self.eras[era] = EraRecord(
                u128(budget), running.score, u128(owed), max_reward, u32(expires)
            )
        self._ledger.emit(budget + idle, owed)

        self._prices.move(running, int(self._params.peek().protocol_price))
        self._standings.last_counted.value = running.counted if epoch == began + 1 else u128(0)
        self.running.kill()
        self._ledger.unallocated_spent.kill()
        self.era_index.value = u32(era + 1)
        self.began.value = u32(epoch)
        total = budget + idle
        self.deposit(events.EraEnded(era, u128(total), u128(owed), u128(total - owed)))

    def claim(self, who: AccountId, first: int, last: int) -> int:
        """Pay the rewards of `who` for these eras; return the number of eras with a share."""
        settled = [row for era in range(first, last + 1) if (row := self.settled(era, who))]
        if not settled:
            raise errors.NothingToClaim
        self._ledger.pay(who, sum(row.reward for row in settled), sum(row.part for row in settled))
        for row in settled:
            row.era.left -= row.part
            self.eras[u32(row.number)] = row.era
            del self.shares[u32(row.number), who]
            if row.reward:
                self.deposit(events.RewardPaid(who, u32(row.number), u128(row.reward)))
        return len(settled)

    def settled(self, era: int, who: AccountId) -> Settled | None:
        """Return the settlement of the share of `who` in a closed era; None without one."""
        steps = self.shares.get((u32(era), who))
        record = None if steps is None else self.eras.get(u32(era))
        if steps is None or record is None or self._clock.now() >= record.expires:
            return None
        return settle(era, record, steps)

    def estimate(self, who: AccountId, era: int | None) -> Estimate | None:
        """Return the unclaimed earnings of `who` in an era, or None; see `Mining.estimate`."""
        index = self.era_index.value
        if era is not None and era != index:
            row = self.settled(era, who)
            if row is None:
                return None
            until = u32(row.era.expires - 1)
            return Estimate(u32(era), u128(row.part), u128(row.reward), until)
        steps = self.shares.get((index, who))
        if steps is None:
            return None
        running = self.running.value
        budget = self.schedule().budget(int(self.began.value))
        max_reward = self._max_reward(budget, int(running.operators))
        era_now = EraRecord(u128(budget), running.score, u128(budget), max_reward, u32(0))
        row = settle(int(index), era_now, steps)
        return Estimate(index, u128(row.part), u128(row.reward), None)

    def expire(self) -> int:
        """Expire rewards that were not claimed in time, a few eras a block; return the weight."""
        weight = 0
        for _ in range(EXPIRY_STEPS):
            index = self.oldest.value
            if index >= self.era_index.value:
                break
            era = self.eras.get(index)
            if era is not None and self._clock.now() < era.expires:
                break
            weight += weights.EXPIRE
            if era is not None and not self._swept(index, era):
                return weight
            self.oldest.value = u32(index + 1)
        return weight

    # ---- internals

    def _max_reward(self, budget: int, operators: int) -> u128:
        """Return the maximum reward of one of `operators` from a budget, in planck."""
        params = self._params.peek()
        if operators < params.operator_cap_from:
            return u128(budget)
        return u128(mul_div(budget, params.operator_cap, BPS))

    def _swept(self, index: u32, era: EraRecord) -> bool:
        """Make the rest of an era unallocated, and remove shares; return True if none is left."""
        if era.left:
            self._ledger.expire(era.left)
            self.deposit(events.RewardsExpired(index, era.left))
            era.left = u128(0)
            self.eras[index] = era
        forgotten = self.shares.some_under(index, SWEPT)
        for who in forgotten:
            del self.shares[index, who]
        if len(forgotten) == SWEPT:
            return False
        del self.eras[index]
        return True


def settle(number: int, era: EraRecord, steps: list[Step]) -> Settled:
    """Return the settlement of a share with these receipts, by the sums of its era."""
    budget, total = int(era.budget), int(era.score)
    reward = min(earned(steps, budget, total), int(era.max_reward))
    return Settled(number, era, part(budget, score_of(steps), total), reward)
