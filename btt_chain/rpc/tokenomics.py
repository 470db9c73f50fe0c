"""tokenomics_*, staking_*, mining_*: the economy of the chain, asked of the runtime at a block.

Numbers of 64 bits and more are decimal strings, because JSON numbers lose digits in many readers;
amounts are in planck. A chain whose runtime has no such API answers with a runtime error, as
`state_call` does.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Annotated, TypeAlias, TypeVar

from typing_extensions import TypeForm

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.rpc.backend import Backend, BackendError
from btt_chain.rpc.params import U32, Hash, Parsed, Unfit, text
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.system import RUNTIME_ERROR
from btt_chain.scale import DecodeError, codec, encode, u32, u64, u128
from runtime.pallets.mining import Estimate, OperatorView
from runtime.pallets.tier_staking import Benefits
from runtime.pallets.tokenomics import BurnReason, PoolId, PoolStatus, Supply, YearRelease

Answer = TypeVar("Answer")
Json: TypeAlias = "str | int | bool | dict[str, Json] | list[Json] | None"


def account_id(value: object) -> bytes:
    """The 32 bytes of an SS58 address, of whatever network."""
    try:
        raw, _ = ss58.decode(text(value))
    except ss58.Ss58Error as problem:
        raise Unfit(str(problem)) from None
    if len(raw) != AccountId.SIZE:
        raise Unfit(f"an account has 32 bytes, not {len(raw)}")
    return raw


Account = Annotated[bytes, Parsed(account_id)]


class TokenomicsApi:
    """The economy, as the runtime tells it at a block: the best one, unless another is named."""

    def __init__(self, backend: Backend) -> None:
        self.chain = backend.chain
        prefix = backend.node.properties.get("ss58Format")
        self.prefix = prefix if isinstance(prefix, int) else ss58.DEFAULT_PREFIX

    @method("tokenomics_supply", cost=HEAVY)
    def supply(self, at: Hash | None = None) -> Json:
        """How much money there is, how much of it moves, and what was burned, by why."""
        supply = self._ask("TokenomicsApi_supply", Supply, at)
        burned = self._ask("TokenomicsApi_burned", list[tuple[BurnReason, u128]], at)
        by_reason: dict[str, Json] = {reason.name: str(int(amount)) for reason, amount in burned}
        return self._object(supply) | {"burnedBy": by_reason}

    @method("tokenomics_release", cost=HEAVY)
    def release(self, year: U32, at: Hash | None = None) -> Json:
        """What is released in a year by its label; 2025 is the chain's first."""
        data = encode(u32, u32(year))
        return self._object(self._ask("TokenomicsApi_release", YearRelease, at, data))

    @method("tokenomics_pools", cost=HEAVY)
    def pools(self, at: Hash | None = None) -> Json:
        """Every pool: its name, its account, what it got, what it paid, what it has."""
        pools = self._ask("TokenomicsApi_pools", list[PoolStatus], at)
        return [self._object(pool) for pool in pools]

    @method("staking_benefits", cost=HEAVY)
    def benefits(self, account: Account, at: Hash | None = None) -> Json:
        """What the stakes of an account are good for."""
        return self._object(self._ask("StakingApi_benefits", Benefits, at, account))

    @method("mining_operator", cost=HEAVY)
    def operator(self, account: Account, at: Hash | None = None) -> Json:
        """What is known of an operator, and what it has done in the era that runs."""
        return self._object(self._ask("MiningApi_operator", OperatorView, at, account))

    @method("mining_estimate", cost=HEAVY)
    def estimate(self, account: Account, era: U32 | None = None, at: Hash | None = None) -> Json:
        """What an account has earned in an era and not claimed; null for nothing.

        Without an era: what it would be if the era that runs ended now.
        """
        data = account + encode(u32 | None, None if era is None else u32(era))
        found = self._ask("MiningApi_estimate", Estimate | None, at, data)
        return None if found is None else self._object(found)

    def _ask(
        self, function: str, kind: TypeForm[Answer], at: bytes | None, data: bytes = b""
    ) -> Answer:
        """Call the runtime, and read its answer."""
        try:
            raw = self.chain.call(at or self.chain.best().hash, function, data)
            return codec(kind).decode_all(raw)
        except (BackendError, DecodeError) as reason:
            raise RpcError(RUNTIME_ERROR, "The runtime did not answer.", str(reason)) from None

    def _object(self, record: object) -> dict[str, Json]:
        """A record of the runtime as JSON."""
        if not is_dataclass(record):
            raise TypeError(f"{record!r} is no record")
        return {
            camel_case(field.name): self._value(getattr(record, field.name))
            for field in fields(record)
        }

    def _value(self, value: object) -> Json:
        match value:
            case None | bool():
                return value
            case AccountId():
                return ss58.encode(value, self.prefix)
            case PoolId():
                return bytes(value).decode("ascii", "backslashreplace")
            case IntEnum():
                return value.name
            case u64() | u128():
                return str(int(value))
            case int():
                return int(value)
        raise TypeError(f"{value!r} has no JSON form")


def camel_case(name: str) -> str:
    """`discount_bps` -> `discountBps`."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)
