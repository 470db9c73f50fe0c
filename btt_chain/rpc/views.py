"""Views: results of the runtime's APIs at a block, as the JSON of their types (`present`)."""

from __future__ import annotations

from typing import Annotated, TypeVar

from typing_extensions import TypeForm

from btt_chain.present import Context, Json, record, rule
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.rpc.backend import Backend, BackendError
from btt_chain.rpc.params import Parsed, Unfit, text
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.system import RUNTIME_ERROR
from btt_chain.scale import DecodeError, codec

Answer = TypeVar("Answer")


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
        self.context = Context(prefix if isinstance(prefix, int) else ss58.DEFAULT_PREFIX)

    def ask(
        self, function: str, kind: TypeForm[Answer], at: bytes | None, data: bytes = b""
    ) -> Answer:
        """Call the runtime, and decode its result. Raises RpcError."""
        try:
            raw = self.chain.call(at or self.chain.best().hash, function, data)
            return codec(kind).decode_all(raw)
        except (BackendError, DecodeError) as reason:
            raise RpcError(RUNTIME_ERROR, "The runtime did not answer.", str(reason)) from None

    def json(self, kind: TypeForm[Answer], value: Answer) -> Json:
        """Return a value of the runtime as JSON, by the rule of its type."""
        return rule(kind).json(value, self.context)

    def object(self, value: object) -> dict[str, Json]:
        """Return a record of the runtime as a JSON object, to which members can be added."""
        return record(type(value)).json(value, self.context)
