"""Views: results of the runtime's APIs at a block, as JSON.

Records become objects, variants objects with their `kind`, enumerations their names; numbers of 64
bits and more decimal strings, because JSON numbers lose digits in many parsers.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Annotated, TypeAlias, TypeVar

from typing_extensions import TypeForm

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex
from btt_chain.rpc.backend import Backend, BackendError
from btt_chain.rpc.params import Parsed, Unfit, text
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.system import RUNTIME_ERROR
from btt_chain.scale import Codec, DecodeError, Variant, codec, u64, u128
from runtime.pallets.tokenomics import PoolId

Answer = TypeVar("Answer")
Json: TypeAlias = "str | int | bool | dict[str, Json] | list[Json] | None"


def account_id(value: object) -> bytes:
    """Return the 32 bytes of an SS58 address, of any network."""
    try:
        raw, _ = ss58.decode(text(value))
    except ss58.Ss58Error as problem:
        raise Unfit(str(problem)) from None
    if len(raw) != AccountId.SIZE:
        raise Unfit(f"an account has 32 bytes, not {len(raw)}")
    return raw


Account = Annotated[bytes, Parsed(account_id)]


class Views:
    """Queries to the runtime at a block, by default the best one."""

    def __init__(self, backend: Backend) -> None:
        self.chain = backend.chain
        prefix = backend.node.properties.get("ss58Format")
        self.prefix = prefix if isinstance(prefix, int) else ss58.DEFAULT_PREFIX

    def ask(
        self, function: str, kind: TypeForm[Answer], at: bytes | None, data: bytes = b""
    ) -> Answer:
        """Call the runtime, and decode its result. Raises RpcError."""
        return self.result(function, codec(kind), at, data)

    def result(self, function: str, output: Codec[Answer], at: bytes | None, data: bytes) -> Answer:
        """Call the runtime, and decode its result. Raises RpcError."""
        try:
            raw = self.chain.call(at or self.chain.best().hash, function, data)
            return output.decode_all(raw)
        except (BackendError, DecodeError) as reason:
            raise RpcError(RUNTIME_ERROR, "The runtime did not answer.", str(reason)) from None

    def shown(self, record: object) -> dict[str, Json]:
        """Return a record of the runtime as JSON. TypeError if it has no JSON form."""
        kind: dict[str, Json] = {}
        if isinstance(record, Variant):
            kind["kind"] = lower(type(record).__name__)
        if not is_dataclass(record):
            raise TypeError(f"{record!r} is no record")
        return kind | {
            camel_case(field.name): self.member(field.name, getattr(record, field.name))
            for field in fields(record)
        }

    def member(self, name: str, value: object) -> Json:
        """Return the JSON of a record's member; overridden where its type alone is not enough."""
        return self.value(value)

    def value(self, value: object) -> Json:
        """Return the JSON of a value by its type. TypeError if it has no JSON form."""
        match value:
            case None | bool() | str():
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
            case bytes():
                return to_hex(value)
            case list() | tuple():
                return [self.value(item) for item in value]
        return self.shown(value)


def camel_case(name: str) -> str:
    """Convert `discount_bps` to `discountBps`."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def lower(name: str) -> str:
    """Convert `BadPayload` to `badPayload`."""
    return name[:1].lower() + name[1:]
