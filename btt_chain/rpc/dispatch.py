"""Dispatch: from a message to the handler and back to an answer.

The outermost loop of the API: every exception of a handler becomes an error object; an unexpected
one is logged and answered with -32603, and the server goes on.

Each call has a turn in the queue (`turns.py`), and its caller is charged for its time and for the
bytes received and sent (`budget.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TypeAlias, cast

from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.rpc.access import unsafe_call, unsafe_function
from btt_chain.rpc.answers import FREE_ANSWER, AnswerSpace, Claim, no_room
from btt_chain.rpc.backend import BackendError, TimeLimitReached
from btt_chain.rpc.budget import BYTES_PER_SECOND, Bill, network_of
from btt_chain.rpc.connection import MIN_CHARGE, Call, Connection, Subscription
from btt_chain.rpc.limits import Limits
from btt_chain.rpc.preparing import Preparation
from btt_chain.rpc.protocol import (
    BATCH_RESPONSE_TOO_BIG,
    CLIENT_ERROR,
    INTERNAL_ERROR,
    METHOD_NOT_FOUND,
    NULL,
    RATE_LIMITED,
    RESPONSE_TOO_BIG,
    Malformed,
    Request,
    RpcError,
    answer,
    invalid_params,
    parse,
    refusal,
)
from btt_chain.rpc.quiet import LIMIT
from btt_chain.rpc.registry import Kind, Method, Registry
from btt_chain.rpc.throttle import MAX_DELAY, try_later

log = logging.getLogger(__name__)
log.addFilter(LIMIT)

Message: TypeAlias = "Request | Malformed | list[Request | Malformed]"

NOTIFICATION_PRICE = 0.0002
"""Seconds charged for a call without an id, which is not executed: clients send it by mistake."""
READ_WHEN_REFUSED = 4_096
"""Maximum bytes of a refused message that is still parsed, so that the refusal has its id."""


@dataclass(slots=True)
class Caller:
    """A caller: rights, rate budget (None: unlimited), connection (None over HTTP), accounts."""

    unsafe_allowed: bool
    bucket: TokenBucket | None = None
    connection: Connection | None = None
    bill: Bill = field(default_factory=Bill.unlimited)
    address: str = ""
    """IP address, which shares room for answers."""
    uncharged: float = 0.0
    """Accumulated seconds, too few to be charged yet."""
    claim: Claim | None = None
    """Room of an answer over HTTP, to be released once it was sent."""

    def charge_for(self, reply: Reply, seconds: float, size: int) -> None:
        """Charge for the work on a call, for its message of `size` bytes, and for its answer."""
        if reply.frame is None:
            seconds += NOTIFICATION_PRICE
        else:
            size += len(reply.frame)
        self.charge(seconds, size, is_waste=reply.is_waste)

    def charge(self, seconds: float, size: int, *, is_waste: bool = False) -> None:
        """Charge for work, and for bytes received or sent."""
        seconds += size / BYTES_PER_SECOND
        if is_waste:
            self.bill.charge(seconds, monotonic(), is_waste=True)
            return
        self.uncharged += seconds
        if self.uncharged > MIN_CHARGE:
            self.bill.charge(self.uncharged, monotonic())
            self.uncharged = 0.0

    async def afford(self) -> float:
        """Return 0 when the next call of a batch may be processed, else the seconds to wait.

        The message was admitted when nothing was owed, but each of its calls may cost as much as a
        message: their debt is waited for, and if that takes too long, they are refused.
        """
        if self.bill.is_free:
            return 0.0
        wait = self.bill.wait(monotonic())
        if wait > MAX_DELAY:
            return wait
        if wait > 0:
            await asyncio.sleep(wait)
        return 0.0

    def rank(self) -> float:
        """Return the rank for waiting turns: a caller that spent less is served first."""
        return self.bill.spent(monotonic())


class Reply:
    """An answer (None to a notification), and the effects that follow it."""

    __slots__ = ("actions", "claim", "frame", "is_waste", "subscriptions")

    def __init__(self, frame: bytes | None, *, is_waste: bool = False) -> None:
        self.frame = frame
        self.is_waste = is_waste
        """True if the message was useless."""
        # Created on demand: most answers need none of these.
        self.claim: Claim | None = None
        self.subscriptions: list[Subscription] | None = None
        self.actions: list[Callable[[], None]] | None = None

    @property
    def is_plain(self) -> bool:
        """True if the answer has no effects."""
        return self.frame is not None and self.subscriptions is None and self.actions is None

    def absorb(self, other: Reply) -> None:
        """Take over the effects of another answer, which is sent with this one."""
        self.subscriptions = [*(self.subscriptions or ()), *(other.subscriptions or ())]
        self.actions = [*(self.actions or ()), *(other.actions or ())]

    def open(self) -> None:
        """Open the subscriptions: the answer is queued. Actions are run by the dispatcher."""
        for subscription in self.subscriptions or ():
            subscription.open()

    def release(self) -> None:
        """Release the room of the answer, which was sent or never will be."""
        if self.claim is not None:
            self.claim.release()

    def abandon(self, error: RpcError, id: bytes = NULL) -> Reply:
        """Return a refusal instead; subscriptions whose ids are never sent are ended."""
        self.release()
        for subscription in self.subscriptions or ():
            subscription.end()
        return Reply(refusal(id, error))


class Dispatcher:
    """Answers messages by the methods of a registry."""

    def __init__(self, registry: Registry, limits: Limits) -> None:
        self.methods = registry.methods
        self.is_unsafe_function = registry.is_unsafe_function
        self.max_call_data = registry.max_call_data
        self.limits = limits
        self.turns = registry.turns
        self.answers = AnswerSpace()
        self.preparation = Preparation(registry.methods, registry.turns, registry.prepare_metadata)
        self.on_call: Callable[[str, float], None] | None = None
        """Called for each answered call, with the method's registered name, and seconds."""

    # ---- HTTP: one message in, one answer out

    async def respond(self, caller: Caller, raw: bytes) -> bytes | None:
        """Return the answer to a message; None if it held only notifications."""
        if not self.turns.begin():
            await self.turns.turn(caller.rank)
        message, reply = self._read(caller, raw)
        if reply is None:
            reply = await self._slowly(caller, message)
        reply = self._with_room(caller, reply, message)
        caller.claim = reply.claim
        return reply.frame

    def refuse(self, raw: bytes | str, wait: float) -> bytes:
        """Return the refusal of a message that is not processed for lack of budget."""
        message = parse(raw, self.limits.batch) if len(raw) <= READ_WHEN_REFUSED else None
        id = message.id if isinstance(message, Request) else None
        return refusal(id or NULL, try_later(wait))

    # ---- WebSocket: answers leave through the connection's queue

    def handle(self, caller: Caller, connection: Connection, raw: bytes | str) -> Awaitable[None]:
        """Answer one message of a connection; slow calls go on in the background."""
        if not self.turns.begin():
            return self._in_turn(caller, connection, raw)
        message, reply = self._read(caller, raw)
        if reply is not None and reply.is_plain and connection.is_idle:
            frame = reply.frame or b""
            if len(frame) <= FREE_ANSWER:
                # Nearly every call: no frame waits, and the answer has no effects.
                return connection.wire.write(frame)
        return self._proceed(caller, connection, message, reply)

    async def _in_turn(self, caller: Caller, connection: Connection, raw: bytes | str) -> None:
        await self.turns.turn(caller.rank)
        await self._proceed(caller, connection, *self._read(caller, raw))

    async def _proceed(
        self, caller: Caller, connection: Connection, message: Message, reply: Reply | None
    ) -> None:
        """Send the answer to a message that was read, once there is one."""
        if reply is None:
            items = message if isinstance(message, list) else [message]
            if any(self._is_slow(item) for item in items):
                await connection.run_slow(partial(self._later, caller, connection, message))
                return
            reply = await self._slowly(caller, message)
        reply = self._with_room(caller, reply, message)
        if reply.frame is None:
            return
        try:
            connection.cork()
            connection.send(reply.frame)
            reply.open()
            await connection.flush()
        finally:
            reply.release()
        await self._act(caller, reply)

    async def _later(self, caller: Caller, connection: Connection, message: Message) -> None:
        reply = self._with_room(caller, await self._slowly(caller, message), message)
        if reply.frame is None:
            return
        try:
            await connection.deliver(reply.frame, reply.open)
        finally:
            reply.release()
        await self._act(caller, reply)

    def _with_room(self, caller: Caller, reply: Reply, message: Message) -> Reply:
        """Return the answer if there is room for it, else a refusal."""
        frame = reply.frame
        if frame is None or len(frame) <= FREE_ANSWER or reply.claim is not None:
            return reply
        reply.claim = Claim(self.answers, network_of(caller.address))
        if reply.claim.take(len(frame)):
            return reply
        id = message.id if isinstance(message, Request) else None
        return reply.abandon(no_room(), id or NULL)

    async def _act(self, caller: Caller, reply: Reply) -> None:
        """Run the actions of an answer, each in a separate turn."""
        for action in reply.actions or ():
            await self.turns.turn(caller.rank)
            try:
                action()
            finally:
                caller.charge(self.turns.spent(), 0)

    def _is_slow(self, message: Request | Malformed) -> bool:
        if not isinstance(message, Request):
            return False
        method = self.methods.get(message.method)
        if method is None or method.is_quick:
            return False
        return method.is_async or self.preparation.concerns(message)

    # ---- one message

    def _read(self, caller: Caller, raw: bytes | str) -> tuple[Message, Reply | None]:
        """Parse a message in the turn that has begun, and answer it if it is one quick call."""
        reply = None
        try:
            message = parse(raw, self.limits.batch)
            if not isinstance(message, list) and not self._is_slow(message):
                reply = self._quick(caller, message)
        finally:
            seconds = self.turns.spent()
        if reply is None:
            caller.charge(seconds, len(raw))
        elif reply.is_waste or reply.frame is None:
            caller.charge_for(reply, seconds, len(raw))
        else:
            caller.uncharged += seconds + (len(raw) + len(reply.frame)) / BYTES_PER_SECOND
            if caller.uncharged > MIN_CHARGE:
                caller.charge(0.0, 0)
        return message, reply

    async def _slowly(self, caller: Caller, message: Message) -> Reply:
        """Answer a batch, or a call that pauses."""
        if isinstance(message, list):
            return await self._batch(caller, message)
        return await self._one(caller, message)

    async def _batch(self, caller: Caller, items: Sequence[Request | Malformed]) -> Reply:
        """Return the answers in the order of the calls, in one frame, as clients expect."""
        whole = Reply(None)
        whole.claim = Claim(self.answers, network_of(caller.address))
        try:
            return await self._fill(caller, items, whole)
        except BaseException:
            whole.release()
            raise

    async def _fill(
        self, caller: Caller, items: Sequence[Request | Malformed], whole: Reply
    ) -> Reply:
        """Answer the calls of a batch."""
        frames: list[bytes] = []
        size = 0
        for item in items:
            reply = await self._part(caller, item, whole)
            if not reply.is_plain:
                whole.absorb(reply)
            if reply.frame is not None:
                frames += (b",", reply.frame)
                size += len(reply.frame) + 1
            if size > self.limits.response_size:
                limit = f"Exceeded max limit of {self.limits.response_size}"
                error = RpcError(BATCH_RESPONSE_TOO_BIG, "The batch response was too large", limit)
                return whole.abandon(error)
        if frames:
            frames[0] = b"["
            frames.append(b"]")
            whole.frame = b"".join(frames)
        return whole

    async def _part(self, caller: Caller, item: Request | Malformed, whole: Reply) -> Reply:
        """Answer a call of a batch if its caller's budget and the room for answers allow it."""
        claim = whole.claim or Claim(self.answers, network_of(caller.address))
        wait = await caller.afford()
        id = item.id if isinstance(item, Request) else None
        if id is not None and wait:
            return Reply(refusal(id, try_later(wait)))
        if id is not None and claim.is_refused:
            return Reply(refusal(id, no_room()))
        reply = await self._one(caller, item)
        if reply.frame is None or claim.take(len(reply.frame)):
            return reply
        return reply.abandon(no_room(), id or NULL)

    async def _one(self, caller: Caller, item: Request | Malformed) -> Reply:
        """Answer one call, quick or slow."""
        if isinstance(item, Request) and self.preparation.concerns(item):
            caller.charge(await self.preparation.run(caller.rank), 0)
        if isinstance(item, Malformed) or item.id is None or not self._is_slow(item):
            await self.turns.turn(caller.rank)
            try:
                reply = self._quick(caller, item)
            finally:
                seconds = self.turns.spent()
        else:
            # Its work between two pauses goes through the queue by itself (`TurnQueue.rest`).
            seconds, reply = 0.0, await self._pausing(caller, item)
        caller.charge_for(reply, seconds, 0)
        return reply

    async def _pausing(self, caller: Caller, item: Request) -> Reply:
        try:
            method = self._admit(caller, item)
            arguments = self._bind(caller, method, item)
            begun = monotonic()
            async with asyncio.timeout(self.limits.call_timeout):
                result = await cast("Awaitable[object]", method.handler(*arguments))
            frame = self._answer(item.id or NULL, result)
            if self.on_call is not None:
                self.on_call(method.name, monotonic() - begun)
            return Reply(frame)
        except TimeoutError:
            text = f"The call took longer than {self.limits.call_timeout:g} s"
            return Reply(refusal(item.id or NULL, RpcError(INTERNAL_ERROR, text)))
        except Exception as problem:  # noqa: BLE001  the outermost loop: logged there
            return self._refused(item, problem)

    def _quick(self, caller: Caller, item: Request | Malformed) -> Reply:
        """Answer a call that needs no waiting; notifications are not executed."""
        if isinstance(item, Malformed):
            return Reply(refusal(item.id, item.error), is_waste=True)
        if item.id is None:
            if caller.bucket is not None:
                caller.bucket.take(monotonic())
            return Reply(None, is_waste=True)
        reply = Reply(None)
        try:
            begun = monotonic()
            method = self._admit(caller, item)
            if method.function is None:
                arguments = method.signature.bind(item.params)
            else:
                arguments = self._bind(caller, method, item)
            if method.kind is Kind.PLAIN:
                result = method.handler(*arguments)
            else:
                result = self._invoke(caller, method, arguments, reply)
            reply.frame = self._answer(item.id, result)
            if self.on_call is not None:
                self.on_call(method.name, monotonic() - begun)
            return reply
        except Exception as problem:  # noqa: BLE001  the outermost loop: logged there
            return self._refused(item, problem)

    def _refused(self, item: Request, problem: Exception) -> Reply:
        """Return the answer to a call that failed."""
        error = self._error(item, problem)
        # Negative codes are those of JSON-RPC itself, except for failures of ours.
        meant = error.code >= 0 or error.code in {INTERNAL_ERROR, RESPONSE_TOO_BIG}
        is_waste = not meant or isinstance(problem, TimeLimitReached)
        return Reply(refusal(item.id or NULL, error), is_waste=is_waste)

    def _admit(self, caller: Caller, request: Request) -> Method:
        """Return the method, if it exists and this caller may call it now; else raise RpcError."""
        method = self.methods.get(request.method)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        bucket = caller.bucket
        if bucket is not None and not bucket.take(monotonic(), method.cost):
            raise RpcError(RATE_LIMITED, "RPC rate limit exceeded")
        if method.unsafe and not caller.unsafe_allowed:
            raise unsafe_call()
        return method

    def _bind(self, caller: Caller, method: Method, request: Request) -> list[object]:
        """Return the arguments; refuse a runtime function that this caller may not use."""
        if method.data is not None:
            self._check_size(method, request)
        arguments = method.signature.bind(request.params)
        if method.function is not None and not caller.unsafe_allowed:
            name = str(arguments[method.function])
            if self.is_unsafe_function(name):
                raise unsafe_function(name)
        return arguments

    def _check_size(self, method: Method, request: Request) -> None:
        """Refuse too long arguments of a runtime function before they are parsed."""
        signature, function, data = method.signature, method.function or 0, method.data or 0
        name, text = signature.raw(request.params, function), signature.raw(request.params, data)
        if not isinstance(name, str) or not isinstance(text, str):
            return  # refused by their types
        limit = self.max_call_data(name)
        size = len(text) // 2 - 1
        if size > limit:
            argument = signature.parameters[data].name
            raise invalid_params(
                f"`{argument}`: {size} bytes, {limit} are the most for {name[:80]}"
            )

    def _invoke(
        self, caller: Caller, method: Method, arguments: list[object], reply: Reply
    ) -> object:
        """Call a method that needs a connection."""
        connection = caller.connection
        if connection is None:
            raise RpcError(METHOD_NOT_FOUND, f"{method.name} needs a WebSocket connection")
        if method.kind is Kind.CONNECTED:
            reply.actions = []
            return method.handler(Call(connection, reply.actions), *arguments)
        if method.kind is Kind.UNSUBSCRIBE:
            return _unsubscribe(connection, method, arguments[0])
        subscription = Subscription(connection, method.event)
        try:
            method.handler(subscription, *arguments)
        except BaseException:
            subscription.end()
            raise
        reply.subscriptions = [subscription]
        return subscription.id

    def _answer(self, id: bytes, result: object) -> bytes:
        frame = answer(id, result)
        if len(frame) > self.limits.response_size:
            limit = f"Exceeded max limit of {self.limits.response_size}"
            raise RpcError(RESPONSE_TOO_BIG, "Response is too big", limit)
        return frame

    def _error(self, request: Request, problem: Exception) -> RpcError:
        """Return the error object of an exception."""
        if isinstance(problem, RpcError):
            return problem
        if isinstance(problem, BackendError):
            return RpcError(CLIENT_ERROR, f"Client error: {problem}")
        log.error("%s failed", request.method[:80], exc_info=problem)
        return RpcError(INTERNAL_ERROR, "Internal error")


def _unsubscribe(connection: Connection, method: Method, id: object) -> bool | None:
    """End a subscription of the caller; False if it does not exist, or is of another kind.

    None for methods that always answer null.
    """
    subscription = connection.subscriptions.get(id) if isinstance(id, str) else None
    found = subscription is not None and subscription.event == method.event
    if subscription is not None and found:
        subscription.end()
    return found if method.answers_bool else None
