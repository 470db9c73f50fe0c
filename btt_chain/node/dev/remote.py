"""Calls of the node that a fork reads from, in the thread that waits for them.

Every wait has an end: a connection that broke or an answer that is late is tried again, a node
that asks for a pause gets one, and `close` ends a call that is under way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from time import monotonic
from typing import Final

from btt_chain.client.blocking import EventLoop
from btt_chain.client.errors import ClientError, Disconnected, RpcError
from btt_chain.client.jsonrpc import Connection, Json, connect
from btt_chain.node.dev.errors import AnswerTooLarge, RemoteAway

SECONDS: Final = 15.0
"""Time to wait for one answer."""
PATIENCE: Final = 30.0
"""Time after which a call is not tried again."""
PAUSES: Final = (0.0, 0.5, 2.0)
"""Seconds before a connection that broke is made again, by the number of tries."""
MAX_PAUSE: Final = 10.0
"""Maximum pause that the other node may ask for."""
MAX_ANSWER: Final = 24 << 20
"""Maximum bytes of an answer. Nodes give at most 15 MiB by default."""

TOO_BIG: Final = (-32008, -32011)
RATE_LIMITED: Final = -32999
"""Codes of a node's refusals: an answer is larger than it gives; the caller asks too often."""


class OtherChain(Exception):
    """The other node is of another chain than the fork."""


class Remote:
    """Calls of another node, from a thread that may wait."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        """Nothing is called before it is needed."""
        self.url = url
        self.calls = 0
        """Number of calls that were answered."""
        self._seconds = seconds
        self._loop: EventLoop | None = None
        self._connection: Connection | None = None
        self._is_known = False
        """True if a connection has led to the right chain."""
        self._closing = threading.Event()
        self.check: Callable[[Callable[..., Json]], None] = lambda _: None
        """Called with `call` of each new connection; raises OtherChain for another one."""

    def call(self, method: str, *params: Json) -> Json:
        """Return a method's result. Raises AnswerTooLarge, RemoteAway."""
        end = monotonic() + PATIENCE
        pauses = list(PAUSES)
        while True:
            try:
                answer = self._ask(method, *params)
            except Disconnected as error:
                self._hang_up()
                if not pauses or monotonic() > end or self._closing.wait(pauses.pop(0)):
                    raise self._away(error) from error
            except RpcError as error:
                if error.code in TOO_BIG:
                    raise AnswerTooLarge(f"{self.url} does not answer {method} at once") from error
                if error.code != RATE_LIMITED or monotonic() > end:
                    raise self._away(error) from error
                self._closing.wait(_pause_of(error))
            except ClientError as error:
                self._hang_up()
                raise self._away(error) from error
            except CancelledError as error:
                raise RemoteAway("the fork is being closed") from error
            else:
                self.calls += 1
                return answer

    def abort(self) -> None:
        """End the call that is under way in another thread; there are no further ones."""
        self._closing.set()
        if self._loop is not None:
            self._loop.cancel()

    def close(self) -> None:
        """Close the connection."""
        self._hang_up()
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def _ask(self, method: str, *params: Json) -> Json:
        if self._closing.is_set():
            raise RemoteAway("the fork is being closed")
        if self._loop is None:
            self._loop = EventLoop()
        if self._connection is None:
            connection = self._loop.run(connect(self.url, self._seconds, max_answer=MAX_ANSWER))
            self._connection = connection
            loop = self._loop
            try:
                self.check(lambda name, *given: loop.run(connection.call(name, *given)))
            except OtherChain as error:
                self._hang_up()
                if self._is_known:  # a running fork waits for the right node
                    raise RemoteAway(str(error)) from error
                raise
            except BaseException:
                self._hang_up()
                raise
            self._is_known = True
        return self._loop.run(self._connection.call(method, *params))

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._loop is not None:
            self._loop.run(connection.close())

    def _away(self, error: ClientError) -> RemoteAway:
        return RemoteAway(
            f"the fork needs a part of the state that was not read yet, and {self.url} does not "
            f"give it: {error}. Start that node again, with the states of that block"
        )


def _pause_of(error: RpcError) -> float:
    """Return the seconds that a node asks to wait before the next call."""
    data = error.data
    wanted = data.get("retryAfter") if isinstance(data, dict) else None
    seconds = wanted if isinstance(wanted, int | float) else 1.0
    return min(max(float(seconds), 0.1), MAX_PAUSE)
