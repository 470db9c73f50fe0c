"""Runtime API of the oracle: prices with their state, and feeders.

`get_value` and `get_all_values` have ORML's shapes; they return a value only while it is a price to
rely on. Source: orml_oracle_runtime_api::OracleApi
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import UNIX_MS
from btt_chain.scale import path, u64
from runtime.frame.aliases import Account
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.oracle import errors
from runtime.pallets.oracle.pallet import Oracle
from runtime.pallets.oracle.types import Feeder, Key, Rule, TimestampedValue, Waiting


@path("btt_runtime::oracle::DataProviderId")
class DataProviderId(IntEnum):
    """A source of values: there is one, all feeders together."""

    Aggregated = 0


@path("btt_runtime::oracle::PriceState")
class PriceState(IntEnum):
    """The state of a key's price."""

    Ready = 0
    """The value is a price to rely on."""
    Few = 1
    """Too few feeders have a value that is not expired."""
    Stale = 2
    """The value is too old."""
    Jumping = 3
    """The median moved too far, and has not settled yet."""


@path("btt_runtime::oracle::PriceView")
@dataclass(frozen=True, slots=True)
class PriceView:
    """A key with its rule and its price."""

    key: Key
    state: PriceState
    value: TimestampedValue | None
    """The last value, even if it is no price now; None if there never was one."""
    waiting: Waiting | None
    """The median that waits to settle."""
    enough_until: Annotated[u64, UNIX_MS]
    """Time in milliseconds until which enough values are fresh; 0: too few are."""
    rule: Rule


@path("btt_runtime::oracle::FeederView", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class FeederView:
    """A feeder with its newest values."""

    account: Account
    feeder: Feeder
    values: list[tuple[Key, TimestampedValue]]


class OracleApi(RuntimeApi, version=1):
    """Prices of BTT, and their feeders."""

    _oracle = PalletOf(Oracle)

    def get_value(self, provider_id: DataProviderId, key: Key) -> TimestampedValue | None:
        """Return the price of a key with the time at which it was fed; None if there is none."""
        del provider_id
        return self._price(key)[1]

    def get_all_values(
        self, provider_id: DataProviderId
    ) -> list[tuple[Key, TimestampedValue | None]]:
        """Return the prices of all keys; None for keys without one."""
        del provider_id
        return [(key, self._price(key)[1]) for key in self._oracle.quotes.all_keys()]

    def prices(self) -> list[PriceView]:
        """Return all keys with their rules, values and states."""
        quotes, views = self._oracle.quotes, []
        for key in quotes.all_keys():
            round_ = quotes.round[key]
            state, value, waiting = self._price(key)[0], quotes.values.get(key), None
            if key in quotes.waiting:
                waiting = quotes.waiting[key]
            rule = quotes.rules[key]
            views.append(PriceView(key, state, value, waiting, round_.enough_until, rule))
        return views

    def feeders(self) -> list[FeederView]:
        """Return the admitted feeders with their values, in the order of their admission."""
        found = (self.feeder(who) for who in self._oracle.roster.peek())
        return [view for view in found if view is not None]

    def feeder(self, account: AccountId) -> FeederView | None:
        """Return a feeder with its values; None if the account has no bond as one."""
        oracle = self._oracle
        feeder = oracle.feeders.feeders.get(account)
        if feeder is None:
            return None
        values = (
            (key, oracle.quotes.raw_values.get((account, key))) for key in oracle.quotes.all_keys()
        )
        return FeederView(
            account, feeder, [(key, value) for key, value in values if value is not None]
        )

    def _price(self, key: bytes) -> tuple[PriceState, TimestampedValue | None]:
        """Return the state of a key's price, and the value if it is a price."""
        oracle = self._oracle
        try:
            oracle.price(key)
        except (errors.UnknownKey, errors.Few):
            return PriceState.Few, None
        except errors.Stale:
            return PriceState.Stale, None
        except errors.Jumping:
            return PriceState.Jumping, None
        return PriceState.Ready, oracle.quotes.values[key]
