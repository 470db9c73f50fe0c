"""oracle_*: prices of BTT and their feeders, from the runtime at a block.

`oracle_getValue` and `oracle_getAllValues` have the names and shapes of ORML's. A key is its text
(`BTT/CNY`) or its bytes in hexadecimal.
"""

from __future__ import annotations

from typing import Annotated

from btt_chain.rpc.params import Hash, Parsed, Unfit, text
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Account, Json, Views
from btt_chain.scale import Bounded, codec
from runtime.apis.oracle import DataProviderId, FeederView, PriceView
from runtime.pallets.oracle import TimestampedValue
from runtime.pallets.oracle.types import MAX_KEY, Key

KEY = codec(Bounded[bytes, MAX_KEY])


def provider(value: object) -> bytes:
    """Return the encoding of a source of values, by its name or its number."""
    for known in DataProviderId:
        if value in (known.name, int(known)) and not isinstance(value, bool):
            return bytes((known,))
    names = ", ".join(known.name for known in DataProviderId)
    raise Unfit(f"no source of values; known are {names}")


def key_of(value: object) -> bytes:
    """Return the encoding of a key."""
    name = text(value)
    try:
        raw = bytes.fromhex(name[2:]) if name.startswith("0x") else name.encode()
    except ValueError:
        raise Unfit("0x is not followed by pairs of hexadecimal digits") from None
    if not 0 < len(raw) <= MAX_KEY:
        raise Unfit(f"a key has 1 to {MAX_KEY} bytes, as BTT/CNY")
    return KEY.encode(raw)


Provider = Annotated[bytes, Parsed(provider)]
OracleKey = Annotated[bytes, Parsed(key_of)]


class OracleApi(Views):
    """The oracle from the runtime at a block, by default the best one."""

    @method("oracle_getValue", cost=HEAVY)
    def get_value(self, provider_id: Provider, key: OracleKey, at: Hash | None = None) -> Json:
        """Return the price of a key, with the time at which it was fed; null if there is none."""
        kind = TimestampedValue | None
        found = self.ask("OracleApi_get_value", kind, at, provider_id + key)
        return None if found is None else self.shown(found)

    @method("oracle_getAllValues", cost=HEAVY)
    def get_all_values(self, provider_id: Provider, at: Hash | None = None) -> Json:
        """Return [key, price] of all keys; null for keys without a price."""
        kind = list[tuple[Key, TimestampedValue | None]]
        found = self.ask("OracleApi_get_all_values", kind, at, provider_id)
        return [
            [name_of(key), None if value is None else self.shown(value)] for key, value in found
        ]

    @method("oracle_prices", cost=HEAVY)
    def prices(self, at: Hash | None = None) -> Json:
        """Return all keys with rule, last value and state: Ready, Few, Stale or Jumping."""
        found = self.ask("OracleApi_prices", list[PriceView], at)
        return [self.shown(view) for view in found]

    @method("oracle_feeders", cost=HEAVY)
    def feeders(self, at: Hash | None = None) -> Json:
        """Return the admitted feeders with their newest values."""
        return [self._feeder(view) for view in self.ask("OracleApi_feeders", list[FeederView], at)]

    @method("oracle_feeder", cost=HEAVY)
    def feeder(self, account: Account, at: Hash | None = None) -> Json:
        """Return a feeder with its newest values; null if the account has no bond as one."""
        found = self.ask("OracleApi_feeder", FeederView | None, at, account)
        return None if found is None else self._feeder(found)

    def member(self, name: str, value: object) -> Json:
        """Return the JSON of a record's member: keys are text."""
        if name == "key" and isinstance(value, bytes):
            return name_of(value)
        return super().member(name, value)

    def _feeder(self, view: FeederView) -> Json:
        """Return a feeder as one object."""
        values: Json = [[name_of(key), self.shown(value)] for key, value in view.values]
        return {"account": self.value(view.account)} | self.shown(view.feeder) | {"values": values}


def name_of(key: bytes) -> str:
    """Return a key as text; bytes that are no text in hexadecimal."""
    try:
        name = key.decode("ascii")
    except UnicodeDecodeError:
        return "0x" + key.hex()
    return name if name.isprintable() else "0x" + key.hex()
