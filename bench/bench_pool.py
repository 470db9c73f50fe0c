"""Cost of the pool without the runtime's validation: `python bench/bench_pool.py`.

Prints microseconds per operation beside the target, where there is one. The judge
answers from a table, so that what is measured is bookkeeping and the hash.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1]))

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.validity import TransactionSource, ValidTransaction
from btt_chain.scale import u64
from btt_chain.txpool import (
    BlockRef,
    ImportedBlock,
    Included,
    Limit,
    Limits,
    Pool,
    PoolError,
    nonce_tag,
)

EXTERNAL = TransactionSource.External
BEST = BlockRef(100, b"best")
NEXT = BlockRef(101, b"next")
SIZE = 8_192


class Table:
    """A judge that looks its verdicts up."""

    def __init__(self) -> None:
        self.verdicts: dict[bytes, ValidTransaction] = {}

    def __call__(self, raw: bytes, source: TransactionSource, at: BlockRef) -> ValidTransaction:
        """Return the validity that was stored for a transaction."""
        return self.verdicts[raw]

    def transfer(self, account: int, nonce: int, priority: int, salt: int = 0) -> bytes:
        """An extrinsic of 148 bytes, as long as a transfer."""
        who = account.to_bytes(32, "little")
        raw = who + nonce.to_bytes(4, "little") + salt.to_bytes(4, "little") + bytes(108)
        self.verdicts[raw] = ValidTransaction(
            u64(priority),
            [nonce_tag(who, nonce - 1)] if nonce else [],
            [nonce_tag(who, nonce)],
            u64(64),
        )
        return raw


def timed(label: str, count: int, work: Callable[[], object], target: str = "") -> None:
    """Run `work` once, and print its time for each of `count` units."""
    gc.collect()
    started = perf_counter()
    work()
    took = perf_counter() - started
    print(f"{label:<52} {took / count * 1e6:9.2f} us each {took * 1e3:9.2f} ms  {target}")


def submit_all(pool: Pool, raws: list[bytes]) -> int:
    """Submit each and drain, as a node does. Returns how many were refused."""
    refused = 0
    for raw in raws:
        try:
            pool.submit(raw, EXTERNAL, 0.0, BEST)
        except PoolError:
            refused += 1
        pool.drain()
    return refused


def transfers_of(table: Table, accounts: int = 1_024, priority: int = 1_000) -> list[bytes]:
    """A full pool's worth of transfers, eight from each account."""
    return [
        table.transfer(account, nonce, priority + account % 97)
        for nonce in range(SIZE // accounts)
        for account in range(accounts)
    ]


def main() -> None:
    """Measure submitting, selecting and rechecking."""
    table = Table()
    pool = Pool(table)
    raws = transfers_of(table)
    timed("submit 8,192 of 1,024 accounts", SIZE, lambda: submit_all(pool, raws), "< 50 us")

    timed("author reads 5,000", 5_000, lambda: take(pool, 5_000), "< 20 ms")
    timed("author reads the first 10", 10, lambda: take(pool, 10))
    timed("author_pendingExtrinsics", SIZE, pool.pending)

    dearer = [table.transfer(account, 7, 5_000, salt=1) for account in range(1_024)]
    timed("replace 1,024 by better bids", 1_024, lambda: submit_all(pool, dearer))
    middle = [table.transfer(account, 3, 5_000, salt=1) for account in range(1_024)]
    timed("replace 1,024 in the middle of chains", 1_024, lambda: submit_all(pool, middle))
    spam = [table.transfer(account, 0, 1) for account in range(10_000, 20_000)]
    timed("refuse 10,000 low bids in a full pool", 10_000, lambda: submit_all(pool, spam))
    rich = [table.transfer(account, 0, 9_000) for account in range(20_000, 24_000)]
    timed("push out 4,000 by better bids", 4_000, lambda: submit_all(pool, rich))

    timed("recheck the full pool, nothing changed", SIZE, lambda: recheck_all(pool))
    included = [
        Included(position, tx.hash, tx.raw, tx.provides)
        for position, tx in zip(range(5_000), pool.ready(), strict=False)
    ]
    block = ImportedBlock(NEXT, included)
    timed("import a block of 5,000", 5_000, lambda: pool.on_block_imported(block, 0.0))
    timed("retract it", 5_000, lambda: pool.on_retracted([block]))
    timed("bring it back", 5_000, lambda: pool.revalidate(5_000, 0.0, BlockRef(101, b"fork")))

    lone = Pool(table)
    chain = [table.transfer(77_777, nonce, 1_000) for nonce in range(SIZE)]
    timed("submit 8,192 of one account", SIZE, lambda: submit_all(lone, chain), "< 50 us")
    who = (77_777).to_bytes(32, "little")
    timed("next nonce after 8,192", 1, lambda: lone.next_nonce(who, 0))
    bids = [table.transfer(77_777, SIZE // 2, 2_000 + bid, salt=bid) for bid in range(1, 1_000)]
    timed("a storm of 999 bids for the middle of it", 999, lambda: submit_all(lone, bids))

    waiting = Pool(table, Limits(future=Limit(SIZE, 1 << 24)))
    rest = chain[:0:-1]
    timed("submit 8,191 that wait", SIZE - 1, lambda: submit_all(waiting, rest))
    timed("set them all free", SIZE - 1, lambda: submit_all(waiting, chain[:1]))
    timed("hash of an extrinsic, for comparison", SIZE, lambda: [blake2_256(raw) for raw in raws])


def take(pool: Pool, count: int) -> None:
    """Take the first `count` ready transactions."""
    walk = pool.ready()
    for _ in range(count):
        next(walk)


def recheck_all(pool: Pool) -> None:
    """Recheck until no transaction is left."""
    while pool.revalidate(500, 0.0, BlockRef(100, b"other")):
        pass


if __name__ == "__main__":
    main()
