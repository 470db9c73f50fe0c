"""Cost of an auction of the exchange with 100, 1,000 and 10,000 open orders.

`python bench/bench_auction.py`; one thread, its own time, least of three rounds. The orders
lie in a state like the node's: an overlay over a sorted store.
"""

from __future__ import annotations

import random
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from itertools import takewhile
from pathlib import Path
from time import process_time
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from btt_chain.primitives.account import AccountId  # noqa: E402
from btt_chain.scale import u128  # noqa: E402
from runtime.constants import BTT  # noqa: E402
from runtime.frame.weight import PICOS_PER_MILLI  # noqa: E402
from runtime.pallets.exchange.auctions import MAX_MATCHES  # noqa: E402
from runtime.pallets.exchange.book import MAX_LEVELS  # noqa: E402
from runtime.pallets.exchange.types import Side  # noqa: E402
from storage.overlay import Overlay  # noqa: E402
from support.asset_runtime import ALICE, BOB  # noqa: E402
from support.market_floor import SCANNER, Market  # noqa: E402
from support.runtime import SmallRuntime  # noqa: E402

Small = TypeVar("Small", bound=SmallRuntime)
ROUNDS = 3
OWN = 32


def stored(small: Small) -> Small:
    """The same runtime on an overlay, as if all of it lay in the database."""
    data = dict(small.state.data)
    keys = sorted(data)

    def base_keys(prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        place = bisect_left(keys, prefix)
        if after is not None:
            place = max(place, bisect_right(keys, after))
        found = map(keys.__getitem__, range(place, len(keys)))
        return takewhile(lambda key: key.startswith(prefix), found)

    small.state = Overlay(data.get, base_keys)  # type: ignore[assignment]
    small.enter(small.state)
    return small


def filled(orders: int, rng: random.Random) -> Market:
    """A market with so many orders around 20 BTT that do not cross."""
    market = Market()
    market.balances.credit(ALICE, u128(10**9 * BTT))
    market.assets.issue(SCANNER, ALICE, u128(10**6))
    for number in range(orders):
        who = AccountId((number // OWN + 100).to_bytes(32, "big"))
        if number % OWN == 0:
            market.balances.transfer(ALICE, who, 10_000 * BTT)
            market.assets.move(SCANNER, ALICE, who, u128(200))
        side = Side.Buy if number % 2 else Side.Sell
        price = rng.randint(10_000, 19_999) if side is Side.Buy else rng.randint(20_001, 30_000)
        place = market.exchange.place
        place(who, SCANNER, side, u128(rng.randint(1, 9)), u128(price * BTT // 1_000))
    market.next_block()
    return stored(market)


def full(market: Market, count: int) -> float:
    """Milliseconds an order, of so many in one block."""
    begin = process_time()
    for number in range(count):
        who = AccountId((number // OWN + 10_000).to_bytes(32, "big"))
        if number % OWN == 0:
            market.balances.transfer(ALICE, who, 10_000 * BTT)
        market.exchange.place(who, SCANNER, Side.Buy, u128(1), u128(5 * BTT))
    return (process_time() - begin) * 1_000 / count


def main() -> None:
    """Print one row for each size of the book."""
    print(f"  orders   idle block   an order   one of 1,000   {MAX_MATCHES} filled   their weight")
    for orders in (100, 1_000, 10_000):
        market = filled(orders, random.Random(7))
        times: dict[str, list[float]] = {"idle": [], "order": [], "auction": []}
        for _ in range(ROUNDS):
            market.state.begin()
            times["idle"].append(timed(market.next_block))
            times["order"].append(timed(partial(market.order, ALICE, Side.Sell, 1, 31)))
            # One who buys whatever the best offer, as deep as an order may go.
            deepest = market.exchange.depth(SCANNER, Side.Sell, MAX_LEVELS)[-1].price
            market.exchange.place(BOB, SCANNER, Side.Buy, u128(2_000), u128(deepest))
            begin = process_time()
            weight = market.next_block()
            times["auction"].append(process_time() - begin)
            market.state.rollback()
        market.state.begin()
        block = full(market, 1_000)
        market.state.rollback()
        idle, order, auction = (min(times[name]) * 1_000 for name in ("idle", "order", "auction"))
        print(
            f"{orders:8,} {idle:9.2f} ms {order:7.2f} ms {block:11.2f} ms {auction:9.1f} ms"
            f" {weight / PICOS_PER_MILLI:11.1f} ms"
        )


def timed(step: Callable[[], object]) -> float:
    """Seconds that a step takes."""
    begin = process_time()
    step()
    return process_time() - begin


if __name__ == "__main__":
    main()
