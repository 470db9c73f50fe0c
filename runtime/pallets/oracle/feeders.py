"""Feeders: their bonds, their admission, their heartbeats, and their statements.

| state of a feeder | call or hook | next state |
|---|---|---|
| none | `join` with at least `min_bond` | candidate |
| candidate | `admit(true)` | active |
| active, paused | `admit(false)`, or a slash below `min_bond` | candidate |
| active | hook: more than a fifth of a day's heartbeats missed | paused |
| paused | `feed_values` | active |
| candidate, active, paused | `leave` | leaving |
| leaving, after `leave_ms` | `withdraw` | none |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.constants import DAY_MS
from runtime.frame import Component, Constant, DispatchError, Map, Reason, Section, Value
from runtime.pallets.oracle import errors, events
from runtime.pallets.oracle.quotes import Quotes
from runtime.pallets.oracle.types import (
    ENERGY_PPM,
    MAX_FEEDERS,
    MIN_BOND,
    Currency,
    Feeder,
    FeederState,
    Providers,
    Roster,
    Statement,
    Statements,
    Time,
    Watch,
)
from runtime.pallets.tokenomics.traits import HeldBurns
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import BPS

MISSED_BPS: Final = 2_000
"""Part of a day's heartbeats that a feeder may miss, in basis points."""
ADMITTED: Final = (FeederState.Active, FeederState.Paused)


class Feeders(Component):
    """The bonded feeders."""

    min_bond = Constant(u128(MIN_BOND))
    """Minimum bond of a feeder, in planck."""
    max_missed = Constant(u32(MISSED_BPS))
    """Part of a day's heartbeats that a feeder may miss before it is paused, in basis points."""

    _quotes: Quotes
    _roster: Value[Roster]
    _paused: Value[Roster]
    _currency: Currency
    _burns: HeldBurns
    _time: Time
    _leave_ms: int
    _reason: Reason

    feeders = Map(AccountId, Feeder)
    """All bonded feeders."""
    watch = Value(Watch, default=Watch())
    """The current day and period of heartbeats."""

    def genesis(self, rows: Sequence[Section]) -> None:
        """Bond and admit feeders; each row is [address, planck]. Raises GenesisError."""
        for row in rows:
            account, amount = row.rows(2)
            try:
                self.join(account.account(), amount.planck())
                self.admit(account.account(), admitted=True)
            except DispatchError as error:
                raise row.wrong(f"an account that can be a feeder ({error})") from error

    # ---- calls

    def join(self, who: AccountId, bond: u128) -> None:
        """Put a bond on hold, or add to it; see `Oracle.join`."""
        feeder = self.feeders.get(who) or Feeder(u128(0), since=u64(self._time.moment()))
        if feeder.state is FeederState.Leaving:
            raise errors.AlreadyLeft
        if feeder.bond + bond < self.min_bond:
            raise errors.LowBond
        self._currency.hold(self._reason, who, bond)
        feeder.bond += bond
        self.feeders[who] = feeder
        self.deposit(events.Joined(who, feeder.bond))

    def admit(self, who: AccountId, *, admitted: bool) -> None:
        """Admit a candidate, or withdraw its admission; see `Oracle.admit`."""
        feeder = self._joined(who)
        if admitted is (feeder.state in ADMITTED):
            raise errors.NothingChanges
        if not admitted:
            self._remove(who, feeder)
            return
        if feeder.bond < self.min_bond:
            raise errors.LowBond
        if len(self._roster.peek()) >= MAX_FEEDERS:
            raise errors.FeedersFull
        feeder.state, feeder.fed_at = FeederState.Active, u64(self._time.moment())
        feeder.fed, feeder.missed = u32(0), u32(0)
        self.feeders[who] = feeder
        self._roster.value = [*self._roster.value, who]
        self.deposit(events.Admitted(who))

    def leave(self, who: AccountId) -> None:
        """Stop being a feeder; the bond is free later. See `Oracle.leave`."""
        feeder = self._joined(who)
        if feeder.state in ADMITTED:
            self._remove(who, feeder)
        feeder.state = FeederState.Leaving
        feeder.free_at = u64(self._time.moment() + self._leave_ms)
        self.feeders[who] = feeder
        self.deposit(events.Left(who, feeder.free_at))

    def withdraw(self, who: AccountId) -> None:
        """Release the bond of a feeder that left; see `Oracle.withdraw`."""
        feeder = self.feeders.get(who)
        if feeder is None:
            raise errors.NotJoined
        if feeder.state is not FeederState.Leaving or feeder.free_at > self._time.moment():
            raise errors.StillBonded
        self._currency.release(self._reason, who, feeder.bond)
        del self.feeders[who]
        self.deposit(events.Withdrawn(who, feeder.bond))

    def slash(self, who: AccountId, bps: int) -> None:
        """Burn a part of a bond, also of a feeder that has left; see `Oracle.slash`."""
        feeder = self.feeders.get(who)
        if feeder is None:
            raise errors.NotJoined
        lost = u128(int(feeder.bond) * min(bps, BPS) // BPS)
        self._burns.destroy_held(self._reason, who, lost, BurnReason.Slash, force=True)
        feeder.bond -= lost
        self.deposit(events.Slashed(who, lost))
        if feeder.state in ADMITTED and feeder.bond < self.min_bond:
            self._remove(who, feeder)
        else:
            self.feeders[who] = feeder

    # ---- public interface

    def fed(self, who: AccountId) -> None:
        """Note a feed of an admitted feeder. Raises NotFeeder."""
        feeder = self.feeders.get(who)
        if feeder is None or feeder.state not in ADMITTED:
            raise errors.NotFeeder
        if feeder.state is FeederState.Paused:
            feeder.state, feeder.fed, feeder.missed = FeederState.Active, u32(0), u32(0)
            self._paused.value = without(self._paused.value, who)
            self.deposit(events.Resumed(who))
        feeder.fed_at = u64(self._time.moment())
        self.feeders[who] = feeder

    def is_period_over(self) -> bool:
        """Return True if the period of heartbeats is over."""
        watch, now = self.watch.peek(), self._time.moment()
        return now > 0 and now >= int(watch.began) + int(watch.length)

    def close_period(self, heartbeat_ms: int) -> None:
        """End the period of heartbeats; the next one lasts `heartbeat_ms`.

        A pause of the chain is in one period: no feeder could feed.
        """
        watch, now = self.watch.value, self._time.moment()
        is_new_day = now - int(watch.day) >= DAY_MS
        if watch.began:
            for who in self._roster.peek():
                self._count(who, int(watch.began), int(watch.length), is_new_day=is_new_day)
        day = u64(now) if is_new_day else watch.day
        self.watch.value = Watch(day, u64(now), u64(heartbeat_ms))

    # ---- internals

    def _joined(self, who: AccountId) -> Feeder:
        """Return a feeder that has not left."""
        feeder = self.feeders.get(who)
        if feeder is None:
            raise errors.NotJoined
        if feeder.state is FeederState.Leaving:
            raise errors.AlreadyLeft
        return feeder

    def _remove(self, who: AccountId, feeder: Feeder) -> None:
        """Withdraw the admission of a feeder, and remove its values."""
        feeder.state = FeederState.Candidate
        self.feeders[who] = feeder
        self._roster.value = without(self._roster.value, who)
        if who in self._paused.peek():
            self._paused.value = without(self._paused.value, who)
        self._quotes.forget(who)
        self.deposit(events.Removed(who))

    def _count(self, who: AccountId, began: int, length: int, *, is_new_day: bool) -> None:
        """Count a heartbeat or a missed one, and pause a feeder with too many of these."""
        feeder = self.feeders[who]
        if feeder.fed_at >= began:
            feeder.fed += 1
        else:
            feeder.missed += 1
        if feeder.state is FeederState.Active and is_too_many(int(feeder.missed), length):
            feeder.state = FeederState.Paused
            self._paused.value = [*self._paused.value, who]
            self._quotes.mark_all()
            self.deposit(events.Paused(who))
        if is_new_day:
            feeder.fed, feeder.missed = u32(0), u32(0)
        self.feeders[who] = feeder


def is_too_many(missed: int, length: int) -> bool:
    """Return True if a feeder missed too many of a day's heartbeats, one in `length` ms each."""
    return missed * BPS > DAY_MS // length * MISSED_BPS


def without(roster: Roster, who: AccountId) -> Roster:
    """Return a list of feeders without one of them."""
    return [each for each in roster if each != who]


MIN_QUORUM: Final = 3
"""Minimum number of feeders that must agree."""


class Attestations(Component):
    """Statements about providers, until a majority agrees."""

    _roster: Value[Roster]
    providers: Providers

    statements = Map(AccountId, Statements, default=[])
    """Feeders' statements about a provider that no majority agreed on yet."""

    def attest(self, provider: AccountId, statement: Statement) -> None:
        """Store a statement in place of the feeder's last one, and apply it if a majority agrees.

        Raises Mining.NotOperator or Mining.UnknownRegion.
        """
        self.providers.ensure_attestable(provider, statement.region)
        roster = self._roster.peek()
        others = [
            each
            for each in self.statements[provider]
            if each.feeder in roster and each.feeder != statement.feeder
        ]
        said = (statement.region, statement.energy)
        agreed = 1 + sum((each.region, each.energy) == said for each in others)
        if agreed < quorum(len(roster)):
            self.statements[provider] = [*others, statement]
            return
        del self.statements[provider]
        self.providers.attest(provider, statement.region, ENERGY_PPM[statement.energy])
        self.deposit(events.ProviderAttested(provider, statement.region, statement.energy))


def quorum(feeders: int) -> int:
    """Return the number of feeders that must agree: a majority, and at least three."""
    return max(MIN_QUORUM, feeders // 2 + 1)
