"""The chain of this repository's runtime: calls, events and runtime APIs as Python classes.

`RuntimeClient` is for programs that carry the runtime, as the useful-work daemons do: the wire
format of calls and views is that of the runtime for the chain's state at the start, so a program
without that runtime fails at once (`UnsupportedRuntime`). Programs without the runtime use `Chain`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import IntEnum
from inspect import getdoc
from typing import Final, TypeVar, TypeVarTuple, cast

from btt_chain.chain.runtimes import RuntimeRegistry, UnsupportedRuntime
from btt_chain.client.chain import Chain, read_header
from btt_chain.client.errors import (
    ClientError,
    Disconnected,
    DispatchFailed,
    InvalidAnswer,
    InvalidArgument,
    NotIncluded,
    TransactionRefused,
    decoding,
)
from btt_chain.client.extrinsics import Signer
from btt_chain.client.jsonrpc import TIMEOUT, Json
from btt_chain.client.reasons import REASONS
from btt_chain.client.transactions import PATIENCE, Call
from btt_chain.client.wire import to_bytes
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.babe import NoPreDigest, pre_digest
from btt_chain.primitives.digits import hex_or_none, to_hex
from btt_chain.primitives.header import Header
from btt_chain.scale import DecodeError, codec
from runtime.frame import Call as RuntimeCall
from runtime.frame import EventRecord, Runtime
from runtime.frame.api import api_name, declared
from runtime.frame.error import WireError, WireModule
from runtime.frame.event import Event
from runtime.frame.host import ApplyExtrinsic
from runtime.frame.version import CODE_KEY
from runtime.pallets.system.pallet import System
from runtime.params import PARAMS_KEY, RuntimeParams

__all__ = [
    "ClientError",
    "Disconnected",
    "DispatchFailed",
    "Executed",
    "Head",
    "NotIncluded",
    "RuntimeClient",
    "TransactionRefused",
    "UnsupportedRuntime",
    "decode_result",
    "encode_arguments",
    "open_runtime",
]

Api = TypeVar("Api")
Inputs = TypeVarTuple("Inputs")
Output = TypeVar("Output")

_EVENTS: Final = codec(list[EventRecord])


@dataclass(frozen=True, slots=True)
class Head:
    """The best block, and the last final one, which may already belong to a later best block."""

    number: int
    hash: bytes
    slot: int
    final_number: int
    final_hash: bytes
    final_slot: int


@dataclass(frozen=True, slots=True)
class Executed:
    """A call that was executed."""

    block: bytes
    events: tuple[Event, ...]
    """Its events, in order."""


def encode_arguments(method: Callable[..., object], *args: object) -> bytes:
    """Return the encoded arguments of a runtime API's method. Raises InvalidArgument."""
    declaration = declared(method)
    if declaration is None or len(declaration.inputs) != len(args):
        raise InvalidArgument(f"there is no {api_name(method)} with {len(args)} arguments")
    parts = (part for _, part in declaration.inputs)
    return b"".join(part.encode(arg) for part, arg in zip(parts, args, strict=True))


def decode_result(method: Callable[..., Output], raw: bytes) -> Output:
    """Decode the result of a runtime API's method. Raises InvalidAnswer."""
    declaration = declared(method)
    if declaration is None:
        raise InvalidArgument(f"there is no {api_name(method)}")
    try:
        # The codec is that of the method's annotation.
        return cast("Output", declaration.output.decode_all(raw))
    except DecodeError as error:
        name = api_name(method)
        raise InvalidAnswer(
            f"the answer of {name} cannot be read, the node has another release: {error}"
        ) from error


class RuntimeClient:
    """A chain whose runtime this program has; made by `open_runtime`."""

    def __init__(self, chain: Chain, runtime: Runtime, slot_ms: int) -> None:
        self.chain = chain
        self._runtime = runtime
        self._slot_ms = slot_ms

    @classmethod
    async def open(cls, chain: Chain) -> RuntimeClient:
        """Read the runtime of a chain. Raises UnsupportedRuntime, ClientError."""
        stored = {key: await chain.storage_bytes(key) for key in (CODE_KEY, PARAMS_KEY)}
        runtime = RuntimeRegistry().of(stored.get).queries.runtime
        with decoding("the parameters of the runtime cannot be read"):
            params = RuntimeParams.decode(stored[PARAMS_KEY] or b"")
        return cls(chain, runtime, int(params.slot_ms))

    @property
    def genesis(self) -> bytes:
        """The hash of block zero."""
        return self.chain.genesis

    @property
    def slot_ms(self) -> int:
        """Milliseconds of a slot."""
        return self._slot_ms

    async def head(self) -> Head:
        """Return the present head. Raises Disconnected."""
        return await self._head_of(await self.chain.connection.call("chain_getHeader"))

    async def heads(self) -> AsyncIterator[Head]:
        """Yield new best blocks, from the present one on; only the newest to a slow caller.

        One block waits at most; a newer one replaces it. Raises Disconnected, InvalidAnswer.
        """
        newest: asyncio.Queue[Json | ClientError] = asyncio.Queue(maxsize=1)

        def replace(item: Json | ClientError) -> None:
            if newest.full():
                newest.get_nowait()
            newest.put_nowait(item)

        async def read(items: AsyncIterator[Json]) -> None:
            try:
                async for item in items:
                    replace(item)
            except ClientError as error:
                replace(error)

        async with self.chain.connection.subscribe(
            "chain_subscribeNewHeads", "chain_unsubscribeNewHeads"
        ) as items:
            reader = asyncio.create_task(read(items))
            try:
                while True:
                    item = await newest.get()
                    if isinstance(item, ClientError):
                        raise item
                    yield await self._head_of(item)
            finally:
                reader.cancel()

    async def api(
        self,
        method: Callable[[Api, *Inputs], Output],
        *args: *Inputs,
        at: bytes | None = None,
    ) -> Output:
        """Call a runtime API's method, as `WorkApi.job`, on the state of the best block or of `at`.

        Raises Disconnected, ClientError.
        """
        data = to_hex(encode_arguments(method, *args))
        name = api_name(method)
        answer = await self.chain.connection.call("state_call", name, data, hex_or_none(at))
        self._runtime.bind()
        return decode_result(method, to_bytes(answer))

    def compose(self, pallet: str, call: str, /, **args: object) -> Call:
        """Return a call with arguments of its annotated types.

        Raises KeyError for an unknown call, EncodeError for arguments that do not fit.
        """
        return Call(self._runtime.call(pallet, call, **args).raw)

    def inner(self, pallet: str, call: str, /, **args: object) -> RuntimeCall:
        """Return a call for the argument of another one, such as `Sudo.sudo`.

        Raises as `compose`.
        """
        return self._runtime.call(pallet, call, **args)

    async def submit(
        self, pallet: str, call: str, /, *, signer: Signer | None = None, **args: object
    ) -> Executed:
        """Send a call and wait until it is in a block; without a `signer` it is unsigned.

        Calls of one signer are sent one after the other. Raises DispatchFailed if it failed there,
        TransactionRefused if the pool refuses it, NotIncluded if it came into no block, EncodeError
        for arguments that do not fit, Disconnected. A fork may revert its block: decide by the
        state, not by this result.
        """
        composed = self.compose(pallet, call, **args)
        done = await self.chain.transactions.deliver(composed, signer, patience=PATIENCE)
        return await self.executed(done.wire, done.block)

    async def executed(self, wire: bytes, block: bytes) -> Executed:
        """Return the events of a transaction in its block. Raises DispatchFailed."""
        _, index = await self.chain.transactions.position(wire, block)
        raw = await self.chain.transactions.events_of(block)
        self._runtime.bind()
        with decoding("the events of the block cannot be read"):
            records = _EVENTS.decode_all(b"\0" if raw is None else raw)
        events = tuple(
            record.event.event
            for record in records
            if isinstance(record.phase, ApplyExtrinsic) and record.phase.extrinsic == index
        )
        for event in events:
            if isinstance(event, System.ExtrinsicFailed):
                raise self.failure(event.dispatch_error)
        return Executed(block, events)

    def failure(self, error: WireError) -> DispatchFailed:
        """Return the exception for the error of a call, such as one that sudo reports."""
        if isinstance(error, WireModule):
            with decoding("the block's events have an unknown error"):
                pallet = self._runtime.pallets[int(error.error.index)]
                kind = pallet.ERRORS[error.error.error[0]]
            return DispatchFailed(f"{pallet.name}.{kind.__name__}", getdoc(kind) or "")
        name, more = type(error).__name__.removeprefix("Wire"), getattr(error, "error", None)
        full = f"{name}.{more.name}" if isinstance(more, IntEnum) else name
        # Pallets document their own errors; those of all calls have no text on the chain.
        return DispatchFailed(full, REASONS.get(full, ""))

    # ---- internals

    async def _head_of(self, answer: Json) -> Head:
        header = read_header(answer)
        # Another runtime's views and events would be decoded wrongly.
        await self.chain.transactions.check_runtime()
        call = self.chain.connection.call
        hash = to_bytes(await call("chain_getFinalizedHead"))
        final = read_header(await call("chain_getHeader", to_hex(hash)))
        return Head(
            int(header.number), bytes(header.hash()), _slot_of(header),
            int(final.number), hash, _slot_of(final),
        )  # fmt: skip


def _slot_of(header: Header) -> int:
    if header.number == 0:
        return 0
    try:
        return int(pre_digest(header.digest.logs).claim.slot)
    except NoPreDigest as error:
        raise InvalidAnswer(f"the node sent a header without a slot: {error}") from None


@asynccontextmanager
async def open_runtime(url: str, timeout: float = TIMEOUT) -> AsyncIterator[RuntimeClient]:
    """Connect to a node.

    Raises Disconnected, ClientError; UnsupportedRuntime if its runtime is not supported.
    """
    async with Chain.connect(url, timeout) as chain:
        yield await RuntimeClient.open(chain)
