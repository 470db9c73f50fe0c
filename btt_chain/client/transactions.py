"""Transactions: sign, estimate, try, submit, and watch until a block, with events and errors.

The status of a watched transaction, as the node reports it:

    future, ready, broadcast       in the pool, goes on
    inBlock                        in a best block: the end, unless finality is awaited
    retracted                      a fork reverted its block, goes on
    finalized                      in a final block: the end
    usurped                        another transaction has its place: the end
    invalid, dropped               out of the pool: the end
    finalityTimeout                in a block that is not final in time: the end
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from typing import Final, Literal, TypeAlias

from btt_chain.client.decoding import EventView
from btt_chain.client.errors import (
    ClientError,
    DispatchFailed,
    InvalidAnswer,
    NotIncluded,
    RpcError,
    RuntimeChanged,
    TransactionRefused,
    Undecodable,
)
from btt_chain.client.extrinsics import (
    Draft,
    Signer,
    SigningContext,
    default_period,
    era_at,
    hash_of,
    sign,
    unsigned,
    without_signature,
)
from btt_chain.client.jsonrpc import Connection, Json
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.signed_metadata import signed_digest
from btt_chain.client.wire import header_number, integer_of, member, to_bytes
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import validity
from btt_chain.primitives.digits import to_hex, whole_number
from btt_chain.primitives.lifetime import DEFAULT_PERIOD
from btt_chain.scale import codec
from btt_chain.scale.errors import DecodeError
from btt_chain.scale.portable import Plain

Wait: TypeAlias = Literal["best", "final"]

PATIENCE: Final = 120.0
"""Default seconds until a transaction must be in a block."""
ATTEMPTS: Final = 3
"""Number of signatures for a transaction whose nonce others take."""
NONCE_TAKEN: Final = (1013, 1014)
"""Codes of a pool that has a transaction with the same nonce: the same one, or with a priority that
is not lower."""
STALE: Final = validity.describe(validity.Stale())
"""The pool's error for a nonce that is used."""
DRY_RUN: Final = "DryRunApi_dry_run_transaction"
"""The runtime API's method that tries a transaction."""
DRY_RUN_CALL: Final = "DryRunApi_dry_run_call"
"""The method that tries a call by any caller."""
XCM_VERSION: Final = 5
"""An argument that matters to chains with XCM messages only."""
NO_FUNCTION: Final = re.compile(r"Exported method \S+ is not found")
"""The error of a runtime that has no such method."""
MAX_DIGITS: Final = 40
"""Maximum digits of a fee: a u128 has 39."""

_VALIDITY = codec(validity.TransactionValidityError)


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """The chain and the runtime's versions, which signatures contain."""

    genesis: bytes
    spec_version: int
    transaction_version: int
    spec_name: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """An encoded call of a chain."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Delivered:
    """A transaction in its form on the wire, and the block that contains it."""

    wire: bytes
    block: bytes


@dataclass(frozen=True, slots=True)
class Included:
    """A transaction in a block."""

    hash: str
    block: bytes
    number: int
    index: int
    is_final: bool
    fee: int | None
    """The paid fee in planck; None if no event reports it."""
    events: tuple[EventView, ...]
    """The events of the transaction, in order."""
    error: str | None
    """The reason why the call, or a nested one, failed; None if none did."""

    def check(self) -> Included:
        """Return the transaction. Raises DispatchFailed if its call failed."""
        if self.error is not None:
            raise DispatchFailed(self.error)
        return self


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects of a transaction in the next block, by a dry run; nothing is sent."""

    error: str | None
    """The reason why the call, or a nested one, would fail; None if none would."""
    fee: int | None
    """The fee that would be paid, in planck."""
    weight: int | None
    """The weight that would be used, in picoseconds."""
    events: tuple[EventView, ...]


class Transactions:
    """Transactions for one chain, by a connection."""

    def __init__(self, connection: Connection, metadata: ChainMetadata, facts: ChainFacts) -> None:
        self._connection = connection
        self._metadata = metadata
        self._facts = facts
        self._signing: dict[bytes, asyncio.Lock] = {}

    @cached_property
    def digest(self) -> bytes | None:
        """The digest of the metadata, which signatures cover; None on chains of other runtimes.

        Raises Undecodable if the metadata have none.
        """
        return signed_digest(self._metadata, self._facts.spec_name, self._facts.spec_version)

    async def nonce(self, account: bytes) -> int:
        """Return an account's next nonce, transactions in the pool counted."""
        address = self._metadata.address(account)
        return integer_of(await self._connection.call("system_accountNextIndex", address))

    async def sign(
        self,
        call: Call,
        signer: Signer,
        *,
        nonce: int | None = None,
        tip: int = 0,
        period: int | None = DEFAULT_PERIOD,
    ) -> bytes:
        """Return a signed transaction in its form on the wire.

        `nonce` by default the next one, `tip` in planck, `period` in blocks (None: immortal; by
        default `default_period`). The signature covers the `digest` of the metadata. Raises
        RuntimeChanged if the chain has another runtime than the metadata's.
        """
        if nonce is None:
            nonce = await self.nonce(signer.account_id)
        await self.check_runtime()
        if period == DEFAULT_PERIOD:
            period = default_period(self._metadata)
        current = 0 if period is None else await self._birth(period)
        era = era_at(current, period)
        birth = self._facts.genesis
        if period is not None:
            answer = await self._connection.call("chain_getBlockHash", era.birth(current))
            birth = to_bytes(answer)
        facts = self._facts
        context = SigningContext(
            facts.genesis, birth, facts.spec_version, facts.transaction_version, self.digest
        )
        return sign(self._metadata, context, Draft(call.raw, nonce, era, tip), signer)

    async def fee(self, wire: bytes) -> int:
        """Return the fee that a transaction would pay now, without its tip, in planck."""
        answer = await self._connection.call(
            "payment_queryInfo", to_hex(without_signature(wire, self._metadata))
        )
        fee = member(answer, "partialFee")
        if isinstance(fee, str) and fee.isascii() and fee.isdecimal() and len(fee) < MAX_DIGITS:
            return int(fee)
        raise InvalidAnswer(f"the node answered {fee!r} where a fee was expected")

    async def dry_run(self, wire: bytes) -> str | None:
        """Return the reason why a transaction's call would fail now, None if it would succeed.

        Nothing is sent. Raises as `simulate`. A chain without the runtime API for it gets the whole
        transaction, and permits this to local callers only: RpcError for others.
        """
        effects = await self.simulate(wire)
        return await self._system_dry_run(wire) if effects is None else effects.error

    async def simulate(self, wire: bytes) -> Effects | None:
        """Return a transaction's effects in the next block; None if the chain has no API for it.

        The node gets it without its signature. Earlier transactions of its sender in the pool are
        not considered. Raises TransactionRefused if no block could contain it, RpcError if the node
        refuses, as for a call that takes it too long.
        """
        try:
            answer = await self._connection.call(
                "state_call", DRY_RUN, to_hex(without_signature(wire, self._metadata))
            )
        except RpcError as error:
            if error.is_unknown_method or NO_FUNCTION.search(f"{error} {error.data}"):
                return None
            raise
        raw = to_bytes(answer)
        if raw[:1] == b"\1":
            raise _not_valid(raw[1:])
        if raw[:1] != b"\0":
            raise InvalidAnswer(f"the node answered {to_hex(raw[:64])} to a dry run")
        failure, views = self._metadata.decoder.effects(raw, 1)
        events = tuple(views)
        return Effects(
            failure or self._nested_failure(events), _paid_fee(events), _used_weight(events), events
        )

    async def simulate_call(self, origin: Plain, call: Call) -> Effects | None:
        """Return a call's effects in the next block by a caller, without a fee.

        `origin` is a value of the chain's type OriginCaller: {"system": {"Signed": address}}. None
        if the chain has no API for it. Raises InvalidArgument, RpcError.
        """
        decoder = self._metadata.decoder
        data = decoder.origin(origin) + call.raw + XCM_VERSION.to_bytes(4, "little")
        try:
            answer = await self._connection.call("state_call", DRY_RUN_CALL, to_hex(data))
        except RpcError as error:
            if error.is_unknown_method or NO_FUNCTION.search(f"{error} {error.data}"):
                return None
            raise
        raw = to_bytes(answer)
        if raw[:1] != b"\0":
            raise InvalidAnswer(f"the node answered {to_hex(raw[:64])} to a dry run")
        failure, weight, views = decoder.call_effects(raw, 1)
        events = tuple(views)
        return Effects(failure or self._nested_failure(events), None, weight, events)

    async def _system_dry_run(self, wire: bytes) -> str | None:
        raw = to_bytes(await self._connection.call("system_dryRun", to_hex(wire)))
        if raw[:1] == b"\1":
            raise _not_valid(raw[1:])
        if raw[:2] == b"\0\0":
            return None
        if raw[:2] != b"\0\1":
            raise InvalidAnswer(f"the node answered {to_hex(raw)} to a dry run")
        return self._metadata.decoder.dispatch_error_in(raw[2:])

    async def submit(self, wire: bytes) -> str:
        """Send a transaction to the pool; return its hash. Raises TransactionRefused."""
        try:
            await self._connection.call("author_submitExtrinsic", to_hex(wire))
        except RpcError as error:
            raise TransactionRefused(str(error)) from None
        return hash_of(wire)

    async def watch(
        self, wire: bytes, *, wait: Wait = "best", patience: float = PATIENCE
    ) -> Included:
        """Send a transaction and wait until it is in a best or final block.

        A fork may revert a best block. `patience` in seconds. Raises TransactionRefused,
        NotIncluded, Disconnected.
        """
        async with self._watched(wire) as statuses:
            block = await _until(statuses, wait, patience)
        return await self.outcome(wire, block, is_final=wait == "final")

    async def send(
        self,
        call: Call,
        signer: Signer | None,
        *,
        nonce: int | None = None,
        tip: int = 0,
        period: int | None = DEFAULT_PERIOD,
        wait: Wait = "best",
        patience: float = PATIENCE,
    ) -> Included:
        """Sign a call, send it and wait for its block; without a signer it is unsigned.

        Calls of one signer are sent one after the other. Raises DispatchFailed if the call failed
        in its block, and as `watch`.
        """
        done = await self.deliver(
            call, signer, nonce=nonce, tip=tip, period=period, wait=wait, patience=patience
        )
        included = await self.outcome(done.wire, done.block, is_final=wait == "final")
        return included.check()

    async def deliver(
        self,
        call: Call,
        signer: Signer | None,
        *,
        nonce: int | None = None,
        tip: int = 0,
        period: int | None = DEFAULT_PERIOD,
        wait: Wait = "best",
        patience: float = PATIENCE,
        first: bytes | None = None,
    ) -> Delivered:
        """Sign and send a call, and return its block; its events are not read.

        `first` is the transaction of the first attempt, if the caller has signed it.
        """
        shown = first is not None
        for _ in range(ATTEMPTS):
            try:
                async with AsyncExitStack() as stack:
                    async with AsyncExitStack() as turn:
                        if first is not None:
                            wire, first = first, None
                        elif signer is None:
                            wire = unsigned(call.raw)
                        else:
                            # Until it is in the pool, from where the next nonce is counted.
                            lock = self._signing.setdefault(signer.account_id, asyncio.Lock())
                            await turn.enter_async_context(lock)
                            wire = await self.sign(
                                call, signer, nonce=nonce, tip=tip, period=period
                            )
                        statuses = await stack.enter_async_context(self._watched(wire))
                    return Delivered(wire, await _until(statuses, wait, patience))
            except _NonceTaken as error:
                # Another program signs for the same account. A transaction that the caller signed
                # and showed is never followed by another one: a lying node could have both paid.
                if signer is None or nonce is not None or shown:
                    raise TransactionRefused(f"{error}; nothing else was sent") from None
        raise NotIncluded("other transactions of this account always take the nonce first")

    async def outcome(self, wire: bytes, block: bytes, *, is_final: bool = False) -> Included:
        """Return a transaction's result in its block."""
        number, index = await self.position(wire, block)
        raw = await self.events_of(block)
        events = tuple(
            event for event in self._metadata.decoder.events(raw) if event.extrinsic == index
        )
        fee = _paid_fee(events)
        return Included(
            hash_of(wire), block, number, index, is_final, fee, events, self._failure(events)
        )

    async def position(self, wire: bytes, block: bytes) -> tuple[int, int]:
        """Return a block's number, and a transaction's index in it. Raises NotIncluded."""
        full_block = member(await self._connection.call("chain_getBlock", to_hex(block)), "block")
        body = member(full_block, "extrinsics")
        if not isinstance(body, list) or to_hex(wire) not in body:
            raise NotIncluded("the block that contained it is gone")
        return header_number(member(full_block, "header")), body.index(to_hex(wire))

    async def events_of(self, block: bytes) -> bytes | None:
        """Return the encoded events of a block; None if the node has its state no more."""
        pallet, entry = self._metadata.items.storage("System.Events")
        key, _ = self._metadata.storage.key(pallet, entry, ())
        answer = await self._connection.call("state_getStorage", to_hex(key), to_hex(block))
        return None if answer is None else to_bytes(answer)

    async def check_runtime(self) -> None:
        """Raise RuntimeChanged if the chain has another runtime than the metadata's."""
        answer = await self._connection.call("state_getRuntimeVersion")
        version = integer_of(member(answer, "specVersion"))
        if version != self._facts.spec_version:
            raise RuntimeChanged(
                f"the chain's runtime changed from version {self._facts.spec_version} to "
                f"{version}: connect again"
            )

    # ---- internals

    async def _birth(self, period: int) -> int:
        """Return the block at which an era begins.

        It is late enough for a long lifetime, and early enough that a fork hardly reverts it.
        """
        final = await self._connection.call("chain_getFinalizedHead")
        best, finalized = await asyncio.gather(
            self._connection.call("chain_getHeader"),
            self._connection.call("chain_getHeader", final),
        )
        return max(header_number(finalized), header_number(best) - period // 2, 0)

    @asynccontextmanager
    async def _watched(self, wire: bytes) -> AsyncIterator[AsyncIterator[Json]]:
        """Send a transaction and yield its statuses. Raises _NonceTaken, TransactionRefused."""
        subscription = self._connection.subscribe(
            "author_submitAndWatchExtrinsic", "author_unwatchExtrinsic", to_hex(wire)
        )
        async with AsyncExitStack() as stack:
            try:
                statuses = await stack.enter_async_context(subscription)
            except RpcError as error:
                if error.code in NONCE_TAKEN or error.data == STALE:
                    raise _NonceTaken(str(error)) from None
                raise TransactionRefused(str(error)) from None
            yield statuses

    def _failure(self, events: tuple[EventView, ...]) -> str | None:
        failure = self._nested_failure(events)
        if failure is not None:
            return failure
        if not any(event.name == "System.ExtrinsicSuccess" for event in events):
            raise InvalidAnswer("the block's events do not contain the result of the transaction")
        return None

    def _nested_failure(self, events: tuple[EventView, ...]) -> str | None:
        for event in events:
            error = _error_in(event)
            if error is not None:
                where = "" if event.name == "System.ExtrinsicFailed" else f"{event.name}: "
                return where + self._metadata.decoder.dispatch_error(error)
        return None


class _NonceTaken(TransactionRefused):
    """The pool refused a nonce that another transaction of the account has."""


async def _until(statuses: AsyncIterator[Json], wait: Wait, patience: float) -> bytes:
    """Return the block of a watched transaction."""
    try:
        async with asyncio.timeout(patience):
            async for status in statuses:
                block = block_of(status, wait)
                if block is not None:
                    return block
    except TimeoutError:
        raise NotIncluded(
            f"it is in no {'final ' if wait == 'final' else ''}block after {patience:g} s; it may "
            "still enter one: look again, or wait longer"
        ) from None
    raise NotIncluded("the node ended the subscription")


def block_of(status: Json, wait: Wait) -> bytes | None:
    """Return the block that a status ends the wait with, None if the wait goes on.

    Raises TransactionRefused or NotIncluded if the transaction comes into no block.
    """
    if isinstance(status, str):
        if status in _REFUSALS:
            raise TransactionRefused(f"the transaction is in no block: {_REFUSALS[status]}")
        return None
    if not isinstance(status, dict):
        return None
    if "usurped" in status:
        raise TransactionRefused(
            f"another transaction of the account took its place: {status['usurped']}; nothing is "
            "sent again"
        )
    if "finalityTimeout" in status:
        raise NotIncluded(f"block {status['finalityTimeout']} holds it, but is not final in time")
    if "finalized" in status:
        return to_bytes(status["finalized"])
    if "inBlock" in status and wait == "best":
        return to_bytes(status["inBlock"])
    return None


_REFUSALS: Final = {
    "invalid": "it became invalid in the pool",
    "dropped": "the pool dropped it",
}


def _paid_fee(events: tuple[EventView, ...]) -> int | None:
    for event in events:
        if event.name == "TransactionPayment.TransactionFeePaid":
            return integer_or_none(event.fields.get("actual_fee"))
    return None


def integer_or_none(value: Plain) -> int | None:
    """Return a number of an event, which is text if it is wide."""
    return whole_number(value) if isinstance(value, str) else None


def _used_weight(events: tuple[EventView, ...]) -> int | None:
    for event in events:
        if event.name in {"System.ExtrinsicSuccess", "System.ExtrinsicFailed"}:
            info = event.fields.get("dispatch_info")
            weight = info.get("weight") if isinstance(info, dict) else None
            return integer_or_none(weight.get("ref_time")) if isinstance(weight, dict) else None
    return None


def _not_valid(raw: bytes) -> ClientError:
    """Return the error for a transaction that no block could contain, by its encoded reason."""
    try:
        refused = _VALIDITY.decode_all(raw)
    except DecodeError as error:
        return Undecodable(f"the result of a dry run cannot be read: {error}")
    return TransactionRefused(f"no block can contain it: {validity.describe(refused.reason)}")


def _error_in(event: EventView) -> Plain:
    """Return the DispatchError in an event; None if it has none.

    A batch, a proxy, a multisig or sudo succeeds also if its nested call has failed, which its own
    event contains: in a field `error`, or in a Result.
    """
    if event.name == "System.ExtrinsicFailed":
        return event.fields.get("dispatch_error")
    if event.name in {"Utility.BatchInterrupted", "Utility.ItemFailed"}:
        return event.fields.get("error")
    for value in event.fields.values():
        if isinstance(value, dict) and value.keys() == {"Err"}:
            return value["Err"]
    return None
