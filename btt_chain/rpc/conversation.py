"""The conversation over one WebSocket: its messages are answered one after the other.

A message wakes the task of the conversation (`run`). A small call that waits for nothing is
answered before that, when its bytes arrive (`answer`), under the same conditions: nothing is owed
by the caller, no other message or answer is under way, and the RPC has its turn.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

from aiohttp.http_websocket import WSCloseCode, WSMsgType
from aiohttp.web_ws import WebSocketResponse

from btt_chain.rpc.calls import Caller
from btt_chain.rpc.connection import Connection
from btt_chain.rpc.dispatch import Dispatcher
from btt_chain.web.connections import HttpConnection
from btt_chain.web.frames import MAX_SMALL, small_text, text_frame
from btt_chain.web.throttle import Throttle

PING_PRICE: Final = 0.0002
"""Seconds of processor time charged for a ping, a pong or an empty frame."""


class Conversation:
    """The messages of one WebSocket."""

    def __init__(
        self,
        socket: WebSocketResponse,
        connection: Connection,
        caller: Caller,
        dispatcher: Dispatcher,
        visitor: HttpConnection,
    ) -> None:
        self._socket = socket
        self._connection = connection
        self._caller = caller
        self._dispatcher = dispatcher
        self._visitor = visitor
        self._bill = connection.bill
        self._throttle = Throttle(connection.bill)
        self._was_delayed = False
        self._max_small = min(MAX_SMALL, connection.limits.request_size)
        self._is_waiting = False
        """True if the task waits for a message, and none has arrived since, not even in part."""

    def answer(self, data: bytes) -> bool:
        """Return True if received bytes were one small call that waits for nothing: answered.

        If False, they belong to the WebSocket's parser, and nothing was done.
        """
        if not self._is_waiting:
            return False
        text, connection, transport = small_text(data), self._connection, self._visitor.transport
        if (
            text is not None
            and transport is not None
            and len(text) <= self._max_small
            and self._bill.is_free
            and connection.is_idle
            and not connection.closed
            and not self._socket.closed
            and not transport.get_write_buffer_size()
        ):
            frame = self._dispatcher.at_once(self._caller, connection, text)
            if frame is not None:
                self._visitor.complete()
                if self._was_delayed:
                    self._forgive()
                if frame:
                    transport.write(text_frame(frame))
                else:
                    self._is_waiting = False  # its reader is waited for before the next message
                return True
        self._is_waiting = False
        return False

    async def run(self) -> None:
        """Answer one message after another, within the caller's budget, until the socket closes."""
        socket, connection, bill = self._socket, self._connection, self._bill
        visitor, dispatcher = self._visitor, self._dispatcher
        while not connection.closed:
            self._is_waiting = visitor.frames.is_between
            message = await socket.receive()
            self._is_waiting = False
            kind = message.type
            visitor.complete()
            wait = 0.0
            if bill.is_free:
                if self._was_delayed:
                    self._forgive()
            else:
                self._was_delayed = True
                wait = await self._throttle.admit()
                if self._throttle.is_exhausted:
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"budget used up")
                    return
            if kind is WSMsgType.TEXT or kind is WSMsgType.BINARY:
                if wait:
                    await connection.wire.write(dispatcher.refuse(message.data, wait))
                else:
                    await dispatcher.handle(self._caller, connection, message.data)
            elif kind is WSMsgType.PING or kind is WSMsgType.PONG:
                if kind is WSMsgType.PING and not wait:
                    await socket.pong(message.data)
                bill.charge(PING_PRICE, monotonic(), is_waste=True)
                # Receiving does not wait while messages are queued.
                await asyncio.sleep(0)
            else:
                return

    def _forgive(self) -> None:
        """Reset the counters of delays: a request came while nothing was owed."""
        self._throttle.forgive()
        self._was_delayed = False
