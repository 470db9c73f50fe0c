"""Oracle: prices of BTT, as the median of what bonded feeders say.

Feeders bond money and are admitted by the Technical track. Each feeds values for the keys that have
a rule; the value of a key is the median of the values that are not expired, of at least three
feeders. A median too far from the value waits until it has settled; until then there is no price.
No feeder is slashed for a value automatically: the Technical track decides.

Feeders also attest the region and the energy class of providers, from which mining's factors
follow.

| module | has |
|---|---|
| `prices.py` | the median and the rule of jumps, as pure functions |
| `quotes.py` | rules, fed values and prices |
| `feeders.py` | bonds, admission and heartbeats; statements about providers |

Invariant I45: a price is never older than `expires_ms` (at most an hour), never from fewer than
three feeders, and never more than `jump_bps` (at most 10 percent) from the price of the block
before. Described in `docs/oracle.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated

from btt_chain.scale import TypeName, u16, u32, u64, u128
from runtime.frame import (
    Const,
    Constant,
    DispatchError,
    DispatchInfo,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    PostInfo,
    ReasonOf,
    Section,
    Value,
    call,
)
from runtime.frame.aliases import AccountIdOf, CompactBalanceOf
from runtime.pallets.oracle import errors, events, weights
from runtime.pallets.oracle.feeders import Attestations, Feeders
from runtime.pallets.oracle.quotes import Quotes
from runtime.pallets.oracle.types import (
    MAX_FEEDERS,
    MAX_KEY,
    MAX_KEYS,
    Currency,
    EnergyClass,
    FeedValues,
    Key,
    Providers,
    Roster,
    Rule,
    Statement,
    Time,
)
from runtime.pallets.tokenomics.traits import HeldBurns


def by_values(_: Oracle, values: list[tuple[bytes, int]]) -> DispatchInfo:
    """Weigh a feed: each value makes its key's median be computed now, and when it expires."""
    count = len(values)
    return DispatchInfo(weights.feed_values(count) + 2 * count * weights.COMBINE)


def by_keys(pallet: Oracle, *_: object) -> DispatchInfo:
    """Weigh a call that may remove a feeder: all medians are computed again."""
    keys = len(pallet.quotes.due.peek())
    remove = max(weights.LEAVE, weights.ADMIT, weights.SLASH)
    return DispatchInfo(remove + keys * weights.COMBINE)


class Oracle(Pallet, events=events, errors=errors):
    """Prices of BTT by bonded feeders."""

    # ---- constants

    leave_ms: Const[u64]
    """Time from leaving until a feeder's bond can be withdrawn, in milliseconds."""
    max_keys = Constant(u32(MAX_KEYS))
    """Maximum number of keys."""
    max_feeders = Constant(u32(MAX_FEEDERS))
    """Maximum number of admitted feeders."""

    # ---- dependencies

    currency: Currency
    burns: HeldBurns
    time: Time
    providers: Providers
    technical: OriginCheck
    """Origin that admits and slashes feeders."""
    params_origin: OriginCheck
    """Origin that sets the rules of keys."""

    # ---- storage

    roster = Value(Roster, default=[])
    """The admitted feeders, in the order of their admission."""
    paused = Value(Roster, default=[])
    """The admitted feeders whose values do not count until they feed again."""
    has_dispatched = Value(Roster, default=[])
    """The feeders that have fed in this block."""

    # ---- components

    quotes = Part(Quotes)
    feeders = Part(Feeders)
    attestations = Part(Attestations)

    # ---- hold reasons

    class HoldReason(IntEnum):
        """Reasons for which money is on hold."""

        Bond = 0
        """Bond of a feeder."""

    reason = ReasonOf(HoldReason.Bond)
    """The reason of bonds in Balances."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Store the rules of keys, and bond and admit feeders. Raises GenesisError.

        Both optional: `rules` is [[key, rule], ...], where a rule may have the fields of `Rule` in
        camel case; `feeders` is [[address, planck], ...].
        """
        fields = Section(config, "oracle").fields(optional=("rules", "feeders"))
        for row in fields["rules"].rows() if "rules" in fields else []:
            key, rule = row.rows(2)
            try:
                self.quotes.set_rule(genesis_key(key), genesis_rule(rule))
            except DispatchError as error:
                raise row.wrong(f"a valid rule ({error})") from error
        self.feeders.genesis(fields["feeders"].rows() if "feeders" in fields else [])

    def on_initialize(self, number: int) -> int:
        """Compute medians of which a value expired, and end a period of heartbeats."""
        del number
        weight = weights.LOOK + self.quotes.combine_due() * weights.COMBINE
        if self.feeders.is_period_over():
            self.feeders.close_period(self.quotes.longest_heartbeat())
            # The values of paused feeders no longer count: `on_finalize` computes all medians.
            weight += weights.CLOSE_PERIOD + self.quotes.marked() * weights.COMBINE
        return weight

    def on_finalize(self, number: int) -> None:
        """Compute the medians of the keys that were fed, and allow the next feeds."""
        del number
        self.quotes.combine_fed()
        if self.has_dispatched.exists():
            self.has_dispatched.kill()

    # ---- calls

    @call(0, weight=by_values)
    def feed_values(self, origin: Origin, values: FeedValues) -> PostInfo:
        """Feed values: units of each key's currency for 1 BTT, with 18 decimals.

        For admitted feeders, once a block. A valid feed costs no fee.
        """
        who = origin.signed()
        fed = self.has_dispatched.value
        if who in fed:
            raise errors.AlreadyFed
        self.feeders.fed(who)
        self.quotes.feed(who, values)
        self.has_dispatched.value = [*fed, who]
        self.deposit(events.NewFeedData(who, values))
        return PostInfo(pays=False)

    @call(1, weight=weights.JOIN)
    def join(self, origin: Origin, bond: CompactBalanceOf) -> None:
        """Bond `bond` planck as a feeder, or add it to the bond. The Technical track admits."""
        self.feeders.join(origin.signed(), u128(bond))

    @call(2, weight=by_keys)
    def leave(self, origin: Origin) -> None:
        """Stop being a feeder. The bond can be withdrawn after `leave_ms`."""
        self.feeders.leave(origin.signed())

    @call(3, weight=weights.WITHDRAW)
    def withdraw(self, origin: Origin) -> None:
        """Release the bond of a feeder that left `leave_ms` ago."""
        self.feeders.withdraw(origin.signed())

    @call(4, weight=weights.SET_RULE)
    def set_rule(
        self, origin: Origin, key: Key, rule: Annotated[Rule | None, TypeName("Option<Rule>")]
    ) -> None:
        """Set the rule of a key, or remove the key with all its values."""
        self.params_origin(origin)
        self.quotes.set_rule(key, rule)
        self.deposit(events.RuleSet(key, rule))

    @call(5, weight=by_keys)
    def admit(self, origin: Origin, who: AccountIdOf, admitted: bool) -> None:
        """Admit a feeder, or withdraw its admission and remove its values."""
        self.technical(origin)
        self.feeders.admit(who, admitted=admitted)

    @call(6, weight=by_keys)
    def slash(self, origin: Origin, who: AccountIdOf, bps: u16) -> None:
        """Burn a part of a feeder's bond, in basis points. Below `min_bond` it is removed."""
        self.technical(origin)
        self.feeders.slash(who, int(bps))

    @call(7, weight=weights.ATTEST)
    def attest(
        self, origin: Origin, provider: AccountIdOf, region: u16, energy: EnergyClass
    ) -> None:
        """State the region and the energy class of a provider.

        They count for mining once a majority of the feeders, and at least three, state the same.
        """
        who = origin.signed()
        if who not in self.roster.peek():
            raise errors.NotFeeder
        self.attestations.attest(provider, Statement(who, region, energy))

    # ---- public interface

    def price(self, key: bytes) -> u128:
        """Return the price of 1 BTT in the currency of a key, with 18 decimals, above 0.

        It is that of the end of the block before. Raises UnknownKey, Few, Stale or Jumping.
        """
        return self.quotes.price(key)


def genesis_key(section: Section) -> bytes:
    """Return a key of the genesis configuration. Raises GenesisError."""
    key = section.text().encode()
    if not 0 < len(key) <= MAX_KEY:
        raise section.wrong(f"1 to {MAX_KEY} bytes, as BTT/CNY")
    return key


def genesis_rule(section: Section) -> Rule:
    """Return a rule of the genesis configuration; missing fields have their defaults."""
    names = {
        "minCount": "min_count",
        "expiresMs": "expires_ms",
        "jumpBps": "jump_bps",
        "settleMs": "settle_ms",
        "heartbeatMs": "heartbeat_ms",
        "deviationBps": "deviation_bps",
    }
    fields, rule = section.fields(optional=tuple(names)), Rule()
    for name, field in fields.items():
        attribute = names[name]
        kind = type(getattr(rule, attribute))
        setattr(rule, attribute, kind(field.integer(kind.MAX)))
    return rule
