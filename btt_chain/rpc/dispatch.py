"""Dispatch: from a message to the handler and back to an answer.

Each call has a turn in the queue (`turns.py`), and its caller is charged for its time and for the
bytes received and sent (`budget.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

from btt_chain.chain.reading import ReadingGivenUp, Reads
from btt_chain.rpc.answers import FREE_ANSWER, AnswerSpace, Claim, no_room
from btt_chain.rpc.calls import Caller, Calls, Reply, error_of
from btt_chain.rpc.connection import Connection
from btt_chain.rpc.limits import Limits
from btt_chain.rpc.preparing import Preparation
from btt_chain.rpc.protocol import (
    BATCH_RESPONSE_TOO_BIG,
    NULL,
    Malformed,
    Request,
    RpcError,
    parse,
    refusal,
    try_later,
)
from btt_chain.rpc.registry import Registry
from btt_chain.web.addresses import network_of
from btt_chain.web.quiet import LIMIT
from storage.fork import NotRead

log = logging.getLogger(__name__)
log.addFilter(LIMIT)

Result = TypeVar("Result")

Message: TypeAlias = "Request | Malformed | list[Request | Malformed]"

SMALL_ANSWER = 32_768
"""Bytes of an answer that is written without waiting for its reader."""
READ_WHEN_REFUSED = 4_096
"""Maximum bytes of a refused message that is still parsed, so that the refusal has its id."""


class Dispatcher:
    """Answers messages by the methods of a registry."""

    def __init__(self, registry: Registry, limits: Limits) -> None:
        self.methods = registry.methods
        self.calls = Calls(registry, limits)
        self._quick = self.calls.quick
        self.limits = limits
        self.turns = registry.turns
        self.answers = AnswerSpace()
        self.preparation = Preparation(registry.methods, registry.turns, registry.prepare_metadata)

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
        if reply is not None and reply.subscriptions is None and reply.actions is None:
            frame = reply.frame
            if frame is not None and len(frame) <= FREE_ANSWER and connection.is_idle:
                # Nearly every call: no frame waits, and the answer has no effects.
                return connection.wire.write(frame)
        return self._proceed(caller, connection, message, reply)

    def at_once(self, caller: Caller, connection: Connection, raw: bytes) -> bytes | None:
        """Answer a message of a connection if it is one call that waits for nothing.

        Return the answer; None if nothing was executed; nothing (`b""`) if the answer is so large
        that its reader is waited for: then it is under way.
        """
        if raw[:1] != b"{" or not self.turns.begin():
            return None
        reply = None
        try:
            message = parse(raw, self.limits.batch)
            if isinstance(message, Request) and message.id is not None:
                method = self.methods.get(message.method)
                if method is not None and method.is_plain:
                    reply = self._quick(caller, message)
        except NotRead:
            pass  # of a fork's state: answered by `_slowly`
        finally:
            seconds = self.turns.spent()
        if reply is None or reply.frame is None:
            caller.charge(seconds, 0)
            return None
        caller.charge_for(reply, seconds, len(raw))
        if len(reply.frame) > SMALL_ANSWER:
            connection.spawn(partial(self._proceed, caller, connection, message, reply))
            return b""
        return reply.frame

    async def _in_turn(self, caller: Caller, connection: Connection, raw: bytes | str) -> None:
        await self.turns.turn(caller.rank)
        await self._proceed(caller, connection, *self._read(caller, raw))

    async def _proceed(
        self, caller: Caller, connection: Connection, message: Message, reply: Reply | None
    ) -> None:
        """Send the answer to a message that was read, once there is one."""
        if reply is None:
            if not isinstance(message, list) or any(self._is_slow(item) for item in message):
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
            try:
                await self._in_turns(caller, action, lambda: caller.charge(self.turns.spent(), 0))
            except ReadingGivenUp as error:
                log.warning("an operation has no result: %s", error)

    async def _in_turns(
        self, caller: Caller, work: Callable[[], Result], end_turn: Callable[[], None]
    ) -> Result:
        """Return the result of work in a turn. Raises as it does, and ReadingGivenUp.

        If it lacks a part of a fork's state, that is read between two turns; then it is repeated.
        """
        reads = Reads()
        while True:
            await self.turns.turn(caller.rank)
            try:
                return work()
            except NotRead as error:
                lacking = error
            finally:
                end_turn()
            await reads.read(lacking)

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
            if isinstance(message, Request):
                method = self.methods.get(message.method)
                if method is None or method.is_quick or not self._is_slow(message):
                    reply = self._quick(caller, message)
            elif isinstance(message, Malformed):
                reply = self._quick(caller, message)
        except NotRead:
            pass  # of a fork's state: answered by `_slowly`
        finally:
            seconds = self.turns.spent()
        if reply is None:
            caller.charge(seconds, len(raw))
        else:
            caller.charge_for(reply, seconds, len(raw))
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
        wait = 0.0 if caller.bill.is_free else await caller.afford()
        id = item.id if isinstance(item, Request) else None
        if id is not None and wait:
            return Reply(refusal(id, try_later(wait)))
        if id is not None and claim.is_refused:
            return Reply(refusal(id, no_room()))
        reply = self._in_passing(caller, item)
        if reply is None:
            reply = await self._one(caller, item)
        if reply.frame is None or claim.take(len(reply.frame)):
            return reply
        return reply.abandon(no_room(), id or NULL)

    def _in_passing(self, caller: Caller, item: Request | Malformed) -> Reply | None:
        """Answer a call of a batch if neither it nor its turn is waited for; else return None."""
        if isinstance(item, Request):
            method = self.methods.get(item.method)
            if method is not None and not method.is_quick:
                return None
        if not self.turns.begin():
            return None
        reply = None
        try:
            reply = self._quick(caller, item)
        except NotRead:
            pass  # of a fork's state: answered by `_one`
        finally:
            seconds = self.turns.spent()
        if reply is None:
            caller.charge(seconds, 0)
        else:
            caller.charge_for(reply, seconds, 0)
        return reply

    async def _one(self, caller: Caller, item: Request | Malformed) -> Reply:
        """Answer one call, quick or slow."""
        if isinstance(item, Request) and self.preparation.concerns(item):
            caller.charge(await self.preparation.run(caller.rank), 0)
        if isinstance(item, Malformed) or item.id is None or not self._is_slow(item):
            seconds = 0.0

            def end_turn() -> None:
                nonlocal seconds
                seconds += self.turns.spent()

            try:
                reply = await self._in_turns(caller, partial(self._quick, caller, item), end_turn)
            except ReadingGivenUp as error:
                reply = Reply(refusal(item.id or NULL, error_of("", error)))
        else:
            # Its work between two pauses goes through the queue by itself (`TurnQueue.rest`).
            seconds, reply = 0.0, await self.calls.pausing(caller, item)
        caller.charge_for(reply, seconds, 0)
        return reply
