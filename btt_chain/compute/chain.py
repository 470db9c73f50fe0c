"""The interface of useful-work daemons to the chain: heads, views of `WorkApi`, transactions.

The daemons use the protocol `Chain`; `RpcChain` implements it by a node's WebSocket. The wire
format of calls and views is that of the runtime for the chain's state at the start, so a daemon
without that runtime fails at once (`UnsupportedRuntime`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from inspect import getdoc
from typing import Any, Final, Protocol

from btt_chain.chain.runtimes import RuntimeRegistry, UnsupportedRuntime
from btt_chain.compute.jsonrpc import Client, Disconnected, Json, RpcError, RpcFailure
from btt_chain.crypto.hashing import twox_128
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.primitives import validity
from btt_chain.primitives.account import (
    AccountId,
    EcdsaSignature,
    Ed25519Signature,
    Id,
    MultiSignature,
    Sr25519Signature,
)
from btt_chain.primitives.babe import pre_digest
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Mortal
from btt_chain.primitives.extrinsic import bare, opaque, signed, signing_payload
from btt_chain.primitives.header import Header
from btt_chain.primitives.ss58 import encode as encode_address
from btt_chain.scale import DecodeError, codec, u32, u128
from btt_chain.txpool import AlreadyImported, TooLowPriority
from runtime.api import APIS
from runtime.api_base import Method
from runtime.extensions import IMPLICIT, SIGNED_EXTRA, Implicit, MetadataHashMode, SignedExtra
from runtime.frame import EventRecord, Runtime
from runtime.frame.error import WireError, WireModule
from runtime.frame.event import Event
from runtime.frame.host import ApplyExtrinsic
from runtime.frame.version import CODE_KEY
from runtime.pallets.system import System
from runtime.params import PARAMS_KEY, RuntimeParams

__all__ = [
    "Chain",
    "ChainError",
    "ChainGone",
    "DispatchRefused",
    "Head",
    "Included",
    "NotIncluded",
    "RpcChain",
    "TransactionRefused",
    "UnsupportedRuntime",
    "open_chain",
]

LIFE: Final = 64
"""Lifetime of a transaction, in blocks."""
SUBMIT_SECONDS: Final = 120.0
"""Seconds until a transaction must be in a block."""
RETRIES: Final = 3
"""Number of new signatures for a transaction whose nonce another one took."""

_EVENTS_KEY: Final = twox_128(b"System") + twox_128(b"Events")
_EVENTS: Final = codec(list[EventRecord])
_METHODS: Final[Mapping[str, Method]] = {
    f"{api.__name__}_{method.name}": method for api in APIS for method in api.METHODS.values()
}


class ChainError(Exception):
    """A request to the chain failed; the text says why."""


class ChainGone(ChainError):
    """The node went away, or the chain changed to another runtime: connect again."""


class TransactionRefused(ChainError):
    """The pool refuses the transaction: it is invalid (by now), or its fee cannot be paid."""


class NotIncluded(ChainError):
    """The transaction came into no block in time: check the state, and send it again."""


class DispatchRefused(ChainError):
    """The call came into a block and failed there."""

    def __init__(self, name: str, docs: str) -> None:
        super().__init__(f"{name}: {docs}" if docs else name)
        self.name = name
        """Pallet and error, as `Jobs.PriceAboveMax`; `Token.FundsUnavailable`, `BadOrigin` ..."""


@dataclass(frozen=True, slots=True)
class Head:
    """The best block, and the last final one, which may already belong to a later best block."""

    number: int
    hash: bytes
    slot: int
    final_number: int
    final_hash: bytes


@dataclass(frozen=True, slots=True)
class Included:
    """A call that was executed."""

    block: bytes
    events: tuple[Event, ...]
    """Its events, in order."""


class Chain(Protocol):
    """The chain that a daemon works for."""

    @property
    def genesis(self) -> bytes:
        """The hash of block zero."""

    @property
    def slot_ms(self) -> int:
        """Milliseconds of a slot."""

    async def head(self) -> Head:
        """Return the present head. Raises ChainGone."""

    def heads(self) -> AsyncIterator[Head]:
        """Yield new best blocks, beginning with the present one; only the newest to a slow caller.

        Raises ChainGone.
        """

    async def api(self, method: str, *args: object, at: bytes | None = None) -> Any:
        """Call a runtime API on the state of the best block, or of `at`.

        `method` is like `WorkApi_job`; arguments and result have the types of its method's
        annotations. Raises ChainGone, ChainError.
        """

    async def submit(
        self, pallet: str, call: str, /, *, signer: KeyPair | None = None, **args: object
    ) -> Included:
        """Send a call and wait until it is in a block; without a `signer` it is unsigned.

        Calls of one signer are sent one after the other. Raises DispatchRefused if it failed there,
        TransactionRefused if the pool refuses it, NotIncluded if it came into no block, EncodeError
        for arguments that do not fit, ChainGone. A fork may revert its block: decide by the state,
        not by this result.
        """


def asked(method: str, *args: object) -> bytes:
    """Return the encoded arguments of a runtime API's method. Raises ChainError."""
    found = _METHODS.get(method)
    if found is None or len(found.inputs) != len(args):
        raise ChainError(f"there is no {method} with {len(args)} arguments")
    return b"".join(part.encode(arg) for (_, part), arg in zip(found.inputs, args, strict=True))


def answered(method: str, raw: bytes) -> Any:
    """Decode the result of a runtime API's method. Raises ChainError."""
    try:
        return _METHODS[method].output.decode_all(raw)
    except DecodeError as error:
        raise ChainError(
            f"the answer of {method} cannot be read, the node has another release: {error}"
        ) from error


class RpcChain:
    """A chain behind a node's WebSocket; made by `open_chain`."""

    def __init__(self, client: Client, genesis: bytes, runtime: Runtime, slot_ms: int) -> None:
        self._client = client
        self._runtime = runtime
        self._genesis = genesis
        self._slot_ms = slot_ms
        self._signing: dict[bytes, asyncio.Lock] = {}

    @property
    def genesis(self) -> bytes:
        """The hash of block zero."""
        return self._genesis

    @property
    def slot_ms(self) -> int:
        """Milliseconds of a slot."""
        return self._slot_ms

    async def head(self) -> Head:
        """Return where the chain is. Raises ChainGone."""
        return await self._head_of(await self._call("chain_getHeader"))

    async def heads(self) -> AsyncIterator[Head]:
        """Yield new best blocks, from the present one on; only the newest to a slow caller."""
        newest: asyncio.Queue[Json | ChainGone] = asyncio.Queue()

        async def read(items: AsyncIterator[Json]) -> None:
            try:
                async for item in items:
                    newest.put_nowait(item)
            except Disconnected as error:
                newest.put_nowait(ChainGone(str(error)))

        try:
            async with self._client.subscribe(
                "chain_subscribeNewHeads", "chain_unsubscribeNewHeads"
            ) as items:
                reader = asyncio.create_task(read(items))
                try:
                    while True:
                        item = await newest.get()
                        while not newest.empty():
                            item = newest.get_nowait()
                        if isinstance(item, ChainGone):
                            raise item
                        yield await self._head_of(item)
                finally:
                    reader.cancel()
        except RpcFailure as error:
            raise ChainGone(str(error)) from None

    async def api(self, method: str, *args: object, at: bytes | None = None) -> Any:
        """Call a runtime API. Raises ChainGone, ChainError."""
        params: list[Json] = [method, _hex(asked(method, *args))]
        if at is not None:
            params.append(_hex(at))
        answer = _bytes(await self._call("state_call", *params))
        self._runtime.tie()
        return answered(method, answer)

    async def submit(
        self, pallet: str, call: str, /, *, signer: KeyPair | None = None, **args: object
    ) -> Included:
        """Send a call and wait until it is in a block; see `Chain.submit`."""
        raw = self._runtime.call(pallet, call, **args).raw
        for _ in range(RETRIES):
            try:
                return await self._send(raw, signer)
            except _Overtaken:
                continue  # another program signs for the same account
        raise NotIncluded("other transactions of this account are always quicker")

    # ---- internals

    async def _send(self, raw: bytes, signer: KeyPair | None) -> Included:
        async with AsyncExitStack() as stack:
            async with AsyncExitStack() as turn:
                if signer is not None:
                    # Until it is in the pool, from where the next nonce is counted.
                    lock = self._signing.setdefault(signer.public, asyncio.Lock())
                    await turn.enter_async_context(lock)
                wire = opaque(bare(raw) if signer is None else await self._signed(raw, signer))
                try:
                    news = await stack.enter_async_context(
                        self._client.subscribe(
                            "author_submitAndWatchExtrinsic",
                            "author_unwatchExtrinsic",
                            _hex(wire),
                        )
                    )
                except Disconnected as error:
                    raise ChainGone(str(error)) from None
                except RpcError as error:
                    taken = error.code in _NUMBER_TAKEN or error.data == _OUTDATED
                    if taken and signer is not None:
                        raise _Overtaken from None
                    raise TransactionRefused(str(error)) from None
            block = await _included(news)
        return await self._outcome(block, wire)

    async def _signed(self, raw: bytes, signer: KeyPair) -> bytes:
        account = AccountId(signer.account_id)
        nonce = _number(await self._call("system_accountNextIndex", encode_address(account)))
        head = await self.head()
        # Late enough for a long lifetime, early enough that a fork hardly reverts the named block.
        current = max(head.final_number, head.number - LIFE // 2, 0)
        era = Mortal.at(current, LIFE)
        birth = _bytes(await self._call("chain_getBlockHash", era.birth(current)))
        extra = SignedExtra(era, u32(nonce), u128(0), MetadataHashMode.Disabled)
        version = self._runtime.version
        implicit = Implicit(
            version.spec_version,
            version.transaction_version,
            H256(self._genesis),
            H256(birth),
            None,
        )
        carried = SIGNED_EXTRA.encode(extra)
        signature = signer.sign(signing_payload(raw, carried, IMPLICIT.encode(implicit)))
        return signed(Id(account), _SIGNATURES[signer.scheme](signature), carried, raw)

    async def _outcome(self, block: bytes, wire: bytes) -> Included:
        """Return the result of a transaction in its block. Raises DispatchRefused, ChainError."""
        found = await self._call("chain_getBlock", _hex(block))
        body = found["block"]["extrinsics"]  # type: ignore[index,call-overload]
        if not isinstance(body, list) or _hex(wire) not in body:
            raise NotIncluded("the block that it came into is gone")
        index = body.index(_hex(wire))
        raw = await self._call("state_getStorage", _hex(_EVENTS_KEY), _hex(block))
        self._runtime.tie()
        records = _EVENTS.decode_all(b"\0" if raw is None else _bytes(raw))
        events = tuple(
            record.event.event
            for record in records
            if isinstance(record.phase, ApplyExtrinsic) and record.phase.extrinsic == index
        )
        for event in events:
            if isinstance(event, System.ExtrinsicFailed):
                raise self._refusal(event.dispatch_error)
        return Included(block, events)

    def _refusal(self, error: WireError) -> DispatchRefused:
        if isinstance(error, WireModule):
            pallet = self._runtime.pallets[int(error.error.index)]
            kind = pallet.ERRORS[error.error.error[0]]
            return DispatchRefused(f"{pallet.name}.{kind.__name__}", getdoc(kind) or "")
        name, more = type(error).__name__.removeprefix("Wire"), getattr(error, "error", None)
        return DispatchRefused(f"{name}.{more.name}" if isinstance(more, IntEnum) else name, "")

    async def _head_of(self, answer: Json) -> Head:
        if not isinstance(answer, dict):
            raise ChainError(f"{answer!r} is no header")
        header = Header.from_json(answer)
        await self._same_law()
        final = _bytes(await self._call("chain_getFinalizedHead"))
        final_header = await self._call("chain_getHeader", _hex(final))
        if not isinstance(final_header, dict):
            raise ChainError("the node does not know its own final block")
        slot = 0 if header.number == 0 else int(pre_digest(header.digest.logs).claim.slot)
        number = int(str(final_header["number"]), 16)
        return Head(int(header.number), bytes(header.hash()), slot, number, final)

    async def _same_law(self) -> None:
        """Raise ChainGone if the chain changed to another runtime: decoding would go wrong."""
        told = await self._call("state_getRuntimeVersion")
        now = told.get("specVersion") if isinstance(told, dict) else told
        known = int(self._runtime.version.spec_version)
        if now != known:
            raise ChainGone(f"the chain went from version {known} of its law to {now}")

    async def _call(self, method: str, *params: Json) -> Json:
        try:
            return await self._client.call(method, *params)
        except Disconnected as error:
            raise ChainGone(str(error)) from None
        except RpcError as error:
            raise ChainError(str(error)) from None


class _Overtaken(Exception):
    """Another transaction of the account has the same nonce."""


_NUMBER_TAKEN: Final = (AlreadyImported.code, TooLowPriority.code)
_OUTDATED: Final = validity.describe(validity.Stale())
"""The pool's error for a nonce that is used."""
_SIGNATURES: Final[Mapping[Scheme, Callable[[bytes], MultiSignature]]] = {
    Scheme.ED25519: Ed25519Signature,
    Scheme.SR25519: Sr25519Signature,
    Scheme.ECDSA: EcdsaSignature,
}


@asynccontextmanager
async def open_chain(url: str, timeout: float = 60.0) -> AsyncIterator[RpcChain]:
    """Connect to a node.

    Raises ChainGone, ChainError; UnsupportedRuntime if its runtime is not supported.
    """
    try:
        client = await Client.connect(url, timeout)
    except Disconnected as error:
        raise ChainGone(str(error)) from None
    async with client:
        try:
            genesis = _bytes(await client.call("chain_getBlockHash", 0))
            stored: dict[bytes, bytes | None] = {}
            for key in (CODE_KEY, PARAMS_KEY):
                found = await client.call("state_getStorage", _hex(key))
                stored[key] = None if found is None else _bytes(found)
        except Disconnected as error:
            raise ChainGone(str(error)) from None
        except RpcError as error:
            raise ChainError(str(error)) from None
        runtime = RuntimeRegistry().of(stored.get).queries.runtime
        params = RuntimeParams.decode(stored[PARAMS_KEY] or b"")
        yield RpcChain(client, genesis, runtime, int(params.slot_ms))


async def _included(news: AsyncIterator[Json]) -> bytes:
    """Wait until a transaction is in a block; return its hash. Raises as `submit` does."""
    try:
        async with asyncio.timeout(SUBMIT_SECONDS):
            async for item in news:
                if isinstance(item, dict) and "inBlock" in item:
                    return _bytes(item["inBlock"])
                if isinstance(item, dict) and "usurped" in item:
                    raise _Overtaken
                if item in ("invalid", "dropped"):
                    raise TransactionRefused(f"the pool threw it out again: {item}")
    except TimeoutError:
        raise NotIncluded(f"it is in no block after {SUBMIT_SECONDS:g} s") from None
    except Disconnected as error:
        raise ChainGone(str(error)) from None
    raise NotIncluded("the node tells no more of it")


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


def _bytes(answer: Json) -> bytes:
    if not isinstance(answer, str):
        raise ChainError(f"the node answered {answer!r} where bytes were expected")
    try:
        return bytes.fromhex(answer.removeprefix("0x"))
    except ValueError:
        raise ChainError(f"the node answered {answer[:40]!r} where hex was expected") from None


def _number(answer: Json) -> int:
    if isinstance(answer, int):
        return answer
    raise ChainError(f"the node answered {answer!r} where a number was expected")
