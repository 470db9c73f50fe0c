"""oracle_*: prices of BTT and their feeders, from the runtime at a block.

`oracle_getValue` and `oracle_getAllValues` have the names and shapes of ORML's. A key is its text
(`BTT/CNY`) or its bytes in hexadecimal.
"""

from __future__ import annotations

from typing import Annotated

from btt_chain.rpc.derived import derived
from btt_chain.rpc.params import Parsed, Unfit, text
from btt_chain.rpc.views import Json, Views
from runtime.apis import oracle
from runtime.apis.oracle import DataProviderId, FeederView
from runtime.pallets.oracle.types import MAX_KEY


def provider(value: object) -> DataProviderId:
    """Return a source of values, by its name or its number."""
    for known in DataProviderId:
        if value in (known.name, int(known)) and not isinstance(value, bool):
            return known
    names = ", ".join(known.name for known in DataProviderId)
    raise Unfit(f"no source of values; known are {names}")


def key_of(value: object) -> bytes:
    """Return the bytes of a key."""
    name = text(value)
    try:
        raw = bytes.fromhex(name[2:]) if name.startswith("0x") else name.encode()
    except ValueError:
        raise Unfit("0x is not followed by pairs of hexadecimal digits") from None
    if not 0 < len(raw) <= MAX_KEY:
        raise Unfit(f"a key has 1 to {MAX_KEY} bytes, as BTT/CNY")
    return raw


def name_of(key: bytes) -> str:
    """Return a key as text; bytes that are no text in hexadecimal."""
    try:
        name = key.decode("ascii")
    except UnicodeDecodeError:
        return "0x" + key.hex()
    return name if name.isprintable() else "0x" + key.hex()


Provider = Annotated[DataProviderId, Parsed(provider)]
OracleKey = Annotated[bytes, Parsed(key_of)]


def pairs(views: Views, found: object) -> Json:
    """Return [key, value] of each pair; keys are text."""
    rows = found if isinstance(found, list) else []
    return [[name_of(key), views.value(value)] for key, value in rows]


def feeder_view(views: Views, found: object) -> Json:
    """Return a feeder as one object; None for None."""
    if not isinstance(found, FeederView):
        return None
    account = {"account": views.value(found.account)}
    return account | views.shown(found.feeder) | {"values": pairs(views, found.values)}


def feeder_views(views: Views, found: object) -> Json:
    """Return feeders, each as one object."""
    return [feeder_view(views, view) for view in (found if isinstance(found, list) else [])]


class OracleApi(Views):
    """The oracle from the runtime at a block, by default the best one."""

    def member(self, name: str, value: object) -> Json:
        """Return the JSON of a record's member: keys are text."""
        if name == "key" and isinstance(value, bytes):
            return name_of(value)
        return super().member(name, value)

    get_value = derived(
        "oracle_getValue",
        oracle.OracleApi.get_value,
        forms={"provider_id": Provider, "key": OracleKey},
    )
    get_all_values = derived(
        "oracle_getAllValues",
        oracle.OracleApi.get_all_values,
        forms={"provider_id": Provider},
        convert=pairs,
    )
    prices = derived("oracle_prices", oracle.OracleApi.prices)
    feeders = derived("oracle_feeders", oracle.OracleApi.feeders, convert=feeder_views)
    feeder = derived("oracle_feeder", oracle.OracleApi.feeder, convert=feeder_view)
