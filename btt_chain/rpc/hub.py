"""The hub: one listener at the node for many subscribers.

Every event reaches every group of methods in the node's order. If a group fails on an event, this
is logged and the others go on: a wallet's subscription must never stop a block.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import orjson

from btt_chain.rpc.backend import Chain, ChainEvent
from btt_chain.rpc.connection import Subscription
from btt_chain.web.quiet import LIMIT

log = logging.getLogger(__name__)
log.addFilter(LIMIT)

Listener = Callable[[ChainEvent], None]


class Hub:
    """Forwards the chain's events."""

    def __init__(self, chain: Chain) -> None:
        self.listeners: list[Listener] = []
        self._unlisten = chain.listen(self._on_chain_event)

    def listen(self, listener: Listener) -> None:
        """Call `listener` on every event from now on."""
        self.listeners.append(listener)

    def close(self) -> None:
        """Stop listening."""
        self._unlisten()

    def _on_chain_event(self, event: ChainEvent) -> None:
        for listener in self.listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a subscription failed on %s", type(event).__name__)


class Audience:
    """The open subscriptions of one kind."""

    __slots__ = ("members",)

    def __init__(self) -> None:
        self.members: dict[Subscription, None] = {}

    def join(self, subscription: Subscription) -> None:
        """Add a subscription until it ends."""
        self.members[subscription] = None
        subscription.on_end(lambda: self.members.pop(subscription, None))

    def notify(self, result: object) -> None:
        """Notify all subscriptions; the result is encoded only once."""
        if not self.members:
            return
        result = orjson.Fragment(orjson.dumps(result))
        for subscription in list(self.members):
            subscription.notify(result)
