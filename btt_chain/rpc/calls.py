"""One call: its admission, its arguments, its handler, and its answer.

Every exception of a handler becomes an error object; an unexpected one is logged and answered with
-32603, and the server goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import field
from time import monotonic
from typing import Final, NoReturn, cast

from btt_chain.chain.reading import Reads
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.rpc.access import unsafe_call, unsafe_function
from btt_chain.rpc.answers import Claim
from btt_chain.rpc.backend import BackendError, TimeLimitReached
from btt_chain.rpc.connection import MIN_CHARGE, Call, Connection, Subscription
from btt_chain.rpc.limits import Limits
from btt_chain.rpc.protocol import (
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
    refusal,
)
from btt_chain.rpc.registry import Kind, Method, Registry
from btt_chain.web.budget import BYTES_PER_SECOND, Bill
from btt_chain.web.quiet import LIMIT
from btt_chain.web.throttle import MAX_DELAY
from storage.fork import NotRead
from storage.state import StateUnavailable

log = logging.getLogger(__name__)
log.addFilter(LIMIT)

NOTIFICATION_PRICE: Final = 0.0002
"""Seconds charged for a call without an id, which is not executed: clients send it by mistake."""


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
        if reply.is_waste:
            self.charge(seconds, size, is_waste=True)
            return
        # As `charge`, without the call: nearly every message ends here.
        self.uncharged += seconds + size / BYTES_PER_SECOND
        if self.uncharged > MIN_CHARGE:
            self.charge(0.0, 0)

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


class Calls:
    """Executes the calls of a registry's methods."""

    def __init__(self, registry: Registry, limits: Limits) -> None:
        self.methods = registry.methods
        self.limits = limits
        self.on_call: Callable[[str, float], None] | None = None
        """Called for each answered call, with the method's registered name, and seconds."""
        self._missing = registry.missing
        self._is_unsafe_function = registry.is_unsafe_function
        self._max_call_data = registry.max_call_data

    def quick(self, caller: Caller, item: Request | Malformed) -> Reply:
        """Answer a call that needs no waiting; notifications are not executed.

        Raises NotRead if a part of a fork's state is to be read first.
        """
        if isinstance(item, Malformed):
            return Reply(refusal(item.id, item.error), is_waste=True)
        if item.id is None:
            if caller.bucket is not None:
                caller.bucket.take(monotonic())
            return Reply(None, is_waste=True)
        reply = Reply(None)
        try:
            begun = monotonic()
            method = self.methods.get(item.method)
            if method is None or method.unsafe or caller.bucket is not None:
                method = self._admit(caller, item)
            if method.function is None:
                arguments = method.signature.bind(item.params)
            else:
                arguments = self._bind(caller, method, item)
            if method.kind is Kind.PLAIN:
                result = method.handler(*arguments)
            else:
                result = self._invoke(caller, method, arguments, reply)
            reply.frame = answer(item.id, result)
            if len(reply.frame) > self.limits.response_size:
                self._refuse_size()
            if self.on_call is not None:
                self.on_call(method.name, monotonic() - begun)
            return reply
        except NotRead:
            raise
        except Exception as problem:  # noqa: BLE001  the outermost loop: logged there
            return self._refused(item, problem)

    async def pausing(self, caller: Caller, item: Request) -> Reply:
        """Answer a call that waits."""
        try:
            method = self._admit(caller, item)
            arguments = self._bind(caller, method, item)
            begun = monotonic()
            async with asyncio.timeout(self.limits.call_timeout):
                result = await self._paused(method, arguments)
            frame = self._answer(item.id or NULL, result)
            if self.on_call is not None:
                self.on_call(method.name, monotonic() - begun)
            return Reply(frame)
        except TimeoutError:
            text = f"The call took longer than {self.limits.call_timeout:g} s"
            return Reply(refusal(item.id or NULL, RpcError(INTERNAL_ERROR, text)))
        except Exception as problem:  # noqa: BLE001  the outermost loop: logged there
            return self._refused(item, problem)

    async def _paused(self, method: Method, arguments: list[object]) -> object:
        """Return the result of a call that pauses; repeated where it lacks a fork's state."""
        reads = Reads()
        while True:
            try:
                return await cast("Awaitable[object]", method.handler(*arguments))
            except NotRead as error:
                lacking = error
            await reads.read(lacking)

    def _refused(self, item: Request, problem: Exception) -> Reply:
        """Return the answer to a call that failed."""
        error = error_of(item.method, problem)
        # Negative codes are those of JSON-RPC itself, except for failures of ours.
        meant = error.code >= 0 or error.code in {INTERNAL_ERROR, RESPONSE_TOO_BIG}
        is_waste = not meant or isinstance(problem, TimeLimitReached)
        return Reply(refusal(item.id or NULL, error), is_waste=is_waste)

    def _admit(self, caller: Caller, request: Request) -> Method:
        """Return the method, if it exists and this caller may call it now; else raise RpcError."""
        method = self.methods.get(request.method)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, self._missing(request.method))
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
            if self._is_unsafe_function(name):
                raise unsafe_function(name)
        return arguments

    def _check_size(self, method: Method, request: Request) -> None:
        """Refuse too long arguments of a runtime function before they are parsed."""
        signature, function, data = method.signature, method.function or 0, method.data or 0
        name, text = signature.raw(request.params, function), signature.raw(request.params, data)
        if not isinstance(name, str) or not isinstance(text, str):
            return  # refused by their types
        limit = self._max_call_data(name)
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
            self._refuse_size()
        return frame

    def _refuse_size(self) -> NoReturn:
        limit = f"Exceeded max limit of {self.limits.response_size}"
        raise RpcError(RESPONSE_TOO_BIG, "Response is too big", limit)


def error_of(method: str, problem: Exception) -> RpcError:
    """Return the error object of an exception."""
    if isinstance(problem, RpcError):
        return problem
    if isinstance(problem, BackendError | StateUnavailable):
        return RpcError(CLIENT_ERROR, f"Client error: {problem}")
    log.error("%s failed", method[:80], exc_info=problem)
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
