"""oracle_*: prices of BTT and their feeders, from the runtime at a block.

`oracle_getValue` and `oracle_getAllValues` have the names and shapes of ORML's. A key is its text
(`BTT/CNY`) or its bytes in hexadecimal.
"""

from __future__ import annotations

from typing import Annotated

from btt_chain.present import Json
from btt_chain.rpc.derived import derived
from btt_chain.rpc.params import Parsed, Unfit, text
from btt_chain.rpc.views import Views
from runtime.pallets.oracle import api as oracle
from runtime.pallets.oracle.api import DataProviderId, FeederView
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


Provider = Annotated[DataProviderId, Parsed(provider)]
OracleKey = Annotated[bytes, Parsed(key_of)]


def feeder_view(views: Views, answer: object) -> Json:
    """Return a feeder as one object: its fields stand beside its account. None for None."""
    if not isinstance(answer, FeederView):
        return None
    view = views.object(answer)
    feeder = views.object(answer.feeder)
    return {"account": view["account"]} | feeder | {"values": view["values"]}


def feeder_views(views: Views, answer: object) -> Json:
    """Return feeders, each as one object."""
    return [feeder_view(views, view) for view in (answer if isinstance(answer, list) else [])]


class OracleApi(Views):
    """The oracle from the runtime at a block, by default the best one."""

    get_value = derived(
        "oracle_getValue",
        oracle.OracleApi.get_value,
        forms={"provider_id": Provider, "key": OracleKey},
    )
    get_all_values = derived(
        "oracle_getAllValues",
        oracle.OracleApi.get_all_values,
        forms={"provider_id": Provider},
    )
    prices = derived("oracle_prices", oracle.OracleApi.prices)
    feeders = derived("oracle_feeders", oracle.OracleApi.feeders, convert=feeder_views)
    feeder = derived("oracle_feeder", oracle.OracleApi.feeder, convert=feeder_view)
