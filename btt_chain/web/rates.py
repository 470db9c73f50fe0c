"""Tables of bounded size with an item of each address; rates of requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.web.addresses import network_of

Item = TypeVar("Item")


class ByAddress(Generic[Item]):
    """An item of each address; a new address costs the same however many there are."""

    def __init__(self, create: Callable[[float], Item], limit: int) -> None:
        """Call `create` with the time for a new address; the one unused longest is dropped."""
        self._create = create
        self._limit = limit
        self._items: OrderedDict[str, Item] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of addresses in the table."""
        return len(self._items)

    def of(self, address: str, now: float) -> Item:
        """Return the item of an address, or of its network."""
        name = network_of(address)
        item = self._items.get(name)
        if item is None:
            item = self._items[name] = self._create(now)
            if len(self._items) > self._limit:
                self._items.popitem(last=False)
        else:
            self._items.move_to_end(name)
        return item


class Rates(ByAddress[TokenBucket]):
    """A token bucket for each address."""

    def __init__(self, rate: float, burst: float, addresses: int) -> None:
        """`rate` is in requests a second of one address."""
        super().__init__(lambda now: TokenBucket(rate, burst, now), addresses)

    def admits(self, address: str, now: float) -> bool:
        """Return True if an address may make a request now; the request is counted."""
        return self.of(address, now).take(now)
