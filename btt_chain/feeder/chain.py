"""The chain of a feeder: the state of its keys, trades of the exchange, and its calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError, InvalidAnswer
from btt_chain.client.extrinsics import Signer
from btt_chain.client.wire import fields_of, number_of
from btt_chain.daemon import Absent, Presence
from btt_chain.feeder.machine import OnChain, Rule
from btt_chain.feeder.values import Trade
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.scale.portable import Plain

PERIOD: Final = 16
"""Lifetime of a feed in blocks: a late price is worse than none."""
PATIENCE: Final = 60.0
"""Seconds until a feed must be in a block."""


class NotAdmitted(Exception):
    """The account is not an admitted feeder in a final block; the message says what to do."""


class Uncertain(ClientError):
    """The best block lacks the account as a feeder, which a fork may be the reason of."""


@dataclass(frozen=True, slots=True)
class State:
    """The oracle at the best block."""

    now: int
    """Time of the block, in milliseconds since 1970."""
    keys: dict[str, OnChain]


class Oracle(Protocol):
    """The chain that a feeder works for."""

    async def state(self) -> State:
        """Return the keys with the feeder's own values.

        Raises NotAdmitted, Uncertain while that is not final, ClientError.
        """

    async def trades(self, asset: int) -> tuple[list[Trade], int]:
        """Return the last batches of an asset and the present time, from one beginning, in ms."""

    async def feed(self, values: Sequence[tuple[str, int]]) -> int:
        """Feed values; return the number of their block. Raises ClientError."""


class NodeOracle:
    """The oracle behind a node."""

    def __init__(
        self, chain: Chain, signer: Signer, presence: Presence | None = None, tip: int = 0
    ) -> None:
        """`presence` of the admission is shared by the connections of one program."""
        self._chain = chain
        self._signer = signer
        self._presence = presence or Presence()
        self._tip = tip
        self._address = chain.metadata.address(signer.account_id)

    async def state(self) -> State:
        """Return the keys with the feeder's own values.

        Raises NotAdmitted, Uncertain, ClientError.
        """
        head = await self._chain.best()
        lacks: list[str] = []

        async def read(block: bytes) -> dict[str, Plain] | None:
            view = await self._chain.api("OracleApi.feeder", self._address, at=block)
            lack = self._lack(view)
            if lack is None:
                return fields_of(view)
            lacks.append(lack)
            return None

        try:
            feeder = await self._presence.find(head, await self._chain.finalized(), read)
        except Absent:
            raise NotAdmitted(lacks[-1]) from None
        if lacks or feeder is None:
            raise Uncertain(f"{lacks[0]}, in a block that is not final; waiting for one that is")
        values = feeder["values"]
        if not isinstance(values, list):
            raise InvalidAnswer(f"{values!r} are no values of a feeder")
        own = {key_of(pair[0]): fields_of(pair[1]) for pair in map(pair_of, values)}
        prices = await self._chain.api("OracleApi.prices", at=head.hash)
        if not isinstance(prices, list):
            raise InvalidAnswer(f"{prices!r} are no prices")
        now = await self._chain.storage("Timestamp.Now", at=head.hash)
        keys = {key_of(fields_of(each)["key"]): fields_of(each) for each in prices}
        return State(
            number_of(now), {key: on_chain(view, own.get(key)) for key, view in keys.items()}
        )

    def _lack(self, feeder: Plain) -> str | None:
        """Return why an account may not feed, None if it may."""
        if feeder is None:
            return f"{self._address} has no bond: `btt-chain oracle join` bonds one"
        if fields_of(fields_of(feeder)["feeder"])["state"] not in ("Active", "Paused"):
            return f"{self._address} is not admitted: the Technical track admits feeders"
        return None

    async def trades(self, asset: int) -> tuple[list[Trade], int]:
        """Return the last batches of an asset and the present time, from one beginning, in ms."""
        head = await self._chain.best()
        found = await self._chain.api("ExchangeApi.trades", asset, at=head.hash)
        current = await self._chain.storage("Babe.CurrentSlot", at=head.hash)
        genesis = await self._chain.storage("Babe.GenesisSlot", at=head.hash)
        slot_ms = number_of(self._chain.constant("Babe.ExpectedBlockTime"))
        if not isinstance(found, list):
            raise InvalidAnswer(f"{found!r} are no trades")
        rows = [fields_of(each) for each in found]
        trades = [Trade(number_of(row["slot"]) * slot_ms, number_of(row["price"])) for row in rows]
        return trades, (number_of(current) - number_of(genesis)) * slot_ms

    async def feed(self, values: Sequence[tuple[str, int]]) -> int:
        """Feed values; return the number of their block. Raises ClientError."""
        pairs: list[Plain] = [[to_hex(key.encode()), value] for key, value in values]
        call = self._chain.compose("Oracle.feed_values", values=pairs)
        done = await self._chain.transactions.send(
            call, self._signer, tip=self._tip, period=PERIOD, patience=PATIENCE
        )
        return done.number


def on_chain(view: dict[str, Plain], own: dict[str, Plain] | None) -> OnChain:
    """Return the state of a key from the runtime's views."""
    rule = fields_of(view["rule"])
    wanted = Rule(
        *(number_of(rule[name]) for name in ("heartbeat_ms", "deviation_bps", "settle_ms"))
    )
    is_waiting = view["waiting"] is not None
    if own is None:
        return OnChain(wanted, is_waiting)
    return OnChain(wanted, is_waiting, number_of(own["value"]), number_of(own["timestamp"]))


def pair_of(value: Plain) -> list[Plain]:
    """Return the two members of a pair. Raises InvalidAnswer."""
    if not isinstance(value, list) or len(value) != len(("key", "value")):
        raise InvalidAnswer(f"{value!r} is not a pair")
    return value


def key_of(value: Plain) -> str:
    """Return a key's text. Raises InvalidAnswer."""
    try:
        return from_hex(value).decode("ascii")
    except ValueError:
        raise InvalidAnswer(f"{value!r} is not a key") from None
